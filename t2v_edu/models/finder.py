"""Chapter 14 · a library of films, asked in words or by example · index: Malkov & Yashunin 2020, arXiv:1603.09320."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.models.dual_encoder import DualEncoder, DualEncoderConfig
from t2v_edu.paths import DATA
from t2v_edu.text.encoders import LSTMEncoder
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.video import to_tensor
from t2v_edu.weights import load_weights, read_card, save_model

SHIPPED = DATA / "dual"


class FilmFinder(nn.Module):
    """The dual encoder of chapter 04 with the reader of captions it was trained with: words and films in, one space out.

    Args:
        tokenizer: its vocabulary travels with the weights.
        config: of the dual encoder; `text` is the width of the caption's code.
    """

    kind = "film_finder"

    def __init__(self, tokenizer: Tokenizer, config: DualEncoderConfig) -> None:
        super().__init__()
        self.tokenizer, self.config = tokenizer, config
        self.reader = LSTMEncoder(len(tokenizer), config.text)
        self.dual = DualEncoder(config)

    def embed_captions(self, captions: Sequence[str]) -> Tensor:
        """Captions in English or Chinese → (N, E) of length 1.

        Raises:
            ValueError: a caption without a word of either language.
        """
        return self.dual.embed_text(self.reader(*self.tokenizer.encode(captions)))

    @torch.no_grad()
    def embed_films(self, frames: NDArray[np.uint8], batch: int = 256) -> Tensor:
        """Films uint8 (N, T, H, W, 3) of the size it was trained on → (N, E) of length 1, `batch` at a time."""
        pieces = [self.dual.embed_film(to_tensor(frames[i : i + batch])) for i in range(0, len(frames), batch)]
        return torch.cat(pieces) if pieces else torch.empty(0, self.config.space)

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json`, with the vocabulary, and `model.safetensors` in half precision into a folder."""
        save_model(self, path, self.kind, half=True, config=asdict(self.config), max_length=self.tokenizer.max_length,
                   words=list(self.tokenizer.words))

    @classmethod
    def from_pretrained(cls, path: str | Path = SHIPPED) -> FilmFinder:
        """Load what `save_pretrained` wrote, the shipped one if no folder is named.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        card = read_card(path, cls.kind)
        finder = cls(Tokenizer(card["words"], card["max_length"]), card.config(DualEncoderConfig))
        load_weights(finder, Path(path) / "model.safetensors")
        return finder.eval()


class Found(NamedTuple):
    """What a search found, best first: numbers of films (Q, k) int64 and their cosines (Q, k) float32."""

    films: NDArray[np.int64]
    cosines: NDArray[np.float32]


class FilmIndex:
    """Vectors of films in a graph of near neighbours (HNSW, by usearch): a search walks along it instead of reading all.

    Args:
        width: E.
        links: neighbours that each film is tied to.  More: better found, larger, slower to build.
        effort: how many candidates a search keeps while it walks; `build_effort` the same while films are added.
        dtype: what a number is kept as: "f32", "f16" or "i8".
    Source: Malkov & Yashunin 2020, IEEE TPAMI 42(4), arXiv:1603.09320; links is its M, efforts its ef.
    """

    def __init__(self, width: int, *, links: int = 16, effort: int = 64, build_effort: int = 128, dtype: str = "f32") -> None:
        if min(width, links, effort, build_effort) < 1:
            raise ValueError(f"width {width}, links {links}, effort {effort}, build_effort {build_effort}: use 1 or more of each")
        from usearch.index import Index  # half a second, and only who searches pays for it

        self.width = width
        self._index: Any = Index(ndim=width, metric="cos", dtype=dtype, connectivity=links, expansion_add=build_effort,
                                 expansion_search=effort)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def effort(self) -> int:
        """Candidates that a search keeps; may be set at any time."""
        return int(self._index.expansion_search)

    @effort.setter
    def effort(self, candidates: int) -> None:
        if candidates < 1:
            raise ValueError(f"effort {candidates}: a search must keep at least one candidate")
        self._index.expansion_search = candidates

    def add(self, vectors: Tensor | NDArray[np.float32], threads: int = 1) -> None:
        """Add films; they get the next free numbers, from 0 on.

        Raises:
            ValueError: no (N, E), or something that is not finite.
        """
        rows = self._rows(vectors)
        self._index.add(np.arange(len(self), len(self) + len(rows)), rows, threads=threads)

    def search(self, queries: Tensor | NDArray[np.float32], k: int = 5, *, exact: bool = False, threads: int = 1) -> Found:
        """The k films nearest to each query, by cosine.

        Args:
            queries: (Q, E).
            exact: compare with every film instead of walking the graph.
        Raises:
            ValueError: no (Q, E), or a k beyond the number of films.
        """
        rows = self._rows(queries)
        if not 1 <= k <= len(self):
            raise ValueError(f"k must be between 1 and {len(self)}, the films of the index, not {k}")
        hits = self._index.search(rows, k, exact=exact, threads=threads)
        shape = len(rows), k  # one query alone comes without its first axis
        return Found(hits.keys.reshape(shape).astype(np.int64), 1 - hits.distances.reshape(shape).astype(np.float32))

    def more_like(self, film: int, k: int = 5, *, exact: bool = False) -> Found:
        """The k films nearest to film number `film`, itself left out: (1, k).

        Raises:
            ValueError: no film of that number, too few others.
        """
        if not 0 <= film < len(self):
            raise ValueError(f"film {film}: the index has the numbers 0 to {len(self) - 1}")
        if not 1 <= k < len(self):
            raise ValueError(f"k must be between 1 and {len(self) - 1}, the other films of the index, not {k}")
        found = self.search(np.asarray(self._index.get(film), np.float32)[None], k + 1, exact=exact)
        others = found.films[0] != film
        others[k] &= bool((~others[:k]).any())  # where the film itself was not found, the last one goes
        return Found(found.films[:, others], found.cosines[:, others])

    def _rows(self, vectors: Tensor | NDArray[np.float32]) -> NDArray[np.float32]:
        rows = vectors.detach().cpu().numpy() if isinstance(vectors, Tensor) else np.asarray(vectors)
        if rows.ndim != 2 or rows.shape[1] != self.width or not np.isfinite(rows).all():
            raise ValueError(f"want finite vectors (N, {self.width}), not {rows.dtype} {rows.shape}")
        return np.ascontiguousarray(rows, np.float32)


def overlap(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    """Recall of an approximate search: the share of the truly nearest films (Q, k) that were found (Q, k).

    Raises:
        ValueError: other shapes.
    """
    if found.shape != exact.shape or found.ndim != 2 or not found.size:
        raise ValueError(f"want two lists (Q, k) of one shape, not {found.shape} and {exact.shape}")
    return float((found[:, :, None] == exact[:, None, :]).any(2).mean())
