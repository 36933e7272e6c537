"""Skip-gram: slopes against finite differences, pairs and noise by hand, neighbours against gensim on the same corpus."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.text.corpora import bilingual_sentences
from t2v_edu.text.word2vec import (
    SkipGramConfig,
    count_words,
    draw_pairs,
    keep_share,
    noise,
    reach_share,
    skip_gram_loss,
    skip_gram_slopes,
    train,
    window_pairs,
)

SENTENCES = bilingual_sentences(1500, seed=3)
CONFIG = SkipGramConfig(width=32, window=8, epochs=8, subsample=5e-3, rate=0.05)


@pytest.fixture(scope="module")
def vectors():
    return train(SENTENCES, CONFIG, seed=1)


def test_the_slopes_are_those_of_the_loss_by_finite_differences():
    draw = torch.Generator().manual_seed(0)
    tables = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in ((4, 3), (4, 3), (5, 3))]
    slopes = skip_gram_slopes(*tables, K=2.5)
    h = 1e-6
    for table, slope in zip(tables, slopes, strict=True):
        for i in np.ndindex(*table.shape):
            there = table[i].item()
            table[i] = there + h
            up = skip_gram_loss(*tables, K=2.5)
            table[i] = there - h
            down = skip_gram_loss(*tables, K=2.5)
            table[i] = there
            assert slope[i].item() == pytest.approx(((up - down) / (2 * h)).item(), abs=1e-7)


def test_a_worked_example():
    """v = (1, 0), u = (2, 0), one noise word u_1 = (0, 1) with K = 1: L = -log σ(2) - log σ(0), dL/dv = (σ(2)-1)·u + σ(0)·u_1."""
    v, u, u_noise = torch.tensor([[1.0, 0]]), torch.tensor([[2.0, 0]]), torch.tensor([[0.0, 1]])
    assert skip_gram_loss(v, u, u_noise, 1).item() == pytest.approx(0.12693 + 0.69315, abs=1e-4)
    dv, du, du_noise = skip_gram_slopes(v, u, u_noise, 1)
    assert torch.allclose(dv, torch.tensor([[-0.23841, 0.5]]), atol=1e-4)
    assert torch.allclose(du, torch.tensor([[-0.11920, 0.0]]), atol=1e-4)
    assert torch.allclose(du_noise, torch.tensor([[0.5, 0.0]]), atol=1e-4)


def test_a_step_against_the_slopes_lowers_the_loss():
    draw = torch.Generator().manual_seed(1)
    tables = [torch.randn(n, 8, generator=draw) for n in (6, 6, 10)]
    after = [t - 0.01 * slope for t, slope in zip(tables, skip_gram_slopes(*tables, K=5), strict=True)]
    assert skip_gram_loss(*after, K=5) < skip_gram_loss(*tables, K=5)


def test_pairs_by_hand():
    assert window_pairs(3, 1) == [(0, 1), (1, 0), (1, 2), (2, 1)]
    assert window_pairs(3, 5) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    assert window_pairs(1, 2) == []
    assert [reach_share(d, 4) for d in (1, 2, 3, 4, 5)] == [1, 0.75, 0.5, 0.25, 0]
    with pytest.raises(ValueError, match="a sentence of 0 words and a window of 2"):
        window_pairs(0, 2)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 7), st.integers(0, 99))
def test_drawn_pairs_stay_inside_window_and_sentence(lengths, window, seed):
    ids = np.arange(sum(lengths))  # every word another, so that an id is a place
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    pairs = set(zip(*(row.tolist() for row in draw_pairs(ids, sentence, window, np.random.default_rng(seed))), strict=True))
    starts = np.cumsum([0, *lengths])
    allowed = {(s + i, s + j) for s, n in zip(starts, lengths, strict=False) for i, j in window_pairs(n, window)}
    assert pairs <= allowed
    assert {(i, j) for i, j in allowed if abs(i - j) == 1} <= pairs  # the nearest word is within every reach


def test_pairs_are_drawn_as_often_as_reach_share_says():
    ids, sentence = np.tile(np.arange(9), 4000), np.repeat(np.arange(4000), 9)
    centres, contexts = draw_pairs(ids, sentence, 4, np.random.default_rng(0))
    for d in range(1, 6):
        share = np.sum((centres == 2) & (contexts == 2 + d)) / 4000
        assert share == pytest.approx(reach_share(d, 4), abs=0.04)


def test_noise_and_subsampling_by_hand():
    assert noise([1, 16, 81], 0.75) == pytest.approx([1 / 36, 8 / 36, 27 / 36])
    assert noise([1, 99], 0) == pytest.approx([0.5, 0.5])
    assert keep_share([1, 99], 0) == pytest.approx([1, 1])
    assert keep_share([10, 90], 0.1) == pytest.approx([1, (1 / 9) ** 0.5 + 1 / 9])


def test_words_are_counted_and_rare_ones_left_out():
    words, counts = count_words([["b", "a", "b"], ["c", "a", "b"]], 2)
    assert words == ("b", "a") and counts.tolist() == [3, 2]
    with pytest.raises(ValueError, match=r"2 sentence\(s\) with no word that occurs 9 time"):
        count_words([["a"], ["b"]], 9)


def test_our_neighbours_are_those_of_gensim(vectors):
    """Of a word's five neighbours ours shares as many with gensim's as gensim's does with its own under another seed, nearly."""
    word2vec = pytest.importorskip("gensim.models", reason="gensim is a development tool").Word2Vec
    runs = [word2vec(SENTENCES, vector_size=32, window=8, negative=5, sg=1, min_count=5, epochs=8, workers=1, sample=5e-3,
                     alpha=0.05, min_alpha=0.05 / 250, seed=seed).wv for seed in (1, 2)]  # fmt: skip
    assert set(vectors.words) == set(runs[0].key_to_index)
    asked = vectors.words[10:110]
    ours = {word: {near for near, _ in vectors.nearest(word, 5)} for word in asked}
    theirs = [{word: {near for near, _ in run.most_similar(word, topn=5)} for word in asked} for run in runs]
    shared = [np.mean([len(a[word] & b[word]) / 5 for word in asked]) for a, b in ((ours, theirs[0]), (theirs[0], theirs[1]))]
    assert shared[0] > 0.5 and shared[0] > shared[1] - 0.1, shared


def test_words_for_the_same_thing_become_neighbours_across_languages(vectors):
    assert {"crimson", "scarlet", "红色"} & {w for w, _ in vectors.nearest("red", 3)}
    assert vectors.nearest("azure", 1)[0][0] in ("blue", "蓝色", "天蓝色")
    assert vectors.losses[-1] < vectors.losses[0] and np.isfinite(vectors.losses).all()


def test_the_same_seed_makes_the_same_vectors_and_another_does_not():
    few, config = SENTENCES[:60], SkipGramConfig(width=8, min_count=2, epochs=1)
    one, again, other = (train(few, config, seed=s).vectors for s in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)


@pytest.mark.parametrize(("wrong", "said"), [({"width": 0}, "width 0 is too small"), ({"window": 0}, "window 0"),
                                             ({"rate": 0}, "rate 0"), ({"subsample": -1}, "subsample -1")])
def test_settings_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        SkipGramConfig(**wrong)
