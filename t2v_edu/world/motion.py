"""Chapter 01 · how actors move: an action is a path in closed form, and what a caption leaves open is drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.places import GROUND_BAND
from t2v_edu.world.puppets import FEET
from t2v_edu.world.scene import STORY, Actor, Scene

Floats = NDArray[np.float64]

RADIUS = {"small": 0.14, "medium": 0.19, "large": 0.25}  # of the frame's short side
STORY_SCALE = 1.3
TRAVEL = {"slow": 0.15, "normal": 0.30, "fast": 0.46}  # of the frame's side, over the whole clip
WALK = {("walks", "slow"): 0.10, ("walks", "normal"): 0.18, ("runs", "normal"): 0.26, ("runs", "fast"): 0.34}
CYCLES = {"slow": 1.0, "normal": 2.0, "fast": 3.0}  # of a bounce
ORBITS = {"slow": 0.5, "normal": 1.0, "fast": 1.5}
SPINS = {"slow": 0.25, "normal": 0.5, "fast": 0.75}
BOUNCE, WEAVE, ORBIT, HOP = 0.20, 0.12, 0.20, 0.20  # amplitudes, of the frame's side
STRIDES = {"walks": 2.0, "runs": 4.0, "jumps": 2.0}  # gait cycles over the clip; everything else idles through one
GROWTH = (0.6, 1.4)  # of the radius, first and last frame


@dataclass(frozen=True)
class Take:
    """What a caption leaves open for one actor: its start (x, y) and phase, all in [0, 1), and whose hand drew it."""

    x: float = 0.5
    y: float = 0.5
    phase: float = 0.0
    hand: int = 0


@dataclass(frozen=True)
class Poses:
    """One actor over T frames, each field (T,): centre in unit coordinates (y down), radius as a share of the short side,
    angle in radians (clockwise on screen), gait in cycles."""

    x: Floats
    y: Floats
    radius: Floats
    angle: Floats
    gait: Floats


def sample_take(rng: np.random.Generator) -> Take:
    """A random take."""
    x, y, phase = rng.random(3)
    return Take(float(x), float(y), float(phase), int(rng.integers(1 << 16)))


def radius_of(actor: Actor) -> float:
    """Unscaled radius of an actor as a share of the short side."""
    return RADIUS[actor.size] * (STORY_SCALE if actor.kind in STORY else 1.0)


def poses(actor: Actor, take: Take, frames: int) -> Poses:
    """Where one actor of a one-actor scene is in each of `frames` frames.

    The path keeps inside the frame; the room that size and path leave is shared out by the take.
    """
    u = np.linspace(0.0, 1.0, frames) if frames > 1 else np.zeros(1)
    still = np.zeros(frames)
    scale = still + 1.0
    if actor.action in ("grows", "shrinks"):
        start, end = GROWTH if actor.action == "grows" else GROWTH[::-1]
        scale = start + (end - start) * u
    dx, dy, angle = _path(actor, take, u)
    margin = radius_of(actor) * max(scale.max(), 1.2 if actor.action == "spins" else 1.0)
    radius = radius_of(actor) * scale
    x = dx + _place(take.x, dx, margin)
    y = dy + (_feet(actor, take, radius) if actor.kind in STORY else _place(take.y, dy, margin))
    gait = STRIDES.get(actor.action, 1.0) * u + (
        0.0 if actor.action == "jumps" else take.phase
    )  # legs are tucked at the top of a hop
    return Poses(x, y, radius, angle, gait)


def stage(scene: Scene, takes: tuple[Take, ...], frames: int) -> tuple[Poses, ...]:
    """Poses of every actor. Two actors each live in a cell of half the side; inside it they move as if alone."""
    if scene.relation is None:
        return (poses(scene.actors[0], takes[0], frames),)
    cells = ((0.25, 0.5), (0.75, 0.5)) if scene.relation == "left_of" else ((0.5, 0.25), (0.5, 0.75))
    return tuple(_into_cell(poses(a, t, frames), cx, cy) for a, t, (cx, cy) in zip(scene.actors, takes, cells, strict=True))


def triangle_wave(t: Floats) -> Floats:
    """Period 1, amplitude 1, starts at 0 and rises."""
    return 1.0 - 4.0 * np.abs((t + 0.25) % 1.0 - 0.5)


def _path(actor: Actor, take: Take, u: Floats) -> tuple[Floats, Floats, Floats]:
    """Offset from a base point and angle, each (T,)."""
    still = np.zeros_like(u)
    sign = -1.0 if actor.direction in ("left", "up", "counterclockwise") else 1.0
    turn = 2.0 * np.pi
    match actor.action:
        case "moves":
            run = sign * TRAVEL[actor.speed] * u
            return (still, run, still) if actor.direction in ("up", "down") else (run, still, still)
        case "bounces":
            swing = BOUNCE * np.cos(turn * (CYCLES[actor.speed] * u + take.phase))
            return (still, swing, still) if actor.direction == "vertical" else (swing, still, still)
        case "zigzags":
            return sign * TRAVEL[actor.speed] * u, WEAVE * triangle_wave(2.0 * u), still
        case "circles":
            phi = turn * (sign * ORBITS[actor.speed] * u + take.phase)
            return ORBIT * np.cos(phi), ORBIT * np.sin(phi), still
        case "spins":
            return still, still, sign * turn * SPINS[actor.speed] * u
        case "walks" | "runs":
            return sign * WALK[actor.action, actor.speed] * u, still, still
        case "jumps":
            t = (2.0 * u) % 1.0
            return still, -4.0 * HOP * t * (1.0 - t), still
        case _:
            return still, still, still


def _place(share: float, offset: Floats, margin: float) -> float:
    """Base coordinate such that base + offset stays in [margin, 1 - margin], at `share` of the room there is."""
    low, high = margin - offset.min(), 1.0 - margin - offset.max()
    return float(low + share * (high - low)) if high > low else float(low + high) / 2.0


def _feet(actor: Actor, take: Take, radius: Floats) -> Floats:
    """Height of the centre such that the feet stand in the ground band."""
    low, high = GROUND_BAND
    ground = max(low + take.y * (high - low), min(0.95, 2.0 * float(radius.max()) + 0.02))
    return ground - FEET[actor.kind] * radius


def _into_cell(p: Poses, cx: float, cy: float) -> Poses:
    return Poses(cx + (p.x - 0.5) / 2, cy + (p.y - 0.5) / 2, p.radius / 2, p.angle, p.gait)
