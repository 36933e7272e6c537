"""Chapter 04 · which belongs to which: InfoNCE · van den Oord et al. 2018, arXiv:1807.03748; both ways: Radford et al. 2021."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def similarities(a: Tensor, b: Tensor) -> Tensor:
    """Cosines (A, B) of every row of a (A, E) with every row of b (B, E).

    Raises:
        ValueError: another rank, or rows of different width.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"want codes (A, E) and (B, E) of one width, not {tuple(a.shape)} and {tuple(b.shape)}")
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def info_nce(scores: Tensor, same: Tensor | None = None) -> Tensor:
    """Each row picks its partner, the diagonal, out of its B candidates: mean of −log softmax(scores)ᵢᵢ, a scalar.

    Args:
        scores: (B, B), for instance cosines over a temperature.
        same: bool (B, B), True where row i and column j mean the same though they are no pair: such a candidate is neither right
            nor wrong and is left out of the row; the diagonal always stays.
    Returns:
        log B where all scores are equal; 0 in the limit of a diagonal far above the rest.
    Raises:
        ValueError: scores that are not square, `same` of another shape or dtype.
    Source: equation 4 of van den Oord et al., with the batch as the candidates.
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or not len(scores):
        raise ValueError(f"want square scores (B, B), row i and column i a pair, not {tuple(scores.shape)}")
    if same is not None:
        if same.shape != scores.shape or same.dtype != torch.bool:
            raise ValueError(f"`same` must be bool {tuple(scores.shape)}, not {same.dtype} {tuple(same.shape)}")
        own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(same & ~own, -torch.inf)
    return (scores.logsumexp(1) - scores.diagonal()).mean()


def info_nce_both(a: Tensor, b: Tensor, temperature: float | Tensor = 0.07, same: Tensor | None = None) -> Tensor:
    """½·(a picks among b + b picks among a), for B pairs of codes.

    Args:
        a, b: (B, E); row i of both is a pair. Only their directions count.
        temperature: τ > 0, what the cosines are divided by.
        same: as in `info_nce`.
    Returns:
        a scalar; log(1 + (B−1)·exp(−1/τ)) where pairs are equal and all else is at right angles.
    Raises:
        ValueError: another rank, different numbers or widths, a temperature that is not positive.
    Source: Radford et al. 2021, arXiv:2103.00020, figure 3.
    """
    if isinstance(temperature, float | int) and temperature <= 0:
        raise ValueError(f"the temperature must be positive, not {temperature}")
    scores = similarities(a, b) / temperature
    return 0.5 * (info_nce(scores, same) + info_nce(scores.T, None if same is None else same.T))
