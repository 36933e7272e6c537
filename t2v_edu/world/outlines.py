"""Chapter 01 · shapes and digits as signed distance fields: positive inside, in radii · Green 2007, SIGGRAPH courses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.paths import DATA
from t2v_edu.world.scene import DIGITS

Floats = NDArray[np.float64]

REACH = 1.3  # a field covers [-REACH, REACH]² in radii
GRID = 65  # samples a side
BLUR, LEVEL = 0.15, 0.4  # of a scan, before its outline is traced: in radii, and as a share of full ink


def polygon(kind: str) -> Floats:
    """Corners (N, 2) of a shape in radii, x right, y down."""
    if kind == "circle":
        return _polar(np.arange(64) * (2 * np.pi / 64), np.ones(64))
    if kind == "square":
        return 0.85 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    if kind == "triangle":
        return _polar(-np.pi / 2 + np.arange(3) * (2 * np.pi / 3), np.full(3, 1.15))
    if kind == "star":
        return _polar(-np.pi / 2 + np.arange(10) * (np.pi / 5), np.where(np.arange(10) % 2 == 0, 1.15, 0.46))
    if kind == "cross":
        a, b = 0.34, 1.0
        return np.array(
            [[-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a], [-b, -a], [-a, -a]]
        )
    if kind == "heart":
        t = np.arange(64) * (2 * np.pi / 64)
        x = 16 * np.sin(t) ** 3
        y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) - 2.5
        return np.stack([x, y], axis=-1) / 15.5
    raise ValueError(f"no outline for {kind!r}")


def polygon_distance(points: Floats, corners: Floats) -> Floats:
    """Signed distance of points (..., 2) to a polygon (N, 2): positive inside.

    Source: the even-odd rule and the distance to each edge, taken together as in Quilez, "2D distance functions".
    """
    inside = np.zeros(points.shape[:-1], dtype=bool)
    nearest = np.full(points.shape[:-1], np.inf)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge, to = b - a, points - a
        along = np.clip((to @ edge) / (edge @ edge), 0.0, 1.0)
        nearest = np.minimum(nearest, ((to - along[..., None] * edge) ** 2).sum(-1))
        crosses = (points[..., 1] >= a[1]) != (points[..., 1] >= b[1])
        side = edge[0] * to[..., 1] - edge[1] * to[..., 0]
        inside ^= crosses & ((side > 0) == (b[1] > a[1]))
    distance: Floats = np.where(inside, 1.0, -1.0) * np.sqrt(nearest)
    return distance


@lru_cache(maxsize=1)
def hands() -> NDArray[np.uint8]:
    """Handwritten digits (10, hands, 8, 8), 0 to 16, from scikit-learn's scans (`data/digits/make.py`)."""
    scans: NDArray[np.uint8] = np.load(DATA / "digits" / "hands.npy", allow_pickle=False)
    return scans


def field(kind: str, hand: int = 0) -> NDArray[np.float32]:
    """(GRID, GRID) signed distance in radii, positive inside; row is y, column is x. Read-only, cached.

    Args:
        hand: which handwriting, for digits only; taken modulo the number there is.
    """
    return _field(kind, hand % hands().shape[1] if kind in DIGITS else 0)


@lru_cache(maxsize=256)
def _field(kind: str, hand: int) -> NDArray[np.float32]:
    table = _digit_field(int(kind), hand) if kind in DIGITS else polygon_distance(_grid(), polygon(kind))
    out = table.astype(np.float32)
    out.setflags(write=False)
    return out


def _digit_field(digit: int, hand: int) -> Floats:
    """A scan, blurred into a smooth picture, its outline traced, and the distance to that line."""
    scan = hands()[digit, hand] / 16.0
    fine = np.linspace(-REACH, REACH, GRID)
    centres = (np.arange(8) - 3.5) / 4.0 * 1.05  # the 8 pixels span about [-1, 1]
    weight = np.exp(-0.5 * ((fine[:, None] - centres) / BLUR) ** 2)
    weight /= np.exp(-0.5 * ((0.0 - centres) / BLUR) ** 2).sum()
    level = weight @ scan @ weight.T - LEVEL
    line = _crossings(level, fine)
    across, down = (fine[:, None] - line[:, 0]) ** 2, (fine[:, None] - line[:, 1]) ** 2  # (GRID, N), squared, from every point
    nearest = (down[:, None] + across).min(-1)  # (GRID, GRID): a grid's distances are sums, not differences in two dimensions
    distance: Floats = np.where(level > 0, 1.0, -1.0) * np.sqrt(nearest)
    return distance


def _crossings(level: Floats, axis: Floats) -> Floats:
    """Points (N, 2) where the level changes sign between grid neighbours, by linear interpolation."""
    step = axis[1] - axis[0]
    rows, cols = np.nonzero((level[:, :-1] > 0) != (level[:, 1:] > 0))
    share = level[rows, cols] / (level[rows, cols] - level[rows, cols + 1])
    across = np.stack([axis[cols] + share * step, axis[rows]], axis=-1)
    rows, cols = np.nonzero((level[:-1] > 0) != (level[1:] > 0))
    share = level[rows, cols] / (level[rows, cols] - level[rows + 1, cols])
    down = np.stack([axis[cols], axis[rows] + share * step], axis=-1)
    return np.concatenate([across, down])


def _grid() -> Floats:
    axis = np.linspace(-REACH, REACH, GRID)
    return np.stack(np.meshgrid(axis, axis), axis=-1)


def _polar(angle: NDArray[Any], radius: NDArray[Any]) -> Floats:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
