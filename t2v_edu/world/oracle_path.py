"""Chapter 01 · reading a clip, second step: which action, direction and speed the actor's path is, by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.motion import GROWTH, RADIUS, Take, poses
from t2v_edu.world.oracle_ground import Cell, Choice, Pixels, margin
from t2v_edu.world.outlines import GRID, REACH, field
from t2v_edu.world.scene import ACTIONS, CAST, Actor

Floats = NDArray[np.float64]

PHASES = 64  # starting phases tried for bounces and circles
SURE_PATH = 0.25  # the best residual has to be so much smaller than the second best, as a share
LOST_PATH = 0.05  # of the cell's side: a path that fits no better than this is none of ours
FLOOR = 0.002  # of the side: no residual is trusted to be smaller
MISSING = 0.2  # of the median mass: a frame with less has lost its actor
Motion = tuple[str, str, str]  # action, direction, speed


@dataclass(frozen=True)
class Track:
    """An actor's silhouette over T frames, each (T,), in units of its cell: covered area in pixels, its centroid, and
    the radius of the disc of that area as a share of the short side."""

    mass: Floats
    x: Floats
    y: Floats
    radius: Floats


@dataclass(frozen=True)
class PathBank:
    """Every path that some actions can take in T frames, about its own mean."""

    motions: tuple[Motion, ...]  # the distinct ones, K
    owner: NDArray[np.intp]  # (N,) which motion a curve belongs to
    curves: Floats  # (N, 2T): x, then y
    power: Floats  # (N,) squared norms
    scale: Floats  # (K, T) of the radius


@dataclass(frozen=True)
class PathFit:
    """What the track says about the motion; `residual` is the best fit's, root mean square, as a share of the side."""

    action: Choice
    direction: Choice
    speed: Choice
    best: Motion
    residual: float
    scale: Floats  # (T,) of the radius, under the best fit


def track(share: Pixels, cell: Cell) -> Track | None:
    """Mass and centroid of a coverage (T, H, W) inside a cell; None where the actor is missing from a quarter of the frames."""
    rows, columns = share.sum(2, dtype=np.float64), share.sum(1, dtype=np.float64)
    mass = rows.sum(1)
    seen = mass > max(1.0, MISSING * float(np.median(mass)))
    if seen.mean() < 0.75:
        return None
    safe = np.maximum(mass, 1e-6)
    x = (columns @ (np.arange(share.shape[2]) + 0.5) / safe - cell.left) / cell.width
    y = (rows @ (np.arange(share.shape[1]) + 0.5) / safe - cell.top) / cell.height
    if not seen.all():
        at = np.arange(len(mass))
        x, y, mass = (np.interp(at, at[seen], v[seen]) for v in (x, y, mass))
    return Track(mass, x, y, np.sqrt(mass / np.pi) / cell.short)


@lru_cache(maxsize=64)
def path_bank(kind: str, frames: int) -> PathBank:
    """The paths of one kind of actor. Shapes that spin, and all digits, share theirs with the others of their group."""
    motions: list[Motion] = []
    owner, curves = [], []
    for action in CAST[kind].actions:
        for direction in ACTIONS[action][0]:
            for speed in ACTIONS[action][1]:
                motions.append((action, direction, speed))
                for phase in range(PHASES if action in ("bounces", "circles") else 1):
                    actor = Actor(kind, CAST[kind].colors[0], "small", action, direction, speed)
                    p = poses(actor, Take(phase=phase / PHASES), frames)
                    curves.append(np.concatenate([p.x - p.x.mean(), p.y - p.y.mean()]))
                    owner.append(len(motions) - 1)
                    if kind == "tower" and action != "stands":  # its feet stay, its centroid does not
                        curves += list(np.linspace(0.3, 1.9, 17)[:, None] * curves[-1])
                        owner += [len(motions) - 1] * 17
                    if action == "spins":  # a heart's centroid is not what it turns about
                        for radius in RADIUS.values():
                            curves.append(_wobble("heart", radius, p.angle))
                            owner.append(len(motions) - 1)
    u = np.linspace(0.0, 1.0, frames)
    grow = GROWTH[0] + (GROWTH[1] - GROWTH[0]) * u
    scale = [{"grows": grow, "shrinks": grow[::-1]}.get(m[0], np.ones(frames)) for m in motions]
    table = np.asarray(curves)
    return PathBank(tuple(motions), np.asarray(owner), table, (table**2).sum(1), np.asarray(scale))


def _wobble(kind: str, radius: float, angle: Floats) -> Floats:
    """Path (2T,) of the centroid of an outline that turns about its origin, about its mean."""
    inside = field(kind) > 0
    axis = np.linspace(-REACH, REACH, GRID)
    x, y = radius * inside.sum(0) @ axis / inside.sum(), radius * inside.sum(1) @ axis / inside.sum()
    east, south = np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y
    return np.concatenate([east - east.mean(), south - south.mean()])


def fit_path(seen: Track, kind: str) -> PathFit:
    """The motion whose closed-form path and growth lie nearest to the track, over all motions of a kind and all phases."""
    frames = len(seen.x)
    bank = path_bank(kind, frames)
    path = np.concatenate([seen.x - seen.x.mean(), seen.y - seen.y.mean()])
    each = bank.power - 2.0 * (bank.curves @ path) + path @ path
    residual = np.full(len(bank.motions), np.inf)
    np.minimum.at(residual, bank.owner, each)
    fitted = (bank.scale @ seen.radius) ** 2 / (bank.scale**2).sum(1)
    residual = residual + (seen.radius @ seen.radius - fitted)
    rms = np.sqrt(np.maximum(residual, 0.0) / frames + FLOOR**2)
    return _decide(bank, rms)


def velocity_error(seen: Track, actor: Actor) -> float:
    """Mean distance between an actor's velocity and what its action, direction and speed ask for, at the phase that suits best.

    Returns:
        side lengths per clip; 0 for a perfect path, whatever its start. The centroid of a puppet sways as it walks, so even
        a clean film's is above 0: compare with the value for `render`'s own film.
    """
    bank = path_bank(actor.kind, len(seen.x))
    asked = bank.motions.index((actor.action, actor.direction, actor.speed))
    curves = bank.curves[bank.owner == asked].reshape(-1, 2, len(seen.x))
    gap = np.diff(np.stack([seen.x, seen.y]), axis=-1) - np.diff(curves, axis=-1)
    return float(np.hypot(gap[:, 0], gap[:, 1]).sum(-1).min())


def _decide(bank: PathBank, rms: Floats) -> PathFit:
    best = int(np.argmin(rms))
    mine = bank.motions[best]
    table = np.asarray(bank.motions)

    def against(rivals: NDArray[np.bool_], name: str) -> Choice:
        confidence = margin(float(rms[best]), float(rms[rivals].min())) if rivals.any() else 1.0
        sure = confidence >= SURE_PATH and rms[best] <= LOST_PATH
        return Choice(name if sure else None, confidence)

    same = table[:, 0] == mine[0]
    return PathFit(
        action=against(~same, mine[0]),
        direction=against(same & (table[:, 1] != mine[1]), mine[1]),
        speed=against(same & (table[:, 2] != mine[2]), mine[2]),
        best=mine,
        residual=float(rms[best]),
        scale=bank.scale[best],
    )
