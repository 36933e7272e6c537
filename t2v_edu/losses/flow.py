"""Chapter 12 · flow matching: a straight path from noise to data, its velocity, the loss, and the way along it.

    x_t = (1 − t)·noise + t·data        t = 0 is noise, t = 1 is data
    velocity = data − noise             the derivative of x_t by t

A net that is asked for the velocity at x_t, where it cannot know which noise and which data met there, learns their mean; to
follow that mean field from a draw of noise leads to a draw of data.

Source: Lipman et al. 2023, "Flow Matching for Generative Modeling", arXiv:2210.02747; Liu et al. 2023, "Flow Straight and
Fast", arXiv:2209.03003.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]  # x (B, ...) and t (B,) in [0, 1], to the velocity (B, ...)


def interpolate(noise: Tensor, data: Tensor, t: Tensor) -> Tensor:
    """x_t on the straight path.

    Args:
        noise, data: (B, ...) of one shape.
        t: (B,) in [0, 1].
    Raises:
        ValueError: shapes that differ, or t that is not one number per sample.
    """
    if noise.shape != data.shape or t.shape != data.shape[:1]:
        raise ValueError(f"noise {tuple(noise.shape)} and data {tuple(data.shape)} must have one shape, t one number for each "
                         f"sample, not {tuple(t.shape)}")
    t = t.reshape(-1, *[1] * (data.ndim - 1))
    return (1 - t) * noise + t * data


def velocity(noise: Tensor, data: Tensor) -> Tensor:
    """The derivative of `interpolate` by t: the same all along the path."""
    return data - noise


def logit_normal(count: int, generator: torch.Generator, *, mean: float = 0.0, deviation: float = 1.0) -> Tensor:
    """(count,) times between 0 and 1, most of them in the middle, where the velocity is hardest to say: σ(normal).

    Source: Esser et al. 2024, "Scaling Rectified Flow Transformers", arXiv:2403.03206.
    """
    return torch.sigmoid(mean + deviation * torch.randn(count, generator=generator))


def flow_matching_loss(field: Field, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """(B,) mean squared error of the field's velocity at x_t.

    Args:
        field: the net, (x, t) → velocity.
        data, noise: (B, ...).  t: (B,) in [0, 1].
    """
    off = field(interpolate(noise, data, t), t).float() - velocity(noise, data)
    return off.square().flatten(1).mean(1)


def guide(told: Tensor, untold: Tensor, weight: float) -> Tensor:
    """Velocity with guidance: beyond what the caption changes. 0 forgets the caption, 1 is plain, 2 goes as far again.

    Source: Ho & Salimans 2022, "Classifier-Free Diffusion Guidance", arXiv:2207.12598.
    """
    return untold + weight * (told - untold)


def times(steps: int, *, shift: float = 1.0) -> Tensor:
    """(steps + 1,) from 0 to 1; a shift above 1 spends more of them near noise: t / (t + shift·(1 − t)).

    Raises:
        ValueError: no step, or a shift that is not positive.
    """
    if steps < 1 or not shift > 0:
        raise ValueError(f"{steps} steps with shift {shift}: use 1 step or more and a shift above 0")
    t = torch.linspace(0, 1, steps + 1)
    return t / (t + shift * (1 - t))


def euler(field: Field, noise: Tensor, at: Tensor) -> Tensor:
    """Follow a field by straight pieces: one look at the field for each.

    Args:
        field: (x, t) → velocity.
        noise: (B, ...), x at time at[0].
        at: (N + 1,) rising times, see `times`.
    Returns:
        x at time at[-1].
    """
    *_, x = euler_steps(field, noise, at)
    return x


def euler_steps(field: Field, noise: Tensor, at: Tensor) -> Iterator[Tensor]:
    """The same, with x at every one of the times."""
    x = noise
    yield x
    for now, then in itertools.pairwise(at):
        x = x + (then - now) * field(x, now.expand(len(x)))
        yield x


def heun(field: Field, noise: Tensor, at: Tensor) -> Tensor:
    """The same by the mean of the velocities at both ends of each piece: twice the looks, and an error of second order.

    Source: Heun 1900; Karras et al. 2022, arXiv:2206.00364, algorithm 1 for its use in sampling.
    """
    x = noise
    for now, then in itertools.pairwise(at):
        here = field(x, now.expand(len(x)))
        there = field(x + (then - now) * here, then.expand(len(x)))
        x = x + (then - now) * (here + there) / 2
    return x


def renoise(field: Field, noise: Tensor, at: Tensor, fresh: float | Sequence[float], generator: torch.Generator) -> Tensor:
    """The same as `euler` with some of the noise drawn anew at every step, so that later looks can mend what earlier ones did.

    A velocity at x_t points at data, x_t + (1 − t)·velocity, and at noise, x_t − t·velocity. Euler's step puts x between the two
    at the next time s; here the noise is first mixed with new noise, its variance unchanged. How much: as much as keeps the share
    of data and noise right however many steps there are, √(1 − (λ_s / λ_t)²) with λ = (1 − t) / t, times `fresh`.

    Args:
        fresh: 0 is `euler`, 1 the ancestral sampling of DDPM; one number, or one for each sample.
        generator: where the new noise is drawn, on the CPU.
    Raises:
        ValueError: `fresh` outside 0 to 1, or of another length than the samples.
    Source: Song, Meng & Ermon 2021, "Denoising Diffusion Implicit Models", arXiv:2010.02502, equations 12 and 16.
    """
    most = torch.as_tensor(fresh, dtype=noise.dtype, device=noise.device)
    if most.shape not in ((), noise.shape[:1]) or not ((most >= 0) & (most <= 1)).all():
        raise ValueError(f"fresh {fresh}: use a number from 0 to 1, or one for each of {len(noise)} samples")
    most = most.view(-1, *[1] * (noise.ndim - 1))
    x = noise
    for now, then in itertools.pairwise(at):
        v = field(x, now.expand(len(x)))
        new = torch.randn(x.shape, generator=generator).to(x)
        share = most * torch.sqrt(1 - ((1 - then) * now / (then * (1 - now))) ** 2)
        mixed = torch.sqrt(1 - share**2) * (x - now * v) + share * new
        x = then * (x + (1 - now) * v) + (1 - then) * mixed
    return x


def look_again(field: Field, x: Tensor, t: float, looks: int, generator: torch.Generator) -> Tensor:
    """A sample looked at again through several draws of noise: the mean of the data that one look through each says it is.

    Noise is mixed in until the sample stands at time t. Chance errors that the steps of its way have left drown there. What the
    net makes out through all the noises alike stays in the mean; what one look believes and the next does not is gone.

    Args:
        x: (B, ...), as a sampler ends with.
        t: where to look from, in (0, 1): so much noise that small errors drown, so little that everything else is seen.
        looks: how many draws of noise.
        generator: where the noise is drawn, on the CPU.
    Raises:
        ValueError: t that is not between 0 and 1, or no look.
    Source: noise put back so as to mend a sample: Meng et al. 2022, "SDEdit", arXiv:2108.01073; Xu et al. 2023, "Restart Sampling
        for Improving Generative Processes", arXiv:2306.14878, where the sampler walks on from one draw.
    """
    if not 0 < t < 1 or looks < 1:
        raise ValueError(f"looking again at t = {t} with {looks} looks: use a time between 0 and 1, and 1 look or more")
    at = torch.full((len(x),), t, device=x.device)
    seen = []
    for _ in range(looks):
        mixed = interpolate(torch.randn(x.shape, generator=generator).to(x), x, at)
        seen.append(mixed + (1 - t) * field(mixed, at))
    return torch.stack(seen).mean(0)
