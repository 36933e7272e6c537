"""Chapter 08 · points in the plane: mixtures with modes to be counted, and networks that play for them, several at once."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from t2v_edu.losses.penalties import power_iteration

SLOPE = 0.2  # of the leaky ReLU where it leaks


@dataclass(frozen=True)
class Mixture:
    """Equal bells round some centres in the plane: data whose modes can be counted.

    Args:
        centres: (K, 2).
        spread: standard deviation of each bell in x and in y.
    Raises:
        ValueError: another shape, or a spread that is not positive.
    """

    centres: Tensor
    spread: float

    def __post_init__(self) -> None:
        if self.centres.ndim != 2 or self.centres.shape[1] != 2 or not len(self.centres) or not self.spread > 0:
            raise ValueError(f"want centres (K, 2) and a positive spread, not {tuple(self.centres.shape)} and {self.spread}")

    def sample(self, *shape: int, generator: torch.Generator) -> Tensor:
        """(*shape, 2)."""
        which = torch.randint(len(self.centres), shape, generator=generator)
        return self.centres[which] + self.spread * torch.randn(*shape, 2, generator=generator)

    def coverage(self, points: Tensor) -> Coverage:
        """Which modes some points hit, and how many of the points hit any.

        Args:
            points: (..., N, 2); what stands for ... are several sets of points.
        Raises:
            ValueError: another shape, or no points.
        """
        if points.ndim < 2 or points.shape[-1] != 2 or not points.shape[-2]:
            raise ValueError(f"want points (..., N, 2), at least one, not {tuple(points.shape)}")
        away, nearest = (points[..., None, :] - self.centres).norm(dim=-1).min(-1)  # (..., N)
        good = away <= 3 * self.spread
        hits = nn.functional.one_hot(nearest, len(self.centres)) * good[..., None]
        shares = hits.sum(-2) / points.shape[-2]  # (..., K)
        return Coverage((shares >= 0.1 / len(self.centres)).sum(-1), good.float().mean(-1), shares)


@dataclass(frozen=True)
class Coverage:
    """How a set of points covers a mixture.

    Args:
        modes: (...) int, modes that get at least a tenth of their fair share of the points.
        good: (...) share of the points within three spreads of a centre; of real ones 0.989, as 1 − exp(−9/2) says.
        shares: (..., K) share of the points that hit each mode.
    """

    modes: Tensor
    good: Tensor
    shares: Tensor


def ring(modes: int = 8, radius: float = 2.0, spread: float = 0.2) -> Mixture:
    """Bells on a circle.

    Raises:
        ValueError: no modes, or a spread that is not positive.
    """
    turn = 2 * math.pi * torch.arange(modes) / max(modes, 1)
    return Mixture(radius * torch.stack([turn.cos(), turn.sin()], 1), spread)


def grid(side: int = 5, width: float = 4.0, spread: float = 0.1) -> Mixture:
    """Bells on a square of side × side places, `width` from the first to the last.

    Raises:
        ValueError: no modes, or a spread that is not positive.
    """
    line = torch.linspace(-width / 2, width / 2, side)
    return Mixture(torch.cartesian_prod(line, line), spread)


class ManyNets(nn.Module):
    """Small networks of one form side by side, each with weights of its own: as many runs of a game for the time of about one.

    Args:
        nets: R, how many.
        widths: numbers that come in, numbers of each hidden layer, numbers that go out.
        generator: draws the initial weights.
        spectral: divide every weight matrix by its largest singular value.
    """

    def __init__(self, nets: int, widths: tuple[int, ...], generator: torch.Generator, *, spectral: bool = False) -> None:
        super().__init__()
        self.spectral = spectral
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for i, (a, b) in enumerate(itertools.pairwise(widths)):
            gain = math.sqrt(2 / (1 + SLOPE**2)) if i < len(widths) - 2 else 1.0
            self.weights.append(nn.Parameter(gain / math.sqrt(a) * torch.randn(nets, b, a, generator=generator)))
            self.biases.append(nn.Parameter(torch.zeros(nets, 1, b)))
            self.register_buffer(f"u{i}", nn.functional.normalize(torch.randn(nets, b, generator=generator), dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """x (R, B, in) → (R, B, out)."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if i:
                x = nn.functional.leaky_relu(x, SLOPE)
            x = torch.baddbmm(bias, x, self.matrix(i, weight).mT)
        return x

    def matrix(self, i: int, weight: Tensor) -> Tensor:
        """Layer i's weights as they are used, (R, out, in)."""
        if not self.spectral:
            return weight
        sigma, u = power_iteration(weight, getattr(self, f"u{i}"), int(self.training))
        setattr(self, f"u{i}", u)
        return weight / sigma[:, None, None]
