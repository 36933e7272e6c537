"""Finding films: the index against a plain sort, what it refuses, the shipped finder."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.datasets import WorldStream
from t2v_edu.models.dual_encoder import DualEncoderConfig
from t2v_edu.models.finder import SHIPPED, FilmFinder, FilmIndex, overlap
from t2v_edu.text.tokenizer import Tokenizer

TINY = DualEncoderConfig(text=6, space=4, frames=2, size=8, width=2)


def unit(seed, n, width=16):
    x = np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def indexed(vectors, **more):
    index = FilmIndex(vectors.shape[1], **more)
    index.add(vectors)
    return index


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_exact_search_is_a_sort_of_all_cosines(seed, films, k):
    vectors, queries, k = unit(seed, films), 3 * unit(seed + 1, 4), min(k, films)  # a query's length does not matter
    found = indexed(vectors).search(queries, k, exact=True)
    cosines = queries @ vectors.T / 3
    order = np.argsort(-cosines, 1)[:, :k]
    np.testing.assert_allclose(found.cosines, np.take_along_axis(cosines, order, 1), atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(cosines, found.films, 1), found.cosines, atol=1e-5)
    assert found.films.shape == (4, k)


def test_the_graph_finds_nearly_all_and_more_effort_finds_more():
    vectors, queries = unit(0, 4000, 32), unit(1, 100, 32)
    index = indexed(vectors, effort=128)
    exact = index.search(queries, 10, exact=True).films
    assert overlap(index.search(queries, 10).films, exact) > 0.9
    index.effort = 1000
    much = overlap(index.search(queries, 10).films, exact)
    index.effort = 10
    assert index.effort == 10 and overlap(index.search(queries, 10).films, exact) < much


def test_a_byte_a_number_costs_a_little_recall():
    vectors, queries = unit(5, 1000, 32), unit(6, 50, 32)
    exact = indexed(vectors).search(queries, 10, exact=True).films
    small = overlap(indexed(vectors, dtype="i8").search(queries, 10, exact=True).films, exact)
    assert 0.85 < small < 1.0


def test_more_like_this_leaves_the_film_itself_out():
    vectors = unit(2, 50)
    index = indexed(vectors)
    cosines = vectors @ vectors[7]
    cosines[7] = -2
    found = index.more_like(7, 4, exact=True)
    assert found.films.tolist() == [np.argsort(-cosines)[:4].tolist()]
    twins = indexed(np.repeat(unit(3, 3), 2, 0))  # every film twice: which of two equal ones comes first is open
    assert set(twins.more_like(2, 1, exact=True).films[0]) == {3}


def test_films_are_numbered_in_the_order_of_their_coming():
    vectors, index = unit(4, 30), FilmIndex(16)
    index.add(vectors[:10])
    index.add(torch.from_numpy(vectors[10:]))
    assert len(index) == 30
    assert index.search(vectors, 1, exact=True).films[:, 0].tolist() == list(range(30))


def test_overlap_by_hand():
    assert overlap(np.array([[1, 2], [5, 3]]), np.array([[2, 9], [3, 5]])) == 0.75


@pytest.mark.parametrize("call, told", [
    (lambda i: FilmIndex(0), "width 0"),
    (lambda i: i.add(np.zeros((2, 3), np.float32)), r"\(N, 16\).*\(2, 3\)"),
    (lambda i: i.add(np.full((1, 16), np.nan, np.float32)), "finite"),
    (lambda i: i.search(np.zeros(16, np.float32)), r"\(16,\)"),
    (lambda i: i.search(unit(0, 1), 6), "between 1 and 5.*not 6"),
    (lambda i: i.more_like(5), "film 5.*0 to 4"),
    (lambda i: i.more_like(0, 5), "between 1 and 4.*not 5"),
    (lambda i: setattr(i, "effort", 0), "effort 0"),
    (lambda i: overlap(np.zeros((1, 2)), np.zeros((2, 2))), r"\(1, 2\) and \(2, 2\)"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call(indexed(unit(0, 5)))


def test_saved_and_loaded_it_finds_the_same(tmp_path):
    torch.manual_seed(0)
    finder = FilmFinder(Tokenizer.fit(["a red star", "红色的星星"]), TINY).eval()
    finder.save_pretrained(tmp_path)
    again = FilmFinder.from_pretrained(tmp_path)
    films = np.random.default_rng(0).integers(0, 256, (5, 2, 8, 8, 3), dtype=np.uint8)
    torch.testing.assert_close(again.embed_films(films, batch=2), finder.embed_films(films), atol=5e-3, rtol=0)  # halves
    torch.testing.assert_close(again.embed_captions(["red star"]), finder.embed_captions(["red star"]), atol=5e-3, rtol=0)
    assert again.tokenizer.words == finder.tokenizer.words
    assert finder.embed_films(films[:0]).shape == (0, 4)
    with pytest.raises(ValueError, match="there is no model in"):
        FilmFinder.from_pretrained(tmp_path / "nowhere")


@pytest.mark.skipif(not (SHIPPED / "config.json").is_file(), reason=f"no finder in {SHIPPED}; python -m t2v_edu.training.dual")
def test_the_shipped_finder_finds_what_its_report_says():
    """Another library than the report's: 200 films, so recall@1 is at least as high, up to chance."""
    from t2v_edu.training.dual import found

    report = json.loads((SHIPPED / "report.json").read_text())["library of 1,000 films"]["held_out"]
    got = found(FilmFinder.from_pretrained(), WorldStream("shapes", frames=8, size=32, split="held_out"), 200, seed=11)
    for lang in ("en", "zh"):
        assert got[f"{lang}, recall@1"] > report[f"{lang}, recall@1"] - 0.1
        assert got[f"{lang}, recall@1"] > 40 * got["a guess, recall@1"]
