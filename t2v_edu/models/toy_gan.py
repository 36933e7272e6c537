"""Chapter 08 · the smallest games: two bells with the best discriminator known, one parameter a player · Mescheder et al. 2018.

Two bells: real x ~ N(0, 1), made G(z) = m + s·z. What D ought to be, both losses, their gradients and both distances are known
to as many digits as one likes. One parameter a player: G(z) = θ + noise·z, D(x) = ψ·x, and every update is a step in the plane of
(θ, ψ). `js/gan_math.js` holds the same functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Z: Array = np.linspace(-9.0, 9.0, 721)  # E[f(z)] of a smooth f is a plain sum over these, exact to about 1e-13
WEIGHT: Array = np.exp(-0.5 * Z**2) / np.exp(-0.5 * Z**2).sum()

BEST = ("minimax", "non_saturating", "least_squares", "wasserstein")  # hinge's best D is a staircase: no slope, nothing to see
GAMES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")
PENALTIES = ("none", "r1", "gradient_penalty", "clipping")
FAR = 1e6  # beyond this an update is taken no further


def softplus(s: Array) -> Array:
    """log(1 + exp(s)), without overflow."""
    return np.maximum(s, 0.0) + np.log1p(np.exp(-np.abs(s)))


def sigmoid(s: Array) -> Array:
    """1 / (1 + exp(−s)), without overflow."""
    return np.where(s >= 0, 1.0, np.exp(-np.abs(s))) / (1.0 + np.exp(-np.abs(s)))


# --- Two bells: real N(0, 1), made N(m, s²) ------------------------------------------------------------------------------


@dataclass(frozen=True)
class BellPair:
    """Real x ~ N(0, 1) against made G(z) = mean + spread·z, z ~ N(0, 1).

    Raises:
        ValueError: a spread that is not positive, or numbers that are not finite.
    """

    mean: float
    spread: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and math.isfinite(self.spread) and self.spread > 0):
            raise ValueError(f"mean {self.mean}, spread {self.spread}: want finite numbers and a positive spread")

    @property
    def made(self) -> Array:
        """G(z) at the points `Z`."""
        return self.mean + self.spread * Z

    def log_ratio(self, x: Array) -> Array:
        """log p(x)/q(x), nats: real over made. Where a sigmoid follows the score, the best D is this: σ(D*) = p/(p + q)."""
        ratio: Array = math.log(self.spread) + 0.5 * ((x - self.mean) / self.spread) ** 2 - 0.5 * x**2
        return ratio

    def best_d(self, game: str, x: Array) -> Array:
        """The score D*(x) that makes L_D least: over all functions, or for Wasserstein over those of slope 1 at most.

        Raises:
            ValueError: a game whose best D is not known here.
        """
        if game in ("minimax", "non_saturating"):
            return self.log_ratio(x)
        if game == "least_squares":
            return sigmoid(self.log_ratio(x))
        if game == "wasserstein":  # a roof or a valley, its edge where as much of both lies to the left, 0 at 0
            crossing, sign = self._roof()
            return x * sign if crossing is None else sign * (np.abs(x - crossing) - abs(crossing))
        raise ValueError(f"game {game!r}: the best D is known for {', '.join(BEST)}")

    def best_slope(self, game: str, x: Array) -> Array:
        """d D*(x) / dx: what G feels of D."""
        slope = (x - self.mean) / self.spread**2 - x
        if game == "least_squares":
            p = sigmoid(self.log_ratio(x))
            return p * (1 - p) * slope
        if game == "wasserstein":
            crossing, sign = self._roof()
            return np.full_like(x, sign) if crossing is None else sign * np.sign(x - crossing)
        self.best_d(game, x[:0])
        return slope

    def _roof(self) -> tuple[float | None, float]:
        """Where the two distribution functions cross, and the slope of D* to the right of it; no crossing for equal spreads."""
        if self.spread == 1:
            return None, float(np.sign(-self.mean))
        return self.mean / (1 - self.spread), float(np.sign(1 - self.spread))

    def losses(self, game: str) -> tuple[float, float]:
        """L_D and L_G at the best D, by the formulas of `losses.adversarial`."""
        real, fake = self.best_d(game, Z), self.best_d(game, self.made)
        if game == "least_squares":
            return _mean(0.5 * (real - 1) ** 2 + 0.5 * fake**2), _mean(0.5 * (fake - 1) ** 2)
        if game == "wasserstein":  # the roof has a corner, so no sum over points: −W₁, and E|x − c| of a bell
            return -self.w1(), -self._mean_roof()
        on_d = _mean(softplus(-real) + softplus(fake))
        return on_d, _mean(-softplus(fake) if game == "minimax" else softplus(-fake))

    def gradients(self, game: str) -> tuple[float, float]:
        """(∂L_G/∂mean, ∂L_G/∂spread) with D* held still, as in G's update: E[ℓ'(D*(G(z)))·D*'(G(z))·(1, z)]."""
        if game == "wasserstein":
            crossing, sign = self._roof()
            if crossing is None:
                return -sign, 0.0
            t = (crossing - self.mean) / self.spread
            return -sign * (1 - 2 * _phi(t)), -sign * 2 * math.exp(-0.5 * t * t) / math.sqrt(2 * math.pi)
        fake, slope = self.best_d(game, self.made), self.best_slope(game, self.made)
        felt = pulls(game, fake, fake)[2] * slope
        return _mean(felt), _mean(felt * Z)

    def js(self) -> float:
        """Jensen–Shannon divergence of real and made, nats, 0 to log 2. There is no closed form: the integral, by a sum."""
        return math.log(2) - 0.5 * _mean(softplus(-self.log_ratio(Z)) + softplus(self.log_ratio(self.made)))

    def w1(self) -> float:
        """Wasserstein distance W₁, in units of x: E|mean + (spread − 1)·z|, the mean way of equal quantiles."""
        return _mean_distance(self.mean, abs(self.spread - 1))

    def _mean_roof(self) -> float:
        """E[D*(G(z))] for the Wasserstein roof."""
        crossing, sign = self._roof()
        if crossing is None:
            return sign * self.mean
        return sign * (_mean_distance(self.mean - crossing, self.spread) - abs(crossing))


def _mean(values: Array) -> float:
    return float(WEIGHT @ values)


def _phi(t: float) -> float:
    """The share of a standard bell to the left of t."""
    return 0.5 * (1 + math.erf(t / math.sqrt(2)))


def _mean_distance(mean: float, spread: float) -> float:
    """E|x| for x ~ N(mean, spread²)."""
    if spread == 0:
        return abs(mean)
    t = mean / spread
    return spread * math.sqrt(2 / math.pi) * math.exp(-0.5 * t * t) + mean * (2 * _phi(t) - 1)


def pulls(game: str, real: Array, fake: Array) -> tuple[Array, Array, Array]:
    """What one unit more of score costs: dL_D/dD(x), dL_D/dD(G(z)), dL_G/dD(G(z)), for every game that judges samples alone."""
    one = np.ones_like(fake)
    if game == "least_squares":
        return real - 1, fake, fake - 1
    if game == "hinge":
        return -(real < 1).astype(np.float64), (fake > -1).astype(np.float64), -one
    if game == "wasserstein":
        return -np.ones_like(real), one, -one
    return -sigmoid(-real), sigmoid(fake), -sigmoid(fake) if game == "minimax" else -sigmoid(-fake)


# --- One parameter a player: real noise·z, made θ + noise·z, D(x) = ψ·x ----------------------------------------------------


@dataclass(frozen=True)
class Duel:
    """The rules of a duel between θ (where G puts its samples) and ψ (D's slope); the equilibrium is θ = ψ = 0.

    Args:
        game: one of `GAMES`. For least squares D(x) = ½ + ψ·x, so that ψ = 0 says "cannot tell" there too.
        rate_d, rate_g: learning rates of the two plain gradient steps.
        penalty: "none"; "r1": ½·γ·ψ²; "gradient_penalty": λ·(|ψ| − 1)²; "clipping": |ψ| ≤ c.
        strength: γ, λ or c.
        noise: spread of real and made alike; 0 puts both on points (the Dirac GAN), more is "instance noise".
        in_turn: whether G answers the D that has just moved, as in training, or both move at once.
    Raises:
        ValueError: a name that is none of these, or a negative number.
    Source: Mescheder et al. 2018, arXiv:1801.04406, section 2.
    """

    game: str = "non_saturating"
    rate_d: float = 0.2
    rate_g: float = 0.2
    penalty: str = "none"
    strength: float = 1.0
    noise: float = 0.0
    in_turn: bool = True

    def __post_init__(self) -> None:
        for value, known in ((self.game, GAMES), (self.penalty, PENALTIES)):
            if value not in known:
                raise ValueError(f"{value!r}: choose one of {', '.join(known)}")
        if not all(0 <= value < math.inf for value in (self.rate_d, self.rate_g, self.strength, self.noise)):
            raise ValueError(f"rates {self.rate_d}, {self.rate_g}, strength {self.strength}, noise {self.noise}: "
                             "want finite numbers, none negative")

    def gradients(self, theta: float, psi: float) -> tuple[float, float]:
        """(∂L_G/∂θ, ∂L_D/∂ψ), the penalty in the second."""
        z, weight = (Z, WEIGHT) if self.noise else (np.zeros(1), np.ones(1))
        real_x, fake_x = self.noise * z, theta + self.noise * z
        if self.game == "relativistic":  # x − G(z) is a bell too, √2 times as wide
            apart = math.sqrt(2) * self.noise * z - theta
            on_d = float(weight @ (-sigmoid(-psi * apart) * apart))
            on_g = psi * float(weight @ -sigmoid(psi * apart))
        else:
            middle = 0.5 if self.game == "least_squares" else 0.0
            on_real, on_fake, on_made = pulls(self.game, middle + psi * real_x, middle + psi * fake_x)
            on_d, on_g = float(weight @ (on_real * real_x + on_fake * fake_x)), psi * float(weight @ on_made)
        if self.penalty == "r1":
            on_d += self.strength * psi
        elif self.penalty == "gradient_penalty":
            on_d += 2 * self.strength * (abs(psi) - 1) * float(np.sign(psi))
        return on_g, on_d

    def step(self, theta: float, psi: float) -> tuple[float, float]:
        """Where one update of D and one of G lead; far outside, nowhere."""
        if max(abs(theta), abs(psi)) > FAR:
            return theta, psi
        on_g, on_d = self.gradients(theta, psi)
        moved = psi - self.rate_d * on_d
        if self.penalty == "clipping":
            moved = min(max(moved, -self.strength), self.strength)
        if self.in_turn:
            on_g = self.gradients(theta, moved)[0]
        return theta - self.rate_g * on_g, moved

    def path(self, theta: float, psi: float, updates: int) -> Array:
        """(updates + 1, 2): every (θ, ψ) from the start on."""
        points = [(theta, psi)]
        for _ in range(updates):
            points.append(self.step(*points[-1]))
        return np.array(points)
