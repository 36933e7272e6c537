"""The games' losses against closed forms, numbers worked by hand, and finite differences."""

import math

import numpy as np
import pytest
import torch

from t2v_edu.losses.adversarial import GAMES, hinge_d, hinge_g, non_saturating_d, non_saturating_g, r1_penalty


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
    real, fake = scores(0.1, -0.4).requires_grad_(), scores(0.2, -0.3).requires_grad_()
    on_real, on_fake = torch.autograd.grad(d(real, fake), (real, fake))
    assert (on_real < 0).all() and (on_fake > 0).all()  # descent raises real scores and lowers made ones
    assert (torch.autograd.grad(g(fake), fake)[0] < 0).all()  # the generator wants them raised


def test_scores_far_out_overflow_nowhere():
    far = torch.tensor([1e4, -1e4])
    for value in (non_saturating_d(far, far), non_saturating_g(far), hinge_d(far, far)):
        assert value.isfinite()
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
