"""Chapter 01 · reading a clip: puppets, which have many colours and move their limbs, by comparing with their own drawings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.motion import Take, poses
from t2v_edu.world.oracle_ground import Cell, Choice, Pixels, margin
from t2v_edu.world.oracle_look import align, follow_actor
from t2v_edu.world.oracle_path import Motion, PathFit, Track
from t2v_edu.world.render import RGB
from t2v_edu.world.scene import CAST, SIZES, STORY, Actor
from t2v_edu.world.sprites import paint_puppet, pose_of

ROUNDING = 1.0  # levels that the difference to a clean place can have
EMPTY = 0.6  # share of the pixels that are the place's for sure
SHOWS = 6.0  # levels: a pixel that differs this much from a clean place is the puppet's
TINTS = 2  # phases of the gait that are tried
SURE_PUPPET = 0.08  # the best residual has to be so much smaller than the second best, as a share
LOST_PUPPET = 0.6  # root of the share of the puppet's energy that the best drawing leaves unexplained


@dataclass(frozen=True)
class Drawings:
    """Mean looks of one kind in one action, for every size and phase of the gait, N in all, on the window's grid."""

    sizes: tuple[str, ...]
    own: Pixels  # (N, P, 3), levels: what has a colour of its own
    weight: Pixels  # (N, P): how much of the actor's colour
    alpha: Pixels  # (N, P)


@dataclass(frozen=True)
class PuppetFit:
    """Kind, color and size of the best drawing, its motion, and the root of the share it leaves unexplained."""

    choices: dict[str, Choice]
    residual: float


def silhouette(difference: Pixels) -> Pixels:
    """How surely each pixel (T, H, W) is not the place's, 0 to 1: how far it stands out of what empty pixels do."""
    far = np.abs(difference)
    most = np.maximum(np.maximum(far[..., 0], far[..., 1]), far[..., 2])
    empty = float(np.quantile(most[:: max(1, len(most) // 4)], EMPTY))
    return np.clip((most - 2 * empty - ROUNDING) * (1 / (SHOWS + 2 * empty)), 0.0, 1.0)


@lru_cache(maxsize=512)
def drawings(kind: str, motion: Motion, frames: int, short: float) -> Drawings:
    """Films of a puppet made as `render` makes them, taken apart into layers, aligned and averaged as `align` does."""
    sizes, layers = [], []
    for size in SIZES:
        for phase in range(TINTS):
            actor = Actor(kind, CAST[kind].colors[0], size, *motion)
            layers.append(_layers(actor, Take(phase=phase / TINTS), frames, short))
            sizes.append(size)
    table = np.asarray(layers, np.float32)
    return Drawings(tuple(sizes), np.ascontiguousarray(np.moveaxis(table[:, :3], 1, 2)), table[:, 3], table[:, 4])


def _layers(actor: Actor, take: Take, frames: int, short: float) -> list[Pixels]:
    """Own red, green and blue, weight of the actor's colour, and alpha of one take: aligned means (P,)."""
    p = poses(actor, take, frames)
    radius = p.radius * short
    half = int(np.ceil(1.1 * radius.max())) + 2
    x, y = (half + v * short - np.floor(v * short) for v in (p.x, p.y))  # in a small frame of its own, as far between pixels

    def paint(level: float, ink: tuple[int, int, int]) -> Pixels:
        canvas = np.full((frames, 2 * half + 1, 2 * half + 1, 3), level, np.float32)
        paint_puppet(canvas, actor.kind, pose_of(actor.kind, actor.action), p.gait, ink, x, y, radius, actor.direction == "left")
        return canvas

    own = paint(0.0, (0, 0, 0))
    rest = (paint(255.0, (0, 255, 0)) - own) / 255.0
    alpha, weight = 1.0 - rest[..., 0], rest[..., 1] - rest[..., 0]
    film = np.ascontiguousarray(np.stack([own[..., 0], own[..., 1], own[..., 2], weight, alpha]), np.float32)
    rows, columns = alpha.sum(2, dtype=np.float64), alpha.sum(1, dtype=np.float64)
    mass = rows.sum(1) * short
    centres = np.arange(2 * half + 1) + 0.5
    seen = Track(mass * short, columns @ centres / mass, rows @ centres / mass, radius / short)
    scale = p.radius / p.radius.mean()
    return [align(layer, seen, scale, Cell(0.0, 0.0, short, short)).mean(0).ravel() for layer in film]


def read_puppet(difference: Pixels, picture: Pixels, cell: Cell, kinds: tuple[str, ...]) -> PuppetFit | None:
    """Read a puppet; None where nothing stands out from the place. Arguments as for `read_actor`."""
    puppets = tuple(kind for kind in STORY if kind in kinds)
    found = follow_actor(silhouette(difference), cell, puppets)
    if found is None:
        return None
    _, seen, fitted = found
    paths = dict(zip(puppets, fitted, strict=True))
    residuals: list[NDArray[np.floating]] = []
    labels: list[tuple[str, str, str]] = []
    windows: dict[bytes, tuple[Pixels, Pixels]] = {}
    for kind, path in paths.items():
        key = path.scale.tobytes()
        if key not in windows:
            windows[key] = _window(difference, picture, seen, path, cell)
        left, names = _compare(*windows[key], kind, path, len(difference), cell)
        residuals.append(left)
        labels += names
    return _decide(np.concatenate(residuals), np.asarray(labels), paths)


def _window(difference: Pixels, picture: Pixels, seen: Track, path: PathFit, cell: Cell) -> tuple[Pixels, Pixels]:
    """Aligned means of the difference and of the place under it, each (P, 3)."""
    under = np.broadcast_to(picture, difference.shape)
    looks = [np.stack([align(np.ascontiguousarray(film[..., c]), seen, path.scale, cell).mean(0).ravel() for c in range(3)], -1)
             for film in (difference, under)]
    return looks[0], looks[1]


def _compare(look: Pixels, under: Pixels, kind: str, path: PathFit, frames: int,
             cell: Cell) -> tuple[NDArray[np.floating], list[tuple[str, str, str]]]:
    """Share of the energy that each drawing in each colour leaves unexplained, and its kind, color and size."""
    book = drawings(kind, path.best, frames, round(cell.short, 3))
    rest = look - book.own + book.alpha[..., None] * under  # what the actor's colour has to explain, (N, P, 3)
    ink = np.asarray([RGB[c] for c in CAST[kind].colors], np.float32)
    toward = np.einsum("npc,np->nc", rest, book.weight) @ ink.T
    gain = (book.weight**2).sum(1)[:, None] * (ink**2).sum(1) - 2 * toward
    left = np.maximum((rest**2).sum((1, 2))[:, None] + gain, 0.0) / max(float((look**2).sum()), 1.0)
    labels = [(kind, color, size) for size in book.sizes for color in CAST[kind].colors]
    return left.ravel(), labels


def _decide(residuals: NDArray[np.floating], labels: NDArray[np.str_], paths: dict[str, PathFit]) -> PuppetFit:
    share = np.sqrt(residuals + 0.01**2)
    best = int(np.argmin(share))
    lost = bool(share[best] > LOST_PUPPET)
    choices = {}
    for column, name in enumerate(("kind", "color", "size")):
        rivals = labels[:, column] != labels[best, column]
        if name != "kind":
            rivals &= labels[:, 0] == labels[best, 0]
        confidence = margin(float(share[best]), float(share[rivals].min())) if rivals.any() else 1.0
        choices[name] = Choice(None if lost or confidence < SURE_PUPPET else str(labels[best, column]), confidence)
    path = paths[str(labels[best, 0])]
    return PuppetFit({**choices, "action": path.action, "direction": path.direction, "speed": path.speed}, float(share[best]))


