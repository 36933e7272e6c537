"""Chapter 03 · the window of skip-gram: which pairs a sentence makes, how often each is drawn, and how often noise is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import COLORS, FAINT, FONT, INK, PAPER
from t2v_edu.text.word2vec import reach_share, window_pairs
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

WIDEST, STEPS = 6, 4  # the power goes from 0 to 1 in quarters
_SENTENCES = (("a", "large", "red", "circle", "slowly", "moves", "to", "the", "left"),
              ("一个", "小狗", "在", "草地", "上", "奔跑"))
_QUESTION = ("The window goes two words to each side. How many pairs does a sentence of nine words make: 36, or fewer? "
             "And do words at the ends get as many as those in the middle?")
_ANSWER = ("Fewer: nine words with four neighbours each would be 36, but the ends have no neighbours on one side, so 30 are "
           "left. Words at the ends are trained less. And as each centre draws its own reach, the farther of two neighbours "
           "counts half.")


class SkipGramWindow(Widget):
    """A sentence's words, one of them the centre, and its pairs; dials for the window and for the power of the noise.

    Args:
        sentences: lists of words, in any language.
        counts: how often words occur in the corpus that noise is drawn from; those of the sentences if left out.
        centre, window: where it begins.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: no sentence, an empty one, a count below 1, a centre or window that is not there.
    """

    widget = "skip_gram"
    settings: ClassVar[tuple[str, ...]] = ("sentence", "centre", "window", "power")
    _esm = module("skip_gram")
    _css = site_css()

    sentence = traitlets.Int(0, min=0).tag(sync=True)
    centre = traitlets.Int(0, min=0).tag(sync=True)
    window = traitlets.Int(2, min=1, max=WIDEST).tag(sync=True)
    power = traitlets.Int(3, min=0, max=STEPS).tag(sync=True)  # in quarters
    sentences: Any = traitlets.List().tag(sync=True)
    counts: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, sentences: Sequence[Sequence[str]] = _SENTENCES, counts: Mapping[str, int] | None = None, *,
                 centre: int = 3, window: int = 2, question: str = _QUESTION, answer: str = _ANSWER) -> None:
        rows = [list(sentence) for sentence in sentences]
        if not rows or not all(rows):
            raise ValueError(f"{len(rows)} sentence(s) with {[len(row) for row in rows]} words: give at least one, none empty")
        known = dict(counts) if counts else dict(Counter(word for row in rows for word in row))
        if min(known.values()) < 1:
            raise ValueError(f"the counts go down to {min(known.values())}; use 1 or more")
        if not 0 <= centre < len(rows[0]) or not 1 <= window <= WIDEST:
            raise ValueError(f"centre {centre} and window {window}: the words have the numbers 0 to {len(rows[0]) - 1}, "
                             f"and windows go from 1 to {WIDEST}")
        super().__init__(sentences=rows, counts=known, centre=centre, window=window, question=question, answer=answer)

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), "sentences": self.sentences, "counts": self.counts}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The words of the sentence in boxes, each with how often it is drawn beside the centre."""
        words = self.sentences[self.sentence]
        shares = [0.0 if i == self.centre else reach_share(abs(i - self.centre), self.window) for i in range(len(words))]
        told = ", ".join(f"{word} {share:.0%}" for word, share in zip(words, shares, strict=True) if share)
        text = (f"“{' '.join(words)}”, window {self.window}, {len(window_pairs(len(words), self.window))} pairs; "
                f"around “{words[self.centre]}” are drawn: {told}")
        return _drawn(words, self.centre, shares), text


def _drawn(words: Sequence[str], centre: int, shares: Sequence[float]) -> NDArray[np.uint8]:
    font, small = (ImageFont.truetype(str(FONT), size) for size in (19, 14))
    widths = [max(48, round(font.getlength(word)) + 20) for word in words]
    image = Image.new("RGB", (sum(widths) + 6 * len(words) + 14, 92), PAPER)
    pen, x = ImageDraw.Draw(image), 10
    for i, (word, wide, share) in enumerate(zip(words, widths, shares, strict=True)):
        color, line = (COLORS["vermilion"], 3) if i == centre else (COLORS["blue"], 2) if share else (FAINT, 1)
        pen.rectangle((x, 14, x + wide, 52), outline=color, width=line)
        pen.text((x + wide / 2, 33), word, INK, font, anchor="mm")
        note = "centre" if i == centre else f"{share:.0%}" if share else "–"
        pen.text((x + wide / 2, 70), note, INK, small, anchor="mm")
        x += wide + 6
    return np.asarray(image)
