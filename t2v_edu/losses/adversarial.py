"""Chapter 08 · the two players' losses, on raw scores; higher means "real" · Goodfellow et al. 2014, arXiv:1406.2661."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))], a scalar. Source: Lim & Ye 2017, arXiv:1705.02894."""
    return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()


def hinge_g(fake: Tensor) -> Tensor:
    """L_G = −E[D(G(z))], a scalar, for the hinge game."""
    return -fake.mean()


def non_saturating_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = −E[log σ(D(x))] − E[log(1 − σ(D(G(z))))], a scalar; log 4 when D cannot tell. Source: Goodfellow, equation 1."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def non_saturating_g(fake: Tensor) -> Tensor:
    """L_G = −E[log σ(D(G(z)))], a scalar: strong gradients where D is sure. Source: Goodfellow, section 3."""
    return F.softplus(-fake).mean()


GAMES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "hinge": (hinge_d, hinge_g),
    "non_saturating": (non_saturating_d, non_saturating_g),
}


def r1_penalty(score: Tensor, real: Tensor) -> Tensor:
    """½·E[‖∇ₓ D(x)‖²] at real data, a scalar to be weighted by γ. Source: Mescheder et al. 2018, arXiv:1801.04406.

    Args:
        score: (B,) D's score of `real`, computed with `real.requires_grad`.
        real: (B, ...) the data.
    """
    (gradient,) = torch.autograd.grad(score.sum(), real, create_graph=True)
    return 0.5 * gradient.flatten(1).square().sum(1).mean()
