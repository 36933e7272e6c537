"""Chapter 01 · puppets onto frames: each pose drawn once into a table, then looked up at any place and size."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from . import raster
from .puppets import FEET, POSES, PUPPETS, Shape, pose_of, shapes

__all__ = ["FEET", "POSES", "PUPPETS", "draw_puppet", "paint_puppet", "pose_of"]

PHASES = 16  # drawings a gait cycle; between them the nearest is shown, as in drawn animation
_REACH = 1.1  # a table shows [-_REACH, _REACH]²: the sprite and its outline
_LEVELS = (12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384)  # table widths; the next above the sprite's own size is used

Table = tuple[NDArray[np.complex128], NDArray[np.float32]]


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
    centres = (np.arange(n) + 0.5) * pixel - _REACH
    field = np.zeros((n, n, 5), np.float32)
    for shape in shapes(kind, pose, gait):
        _over(field, shape, centres, pixel)
    return field.reshape(size, fine, size, fine, 5).mean(axis=(1, 3))


def _over(field: NDArray[np.float32], shape: Shape, centres: NDArray[np.float64], pixel: float) -> None:
    left, top, right, bottom = shape.box()
    columns = slice(*np.searchsorted(centres, (left - pixel, right + pixel)))
    rows = slice(*np.searchsorted(centres, (top - pixel, bottom + pixel)))
    alpha = raster.coverage(shape.distance(centres[None, columns], centres[rows, None]), pixel).astype(np.float32)[..., None]
    m, r, g, b = shape.paint
    patch = field[rows, columns]
    patch += alpha * (np.array([r, g, b, m, 1], np.float32) - patch)


@lru_cache(maxsize=128)
def _table(kind: str, pose: str, size: int) -> Table:
    """All phases of a pose, with a transparent rim: (rgb and alpha as one 16-byte item, weight), each (PHASES·(size+2)²,).

    Four float32 in one item make the look-up a single copy per pixel.
    """
    fields = np.zeros((PHASES, size + 2, size + 2, 5), np.float32)
    for phase in range(PHASES):
        fields[phase, 1:-1, 1:-1] = draw_puppet(kind, pose, phase / PHASES, size)
    own = np.ascontiguousarray(fields[..., [0, 1, 2, 4]]).view(np.complex128).ravel()
    return own, np.ascontiguousarray(fields[..., 3]).ravel()


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
        kind, pose: a puppet and one of its `POSES` (see `pose_of` for actions that have none).
        gait: (T,) phases; "jumps" is on the ground at 0 and highest at 0.5.
        color_rgb: the actor's colour, sRGB.
        x, y, radius: (T,) centre and half the larger extent in pixels, y down, pixel i covers [i, i+1).
            The feet are at y + FEET[kind]·radius.
        flip: mirrored, so that it faces left.
    Raises:
        ValueError: no such puppet or pose.
    """
    if pose not in POSES.get(kind, ()):
        pose_of(kind, pose)
        raise ValueError(f"a {kind} has no pose {pose!r}; choose one of: {', '.join(POSES[kind])}")
    sizes = np.searchsorted(_LEVELS, np.minimum(2 * _REACH * radius, _LEVELS[-1]))
    if len(sizes) and (sizes[0] == sizes).all():
        _paint(canvas, _table(kind, pose, _LEVELS[sizes[0]]), _LEVELS[sizes[0]], gait, color_rgb, x, y, radius, flip)
        return
    for level in np.unique(sizes):  # a sprite that grows climbs through several tables
        now = sizes == level
        part = canvas[now]
        _paint(part, _table(kind, pose, _LEVELS[level]), _LEVELS[level], gait[now], color_rgb, x[now], y[now], radius[now], flip)
        canvas[now] = part


def _paint(canvas: NDArray[np.float32], table: Table, size: int, gait: NDArray[np.float64], color: tuple[int, int, int],
           x: NDArray[np.float64], y: NDArray[np.float64], radius: NDArray[np.float64], flip: bool) -> None:
    reach = _REACH * radius
    rows, row, down = _lookup(y, reach, canvas.shape[1], size, False)
    columns, column, across = _lookup(x, reach, canvas.shape[2], size, flip)
    wide = size + 2
    phase = np.rint(gait * PHASES).astype(np.intp) % PHASES
    corner = ((phase[:, None] * wide + row) * wide)[:, :, None] + column[:, None, :]   # (T, h, w)
    down, across = down[:, :, None], across[:, None, :]
    own, weight = table
    near, far = 1 - across, across
    mixed = np.zeros((*corner.shape, 4), np.float32)
    main = np.zeros(corner.shape, np.float32)
    for step, share in ((0, (1 - down) * near), (1, (1 - down) * far), (wide, down * near), (wide + 1, down * far)):
        at = corner + step
        mixed += own.take(at)[..., None].view(np.float32) * share[..., None]
        main += weight.take(at) * share
    patch = canvas[:, rows, columns]
    patch *= 1 - mixed[..., 3:]
    patch += mixed[..., :3]
    patch += main[..., None] * np.asarray(color, np.float32)


def _lookup(centre: NDArray[np.float64], reach: NDArray[np.float64], length: int, size: int,
            flip: bool) -> tuple[slice, NDArray[np.intp], NDArray[np.float32]]:
    """Along one axis: the pixels any frame touches, for each frame (T, n) their lower table index, and how far past it."""
    start = max(0, int(np.floor((centre - reach).min())) - 1)
    stop = max(start, min(length, int(np.ceil((centre + reach).max())) + 1))
    place = (np.arange(start, stop) + 0.5 - centre[:, None]) / reach[:, None]  # (T, n), the table is [-1, 1]
    at = np.clip(((-place if flip else place) + 1) * (size / 2) + 0.5, 0, size + 0.999)
    index = at.astype(np.intp)
    return slice(start, stop), index, (at - index).astype(np.float32)
