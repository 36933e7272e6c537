"""Chapter 08 · two windows on the smallest games: two bells with their best discriminator, and the duel's phase portrait."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import COLORS, FAINT, FONT, INK, PAPER
from t2v_edu.models.toy_gan import BEST, BellPair, Duel
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

UPDATES, VIEW = 300, 2.6  # of the duel: how many are shown, and from where to where θ and ψ go

_BELLS_ASK = ("Push the made bell away from the real one. What happens to D's loss, to the pull on G, and to the two distances "
              "once they have parted?")
_BELLS_TELL = (
    "D's loss goes to 0: it tells every sample. JS creeps up to log 2 = 0.693 and stays there, and with it the pull of the "
    "minimax loss dies: G is lost and does not feel it. Under the non-saturating loss the pull grows with the distance; under "
    "Wasserstein it is 1 and stays 1, and W₁ goes on growing as far as you push."
)
_DUEL_ASK = "θ is where G puts its samples, ψ is D's slope; both should end at 0. Each follows its gradient. Do they get there?"
_DUEL_TELL = (
    "Not by themselves. Under Wasserstein they run round the equilibrium for ever, and fly apart if both move at once; "
    "non-saturating, relativistic and least squares only creep nearer. A penalty on D's slope at real data (R1) bends the way "
    "inwards under every loss, and noise does where the loss is curved. Clipping and the gradient penalty bound the slope, but "
    "do not bring the two home."
)


class BellGame(Widget):
    """The real bell N(0, 1), a made one with dials for its mean and spread; the best D, losses, gradients, distances.

    Args:
        game: which loss, one of `models.toy_gan.BEST`.
        mean, spread: of the made bell at first, −6 to 6 and 0.2 to 3.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: a game or a number that no dial has.
    """

    widget = "bell_game"
    settings: ClassVar[tuple[str, ...]] = ("game", "mean", "spread")
    _esm = module("bell_game")
    _css = site_css()

    game = traitlets.Unicode().tag(sync=True)
    mean, spread = (traitlets.Float().tag(sync=True) for _ in range(2))

    def __init__(self, game: str = "minimax", mean: float = -3.0, spread: float = 0.6, *, question: str = _BELLS_ASK,
                 answer: str = _BELLS_TELL) -> None:
        if game not in BEST:
            raise ValueError(f"game {game!r}: choose one of {', '.join(BEST)}")
        if not (-6 <= mean <= 6 and 0.2 <= spread <= 3):
            raise ValueError(f"mean {mean}, spread {spread}: the dials go from −6 to 6 and from 0.2 to 3")
        super().__init__(game=game, mean=float(mean), spread=float(spread), question=question, answer=answer)

    def pair(self) -> BellPair:
        """The two bells that the dials stand for."""
        return BellPair(self.mean, self.spread)

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """Both bells."""
        pair = self.pair()
        loss_d, loss_g = pair.losses(self.game)
        on_mean, on_spread = pair.gradients(self.game)
        text = (f"Real bell N(0, 1) and made bell N({self.mean:.2f}, {self.spread:.2f}²). {self.game.replace('_', ' ')}: "
                f"L_D {loss_d:.3f}, L_G {loss_g:.3f}, ∂L_G/∂m {on_mean:.3f}, ∂L_G/∂s {on_spread:.3f}; JS {pair.js():.3f}, "
                f"W₁ {pair.w1():.3f}")
        x = np.linspace(-8, 8, 321)
        real = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
        made = np.exp(-0.5 * ((x - self.mean) / self.spread) ** 2) / (self.spread * math.sqrt(2 * math.pi))
        top = max(real.max(), made.max())
        curves = [np.stack([600 * (x + 8) / 16, 190 - 150 * y / top], 1) for y in (real, made)]
        words = [("real", curves[0][160], COLORS["blue"]), ("made", curves[1][int(made.argmax())], COLORS["vermilion"])]
        return _drawn(600, 200, curves, words), text


class DuelPortrait(Widget):
    """The plane of θ and ψ with an arrow for an update from everywhere, and the way from one start; step, play, slowly.

    Args:
        duel: the rules at first.
        theta, psi: the start, each −2 to 2.
        at: after how many updates it stands still, 0 to 300; −1 plays.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: a number that no dial has.
    """

    widget = "duel_portrait"
    settings: ClassVar[tuple[str, ...]] = (
        "game", "penalty", "strength", "noise", "rate_d", "rate_g", "in_turn", "theta", "psi", "at",
    )  # fmt: skip
    _esm = module("duel_portrait")
    _css = site_css()

    game, penalty = (traitlets.Unicode().tag(sync=True) for _ in range(2))
    strength, noise, rate_d, rate_g, theta, psi = (traitlets.Float().tag(sync=True) for _ in range(6))
    in_turn = traitlets.Bool().tag(sync=True)
    at = traitlets.Int(min=-1, max=UPDATES).tag(sync=True)

    def __init__(self, duel: Duel | None = None, theta: float = 1.0, psi: float = 0.0, *, at: int = 150,
                 question: str = _DUEL_ASK, answer: str = _DUEL_TELL) -> None:
        duel = duel or Duel("wasserstein", 0.1, 0.1)
        dials = (("theta", theta, -2, 2), ("psi", psi, -2, 2), ("rate_d", duel.rate_d, 0.02, 1), ("rate_g", duel.rate_g, 0.02, 1),
                 ("strength", duel.strength, 0, 3), ("noise", duel.noise, 0, 2))
        for name, value, low, high in dials:
            if not low <= value <= high:
                raise ValueError(f"{name} {value}: the dial goes from {low} to {high}")
        super().__init__(game=duel.game, penalty=duel.penalty, strength=float(duel.strength), noise=float(duel.noise),
                         rate_d=duel.rate_d, rate_g=duel.rate_g, in_turn=duel.in_turn, theta=float(theta), psi=float(psi), at=at,
                         question=question, answer=answer)

    def duel(self) -> Duel:
        """The rules that the dials stand for."""
        return Duel(self.game, self.rate_d, self.rate_g, self.penalty, self.strength, self.noise, self.in_turn)

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The way of the first 300 updates."""
        path = self.duel().path(self.theta, self.psi, UPDATES)
        away = float(np.hypot(*path[-1]))
        held = "" if self.penalty == "none" else f", {self.penalty.replace('_', ' ')} {self.strength:g}"
        text = (f"The way of θ (to the right) and ψ (upwards) from ({self.theta:g}, {self.psi:g}) through {UPDATES} updates, "
                f"{self.game.replace('_', ' ')}{held}; the equilibrium is in the middle, at the end they are {away:.2f} from it")
        place = 200 + 200 * np.clip(path, -VIEW, VIEW) * (1, -1) / VIEW
        axes = [np.array([[0, 200], [400, 200]]), np.array([[200, 0], [200, 400]])]
        words = [("θ", np.array([390, 196]), INK), ("ψ", np.array([210, 16]), INK), ("start", place[0], COLORS["vermilion"])]
        return _drawn(400, 400, [place, *axes], words), text


def _drawn(width: int, height: int, lines: list[NDArray[Any]], words: list[tuple[str, NDArray[Any], str]]) -> NDArray[np.uint8]:
    """Lines and words on paper, drawn three times as large and shrunk."""
    image = Image.new("RGB", (3 * width, 3 * height), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(str(FONT), 42)
    for i, line in enumerate(lines):
        axis = len(line) == 2
        color = FAINT if axis else (COLORS["blue"], COLORS["vermilion"])[i % 2]
        pen.line([(3 * x, 3 * y) for x, y in line.tolist()], color, 3 if axis else 6)
    for text, (x, y), color in words:
        pen.text((3 * x, 3 * y - 12), text, color, font, anchor="mb")
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
