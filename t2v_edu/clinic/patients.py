"""Chapter 11 · the small networks and the ring of captioned points that the clinic tries its programs on."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

PLACES = 8  # captions of the ring
CENTRES = 2.0 * torch.stack([(2 * math.pi * torch.arange(PLACES) / PLACES).cos(),
                             (2 * math.pi * torch.arange(PLACES) / PLACES).sin()], 1)  # (PLACES, 2)


def ring_batch(count: int, generator: torch.Generator, spread: float = 0.15) -> tuple[Tensor, Tensor]:
    """Points (count, 2), each near one of eight places on a ring, and which: one-hot captions (count, PLACES)."""
    where = torch.randint(PLACES, (count,), generator=generator)
    points = CENTRES[where] + spread * torch.randn(count, 2, generator=generator)
    return points, nn.functional.one_hot(where, PLACES).float()


def agreement(points: Tensor, text: Tensor) -> float:
    """Share of the points (N, 2) that lie within 0.6 of the place their captions (N, PLACES) ask for."""
    return float(((points - text @ CENTRES).norm(dim=1) < 0.6).float().mean())


def _layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, outputs))


class Painter(nn.Module):
    """A film x (B, 8) redrawn, with the help of a caption (B, text) where there is one."""

    def __init__(self, text: int) -> None:
        super().__init__()
        self.film, self.words = nn.Linear(8, 8), nn.Linear(text, 8)

    def forward(self, x: Tensor, text: Tensor | None = None) -> Tensor:
        """(B, 8)."""
        drawn: Tensor = self.film(x)
        return drawn if text is None else drawn + self.words(text)


class Scorer(nn.Module):
    """D: one score (B, 1) for points (B, 2) and, where there are any, captions (B, text)."""

    def __init__(self, text: int = 0, width: int = 64) -> None:
        super().__init__()
        self.text, self.layers = text, _layers(2 + text, width, 1)

    def forward(self, x: Tensor, text: Tensor | None = None) -> Tensor:
        """(B, 1)."""
        words = x.new_zeros(len(x), self.text) if text is None else text
        score: Tensor = self.layers(torch.cat([x, words], 1))
        return score


class Maker(nn.Module):
    """G: points (B, 2) from noise (B, noise) and captions (B, text)."""

    def __init__(self, text: int, noise: int = 4, width: int = 64) -> None:
        super().__init__()
        self.layers = _layers(noise + text, width, 2)

    def forward(self, z: Tensor, text: Tensor) -> Tensor:
        """(B, 2)."""
        made: Tensor = self.layers(torch.cat([z, text], 1))
        return made


class Velocity(nn.Module):
    """v(x, t, text) (B, 2) of points (B, 2) at times (B, 1) under captions (B, text); `null` (text,) stands for none."""

    def __init__(self, text: int = 0, width: int = 128) -> None:
        super().__init__()
        self.layers, self.null = _layers(3 + text, width, 2), nn.Parameter(torch.randn(text))

    def forward(self, x: Tensor, t: Tensor, text: Tensor | None = None) -> Tensor:
        """(B, 2)."""
        words = x.new_zeros(len(x), 0) if text is None else text
        v: Tensor = self.layers(torch.cat([x, t, words], 1))
        return v
