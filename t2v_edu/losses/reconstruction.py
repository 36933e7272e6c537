"""Chapter 07 · how far a rebuilt picture is from the original, and its code's price · Kingma & Welling 2014, arXiv:1312.6114.

| error | formula | what it sees |
| --- | --- | --- |
| half squared | ½(x − x̂)² | each pixel for itself; twice as far costs four times as much |
| absolute | |x − x̂| | each pixel for itself; twice as far costs twice as much |
| gradient difference | ||∇x| − |∇x̂|| | edges: whether neighbours differ as much as they should |
| perceptual | ½(φ(x) − φ(x̂))² | what a network φ makes of it |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

# --- Errors of a picture: frames (B, C, H, W) or videos (B, C, T, H, W) ------------------------------------------------------


def half_squared_error(rebuilt: Tensor, target: Tensor, pixels: Literal["mean", "sum"] = "mean") -> Tensor:
    """½(x − x̂)², a scalar: the mean over the batch of its mean, or its sum, over the numbers of a picture.

    The sum is −log N(x; x̂, 1) without its constant, nats: it goes with a KL that is summed over latents. The mean is the sum over
    m numbers a picture, divided by m: there β stands for m times as much.

    Args:
        rebuilt, target: (B, ...) of one shape.
        pixels: "mean" or "sum", of the numbers of one picture.
    Raises:
        ValueError: different shapes, which would be broadcast; nothing to compare; another word.
    """
    _check(rebuilt, target)
    if pixels not in ("mean", "sum"):
        raise ValueError(f"pixels {pixels!r}: choose 'mean' or 'sum'")
    error = 0.5 * (target - rebuilt).square().flatten(1)  # (B, m)
    return error.mean() if pixels == "mean" else error.sum(1).mean()


def absolute_error(rebuilt: Tensor, target: Tensor) -> Tensor:
    """|x − x̂|, a scalar, the mean over everything: best met by the median where squares ask for the mean.  Raises: as above."""
    _check(rebuilt, target)
    return (target - rebuilt).abs().mean()


def gradient_difference(rebuilt: Tensor, target: Tensor, power: float = 1.0) -> Tensor:
    """||x_i − x_{i−1}| − |x̂_i − x̂_{i−1}||^α down the columns plus the same along the rows, each a mean, a scalar.

    It does not see a constant that is added to a picture: it goes with another error.

    Args:
        rebuilt, target: (..., H, W) of one shape, with two rows and two columns or more.
        power: α.
    Raises:
        ValueError: different shapes, or a picture without neighbours.
    Source: Mathieu et al. 2016, arXiv:1511.05440, equation 6, with means for sums.
    """
    _check(rebuilt, target)
    if target.ndim < 2 or min(target.shape[-2:]) < 2:
        raise ValueError(f"want pictures (..., H, W) of two rows and columns or more, not {tuple(target.shape)}")
    columns = target.diff(dim=-2).abs() - rebuilt.diff(dim=-2).abs()  # (..., H − 1, W)
    rows = target.diff(dim=-1).abs() - rebuilt.diff(dim=-1).abs()  # (..., H, W − 1)
    return columns.abs().pow(power).mean() + rows.abs().pow(power).mean()


def perceptual_error(rebuilt: Tensor, target: Tensor, maps: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
    """½(φ(x) − φ(x̂))², a scalar: the mean over a layer's numbers, then over the layers. Only x̂ gets a gradient.

    Args:
        rebuilt, target: of one shape, whatever `maps` takes.
        maps: φ, pictures to feature maps (B, ...), one tensor a layer; for instance `FeatureNet.maps`, its weights held still.
    Raises:
        ValueError: different shapes, or no layers.
    Source: Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer", arXiv:1603.08155, equation 2.
    """
    _check(rebuilt, target)
    with torch.no_grad():
        wanted = maps(target)
    if not wanted:
        raise ValueError("`maps` gave no feature maps; give a function that returns one tensor a layer")
    errors = [half_squared_error(f, w) for f, w in zip(maps(rebuilt), wanted, strict=True)]
    return torch.stack(errors).mean()


def _check(rebuilt: Tensor, target: Tensor) -> None:
    if rebuilt.shape != target.shape or not target.numel():
        raise ValueError(f"want rebuilt and target of one shape, not {tuple(rebuilt.shape)} and {tuple(target.shape)}")


# --- The price of a code -----------------------------------------------------------------------------------------------------


def gaussian_kl(mean: Tensor, log_var: Tensor, prior: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """KL(N(mean, exp(log_var)) ‖ prior), summed over latents, one value per sample.

    Args:
        mean, log_var: (B, Z).
        prior: mean and log-variance (B, Z) of the normal distribution to compare with; N(0, 1) if left out.
    Returns:
        (B,) nats, nonnegative, 0 where the posterior is the prior.
    Source: appendix B.
    """
    there, wide = prior if prior is not None else (torch.zeros_like(mean), torch.zeros_like(log_var))
    return 0.5 * (((mean - there) ** 2 + log_var.exp()) / wide.exp() - 1 - log_var + wide).sum(-1)


def latent_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)) of every latent, a mean over the batch: (Z,) nats; a latent near 0 says nothing.

    Args:
        mean, log_var: (B, Z).
    """
    each = gaussian_kl(mean.flatten()[:, None], log_var.flatten()[:, None])  # a batch of single numbers
    return each.reshape(mean.shape).mean(0)


def kl_loss(mean: Tensor, log_var: Tensor, free: float = 0.0) -> Tensor:
    """KL(q ‖ N(0, 1)), summed over latents, a mean over the batch, a scalar in nats.

    Args:
        mean, log_var: (B, Z).
        free: nats that each latent may use for nothing, "free bits": max(free, its KL) is counted, so that it is not pressed on
            below that.
    Raises:
        ValueError: another rank, different shapes.
    Source: Kingma & Welling 2014, appendix B; free bits: Kingma et al. 2016, arXiv:1606.04934, appendix C.8.
    """
    if mean.ndim != 2 or mean.shape != log_var.shape or not mean.numel():
        raise ValueError(f"want mean and log-variance (B, Z), not {tuple(mean.shape)} and {tuple(log_var.shape)}")
    return latent_kl(mean, log_var).clamp_min(free).sum()


def reparameterise(mean: Tensor, log_var: Tensor, *, generator: torch.Generator) -> Tensor:
    """z = mean + exp(½·log_var)·ε with ε ~ N(0, 1), (B, Z): a draw that gradients pass through to mean and log-variance.

    Args:
        mean, log_var: (B, Z).
        generator: draws ε, on its own device.
    Source: section 2.4.
    """
    free = torch.randn(mean.shape, generator=generator, device=generator.device, dtype=mean.dtype)
    return mean + (0.5 * log_var).exp() * free.to(mean.device)


def beta_at(step: int, beta: float = 1.0, *, start: int = 0, end: int = 0) -> float:
    """β in the course of a run: 0 before step `start`, `beta` from step `end` on, a straight line between.

    Raises:
        ValueError: an end before the start, a negative β.
    Source: annealing: Bowman et al. 2016, arXiv:1511.06349; β itself: Higgins et al. 2017, "beta-VAE", ICLR.
    """
    if not (0 <= start <= end and beta >= 0):
        raise ValueError(f"β {beta} from step {start} to {end}: want 0 ≤ start ≤ end and a β that is not negative")
    if step < start:
        return 0.0
    return beta if step >= end else beta * (step - start) / (end - start)


@dataclass(frozen=True)
class VAELoss:
    """The terms of a variational autoencoder's loss, scalars in nats: total = error + β·KL."""

    total: Tensor
    error: Tensor
    kl: Tensor


def vae_loss(
    rebuilt: Tensor, target: Tensor, mean: Tensor, log_var: Tensor, *, beta: float = 1.0, sigma: float = 1.0, free: float = 0.0
) -> VAELoss:
    """½‖x − x̂‖² / σ² + β·KL(q(z|x) ‖ N(0, 1)): sums over pixels and over latents, means over the batch.

    With β = 1 it is −ELBO of p(x | z) = N(x̂, σ²), without the constant m·log(σ√2π).

    Args:
        rebuilt, target: (B, ...) of one shape.  mean, log_var: (B, Z).
        beta: β.  sigma: σ, how far a pixel may be off, in units of the picture.  free: as in `kl_loss`.
    Raises:
        ValueError: shapes that do not fit, a σ that is not positive.
    Source: equation 10; β: Higgins et al. 2017.
    """
    if not sigma > 0:
        raise ValueError(f"sigma {sigma}: a standard deviation must be positive")
    if len(mean) != len(target):
        raise ValueError(f"want as many codes as pictures, not {tuple(mean.shape)} for {tuple(target.shape)}")
    error = half_squared_error(rebuilt, target, "sum") / sigma**2
    kl = kl_loss(mean, log_var, free)
    return VAELoss(error + beta * kl, error, kl)


# --- Where a picture's figure is ---------------------------------------------------------------------------------------------


def where(video: Tensor, background: Tensor) -> Tensor:
    """Where the picture differs from a plain background, frame by frame: centre and spread of the squared difference.

    The squared error of two pictures says nothing about the way from one spot to another that it does not touch; the distance
    of their centres does.

    Args:
        video: (B, 3, T, H, W).
        background: (B, 3), a colour a clip; for instance that of the corners of the real clip.
    Returns:
        (B, T, 3): centre x and y and the spread (standard deviation), in [-1, 1] coordinates; near 0 where nothing is seen.
    """
    weight = (video - background[:, :, None, None, None]).square().sum(1)  # (B, T, H, W)
    x = torch.linspace(-1, 1, video.shape[4], device=video.device)
    y = torch.linspace(-1, 1, video.shape[3], device=video.device)
    mass = weight.sum((2, 3)) + 1e-3 * weight[0, 0].numel()  # (B, T)
    columns, rows = weight.sum(2), weight.sum(3)  # (B, T, W), (B, T, H)
    cx, cy = (columns @ x) / mass, (rows @ y) / mass
    variance = (columns @ x.square() + rows @ y.square()) / mass - cx**2 - cy**2
    return torch.stack([cx, cy, variance.clamp_min(1e-4).sqrt()], -1)


def corners(video: Tensor) -> Tensor:
    """Mean colour (B, 3) of the four corner pixels over time."""
    return video[..., [0, 0, -1, -1], [0, -1, 0, -1]].mean((2, 3))
