"""Chapter 11 · a very small game with a mistake in it: one real point, one made point, and a D of two numbers.

Real at 1, made at θ, D(x) = ψ·x + b, the non-saturating game of chapter 08 with a pull of γ on ψ (R1). Each mistake changes a
line of it. `widgets/js/ward_math.js` has the same functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

RATE, FRICTION, TURNS = 0.3, 0.3, 80
PATIENTS = ("twice", "shared", "frozen", "healthy", "labels", "cancels", "flees")  # in the order of their beds
DIAGNOSES = {
    "healthy": "nothing is wrong",
    "labels": "made samples are labelled real in D's turn",
    "flees": "G is trained towards “made”",
    "shared": "G's optimizer owns D's weights too",
    "cancels": "both losses run through one graph, nothing is detached",
    "twice": "a sigmoid, then a loss that has one",
    "frozen": "D never learns",
}
PROBES = ("what a perfect D pays", "how far G's loss moves D", "how far D's loss moves D", "what G's turn does to D(made)")


@dataclass(frozen=True)
class Game:
    """Where the made point is, and D's two numbers."""

    theta: float = -1.0
    psi: float = 0.0
    b: float = 0.0

    @property
    def scores(self) -> tuple[float, float]:
        """D(real), D(made)."""
        return self.psi + self.b, self.psi * self.theta + self.b


@dataclass(frozen=True)
class Pulls:
    """Gradients: of D's loss and of G's, on ψ and b, and on θ."""

    d_on_psi: float
    d_on_b: float
    g_on_psi: float
    g_on_b: float
    d_on_theta: float
    g_on_theta: float


def softplus(s: float) -> float:
    """log(1 + exp(s)), without overflow."""
    return max(s, 0.0) + math.log1p(math.exp(-abs(s)))


def sigmoid(s: float) -> float:
    """1 / (1 + exp(−s)), without overflow."""
    return (1.0 if s >= 0 else math.exp(s)) / (1.0 + math.exp(-abs(s)))


def losses(bug: str, real: float, made: float) -> tuple[float, float]:
    """L_D and L_G as the program with this mistake prints them, from D's raw scores.

    Raises:
        ValueError: no such mistake.
    """
    if bug not in DIAGNOSES:
        raise ValueError(f"no diagnosis {bug!r}; there are {', '.join(DIAGNOSES)}")
    r, f = (sigmoid(real), sigmoid(made)) if bug == "twice" else (real, made)
    on_made = softplus(-f) if bug == "labels" else softplus(f)
    return softplus(-r) + on_made, softplus(f if bug == "flees" else -f)


def pulls(bug: str, game: Game) -> Pulls:
    """Which gradients reach whom."""
    real, made = game.scores
    r, f, slope_r, slope_f = real, made, 1.0, 1.0
    if bug == "twice":
        r, f = sigmoid(real), sigmoid(made)
        slope_r, slope_f = r * (1 - r), f * (1 - f)
    on_r = -sigmoid(-r) * slope_r
    on_f = (-sigmoid(-f) if bug == "labels" else sigmoid(f)) * slope_f
    g_on_f = (sigmoid(f) if bug == "flees" else -sigmoid(-f)) * slope_f
    learns, leaks = float(bug != "frozen"), float(bug in ("shared", "cancels"))
    return Pulls(
        d_on_psi=learns * (on_r + on_f * game.theta + FRICTION * game.psi),
        d_on_b=learns * (on_r + on_f),
        g_on_psi=leaks * g_on_f * game.theta,
        g_on_b=leaks * g_on_f,
        d_on_theta=on_f * game.psi if bug == "cancels" else 0.0,
        g_on_theta=g_on_f * game.psi,
    )


def turn(bug: str, game: Game) -> Game:
    """D's turn, then G's; both at once where they share a graph."""
    p = pulls(bug, game)
    if bug == "cancels":
        return Game(game.theta - RATE * (p.d_on_theta + p.g_on_theta), game.psi - RATE * (p.d_on_psi + p.g_on_psi),
                    game.b - RATE * (p.d_on_b + p.g_on_b))
    game = Game(game.theta, game.psi - RATE * p.d_on_psi, game.b - RATE * p.d_on_b)
    p = pulls(bug, game)
    return Game(game.theta - RATE * p.g_on_theta, game.psi - RATE * p.g_on_psi, game.b - RATE * p.g_on_b)


def course(bug: str) -> list[tuple[float, float, float]]:
    """L_D, L_G and θ before each of TURNS turns, and after the last."""
    game, kept = Game(), []
    for _ in range(TURNS + 1):
        kept.append((*losses(bug, *game.scores), game.theta))
        game = turn(bug, game)
    return kept


def probes(bug: str) -> tuple[float, float, float, float]:
    """The four measurements of `PROBES`: the first at scores of 20 and −20, the others in the middle of a game."""
    game = Game(theta=-1.0, psi=0.5, b=0.5)
    p = pulls(bug, game)
    after = Game(game.theta - RATE * (p.d_on_theta + p.g_on_theta), game.psi, game.b)
    return (losses(bug, 20.0, -20.0)[0], RATE * math.hypot(p.g_on_psi, p.g_on_b), RATE * math.hypot(p.d_on_psi, p.d_on_b),
            after.scores[1] - game.scores[1])
