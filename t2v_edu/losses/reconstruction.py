"""Chapter 07 · the price of a code · Kingma & Welling 2014, arXiv:1312.6114."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_kl(mean: Tensor, log_var: Tensor, prior: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """KL(N(mean, exp(log_var)) ‖ prior), summed over latents, one value per sample.

    Args:
        mean, log_var: (B, Z), nats.
        prior: mean and log-variance (B, Z) of the normal distribution to compare with; N(0, 1) if left out.
    Returns:
        (B,) nonnegative, 0 where the posterior is the prior.
    Source: appendix B.
    """
    there, wide = prior if prior is not None else (torch.zeros_like(mean), torch.zeros_like(log_var))
    return 0.5 * (((mean - there) ** 2 + log_var.exp()) / wide.exp() - 1 - log_var + wide).sum(-1)


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
