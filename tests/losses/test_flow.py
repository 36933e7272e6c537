"""Path, loss and samplers: against diffusers' schedulers (which run time the other way), fields with a known flow, by hand."""

import math
from itertools import pairwise

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.losses.flow import (
    euler,
    euler_steps,
    flow_matching_loss,
    guide,
    heun,
    interpolate,
    logit_normal,
    look_again,
    renoise,
    times,
    velocity,
)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


MEAN, SPREAD = torch.tensor([1.5, -0.5]), 0.4


def bell(x, t):
    """The velocity from N(0, 1) to N(MEAN, SPREAD²): of the flow x_t = t·MEAN + σ_t·x_0, σ_t² = (1 − t)² + (t·SPREAD)²."""
    t = t[:, None]
    variance = (1 - t) ** 2 + (t * SPREAD) ** 2
    return MEAN + (t * SPREAD**2 - (1 - t)) / variance * (x - t * MEAN)


def wavy(x, t):
    """Nothing in particular, but smooth, and different at every place and time."""
    return torch.stack([torch.sin(2 * x[:, 1]) + t, torch.cos(x[:, 0] - 3 * t)], 1)


def theirs(scheduler, field, x):
    """Diffusers' loop: its sigma is our 1 − t, its velocity noise − data."""
    for stamp in scheduler.timesteps:
        t = 1 - stamp / scheduler.config.num_train_timesteps
        x = scheduler.step(-field(x, t.expand(len(x))), stamp, x).prev_sample
    return x


@pytest.mark.parametrize("steps", [1, 3, 10])
@pytest.mark.parametrize("shift", [1.0, 3.0, 0.5])
def test_euler_and_times_are_diffusers(steps, shift):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=torch.linspace(1, 0, steps + 1)[:-1].tolist())
    at = times(steps, shift=shift)
    torch.testing.assert_close(1 - scheduler.sigmas, at, atol=1e-6, rtol=0)
    noise = drawn(0, 50, 2)
    torch.testing.assert_close(euler(wavy, noise, at), theirs(scheduler, wavy, noise), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("steps", [3, 9])
def test_heun_is_diffusers(steps):
    """Diffusers goes the last piece by Euler (at the very end some velocities are not defined); the others are Heun's."""
    scheduler = FlowMatchHeunDiscreteScheduler()
    scheduler.set_timesteps(steps)
    at = 1 - torch.cat([scheduler.sigmas[:1], scheduler.sigmas[1::2]])
    assert len(at) == steps + 1 and at[-1] == 1
    noise = drawn(1, 50, 2)
    ours = euler(wavy, heun(wavy, noise, at[:-1]), at[-2:])
    torch.testing.assert_close(ours, theirs(scheduler, wavy, noise), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fresh", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("stamp", [900, 500, 100])
def test_fresh_noise_is_diffusers_ddim(fresh, stamp):
    """DDIM's x is α·data + σ·noise with α² + σ² = 1: ours at t = α / (α + σ), times α + σ."""
    scheduler = DDIMScheduler(clip_sample=False)
    scheduler.set_timesteps(10)  # a step is 100 stamps
    alpha, then_alpha = (scheduler.alphas_cumprod[k].sqrt() for k in (stamp, stamp - 100))
    sums = [a + (1 - a**2).sqrt() for a in (alpha, then_alpha)]
    at = torch.stack([alpha / sums[0], then_alpha / sums[1]])
    data, stale = drawn(5, 40, 2), drawn(6, 40, 2)
    new = torch.randn(40, 2, generator=torch.Generator().manual_seed(9))
    x = at[0] * data + (1 - at[0]) * stale
    want = scheduler.step(stale, stamp, x * sums[0], eta=fresh, variance_noise=new).prev_sample
    got = renoise(lambda x, t: data - stale, x, at, fresh, torch.Generator().manual_seed(9))
    torch.testing.assert_close(got * sums[1], want, atol=1e-5, rtol=1e-5)


def test_no_fresh_noise_is_euler():
    noise = drawn(3, 50, 2)
    got = renoise(wavy, noise, times(6), 0.0, torch.Generator().manual_seed(1))
    torch.testing.assert_close(got, euler(wavy, noise, times(6)))


@pytest.mark.parametrize("fresh", [0.3, 0.7, 1.0])
def test_fresh_noise_leads_to_the_same_data(fresh):
    data = renoise(bell, drawn(4, 20_000, 2), times(200), fresh, torch.Generator().manual_seed(2))
    torch.testing.assert_close(data.mean(0), MEAN, atol=0.02, rtol=0)
    torch.testing.assert_close(data.std(0), torch.full((2,), SPREAD), atol=0.02, rtol=0)


def test_each_sample_has_its_own_share_of_fresh_noise():
    noise = drawn(3, 2, 2)
    both = renoise(wavy, noise, times(6), [0.0, 0.8], torch.Generator().manual_seed(1))
    for i, fresh in enumerate((0.0, 0.8)):
        alone = renoise(wavy, noise, times(6), fresh, torch.Generator().manual_seed(1))
        torch.testing.assert_close(both[i], alone[i])


@pytest.mark.parametrize("fresh", [-0.1, 1.1, math.nan, [0.5, 2.0], [0.5, 0.5, 0.5]])
def test_impossible_shares_of_fresh_noise_are_refused(fresh):
    with pytest.raises(ValueError, match="from 0 to 1"):
        renoise(wavy, drawn(0, 2, 2), times(2), fresh, torch.Generator())


def test_many_looks_again_lead_to_the_mean_in_closed_form():
    """Of N(m, s²), x_t = t·x + (1 − t)·noise points at m + t·s² / (t²·s² + (1 − t)²)·(x_t − t·m): on average t·(x − m) of x_t."""
    x, t = drawn(5, 6, 2), 0.5
    want = MEAN + t**2 * SPREAD**2 / (t**2 * SPREAD**2 + (1 - t) ** 2) * (x - MEAN)
    got = look_again(bell, x, t, 4000, torch.Generator().manual_seed(3))
    torch.testing.assert_close(got, want, atol=0.02, rtol=0)


@pytest.mark.parametrize("looks", [1, 5])
def test_looking_again_returns_data_that_the_field_knows(looks):
    data, astray = drawn(6, 4, 3, 2), drawn(7, 4, 3, 2)
    got = look_again(lambda x, t: (data - x) / (1 - t)[:, None, None], astray, 0.3, looks, torch.Generator().manual_seed(4))
    torch.testing.assert_close(got, data, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("t", "looks"), [(0.0, 2), (1.0, 2), (math.nan, 2), (0.5, 0), (0.5, -1)])
def test_impossible_looks_are_refused(t, looks):
    with pytest.raises(ValueError, match="between 0 and 1"):
        look_again(wavy, drawn(0, 2, 2), t, looks, torch.Generator())


def test_the_path_is_diffusers():
    scheduler = FlowMatchEulerDiscreteScheduler()
    noise, data, stamps = drawn(0, 4, 3, 2), drawn(1, 4, 3, 2), scheduler.timesteps[[0, 100, 500, 999]]
    ours = interpolate(noise, data, 1 - stamps / 1000)
    torch.testing.assert_close(ours, scheduler.scale_noise(data, stamps, noise), atol=1e-6, rtol=1e-5)


def test_the_velocity_is_the_derivative_of_the_path():
    noise, data, t = drawn(0, 5, 2, 3), drawn(1, 5, 2, 3), torch.rand(5, generator=torch.Generator().manual_seed(2))
    _, slope = torch.func.jvp(lambda t: interpolate(noise, data, t), (t,), (torch.ones(5),))
    torch.testing.assert_close(velocity(noise, data), slope)


def test_by_hand():
    """Noise (0, 2), data (4, 0): a quarter of the way is (1, 1.5), the velocity (4, −2); who says (0, 0) pays (16 + 4) / 2."""
    noise, data, t = torch.tensor([[0.0, 2.0]]), torch.tensor([[4.0, 0.0]]), torch.tensor([0.25])
    assert interpolate(noise, data, t).tolist() == [[1.0, 1.5]]
    assert velocity(noise, data).tolist() == [[4.0, -2.0]]
    assert flow_matching_loss(lambda x, t: torch.zeros_like(x), data, noise, t).tolist() == [10.0]
    assert euler(lambda x, t: torch.tensor([[4.0, -2.0]]), noise, times(1)).tolist() == [[4.0, 0.0]]


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("solver", [euler, heun])
def test_with_the_velocity_of_the_pairs_any_number_of_steps_returns_the_data(solver, steps):
    """The guard against a sign or a clock that differs between loss and sampler."""
    noise, data = drawn(0, 6, 3, 2, 2), drawn(1, 6, 3, 2, 2)
    torch.testing.assert_close(solver(lambda x, t: velocity(noise, data), noise, times(steps)), data)


def test_the_loss_is_zero_where_the_field_can_know():
    """All data in one point c: what points from anywhere to c, v = (c − x) / (1 − t), is right for every noise."""
    c, noise, t = torch.tensor([0.3, -2.0]), drawn(0, 64, 2), torch.linspace(0, 0.9, 64)
    loss = flow_matching_loss(lambda x, t: (c - x) / (1 - t)[:, None], c.expand(64, 2), noise, t)
    assert loss.shape == (64,) and loss.max() < 1e-9
    torch.testing.assert_close(euler(lambda x, t: (c - x) / (1 - t)[:, None], noise, times(1)), c.expand(64, 2))


def test_the_loss_has_its_least_at_the_mean_velocity():
    """Off the exact field by a constant d, the loss is larger by |d|² / 2; so the exact field is a minimum, and not at loss 0."""
    n = 200_000
    data, noise = MEAN + SPREAD * drawn(0, n, 2), drawn(1, n, 2)
    t = torch.rand(n, generator=torch.Generator().manual_seed(2))
    least = flow_matching_loss(bell, data, noise, t).mean()
    assert least > 0.1
    for d in torch.tensor([[0.3, 0.0], [-0.2, 0.5]]):
        more = flow_matching_loss(lambda x, t, d=d: bell(x, t) + d, data, noise, t).mean() - least
        assert more.item() == pytest.approx(d.square().mean().item(), rel=0.05)


def test_the_loss_does_not_mix_samples_and_takes_half_precision():
    data, noise, t = drawn(0, 4, 3, 2), drawn(1, 4, 3, 2), torch.tensor([0.1, 0.4, 0.6, 0.9])
    whole = flow_matching_loss(lambda x, t: x.sin().bfloat16(), data, noise, t)
    for i in range(4):
        one = flow_matching_loss(lambda x, t: x.sin().bfloat16(), data[i : i + 1], noise[i : i + 1], t[i : i + 1])
        torch.testing.assert_close(one, whole[i : i + 1])
    assert whole.dtype == torch.float32


@pytest.mark.parametrize("solver, order", [(euler, 1), (heun, 2)])
def test_orders_of_the_solvers_on_a_flow_that_is_known(solver, order):
    """From x_0 the exact flow leads to MEAN + SPREAD·x_0; with twice the steps the error shrinks 2 or 4 times."""
    noise = drawn(0, 200, 2).double()
    exact = MEAN + SPREAD * noise
    errors = [(solver(bell, noise, times(n).double()) - exact).norm(dim=1).mean().item() for n in (40, 80, 160)]
    for coarse, fine in pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.15)
    assert errors[-1] < (1e-2 if order == 1 else 1e-3)


def test_heun_is_exact_where_the_velocity_is_linear_in_time():
    got = heun(lambda x, t: t[:, None].expand_as(x), torch.zeros(3, 2), times(1))
    assert got.tolist() == [[0.5, 0.5]] * 3
    assert euler(lambda x, t: t[:, None].expand_as(x), torch.zeros(3, 2), times(1)).tolist() == [[0.0, 0.0]] * 3


def test_looks_at_the_field():
    looks = []
    for solver, each in (euler, 1), (heun, 2):
        looks.clear()
        solver(lambda x, t: (looks.append(t), x)[1], torch.zeros(3, 2), times(5))
        assert len(looks) == 5 * each and all(t.shape == (3,) for t in looks)


def test_euler_steps_are_the_way():
    noise, at = drawn(0, 5, 2), times(4)
    way = list(euler_steps(wavy, noise, at))
    assert len(way) == 5 and torch.equal(way[0], noise) and torch.equal(way[-1], euler(wavy, noise, at))
    torch.testing.assert_close(way[2] - way[1], 0.25 * wavy(way[1], at[1].expand(5)))


@given(st.integers(1, 200), st.floats(0.05, 20))
def test_times_rise_from_noise_to_data(steps, shift):
    at = times(steps, shift=shift)
    assert len(at) == steps + 1 and at[0] == 0 and at[-1] == 1 and bool((at[1:] > at[:-1]).all())
    even = torch.linspace(0, 1, steps + 1)
    assert bool((at - even <= 1e-6).all() if shift >= 1 else (at - even >= -1e-6).all())  # a shift above 1 keeps near noise


@given(st.integers(0, 50), st.floats(-1, 8))
def test_guidance_is_a_line_through_both_velocities(seed, weight):
    told, untold = drawn(seed, 3, 2), drawn(seed + 1, 3, 2)
    torch.testing.assert_close(guide(told, untold, 0), untold)
    torch.testing.assert_close(guide(told, untold, 1), told)
    torch.testing.assert_close(guide(told, untold, weight), weight * told + (1 - weight) * untold, atol=1e-4, rtol=1e-4)


def test_logit_normal_times():
    """σ is monotone: the median is σ(mean), and one deviation below lies Φ(−1) = 0.1587 of the times."""
    t = logit_normal(100_000, torch.Generator().manual_seed(0), mean=0.5, deviation=2.0)
    assert 0 < t.min() and t.max() < 1
    assert (t < torch.sigmoid(torch.tensor(0.5))).float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert (t < torch.sigmoid(torch.tensor(-1.5))).float().mean().item() == pytest.approx(0.1587, abs=0.01)


@pytest.mark.parametrize("call, told", [
    (lambda: interpolate(torch.zeros(3, 2), torch.zeros(1, 2), torch.zeros(3)), r"\(3, 2\).*\(1, 2\)"),
    (lambda: interpolate(torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(1)), r"\(1,\)"),
    (lambda: flow_matching_loss(wavy, torch.zeros(3, 2), torch.zeros(3, 2), torch.zeros(())), "one number for each"),
    (lambda: times(0), "0 steps"), (lambda: times(4, shift=0.0), "shift 0.0"),
    (lambda: times(4, shift=float("nan")), "shift nan"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
