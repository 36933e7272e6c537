"""Films found among 100,000 by a graph of neighbours: how many of the truly nearest, and how much faster than an exact search."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.common import Line, seconds
from t2v_edu.datasets import WorldStream
from t2v_edu.models.finder import FilmFinder, FilmIndex, overlap

GOAL_RECALL, K = 0.95, 10


def embeddings(finder: FilmFinder, clips: int, seed: int = 0, batch: int = 500, start: int = 0) -> Iterator[torch.Tensor]:
    """Vectors (batch, E) of rendered clips, batch after batch, from number `start` on."""
    source = WorldStream("shapes", frames=finder.config.frames, size=finder.config.size)
    for step in range(start, clips // batch):
        yield finder.embed_films(source.batch(batch, seed=seed, step=step).frames)


def measure(clips: int = 100_000, searches: int = 200) -> list[Line]:
    """One thread searches a library that is rendered and embedded first, some minutes of it."""
    finder = FilmFinder.from_pretrained()
    return compare(finder, torch.cat(list(embeddings(finder, clips))), searches)


def compare(finder: FilmFinder, library: torch.Tensor, searches: int) -> list[Line]:
    """Captions and films that are not in the library (N, E) ask it, exactly and by the graph."""
    asked = WorldStream("shapes", frames=finder.config.frames, size=finder.config.size, split="held_out").batch(
        searches, seed=1, step=0)  # fmt: skip
    with torch.no_grad():
        words = finder.embed_captions(asked.captions).numpy()
    films = finder.embed_films(asked.frames).numpy()
    index = FilmIndex(library.shape[1])
    index.add(library)
    exact = seconds(lambda: index.search(words, K, exact=True)) / searches
    matrix = library.numpy().T.copy()
    product = seconds(lambda: np.argpartition(-(words @ matrix), K, 1)[:, :K]) / searches
    how = f"usearch, width {index.width}, the {K} nearest, one thread"
    lines = [Line(f"exact search, {len(library):,} films", 1000 * exact, "ms", how=how),
             Line("exact search, a matrix product", 1000 * product, "ms", how="NumPy, the same run")]
    for effort in (16, 64, 256):
        index.effort = effort
        took = seconds(lambda: index.search(words, K)) / searches
        goal = effort == 64
        for name, queries in (("captions", words), ("films: more like this", films)):
            right = overlap(index.search(queries, K).films, index.search(queries, K, exact=True).films)
            how = f"of the {K} truly nearest; {searches} searches, films of held-out combinations"
            lines.append(Line(f"recall@{K}, {name}, effort {effort}", right, "found", GOAL_RECALL if goal else None, how=how))
        lines.append(Line(f"graph, effort {effort}", 1000 * took, "ms a search", how="the same run"))
        for name, slower in (("usearch's exact search", exact), ("the matrix product", product)):
            how = f"{searches} searches in one call, one thread, the same run"
            lines.append(Line(f"graph is so many times as fast as {name}, effort {effort}", slower / took, "×", how=how))
    return lines
