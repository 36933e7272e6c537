"""Chapter 12 · flow matching for points in the plane: a field that is known exactly, and a network that learns it.

Bells of data with labels. Between noise N(0, 1) and such data the velocity, with a label and without, has a closed form, so that
samplers, guidance and networks can be held against the truth. `js/flow_math.js` holds the same functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from t2v_edu.losses.flow import Field
from t2v_edu.models.planar_gan import Mixture

GOLDEN = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True)
class MixtureFlow:
    """The exact flow from noise to some bells of data, each bell with a label.

    Args:
        data: equal bells round K centres.
        labels: (K,) int64, which label each bell has, 0 … `none` − 1. As a label, the number `none` stands for any.
    Raises:
        ValueError: not one label a bell, or a number left out.
    """

    data: Mixture
    labels: Tensor

    def __post_init__(self) -> None:
        bells, used = len(self.data.centres), sorted(set(self.labels.tolist()))
        if self.labels.shape != (bells,) or self.labels.dtype != torch.int64 or used != list(range(len(used))):
            raise ValueError(f"want a label 0, 1, 2 … for each of {bells} bells, int64 ({bells},) with none left out, "
                             f"not {self.labels.dtype} {self.labels.tolist()}")

    @property
    def none(self) -> int:
        """The label that says nothing."""
        return int(self.labels.max()) + 1

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (count, 2) and their labels (count,)."""
        which = torch.randint(len(self.labels), (count,), generator=generator)
        points = self.data.centres[which] + self.data.spread * torch.randn(count, 2, generator=generator)
        return points, self.labels[which]

    def velocity(self, x: Tensor, t: Tensor, label: Tensor | int | None = None) -> Tensor:
        """E[data − noise | x_t = x]: the mean over all pairs whose straight line passes x at time t.

        Args:
            x: (B, 2).  t: (B,) or a scalar, 0 (noise) to 1 (data).
            label: (B,) or one for all; `none`, or nothing, for any.
        Returns:
            (B, 2).
        Raises:
            ValueError: another shape, or a label that no bell has.
        """
        if x.ndim != 2 or x.shape[1] != 2:
            raise ValueError(f"want points (B, 2), not {tuple(x.shape)}")
        t = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1, 1)
        centres, s = self.data.centres.to(x.dtype), self.data.spread
        variance = (1 - t) ** 2 + (t * s) ** 2  # of x_t round t·centre, in each bell
        away = x[:, None] - t * centres  # (B, K, 2)
        likely = -0.5 * away.square().sum(-1) / variance[..., 0]  # (B, K) log-likelihood of x_t, up to a constant
        share = likely.masked_fill(~self._fits(label), -torch.inf).softmax(-1)  # which bell a point here comes from
        pull = centres + ((t * s * s - (1 - t)) / variance) * away  # (B, K, 2) E[data − noise | x_t, bell]
        mean: Tensor = (share[..., None] * pull).sum(1)
        return mean

    def guided(self, x: Tensor, t: Tensor, label: Tensor | int, weight: float) -> Tensor:
        """v(∅) + weight·(v(label) − v(∅)): 0 ignores the label, 1 is the exact conditional field, more exaggerates."""
        anything = self.velocity(x, t)
        return anything + weight * (self.velocity(x, t, label) - anything)

    def right(self, points: Tensor, label: Tensor | int) -> Tensor:
        """(N,) bool: whether a point's nearest bell has the label (or the label is `none`) and is at most three spreads away."""
        away, nearest = (points[:, None] - self.data.centres.to(points.dtype)).norm(dim=-1).min(-1)
        fits: Tensor = (self.labels[nearest] == label) | (torch.as_tensor(label) == self.none)
        return fits.logical_and(away <= 3 * self.data.spread)

    def _fits(self, label: Tensor | int | None) -> Tensor:
        """(B or 1, K) which bells a label admits."""
        label = torch.as_tensor(self.none if label is None else label).reshape(-1, 1)
        if bool((label < 0).any()) or bool((label > self.none).any()):
            raise ValueError(f"labels are 0 to {self.none - 1}, and {self.none} for any, not {label.flatten()[:4].tolist()}")
        return (label == self.none) | (label == self.labels)


def three_bells(spread: float = 0.45) -> MixtureFlow:
    """Three bells that overlap, labels 0, 1 and 2: at (−1.2, 0.6), (1.2, 0.6) and (0, −1.2)."""
    return MixtureFlow(Mixture(torch.tensor([[-1.2, 0.6], [1.2, 0.6], [0.0, -1.2]]), spread), torch.arange(3))


def walk(solver: Callable[[Field, Tensor, Tensor], Tensor], field: Field, noise: Tensor, steps: int) -> Tensor:
    """(steps + 1, B, 2): noise (B, 2), and where each of some equal steps from t = 0 to 1 leads; for drawing paths.

    Args:
        solver: `losses.flow.euler` or `heun`.
    Raises:
        ValueError: no step.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps lead nowhere; use 1 or more")
    at, stops = torch.linspace(0, 1, steps + 1, dtype=noise.dtype), [noise]
    for i in range(steps):
        stops.append(solver(field, stops[-1], at[i : i + 2]))
    return torch.stack(stops)


def even_noise(count: int) -> Tensor:
    """(count, 2) points spread as evenly over N(0, 1) as points on a sunflower: noise without chance, for pictures."""
    i = torch.arange(count, dtype=torch.float64)
    radius = (-2 * torch.log1p(-(i + 0.5) / count)).sqrt()
    return torch.stack([radius * (GOLDEN * i).cos(), radius * (GOLDEN * i).sin()], 1)


def energy_distance(a: Tensor, b: Tensor) -> float:
    """√(2E‖a − b‖ − E‖a − a'‖ − E‖b − b'‖): how far two heaps of points (N, D), (M, D) are apart as distributions; 0 if alike.

    From samples alone, with no network: pairs of a point with itself are left out, so that chance gives 0 on average (a value
    below 0 under the root counts as 0).

    Raises:
        ValueError: heaps of fewer than two points or of different width.
    Source: Székely & Rizzo 2013, "Energy statistics: a class of statistics based on distances".
    """
    if min(len(a), len(b)) < 2 or a.shape[1:] != b.shape[1:] or a.ndim != 2:
        raise ValueError(f"want two heaps (N, D), (M, D) of at least two points each, not {tuple(a.shape)} and {tuple(b.shape)}")
    within = [torch.cdist(x, x).sum() / (len(x) * (len(x) - 1)) for x in (a, b)]
    return float((2 * torch.cdist(a, b).mean() - within[0] - within[1]).clamp_min(0).sqrt())


class PointNet(nn.Module):
    """A velocity for points in the plane: a small network of x, t and a label; with a second time, an average velocity.

    Args:
        labels: how many; number `labels` is the one that says nothing.
        width: of its three hidden layers.
        generator: draws the initial weights.
    """

    def __init__(self, labels: int, width: int = 96, *, generator: torch.Generator) -> None:
        super().__init__()
        self.none = labels
        self.label = nn.Parameter(torch.randn(labels + 1, width, generator=generator))
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise([2 + 10, width, width, width, 2]))
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5, generator=generator)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None, r: Tensor | None = None) -> Tensor:
        """x (B, 2) at time t (B,), label (B,) int64 or none at all → (B, 2): v(x, t), or u(x, t, r) where r (B,) is given."""
        stride = torch.zeros_like(t) if r is None else r - t
        label = self.label[self.none] if label is None else self.label[label]
        waves = [f(k * math.pi * at) for at in (t, stride) for k in (1, 2) for f in (torch.sin, torch.cos)]
        h: Tensor = self.layers[0](torch.cat([x, torch.stack([t, stride, *waves], 1)], 1)) + label
        for layer in list(self.layers)[1:]:
            h = layer(nn.functional.silu(h))
        return h
