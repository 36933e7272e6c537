"""Chapter 08 · what keeps a discriminator from becoming too steep · Gulrajani et al. 2017, Mescheder et al. 2018.

R1 and R2 pull its slope to 0 on real or on made samples; the gradient penalty pulls it to 1 between them; clipping and spectral
norm leave it no choice.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


def r1_penalty(score: Tensor, real: Tensor) -> Tensor:
    """½·E[‖∇ₓ D(x)‖²] at real data, a scalar to be weighted by γ. Source: Mescheder et al. 2018, arXiv:1801.04406.

    Args:
        score: (B,) D's score of `real`, computed with `real.requires_grad`.
        real: (B, ...) the data.
    """
    return 0.5 * _slopes(score, real).square().sum(1).mean()


def r2_penalty(score: Tensor, fake: Tensor) -> Tensor:
    """½·E[‖∇ₓ D(x)‖²] at made samples, a scalar to be weighted by γ. Source: as R1.

    Args:
        score: (B,) D's score of `fake`, computed with `fake.requires_grad`.
        fake: (B, ...) what the generator made, detached from it.
    """
    return r1_penalty(score, fake)


def gradient_penalty(d: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """E[(‖∇ₓ̂ D(x̂)‖ − 1)²] on the way between real and made, x̂ = mix·x + (1 − mix)·G(z); a scalar to be weighted by λ.

    Each sample's score may depend on that sample alone: with batch normalisation in D the gradient means something else.

    Args:
        d: samples (B, ...) → scores (B,).
        real, fake: (B, ...), paired at random; no gradient reaches the generator from here.
        mix: (B,) in [0, 1], drawn uniformly and anew at each step.
    Raises:
        ValueError: real and fake of different shapes, or not one number in `mix` for each pair.
    Source: Gulrajani et al. 2017, arXiv:1704.00028, equation 3.
    """
    if real.shape != fake.shape or mix.shape != real.shape[:1]:
        raise ValueError(f"want real and fake of one shape and mix ({len(real)},), not {tuple(real.shape)}, {tuple(fake.shape)} "
                         f"and {tuple(mix.shape)}")
    share = mix.reshape(-1, *[1] * (real.ndim - 1))
    between = (share * real.detach() + (1 - share) * fake.detach()).requires_grad_()
    slope: Tensor = torch.linalg.vector_norm(_slopes(d(between), between), dim=1)
    return (slope - 1).square().mean()


def _slopes(score: Tensor, x: Tensor) -> Tensor:
    """The gradient of each sample's score at that sample, (B, numbers of a sample); it can itself be differentiated."""
    if not x.requires_grad or score.grad_fn is None:
        raise ValueError("D must be asked about samples with requires_grad; call requires_grad_() on them before")
    (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    return gradient.flatten(1)


@torch.no_grad()
def clip_weights(d: nn.Module, bound: float) -> None:
    """Force every weight of D into [−bound, bound], in place; after each of D's updates.

    Source: Arjovsky et al. 2017, algorithm 1, who call it "a clearly terrible way" to keep D's slope in bounds.

    Raises:
        ValueError: a bound that is not positive.
    """
    if not bound > 0:
        raise ValueError(f"the bound must be positive, not {bound}")
    for weight in d.parameters():
        weight.clamp_(-bound, bound)


def power_iteration(weight: Tensor, u: Tensor, steps: int = 1) -> tuple[Tensor, Tensor]:
    """The largest singular value σ of a matrix, by multiplying again and again.

    Args:
        weight: (..., O, I); what stands for ... are several matrices at once.
        u: (..., O) of length 1, a guess at where the matrix stretches most: the last call's.
    Returns:
        σ (...), from below, with a gradient to `weight`; and the better guess (..., O).
    Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
    """
    normalise = nn.functional.normalize
    with torch.no_grad():
        v = normalise((weight.mT @ u[..., None])[..., 0], dim=-1)
        for i in range(steps):
            v = v if i == 0 else normalise((weight.mT @ u[..., None])[..., 0], dim=-1)
            u = normalise((weight @ v[..., None])[..., 0], dim=-1)
    sigma: Tensor = (u * (weight @ v[..., None])[..., 0]).sum(-1)
    return sigma, u


class SpectralNorm(nn.Module):
    """W ↦ W / σ(W): with slopes of at most 1 between them, layers so normalised make a D that is 1-Lipschitz.

    A convolution's kernel is taken as a matrix (O, I·H·W), as in the paper; its true norm as a convolution may be larger.
    In training each forward pass does one step of the power iteration.
    """

    u: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        start = nn.functional.normalize(torch.randn(len(weight), dtype=weight.dtype, device=weight.device), dim=0)
        self.register_buffer("u", power_iteration(weight.detach().flatten(1), start, 30)[1])

    def forward(self, weight: Tensor) -> Tensor:
        sigma, u = power_iteration(weight.flatten(1), self.u, int(self.training))
        self.u = u
        return weight / sigma


def normalise_spectrally(d: nn.Module) -> nn.Module:
    """Put `SpectralNorm` on the weight of every linear layer and convolution of D, in place.

    Raises:
        ValueError: a D without such layers.
    """
    layers = [m for m in d.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    if not layers:
        raise ValueError(f"{type(d).__name__} has no linear layer and no convolution to normalise")
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight))
    return d
