"""The toy round trip: its losses against a crowd of drawn films, its slopes against autograd, its rest points by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.models.toy_cycle import ToyCycle

numbers = st.floats(-2, 3).map(lambda x: round(x, 3))
weights = st.floats(0, 3).map(lambda x: round(x, 3))


@pytest.mark.parametrize("g, d, sigma", [(1.0, 0.8, 0.5), (2.0, 0.5, 1.0), (-0.5, 1.3, 0.2), (0.0, 0.0, 0.7)])
def test_losses_are_those_of_drawn_films(g, d, sigma):
    s, u, z, z2 = np.random.default_rng(0).standard_normal((4, 400_000))
    v = s + sigma * u
    again = g * (d * v) + sigma * z
    drawn = [np.mean((s - d * (g * s + sigma * z)) ** 2) / 2, np.mean((v - again) ** 2) / 2,
             np.mean((v - (g * s + sigma * z2)) ** 2) / 2, np.mean((s - d * v) ** 2) / 2]
    np.testing.assert_allclose(ToyCycle(sigma).losses(g, d), drawn, atol=0.02)


@given(numbers, numbers, st.floats(0, 2), weights, weights, weights)
def test_slopes_are_autograds(g, d, sigma, text, video, pairs):
    a, b = torch.tensor(g, dtype=torch.double, requires_grad=True), torch.tensor(d, dtype=torch.double, requires_grad=True)
    for honest in (True, False):
        toy = ToyCycle(sigma, text, video, pairs, honest)
        l_text, l_video, l_g, l_c = toy.losses(a, b)
        by_g = torch.autograd.grad(text * l_text + video * l_video + pairs * l_g + 0 * a, a, retain_graph=True)[0]
        loss_d = l_c if honest else text * l_text + video * l_video
        by_d = torch.autograd.grad(loss_d + 0 * b, b, retain_graph=True)[0]
        assert toy.slope_g(g, d) == pytest.approx(by_g.item(), abs=1e-9)
        assert toy.slope_d(g, d) == pytest.approx(by_d.item(), abs=1e-9)


def test_where_it_comes_to_rest():
    told = ToyCycle(1.0, 1.0, 0.0)  # σ = 1: the captioner says half of what it sees, and the generator doubles it
    assert told.path(0.2, 0.2, 2000)[-1] == pytest.approx([2.0, 0.5], abs=1e-6)
    both = ToyCycle(1.0, 1.0, 1.0, 1.0)  # d = ½: (½ + 1 + 1) / (¼ + ½ + 1)
    assert both.best_g(0.5) == pytest.approx(2.5 / 1.75)
    assert both.path(0.2, 0.2, 2000)[-1] == pytest.approx([2.5 / 1.75, 0.5], abs=1e-6)
    assert np.isnan(ToyCycle(1.0, 0.0, 0.0).best_g(0.5))


def test_a_round_trip_alone_does_not_know_the_way():
    """Without chance every g·d = 1 is perfect, and where one ends depends on where one begins; so is everything upside down."""
    toy = ToyCycle(0.0, 1.0, 1.0, honest=False, rate=0.05)
    ends = [toy.path(g, d, 4000)[-1] for g, d in ((2.0, 0.1), (0.1, 2.0), (-1.5, -0.2))]
    assert [g * d for g, d in ends] == pytest.approx([1, 1, 1], abs=1e-6)
    assert ends[0][0] > 1.5 and ends[1][0] < 0.7 and max(ends[2]) < 0
    shout = ToyCycle(0.5, 1.0, 0.0, honest=False).path(1.0, 0.8, 3000)  # with chance: louder and louder
    assert shout[-1][0] > 2 and (np.diff(shout[500:, 0]) > 0).all()


def test_what_leaves_stops():
    path = ToyCycle(2.0, 50.0, 50.0, rate=1.0).path(3.0, 3.0, 50)
    assert np.isfinite(path).all() and len(path) == 51


@pytest.mark.parametrize("wrong", [{"sigma": -1.0}, {"lambda_text": float("nan")}, {"rate": 0.0}, {"lambda_pairs": -0.1}])
def test_what_is_no_weight_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ToyCycle(**wrong)
