"""Chapter 12 · denoising diffusion in one page: schedule, way forward, loss, two ways back · Ho et al. 2020, arXiv:2006.11239.

A step is a whole number, 0 (hardly any noise) to S − 1 (nothing but noise): the other way round from flow matching's time, where
1 is data. With ε = noise and ᾱ = `alpha_bar[step]`:

| | |
| --- | --- |
| forward | x = √ᾱ·data + √(1 − ᾱ)·ε |
| loss | E‖ε − ε̂(x, step)‖² |
| what ε̂ says of the data | data̅ = (x − √(1 − ᾱ)·ε̂) / √ᾱ |
| ancestral step | a draw from q(x of the step before given x and data̅) |
| DDIM step | √ᾱ'·data̅ + √(1 − ᾱ')·ε̂ at any earlier step: nothing is drawn |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]  # x (B, ...) and step (B,) int64 → ε̂ (B, ...)
CLEAN = -1  # the step before step 0: no noise at all


@dataclass(frozen=True)
class NoiseSchedule:
    """How much of the data is left at each step.

    Args:
        alpha_bar: (S,) ᾱ, between 0 and 1 and falling: the share of the variance that is data.
    Raises:
        ValueError: another shape, or numbers that do not fall from below 1 to above 0.
    """

    alpha_bar: Tensor

    def __post_init__(self) -> None:
        a = self.alpha_bar
        if a.ndim != 1 or not len(a) or not (a[0] < 1 and a[-1] > 0 and bool((a[1:] < a[:-1]).all())):
            raise ValueError(f"want ᾱ (S,) falling from below 1 to above 0, not {tuple(a.shape)} {a.flatten()[:4].tolist()} …")

    @classmethod
    def linear(cls, steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> NoiseSchedule:
        """ᾱ = Π(1 − β) with β on a line from `first` to `last`. Source: Ho et al., section 4."""
        return cls((1 - torch.linspace(first, last, steps, dtype=torch.float64)).cumprod(0))

    @classmethod
    def cosine(cls, steps: int = 1000, offset: float = 0.008) -> NoiseSchedule:
        """ᾱ = a squared cosine, its last betas held at 0.999. Source: Nichol & Dhariwal 2021, arXiv:2102.09672, equation 17."""
        at = torch.arange(steps + 1, dtype=torch.float64) / steps
        level = torch.cos((at + offset) / (1 + offset) * math.pi / 2).square()
        return cls((level[1:] / level[:-1]).clamp_min(1e-3).cumprod(0))

    def __len__(self) -> int:
        return len(self.alpha_bar)

    def at(self, step: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
        """√ᾱ and √(1 − ᾱ) at a step, or at one step a sample (B,), shaped to multiply `like`; (1, 0) at `CLEAN`.

        Raises:
            ValueError: a step that the schedule has not.
        """
        step = torch.as_tensor(step, device=like.device)
        if step.is_floating_point() or bool((step < CLEAN).any()) or bool((step >= len(self)).any()):
            raise ValueError(f"steps are whole numbers from {CLEAN} (clean) to {len(self) - 1}, "
                             f"not {step.dtype} {step.flatten()[:4].tolist()}")
        a = torch.where(step == CLEAN, torch.ones((), dtype=torch.float64), self.alpha_bar.to(like.device)[step])
        a = a.reshape(-1, *[1] * (like.ndim - 1))
        return a.sqrt().to(like.dtype), (1 - a).sqrt().to(like.dtype)


def diffuse(schedule: NoiseSchedule, data: Tensor, noise: Tensor, step: Tensor | int) -> Tensor:
    """The forward process: √ᾱ·data + √(1 − ᾱ)·noise, in one go to any step. Source: equation 4.

    Args:
        data, noise: (B, ...), noise drawn from N(0, 1).
        step: one for all, or (B,).
    Raises:
        ValueError: data and noise of different shapes, or a step that the schedule has not.
    """
    _same(data=data, noise=noise)
    signal, sigma = schedule.at(step, data)
    return signal * data + sigma * noise


def noise_loss(predict: Predict, schedule: NoiseSchedule, data: Tensor, noise: Tensor, step: Tensor) -> Tensor:
    """E‖ε − ε̂(x, step)‖², a mean over all numbers: a scalar. Source: equation 14, the simple loss.

    Args:
        predict: x (B, ...) and step (B,) to ε̂ (B, ...).
        data, noise: (B, ...).  step: (B,), drawn uniformly from 0 … S − 1.
    Raises:
        ValueError: as `diffuse`.
    """
    return (predict(diffuse(schedule, data, noise, step), step) - noise).square().mean()


def data_of(schedule: NoiseSchedule, x: Tensor, predicted: Tensor, step: Tensor | int) -> Tensor:
    """The data that a predicted noise ε̂ implies: (x − √(1 − ᾱ)·ε̂) / √ᾱ. Source: equation 15."""
    _same(x=x, predicted=predicted)
    signal, sigma = schedule.at(step, x)
    return (x - sigma * predicted) / signal


def ancestral_step(schedule: NoiseSchedule, x: Tensor, predicted: Tensor, step: int, fresh: Tensor) -> Tensor:
    """One step back: a draw from q(x at step − 1 given x at step and the data that ε̂ implies), a normal distribution.

    Args:
        x, predicted, fresh: (B, ...); fresh ~ N(0, 1), of which step 0 uses none.
        step: where x is.
    Raises:
        ValueError: different shapes, or a step that the schedule has not.
    Source: equations 6 and 7, with the posterior's own variance.
    """
    _same(x=x, predicted=predicted, fresh=fresh)
    (signal, sigma), (signal_to, sigma_to) = schedule.at(step, x), schedule.at(step - 1, x)
    keep = signal / signal_to  # √α of this one step
    beta = 1 - keep**2
    mean = (signal_to * beta * data_of(schedule, x, predicted, step) + keep * sigma_to**2 * x) / sigma**2
    return mean + sigma_to / sigma * beta.sqrt() * fresh


def ddim_step(schedule: NoiseSchedule, x: Tensor, predicted: Tensor, step: int, to: int) -> Tensor:
    """Straight to any other step, or to the data (`CLEAN`), keeping ε̂.

    Raises:
        ValueError: different shapes, or a step that the schedule has not.
    Source: Song et al. 2021, arXiv:2010.02502, equation 12 with σ = 0.
    """
    data = data_of(schedule, x, predicted, step)
    signal, sigma = schedule.at(to, x)
    return signal * data + sigma * predicted


def ancestral_sample(predict: Predict, schedule: NoiseSchedule, noise: Tensor, generator: torch.Generator) -> Tensor:
    """All S steps back from noise (B, ...), fresh noise from the generator at each. Source: algorithm 2."""
    x = noise
    for step in reversed(range(len(schedule))):
        fresh = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        x = ancestral_step(schedule, x, predict(x, torch.full((len(x),), step, device=x.device)), step, fresh)
    return x


def ddim_sample(predict: Predict, schedule: NoiseSchedule, noise: Tensor, steps: int) -> Tensor:
    """From noise (B, ...) to data in a few steps, evenly spread over the schedule; the same noise gives the same data.

    Raises:
        ValueError: fewer than 1 step, or more than the schedule has.
    """
    if not 1 <= steps <= len(schedule):
        raise ValueError(f"{steps} steps are out of range; this schedule has 1 to {len(schedule)}")
    stops = torch.linspace(len(schedule) - 1, CLEAN, steps + 1).round().long().tolist()
    x = noise
    for step, to in pairwise(stops):
        x = ddim_step(schedule, x, predict(x, torch.full((len(x),), step, device=x.device)), step, to)
    return x


def as_flow(schedule: NoiseSchedule, x: Tensor, step: int) -> tuple[Tensor, float]:
    """The same point seen as flow matching sees it: x / (√ᾱ + √(1 − ᾱ)) lies on (1 − t)·noise + t·data, and t.

    Only the scale and the clock differ, so a DDIM step and an Euler step of the flow are the same step.
    """
    signal, sigma = schedule.at(step, x)
    return x / (signal + sigma), float((signal / (signal + sigma)).flatten()[0])


def _same(**tensors: Tensor) -> None:
    """Shapes that merely broadcast would be a silent mistake."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError("want one shape, not " + ", ".join(f"{name} {shape}" for name, shape in shapes.items()))
