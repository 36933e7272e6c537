"""The games' losses against closed forms, numbers worked by hand, and finite differences."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.losses.adversarial import (
    GAMES,
    hinge_d,
    hinge_g,
    least_squares_d,
    least_squares_g,
    minimax_d,
    minimax_g,
    non_saturating_d,
    non_saturating_g,
    r1_penalty,
    relativistic_d,
    relativistic_g,
    wasserstein_d,
    wasserstein_g,
)

some_scores = st.lists(st.floats(-30, 30), min_size=1, max_size=8).map(lambda v: torch.tensor(v, dtype=torch.float64))


def scores(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_classic_game_costs_log_4_when_the_critic_cannot_tell():
    zero = torch.zeros(6, dtype=torch.float64)
    assert non_saturating_d(zero, zero).item() == pytest.approx(math.log(4), abs=1e-12)
    assert non_saturating_g(zero).item() == pytest.approx(math.log(2), abs=1e-12)


def test_the_best_critic_reaches_log_4_minus_twice_the_jensen_shannon_divergence():
    """Goodfellow et al. 2014, theorem 1, on two distributions over three points, where D* = log(p/q)."""
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
    counts = np.rint(10 * p).astype(int), np.rint(10 * q).astype(int)
    best = np.log(p / q)
    real, fake = (torch.from_numpy(np.repeat(best, n)) for n in counts)
    m = (p + q) / 2
    jensen_shannon = 0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum()
    assert non_saturating_d(real, fake).item() == pytest.approx(math.log(4) - 2 * jensen_shannon, abs=1e-12)


def test_hinge_by_hand():
    real, fake = scores(2.0, 0.5, -1.0), scores(-3.0, 0.0)
    # real: max(0, -1) = 0, max(0, .5) = .5, max(0, 2) = 2, mean 2.5/3; fake: max(0, -2) = 0, max(0, 1) = 1, mean .5
    assert hinge_d(real, fake).item() == pytest.approx(2.5 / 3 + 0.5)
    assert hinge_g(fake).item() == pytest.approx(1.5)
    assert hinge_d(scores(1.0, 4.0), scores(-1.0, -9.0)).item() == 0  # beyond the margins nothing is left to win


def test_non_saturating_by_hand():
    assert non_saturating_d(scores(math.log(3)), scores(-math.log(3))).item() == pytest.approx(2 * math.log(4 / 3))
    assert non_saturating_g(scores(-math.log(3))).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize("game", GAMES)
def test_gradients_against_finite_differences(game):
    d, g = GAMES[game]
    real = scores(0.3, -1.7, 2.4).requires_grad_()  # away from the hinge's corners at 1 and -1
    fake = scores(0.2, 1.9, -1.6).requires_grad_()
    assert torch.autograd.gradcheck(d, (real, fake)) and torch.autograd.gradcheck(g, (fake,))


@pytest.mark.parametrize("game", GAMES)
def test_both_players_pull_the_right_way(game):
    d, g = GAMES[game]
    real, fake = scores(0.1, -0.4).requires_grad_(), scores(0.2, 0.3).requires_grad_()  # between the targets of least squares
    on_real, on_fake = torch.autograd.grad(d(real, fake), (real, fake))
    assert (on_real < 0).all() and (on_fake > 0).all()  # descent raises real scores and lowers made ones
    assert (torch.autograd.grad(g(fake), fake)[0] < 0).all()  # the generator wants them raised


def test_scores_far_out_overflow_nowhere():
    far = torch.tensor([1e4, -1e4])
    for d, g in GAMES.values():
        assert d(far, far).isfinite() and g(far).isfinite()
    assert relativistic_d(far, far.flip(0)).isfinite()
    sure = torch.tensor([-50.0], requires_grad=True)
    assert torch.autograd.grad(non_saturating_g(sure), sure)[0].item() == pytest.approx(-1, abs=1e-6)  # does not saturate


def test_r1_of_a_quadratic_critic():
    """D(x) = ½ xᵀAx + bᵀx has the gradient Ax + b for symmetric A, so the penalty is ½ E‖Ax + b‖²."""
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(6, 6, generator=rng, dtype=torch.float64)
    a, b = a + a.T, torch.randn(6, generator=rng, dtype=torch.float64)
    x = torch.randn(4, 2, 3, generator=rng, dtype=torch.float64).requires_grad_()
    flat = x.flatten(1)
    score = 0.5 * ((flat @ a) * flat).sum(1) + flat @ b
    expected = 0.5 * (flat @ a + b).square().sum(1).mean()
    torch.testing.assert_close(r1_penalty(score, x), expected)


def test_r1_can_be_descended():
    """D(x) = w·x: the penalty is ½ w² n for n inputs, with the gradient w n in w."""
    w = torch.tensor(3.0, requires_grad=True)
    x = torch.ones(5, 7, requires_grad=True)
    penalty = r1_penalty((w * x).sum(1), x)
    assert penalty.item() == pytest.approx(0.5 * 9 * 7)
    assert torch.autograd.grad(penalty, w)[0].item() == pytest.approx(3 * 7)


def test_where_it_is_sure_minimax_has_no_gradient_left_and_non_saturating_has_it_all():
    """d/ds of log(1 − σ(s)) is −σ(s), of −log σ(s) it is −σ(−s): together always −1."""
    for s in (-20.0, -3.0, 0.0, 2.0):
        at = scores(s).requires_grad_()
        dying, living = (torch.autograd.grad(g(at), at)[0].item() for g in (minimax_g, non_saturating_g))
        assert dying == pytest.approx(-1 / (1 + math.exp(-s)))
        assert dying + living == pytest.approx(-1)
    assert minimax_g(scores(-20.0)).item() == pytest.approx(-math.exp(-20), rel=1e-6)


@given(some_scores, some_scores)
def test_minimax_is_cross_entropy_and_its_generator_gets_the_other_sign_of_the_same_value(real, fake):
    theirs = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
    on_fake = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    torch.testing.assert_close(minimax_d(real, fake), theirs + on_fake)
    torch.testing.assert_close(minimax_g(fake), -on_fake)  # zero sum: what of D's loss depends on G, negated
    torch.testing.assert_close(non_saturating_g(fake), F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake)))
    assert minimax_d(real, fake) == non_saturating_d(real, fake)


@given(some_scores, some_scores)
def test_least_squares_is_mean_squared_error(real, fake):
    theirs = F.mse_loss(real, torch.ones_like(real)) + F.mse_loss(fake, torch.zeros_like(fake))
    torch.testing.assert_close(least_squares_d(real, fake), theirs / 2)
    torch.testing.assert_close(least_squares_g(fake), F.mse_loss(fake, torch.ones_like(fake)) / 2)


def test_least_squares_by_hand():
    # real 2 and 0: ½·(1 + 1)/2 = ½; made 3: ½·9; G: ½·(3 − 1)²
    assert least_squares_d(scores(2.0, 0.0), scores(3.0)).item() == pytest.approx(5.0)
    assert least_squares_g(scores(3.0)).item() == pytest.approx(2.0)
    half = scores(0.5, 0.5)
    assert least_squares_d(half, half).item() == pytest.approx(0.25)


@given(some_scores, some_scores, st.floats(-9, 9))
def test_wasserstein_is_a_difference_that_no_shift_of_the_scores_changes(real, fake, shift):
    value = wasserstein_d(real, fake)
    assert value.item() == pytest.approx(fake.mean().item() - real.mean().item())
    torch.testing.assert_close(wasserstein_d(real + shift, fake + shift), value, atol=1e-9, rtol=0)
    torch.testing.assert_close(wasserstein_d(fake, real), -value)
    torch.testing.assert_close(wasserstein_d(7 * real, 7 * fake), 7 * value)  # so without a constraint there is no least value
    assert wasserstein_g(fake) == hinge_g(fake) == -fake.mean()


@given(st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=8), st.floats(-9, 9))
def test_relativistic_compares_pairs(pairs, shift):
    real, fake = torch.tensor(pairs, dtype=torch.float64).unbind(1)
    value = relativistic_d(real, fake)
    by_hand = sum(math.log1p(math.exp(f - r)) for r, f in pairs) / len(pairs)
    assert value.item() == pytest.approx(by_hand)
    torch.testing.assert_close(relativistic_d(real + shift, fake + shift), value, atol=1e-9, rtol=0)
    assert relativistic_g(real, fake) == relativistic_d(fake, real)
    assert relativistic_d(real, real).item() == pytest.approx(math.log(2))


@given(some_scores, some_scores, st.randoms(use_true_random=False))
def test_no_loss_knows_an_order_of_the_batch(real, fake, random):
    others = (torch.tensor(random.sample(x.tolist(), len(x)), dtype=torch.float64) for x in (real, fake))
    real_2, fake_2 = others
    for d, g in GAMES.values():
        torch.testing.assert_close(d(real, fake), d(real_2, fake_2))
        torch.testing.assert_close(g(fake), g(fake_2))


def test_gradients_of_the_relativistic_game_against_finite_differences():
    real, fake = scores(0.3, -1.7).requires_grad_(), scores(1.2, -0.4).requires_grad_()
    assert torch.autograd.gradcheck(relativistic_d, (real, fake)) and torch.autograd.gradcheck(relativistic_g, (real, fake))


@pytest.mark.parametrize("call, told", [
    (lambda: hinge_d(scores(), scores(1.0)), r"real scores.*float64 \(0,\)"),
    (lambda: minimax_d(scores(1.0), torch.tensor([1, 2])), r"fake scores.*int64 \(2,\)"),
    (lambda: wasserstein_g(torch.tensor([True])), "bool"),
    (lambda: relativistic_d(torch.zeros(4, 1), torch.zeros(4)), r"\(4, 1\) and \(4,\)"),  # a table of 16 pairs otherwise
])  # fmt: skip
def test_what_is_no_score_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
