"""Chapter 01 · reading a clip, third step: which shape, how large and how it turns, by comparing with drawings of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.motion import RADIUS, SPINS
from t2v_edu.world.oracle_ground import Cell, Choice, Pixels, margin
from t2v_edu.world.oracle_path import PathFit, Track, fit_path, track
from t2v_edu.world.outlines import GRID, REACH, field, hands
from t2v_edu.world.scene import ACTIONS, CAST, DIGITS, SIZES

Floats = NDArray[np.float64]

SIDE = 21  # samples a side of the window in which looks are compared
WINDOW = 1.3 * RADIUS["large"]  # half its width, as a share of the cell's short side
BLURS = (0.0, 0.022, 0.044)  # standard deviations, share of the side: a clip may be this much out of focus
SURE_LOOK = 0.12  # the best residual has to be so much smaller than the second best, as a share
LOST_LOOK = 0.55  # root of the share of a look's energy that the best drawing leaves unexplained
FLOOR = 0.02
STRAY = 0.25  # of the covered area, outside the actor's window: more than this, and there is something else in the picture
HAZE = 0.3  # coverage below this outside the window is haze, not an actor


@dataclass(frozen=True)
class LookBank:
    """Drawings of every hypothesis, each on the window's grid and about its own centroid."""

    labels: NDArray[np.str_]  # (N, 4): kind, size, direction, speed of a turn ("" where none)
    drawings: Pixels  # (N, P)
    power: Pixels  # (N,) squared norms


@dataclass(frozen=True)
class LookFit:
    """What the aligned silhouettes say; direction and speed are those of a turn. `residual` as a share of the look."""

    kind: Choice
    size: Choice
    direction: Choice
    speed: Choice
    best: tuple[str, str, str, str]
    residual: float
    hand: int = 0


def _offsets(cell: Cell) -> tuple[Floats, float]:
    """Window samples (SIDE,) about the actor and their spread, in pixels."""
    step = 2 * WINDOW * cell.short / (SIDE - 1)
    return np.asarray((np.arange(SIDE) - (SIDE - 1) / 2) * step, dtype=np.float64), max(1.0, step)


def align(share: Pixels, seen: Track, scale: Floats, cell: Cell) -> Pixels:
    """Every frame of a coverage (T, H, W) resampled about the actor's centroid and by its growth: (T, SIDE, SIDE)."""
    offsets, spread = _offsets(cell)
    grown = offsets * scale[:, None]  # (T, SIDE)
    wide = np.maximum(1.0, spread * scale)[:, None, None]

    def weights(centre: Floats, length: int) -> Pixels:
        distance = np.abs(np.arange(length) + 0.5 - (centre[:, None] + grown)[..., None])
        return (np.maximum(0.0, 1.0 - distance / wide) / wide).astype(np.float32)

    rows = weights(seen.y * cell.height + cell.top, share.shape[1])
    columns = weights(seen.x * cell.width + cell.left, share.shape[2])
    return np.asarray(rows @ share @ columns.transpose(0, 2, 1), dtype=np.float32)


def follow_actor(share: Pixels, cell: Cell, kinds: tuple[str, ...]) -> tuple[Pixels, Track, tuple[PathFit, ...]] | None:
    """An actor's coverage (T, H, W), its track, and its path as one of each kind; haze far from the actor is taken away.

    None where there is no actor, or where there is something else, too.
    """
    seen = track(share, cell)
    if seen is None:
        return None
    paths = tuple(fit_path(seen, kind) for kind in kinds)
    outside = np.where(_reach(share.shape, seen, min(paths, key=lambda p: p.residual), cell), np.float32(0.0), share)
    if outside[outside > HAZE].sum() > STRAY * seen.mass.sum():
        return None
    if outside.sum() > 0.005 * seen.mass.sum():
        share = share - outside
        seen = track(share, cell)
        if seen is None:
            return None
        paths = tuple(fit_path(seen, kind) for kind in kinds)
    return share, seen, paths


def _reach(shape: tuple[int, ...], seen: Track, path: PathFit, cell: Cell) -> NDArray[np.bool_]:
    """Pixels (T, H, W) that the largest actor of this path could reach."""
    reach = 1.1 * WINDOW * cell.short * path.scale[:, None] + 1.0
    rows = np.abs(np.arange(shape[1]) + 0.5 - (seen.y * cell.height + cell.top)[:, None]) <= reach
    columns = np.abs(np.arange(shape[2]) + 0.5 - (seen.x * cell.width + cell.left)[:, None]) <= reach
    return rows[:, :, None] & columns[:, None, :]


@lru_cache(maxsize=32)
def _still_bank(kinds: tuple[str, ...], short: float) -> tuple[LookBank, NDArray[np.int_]]:
    """Upright drawings of all kinds, hands, sizes and blurs, and the hand of each."""
    who = [(kind, hand) for kind in kinds for hand in range(hands().shape[1] if kind in DIGITS else 1)]
    fields = np.stack([field(kind, hand) for kind, hand in who])
    labels, drawings = [], []
    for size in SIZES:
        for looks in _drawings(fields, RADIUS[size] * short, BLURS, short):
            drawings.append(looks)
            labels += [(kind, size, "", "") for kind, _ in who]
    return _bank(labels, np.concatenate(drawings)), np.tile([hand for _, hand in who], len(SIZES) * len(BLURS))


@lru_cache(maxsize=16)
def _turn_bank(kinds: tuple[str, ...], short: float, frames: int) -> LookBank:
    """Every turn of every kind that spins, as one long row of its T drawings."""
    u = np.linspace(0.0, 1.0, frames)
    labels, drawings = [], []
    for kind, direction, speed in product(kinds, *ACTIONS["spins"]):
        angle = (1 if direction == "clockwise" else -1) * 2 * np.pi * SPINS[speed] * u
        fields = _turned(field(kind), angle)
        for size in SIZES:
            for looks in _drawings(fields, RADIUS[size] * short, BLURS[::2], short):
                drawings.append(looks.ravel())
                labels.append((kind, size, direction, speed))
    return _bank(labels, np.asarray(drawings))


def _bank(labels: list[tuple[str, str, str, str]], drawings: Pixels) -> LookBank:
    table = drawings.reshape(len(labels), -1)
    return LookBank(np.asarray(labels), table, np.einsum("np,np->n", table, table))


def _drawings(fields: Pixels, radius: float, blurs: tuple[float, ...], short: float) -> list[Pixels]:
    """Expected looks (N, SIDE, SIDE), one each blur, of fields (N, GRID, GRID) at a radius in pixels, sampled as by `align`."""
    offsets, spread = _offsets(Cell(0.0, 0.0, short, short))
    fine = np.linspace(-REACH, REACH, GRID) * radius
    step = fine[1] - fine[0]
    cover = np.clip(fields * np.float32(radius) + np.float32(0.5), 0.0, 1.0)
    mass = cover.sum((1, 2))
    centre = np.stack([cover.sum(2) @ fine, cover.sum(1) @ fine]) / mass  # y and x, (2, N)

    def weights(about: Floats, blur: float) -> Pixels:
        distance = np.abs(fine - (about[:, None] + offsets)[..., None])
        if blur == 0.0:
            return np.asarray(np.maximum(0.0, 1.0 - distance / spread) * (step / spread), dtype=np.float32)
        variance = spread**2 / 6 + (blur * short) ** 2
        return np.asarray(np.exp(-0.5 * distance**2 / variance) * (step / np.sqrt(2 * np.pi * variance)), dtype=np.float32)

    return [weights(centre[0], b) @ cover @ weights(centre[1], b).transpose(0, 2, 1) for b in blurs]


def _turned(table: Pixels, angle: Floats) -> Pixels:
    """A field turned clockwise by each angle, (T, GRID, GRID), by bilinear look-up."""
    axis = np.linspace(-REACH, REACH, GRID)
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    dx, dy = axis[None, None, :], axis[None, :, None]
    col = np.clip((cos * dx + sin * dy + REACH) * ((GRID - 1) / (2 * REACH)), 0, GRID - 1.001)
    row = np.clip((cos * dy - sin * dx + REACH) * ((GRID - 1) / (2 * REACH)), 0, GRID - 1.001)
    c, r = col.astype(int), row.astype(int)
    fc, fr = col - c, row - r
    upper = table[r, c] * (1 - fc) + table[r, c + 1] * fc
    lower = table[r + 1, c] * (1 - fc) + table[r + 1, c + 1] * fc
    return np.asarray(upper * (1 - fr) + lower * fr, dtype=np.float32)


def fit_still(looks: Pixels, kinds: tuple[str, ...], cell: Cell) -> LookFit:
    """Kind and size of an upright actor from its aligned frames (T, SIDE, SIDE)."""
    bank, whose = _still_bank(kinds, round(cell.short, 3))
    look = looks.mean(0).ravel()
    return _decide(bank, look, whose)


def fit_turn(looks: Pixels, kinds: tuple[str, ...], cell: Cell) -> LookFit:
    """Kind and size of an actor that spins, and which way and how fast, from its aligned frames (T, SIDE, SIDE)."""
    kinds = tuple(k for k in kinds if "spins" in CAST[k].actions)
    bank = _turn_bank(kinds, round(cell.short, 3), len(looks))
    return _decide(bank, looks.ravel(), None)


def _decide(bank: LookBank, look: Pixels, whose: NDArray[np.int_] | None) -> LookFit:
    """The best drawing; each attribute's confidence is how far the best drawing that differs in it falls behind."""
    rest = np.maximum(bank.power - 2.0 * (bank.drawings @ look) + look @ look, 0.0)
    best = int(np.argmin(rest))
    share = np.sqrt(rest / bank.power + FLOOR**2)
    ratio = np.sqrt(rest / bank.power[best] + FLOOR**2)
    lost = bool(share[best] > LOST_LOOK)

    def against(column: int) -> Choice:
        rivals = bank.labels[:, column] != bank.labels[best, column]
        name = str(bank.labels[best, column])
        confidence = margin(float(ratio[best]), float(ratio[rivals].min())) if rivals.any() else 1.0
        return Choice(None if lost or confidence < SURE_LOOK else name, confidence)

    kind, size, direction, speed = (against(i) for i in range(4))
    label = bank.labels[best]
    found = (str(label[0]), str(label[1]), str(label[2]), str(label[3]))
    return LookFit(kind, size, direction, speed, found, float(share[best]), 0 if whose is None else int(whose[best]))
