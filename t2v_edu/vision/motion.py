"""Chapter 02 · motion by blocks: search, compensation, residual; frames in between · Jain & Jain 1981; Zhu & Ma 2000."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from t2v_edu.vision.templates import TEMPLATES, animate
from t2v_edu.vision.warp import AnyFrame, Flow, Gray, check_flow, check_frame, check_pair, grid_of, luma, sample

__all__ = ["METHODS", "TEMPLATES", "BlockMotion", "animate", "compensate", "energy", "in_between", "match_blocks", "residual"]

Ints = NDArray[np.int64]
LARGE = ((0, -2), (-1, -1), (1, -1), (-2, 0), (2, 0), (-1, 1), (1, 1), (0, 2))  # the large diamond's points (dx, dy)
SMALL = ((0, -1), (-1, 0), (1, 0), (0, 1))
SQUARE = tuple((dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dx, dy) != (0, 0))


@dataclass(frozen=True)
class BlockMotion:
    """What a block search found.

    `vectors` (rows, columns, 2), whole pixels (dx, dy): the block at (x, y) looks most like the reference at (x + dx, y + dy).
    `costs` (rows, columns): the sum of absolute differences there. `comparisons`: blocks compared, all in all.
    """

    vectors: Ints
    costs: NDArray[np.float32]
    comparisons: int
    block: int
    shape: tuple[int, int]  # (H, W) of the frame

    def flow(self) -> Flow:
        """The same vector for each pixel of a block, (H, W, 2)."""
        dense = self.vectors.repeat(self.block, axis=0).repeat(self.block, axis=1)
        return dense[: self.shape[0], : self.shape[1]].astype(np.float32)


def match_blocks(frame: AnyFrame, reference: AnyFrame, *, block: int = 16, search: int = 7,
                 method: str = "diamond") -> BlockMotion:
    """For every block of a frame, where the reference looks most like it.

    All three searches begin with standing still and move on only to what is strictly better, so a flat block stays where it is.

    Args:
        frame, reference: (H, W) or (H, W, 3), of one shape; uint8, or float in 0 to 255. Only brightness is compared.
        block: side of a block in pixels, 1 or more; blocks at the right and lower edge may reach beyond the frame, which
            goes on there as its edge is.
        search: largest step in x and in y, in pixels, 0 to 64.
        method: "exhaustive" looks everywhere; "three_step" and "diamond" look at a few places and go where it gets better.
    Raises:
        ValueError: frames that do not go together, or a block, search or method out of range.
    """
    check_pair(frame, reference)
    if block < 1 or block > min(frame.shape[:2]):
        raise ValueError(f"block {block} does not fit a frame of shape {frame.shape}; choose 1 to {min(frame.shape[:2])}")
    if not 0 <= search <= 64:
        raise ValueError(f"search {search} is out of range; choose 0 to 64 pixels")
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of: {', '.join(METHODS)}")
    state = _Search(luma(frame), luma(reference), block, search)
    METHODS[method](state)
    grid = (math.ceil(frame.shape[0] / block), math.ceil(frame.shape[1] / block))
    return BlockMotion(state.best.reshape(*grid, 2), state.cost.reshape(grid), state.comparisons, block,
                       (frame.shape[0], frame.shape[1]))


class _Search:
    """All N blocks of a frame, searching side by side: the best offset (N, 2) and cost (N,) of each so far."""

    def __init__(self, frame: Gray, reference: Gray, block: int, search: int) -> None:
        height, width = frame.shape
        down, right = -height % block, -width % block
        whole = np.pad(frame, ((0, down), (0, right)), mode="edge")
        padded = np.pad(reference, ((search, search + down), (search, search + right)), mode="edge")
        corners = np.mgrid[0 : height + down : block, 0 : width + right : block].reshape(2, -1)
        self.y, self.x = corners + search  # of each block in the padded reference
        self.blocks = sliding_window_view(whole, (block, block))[corners[0], corners[1]]  # (N, b, b)
        self.windows = sliding_window_view(padded, (block, block))
        self.limit = search
        self.best = np.zeros((len(self.x), 2), np.int64)
        self.cost = np.full(len(self.x), np.inf, np.float32)
        self.seen = np.zeros((len(self.x), 2 * search + 1, 2 * search + 1), bool)
        self.consider(np.arange(len(self.x)), self.best)

    def consider(self, which: Ints, offsets: Ints) -> None:
        """Compare some blocks (n,) at an offset each (n, 2); nothing is compared twice, or beyond the limit."""
        dx, dy = offsets.T
        new = (abs(dx) <= self.limit) & (abs(dy) <= self.limit)
        new[new] = ~self.seen[which[new], dy[new] + self.limit, dx[new] + self.limit]
        which, dx, dy = which[new], dx[new], dy[new]
        self.seen[which, dy + self.limit, dx + self.limit] = True
        difference = self.windows[self.y[which] + dy, self.x[which] + dx]
        difference -= self.blocks[which]
        cost = np.abs(difference, out=difference).sum((1, 2))
        better = cost < self.cost[which]
        self.cost[which[better]] = cost[better]
        self.best[which[better]] = np.stack([dx[better], dy[better]], -1)

    @property
    def comparisons(self) -> int:
        return int(self.seen.sum())


def _exhaustive(s: _Search) -> None:
    """Every offset, the short ones first: of equals the shortest wins."""
    everyone, reach = np.arange(len(s.x)), range(-s.limit, s.limit + 1)
    for dx, dy in sorted(((dx, dy) for dy in reach for dx in reach), key=lambda o: (o[0] ** 2 + o[1] ** 2, o[1], o[0])):
        s.consider(everyone, np.tile((dx, dy), (len(everyone), 1)))


def _three_step(s: _Search) -> None:
    """Eight neighbours at a wide step, then around the best at half of it, down to one pixel. Koga et al. 1981."""
    everyone = np.arange(len(s.x))
    steps = s.limit.bit_length()  # ±7 pixels: 4, 2, 1
    for step in (1 << k for k in reversed(range(steps))):
        centre = s.best.copy()
        for offset in SQUARE:
            s.consider(everyone, centre + step * np.array(offset))


def _diamond(s: _Search) -> None:
    """Walk with the large diamond until its middle is best, then look once around with the small one. Zhu & Ma 2000."""
    walking = np.arange(len(s.x))
    while len(walking):
        centre = s.best[walking]
        for offset in LARGE:
            s.consider(walking, centre + np.array(offset))
        walking = walking[(s.best[walking] != centre).any(1)]
    everyone, centre = np.arange(len(s.x)), s.best.copy()
    for offset in SMALL:
        s.consider(everyone, centre + np.array(offset))


METHODS: dict[str, Callable[[_Search], None]] = {"exhaustive": _exhaustive, "three_step": _three_step, "diamond": _diamond}


def compensate(reference: AnyFrame, motion: BlockMotion) -> AnyFrame:
    """The frame as its motion vectors and the reference foretell it: each block copied from where it was found.

    Args:
        reference: (H, W) or (H, W, 3), any type; beyond its edge the edge goes on.
        motion: of blocks of the frame, in this reference.
    Returns:
        The prediction, shape and type of the reference.
    Raises:
        ValueError: a reference of another size than the frame had.
    """
    check_frame(reference)
    if reference.shape[:2] != motion.shape:
        raise ValueError(f"the motion was found in frames of {motion.shape}, and the reference has {reference.shape}")
    height, width = motion.shape
    dx, dy = np.moveaxis(motion.flow().astype(np.int64), -1, 0)
    y, x = np.mgrid[:height, :width]
    prediction: AnyFrame = reference[np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
    return prediction


def residual(frame: AnyFrame, prediction: AnyFrame) -> NDArray[np.float32]:
    """What the prediction lacks: frame − prediction, float32 of their shape, -255 to 255.

    Raises:
        ValueError: two shapes.
    """
    check_pair(frame, prediction)
    lacks: NDArray[np.float32] = frame.astype(np.float32) - prediction.astype(np.float32)
    return lacks


def energy(difference: AnyFrame) -> float:
    """Mean square of a residual: what a codec still has to write down, roughly. 0 where the prediction is perfect."""
    return float(np.mean(np.square(difference, dtype=np.float64)))


# --- Frames in between -----------------------------------------------------------------------------------------------


def in_between(first: AnyFrame, second: AnyFrame, onward: AnyFrame, back: AnyFrame, share: float = 0.5) -> AnyFrame:
    """A frame that was never filmed, from the motion between two that were.

    Every pixel of either frame is carried along its vector to the moment `share`; a place that both reach takes a mixture of both
    frames, a place that only one reaches (the other does not show it) takes that one alone.

    Args:
        first, second: (H, W) or (H, W, 3), uint8, or float in 0 to 255.
        onward, back: flow from first to second and from second to first, (H, W, 2).
        share: the moment, 0 (first) to 1 (second).
    Returns:
        Shape and type of `first`.
    Raises:
        ValueError: frames or flows that do not go together, a share out of range.
    Source: after Baker et al. 2011, section 3.4, with both directions in place of filling holes by their surroundings.
    """
    check_pair(first, second)
    check_flow(onward, first)
    check_flow(back, first)
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} is no moment between two frames; choose 0 to 1")
    candidates = [_carried(onward, share), _carried(-back, 1 - share, backwards=True)]
    x, y = grid_of(first)
    pictures, errors = [], []
    for flow, known in candidates:
        from_first = sample(first, x - share * flow[..., 0], y - share * flow[..., 1])
        from_second = sample(second, x + (1 - share) * flow[..., 0], y + (1 - share) * flow[..., 1])
        pictures.append((from_first, from_second))
        off = np.abs(from_first - from_second)
        errors.append(np.where(known, off.mean(-1) if off.ndim == 3 else off, np.inf))
    seen_first, seen_second = (known for _, known in candidates)
    use_second = errors[1] < errors[0]
    weight = np.where(seen_first == seen_second, share, np.where(seen_first, 0.0, 1.0)).astype(np.float32)
    if first.ndim == 3:
        use_second, weight = use_second[..., None], weight[..., None]
    ours, theirs = (np.where(use_second, b, a) for a, b in zip(*pictures, strict=True))
    mixed = (1 - weight) * ours + weight * theirs
    return np.asarray(np.rint(mixed) if first.dtype == np.uint8 else mixed, first.dtype)


def _carried(flow: AnyFrame, share: float, *, backwards: bool = False) -> tuple[Flow, NDArray[np.bool_]]:
    """The flow as it stands at a moment: each vector laid down where it has carried its pixel by then, and where any was.

    Of several that land on one place the longest wins: what moves is mostly in front.
    """
    height, width = flow.shape[:2]
    x, y = grid_of(flow)
    sign = -1.0 if backwards else 1.0
    to_x = np.rint(x + sign * share * flow[..., 0]).astype(np.int64).ravel()
    to_y = np.rint(y + sign * share * flow[..., 1]).astype(np.int64).ravel()
    order = np.argsort(np.hypot(flow[..., 0], flow[..., 1]).ravel(), kind="stable")  # the last one laid down stays
    order = order[(to_x[order] >= 0) & (to_x[order] < width) & (to_y[order] >= 0) & (to_y[order] < height)]
    carried, known = np.zeros((height, width, 2), np.float32), np.zeros((height, width), bool)
    carried[to_y[order], to_x[order]] = flow.reshape(-1, 2)[order]
    known[to_y[order], to_x[order]] = True
    return carried, known
