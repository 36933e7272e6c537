"""Errors of pictures by hand and against loops; the two terms of a VAE against torch's densities and a model solved exactly."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from t2v_edu.losses.reconstruction import (
    absolute_error,
    beta_at,
    gradient_difference,
    half_squared_error,
    kl_loss,
    latent_kl,
    perceptual_error,
    reparameterise,
    vae_loss,
)
from t2v_edu.vision.features import FeatureConfig, FeatureNet


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def pair(*shape, seed=0):
    return torch.randn(2, *shape, generator=drawn(seed), dtype=torch.float64)


ERRORS = {
    "squared": half_squared_error,
    "absolute": absolute_error,
    "gradients": gradient_difference,
    "perceptual": lambda a, b: perceptual_error(a, b, lambda x: [x, x[..., ::2]]),
}


# --- Errors of a picture -----------------------------------------------------------------------------------------------------


def test_half_squared_error_by_hand():
    """Two pictures of two numbers: ½(1 + 4) = 2.5 and ½(0 + 9) = 4.5."""
    target, rebuilt = torch.tensor([[1.0, 0.0], [2.0, 5.0]]), torch.tensor([[0.0, 2.0], [2.0, 2.0]])
    assert half_squared_error(rebuilt, target, "sum").item() == 3.5
    assert half_squared_error(rebuilt, target).item() == 1.75
    assert absolute_error(rebuilt, target).item() == 1.5


def test_summed_over_pixels_it_is_minus_the_log_of_a_bell():
    rebuilt, target = pair(4, 3, 5, 5)
    minus_log = -Normal(rebuilt, 1.0).log_prob(target).flatten(1).sum(1).mean()
    constant = 75 * 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(half_squared_error(rebuilt, target, "sum") + constant, minus_log)
    torch.testing.assert_close(half_squared_error(rebuilt, target), 0.5 * nn.functional.mse_loss(rebuilt, target))
    torch.testing.assert_close(absolute_error(rebuilt, target), nn.functional.l1_loss(rebuilt, target))


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=9), st.floats(-5, 5))
def test_squares_are_met_best_by_the_mean_and_absolutes_by_the_median(values, other):
    films = torch.tensor(values, dtype=torch.float64)[:, None]
    guesses = {"mean": films.mean(), "median": films.quantile(0.5), "other": torch.tensor(other, dtype=torch.float64)}
    squared = {k: half_squared_error(g.expand_as(films), films).item() for k, g in guesses.items()}
    absolute = {k: absolute_error(g.expand_as(films), films).item() for k, g in guesses.items()}
    assert squared["mean"] <= min(squared.values()) + 1e-12
    assert absolute["median"] <= min(absolute.values()) + 1e-12


def test_gradient_difference_by_hand():
    """An edge of height 2 rebuilt as one of height 1: off by 1 in one of two steps down a column, in both columns."""
    target = torch.tensor([[[[0.0, 0], [2, 2], [2, 2]]]])
    rebuilt = torch.tensor([[[[0.0, 0], [1, 1], [1, 1]]]])
    assert gradient_difference(rebuilt, target).item() == 0.5
    assert gradient_difference(3 * rebuilt, target, power=2).item() == 0.5
    assert gradient_difference(rebuilt.mT, target.mT).item() == 0.5


def test_gradient_difference_against_a_loop():
    rebuilt, target = pair(2, 3, 4, 5)
    x, y = target.numpy(), rebuilt.numpy()
    down, along = [], []
    for b, c, i, j in np.ndindex(x.shape):
        if i:
            down.append(abs(abs(x[b, c, i, j] - x[b, c, i - 1, j]) - abs(y[b, c, i, j] - y[b, c, i - 1, j])) ** 2)
        if j:
            along.append(abs(abs(x[b, c, i, j] - x[b, c, i, j - 1]) - abs(y[b, c, i, j] - y[b, c, i, j - 1])) ** 2)
    assert gradient_difference(rebuilt, target, power=2).item() == pytest.approx(np.mean(down) + np.mean(along))


def test_gradient_difference_is_blind_to_a_constant_and_sees_a_blur():
    rebuilt, target = pair(2, 3, 8, 8)
    torch.testing.assert_close(gradient_difference(rebuilt + 3, target), gradient_difference(rebuilt, target))
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1
    soft = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    assert gradient_difference(soft, edge) > 0.2 and gradient_difference(edge + 3, edge) == 0
    assert half_squared_error(soft, edge) < half_squared_error(edge + 3, edge)


def test_perceptual_error_by_hand():
    """Layers of a picture (1, 2) and its sum: ½·mean(1, 4) = 1.25 and ½·9 = 4.5."""
    rebuilt, target = torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2)
    assert perceptual_error(rebuilt, target, lambda x: [x, x.sum(1, keepdim=True)]).item() == pytest.approx((1.25 + 4.5) / 2)


def test_perceptual_error_on_a_feature_net():
    torch.manual_seed(0)
    net = FeatureNet(FeatureConfig(kind="frames", width=2)).eval().requires_grad_(False)

    def look(frame):
        return net.maps(frame[:, :, None])  # a frame is a film of one

    rebuilt, target = pair(2, 3, 16, 16)
    rebuilt, target = rebuilt.float().requires_grad_(), target.float().requires_grad_()
    error = perceptual_error(rebuilt, target, look)
    by_hand = np.mean([0.5 * ((a - b) ** 2).mean().item() for a, b in zip(look(rebuilt), look(target), strict=True)])
    assert error.item() == pytest.approx(by_hand, rel=1e-5)
    error.backward()
    assert rebuilt.grad.abs().sum() > 0 and target.grad is None


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_zero_for_the_picture_itself_and_positive_elsewhere(name):
    rebuilt, target = pair(2, 3, 6, 6)
    assert ERRORS[name](target, target).item() == 0 < ERRORS[name](rebuilt, target).item()
    torch.testing.assert_close(ERRORS[name](rebuilt, target), ERRORS[name](target, rebuilt))


@pytest.mark.parametrize("name", ERRORS)
def test_shapes_that_would_be_broadcast_are_refused(name):
    with pytest.raises(ValueError, match=r"\(2, 3, 6, 6\) and \(1, 3, 6, 6\)"):
        ERRORS[name](torch.zeros(2, 3, 6, 6), torch.zeros(1, 3, 6, 6))
    with pytest.raises(ValueError, match=r"\(0, 3, 6, 6\)"):
        ERRORS[name](torch.zeros(0, 3, 6, 6), torch.zeros(0, 3, 6, 6))


def test_other_bad_input_is_quoted():
    x = torch.zeros(1, 3, 1, 6)
    with pytest.raises(ValueError, match="'median'"):
        half_squared_error(x, x, "median")
    with pytest.raises(ValueError, match=r"\(1, 3, 1, 6\)"):
        gradient_difference(x, x)
    with pytest.raises(ValueError, match="no feature maps"):
        perceptual_error(x, x, lambda x: [])


# --- The price of a code -----------------------------------------------------------------------------------------------------


def test_kl_is_summed_over_latents_and_averaged_over_the_batch():
    mean, log_var = pair(6, 4)
    each = kl_divergence(Normal(mean, (0.5 * log_var).exp()), Normal(0.0, 1.0))  # (B, Z)
    torch.testing.assert_close(kl_loss(mean, log_var), each.sum(1).mean())
    torch.testing.assert_close(latent_kl(mean, log_var), each.mean(0))
    # twice the batch: the same; twice the latents: twice as much
    torch.testing.assert_close(kl_loss(mean.repeat(2, 1), log_var.repeat(2, 1)), kl_loss(mean, log_var))
    torch.testing.assert_close(kl_loss(mean.repeat(1, 2), log_var.repeat(1, 2)), 2 * kl_loss(mean, log_var))


def test_kl_by_sampling():
    """E_q[log q − log p] over 200,000 draws of `reparameterise`, within four standard errors."""
    mean, log_var = torch.tensor([[0.7, -1.1]]), torch.tensor([[0.4, -0.8]])
    z = reparameterise(mean.expand(200_000, 2), log_var.expand(200_000, 2), generator=drawn(2))
    ratio = (Normal(mean, (0.5 * log_var).exp()).log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(1)
    error = 4 * ratio.std() / len(ratio) ** 0.5
    assert abs(ratio.mean() - kl_loss(mean, log_var)) < error < 0.015


def test_free_nats():
    mean = torch.tensor([[0.0, 2.0], [0.0, 0.0]])  # KL of the latents: 0, and ½·4 / 2 = 1
    log_var = torch.zeros(2, 2)
    assert latent_kl(mean, log_var).tolist() == [0, 1]
    assert kl_loss(mean, log_var).item() == 1 and kl_loss(mean, log_var, free=0.25).item() == 1.25
    low = torch.full((2, 1), 0.1, requires_grad=True)  # costs 0.005 nats
    kl_loss(low, torch.zeros(2, 1), free=0.25).backward()
    assert low.grad.abs().sum() == 0


def test_draws_have_the_mean_and_the_deviation_asked_for_and_touch_no_global_state():
    mean, log_var = torch.tensor([[3.0, -1.0]]), torch.tensor([[math.log(4.0), math.log(0.25)]])
    state = torch.get_rng_state()
    z = reparameterise(mean.expand(40_000, 2), log_var.expand(40_000, 2), generator=drawn())
    assert torch.equal(state, torch.get_rng_state())
    assert ((z.mean(0) - mean[0]).abs() < 4 * torch.tensor([2.0, 0.5]) / 200).all()
    torch.testing.assert_close(z.std(0), torch.tensor([2.0, 0.5]), rtol=0.02, atol=0)
    assert torch.equal(z, reparameterise(mean.expand(40_000, 2), log_var.expand(40_000, 2), generator=drawn()))


def test_gradients_pass_through_a_draw():
    mean, log_var = torch.tensor([[1.0]], requires_grad=True), torch.tensor([[0.6]], requires_grad=True)
    z = reparameterise(mean, log_var, generator=drawn(4))
    z.backward()
    assert mean.grad.item() == 1
    assert log_var.grad.item() == pytest.approx(0.5 * (z - mean).item())  # dz/dlog_var = ½·σ·ε


def test_beta_in_the_course_of_a_run():
    assert [beta_at(i, 2.0, start=10, end=20) for i in (0, 10, 15, 20, 99)] == [0, 0, 1, 2, 2]
    assert beta_at(0, 0.5) == 0.5 and beta_at(0, 0.5, start=3, end=3) == 0  # no way up: at once, or at step `end`
    assert beta_at(3, 0.5, start=3, end=3) == 0.5


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 120), st.floats(0, 4))
def test_beta_never_falls_and_stays_in_bounds(start, more, step, beta):
    now, next_ = (beta_at(i, beta, start=start, end=start + more) for i in (step, step + 1))
    assert 0 <= now <= next_ <= beta


def test_the_two_terms():
    rebuilt, target = pair(5, 3, 4, 4)
    mean, log_var = pair(5, 2, seed=1)
    loss = vae_loss(rebuilt, target, mean, log_var, beta=0.3, sigma=0.5)
    like = Normal(rebuilt, 0.5).log_prob(target).flatten(1).sum(1).mean() + 48 * math.log(0.5 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(loss.error, -like)
    torch.testing.assert_close(loss.kl, kl_loss(mean, log_var))
    torch.testing.assert_close(loss.total, loss.error + 0.3 * loss.kl)
    # σ² and β are one dial: divided by m / σ², the loss is the mean form with β·σ²/m
    mean_form = half_squared_error(rebuilt, target) + 0.3 * 0.25 / 48 * kl_loss(mean, log_var)
    torch.testing.assert_close(loss.total * 0.25 / 48, mean_form)


def test_the_bound_is_met_where_the_posterior_is_the_true_one():
    """x = W·z + σ·ε with orthogonal columns: log p(x) and the posterior are known, and −loss − constant is log p(x) there."""
    W = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    sigma = 0.5
    x = torch.tensor([[1.0, -0.5, 0.8]], dtype=torch.float64)
    log_p = MultivariateNormal(torch.zeros(3, dtype=torch.float64), W @ W.T + sigma**2 * torch.eye(3)).log_prob(x).item()
    variance = 1 / (1 + (W**2).sum(0) / sigma**2)  # of the true posterior, one for each latent
    true = (x @ W) * variance / sigma**2

    def bound(mean, log_var):
        many = 100_000
        z = reparameterise(mean.expand(many, 2), log_var.expand(many, 2), generator=drawn(1))
        loss = vae_loss(z @ W.T, x.expand(many, 3), mean.expand(many, 2), log_var.expand(many, 2), sigma=sigma)
        return -loss.total.item() - 3 * math.log(sigma * math.sqrt(2 * math.pi))

    assert bound(true, variance.log()[None]) == pytest.approx(log_p, abs=0.02)
    assert bound(true + 0.3, variance.log()[None]) < log_p - 0.1
    assert bound(true, torch.zeros(1, 2, dtype=torch.float64)) < log_p - 0.1


def linear_vae(p, lam, sigma):
    """x ~ N(0, λ), q = N(v·x, s²), x̂ = w·z, with p = (w, v, log s²).

    Every term is quadratic in x and in ε, so that the means over both are exact with two points each.
    """
    w, v, log_s2 = p
    x = lam**0.5 * torch.tensor([1.0, 1, -1, -1], dtype=torch.float64)[:, None]
    eps = torch.tensor([1.0, -1, 1, -1], dtype=torch.float64)[:, None]
    mean = v * x
    return vae_loss(w * (mean + (0.5 * log_s2).exp() * eps), x, mean, log_s2.expand(4, 1), sigma=sigma)


@pytest.mark.parametrize(("lam", "sigma"), [(1.2, 1.0), (4.0, 0.7), (0.05, 0.2)])
def test_a_linear_latent_costs_half_the_log_of_its_variance_over_the_noise(lam, sigma):
    """Tipping & Bishop 1999: w² = λ − σ²; the posterior of that model is N(w·x/λ, σ²/λ)."""
    w = (lam - sigma**2) ** 0.5
    best = torch.tensor([w, w / lam, math.log(sigma**2 / lam)], dtype=torch.float64, requires_grad=True)
    loss = linear_vae(best, lam, sigma)
    assert loss.kl.item() == pytest.approx(0.5 * math.log(lam / sigma**2))
    (slope,) = torch.autograd.grad(loss.total, best)
    assert slope.abs().max() < 1e-9
    silent = linear_vae(torch.zeros(3, dtype=torch.float64), lam, sigma)
    assert silent.kl == 0 and loss.total < silent.total


@pytest.mark.parametrize(("lam", "collapses"), [(0.8, True), (0.99, True), (1.01, False), (1.2, False)])
def test_silence_is_stable_exactly_where_a_latent_is_not_worth_its_price(lam, collapses):
    silence = torch.zeros(3, dtype=torch.float64)
    bend = torch.autograd.functional.hessian(lambda p: linear_vae(p, lam, 1.0).total, silence)
    assert (torch.linalg.eigvalsh(bend)[0] > 0).item() == collapses


def test_bad_codes_are_refused():
    x, z = torch.zeros(2, 3, 4, 4), torch.zeros(2, 5)
    for call, words in (
        (lambda: kl_loss(z, z[:, :4]), r"\(2, 5\) and \(2, 4\)"),
        (lambda: kl_loss(z[0], z[0]), r"\(5,\)"),
        (lambda: vae_loss(x, x, z[:1], z[:1]), r"\(1, 5\) for \(2, 3, 4, 4\)"),
        (lambda: vae_loss(x, x, z, z, sigma=0.0), "sigma 0.0"),
        (lambda: beta_at(1, start=5, end=2), "from step 5 to 2"),
        (lambda: beta_at(1, -1.0), "-1.0"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
