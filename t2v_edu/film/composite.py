"""Chapter 16 · compositing: an actor cut out, laid over another place, held to it as it moves · Porter & Duff 1984."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.film.arrange import Film, check_film
from t2v_edu.film.light import to_linear, to_srgb
from t2v_edu.world.motion import Take, sample_take
from t2v_edu.world.places import place_picture
from t2v_edu.world.render import render
from t2v_edu.world.scene import CAST, CLASHES, Scene

Alpha = NDArray[np.float32]  # (T, H, W), 0 to 1
Picture = NDArray[np.uint8]  # (H, W, 3)
Track = NDArray[np.float64]  # (T, 2, 3): where a point (x, y, 1) of frame 0 is in frame t

_SAME = 4.0  # levels: places that differ less than this tell nothing of alpha


@dataclass(frozen=True)
class Cutout:
    """An actor without its place.

    Attributes:
        color: (T, H, W, 3) uint8, the actor's own colour, not yet multiplied by alpha; anything where alpha is 0.
        alpha: (T, H, W) float, how much of each pixel the actor covers, 0 to 1.
    Raises:
        ValueError: no film, or an alpha of another shape, type or range.
    """

    color: Film
    alpha: Alpha

    def __post_init__(self) -> None:
        check_film(self.color)
        alpha = self.alpha
        if not np.issubdtype(alpha.dtype, np.floating) or alpha.shape != self.color.shape[:3]:
            raise ValueError(f"a film {self.color.shape} wants an alpha of floats {self.color.shape[:3]}, not {alpha.dtype} "
                             f"{alpha.shape}")
        if not (np.isfinite(alpha).all() and alpha.min() >= 0 and alpha.max() <= 1):
            raise ValueError(f"alpha is a share, 0 to 1, not {alpha.min()} to {alpha.max()}")


# --- Over -------------------------------------------------------------------------------------------------------------


def over(front: Cutout, background: Film | Picture, *, opacity: float = 1.0, linear: bool = False) -> Film:
    """The actor over another place: αF + (1 − α)B at every pixel.

    Args:
        front: T frames.
        background: (T, H, W, 3) uint8, T or more frames of which the first are taken; or one picture (H, W, 3).
        opacity: multiplies alpha, 0 to 1.
        linear: mix light instead of the codes that stand for it: right for thin and blurred edges, as a lens mixes them.
    Returns:
        (T, H, W, 3) uint8.
    Raises:
        ValueError: a background that is too short or of another size, an opacity out of range.
    Source: Porter & Duff 1984, the operator "over".
    """
    back = as_film(background, len(front.color))
    if back.shape[1:3] != front.color.shape[1:3]:
        raise ValueError(f"the actor is {front.color.shape[1:3]} pixels (height, width) and the background {back.shape[1:3]}; "
                         "bring one to the other's size: resample.fit, or composite")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity {opacity} is out of range; choose 0 to 1")
    made = np.empty_like(front.color)
    for t, (f, alpha, b) in enumerate(zip(front.color, front.alpha, back, strict=False)):
        a = np.float32(opacity) * alpha[..., None].astype(np.float32)
        if linear:
            made[t] = to_srgb(a * to_linear(f) + (1 - a) * to_linear(b))
        else:
            made[t] = np.rint(a * f + (1 - a) * b)
    return made


def as_film(background: Film | Picture, frames: int) -> Film:
    """`frames` frames of a background: the first of a film, or a picture again and again.

    Raises:
        ValueError: no film or picture, or one that is too short.
    """
    film = background[None] if isinstance(background, np.ndarray) and background.ndim == 3 else background
    check_film(film)
    if len(film) == 1:
        return np.broadcast_to(film, (frames, *film.shape[1:]))
    if len(film) < frames:
        raise ValueError(f"the background has {len(film)} frames and the shot {frames}: take a longer clip or a shorter shot")
    return film[:frames]


def composite(front: Cutout, background: Film | Picture, *, at: tuple[float, float] = (0.5, 0.5), size: float = 1.0,
              track: Track | None = None, opacity: float = 1.0, linear: bool = False) -> Film:
    """The actor over a background of any size, at a place of it, and held to that place where the camera moves.

    Args:
        front: T frames of (h, w).
        background: (T, H, W, 3) uint8 or a picture (H, W, 3).
        at: where the middle of the cut-out goes, as shares of width and height.
        size: height of the cut-out as a share of the background's.
        track: the camera's motion, from `follow(background)`; None leaves the actor where it is on the screen.
        opacity, linear: as in `over`.
    Returns:
        (T, H, W, 3) uint8.
    Raises:
        ValueError: as `over`; a size that is not above 0; a track that is too short.
    """
    import cv2

    frames, h, w = front.alpha.shape
    back = as_film(background, frames)
    height, width = back.shape[1:3]
    if not 0 < size <= 8:
        raise ValueError(f"size {size} is out of range; choose a share of the background's height above 0, at most 8")
    if track is not None and (track.ndim != 3 or track.shape[1:] != (2, 3) or len(track) < frames):
        raise ValueError(f"{frames} frames want a track ({frames}, 2, 3), not {track.shape}; follow(background) makes one")
    scale = size * height / h
    left, top = (share * side - 0.5 - scale * (n - 1) / 2 for share, side, n in ((at[0], width, w), (at[1], height, h)))
    laid = np.array([[scale, 0, left], [0, scale, top]])
    color, alpha = np.empty((frames, height, width, 3), np.uint8), np.empty((frames, height, width), np.float32)
    for t in range(frames):
        a = front.alpha[t, ..., None].astype(np.float32)
        weighed = np.concatenate([a * front.color[t], a], axis=-1)  # what lies beside the actor must not bleed in
        if scale < 1:  # several pixels become one: blurred first, or stripes would make patterns that nobody drew
            weighed = cv2.GaussianBlur(weighed, (0, 0), 0.6 * np.sqrt(1 / scale**2 - 1))
        matrix = laid if track is None else chain(track[t], laid)
        moved = cv2.warpAffine(weighed, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0, 0))
        alpha[t] = np.clip(moved[..., 3], 0, 1)
        color[t] = np.clip(np.rint(moved[..., :3] / np.maximum(moved[..., 3:], 1e-6)), 0, 255)
    return over(Cutout(color, alpha), back, opacity=opacity, linear=linear)


def chain(outer: NDArray[Any], inner: NDArray[Any]) -> NDArray[np.float64]:
    """One affine map (2, 3) after another: first `inner`, then `outer`."""
    made: NDArray[np.float64] = outer[:, :2] @ inner
    made[:, 2] += outer[:, 2]
    return made


# --- Cutting out ------------------------------------------------------------------------------------------------------


def clean_plate(film: Film, *, plain: bool = False) -> Picture:
    """The place without the actor, guessed from the film alone: (H, W, 3) uint8.

    Args:
        film: (T, H, W, 3) uint8; place and camera stand still.
        plain: the place is of one colour: that of the film's rim. Otherwise each pixel takes its median over time, which is the
            place wherever the actor covers it less than half of the time.
    """
    check_film(film)
    if not plain:
        return np.asarray(np.median(film, axis=0), np.uint8)
    rim = np.concatenate([film[:, [0, -1]].reshape(-1, 3), film[:, :, [0, -1]].reshape(-1, 3)])
    return np.broadcast_to(np.median(rim, axis=0).astype(np.uint8), film.shape[1:]).copy()


def key(film: Film, plate: Picture, *, near: float = 12.0, far: float = 60.0,
        color: Sequence[float] | None = None) -> Cutout:
    """Cut out what differs from a known place.

    A pixel is I = αF + (1 − α)B, and only I and B are known: one equation for alpha and colour together. So something has to be
    assumed. With `color`, F is known, and α is how far I has gone from B to F. Without, α rises from 0 to 1 with the distance
    from B, and F is what then remains.

    Args:
        film: (T, H, W, 3) uint8.
        plate: the place without the actor, (H, W, 3) uint8; see `clean_plate`.
        near, far: distances in levels (Euclidean, 0 to 442): up to `near` a pixel is the place, from `far` on the actor.
        color: the actor's one colour, RGB 0 to 255, if it has one.
    Raises:
        ValueError: a plate of another shape, near not below far, a colour that is no colour.
    """
    check_film(film)
    if plate.dtype != np.uint8 or plate.shape != film.shape[1:]:
        raise ValueError(f"a film {film.shape} wants a plate of uint8 {film.shape[1:]}, not {plate.dtype} {plate.shape}")
    if not 0 <= near < far:
        raise ValueError(f"near must be 0 or more and below far, not {near} and {far}")
    b = plate.astype(np.float32)
    off = film.astype(np.float32) - b  # (T, H, W, 3)
    if color is not None:
        paint = np.asarray(color, np.float32)
        if paint.shape != (3,) or paint.min() < 0 or paint.max() > 255:
            raise ValueError(f"a colour is red, green, blue from 0 to 255, not {color!r}")
        way = paint - b
        alpha = np.clip((off * way).sum(-1) / np.maximum((way * way).sum(-1), 1.0), 0, 1)
        alpha[np.sqrt((off * off).sum(-1)) <= near] = 0
        return Cutout(np.broadcast_to(paint.astype(np.uint8), film.shape).copy(), alpha.astype(np.float32))
    alpha = np.clip((np.sqrt((off * off).sum(-1)) - near) / (far - near), 0, 1).astype(np.float32)
    own = b + off / np.maximum(alpha, 1 / 255)[..., None]
    return Cutout(np.clip(np.rint(own), 0, 255).astype(np.uint8), alpha)


def actor_color(film: Film, plate: Picture) -> tuple[int, int, int]:
    """The colour of a one-coloured actor: the median of the pixels that are furthest from the place, RGB."""
    check_film(film)
    far = np.linalg.norm(film.astype(np.float32) - plate, axis=-1)
    chosen = film[far >= 0.9 * np.percentile(far, 99.5)]
    red, green, blue = (int(v) for v in np.median(chosen, axis=0))
    return red, green, blue


def triangulate(films: Sequence[Film], plates: Sequence[Picture]) -> Cutout:
    """Cut out, exactly, an actor that was filmed in the same way before several known places.

    For place n, I_n = C + (1 − α) B_n, with C = αF the same in all: a straight line, whose slope 1 − α and intercept C least
    squares find at every pixel.

    Args:
        films: two or more, each (T, H, W, 3) uint8.
        plates: the place of each without the actor, (H, W, 3) uint8.
    Raises:
        ValueError: fewer than two, not as many plates as films, or shapes that differ.
    Source: Smith & Blinn 1996, "Blue Screen Matting", theorem 4.
    """
    if len(films) < 2 or len(films) != len(plates):
        raise ValueError(f"want two films or more and a plate for each, not {len(films)} and {len(plates)}")
    shapes = {film.shape for film in films} | {(len(films[0]), *plate.shape) for plate in plates}
    if len(shapes) > 1:
        raise ValueError(f"films and plates must be of one length and size, not {sorted(shapes)}")
    b = np.stack(plates).astype(np.float32)[:, None]  # (N, 1, H, W, 3)
    i = np.stack(films).astype(np.float32)  # (N, T, H, W, 3)
    b_mean, i_mean = b.mean(0), i.mean(0)
    spread = ((b - b_mean) ** 2).sum((0, -1))  # (1, H, W)
    slope = ((i - i_mean) * (b - b_mean)).sum((0, -1)) / np.maximum(spread, 1.0)
    touched = (np.abs(i - b) > _SAME).any((0, -1))  # the second best answer, where all places look alike
    alpha = np.where(spread > _SAME**2, np.clip(1 - slope, 0, 1), touched).astype(np.float32)
    alpha[alpha < 1 / 255] = 0
    c = i_mean - (1 - alpha[..., None]) * b_mean
    return Cutout(np.clip(np.rint(c / np.maximum(alpha, 1 / 255)[..., None]), 0, 255).astype(np.uint8), alpha)


def cut_out(scene: Scene, frames: int = 16, height: int = 64, width: int = 64, rng: np.random.Generator | None = None, *,
            takes: tuple[Take, ...] | None = None) -> Cutout:
    """The actors of a scene without their place, by filming them before every place that they can be seen in.

    Args as `t2v_edu.world.render.render`; the same arguments show the same actors.
    """
    if takes is None:
        takes = tuple(Take() if rng is None else sample_take(rng) for _ in scene.actors)
    suits = set.intersection(*(set(CAST[a.kind].places) for a in scene.actors))
    places = sorted(p for p in suits if not any((a.color, p) in CLASHES for a in scene.actors))
    films = [render(replace(scene, place=place), frames, height, width, takes=takes) for place in places]
    plates = [(place_picture(place, height, width) + np.float32(0.5)).astype(np.uint8) for place in places]
    return triangulate(films, plates)
