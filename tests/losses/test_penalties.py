"""What keeps D from becoming steep: closed forms on D's with a known slope, finite differences, torch's own spectral norm."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from t2v_edu.losses.penalties import (
    SpectralNorm,
    clip_weights,
    gradient_penalty,
    normalise_spectrally,
    power_iteration,
    r1_penalty,
    r2_penalty,
)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 99))
def test_of_a_plane_with_a_known_slope(a, b, seed):
    """D(x) = a·x₁ + b·x₂ has the slope √(a² + b²) everywhere: R1 and R2 are half its square, the penalty (slope − 1)²."""
    slope = torch.tensor([a, b], dtype=torch.float64)
    real, fake = drawn(seed, 5, 2).requires_grad_(), drawn(seed + 1, 5, 2).requires_grad_()
    assert r1_penalty(real @ slope, real).item() == pytest.approx(0.5 * (a**2 + b**2))
    assert r2_penalty(fake @ slope, fake).item() == pytest.approx(0.5 * (a**2 + b**2))
    value = gradient_penalty(lambda x: x @ slope, real, fake, torch.linspace(0, 1, 5, dtype=torch.float64))
    assert value.item() == pytest.approx((slope.norm().item() - 1) ** 2)


def test_the_gradient_penalty_looks_between_real_and_made():
    """D(x) = ½‖x‖² has the slope ‖x‖. Between (2, 0) and (0, 0): a quarter of the way from made it is ½, so (½ − 1)² = ¼."""
    real, fake = torch.tensor([[2.0, 0.0]]), torch.zeros(1, 2)
    for mix, slope in (0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (1.0, 2.0):
        value = gradient_penalty(lambda x: 0.5 * x.square().sum(1), real, fake, torch.tensor([mix]))
        assert value.item() == pytest.approx((slope - 1) ** 2, abs=1e-6)


def test_the_gradient_penalty_sends_nothing_to_the_generator():
    d, fake = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0)), torch.randn(6, 3, requires_grad=True)
    gradient_penalty(d, torch.randn(6, 3), fake, torch.rand(6)).backward()
    assert fake.grad is None
    assert d[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("which", ["r1", "r2", "gradient_penalty"])
def test_gradients_to_the_weights_against_finite_differences(which):
    real, fake, mix = drawn(0, 4, 3), drawn(1, 4, 3), torch.rand(4, dtype=torch.float64)
    v = drawn(3, 5)

    def penalty(w):
        def d(x):
            return torch.tanh(x @ w) @ v

        if which == "gradient_penalty":
            return gradient_penalty(d, real, fake, mix)
        x = (real if which == "r1" else fake).clone().requires_grad_()
        return (r1_penalty if which == "r1" else r2_penalty)(d(x), x)

    assert torch.autograd.gradcheck(penalty, (drawn(2, 3, 5).requires_grad_(),))


def test_clipping_clips_biases_too_and_only_what_is_too_large():
    d = nn.Linear(2, 1)
    with torch.no_grad():
        d.weight.copy_(torch.tensor([[0.3, -4.0]]))
        d.bias.fill_(2.0)
    clip_weights(d, 0.5)
    assert d.weight.tolist() == [[pytest.approx(0.3), -0.5]] and d.bias.tolist() == [0.5]


def test_by_hand_the_largest_singular_value():
    """[[3, 0], [4, 5]] has singular values √45 and √5."""
    sigma, u = power_iteration(torch.tensor([[3.0, 0.0], [4.0, 5.0]]), torch.tensor([1.0, 0.0]), 30)
    assert sigma.item() == pytest.approx(45**0.5, rel=1e-6)
    assert u.norm().item() == pytest.approx(1)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6))
def test_power_iteration_against_the_singular_values(seed, rows, columns):
    weight = drawn(seed, 3, rows, columns)  # three matrices at once
    start = nn.functional.normalize(drawn(seed + 1, 3, rows), dim=-1)
    largest = torch.linalg.svdvals(weight)[:, 0]
    rough, _ = power_iteration(weight, start, 1)
    good, _ = power_iteration(weight, start, 200)
    assert (rough <= largest + 1e-9).all()  # never too large, so what is divided by it is never too small
    torch.testing.assert_close(good, largest, rtol=5e-3, atol=1e-9)


def test_spectral_norm_is_torchs():
    ours, theirs = nn.Linear(7, 4), nn.Linear(7, 4)
    theirs.load_state_dict(ours.state_dict())
    normalise_spectrally(ours)
    theirs = nn.utils.parametrizations.spectral_norm(theirs, n_power_iterations=50)
    for _ in range(60):  # one step of the iteration each
        ours.weight, theirs.weight  # noqa: B018
    torch.testing.assert_close(ours.weight, theirs.weight, atol=1e-5, rtol=1e-4)
    assert torch.linalg.svdvals(ours.weight)[0].item() == pytest.approx(1, rel=1e-4)


def test_spectral_norm_of_a_convolution_and_its_gradient():
    conv = normalise_spectrally(nn.Sequential(nn.Conv2d(3, 8, 3)))[0]
    assert torch.linalg.svdvals(conv.weight.detach().flatten(1))[0].item() == pytest.approx(1, rel=5e-2)
    conv(torch.randn(2, 3, 5, 5)).sum().backward()
    assert conv.parametrizations.weight.original.grad.isfinite().all()


def test_outside_training_nothing_moves():
    norm, weight = SpectralNorm(torch.randn(4, 4)), torch.randn(4, 4)
    before = norm.u.clone()
    norm.eval()(weight)
    assert torch.equal(norm.u, before)
    norm.train()(weight)
    assert not torch.equal(norm.u, before)


@pytest.mark.parametrize("seed", range(4))
def test_a_normalised_network_never_rises_faster_than_1(seed):
    torch.manual_seed(seed)
    d = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    with torch.no_grad():
        for p in d.parameters():
            p.mul_(5)
    normalise_spectrally(d)
    with torch.no_grad():
        for _ in range(100):
            d(torch.zeros(1, 2))
        x, y = torch.randn(2, 50, 2)
        assert ((d(x) - d(y)).abs()[:, 0] <= (x - y).norm(dim=1) * 1.001).all()


@pytest.mark.parametrize("call, told", [
    (lambda: gradient_penalty(lambda x: x.sum(1), torch.zeros(4, 2), torch.zeros(3, 2), torch.zeros(4)), r"\(4, 2\), \(3, 2\)"),
    (lambda: gradient_penalty(lambda x: x.sum(1), torch.zeros(4, 2), torch.zeros(4, 2), torch.zeros(1)), r"and \(1,\)"),
    (lambda: r1_penalty(torch.zeros(4), torch.zeros(4, 2)), "requires_grad_"),
    (lambda: clip_weights(nn.Linear(1, 1), 0.0), "not 0.0"),
    (lambda: normalise_spectrally(nn.ReLU()), "ReLU has no linear layer"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
