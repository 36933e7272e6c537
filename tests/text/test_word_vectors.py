"""Neighbours, analogies, the map and pooling, on vectors small enough to check by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.text.word_vectors import WordVectors, average_pool, bag_of_words, flat_map, max_pool

WHY = "scikit-learn is a development tool"
SQUARE = WordVectors(["man", "woman", "king", "queen", "far"],
                     torch.tensor([[1.0, 0, 1], [0, 1, 1], [1, 0, 2], [0, 1, 2], [-1, -1, -1]]))


def test_neighbours_and_analogies_by_hand():
    assert [w for w, _ in SQUARE.nearest("king", 2)] == ["man", "queen"]
    assert SQUARE.nearest("king", 1)[0][1] == pytest.approx(3 / 10**0.5)  # (1,0,2)·(1,0,1) / √5 √2
    assert SQUARE.nearest("king", 99)[-1][0] == "far" and len(SQUARE.nearest("king", 99)) == 4
    assert SQUARE.analogy("man", "woman", "king", 1)[0][0] == "queen"
    assert "man" not in [w for w, _ in SQUARE.nearest(SQUARE["king"], 9, without=["man"])]


def test_unknown_words_are_named_with_what_is_spelt_like_them():
    with pytest.raises(ValueError, match="the word 'kingg' has no vector; spelt most like it: king") as error:
        SQUARE["kingg"]
    assert "nearest" not in str(error.value)
    assert "kingg" not in SQUARE and "king" in SQUARE and len(SQUARE) == 5


def test_lookup_pads_cuts_and_passes_over_unknown_words():
    vectors, mask = SQUARE.lookup([["man", "zebra", "far"], ["queen"]])
    assert vectors.tolist() == [[[1, 0, 1], [-1, -1, -1]], [[0, 1, 2], [0, 0, 0]]]
    assert mask.tolist() == [[True, True], [True, False]]
    cut, mask = SQUARE.lookup([["man", "far", "far"]], length=2)
    assert cut.shape == (1, 2, 3) and mask.all()
    for empty in ([], ["zebra", "yak"]):
        with pytest.raises(ValueError, match="has a vector") as error:
            SQUARE.lookup([["man"], empty])
        assert repr(" ".join(empty)) in str(error.value)
    with pytest.raises(ValueError, match="length 0"):
        SQUARE.lookup([["man"]], length=0)
    with pytest.raises(ValueError, match="no sentence"):
        SQUARE.lookup([])


def test_pooling_by_hand():
    vectors, mask = SQUARE.lookup([["man", "queen"], ["far"]])
    assert average_pool(vectors, mask).tolist() == [[0.5, 0.5, 1.5], [-1, -1, -1]]
    assert max_pool(vectors, mask).tolist() == [[1, 1, 2], [-1, -1, -1]]  # not 0, which is only padding
    assert torch.equal(average_pool(vectors, mask)[0], vectors[0].mean(0))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 4))
def test_padding_changes_no_pooled_code(lengths, extra):
    draw = torch.Generator().manual_seed(sum(lengths) + extra)
    L = max(lengths) + extra
    vectors = torch.randn(len(lengths), L, 3, generator=draw)
    mask = torch.arange(L)[None] < torch.tensor(lengths)[:, None]
    alone = [vectors[i, :n] for i, n in enumerate(lengths)]
    assert torch.allclose(average_pool(vectors, mask), torch.stack([v.mean(0) for v in alone]), atol=1e-6)
    assert torch.equal(max_pool(vectors, mask), torch.stack([v.amax(0) for v in alone]))


def test_bags_are_counted():
    bag = bag_of_words([["a", "b", "a"], [], ["z"]], ["b", "a"])
    assert bag.tolist() == [[1, 2], [0, 0], [0, 0]]


def test_bags_are_those_of_scikit_learn():
    counter = pytest.importorskip("sklearn.feature_extraction.text", reason=WHY).CountVectorizer(analyzer=str.split)
    texts = ["the red circle moves on the grass", "a circle a star", "grass"]
    theirs = counter.fit_transform(texts).toarray()
    assert np.array_equal(bag_of_words([t.split() for t in texts], counter.get_feature_names_out()).numpy(), theirs)


def test_the_map_is_that_of_scikit_learn_up_to_signs():
    pca = pytest.importorskip("sklearn.decomposition", reason=WHY).PCA(2, svd_solver="full")
    x = torch.randn(30, 7, generator=torch.Generator().manual_seed(0))
    ours, theirs = flat_map(x).numpy(), pca.fit_transform(x.numpy())
    assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-4)
    assert (ours[np.abs(ours).argmax(0), [0, 1]] > 0).all()


@pytest.mark.parametrize(("vectors", "mask", "said"), [
    (torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool), r"shape \(2, 3\)"),
    (torch.zeros(2, 3, 4), torch.ones(2, 3), "float32"),
    (torch.zeros(2, 3, 4), torch.ones(2, 2, dtype=torch.bool), r"mask of shape \(2, 2\)"),
    (torch.zeros(1, 3, 4), torch.zeros(1, 3, dtype=torch.bool), "row 0 of the mask .* has no word"),
])  # fmt: skip
def test_wrong_shapes_and_types_are_quoted(vectors, mask, said):
    for pool in average_pool, max_pool:
        with pytest.raises(ValueError, match=said):
            pool(vectors, mask)


def test_vectors_that_do_not_fit_their_words_are_refused():
    with pytest.raises(ValueError, match=r"2 words and vectors of shape \(3, 4\)"):
        WordVectors(["a", "b"], torch.zeros(3, 4))
    with pytest.raises(ValueError, match="int64"):
        WordVectors(["a", "b"], torch.zeros(2, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="twice"):
        WordVectors(["a", "a"], torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"shape \(1, 4\)"):
        flat_map(torch.zeros(1, 4))
