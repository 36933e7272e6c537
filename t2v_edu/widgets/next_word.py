"""Chapter 06 · what comes next: a narrator's real distributions, under dials for temperature and top-k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import COLORS, FONT, INK, PAPER
from t2v_edu.models.narrator import breadth, next_probabilities
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

STEP, WARMEST, SHOWN = 0.05, 60, 10  # the temperature dial counts steps of 0.05; bars that are shown
_QUESTION = "Which of the two dials can make it impossible for a wrong word to come? And which makes the likeliest word likelier?"
_ANSWER = (
    "Only top-k strikes words out: at any temperature above 0 every word keeps some probability, and over a whole sentence small "
    "ones add up. Both make the likeliest word likelier, top-k by sharing out what it took, temperature by raising every "
    "probability to the power 1/temperature before sharing out."
)


class NextWord(Widget):
    """Bars for the words that a narrator thinks likeliest after a beginning, as temperature and top-k leave them.

    Args:
        beginnings: of captions.
        symbols: what can come next, V of them.
        logits: (N, V), one row for each beginning; finite.
        temperature: at first, 0 to 3, in steps of 0.05.
        top_k: at first, 0 for all.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: no beginnings, or logits that do not fit them or are not finite.
    """

    widget = "next_word"
    settings: ClassVar[tuple[str, ...]] = ("beginning", "warmth", "top_k")
    _esm = module("next_word")
    _css = site_css()

    beginning = traitlets.Int(0, min=0).tag(sync=True)  # its number
    warmth = traitlets.Int(20, min=0, max=WARMEST).tag(sync=True)  # the temperature, in steps of 0.05
    top_k = traitlets.Int(0, min=0).tag(sync=True)  # 0 keeps all
    beginnings = traitlets.List(traitlets.Unicode()).tag(sync=True)
    symbols = traitlets.List(traitlets.Unicode()).tag(sync=True)
    logits = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)

    def __init__(self, beginnings: Sequence[str], symbols: Sequence[str], logits: Any, *, temperature: float = 1.0,
                 top_k: int = 0, question: str = _QUESTION, answer: str = _ANSWER) -> None:
        rows = np.asarray(logits, dtype=np.float64)
        if not beginnings or rows.shape != (len(beginnings), len(symbols)) or not np.isfinite(rows).all():
            raise ValueError(f"{len(beginnings)} beginning(s) and {len(symbols)} symbols need finite logits of shape "
                             f"{(len(beginnings), len(symbols))}, got {rows.shape}")
        super().__init__(beginnings=list(beginnings), symbols=list(symbols), logits=rows.round(3).tolist(),
                         warmth=round(temperature / STEP), top_k=top_k, question=question, answer=answer)

    def probabilities(self) -> NDArray[np.float64]:
        """(V,): what the widget shows."""
        row = torch.tensor(self.logits[min(self.beginning, len(self.beginnings) - 1)], dtype=torch.float64)
        found: NDArray[np.float64] = next_probabilities(row, self.warmth * STEP, self.top_k or None).numpy()
        return found

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), **{name: getattr(self, name) for name in ("beginnings", "symbols", "logits")}}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The bars of the likeliest words."""
        p = self.probabilities()
        best = np.argsort(-p, kind="stable")[:SHOWN]
        words = ", ".join(f"{self.symbols[i]} {p[i]:.2f}" for i in best[:4])
        torn = float(breadth(torch.from_numpy(p)))
        text = (f"After “{self.beginnings[self.beginning]}” at temperature {self.warmth * STEP:.2f}: {words} … "
                f"as hard to guess as {torn:.1f} equally likely words")
        return _drawn([self.symbols[i] for i in best], p[best]), text


def _drawn(words: Sequence[str], shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    left, row = 130, 26
    image = Image.new("RGB", (560, row * len(words) + 12), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(str(FONT), 16)
    for i, (word, share) in enumerate(zip(words, shares, strict=True)):
        y = 6 + row * (i + 0.5)
        pen.text((left - 10, y), word, INK, font, anchor="rm")
        pen.rectangle((left, y - 9, left + 350 * share, y + 8), fill=COLORS["sky"])
        pen.text((left + 350 * share + 8, y), f"{share:.2f}", INK, font, anchor="lm")
    return np.asarray(image)
