"""Chapter 13 · the round trip where every loss can be written down: a caption is a number, a film is that number and some chance.

A caption says s ~ N(0, 1). Its films are v = s + σ·u with u ~ N(0, 1): u is what the caption leaves open. The generator makes
v̂ = g·s + σ·z from its own noise z, the captioner says ŝ = d·v. Right are g = 1 and, since a film is never quite sure,
d = 1 / (1 + σ²). All losses are halves of mean squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT = 1e3  # beyond this a path has left for good and stops


@dataclass(frozen=True)
class ToyCycle:
    """A round trip and how it is learned: in turn, g steps down λ_text·L_text + λ_video·L_video + λ_pairs·L_G, then d its loss.

    Args:
        sigma: σ, how much captions leave open.
        lambda_text, lambda_video, lambda_pairs: weights of the generator's losses; the last is of real pairs of caption and film.
        honest: whether the captioner learns from real pairs alone; else it learns from λ_text·L_text + λ_video·L_video, with g.
        rate: of both.
    Raises:
        ValueError: a negative weight or σ, a rate that is not positive.
    """

    sigma: float = 0.5
    lambda_text: float = 1.0
    lambda_video: float = 0.0
    lambda_pairs: float = 0.0
    honest: bool = True
    rate: float = 0.1

    def __post_init__(self) -> None:
        for name in ("sigma", "lambda_text", "lambda_video", "lambda_pairs"):
            if not 0 <= getattr(self, name) < LIMIT:
                raise ValueError(f"{name} {getattr(self, name)}: use a number from 0 to {LIMIT:g}")
        if not 0 < self.rate <= 1:
            raise ValueError(f"rate {self.rate}: use a number above 0, at most 1")

    def losses(self, g: float, d: float) -> tuple[float, float, float, float]:
        """L_text, L_video, and of real pairs the generator's L_G and the captioner's L_C."""
        s2, off = self.sigma**2, (1 - g * d) ** 2
        return (0.5 * (off + s2 * d**2), 0.5 * (off * (1 + s2) + s2),
                0.5 * ((1 - g) ** 2 + 2 * s2), 0.5 * ((1 - d) ** 2 + s2 * d**2))

    def slope_g(self, g: float, d: float) -> float:
        """What the generator's loss changes by with g."""
        back = -d * (1 - g * d)
        return back * (self.lambda_text + self.lambda_video * (1 + self.sigma**2)) - self.lambda_pairs * (1 - g)

    def slope_d(self, g: float, d: float) -> float:
        """What the captioner's loss changes by with d."""
        s2 = self.sigma**2
        if self.honest:
            return -(1 - d) + s2 * d
        back = -g * (1 - g * d)
        return self.lambda_text * (back + s2 * d) + self.lambda_video * (1 + s2) * back

    def best_d(self) -> float:
        """1 / (1 + σ²): what real pairs teach the captioner."""
        return 1 / (1 + self.sigma**2)

    def best_g(self, d: float) -> float:
        """Where the generator's loss is least while the captioner holds still at d; NaN where nothing tells it.

        Without real pairs it is 1/d: what a cautious captioner takes off, the generator puts on.
        """
        pull = d * (self.lambda_text + self.lambda_video * (1 + self.sigma**2))
        below = pull * d + self.lambda_pairs
        return (pull + self.lambda_pairs) / below if below > 0 else float("nan")

    def path(self, g: float, d: float, rounds: int) -> NDArray[np.float64]:
        """(rounds + 1, 2): g and d at the start and after every round; it stands still once it has left."""
        points = [(g, d)]
        for _ in range(rounds):
            if max(abs(g), abs(d)) < LIMIT:
                g -= self.rate * self.slope_g(g, d)
                d -= self.rate * self.slope_d(g, d)
            points.append((g, d))
        return np.asarray(points)
