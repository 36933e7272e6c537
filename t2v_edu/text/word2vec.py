"""Chapter 03 · skip-gram with negative sampling, gradients by hand · Mikolov et al. 2013, arXiv:1310.4546.

A word's vector is bent until it can tell the words that stand near it from words drawn at random. With v of a centre word, u of a
word found beside it, and u_k of words drawn from the noise, one pair costs

    L = -log σ(u·v) - K · mean over k of log σ(-u_k·v).

Everything is done for a batch of pairs at once; the noise is drawn once for a whole batch (Ji et al. 2016, arXiv:1604.04661), so
that telling all pairs from all noise is one matrix product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from t2v_edu.text.word_vectors import WordVectors

Ids = NDArray[np.int64]
Sentences = Sequence[Sequence[str]]
BLOCK = 20_000  # words whose pairs are made and shuffled together


@dataclass(frozen=True)
class SkipGramConfig:
    """What a run is told; the defaults are word2vec's own where it has them.

    Args:
        width: D, numbers in a vector.
        window: the farthest context word; each centre word draws its own reach, 1 to `window`.
        negatives: K, how much noise weighs against one pair.
        epochs: passes over the corpus.
        rate: step size at first; it falls in a straight line to a 250th.
        power: of the counts that noise is drawn by.
        subsample: a word that is more than this share of the corpus is skipped now and then; 0 keeps all.
        min_count: rarer words are left out.
        batch: pairs in an update.
        shared: N, noise words drawn for a batch; each weighs K / N.
    Raises:
        ValueError: a value that makes no sense.
    """

    width: int = 64
    window: int = 5
    negatives: int = 5
    epochs: int = 5
    rate: float = 0.025
    power: float = 0.75
    subsample: float = 1e-3
    min_count: int = 5
    batch: int = 512
    shared: int = 32

    def __post_init__(self) -> None:
        for name in ("width", "window", "negatives", "epochs", "min_count", "batch", "shared"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} is too small; use 1 or more")
        if self.rate <= 0 or self.subsample < 0 or self.power < 0:
            raise ValueError(f"rate {self.rate}, subsample {self.subsample}, power {self.power}: "
                             "the rate must be above 0, the others not below")


# --- counting ----------------------------------------------------------------------------------------------------------------


def count_words(sentences: Sentences, min_count: int = 1) -> tuple[tuple[str, ...], Ids]:
    """The words of a corpus that occur `min_count` times or more, the most frequent first, and their counts.

    Raises:
        ValueError: no word is that frequent.
    """
    counts = Counter(word for sentence in sentences for word in sentence)
    rows = sorted(((-n, word) for word, n in counts.items() if n >= min_count))
    if not rows:
        raise ValueError(f"{len(sentences)} sentence(s) with no word that occurs {min_count} time(s); give more text")
    return tuple(word for _, word in rows), np.array([-n for n, _ in rows])


def noise(counts: Sequence[int] | Ids, power: float = 0.75) -> NDArray[np.float64]:
    """P_n(w) ∝ count(w)^power: a word's chance to be drawn as a negative. 0 draws all alike, 1 as they occur."""
    weights: NDArray[np.float64] = np.asarray(counts, dtype=np.float64) ** power
    return np.asarray(weights / weights.sum())


def keep_share(counts: Sequence[int] | Ids, subsample: float) -> NDArray[np.float64]:
    """How often each word is kept: min(1, √(t/f) + t/f) for the share f that it has of all words, t = `subsample`."""
    if not subsample:
        return np.ones(len(counts))
    ratio = subsample * np.sum(counts) / np.asarray(counts, dtype=np.float64)
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


# --- pairs -------------------------------------------------------------------------------------------------------------------


def window_pairs(length: int, window: int) -> list[tuple[int, int]]:
    """All (centre, context) positions of a sentence that are at most `window` words apart, in reading order."""
    if length < 1 or window < 1:
        raise ValueError(f"a sentence of {length} words and a window of {window}: both must be 1 or more")
    return [(i, j) for i in range(length) for j in range(max(0, i - window), min(length, i + window + 1)) if i != j]


def reach_share(distance: int, window: int) -> float:
    """How often a context word at `distance` ≥ 1 is used, as the reach is drawn from 1 to `window`."""
    return max(0, window - distance + 1) / window


def draw_pairs(ids: Ids, sentence: Ids, window: int, rng: np.random.Generator) -> tuple[Ids, Ids]:
    """Pairs of a text, each centre word with its own reach.

    Args:
        ids: (N,) the text's words.
        sentence: (N,) number of the sentence each word stands in; no pair crosses from one into another.
    Returns:
        centres and contexts, (P,) each, shuffled.
    """
    reach = rng.integers(1, window + 1, len(ids))
    centres, contexts = [ids[:0]], [ids[:0]]
    for d in range(1, min(window, len(ids) - 1) + 1):
        together = sentence[d:] == sentence[:-d]
        forward, backward = together & (reach[:-d] >= d), together & (reach[d:] >= d)
        centres += [ids[:-d][forward], ids[d:][backward]]
        contexts += [ids[d:][forward], ids[:-d][backward]]
    order = rng.permutation(sum(map(len, centres)))
    return np.concatenate(centres)[order], np.concatenate(contexts)[order]


# --- the loss and its slopes ---------------------------------------------------------------------------------------------------


def skip_gram_loss(v: Tensor, u: Tensor, u_noise: Tensor, K: float) -> Tensor:
    """L = -log σ(u·v) - K · mean over the noise of log σ(-u_k·v), summed over pairs.

    Args:
        v, u: (B, D) of the centre words and of their contexts.
        u_noise: (N, D) of the noise, the same for every pair.
        K: what the noise weighs.
    """
    return F.softplus(-(u * v).sum(1)).sum() + K * F.softplus(v @ u_noise.T).mean(1).sum()  # softplus(-x) = -log σ(x)


def skip_gram_slopes(v: Tensor, u: Tensor, u_noise: Tensor, K: float) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes of `skip_gram_loss` in v (B, D), u (B, D) and u_noise (N, D), by hand: d/dx softplus(x) = σ(x)."""
    near = torch.sigmoid((u * v).sum(1, keepdim=True)) - 1  # (B, 1): 0 once σ(u·v) = 1
    far = torch.sigmoid(v @ u_noise.T).mul_(K / len(u_noise))  # (B, N): 0 once σ(u_k·v) = 0
    return near * u + far @ u_noise, near * v, far.T @ v


# --- training ------------------------------------------------------------------------------------------------------------------


def train(sentences: Sentences, config: SkipGramConfig | None = None, *, seed: int = 0) -> WordVectors:
    """Word vectors of a corpus.

    Args:
        sentences: lists of words; words rarer than `config.min_count` are passed over.
        seed: of the first vectors, the reaches, the noise and the order of pairs.
    Raises:
        ValueError: no word occurs often enough.
    """
    config = config or SkipGramConfig()
    words, counts = count_words(sentences, config.min_count)
    ids, sentence = _flatten(sentences, words)
    rng, draw = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    V = (torch.rand(len(words), config.width, generator=draw) - 0.5) / config.width  # centres
    U = torch.zeros(len(words), config.width)  # contexts
    P_n, K, losses = torch.from_numpy(noise(counts, config.power)), config.negatives, []
    with _one_thread():
        for passed, centres, contexts in _blocks(ids, sentence, keep_share(counts, config.subsample), config, rng):
            if not len(centres):
                continue  # no sentence of two words
            rate = config.rate * max(1 - passed, 1 / 250)
            batches = list(zip(torch.split(centres, config.batch), torch.split(contexts, config.batch), strict=True))
            drawn = torch.multinomial(P_n, len(batches) * config.shared, replacement=True, generator=draw)
            for (c, o), n in zip(batches, torch.split(drawn, config.shared), strict=True):
                v, u, u_noise = V[c], U[o], U[n]
                dv, du, du_noise = skip_gram_slopes(v, u, u_noise, K)
                V.index_add_(0, c, dv, alpha=-rate)  # a word that is there twice takes both steps
                U.index_add_(0, o, du, alpha=-rate)
                U.index_add_(0, n, du_noise, alpha=-rate)
            losses.append(skip_gram_loss(V[c], U[o], U[n], K).item() / len(c))
    return WordVectors(words, V, counts=tuple(map(int, counts)), losses=tuple(losses))


@contextmanager
def _one_thread() -> Iterator[None]:
    """A batch is too little work to share out: two threads would mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _flatten(sentences: Sentences, words: tuple[str, ...]) -> tuple[Ids, Ids]:
    """A corpus as two rows: the ids of its known words, and the number of the sentence of each."""
    number = {word: i for i, word in enumerate(words)}
    rows = [[number[word] for word in sentence if word in number] for sentence in sentences]
    lengths = [len(row) for row in rows]
    return np.array([i for row in rows for i in row]), np.repeat(np.arange(len(rows)), lengths)


def _blocks(ids: Ids, sentence: Ids, keep: NDArray[np.float64], config: SkipGramConfig, rng: np.random.Generator
            ) -> Iterator[tuple[float, Tensor, Tensor]]:  # fmt: skip
    """The pairs of all epochs, block by block, with the share of the run that has passed."""
    for epoch in range(config.epochs):
        for start in range(0, len(ids), BLOCK):
            block, of = ids[start : start + BLOCK], sentence[start : start + BLOCK]
            kept = rng.random(len(block)) < keep[block]
            centres, contexts = draw_pairs(block[kept], of[kept], config.window, rng)
            yield (epoch + start / len(ids)) / config.epochs, torch.from_numpy(centres), torch.from_numpy(contexts)
