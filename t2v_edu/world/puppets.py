"""Chapter 01 · puppets: story sprites as data (`puppets.json`), jointed figures whose joints swing with the gait.

`puppets.json` is read by Python here and by JavaScript on the page. Units: the sprite's frame is [-1, 1]², y down, the
figure faces right; angles are degrees, clockwise. In it:

- `paints`: name → [m, r, g, b], the colour m·(actor's colour) + (r, g, b), sRGB 0..255.
- `joints`: name → [parent, x, y] in the parent's frame, parents first; "" is the sprite's frame.
- `poses`: pose → joint → channel ("turn", "x", "y") → [base, amplitude, offset, cycles]; a channel's value at gait g is
  base + amplitude·sin(2π(cycles·g + offset)), added to the joint's place or turning it. Left out: 0, cycles 1.
- `layers`: back to front; of a layer first every part is drawn grown by `outline` in the paint `line` (none where line
  is null), then every part. `poses` on a layer or part names the poses that have it; `during` [from, to) the gaits that have it.
- a part is an `ellipse` [x, y, rx, ry] with a `turn`, a `capsule` [ax, ay, bx, by, ra, rb], or a `polygon`
  [[x, y], ...] grown by `round`, in the frame of the joint `on`, filled with `paint`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world import raster
from t2v_edu.world.scene import ACTIONS

Array = NDArray[np.float64]
Paint = tuple[float, float, float, float]

_BOOK: dict[str, Any] = json.loads(Path(__file__).with_name("puppets.json").read_text(encoding="utf-8"))
PUPPETS: tuple[str, ...] = tuple(_BOOK["puppets"])
POSES: dict[str, tuple[str, ...]] = {kind: tuple(p["poses"]) for kind, p in _BOOK["puppets"].items()}
FEET: dict[str, float] = {kind: float(p["feet"]) for kind, p in _BOOK["puppets"].items()}


@dataclass(frozen=True)
class Shape:
    """One shape in the sprite's frame, ready to be drawn over what came before: `form` names its numbers' meaning.

    ellipse: x, y, rx, ry, turn (radians) · capsule: ax, ay, bx, by, ra, rb · polygon: round, x, y, x, y, ...
    """

    form: str
    numbers: tuple[float, ...]
    paint: Paint

    def distance(self, x: Array, y: Array) -> Array:
        """Signed distance of points to the shape, in sprite units."""
        n = self.numbers
        if self.form == "ellipse":
            return raster.ellipse(x, y, *n)
        if self.form == "capsule":
            return raster.capsule(x, y, *n)
        return raster.polygon(x, y, np.reshape(n[1:], (-1, 2)), n[0])

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a box that holds the shape."""
        n = self.numbers
        if self.form == "ellipse":
            reach = max(n[2], n[3])
            return n[0] - reach, n[1] - reach, n[0] + reach, n[1] + reach
        grow = max(n[4], n[5]) if self.form == "capsule" else n[0]
        xs, ys = (n[0:4:2], n[1:4:2]) if self.form == "capsule" else (n[1::2], n[2::2])
        return min(xs) - grow, min(ys) - grow, max(xs) + grow, max(ys) + grow

    def grown(self, by: float, paint: Paint) -> Shape:
        """The shape with its edge moved outwards, in another paint: what an outline is made of."""
        n = list(self.numbers)
        for i in {"ellipse": (2, 3), "capsule": (4, 5), "polygon": (0,)}[self.form]:
            n[i] += by
        return Shape(self.form, tuple(n), paint)


def pose_of(kind: str, action: str) -> str:
    """The pose in which a puppet does an action: its own where it has one, else "stands".

    Raises:
        ValueError: no puppet of this kind, or no action of the grammar.
    """
    if kind not in POSES:
        raise ValueError(f"no puppet {kind!r}; choose one of: {', '.join(PUPPETS)}")
    if action not in ACTIONS:
        raise ValueError(f"no pose {action!r}; a {kind} has: {', '.join(POSES[kind])}")
    return action if action in POSES[kind] else "stands"


def shapes(kind: str, pose: str, gait: float) -> list[Shape]:
    """The puppet at one moment, back to front.

    Args:
        kind: one of PUPPETS.
        pose: one of POSES[kind].
        gait: where in its cycle, periodic with 1. "jumps" is on the ground at 0 and highest at 0.5.
    """
    puppet = _BOOK["puppets"][kind]
    frames = _frames(puppet["joints"], puppet["poses"][pose], gait)
    paints: dict[str, list[float]] = _BOOK["paints"]
    drawn: list[Shape] = []
    for layer in puppet["layers"]:
        if not _shows(layer, pose, gait):
            continue
        parts = [_place(part, frames, paints) for part in layer["parts"] if _shows(part, pose, gait)]
        line = layer.get("line", "line")
        if line is not None:
            drawn += [part.grown(float(puppet["outline"]), _paint(paints[line])) for part in parts]
        drawn += parts
    return drawn


def wave(channel: list[float], gait: float) -> float:
    """A channel's value: base + amplitude · sin(2π(cycles · gait + offset))."""
    base, amplitude, offset, cycles = [*channel, *(0.0, 0.0, 0.0, 1.0)[len(channel) :]]
    return base + amplitude * float(np.sin(2 * np.pi * (cycles * gait + offset)))


def _frames(joints: dict[str, list[Any]], pose: dict[str, Any], gait: float) -> dict[str, tuple[float, float, float]]:
    """Place and angle (x, y, radians) of every joint in the sprite's frame."""
    frames = {"": (0.0, 0.0, 0.0)}
    for name, (parent, x, y) in joints.items():
        move = {channel: wave(values, gait) for channel, values in pose.get(name, {}).items()}
        px, py = _carry(frames[parent], x + move.get("x", 0.0), y + move.get("y", 0.0))
        frames[name] = (px, py, frames[parent][2] + np.radians(move.get("turn", 0.0)))
    return frames


def _carry(frame: tuple[float, float, float], x: float, y: float) -> tuple[float, float]:
    c, s = np.cos(frame[2]), np.sin(frame[2])
    return float(frame[0] + c * x - s * y), float(frame[1] + s * x + c * y)


def _shows(thing: dict[str, Any], pose: str, gait: float) -> bool:
    start, stop = thing.get("during", (0, 1))
    return pose in thing.get("poses", (pose,)) and start <= gait % 1 < stop


def _place(part: dict[str, Any], frames: dict[str, tuple[float, float, float]], paints: dict[str, list[float]]) -> Shape:
    frame, paint = frames[part["on"]], _paint(paints[part["paint"]])
    if "ellipse" in part:
        x, y, rx, ry = part["ellipse"]
        return Shape("ellipse", (*_carry(frame, x, y), rx, ry, float(frame[2] + np.radians(part.get("turn", 0)))), paint)
    if "capsule" in part:
        ax, ay, bx, by, ra, rb = part["capsule"]
        return Shape("capsule", (*_carry(frame, ax, ay), *_carry(frame, bx, by), ra, rb), paint)
    corners: Iterator[tuple[float, float]] = (_carry(frame, x, y) for x, y in part["polygon"])
    return Shape("polygon", (float(part.get("round", 0)), *(v for corner in corners for v in corner)), paint)


def _paint(values: list[float]) -> Paint:
    m, r, g, b = values
    return float(m), float(r), float(g), float(b)
