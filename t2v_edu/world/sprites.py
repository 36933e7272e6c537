"""Chapter 01 · puppets onto frames: each pose drawn once into a table, then looked up at any place and size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world import raster
from t2v_edu.world.puppets import FEET, POSES, PUPPETS, Shape, pose_of, shapes

__all__ = ["FEET", "POSES", "PUPPETS", "draw_puppet", "paint_puppet", "pose_of"]

PHASES = 16  # drawings a gait cycle; between them the nearest is shown, as in drawn animation
_REACH = 1.1  # a table shows [-_REACH, _REACH]²: the sprite and its outline
_LEVELS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384)  # widths in pixels of sprites that a table is made for
_FINE_UP_TO, _FINE = 48, 96  # up to this width a table has several texels a pixel, at least this many in all


def draw_puppet(kind: str, pose: str, gait: float, size: int) -> NDArray[np.float32]:
    """One drawing of a puppet, seen from the side, facing right.

    Args:
        kind, pose: as in `POSES`.
        gait: phase of its cycle.
        size: width and height in pixels of the picture, which shows sprite coordinates [-1.1, 1.1]².
    Returns:
        (size, size, 5), premultiplied: red, green, blue of what has a colour of its own (0..255), then the weight of
        the actor's colour, then alpha. A pixel's colour over a background is rgb + weight·colour + (1 − alpha)·background.
    """
    fine = max(2, -(-96 // size))
    n = size * fine
    pixel = 2 * _REACH / n
    centres: NDArray[np.float64] = (np.arange(n, dtype=np.float64) + 0.5) * pixel - _REACH
    field = np.zeros((5, n, n), np.float32)  # plane by plane: NumPy is slow along an axis of five
    for shape in shapes(kind, pose, gait):
        _over(field, shape, centres, pixel)
    thin = field[:, ::fine, ::fine].copy()
    for i, j in list(np.ndindex(fine, fine))[1:]:
        thin += field[:, i::fine, j::fine]
    return np.moveaxis(thin / np.float32(fine**2), 0, -1)


def _over(field: NDArray[np.float32], shape: Shape, centres: NDArray[np.float64], pixel: float) -> None:
    left, top, right, bottom = shape.box()
    columns = slice(*np.searchsorted(centres, (left - pixel, right + pixel)))
    rows = slice(*np.searchsorted(centres, (top - pixel, bottom + pixel)))
    alpha = raster.coverage(shape.distance(centres[None, columns], centres[rows, None]), pixel).astype(np.float32)
    m, r, g, b = shape.paint
    for plane, paint in zip(field[:, rows, columns], (r, g, b, m, 1.0), strict=True):
        plane += alpha * (np.float32(paint) - plane)


@dataclass(frozen=True)
class _Table:
    """All phases of a pose at one size, 0..255, with a transparent rim: each (PHASES·wide²,) in reading order.

    `own` packs red, green, blue, alpha into one uint32, so that a look-up copies them together; `main` is the weight of
    the actor's colour. `blend`: whether to look between four neighbours; a small table is so fine that the nearest will do.
    """

    own: NDArray[np.uint32]
    main: NDArray[np.uint8]
    size: int
    blend: bool


@lru_cache(maxsize=128)
def _table(kind: str, pose: str, level: int) -> _Table:
    """The table for sprites up to _LEVELS[level] pixels wide."""
    width = _LEVELS[level]
    finer = 1 if width > _FINE_UP_TO else -(-_FINE // width) | 1  # odd: a pixel's middle is a texel's middle
    size = width * finer
    packed = np.zeros((PHASES, size + 2, size + 2, 5), np.uint8)
    for phase in range(PHASES):
        drawing = _spread(draw_puppet(kind, pose, phase / PHASES, size), finer)
        packed[phase, 1:-1, 1:-1] = np.rint(drawing * np.array([1, 1, 1, 255, 255], np.float32))
    own = np.ascontiguousarray(packed[..., [0, 1, 2, 4]]).view(np.uint32).ravel()
    return _Table(own, np.ascontiguousarray(packed[..., 3]).ravel(), size, finer == 1)


def _spread(drawing: NDArray[np.float32], texels: int) -> NDArray[np.float32]:
    """Each texel the mean over one pixel (`texels` wide) around it: what a pixel centred there would see."""
    half, n = texels // 2, len(drawing)
    rim = np.pad(drawing, ((half, half), (half, half), (0, 0)))
    out = np.zeros_like(drawing)
    down = rim[:n].copy()
    for i in range(1, texels):
        down += rim[i : i + n]
    for i in range(texels):
        out += down[:, i : i + n]
    return out / np.float32(texels**2)


def paint_puppet(
    canvas: NDArray[np.float32],
    kind: str,
    pose: str,
    gait: NDArray[np.float64],
    color_rgb: tuple[int, int, int],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    radius: NDArray[np.float64],
    flip: bool = False,
) -> None:
    """Paints a puppet over every frame of a film, in place, anti-aliased, cut off at the frame's edges.

    Args:
        canvas: (T, H, W, 3), 0..255, painted over.
        kind, pose: a puppet and what it does, an action of the grammar; one it has no pose for, it does standing.
        gait: (T,) phases; "jumps" is on the ground at 0 and highest at 0.5.
        color_rgb: the actor's colour, sRGB.
        x, y, radius: (T,) centre and half the larger extent in pixels, y down, pixel i covers [i, i+1).
            The feet are at y + FEET[kind]·radius.
        flip: mirrored, so that it faces left.
    Raises:
        ValueError: no such puppet or action.
    """
    pose = pose_of(kind, pose)
    levels = np.searchsorted(_LEVELS, np.minimum(2 * _REACH * radius, _LEVELS[-1]))
    if len(levels) and (levels[0] == levels).all():
        _paint(canvas, _table(kind, pose, int(levels[0])), gait, color_rgb, x, y, radius, flip)
        return
    for level in np.unique(levels):  # a sprite that grows climbs through several tables
        now = levels == level
        part = canvas[now]
        _paint(part, _table(kind, pose, int(level)), gait[now], color_rgb, x[now], y[now], radius[now], flip)
        canvas[now] = part


def _paint(canvas: NDArray[np.float32], table: _Table, gait: NDArray[np.float64], color: tuple[int, int, int],
           x: NDArray[np.float64], y: NDArray[np.float64], radius: NDArray[np.float64], flip: bool) -> None:
    reach = _REACH * radius
    rows, down = _lookup(y, reach, canvas.shape[1], table.size, False)
    columns, across = _lookup(x, reach, canvas.shape[2], table.size, flip)
    wide = table.size + 2
    page = (np.rint(gait * PHASES).astype(np.intp) % PHASES * wide**2)[:, None]
    if table.blend:
        row, column = down.astype(np.intp), across.astype(np.intp)
        fy, fx = (down - row).astype(np.float32)[:, :, None], (across - column).astype(np.float32)[:, None, :]
        shares = [(0, (1 - fy) * (1 - fx)), (1, (1 - fy) * fx), (wide, fy * (1 - fx)), (wide + 1, fy * fx)]
    else:
        row, column = (np.rint(at + 1e-6).astype(np.intp) for at in (down, across))  # ties go one way whatever the last bit
        shares = [(0, np.ones((1, 1, 1), np.float32))]
    corner = (page + row * wide)[:, :, None] + column[:, None, :]                         # (T, h, w)
    taps = [(table.own.take(corner + step).view(np.uint8).reshape(*corner.shape, 4), table.main.take(corner + step), share)
            for step, share in shares]
    through = 1 - sum(own[..., 3] * share for own, _, share in taps) * np.float32(1 / 255)
    main = sum(weight * share for _, weight, share in taps) * np.float32(1 / 255)
    for channel in range(3):  # plane by plane: NumPy is slow along an axis of three
        plane = canvas[:, rows, columns, channel]
        mixed = plane * through
        mixed += main * np.float32(color[channel])
        for own, _, share in taps:
            mixed += own[..., channel] * share
        plane[...] = mixed


def _lookup(centre: NDArray[np.float64], reach: NDArray[np.float64], length: int, size: int,
            flip: bool) -> tuple[slice, NDArray[np.float64]]:
    """Along one axis: the pixels that any frame touches, and for each frame (T, n) where in the table they look."""
    start = max(0, int(np.floor((centre - reach).min())) - 1)
    stop = max(start, min(length, int(np.ceil((centre + reach).max())) + 1))
    place = (np.arange(start, stop) + 0.5 - centre[:, None]) / reach[:, None]  # (T, n), the table is [-1, 1]
    return slice(start, stop), np.clip(((-place if flip else place) + 1) * (size / 2) + 0.5, 0, size + 0.999)
