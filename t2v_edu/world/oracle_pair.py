"""Chapter 01 · reading a clip: two actors, each alone in its cell of half the side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from t2v_edu.world.oracle_actor import ActorReading, read_actor
from t2v_edu.world.oracle_ground import Cell, Choice, Pixels, margin
from t2v_edu.world.scene import DIGITS, RELATIONS, SHAPES

FULL = 40.0  # levels: a pixel that differs so much from the place counts fully, however much more it does
SURE_CELLS = 0.1  # where both relations' cells would do, how much less has to stay unexplained in the right ones, as a share
LOST_CELLS = 0.12  # share of what differs from the place that may lie outside the cells
MISSING = 0.05  # share of it that each cell has to hold


@dataclass(frozen=True)
class PairReading:
    """The relation of two actors, and each of them."""

    relation: Choice
    actors: tuple[ActorReading, ActorReading]

    @property
    def residual(self) -> float:
        """Mean of the two actors' residuals."""
        return (self.actors[0].residual + self.actors[1].residual) / 2


def cells_of(relation: str, height: int, width: int) -> tuple[Cell, Cell]:
    """The cells of the first and the second actor in a frame."""
    h, w = height / 2, width / 2
    if relation == "left_of":
        return Cell(0.0, h / 2, w, h), Cell(w, h / 2, w, h)
    return Cell(w / 2, 0.0, w, h), Cell(w / 2, h, w, h)


def read_pair(difference: Pixels, picture: Pixels, kinds: tuple[str, ...]) -> PairReading | None:
    """Read two actors; None where what differs from the place does not lie in the cells of a relation.

    A small pair on the diagonal that fits the cells of both relations has no reading either: it is both.
    """
    power = np.einsum("thwc,thwc->thw", difference, difference)
    least = max(0.25 * FULL**2, 9.0 * float(np.median(power[:: max(1, len(power) // 4)])))  # above noise
    energy = np.where(power > least, np.minimum(power, max(FULL**2, 2 * least)), 0.0).sum(0)
    total = float(energy.sum())
    if total <= 0.0:
        return None
    outside = {relation: _outside(energy, cells_of(relation, *picture.shape[:2]), total) for relation in RELATIONS}
    scores: list[float] = []
    found: list[PairReading] = []
    for relation in (r for r in RELATIONS if outside[r] <= LOST_CELLS):
        actors = [_read_cell(difference, picture, cell, kinds) for cell in cells_of(relation, *picture.shape[:2])]
        confidence = margin(outside[relation] + 0.01, sum(outside.values()) - outside[relation] + 0.01)
        found.append(PairReading(Choice(relation, confidence), (actors[0], actors[1])))
        scores.append(found[-1].residual + 2.0 * outside[relation] + actors[0].oversteps + actors[1].oversteps)
    if len(found) < 2:
        return found[0] if found else None
    best = int(np.argmin(scores))
    confidence = margin(scores[best], scores[1 - best])
    return PairReading(Choice(RELATIONS[best], confidence), found[best].actors) if confidence >= SURE_CELLS else None


def _read_cell(difference: Pixels, picture: Pixels, cell: Cell, kinds: tuple[str, ...]) -> ActorReading:
    rows, columns = _pixels(cell)
    own = Cell(cell.left - columns.start, cell.top - rows.start, cell.width, cell.height)
    plain = tuple(k for k in kinds if k in SHAPES or k in DIGITS)
    return read_actor(np.ascontiguousarray(difference[:, rows, columns]), picture[rows, columns], own, plain)


def _outside(energy: Pixels, cells: tuple[Cell, Cell], total: float) -> float:
    """Share of the energy (H, W) in neither cell; 1 where a cell has next to nothing."""
    if min(float(energy[_pixels(cell)].sum()) for cell in cells) < MISSING * total:
        return 1.0
    rest = energy.copy()
    for cell in cells:
        rest[_pixels(cell)] = 0.0
    return float(rest.sum()) / total


def _pixels(cell: Cell) -> tuple[slice, slice]:
    """Rows and columns of all pixels that a cell touches."""
    rows = slice(int(cell.top), int(np.ceil(cell.top + cell.height)))
    return rows, slice(int(cell.left), int(np.ceil(cell.left + cell.width)))
