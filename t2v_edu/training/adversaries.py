"""Chapter 08 · a game for points in the plane, played several times at once: the two updates, in plain sight."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from t2v_edu.losses.adversarial import GAMES, relativistic_d, relativistic_g
from t2v_edu.losses.penalties import clip_weights, gradient_penalty, r1_penalty, r2_penalty
from t2v_edu.models.planar_gan import Coverage, ManyNets, Mixture
from t2v_edu.training.config import at_least_one

PENALTIES = ("none", "clipping", "gradient_penalty", "spectral", "r1", "r1_r2")


@dataclass(frozen=True)
class PlanarGame:
    """The rules of one game.

    Args:
        game: one of `losses.adversarial.GAMES`, or "relativistic".
        penalty: what holds D: one of `PENALTIES`.
        strength: clipping's bound c, the slope that the spectral norm allows, a penalty's weight λ or γ.
        steps: rounds of the game.  d_steps, g_steps: updates of D, then of G, in each of them.
        lr, lr_d: Adam's learning rates of G and of D.  beta: Adam's β₁.
        batch: points of each kind in a step.
        hidden: width of both hidden layers, in both networks.  noise: numbers in z.
        runs: how many independent games, side by side.
        seed: the first run's randomness and all the others' follow from it.
    Raises:
        ValueError: a name that is none of these, a count below 1, a learning rate that is not positive and finite, or a strength
            that is negative or not finite (or 0, where it is a bound).
    """

    game: str = "non_saturating"
    penalty: str = "none"
    strength: float = 1.0
    steps: int = 1000
    d_steps: int = 1
    g_steps: int = 1
    lr: float = 5e-3
    lr_d: float = 5e-3
    beta: float = 0.5
    batch: int = 64
    hidden: int = 64
    noise: int = 4
    runs: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for value, known in ((self.game, (*GAMES, "relativistic")), (self.penalty, PENALTIES)):
            if value not in known:
                raise ValueError(f"{value!r}: choose one of {', '.join(known)}")
        at_least_one(self, "steps", "d_steps", "g_steps", "batch", "hidden", "noise", "runs")
        for name in ("lr", "lr_d"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} {getattr(self, name)}: use a positive, finite learning rate")
        if not 0 <= self.strength < math.inf:
            raise ValueError(f"strength {self.strength} is negative or not finite: use 0 or more")
        if self.strength == 0 and self.penalty in ("clipping", "spectral"):
            raise ValueError(f"strength {self.strength}: {self.penalty} needs a positive bound")


@dataclass(frozen=True)
class Played:
    """What came of a game.

    Args:
        points: at each moment watched, (R, N, 2) made points.
        coverage: of those, by the mixture.
        g, d: the networks as they ended.
    """

    points: dict[int, Tensor]
    coverage: dict[int, Coverage]
    g: ManyNets
    d: ManyNets


class SteepNets(ManyNets):
    """Networks under the spectral norm, and their scores times `slope`: no steeper than that, with leaky ReLUs between layers.

    Args:
        nets, widths, generator: as of `ManyNets`.
        slope: positive; 1 is the norm as published.
    """

    def __init__(self, nets: int, widths: tuple[int, ...], generator: torch.Generator, slope: float = 1.0) -> None:
        super().__init__(nets, widths, generator, spectral=True)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """x (R, B, in) → (R, B, out)."""
        return self.slope * super().forward(x)


def play(target: Mixture, rules: PlanarGame, watch: Sequence[int] = (), count: int = 1000) -> Played:
    """Play from random weights; look at `count` made points of each run after the steps in `watch`, and at the end.

    Raises:
        ValueError: a score that is no finite number; the step is named.
    """
    draw = torch.Generator().manual_seed(rules.seed)
    g = ManyNets(rules.runs, (rules.noise, rules.hidden, rules.hidden, 2), draw)
    widths = (2, rules.hidden, rules.hidden, 1)
    d = SteepNets(rules.runs, widths, draw, rules.strength) if rules.penalty == "spectral" else ManyNets(rules.runs, widths, draw)
    opt_g = torch.optim.Adam(g.parameters(), rules.lr, betas=(rules.beta, 0.99), foreach=True)
    opt_d = torch.optim.Adam(d.parameters(), rules.lr_d, betas=(rules.beta, 0.99), foreach=True)
    relative = rules.game == "relativistic"
    z_look = torch.randn(rules.runs, count, rules.noise, generator=draw)
    points: dict[int, Tensor] = {}

    def score(x: Tensor) -> Tensor:  # (R·B, 2) → (R·B,)
        scores: Tensor = d(x.reshape(rules.runs, -1, 2))
        return scores.flatten()

    for step in range(rules.steps + 1):
        if step in watch or step == rules.steps:
            with torch.no_grad():
                points[step] = g(z_look)
        if step == rules.steps:
            break
        for _ in range(rules.d_steps):
            real = target.sample(rules.runs, rules.batch, generator=draw).flatten(0, 1)
            with torch.no_grad():
                fake = g(torch.randn(rules.runs, rules.batch, rules.noise, generator=draw)).flatten(0, 1)
            descend(opt_d, cost_d(score, real, fake, rules, draw), f"D's loss, step {step}")
            if rules.penalty == "clipping":
                clip_weights(d, rules.strength)
        d.requires_grad_(False)  # G's loss runs through D, and changes nothing of it
        for _ in range(rules.g_steps):
            made = score(g(torch.randn(rules.runs, rules.batch, rules.noise, generator=draw)).flatten(0, 1))
            loss = relativistic_g(score(real), made) if relative else GAMES[rules.game][1](made)
            descend(opt_g, loss, f"G's loss, step {step}")
        d.requires_grad_(True)
    return Played(points, {at: target.coverage(p) for at, p in points.items()}, g, d)


def cost_d(score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, rules: PlanarGame, draw: torch.Generator) -> Tensor:
    """L_D, and what D's slope costs, a scalar: means over all runs at once; Adam does not mind the factor."""
    held = rules.penalty in ("r1", "r1_r2")
    real, fake = real.requires_grad_(held), fake.requires_grad_(held)
    on_real, on_fake = score(real), score(fake)
    loss = relativistic_d(on_real, on_fake) if rules.game == "relativistic" else GAMES[rules.game][0](on_real, on_fake)
    if held:
        loss = loss + rules.strength * r1_penalty(on_real, real)
    if rules.penalty == "r1_r2":
        loss = loss + rules.strength * r2_penalty(on_fake, fake)
    if rules.penalty == "gradient_penalty":
        mix = torch.rand(len(real), generator=draw)
        loss = loss + rules.strength * gradient_penalty(score, real, fake, mix)
    return loss


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, name: str) -> None:
    """One step down a loss."""
    if not loss.isfinite():
        raise ValueError(f"{name} is {loss.item()}; a smaller learning rate, or something that holds D, would do")
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
