"""Chapter 13 · a window on the toy round trip: two dials λ_text and λ_video, and where generator and captioner end up."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import COLORS, FAINT, FONT, INK, PAPER
from t2v_edu.models.toy_cycle import ToyCycle
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

ROUNDS, G, D = 200, 3.0, 1.5  # of a path, and how far the picture goes in g and in d
_DIALS = {"lambda_text": (0, 2), "lambda_video": (0, 2), "lambda_pairs": (0, 2), "sigma": (0, 1.5), "g": (0.1, 3),
          "d": (0.1, 1.5)}

_ASK = (
    "Right would be g = 1: the generator films exactly as much as the caption says. The captioner learns from real pairs "
    "and never quite believes its eyes. With λ_text alone, does the generator come to rest at g = 1?"
)
_TELL = (
    "No: it overdoes it. A captioner that reads only d = 1/(1 + σ²) of what it sees is answered by a generator that "
    "films 1/d of what it was told: g·d = 1, the round trip is perfect, and every film is wrong. λ_video pulls into the "
    "same valley, only faster. Real pairs (λ_pairs) pull back towards 1. And if the captioner learns from the round trip "
    "too, with σ = 0, wherever you begin you end on the valley nearby: the trip fixes the product and not the factors. "
    "With σ above 0 and λ_text the two grow louder and less attentive for ever."
)


class RoundTrip(Widget):
    """The plane of g and d, the valley g·d = 1, and the way from one start through 200 rounds of turns.

    Args:
        toy: σ, the weights, and from what the captioner learns; its rate is 0.1.
        g, d: the start, 0.1 to 3 and 0.1 to 1.5.
        at: after how many rounds it stands still, 0 to 200; −1 plays.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: a number that no dial has.
    """

    widget = "round_trip"
    settings: ClassVar[tuple[str, ...]] = (*_DIALS, "honest", "at")
    _esm = module("round_trip")
    _css = site_css()

    lambda_text, lambda_video, lambda_pairs, sigma, g, d = (traitlets.Float().tag(sync=True) for _ in range(6))
    honest = traitlets.Bool().tag(sync=True)
    at = traitlets.Int(min=-1, max=ROUNDS).tag(sync=True)

    def __init__(self, toy: ToyCycle | None = None, g: float = 0.5, d: float = 0.3, *, at: int = ROUNDS, question: str = _ASK,
                 answer: str = _TELL) -> None:
        toy = toy or ToyCycle(0.7, 1.0, 0.0)
        values: dict[str, Any] = {"g": g, "d": d, **{name: getattr(toy, name) for name in list(_DIALS)[:4]}}
        for name, (low, high) in _DIALS.items():
            if not low <= values[name] <= high:
                raise ValueError(f"{name} {values[name]}: the dial goes from {low} to {high}")
        super().__init__(**{name: float(value) for name, value in values.items()}, honest=toy.honest, at=at, question=question,
                         answer=answer)

    def toy(self) -> ToyCycle:
        """What the dials stand for."""
        return ToyCycle(self.sigma, self.lambda_text, self.lambda_video, self.lambda_pairs, self.honest)

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The valley, and the way of the first 200 rounds."""
        path = self.toy().path(self.g, self.d, ROUNDS)
        weights = f"λ_text {self.lambda_text:g}, λ_video {self.lambda_video:g}, λ_pairs {self.lambda_pairs:g}, σ {self.sigma:g}"
        taught = "real pairs" if self.honest else "the round trip"
        end_g, end_d = path[-1]
        text = (f"The way of the generator's g (to the right) and the captioner's d (upwards) from ({self.g:g}, {self.d:g}) "
                f"through {ROUNDS} rounds with {weights}, the captioner taught by {taught}: it ends at g = {end_g:.2f}, "
                f"d = {end_d:.2f}. Right is g = 1; along the curve g·d = 1 the round trip is perfect")
        valley = np.linspace(1 / D, G, 60)
        image = Image.new("RGB", (1260, 960), PAPER)
        pen, font = ImageDraw.Draw(image), ImageFont.truetype(str(FONT), 42)

        def line(points: NDArray[np.float64], color: str, width: int) -> None:
            inside = np.clip(points, 0, (G, D)) * (1260 / G, -960 / D) + (0, 960)
            pen.line([tuple(p) for p in inside.tolist()], color, width)

        line(np.array([[1.0, 0], [1.0, D]]), FAINT, 4)
        line(np.stack([valley, 1 / valley], 1), INK, 4)
        line(path, COLORS["vermilion"], 8)
        start = (self.g * 420, 930 - self.d * 640)
        for words, place in (("g·d = 1", (960, 600)), ("right: g = 1", (440, 900)), ("start", start)):
            pen.text(place, words, INK, font)
        return np.asarray(image.resize((420, 320), Image.Resampling.LANCZOS)), text
