"""Chapter 12 · the average velocity, for few steps: a loss and its sampler · Geng et al. 2025, arXiv:2505.13447.

The velocity v says where to go now. The average velocity u(x, t, r) says where to go to be, in one straight stride, where the
curved path will be at time r: x_r = x_t + (r − t)·u. From (r − t)·u = ∫ v dτ (from t to r), by d/dt along the path,

    u = v + (r − t)·du/dt,    du/dt = ∂u/∂x·v + ∂u/∂t,

which needs no integral: the right side is the target of the left. In the paper 0 is data and 1 noise, hence its minus sign.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

AverageVelocity = Callable[[Tensor, Tensor, Tensor], Tensor]  # x (B, ...), t (B,), r (B,) → (B, ...)


def mean_flow_target(u: AverageVelocity, x: Tensor, t: Tensor, r: Tensor, velocity: Tensor) -> tuple[Tensor, Tensor]:
    """u(x, t, r), and what it should be: v + (r − t)·du/dt, without a gradient.

    Args:
        u: the average velocity; each sample's may depend on that sample alone.
        x: (B, ...) points on the path at time t.  t, r: (B,) from 0 to 1, t ≤ r.
        velocity: (B, ...) the velocity at (x, t): a teacher's, or data − noise, which is right on average.
    Raises:
        ValueError: shapes that do not belong together, or a time r before its t.
    Source: Geng et al., section 4.1, the MeanFlow identity.
    """
    if velocity.shape != x.shape or t.shape != x.shape[:1] or r.shape != t.shape:
        raise ValueError(f"want x and velocity of one shape (B, ...) and t, r (B,), not {tuple(x.shape)}, "
                         f"{tuple(velocity.shape)}, {tuple(t.shape)}, {tuple(r.shape)}")
    if bool((r < t).any()):
        raise ValueError(f"r is where the stride ends, so r ≥ t; here r − t goes down to {float((r - t).min()):.3g}")
    ones = torch.ones_like(t)
    here, change = torch.func.jvp(lambda x, t: u(x, t, r), (x, t), (velocity, ones))[:2]
    left = (r - t).reshape(-1, *[1] * (x.ndim - 1))
    return here, (velocity + left * change).detach()


def mean_flow_loss(u: AverageVelocity, x: Tensor, t: Tensor, r: Tensor, velocity: Tensor) -> Tensor:
    """E‖u − target‖², a mean over all numbers: a scalar; plain flow matching where r = t. Arguments as `mean_flow_target`."""
    here, target = mean_flow_target(u, x, t, r, velocity)
    return (here - target).square().mean()


def stride(u: AverageVelocity, noise: Tensor, steps: int = 1) -> Tensor:
    """From noise (B, ...) at time 0 to data at time 1 in equal strides, each one call of u.

    Raises:
        ValueError: fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps lead nowhere; use 1 or more")
    x = noise
    times = torch.linspace(0, 1, steps + 1, device=noise.device, dtype=noise.dtype)
    for t, r in pairwise(times):
        x = x + (r - t) * u(x, t.expand(len(x)), r.expand(len(x)))
    return x
