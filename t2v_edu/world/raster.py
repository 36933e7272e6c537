"""Chapter 01 · signed distances of the three shapes that all drawings are made of: ellipse, capsule, polygon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ellipse(x: Array, y: Array, cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Array:
    """Distance to an ellipse, negative inside; first order in the distance, so good within a line's width of the edge.

    Args:
        x, y: where to measure, arrays that broadcast together; y down.
        cx, cy, rx, ry, turn: centre, semi-axes, and clockwise turn in radians.
    """
    c, s = np.cos(turn), np.sin(turn)
    u = (c * (x - cx) + s * (y - cy)) / rx
    v = (c * (y - cy) - s * (x - cx)) / ry
    level = np.hypot(u, v)
    slope = np.hypot(u / rx, v / ry)
    return np.where(level > 1e-9, level * (level - 1) / np.maximum(slope, 1e-9), -min(rx, ry))


def capsule(x: Array, y: Array, ax: float, ay: float, bx: float, by: float, ra: float, rb: float) -> Array:
    """Distance to a limb: discs of radius ra at a, rb at b, and all between them, the radius going over evenly."""
    dx, dy = bx - ax, by - ay
    along = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
    distance: Array = np.hypot(x - ax - along * dx, y - ay - along * dy) - (ra + along * (rb - ra))
    return distance


def polygon(x: Array, y: Array, corners: Array, rounding: float = 0.0) -> Array:
    """Distance to a simple polygon, its corners (N, 2) rounded by growing it by `rounding`."""
    nearest = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf)
    inside = np.zeros(nearest.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
        np.minimum(nearest, (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2, out=nearest)
        if dy != 0:  # an even-odd ray to the right crosses this edge
            inside ^= ((ay <= y) != (by <= y)) & (x < ax + (y - ay) * dx / dy)
    distance: Array = np.where(inside, -1.0, 1.0) * np.sqrt(nearest) - rounding
    return distance


def coverage(distance: Array, pixel: float) -> Array:
    """How much of a pixel of this width an edge at this distance leaves covered, 0 to 1."""
    covered: Array = np.clip(0.5 - distance / pixel, 0, 1)
    return covered
