"""InfoNCE: closed forms, torch's cross-entropy, properties."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.losses.contrastive import info_nce, info_nce_both, similarities


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_two_pairs_by_hand():
    """Row 1: scores ln 3 and 0, so the right one has 3 of 4; row 2: 0 and ln 7, 7 of 8."""
    scores = torch.tensor([[math.log(3), 0.0], [0.0, math.log(7)]])
    assert info_nce(scores).item() == pytest.approx((math.log(4 / 3) + math.log(8 / 7)) / 2, abs=1e-6)


@given(st.integers(1, 12), st.floats(-5, 5))
def test_equal_scores_cost_log_b(batch, value):
    assert info_nce(torch.full((batch, batch), value)).item() == pytest.approx(math.log(batch), abs=1e-5)


@given(st.integers(1, 8), st.floats(0.05, 2.0))
def test_pairs_equal_and_all_else_at_right_angles(batch, temperature):
    codes = 3 * torch.eye(8)[:batch]  # lengths do not count
    want = math.log(1 + (batch - 1) * math.exp(-1 / temperature))
    assert info_nce_both(codes, 0.5 * codes, temperature).item() == pytest.approx(want, abs=1e-5)


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 6))
def test_it_is_cross_entropy_with_the_diagonal_as_the_class(seed, batch, width):
    scores = 3 * drawn(seed, batch, batch)
    torch.testing.assert_close(info_nce(scores), F.cross_entropy(scores, torch.arange(batch)))
    a, b = drawn(seed, batch, width), drawn(seed + 1, batch, width)
    cosines = F.cosine_similarity(a[:, None], b[None], dim=2) / 0.3
    both = (F.cross_entropy(cosines, torch.arange(batch)) + F.cross_entropy(cosines.T, torch.arange(batch))) / 2
    torch.testing.assert_close(info_nce_both(a, b, 0.3), both, atol=1e-5, rtol=1e-5)


@given(st.integers(0, 10**6), st.integers(2, 7))
def test_both_ways_is_symmetric_and_knows_no_order_of_the_batch(seed, batch):
    a, b = drawn(seed, batch, 4), drawn(seed + 1, batch, 4)
    order = torch.randperm(batch, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(info_nce_both(a, b), info_nce_both(b, a))
    torch.testing.assert_close(info_nce_both(a, b), info_nce_both(a[order], b[order]))


def test_the_gradient_is_the_softmax_minus_the_pairing():
    scores = drawn(0, 5, 5).double().requires_grad_()
    info_nce(scores).backward()
    torch.testing.assert_close(scores.grad, (scores.detach().softmax(1) - torch.eye(5)) / 5)


def test_a_candidate_that_means_the_same_is_no_mistake():
    """Clips 0 and 1 show the same scene. Unknown, they hold the loss at ½·log 2 or more; known, it goes to 0."""
    codes = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    same = codes @ codes.T > 0.5
    blind, told = info_nce_both(codes, codes, 0.02), info_nce_both(codes, codes, 0.02, same)
    assert blind.item() == pytest.approx(2 / 3 * math.log(2), abs=1e-6)
    assert told.item() == pytest.approx(0, abs=1e-6)


def test_a_same_that_is_not_symmetric_is_turned_with_the_scores():
    a, b = drawn(0, 4, 3), drawn(1, 4, 3)
    same = torch.zeros(4, 4, dtype=torch.bool)
    same[0, 2] = True
    scores = similarities(a, b) / 0.5
    want = 0.5 * (info_nce(scores, same) + info_nce(scores.T, same.T))
    torch.testing.assert_close(info_nce_both(a, b, 0.5, same), want)
    assert not torch.isclose(want, 0.5 * (info_nce(scores, same) + info_nce(scores.T, same)))


@pytest.mark.parametrize("call, told", [
    (lambda: info_nce(torch.zeros(2, 3)), r"\(2, 3\)"),
    (lambda: info_nce(torch.zeros(0, 0)), r"\(0, 0\)"),
    (lambda: info_nce(torch.zeros(2, 2), torch.zeros(2, 2)), r"bool \(2, 2\), not torch.float32"),
    (lambda: info_nce_both(torch.zeros(2, 3), torch.zeros(2, 4)), r"\(2, 3\) and \(2, 4\)"),
    (lambda: info_nce_both(torch.zeros(2, 3), torch.zeros(3, 3)), r"\(2, 3\)"),
    (lambda: info_nce_both(torch.zeros(3), torch.zeros(3)), r"\(3,\)"),
    (lambda: info_nce_both(torch.ones(2, 3), torch.ones(2, 3), 0.0), "positive, not 0"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
