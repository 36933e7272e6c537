"""The smallest games against closed forms, independent integrals, finite differences, torch's gradients, and by property."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.losses import adversarial
from t2v_edu.models.toy_gan import BEST, GAMES, PENALTIES, BellPair, Duel, Z, sigmoid, softplus

means, spreads = st.floats(-4, 4), st.floats(0.3, 3)
X = np.linspace(-40, 40, 40_001)  # another grid than the module's, and over x instead of z
DX = X[1] - X[0]


def density(mean, spread):
    return np.exp(-0.5 * ((X - mean) / spread) ** 2) / (spread * math.sqrt(2 * math.pi))


def test_without_overflow():
    far = np.array([-1e4, -1.0, 0.0, 1.0, 1e4])
    np.testing.assert_allclose(softplus(far), [0, math.log1p(math.exp(-1)), math.log(2), math.log1p(math.e), 1e4])
    np.testing.assert_allclose(sigmoid(far), [0, 1 / (1 + math.e), 0.5, math.e / (1 + math.e), 1])


def test_equal_bells_cannot_be_told_apart():
    pair = BellPair(0.0, 1.0)
    assert pair.js() == pytest.approx(0, abs=1e-12) and pair.w1() == 0
    assert pair.losses("minimax") == pytest.approx((math.log(4), -math.log(2)))
    assert pair.losses("non_saturating") == pytest.approx((math.log(4), math.log(2)))
    assert pair.losses("least_squares") == pytest.approx((0.25, 0.125))
    assert pair.losses("wasserstein") == pytest.approx((0, 0))
    for game in BEST:
        assert pair.gradients(game) == pytest.approx((0, 0), abs=1e-12)


@settings(max_examples=30)
@given(means, spreads)
def test_the_divergence_against_its_definition(mean, spread):
    p, q = density(0, 1), density(mean, spread)
    m = (p + q) / 2
    least = 1e-280  # where nothing is left of a density, nothing is added
    terms = sum(d[d > least] @ np.log(d[d > least] / m[d > least]) for d in (p, q))
    pair = BellPair(mean, spread)
    assert pair.js() == pytest.approx(0.5 * terms * DX, abs=1e-9)
    assert -1e-12 <= pair.js() <= math.log(2)
    # theorem 1: at the best D the value of the game is the divergence
    assert pair.losses("minimax")[0] == pytest.approx(math.log(4) - 2 * pair.js(), abs=1e-9)


@settings(max_examples=30)
@given(means, spreads)
def test_the_distance_against_the_way_between_quantiles_and_the_area_between_distribution_functions(mean, spread):
    pair = BellPair(mean, spread)
    area = np.abs(np.cumsum(density(0, 1)) - np.cumsum(density(mean, spread))).sum() * DX * DX
    assert pair.w1() == pytest.approx(area, abs=1e-3)
    z = np.random.default_rng(0).standard_normal(200_000)
    way = np.abs(np.sort(mean + spread * z) - np.sort(z))
    assert pair.w1() == pytest.approx(way.mean(), abs=5 * way.std() / len(z) ** 0.5 + 1e-9)


def test_the_distance_by_hand():
    assert BellPair(-3.0, 1.0).w1() == 3  # a bell moved by 3
    assert BellPair(0.0, 2.0).w1() == pytest.approx(math.sqrt(2 / math.pi))  # E|z|
    assert BellPair(2.0, 1 + 1e-9).w1() == pytest.approx(2, abs=1e-6)


@given(means, spreads)
def test_both_distances_know_no_left_and_right(mean, spread):
    ours, mirrored = BellPair(mean, spread), BellPair(-mean, spread)
    assert ours.js() == pytest.approx(mirrored.js(), abs=1e-12) and ours.w1() == pytest.approx(mirrored.w1(), abs=1e-12)
    # measured in units of the made bell, real and made change places
    swapped = BellPair(-mean / spread, 1 / spread)
    assert ours.js() == pytest.approx(swapped.js(), abs=1e-9)
    assert ours.w1() == pytest.approx(spread * swapped.w1(), abs=1e-9)


@pytest.mark.parametrize("mean, spread", [(1.5, 0.6), (-2.0, 1.0), (0.3, 2.0)])
@pytest.mark.parametrize("game", ["minimax", "least_squares"])
def test_no_other_d_does_better(game, mean, spread):
    """The best D's loss is below that of D + 0.1·bump, for bumps here and there."""
    pair, loss = BellPair(mean, spread), adversarial.GAMES[game][0]
    p, q = density(0, 1)[::5], density(mean, spread)[::5]
    x = X[::5]

    def value(d):
        scores = torch.from_numpy(d)  # each point is a sample that counts p and q times
        parts = torch.vmap(lambda s: loss(s[None], s[None]))(scores[(abs(x) < 5)][::40]).tolist()
        assert len(parts) > 20
        on_real = softplus(-d) if game == "minimax" else 0.5 * (d - 1) ** 2
        on_fake = softplus(d) if game == "minimax" else 0.5 * d**2
        assert parts == pytest.approx(list((on_real + on_fake)[abs(x) < 5][::40]))  # the formula is the package's loss
        return float((p * on_real + q * on_fake).sum() * DX * 5)

    best = pair.best_d(game, x)
    least = value(best)
    assert least == pytest.approx(pair.losses(game)[0], abs=1e-6)
    for centre in (-2.0, 0.0, 1.0):
        bump = np.exp(-((x - centre) ** 2))
        assert value(best + 0.1 * bump) > least and value(best - 0.1 * bump) > least


@settings(max_examples=40)
@given(means, spreads)
def test_the_wasserstein_d_is_no_steeper_than_1_and_earns_the_whole_distance(mean, spread):
    pair = BellPair(mean, spread)
    d = pair.best_d("wasserstein", X)
    assert np.abs(np.diff(d)).max() <= DX * (1 + 1e-6)
    earned = (density(0, 1) - density(mean, spread)) @ d * DX
    assert earned == pytest.approx(pair.w1(), abs=1e-3)
    assert pair.losses("wasserstein")[1] == pytest.approx(-float(density(mean, spread) @ d * DX), abs=1e-3)


@pytest.mark.parametrize("game", BEST)
@pytest.mark.parametrize("mean, spread", [(0.7, 0.5), (-2.5, 1.0), (3.0, 1.8), (0.0, 2.5)])
def test_gradients_are_torchs_with_d_held_still(game, mean, spread):
    """L_G of the package on G(z) at many z, D* a fixed function of x; autograd to mean and spread."""
    pair = BellPair(mean, spread)
    z = torch.linspace(-9, 9, 3_001, dtype=torch.float64)
    weight = torch.exp(-0.5 * z**2)
    m, s = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (mean, spread))
    x = m + s * z
    ratio = math.log(spread) + 0.5 * ((x - mean) / spread) ** 2 - 0.5 * x**2  # the numbers mean and spread, not m and s
    if game == "wasserstein":
        crossing, sign = (mean / (1 - spread), np.sign(1 - spread)) if spread != 1 else (1e6 * np.sign(-mean), np.sign(-mean))
        score = sign * (x - crossing).abs() * (1 if spread != 1 else -np.sign(crossing))
    else:
        score = ratio.sigmoid() if game == "least_squares" else ratio
    each = torch.vmap(lambda v: adversarial.GAMES[game][1](v[None]))(score)
    on_m, on_s = torch.autograd.grad((weight * each).sum() / weight.sum(), (m, s))
    assert pair.gradients(game) == pytest.approx((on_m.item(), on_s.item()), abs=5e-3 if game == "wasserstein" else 1e-8)


@settings(max_examples=30)
@given(st.floats(-3, 3), st.floats(0.4, 2.5))
def test_g_descends_the_divergence_or_the_distance(mean, spread):
    """The envelope theorem: with the best D held still, minimax G feels the slope of 2·JS, Wasserstein G that of W₁."""
    if abs(spread - 1) < 0.01 or (abs(mean) < 0.01):  # W₁ has its corner at equal bells
        return
    h = 1e-5
    def slope(of):
        along = [(BellPair(mean + dm, spread + ds), BellPair(mean - dm, spread - ds)) for dm, ds in ((h, 0), (0, h))]
        return [(of(a) - of(b)) / (2 * h) for a, b in along]

    pair = BellPair(mean, spread)
    assert list(pair.gradients("minimax")) == pytest.approx(slope(lambda b: 2 * b.js()), abs=1e-7)
    assert list(pair.gradients("wasserstein")) == pytest.approx(slope(BellPair.w1), abs=1e-5)


def test_saturation():
    """Far off, minimax feels nothing of the mean, non-saturating feels all of it, Wasserstein exactly 1."""
    far = BellPair(-8.0, 1.0)
    assert abs(far.gradients("minimax")[0]) < 1e-3
    assert far.gradients("non_saturating")[0] == pytest.approx(-8, abs=0.01)
    assert far.gradients("wasserstein") == (-1, 0)
    assert far.js() == pytest.approx(math.log(2), abs=1e-3) and far.w1() == 8


# --- The duel ---------------------------------------------------------------------------------------------------------


def torch_gradients(duel, theta, psi):
    """The package's losses on many samples of both, weighted as a bell; autograd."""
    z = torch.from_numpy(Z) if duel.noise else torch.zeros(1, dtype=torch.float64)
    weight = torch.exp(-0.5 * z**2)
    weight = weight / weight.sum()
    t, p = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (theta, psi))
    x, made = duel.noise * z, t + duel.noise * z
    middle = 0.5 if duel.game == "least_squares" else 0.0
    real, fake = middle + p * x, middle + p * made
    if duel.game == "relativistic":
        real, fake = p * (math.sqrt(2) * duel.noise * z - t), torch.zeros_like(x)  # only their difference counts
        d, g = adversarial.relativistic_d, adversarial.relativistic_g
        loss_g = weight @ torch.vmap(lambda r, f: g(r[None], f[None]))(real, fake)
    else:
        d, g = adversarial.GAMES[duel.game]
        loss_g = weight @ torch.vmap(lambda f: g(f[None]))(fake)
    loss_d = weight @ torch.vmap(lambda r, f: d(r[None], f[None]))(real, fake)
    if duel.penalty == "r1":
        loss_d = loss_d + 0.5 * duel.strength * p**2
    if duel.penalty == "gradient_penalty":
        loss_d = loss_d + duel.strength * (p.abs() - 1) ** 2
    return torch.autograd.grad(loss_g, t, retain_graph=True)[0].item(), torch.autograd.grad(loss_d, p)[0].item()


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_the_field_is_the_gradient_of_the_packages_losses(game, penalty, noise):
    duel = Duel(game, penalty=penalty, strength=0.6, noise=noise)
    for theta, psi in ((1.1, 0.4), (-0.6, 2.3), (0.2, -1.7)):
        assert duel.gradients(theta, psi) == pytest.approx(torch_gradients(duel, theta, psi), abs=1e-9)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_at_the_equilibrium_nobody_wants_to_move(game, noise):
    for penalty in ("none", "r1"):
        assert Duel(game, penalty=penalty, noise=noise).step(0.0, 0.0) == pytest.approx((0, 0), abs=1e-12)


@given(st.floats(0.01, 0.9), st.floats(0.01, 0.9), st.floats(-2, 2), st.floats(-2, 2))
def test_at_once_the_wasserstein_duel_flies_apart_and_in_turn_it_circles(rate_d, rate_g, theta, psi):
    """At once, θ²/η_G + ψ²/η_D grows by the factor 1 + η_D·η_G a step. In turn, θ²/η_G + ψ²/η_D − θ·ψ stays the same."""
    at_once = Duel("wasserstein", rate_d, rate_g, in_turn=False).path(theta, psi, 10)
    energy = at_once[:, 0] ** 2 / rate_g + at_once[:, 1] ** 2 / rate_d
    np.testing.assert_allclose(energy, energy[0] * (1 + rate_d * rate_g) ** np.arange(11), atol=1e-9)
    in_turn = Duel("wasserstein", rate_d, rate_g).path(theta, psi, 200)
    kept = in_turn[:, 0] ** 2 / rate_g + in_turn[:, 1] ** 2 / rate_d - in_turn[:, 0] * in_turn[:, 1]
    np.testing.assert_allclose(kept, kept[0], atol=1e-6)


@pytest.mark.parametrize("game", ["minimax", "non_saturating", "wasserstein", "relativistic", "hinge"])
def test_r1_brings_the_duel_to_rest_and_its_absence_does_not(game):
    loose, held = (Duel(game, 0.1, 0.1, penalty=p, strength=1.0).path(1.0, 0.0, 600) for p in ("none", "r1"))
    distance = [np.hypot(*path[-150:].T).mean() for path in (loose, held)]
    assert distance[0] > 0.3 and distance[1] < 1e-3


def test_noise_brings_the_classic_duel_to_rest_and_the_wasserstein_duel_not():
    """Noise lends D's own loss a curvature, E[x·tanh(ψx/2)]; a linear loss has none."""
    classic, linear = (Duel(game, 0.1, 0.1, noise=1.0).path(1.0, 0.0, 600) for game in ("non_saturating", "wasserstein"))
    assert np.hypot(*classic[-1]) < 1e-3 < 0.5 < np.hypot(*linear[-150:].T).mean()


@pytest.mark.parametrize("penalty", ["clipping", "gradient_penalty"])
def test_clipping_and_gradient_penalty_hold_the_slope_but_not_the_duel(penalty):
    path = Duel("wasserstein", 0.1, 0.1, penalty=penalty, strength=1.0).path(1.0, 0.0, 2000)
    assert np.abs(path[:, 1]).max() < 2.5
    assert np.hypot(*path[-300:].T).mean() > 0.3


@given(st.sampled_from(GAMES), st.sampled_from(PENALTIES), st.floats(0, 2), st.floats(-3, 3), st.floats(-3, 3))
def test_turning_the_picture_upside_down_changes_nothing(game, penalty, noise, theta, psi):
    """Mirror x: θ and ψ change sign together."""
    duel = Duel(game, penalty=penalty, noise=noise)
    assert duel.step(-theta, -psi) == pytest.approx(tuple(-v for v in duel.step(theta, psi)), abs=1e-9)


def test_what_flies_off_stays_finite():
    path = Duel("least_squares", 2.0, 2.0, in_turn=False).path(3.0, 3.0, 200)
    assert np.isfinite(path).all() and np.abs(path).max() > 1e3


@pytest.mark.parametrize("call, told", [
    (lambda: BellPair(0.0, 0.0), "spread 0.0"), (lambda: BellPair(float("nan"), 1.0), "mean nan"),
    (lambda: BellPair(0.0, 1.0).losses("hinge"), "'hinge'"), (lambda: BellPair(0.0, 1.0).gradients("hinge"), "'hinge'"),
    (lambda: Duel("chess"), "'chess'"), (lambda: Duel(penalty="fine"), "'fine'"), (lambda: Duel(rate_d=-1), "rates -1"),
    (lambda: Duel(noise=float("nan")), "noise nan"),
])  # fmt: skip
def test_what_is_no_game_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
