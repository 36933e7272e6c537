"""Chapter 02 · one picture becomes a film: templates for a camera and for a cut-out, chosen by words · the systems of rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.vision.warp import AnyFrame, check_frame, grid_of, sample

Floats = NDArray[np.float64]
RIM = 2  # pixels around a cut-out that still have something of its colour
SMOOTHINGS = 40  # rounds, after a hole is filled


@dataclass(frozen=True)
class Pose:
    """Where the moved thing is at one moment: shift as a share of the picture's width and height (y down), size, and clockwise
    turn in radians."""

    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    turn: float = 0.0


@dataclass(frozen=True)
class Template:
    """A movement with a name.

    `words`: phrases that ask for it, English and Chinese. `path`: the time u, 0 to 1, to a pose. `camera`: whether all of the
    picture moves, or only the cut-out. `pivot`: the height about which it turns and grows, 0 at the top of what moves, 1 at its
    feet.
    """

    words: tuple[str, ...]
    path: Callable[[float], Pose]
    camera: bool = False
    pivot: float = 0.5


def _wave(cycles: float, u: float) -> float:
    return float(np.sin(2 * np.pi * cycles * u))


TEMPLATES: dict[str, Template] = {
    "zoom in": Template(("zoom in", "zooms in", "推近"), lambda u: Pose(scale=1 + 0.5 * u), camera=True),
    "zoom out": Template(("zoom out", "zooms out", "拉远"), lambda u: Pose(scale=1.5 - 0.5 * u), camera=True),
    # A camera that pans right sees the picture go left; the picture is enlarged so that its edge stays out of sight.
    "pan right": Template(("pan right", "pans right", "向右摇"), lambda u: Pose(dx=0.12 - 0.24 * u, scale=1.25), camera=True),
    "pan left": Template(("pan left", "pans left", "向左摇"), lambda u: Pose(dx=0.24 * u - 0.12, scale=1.25), camera=True),
    "shake": Template(("shake", "shakes", "抖动"), lambda u: Pose(dx=0.02 * _wave(5, u), dy=0.015 * _wave(7, u), scale=1.06),
                      camera=True),
    "hop": Template(("hop", "hops", "跳"), lambda u: Pose(dy=-0.14 * abs(_wave(1, u)))),
    "sway": Template(("sway", "sways", "摇摆"), lambda u: Pose(turn=0.14 * _wave(1, u)), pivot=1.0),
    "nod": Template(("nod", "nods", "点头"), lambda u: Pose(scale=1 + 0.06 * _wave(2, u)), pivot=1.0),
    "float": Template(("float", "floats", "漂浮"), lambda u: Pose(dx=0.05 * _wave(1, u), dy=-0.08 * (1 - np.cos(2 * np.pi * u)))),
    "turn": Template(("turn", "turns", "旋转"), lambda u: Pose(turn=2 * np.pi * u)),
    "leave right": Template(("leave right", "leaves right", "向右离开"), lambda u: Pose(dx=u)),
    "leave left": Template(("leave left", "leaves left", "向左离开"), lambda u: Pose(dx=-u)),
}


def find_templates(caption: str) -> list[Template]:
    """The templates whose phrases a caption holds, at most one for the camera and one for the cut-out; longer phrases first.

    It skips what it does not know, as systems of keywords do (chapter 01 shows what that costs).

    Raises:
        ValueError: no phrase of any template, or two templates for one thing.
    """
    text = f" {' '.join(caption.lower().replace(',', ' ').replace('.', ' ').split())} "
    found: list[Template] = []
    for template in TEMPLATES.values():
        if any(f" {word} " in text if word.isascii() else word in text for word in template.words):
            found.append(template)
    if not found:
        known = "; ".join(f"{t.words[0]} · {t.words[-1]}" for t in TEMPLATES.values())
        raise ValueError(f"no template fits {caption!r}; there are: {known}")
    for camera in (True, False):
        rivals = [t.words[0] for t in found if t.camera is camera]
        if len(rivals) > 1:
            raise ValueError(f"{caption!r} asks for {' and '.join(rivals)} at once; keep one")
    return found


def animate(picture: AnyFrame, caption: str, frames: int = 16, *, cutout: NDArray[Any] | None = None) -> NDArray[np.uint8]:
    """A film from one picture, by the templates that a caption names.

    Args:
        picture: (H, W, 3) uint8.
        caption: holds a phrase for the camera ("zoom in", "推近"), for the cut-out ("hops", "跳"), or one of each.
        frames: T, at least 2.
        cutout: (H, W), bool or 0 to 1: what moves by itself. Behind it the picture is filled in from around.
    Returns:
        uint8 (T, H, W, 3).
    Raises:
        ValueError: no picture, no template for the caption, a cut-out that is missing, empty or of another size.
    """
    check_frame(picture)
    if picture.ndim != 3 or picture.dtype != np.uint8:
        raise ValueError(f"want a picture of uint8 (H, W, 3), not {picture.dtype} {picture.shape}")
    if frames < 2:
        raise ValueError(f"a film of one picture has at least 2 frames, not {frames}")
    times = np.linspace(0.0, 1.0, frames)
    film = np.repeat(picture[None].astype(np.float32), frames, axis=0)
    for template in sorted(find_templates(caption), key=lambda t: t.camera):  # the camera films what the cut-out does
        if template.camera:
            middle = (picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2
            film = np.stack([_move(f, template.path(u), middle, picture.shape) for f, u in zip(film, times, strict=True)])
        else:
            film = _move_cutout(picture, _checked(cutout, picture, template), template, times)
    return np.rint(film).astype(np.uint8)


def _checked(cutout: NDArray[Any] | None, picture: AnyFrame, template: Template) -> NDArray[np.float32]:
    if cutout is None:
        raise ValueError(f"{template.words[0]!r} moves a part of the picture; say which with cutout=, a mask {picture.shape[:2]}")
    if cutout.shape != picture.shape[:2]:
        raise ValueError(f"a picture of shape {picture.shape} wants a cut-out {picture.shape[:2]}, not {cutout.shape}")
    mask = cutout.astype(np.float32)
    if not mask.any() or mask.min() < 0 or mask.max() > 1:
        raise ValueError(f"a cut-out holds shares from 0 to 1, and some above 0, not {mask.min():g} to {mask.max():g}")
    return mask


def _move_cutout(picture: AnyFrame, mask: NDArray[np.float32], template: Template, times: Floats) -> NDArray[np.float32]:
    """(T, H, W, 3): the cut-out along its path, over the picture without it."""
    rows, columns = np.nonzero(mask > 0.5) if (mask > 0.5).any() else np.nonzero(mask)
    pivot = (1 + float(columns.min() + columns.max()) / 2,
             1 + float(rows.min() + template.pivot * (rows.max() - rows.min())))  # the frame below adds one pixel
    behind = fill(picture.astype(np.float32), _grown(mask > 0, RIM))
    layer = np.concatenate([picture * mask[..., None], mask[..., None]], -1)  # colours times their share: edges stay clean
    framed = np.pad(layer, ((1, 1), (1, 1), (0, 0)))  # beyond the picture there is nothing of the cut-out
    film = []
    for u in times:
        moved = _move(framed, template.path(u), pivot, mask.shape)[1:-1, 1:-1]
        film.append(moved[..., :3] + (1 - moved[..., 3:]) * behind)
    return np.stack(film)


def _move(picture: NDArray[np.float32], pose: Pose, pivot: tuple[float, float], size: tuple[int, ...]) -> NDArray[np.float32]:
    """A picture (H, W, C) shifted by shares of a size (height, width), scaled and turned about a pivot (x, y) in pixels.

    Each pixel asks where it comes from: the way back through the movement.
    """
    x, y = grid_of(picture)
    px, py = pivot
    across, down = (x - px - pose.dx * size[1]) / pose.scale, (y - py - pose.dy * size[0]) / pose.scale
    cos, sin = np.cos(pose.turn), np.sin(pose.turn)
    return sample(picture, px + cos * across + sin * down, py + cos * down - sin * across)


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """The mask and all that lies within `by` pixels of it, along rows and columns."""
    for _ in range(by):
        p = np.pad(mask, 1)
        mask = p[1:-1, 1:-1] | p[:-2, 1:-1] | p[2:, 1:-1] | p[1:-1, :-2] | p[1:-1, 2:]
    return mask


def fill(picture: NDArray[np.float32], hole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The picture (H, W, 3) with a hole (H, W) closed from its rim inwards: each pixel the mean of its known neighbours, and then
    some rounds in which each pixel of the hole becomes the mean of all of its neighbours, so that no streaks stay.

    Raises:
        ValueError: nothing is left outside the hole.
    """
    if hole.all():
        raise ValueError(f"the hole covers all of a picture of shape {picture.shape}; nothing is left to fill it from")
    height, width = hole.shape
    known = np.pad(~hole, 1).astype(np.float32)
    values = np.pad(picture * ~hole[..., None], ((1, 1), (1, 1), (0, 0))).astype(np.float32)
    shifts = [(slice(j, j + height), slice(i, i + width)) for j in range(3) for i in range(3) if (i, j) != (1, 1)]
    inner = (slice(1, 1 + height), slice(1, 1 + width))
    while not known[inner].all():
        count = sum(known[s] for s in shifts)
        rim = (known[inner] == 0) & (count > 0)
        mean = sum(values[s] for s in shifts) / np.maximum(count, 1)[..., None]
        values[inner][rim] = mean[rim]
        known[inner][rim] = 1
    rounds = SMOOTHINGS if min(height, width) > 1 else 0
    for _ in range(rounds):
        edged = np.pad(values[inner], ((1, 1), (1, 1), (0, 0)), mode="edge")
        values[inner][hole] = np.mean([edged[s] for s in shifts], axis=0)[hole]
    return values[inner]
