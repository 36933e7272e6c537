"""Chapter 03 · from a caption to numbers: words for English, jieba's segments for Chinese, one sorted vocabulary."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from t2v_edu.world.lexicon import Language

PAD, UNKNOWN = "<pad>", "<unknown>"
_PIECES = re.compile(r"[\u3400-\u9fff]+|[a-z]+(?:'[a-z]+)?|[0-9]")
_CJK = re.compile(r"[\u3400-\u9fff]")


@lru_cache(maxsize=1)
def _jieba() -> Any:
    """jieba takes half a second to load its dictionary, so English captions never wait for it."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    return jieba


def split_words(caption: str) -> list[str]:
    """Words of a caption in either language, lower case, digits one by one, punctuation dropped."""
    words: list[str] = []
    for piece in _PIECES.findall(caption.lower()):
        words.extend(_jieba().lcut(piece) if _CJK.match(piece) else [piece])
    return words


def language_of(text: str) -> Language:
    """Chinese if a Chinese character is in it, else English if a Latin letter or a digit is.

    Raises:
        ValueError: neither is; the text is quoted.
    """
    if _CJK.search(text):
        return "zh"
    if _PIECES.search(text.lower()):
        return "en"
    raise ValueError(f"the sentence {text!r} has no words of English or Chinese; write one in either")


def jieba_with_tags(text: str) -> list[tuple[str, str]]:
    """jieba's words of a text, each with its part of speech (n noun, v verb, nr person, ns place, m number, …); no spaces."""
    _jieba()  # says that it is to be silent
    from jieba import posseg

    return [(pair.word, pair.flag) for pair in posseg.cut(text) if pair.word.strip()]


class Tokenizer:
    """Turns captions into ids by a sorted vocabulary, which is saved with the weights.

    Id 0 is padding, id 1 any word that training never saw.
    """

    def __init__(self, words: Iterable[str], max_length: int = 32) -> None:
        self.words = (PAD, UNKNOWN, *sorted(set(words) - {PAD, UNKNOWN}))
        self.max_length = max_length
        self._ids = {word: i for i, word in enumerate(self.words)}

    @classmethod
    def fit(cls, captions: Iterable[str], max_length: int = 32) -> Tokenizer:
        """A tokenizer that knows every word of the captions."""
        return cls((word for caption in captions for word in split_words(caption)), max_length)

    def __len__(self) -> int:
        return len(self.words)

    def split(self, caption: str) -> list[str]:
        """The words of a caption; a Chinese one out of the vocabulary is taken apart into the longest known ones where it can."""
        return [piece for word in split_words(caption) for piece in (self._pieces(word) or [word])]

    def _pieces(self, word: str) -> list[str]:
        """Known words, the longest first, whose row is this Chinese word; none where something is left over."""
        if word in self._ids or word.isascii():
            return [word]
        for end in range(len(word) - 1, 0, -1):
            rest = self._pieces(word[end:]) if word[:end] in self._ids else []
            if rest and all(piece in self._ids for piece in rest):
                return [word[:end], *rest]
        return []

    def unknown(self, caption: str) -> dict[str, list[str]]:
        """Words of a caption that are not in the vocabulary, each with its nearest known ones."""
        words = [w for w in self.split(caption) if w not in self._ids]
        return {w: difflib.get_close_matches(w, self.words[2:], n=3, cutoff=0.0) for w in words}

    def check(self, captions: Sequence[str]) -> None:
        """Whether a model with this vocabulary can draw the captions.

        Raises:
            ValueError: no caption at all, or a word that is not in the vocabulary; its nearest known ones are named.
        """
        if not captions:
            raise ValueError("there is no caption to draw; give at least one")
        for caption in captions:
            for word, nearest in self.unknown(caption).items():
                raise ValueError(f"this model never saw the word {word!r}; nearest words it knows: "
                                 f"{', '.join(nearest) or 'none'}")

    def encode(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids of a batch of captions.

        Returns:
            ids (B, L) int64, padded at the end, and mask (B, L) bool, True at words; L ≤ `max_length` is the longest caption.
        Raises:
            ValueError: a caption without a single word.
        """
        rows = [[self._ids.get(w, 1) for w in self.split(c)][: self.max_length] for c in captions]
        for caption, row in zip(captions, rows, strict=True):
            if not row:
                raise ValueError(f"the caption {caption!r} has no words of English or Chinese; describe what should be seen")
        length = max(map(len, rows))
        ids = torch.zeros(len(rows), length, dtype=torch.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        return ids, ids != 0
