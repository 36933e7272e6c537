"""Chapter 01 · reading a clip, first step: which place, which colour, and how much of each pixel the actor covers."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.places import place_picture
from t2v_edu.world.render import RGB

Pixels = NDArray[np.float32]

PLACE_CAP = 40.0  # levels: a pixel further from the place than this belongs to the actor and counts no more than this
COLOR_CAP = 60.0  # levels
SURE_PLACE, SURE_COLOR = 0.15, 0.2  # how much smaller than the second best the best residual has to be, as a share
LOST_PLACE, LOST_COLOR = 26.0, 45.0  # levels: a residual above this is no place (no colour) of ours
PALE = (1.0, 0.75, 0.5)  # saturations at which a colour is looked for
HANDICAP = 20.0  # levels a colour without saturation would be set back
ENOUGH = 256  # pixels to tell a colour by
VISIBLE = 30.0  # levels: the strongest hundredth of the pixels has to differ this much from the place
BLURS = 4  # times that a place may have been smoothed
GRAIN = 8.0  # levels: noise above this is smoothed before anything is read
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


def quiet(video: NDArray[np.uint8]) -> tuple[Pixels, bool]:
    """The clip in float32, smoothed over 3×3 pixels where it flickers as noise does, and whether that was needed."""
    film = video.astype(np.float32)
    step = max(1, len(film) // 4)
    flicker = np.abs(film[1::step, ::2, ::2] - film[:-1:step, ::2, ::2]) if len(film) > 1 else np.zeros(1)
    noise = float(np.median(flicker)) / (0.6745 * np.sqrt(2.0))
    return (smooth(film), True) if noise > GRAIN else (film, False)


def smooth(film: Pixels) -> Pixels:
    """Mean over 3×3 pixels, (..., H, W, 3)."""
    pad = [(0, 0)] * (film.ndim - 3) + [(1, 1), (1, 1), (0, 0)]
    wide = np.pad(film, pad, mode="edge")
    rows = wide[..., :-2, :, :] + wide[..., 1:-1, :, :] + wide[..., 2:, :, :]
    out: Pixels = (rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :]) / np.float32(9.0)
    return out


def find_place(video: NDArray[np.uint8], places: tuple[str, ...]) -> tuple[Choice, Pixels, Pixels]:
    """The place of a clip (T, H, W, 3), the clip's difference to its picture (T, H, W, 3) in levels, and the picture.

    A constant shift of the whole picture is taken out of the difference: a film whose black is a little grey is still on black.
    """
    film, grainy = quiet(video)
    some = film[:: max(1, len(film) // 4)]
    pictures = [place_picture(p, *video.shape[1:3]).astype(np.float32) for p in places]
    if grainy:
        pictures = [smooth(p) for p in pictures]
    cost = [_cost(some - p) for p in pictures]
    choice = choose(list(places), np.asarray(cost) + 0.5, SURE_PLACE, LOST_PLACE)
    picture = _focus(pictures[int(np.argmin(cost))], some)
    film -= picture
    shift = np.median(film[:: max(1, len(film) // 4)].reshape(-1, 3), axis=0)
    if shift.any():
        film -= np.clip(shift, -25.0, 25.0)
    return choice, film, picture


def _focus(picture: Pixels, some: Pixels) -> Pixels:
    """The picture, or as blurred a one as the film (some of its frames) is."""
    if np.ptp(picture, axis=(0, 1)).max() == 0.0:
        return picture
    blurred = [picture]
    for _ in range(BLURS):
        blurred.append(smooth(blurred[-1]))
    blurred.append(np.asarray((picture + blurred[1]) / 2, dtype=np.float32))
    cost = [_cost(some - p) for p in blurred]
    best = int(np.argmin(cost))
    return blurred[best] if cost[best] < 0.8 * cost[0] else picture


def _cost(difference: Pixels) -> float:
    """Mean distance of the pixels to a place in levels, none counting more than PLACE_CAP."""
    far = np.abs(difference)
    return float(np.minimum((far[..., 0] + far[..., 1] + far[..., 2]) / 3.0, PLACE_CAP).mean())


def strongest(difference: Pixels, share: float) -> NDArray[np.intp]:
    """Flat indices of the pixels that differ most from the place: about this share of all, none much weaker than the best."""
    flat = difference.reshape(-1, 3)
    power = np.einsum("nc,nc->n", flat, flat)
    step = max(1, power.size // 8192)
    while gcd(step, difference.shape[2]) > 1:  # a step that meets every column
        step += 1
    few = np.sort(power[::step])
    least = max(few[-max(1, round(few.size * share))], 0.25 * few[-max(1, round(few.size * share / 16))])
    at = np.flatnonzero(power >= least)
    return at[:: max(1, len(at) // ENOUGH)]


def find_color(difference: Pixels, picture: Pixels, colors: tuple[str, ...]) -> tuple[Choice, Pixels]:
    """The colour that best explains the strongest differences as its own mixture with the place, and its RGB as seen.

    A film may have washed the colour out (compression does): paler versions of each are tried too, at a handicap.

    Args:
        difference: (T, H, W, 3), levels above the place.
        picture: (H, W, 3), the place.
    """
    at = strongest(difference, 1 / 64)
    seen = difference.reshape(-1, 3)[at]
    paint = np.asarray([RGB[c] for c in colors], np.float32)
    if np.sqrt((seen**2).sum(-1).mean()) < VISIBLE:
        return Choice(None, 0.0), paint[0]
    under = picture.reshape(-1, 3)[at % (picture.size // 3)]
    pale = np.asarray(PALE, np.float32)[:, None, None]
    paints = paint.mean(-1, keepdims=True) + pale * (paint - paint.mean(-1, keepdims=True))  # (S, C, 3)
    full = paints[:, :, None] - under  # (S, C, N, 3)
    share = np.einsum("scni,ni->scn", full, seen) / np.maximum(np.einsum("scni,scni->scn", full, full), 1.0)
    rest = seen - np.clip(share, 0.0, 1.0)[..., None] * full
    cost = np.minimum(np.einsum("scni,scni->scn", rest, rest), COLOR_CAP**2).mean(-1)
    cost = np.sqrt(cost) + 1.0 + HANDICAP * (1.0 - pale[..., 0])
    best = cost.argmin(0)  # (C,)
    choice = choose(list(colors), cost.min(0), SURE_COLOR, LOST_COLOR)
    winner = int(cost.min(0).argmin())
    return choice, paints[best[winner], winner]


def coverage(difference: Pixels, picture: Pixels, color: Pixels) -> Pixels:
    """How much of each pixel an actor of this RGB covers, (T, H, W), 0 to 1; noise on empty pixels is cut off."""
    full = color - picture
    full /= np.maximum((full * full).sum(-1, keepdims=True), 1.0)
    share = np.einsum("thwc,hwc->thw", difference, full)
    noise = 1.4826 * float(np.median(np.abs(share[:: max(1, len(share) // 4)])))
    share[share < NOISE_GATE * noise] = 0.0
    out: Pixels = np.clip(share, 0.0, 1.0, out=share)
    return out
