"""Chapter 03 · what one does with word vectors: neighbours, analogies, a map, and sentences pooled from words."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch
from torch import Tensor


class WordVectors:
    """A vector for each word.

    Args:
        words: the vocabulary, no word twice.
        vectors: (V, D) float.
        counts: how often each word occurred, where that is known.
        losses: of the training, in order.
    Raises:
        ValueError: not one vector for each word, or a word twice.
    """

    def __init__(self, words: Sequence[str], vectors: Tensor, *, counts: Sequence[int] = (),
                 losses: Sequence[float] = ()) -> None:
        if vectors.ndim != 2 or not vectors.is_floating_point() or len(vectors) != len(words):
            raise ValueError(f"{len(words)} words and vectors of shape {tuple(vectors.shape)}, {vectors.dtype}: "
                             f"give floats of shape ({len(words)}, D)")
        self.words, self.vectors, self.counts, self.losses = tuple(words), vectors, tuple(counts), tuple(losses)
        self._ids = {word: i for i, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            raise ValueError(f"{len(self.words) - len(self._ids)} word(s) of {len(self.words)} are there twice; give each once")
        self._unit = torch.nn.functional.normalize(vectors, dim=1)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def id(self, word: str) -> int:
        """A word's row.

        Raises:
            ValueError: a word that is not known; names those spelt most like it.
        """
        if word not in self._ids:
            near = difflib.get_close_matches(word, self.words, n=3, cutoff=0.0)
            raise ValueError(f"the word {word!r} has no vector; spelt most like it: {', '.join(near)}")
        return self._ids[word]

    def __getitem__(self, word: str) -> Tensor:
        """A word's vector, (D,)."""
        return self.vectors[self.id(word)]

    def nearest(self, query: str | Tensor, n: int = 5, without: Sequence[str] = ()) -> list[tuple[str, float]]:
        """The words whose vectors make the smallest angle with a word's or a vector's (D,): n of them, with the cosine.

        A word is not its own neighbour; `without` leaves out more.
        """
        left_out = {query, *without} if isinstance(query, str) else {*without}
        unit = self._unit[self.id(query)] if isinstance(query, str) else torch.nn.functional.normalize(query, dim=0)
        cosine = self._unit @ unit  # (V,)
        cosine[[self.id(word) for word in left_out]] = -2.0
        best = cosine.topk(min(n, len(self) - len(left_out)))
        return [(self.words[i], c) for i, c in zip(best.indices.tolist(), best.values.tolist(), strict=True)]

    def analogy(self, a: str, b: str, c: str, n: int = 5) -> list[tuple[str, float]]:
        """a is to b as c is to …: the words nearest to b − a + c (unit vectors), the three themselves left out.

        Source: Mikolov, Yih & Zweig 2013.
        """
        return self.nearest(self._unit[self.id(b)] - self._unit[self.id(a)] + self._unit[self.id(c)], n, without=(a, b, c))

    def lookup(self, sentences: Sequence[Sequence[str]], length: int | None = None) -> tuple[Tensor, Tensor]:
        """Vectors of the words of some sentences, padded with zeros at the end.

        Args:
            sentences: B lists of words; words without a vector are passed over.
            length: sentences are cut to so many words; None for none.
        Returns:
            vectors (B, L, D) and mask (B, L) bool, True at words; L is the longest sentence, after cutting.
        Raises:
            ValueError: a sentence without a single known word, a length below 1.
        """
        if length is not None and length < 1:
            raise ValueError(f"length {length} leaves no word; use 1 or more")
        rows = [[self._ids[word] for word in sentence if word in self._ids][:length] for sentence in sentences]
        for sentence, row in zip(sentences, rows, strict=True):
            if not row:
                raise ValueError(f"no word of {' '.join(sentence)!r} has a vector; the first known words are "
                                 f"{', '.join(self.words[:5])}")
        if not rows:
            raise ValueError("no sentence at all; give one or more")
        L = max(map(len, rows))
        mask = torch.tensor([[True] * len(row) + [False] * (L - len(row)) for row in rows])
        ids = torch.tensor([row + [0] * (L - len(row)) for row in rows])
        return self.vectors[ids].masked_fill(~mask[..., None], 0), mask


def bag_of_words(sentences: Sequence[Sequence[str]], words: Sequence[str]) -> Tensor:
    """How often each word of a vocabulary stands in each sentence, (B, V) float; other words count nowhere."""
    number = {word: i for i, word in enumerate(words)}
    bag = torch.zeros(len(sentences), len(words))
    for row, sentence in zip(bag, sentences, strict=True):
        for word in sentence:
            if word in number:
                row[number[word]] += 1
    return bag


def average_pool(vectors: Tensor, mask: Tensor) -> Tensor:
    """The mean of a sentence's word vectors, (B, D); padding counts neither above nor below the line.

    Args:
        vectors: (B, L, D).
        mask: (B, L) bool, True at words; at least one in each row.
    """
    _check(vectors, mask)
    return (vectors * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def max_pool(vectors: Tensor, mask: Tensor) -> Tensor:
    """The greatest value of each of the D numbers among a sentence's words, (B, D); padding is no candidate."""
    _check(vectors, mask)
    return vectors.masked_fill(~mask[..., None], -torch.inf).amax(1)


def _check(vectors: Tensor, mask: Tensor) -> None:
    if vectors.ndim != 3 or mask.dtype != torch.bool or vectors.shape[:2] != mask.shape:
        raise ValueError(f"vectors of shape {tuple(vectors.shape)} and a mask of shape {tuple(mask.shape)}, {mask.dtype}: "
                         "give (B, L, D) and (B, L) bool")
    if not mask.any(1).all():
        raise ValueError(f"row {int((~mask.any(1)).nonzero()[0])} of the mask {tuple(mask.shape)} has no word; give at least one")


def flat_map(vectors: Tensor) -> Tensor:
    """Vectors (N, D) laid flat, (N, 2): their two directions of greatest spread, by singular values (PCA).

    The sign of an axis means nothing; it is chosen so that the entry farthest out is positive.
    """
    if vectors.ndim != 2 or min(vectors.shape) < 2:
        raise ValueError(f"vectors of shape {tuple(vectors.shape)}: give (N, D), both 2 or more")
    centred = vectors - vectors.mean(0)
    U, S, _ = torch.linalg.svd(centred, full_matrices=False)  # centred = U diag(S) Vᵀ
    flat: Tensor = U[:, :2] * S[:2]
    return flat * flat.gather(0, flat.abs().argmax(0, keepdim=True)).sign()
