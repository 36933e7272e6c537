"""Chapter 01 · places: the pictures behind the actors, flat shapes as data (`places.json`), the same at any size.

`places.json` is read by Python here and by JavaScript on the page: place → shapes, back to front, in the unit square,
y down, stretched to the frame. A shape is a `rect` [left, top, right, bottom], an `ellipse` [x, y, rx, ry] or a `polygon`
[[x, y], ...]; its colour `fill` (sRGB 0..255) goes over into `to`, where there is one, from a rect's top to its bottom.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world import raster
from t2v_edu.world.scene import PLACES

Array = NDArray[np.float64]
Picture = NDArray[np.float32]

GROUND_BAND = (0.84, 0.95)  # where in a frame's height feet may stand: every story place has its floor there
_FINE = 4  # samples a pixel along each axis
_SHAPES: dict[str, list[dict[str, Any]]] = json.loads(Path(__file__).with_name("places.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def place_picture(name: str, height: int, width: int) -> Picture:
    """A place without its actors.

    Returns:
        (height, width, 3) float32, 0..255, anti-aliased; shared between callers and therefore read-only.
    Raises:
        ValueError: a place that the grammar does not know.
    """
    if name not in PLACES:
        raise ValueError(f"unknown place {name!r}; choose one of: {', '.join(PLACES)}")
    y = ((np.arange(height * _FINE) + 0.5) / (height * _FINE))[:, None]
    x = ((np.arange(width * _FINE) + 0.5) / (width * _FINE))[None, :]
    fine = np.zeros((height * _FINE, width * _FINE, 3), np.float32)
    for shape in _SHAPES[name]:
        inside = _inside(shape, x, y)
        fine[inside] = _colour(shape, np.broadcast_to(y, inside.shape)[inside])
    picture: Picture = fine.reshape(height, _FINE, width, _FINE, 3).mean(axis=(1, 3), dtype=np.float64).astype(np.float32)
    picture.flags.writeable = False
    return picture


def _inside(shape: dict[str, Any], x: Array, y: Array) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_]
    if "rect" in shape:
        left, top, right, bottom = shape["rect"]
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    elif "ellipse" in shape:
        cx, cy, rx, ry = shape["ellipse"]
        inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
    else:
        inside = raster.polygon(x, y, np.asarray(shape["polygon"])) < 0
    return inside


def _colour(shape: dict[str, Any], y: Array) -> Array:
    start, end = np.asarray(shape["fill"], float), np.asarray(shape.get("to", shape["fill"]), float)
    _, top, _, bottom = shape.get("rect", (0, 0, 1, 1))
    colour: Array = start + ((y - top) / (bottom - top))[:, None] * (end - start)
    return colour
