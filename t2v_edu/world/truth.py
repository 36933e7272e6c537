"""Chapter 02 · the true motion of a film: where every pixel goes, and which ones nobody can find again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.motion import Poses, Take, poses, sample_take
from t2v_edu.world.outlines import field
from t2v_edu.world.puppets import Shape, pose_of, shapes
from t2v_edu.world.render import LARGEST, SMALLEST, paint_outline
from t2v_edu.world.scene import STORY, Scene
from t2v_edu.world.sprites import PHASES

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Step = tuple[Floats, Bools]  # flow (H, W, 2) and what is hidden (H, W), from one frame to another


@dataclass(frozen=True)
class Truth:
    """What moves in a film of T frames; vectors are (dx, dy) in pixels, x to the right, y down.

    `flow` (T-1, H, W, 2): where the surface seen at a pixel of frame t is in frame t+1, less where it was. `actor` (T, H, W): the
    pixels whose centre lies on the actor. `occluded` (T-1, H, W): pixels of frame t whose surface frame t+1 does not show.
    `uncovered` (T-1, H, W): pixels of frame t+1 whose surface frame t did not show.
    """

    flow: NDArray[np.float32]
    actor: Bools
    occluded: Bools
    uncovered: Bools


def true_motion(
    scene: Scene,
    frames: int = 16,
    height: int = 32,
    width: int = 32,
    rng: np.random.Generator | None = None,
    *,
    takes: tuple[Take, ...] | None = None,
) -> Truth:
    """The motion in the film that `render` makes of the same arguments, from the same poses.

    A shape or digit moves as one piece; a puppet limb by limb, in the sixteen drawings a cycle that the renderer shows. What only
    lights up (a lamp, an eyelid) is no surface of its own and moves with what lies under it. Places stand still.

    Raises:
        ValueError: two actors, fewer than two frames, a size out of range, or not one take.
    """
    if len(scene.actors) != 1:
        raise ValueError(f"true motion is known for scenes of one actor, and this one has {len(scene.actors)}")
    if frames < 2:
        raise ValueError(f"motion needs at least 2 frames, not {frames}")
    if not (SMALLEST <= height <= LARGEST and SMALLEST <= width <= LARGEST):
        raise ValueError(f"height and width must be {SMALLEST} to {LARGEST} pixels, not {height}×{width}")
    if takes is None:
        takes = (Take() if rng is None else sample_take(rng),)
    if len(takes) != 1:
        raise ValueError(f"{len(takes)} takes for one actor: give one")
    surface = (_Puppet if scene.actors[0].kind in STORY else _Outline)(scene, takes[0], frames, height, width)
    onward = [surface.step(t, t + 1) for t in range(frames - 1)]
    back = [surface.step(t + 1, t) for t in range(frames - 1)]  # what cannot be found going back has just come into view
    return Truth(
        flow=np.stack([flow for flow, _ in onward]).astype(np.float32),
        actor=surface.actor,
        occluded=np.stack([hidden for _, hidden in onward]),
        uncovered=np.stack([hidden for _, hidden in back]),
    )


def _pixels(height: int, width: int) -> tuple[Floats, Floats]:
    """Centres of all pixels, each (H, W): pixel i covers [i, i+1)."""
    y, x = np.mgrid[:height, :width] + 0.5
    return x, y


def _outside(x: Floats, y: Floats, height: int, width: int) -> Bools:
    gone: Bools = (x < 0) | (y < 0) | (x >= width) | (y >= height)
    return gone


class _Outline:
    """A shape or digit: shift, size and turn of its pose carry all of its points."""

    def __init__(self, scene: Scene, take: Take, frames: int, height: int, width: int) -> None:
        (actor,) = scene.actors
        self.size = height, width
        self.pose = _in_pixels(poses(actor, take, frames), height, width)
        share = np.zeros((frames, height, width, 3), np.float32)  # white on black: a pixel's value is the actor's share of it
        paint_outline(share, field(actor.kind, take.hand), np.ones(3, np.float32),
                      self.pose.x, self.pose.y, self.pose.radius, self.pose.angle)
        self.actor: Bools = share[..., 0] > 0.5

    def step(self, a: int, b: int) -> Step:
        """From frame a to frame b."""
        x, y = _pixels(*self.size)
        p, on = self.pose, self.actor[a]
        grow, turn = p.radius[b] / p.radius[a], p.angle[b] - p.angle[a]
        dx, dy = x - p.x[a], y - p.y[a]
        there_x = p.x[b] + grow * (np.cos(turn) * dx - np.sin(turn) * dy)
        there_y = p.y[b] + grow * (np.sin(turn) * dx + np.cos(turn) * dy)
        flow = np.where(on[..., None], np.stack([there_x - x, there_y - y], -1), 0.0)
        hidden = np.where(on, _outside(there_x, there_y, *self.size), self.actor[b])
        return flow, hidden


class _Puppet:
    """A figure of many parts: each pixel belongs to the part on top of it, and goes where that part goes."""

    def __init__(self, scene: Scene, take: Take, frames: int, height: int, width: int) -> None:
        (actor,) = scene.actors
        self.size = height, width
        self.flip = -1.0 if actor.direction == "left" else 1.0
        self.pose = _in_pixels(poses(actor, take, frames), height, width)
        phases = np.rint(self.pose.gait * PHASES).astype(int) % PHASES  # between two drawings the nearest is shown
        cycle = _lasting_parts(actor.kind, pose_of(actor.kind, actor.action))
        self.parts = [cycle[phase] for phase in phases]
        self.top = np.stack([self._top(t) for t in range(frames)])
        self.actor: Bools = self.top >= 0

    def _sprite(self, x: Floats, y: Floats, t: int) -> tuple[Floats, Floats]:
        """Pixels to the sprite's own coordinates."""
        p = self.pose
        return self.flip * (x - p.x[t]) / p.radius[t], (y - p.y[t]) / p.radius[t]

    def _top(self, t: int) -> NDArray[np.int64]:
        """Number of the uppermost part at each pixel, -1 where there is only the place, (H, W)."""
        u, v = self._sprite(*_pixels(*self.size), t)
        top = np.full(self.size, -1)
        for k, part in enumerate(self.parts[t]):
            top[_covers(part, u, v)] = k
        return top

    def step(self, a: int, b: int) -> Step:
        """From frame a to frame b."""
        on = self.actor[a]
        x, y = (centres[on] for centres in _pixels(*self.size))  # (N,), the actor's pixels
        owner, p = self.top[a][on], self.pose
        u, v = self._sprite(x, y, a)
        for k in np.unique(owner):
            mine = owner == k
            u[mine], v[mine] = _carry(self.parts[a][k], self.parts[b][k], u[mine], v[mine])
        there_x, there_y = p.x[b] + self.flip * p.radius[b] * u, p.y[b] + p.radius[b] * v
        gone = _outside(there_x, there_y, *self.size)
        for k, part in enumerate(self.parts[b]):
            below = owner < k
            gone[below] |= _covers(part, u[below], v[below])
        flow, hidden = np.zeros((*self.size, 2)), ~on & self.actor[b]
        flow[on], hidden[on] = np.stack([there_x - x, there_y - y], -1), gone
        return flow, hidden


def _in_pixels(p: Poses, height: int, width: int) -> Poses:
    return Poses(p.x * width, p.y * height, p.radius * min(height, width), p.angle, p.gait)


@lru_cache(maxsize=32)
def _lasting_parts(kind: str, pose: str) -> list[list[Shape]]:
    """For each drawing of a cycle its parts from back to front, without those that only some of the drawings have.

    So part k is the same part in every drawing.
    """
    cycle = [shapes(kind, pose, phase / PHASES) for phase in range(PHASES)]
    counts = [Counter(map(_build, drawing)) for drawing in cycle]
    lasting = {build for build in counts[0] if all(count[build] == counts[0][build] for count in counts)}
    return [[part for part in drawing if _build(part) in lasting] for drawing in cycle]


def _build(part: Shape) -> tuple[object, ...]:
    """What a part keeps when its joint turns: form, paint, measures."""
    n = part.numbers
    if part.form == "ellipse":
        return part.form, part.paint, round(n[2], 6), round(n[3], 6)
    if part.form == "capsule":
        return part.form, part.paint, round(n[4], 6), round(n[5], 6), round(float(np.hypot(n[2] - n[0], n[3] - n[1])), 6)
    corners = np.reshape(n[1:], (-1, 2))
    edges = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    return part.form, part.paint, round(n[0], 6), *(round(float(e), 6) for e in edges)


def _anchor(part: Shape) -> tuple[float, float, float]:
    """A point of the part and its angle in radians; the part is rigid, so they say where all of it is."""
    n = part.numbers
    if part.form == "ellipse":
        return n[0], n[1], n[4] if len(n) > 4 else 0.0
    ax, ay, bx, by = n[1:5] if part.form == "polygon" else n[:4]
    return ax, ay, float(np.arctan2(by - ay, bx - ax))


def _carry(before: Shape, after: Shape, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Points of a part, in sprite coordinates, to where they are after it has moved."""
    (ax, ay, start), (bx, by, end) = _anchor(before), _anchor(after)
    cos, sin = np.cos(end - start), np.sin(end - start)
    return bx + cos * (u - ax) - sin * (v - ay), by + sin * (u - ax) + cos * (v - ay)


def _covers(part: Shape, u: Floats, v: Floats) -> Bools:
    """Whether points lie on a part; only those within its box are measured."""
    left, top, right, bottom = part.box()
    covered: Bools = (u >= left) & (u <= right) & (v >= top) & (v <= bottom)
    covered[covered] = part.distance(u[covered], v[covered]) < -1e-9
    return covered
