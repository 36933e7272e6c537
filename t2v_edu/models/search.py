"""Chapter 13 · which sentence to say: the likeliest word each time, or the likeliest of several sentences · beam search."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from t2v_edu.recurrent import State

# The last symbols (N,) and the states after what came before → log-probabilities (N, V) of the next, and the states after.
Step = Callable[[Tensor, State], tuple[Tensor, State]]


class Said(NamedTuple):
    """A sentence as ids, the end symbol left out, and ln p of it, the end included where it came to one."""

    ids: tuple[int, ...]
    log_prob: float


@torch.no_grad()
def greedy(step: Step, state: State, first: Tensor, *, end: int = 0, longest: int = 60) -> list[Said]:
    """For N sentences at once, always the likeliest next symbol, until the end symbol or `longest` symbols.

    Args:
        step: what one symbol more leads to.  state: before the first symbol, tensors (N, ...).  first: (N,) ids it starts from.
    Raises:
        ValueError: `longest` below 1.
    """
    _check(1, longest)
    said: list[list[int]] = [[] for _ in first]
    total, is_open = torch.zeros(len(first)), torch.ones(len(first), dtype=torch.bool)
    last = first
    for _ in range(longest):
        log_probs, state = step(last, state)
        best, last = log_probs.max(1)  # (N,)
        total += best * is_open
        is_open &= last != end
        if not is_open.any():
            break
        for row in is_open.nonzero()[:, 0].tolist():
            said[row].append(int(last[row]))
    return [Said(tuple(ids), float(p)) for ids, p in zip(said, total, strict=True)]


@torch.no_grad()
def beam(step: Step, state: State, first: int, *, width: int = 4, end: int = 0, longest: int = 60) -> list[Said]:
    """For one sentence, the `width` likeliest beginnings are kept at every step; best sentence first.

    Sentences that come to their end are set aside, the best `width` of them; the search is over when no beginning that is still
    open is likelier. With width 1 it is `greedy`; a beam as wide as there are beginnings finds the likeliest of all.

    Args:
        state: before the first symbol, tensors (1, ...).  first: the id it starts from.  width: beginnings kept.
    Returns:
        at most `width` sentences.
    Raises:
        ValueError: a width or `longest` below 1.
    Source: Sutskever et al. 2014, arXiv:1409.3215, section 3.2.
    """
    _check(width, longest)
    done: list[Said] = []
    said: list[tuple[int, ...]] = [()]
    total, last = torch.zeros(1), torch.tensor([first])
    for _ in range(longest):
        log_probs, state = step(last, state)
        reached = (total[:, None] + log_probs).flatten()  # (rows · V,)
        finite = int(reached.isfinite().sum())
        best = reached.topk(min(width, finite))
        rows, ids = best.indices // log_probs.shape[1], best.indices % log_probs.shape[1]
        done += [Said(said[row], float(p)) for p, row, i in zip(best.values, rows, ids, strict=True) if i == end]
        done = sorted(done, key=lambda s: -s.log_prob)[:width]
        going = ids != end
        if len(done) == width:  # what can no longer come into the beam is dropped: to go on only ever costs
            going &= best.values > done[-1].log_prob
        if not going.any():
            return done
        said = [(*said[row], int(i)) for row, i in zip(rows[going], ids[going], strict=True)]
        total, last, state = best.values[going], ids[going], tuple(s[rows[going]] for s in state)
    cut = [Said(ids, float(p)) for ids, p in zip(said, total, strict=True)]
    return sorted([*done, *cut], key=lambda s: -s.log_prob)[:width]


def _check(width: int, longest: int) -> None:
    if width < 1 or longest < 1:
        raise ValueError(f"a beam of {width} over {longest} symbols: use 1 or more of both")
