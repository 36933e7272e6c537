"""Chapter 01 · reading a clip, first step: which place, which colour, and how much of each pixel the actor covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.places import place_picture
from t2v_edu.world.render import RGB

Pixels = NDArray[np.float32]

PLACE_CAP = 40.0  # levels: a pixel further from the place than this belongs to the actor and counts no more than this
COLOR_CAP = 60.0  # levels
SURE_PLACE, SURE_COLOR = 0.15, 0.2  # how much smaller than the second best the best residual has to be, as a share
LOST_PLACE, LOST_COLOR = 26.0, 45.0  # levels: a residual above this is no place (no colour) of ours
VISIBLE = 30.0  # levels: the strongest hundredth of the pixels has to differ this much from the place
NOISE_GATE = 3.0  # coverage below so many standard deviations of the empty pixels' coverage counts as none


@dataclass(frozen=True)
class Choice:
    """One of several hypotheses: its name, or None where the reader abstains, and 0..1 how clearly it beat the second."""

    name: str | None
    confidence: float


@dataclass(frozen=True)
class Cell:
    """A rectangle of the frame in pixels, that one actor lives in; it need not lie on whole pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def short(self) -> float:
        """Length of the shorter side: what radii are shares of."""
        return min(self.width, self.height)


def margin(best: float, second: float) -> float:
    """0 where two residuals are equal, towards 1 the smaller the first is."""
    return float(np.clip(1.0 - best / second, 0.0, 1.0)) if second > 0 else 0.0


def choose(names: list[str], residuals: NDArray[np.floating], sure: float, lost: float) -> Choice:
    """The hypothesis of the smallest residual, or an abstention where it is not clearly the smallest or not small."""
    order = np.argsort(residuals)
    best = float(residuals[order[0]])
    confidence = margin(best, float(residuals[order[1]])) if len(names) > 1 else 1.0
    return Choice(names[order[0]] if confidence >= sure and best <= lost else None, confidence)


def find_place(video: NDArray[np.uint8], places: tuple[str, ...]) -> tuple[Choice, Pixels]:
    """The place of a clip (T, H, W, 3), and the clip's difference to its picture, (T, H, W, 3) in levels.

    A constant shift of the whole picture is taken out of the difference: a film whose black is a little grey is still on black.
    """
    frames, height, width = video.shape[:3]
    some = video[:: max(1, frames // 4)].astype(np.float32)
    pictures = [place_picture(p, height, width).astype(np.float32) for p in places]
    cost = [float(np.minimum(np.abs(some - p).mean(-1), PLACE_CAP).mean()) for p in pictures]
    choice = choose(list(places), np.asarray(cost) + 0.5, SURE_PLACE, LOST_PLACE)
    picture = pictures[int(np.argmin(cost))]
    difference = video.astype(np.float32) - picture
    shift = np.median(difference[:: max(1, frames // 4)].reshape(-1, 3), axis=0)
    difference -= np.clip(shift, -25.0, 25.0).astype(np.float32)
    return choice, difference


def strongest(difference: Pixels, count: int) -> NDArray[np.intp]:
    """Flat indices of the pixels that differ most from the place."""
    power = np.einsum("...c,...c->...", difference, difference).ravel()
    return np.argpartition(power, power.size - count)[power.size - count :]


def find_color(difference: Pixels, picture: Pixels, colors: tuple[str, ...]) -> Choice:
    """The colour that best explains the strongest differences as its own mixture with the place.

    Args:
        difference: (T, H, W, 3), levels above the place.
        picture: (H, W, 3), the place.
    """
    frames = difference.shape[0]
    at = strongest(difference, max(16, difference.size // 3 // 64))
    seen = difference.reshape(-1, 3)[at]
    if np.sqrt((seen**2).sum(-1).mean()) < VISIBLE:
        return Choice(None, 0.0)
    under = picture.reshape(-1, 3)[at % (difference.size // 3 // frames)]
    full = np.asarray([RGB[c] for c in colors], np.float32)[:, None] - under  # (C, N, 3)
    share = np.clip((full * seen).sum(-1) / (full * full).sum(-1), 0.0, 1.0)[..., None]
    rest = np.minimum(((seen - share * full) ** 2).sum(-1), COLOR_CAP**2).mean(-1)
    return choose(list(colors), np.sqrt(rest) + 1.0, SURE_COLOR, LOST_COLOR)


def coverage(difference: Pixels, picture: Pixels, color: str) -> Pixels:
    """How much of each pixel an actor of this colour covers, (T, H, W), 0 to 1; noise on empty pixels is cut off."""
    full = np.asarray(RGB[color], np.float32) - picture
    full /= np.maximum((full * full).sum(-1, keepdims=True), 1.0)
    share = np.einsum("thwc,hwc->thw", difference, full)
    noise = 1.4826 * float(np.median(np.abs(share[:: max(1, len(share) // 4)])))
    share[share < NOISE_GATE * noise] = 0.0
    return np.clip(share, 0.0, 1.0, out=share)
