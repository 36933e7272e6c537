"""Chapter 04 · the attention table: who looks at whom in a short caption, with a dial for the scale and one for padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import COLORS, FAINT, FONT, INK, PAPER
from t2v_edu.layers import attention
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

PAD, MOST_PADS, SHARPEST = "<pad>", 4, 4  # the sharpness goes from -SHARPEST to SHARPEST, a power of two
_WORDS = ("a", "red", "circle", "moves", "left")
# What each word has (colour, thing, action, way), and what it asks for.
_KEYS = ((0, 0, 0, 0), (2, 0, 0, 0), (0, 2, 0, 0), (0, 0, 2, 0), (0, 0, 0, 2))
_QUERIES = ((0, 2, 0, 0), (0, 3, 0, 0), (2, 0, 2, 0), (0, 2, 0, 2), (0, 0, 3, 0))
_QUESTION = ("The key of padding is the zero vector, so its score is 0. Switch the mask off and add padding: does padding get "
             "the weight 0?")
_ANSWER = ("No. A score of 0 is e⁰ = 1 before the division: as much as any word that is not asked for, and more than one that "
           "is unwelcome. Each pad takes its share from the words. Only a score of −∞, which is what the mask puts there, gives "
           "the weight 0.")


class AttentionTable(Widget):
    """The weights of every word over every word, and the sum behind one row; dials for sharpness, padding and the mask.

    Args:
        words: of a caption, at most 8.
        queries, keys: (N, D), one row a word; a small example if left out.
        query: which word's row is worked out, from 0.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: not as many queries and keys as words, different widths, or something that is not finite.
    """

    widget = "attention_table"
    settings: ClassVar[tuple[str, ...]] = ("sharpness", "pads", "masked", "query")
    _esm = module("attention_table")
    _css = site_css()

    sharpness = traitlets.Int(0, min=-SHARPEST, max=SHARPEST).tag(sync=True)  # scores are multiplied by 2 to this power
    pads = traitlets.Int(0, min=0, max=MOST_PADS).tag(sync=True)
    masked = traitlets.Bool(True).tag(sync=True)
    query = traitlets.Int(0, min=0).tag(sync=True)
    words = traitlets.List(traitlets.Unicode()).tag(sync=True)
    query_rows = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    key_rows = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)  # `keys` is a name that ipywidgets has taken

    def __init__(self, words: Sequence[str] = _WORDS, queries: Any = _QUERIES, keys: Any = _KEYS, *, query: int = 2,
                 question: str = _QUESTION, answer: str = _ANSWER) -> None:
        q, k = (np.asarray(rows, dtype=np.float64) for rows in (queries, keys))
        if not 1 <= len(words) <= 8 or q.ndim != 2 or q.shape != k.shape or len(q) != len(words):
            got = f"{len(words)} words, {q.shape}, {k.shape}"
            raise ValueError(f"want 1 to 8 words and as many queries and keys (N, D), not {got}")
        if not (np.isfinite(q).all() and np.isfinite(k).all()):
            raise ValueError("queries and keys must be finite numbers")
        if not 0 <= query < len(words):
            raise ValueError(f"query {query}: the words have the numbers 0 to {len(words) - 1}")
        super().__init__(words=list(words), query_rows=q.tolist(), key_rows=k.tolist(), query=query,
                         question=question, answer=answer)

    def weights(self) -> NDArray[np.float64]:
        """(N, N + pads), each row sums to 1: what the widget shows."""
        return padded_weights(np.array(self.query_rows), np.array(self.key_rows), self.pads, self.masked, 2.0**self.sharpness)

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), "words": self.words, "query_rows": self.query_rows, "key_rows": self.key_rows}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The table as squares, larger for more weight, with their numbers."""
        weights, names = self.weights(), [*self.words, *[PAD] * self.pads]
        row = ", ".join(f"{name} {w:.2f}" for name, w in zip(names, weights[self.query], strict=True))
        text = f"Attention weights of “{' '.join(self.words)}”: “{self.words[self.query]}” looks at {row}"
        return _drawn(self.words, names, weights), text


def padded_weights(queries: NDArray[np.float64], keys: NDArray[np.float64], pads: int, masked: bool,
                   factor: float) -> NDArray[np.float64]:
    """Attention weights of N words over themselves and `pads` zero keys; the same function as in `attention_math.js`.

    Args:
        queries, keys: (N, D).
        masked: whether no word may look at padding.
        factor: what the scores q·k/√D are multiplied by, an inverse temperature.
    Returns:
        (N, N + pads), each row sums to 1.
    """
    q, k = torch.from_numpy(queries), torch.from_numpy(np.concatenate([keys, np.zeros((pads, keys.shape[1]))]))
    real = torch.arange(len(k)) < len(keys)
    weights = attention(q, k, k, real if masked else None, factor * keys.shape[1] ** -0.5)[1]
    found: NDArray[np.float64] = weights.numpy()
    return found


def _drawn(rows: Sequence[str], columns: Sequence[str], weights: NDArray[np.float64]) -> NDArray[np.uint8]:
    side, left, top = 74, 84, 40
    image = Image.new("RGB", (left + side * len(columns) + 10, top + side * len(rows) + 10), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(str(FONT), 17)
    for j, name in enumerate(columns):
        pen.text((left + side * (j + 0.5), top / 2), name, INK, font, anchor="mm")
    for i, name in enumerate(rows):
        pen.text((left - 12, top + side * (i + 0.5)), name, INK, font, anchor="rm")
        for j, weight in enumerate(weights[i]):
            x, y, half = left + side * (j + 0.5), top + side * (i + 0.5), 35 * weight**0.5
            pen.rectangle((x - 36, y - 36, x + 35, y + 35), outline=FAINT)
            pen.rectangle((x - half, y - half, x + half, y + half), fill=COLORS["sky"])
            pen.text((x, y), f"{weight:.2f}", INK, font, anchor="mm")
    return np.asarray(image)
