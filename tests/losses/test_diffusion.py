"""Denoising diffusion: against diffusers' schedulers, Bayes' rule, Gaussian data with a known answer; and as a flow."""

import math

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.losses.diffusion import (
    CLEAN,
    NoiseSchedule,
    ancestral_sample,
    ancestral_step,
    as_flow,
    data_of,
    ddim_sample,
    ddim_step,
    diffuse,
    noise_loss,
)
from t2v_edu.losses.flow import euler

SCHEDULES = {"linear": NoiseSchedule.linear(), "cosine": NoiseSchedule.cosine()}
THEIRS = {"linear": {"beta_schedule": "linear"}, "cosine": {"beta_schedule": "squaredcos_cap_v2"}}


def drawn(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_diffusers(name):
    ours = SCHEDULES[name].alpha_bar.float()
    torch.testing.assert_close(ours, DDPMScheduler(**THEIRS[name]).alphas_cumprod, rtol=2e-4, atol=1e-7)
    assert len(SCHEDULES[name]) == 1000


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_way_forward_is_diffusers(name):
    data, noise, step = drawn(0, 4, 3, 2).float(), drawn(1, 4, 3, 2).float(), torch.tensor([0, 7, 500, 990])
    theirs = DDPMScheduler(**THEIRS[name]).add_noise(data, noise, step)
    torch.testing.assert_close(diffuse(SCHEDULES[name], data, noise, step), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("step", [999, 500, 20, 1, 0])
def test_an_ancestral_step_is_diffusers(step):
    scheduler = DDPMScheduler(clip_sample=False, variance_type="fixed_small")
    scheduler.set_timesteps(1000)
    x, predicted = drawn(0, 6, 5).float(), drawn(1, 6, 5).float()
    theirs = scheduler.step(predicted, step, x, generator=torch.Generator().manual_seed(3)).prev_sample
    fresh = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    ours = ancestral_step(SCHEDULES["linear"], x, predicted, step, fresh)
    if step == 0:
        assert torch.equal(ours, ancestral_step(SCHEDULES["linear"], x, predicted, step, 9 * fresh)), "step 0 draws nothing"
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps", [5, 20, 50])
def test_ddim_is_diffusers(steps):
    scheduler = DDIMScheduler(clip_sample=False, timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    predict = lambda x, step: torch.sin(x + step.reshape(-1, 1) / 300)  # noqa: E731
    x = noise = drawn(0, 8, 3).float()
    for step in scheduler.timesteps:
        x = scheduler.step(predict(x, step.expand(8)), step, x).prev_sample
    torch.testing.assert_close(ddim_sample(predict, SCHEDULES["linear"], noise, steps), x, rtol=1e-3, atol=1e-3)


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(0, 999))
def test_variance_is_kept_and_the_data_come_back(name, step):
    schedule = SCHEDULES[name]
    signal, sigma = schedule.at(step, torch.zeros(1, 1, dtype=torch.float64))
    assert (signal**2 + sigma**2).item() == pytest.approx(1)
    data, noise = drawn(step, 3, 2), drawn(step + 1, 3, 2)
    x = diffuse(schedule, data, noise, step)
    torch.testing.assert_close(data_of(schedule, x, noise, step), data, rtol=1e-6, atol=1e-6)


@given(st.integers(0, 999), st.integers(-1, 999))
def test_with_the_true_noise_ddim_jumps_from_any_step_to_any_other(step, to):
    schedule, data, noise = SCHEDULES["linear"], drawn(0, 3, 2), drawn(1, 3, 2)
    there = data if to == CLEAN else diffuse(schedule, data, noise, to)
    torch.testing.assert_close(ddim_step(schedule, diffuse(schedule, data, noise, step), noise, step, to), there)


@pytest.mark.parametrize("step", [999, 300, 1])
def test_an_ancestral_step_is_bayes_rule(step):
    """The product of two bells over x of the step before: what the data say, and what x now says."""
    schedule, data, noise = SCHEDULES["linear"], drawn(0, 4, 3), drawn(1, 4, 3)
    x = diffuse(schedule, data, noise, step)
    a, b = schedule.alpha_bar[step].item(), schedule.alpha_bar[step - 1].item()
    keep, beta = math.sqrt(a / b), 1 - a / b
    from_data, from_x = 1 / (1 - b), keep**2 / beta  # precisions; the second sees x = keep·before + noise of variance beta
    mean = (from_data * math.sqrt(b) * data + from_x * x / keep) / (from_data + from_x)
    fresh = drawn(2, 4, 3)
    got = ancestral_step(schedule, x, noise, step, fresh)
    torch.testing.assert_close(got, mean + fresh / math.sqrt(from_data + from_x))


def test_noise_added_little_by_little_is_noise_added_at_once():
    """x ← √(1 − β)·x + √β·fresh, over and over: followed as a coefficient of the data and a variance, no sampling."""
    beta = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    coefficient, variance = 1.0, 0.0
    for step, b in enumerate(beta.tolist()):
        coefficient, variance = coefficient * math.sqrt(1 - b), variance * (1 - b) + b
        if step in (0, 10, 999):
            signal, sigma = SCHEDULES["linear"].at(step, torch.zeros(1, 1, dtype=torch.float64))
            assert (coefficient, math.sqrt(variance)) == (pytest.approx(signal.item()), pytest.approx(sigma.item()))


MEAN, SPREAD = 1.5, 0.4


def of_a_bell(schedule):
    """The best ε̂ for data N(MEAN, SPREAD²): E[ε | x] of two jointly normal variables."""
    def predict(x, step):
        signal, sigma = schedule.at(step, x)
        return sigma * (x - signal * MEAN) / (signal**2 * SPREAD**2 + sigma**2)

    return predict


def test_both_ways_back_lead_to_the_data():
    schedule = NoiseSchedule.linear(200, 1e-4, 0.1)
    noise = drawn(0, 40_000, 1)
    drawn_back = ancestral_sample(of_a_bell(schedule), schedule, noise, torch.Generator().manual_seed(1))
    straight = ddim_sample(of_a_bell(schedule), schedule, noise, 200)
    for x in drawn_back, straight:
        assert x.mean().item() == pytest.approx(MEAN, abs=0.02)
        assert x.std().item() == pytest.approx(SPREAD, abs=0.02)
    torch.testing.assert_close(straight, MEAN + SPREAD * noise, atol=0.05, rtol=0)  # a map: it keeps order and draws nothing
    assert (drawn_back - MEAN - SPREAD * noise).abs().mean() > 0.3  # the other one has forgotten where it came from


def test_the_loss_by_hand_and_at_its_least():
    """ε̂ = 0 costs E[ε²]. The best ε̂ for a bell costs its conditional variance, and less than any other line through x."""
    schedule = NoiseSchedule(torch.tensor([0.64], dtype=torch.float64))
    step = torch.zeros(2, dtype=torch.int64)
    data, noise = torch.tensor([[1.0], [2.0]]).double(), torch.tensor([[1.0], [-3.0]]).double()
    assert noise_loss(lambda x, s: torch.zeros_like(x), schedule, data, noise, step).item() == 5.0
    assert noise_loss(lambda x, s: x, schedule, data, noise, step).item() == pytest.approx((0.4**2 + 2.8**2) / 2)
    data, noise, step = MEAN + SPREAD * drawn(0, 50_000, 1), drawn(1, 50_000, 1), torch.zeros(50_000, dtype=torch.int64)
    least = noise_loss(of_a_bell(schedule), schedule, data, noise, step).item()
    known = 0.64 * SPREAD**2 / (0.64 * SPREAD**2 + 0.36)  # variance of ε given x
    assert least == pytest.approx(known, rel=0.03)


@settings(deadline=None)
@given(st.integers(1, 999), st.integers(0, 998), st.integers(0, 99))
def test_ddim_is_euler_in_other_clothes(step, to, seed):
    """Scaled by √ᾱ + √(1 − ᾱ), a DDIM step is an Euler step of the flow: same ε̂, velocity data − ε̂."""
    schedule, x, predicted = SCHEDULES["cosine"], drawn(seed, 4, 3), drawn(seed + 1, 4, 3)
    to = min(to, step - 1)
    flowing, t = as_flow(schedule, x, step)
    there, then = as_flow(schedule, ddim_step(schedule, x, predicted, step, to), to)
    data = data_of(schedule, x, predicted, step)
    at = torch.tensor([t, then], dtype=torch.float64)
    torch.testing.assert_close(euler(lambda x, t: data - predicted, flowing, at), there, rtol=1e-6, atol=1e-6)
    assert then > t


@pytest.mark.parametrize("call, told", [
    (lambda s: diffuse(s, torch.zeros(3, 2), torch.zeros(1, 2), 5), r"data \(3, 2\), noise \(1, 2\)"),
    (lambda s: diffuse(s, torch.zeros(3, 2), torch.zeros(3, 2), 1000), "1000"),
    (lambda s: diffuse(s, torch.zeros(3, 2), torch.zeros(3, 2), -2), "-2"),
    (lambda s: diffuse(s, torch.zeros(3, 2), torch.zeros(3, 2), torch.rand(3)), "float32"),
    (lambda s: ancestral_step(s, torch.zeros(3, 2), torch.zeros(3, 2), 5, torch.zeros(2)), r"fresh \(2,\)"),
    (lambda s: ddim_sample(of_a_bell(s), s, torch.zeros(3, 1), 0), "0 steps"),
    (lambda s: ddim_sample(of_a_bell(s), s, torch.zeros(3, 1), 1001), "1001 steps"),
    (lambda s: NoiseSchedule(torch.tensor([0.5, 0.6])), "falling"),
    (lambda s: NoiseSchedule(torch.tensor([0.5, float("nan")])), "nan"),
    (lambda s: NoiseSchedule(torch.zeros(0)), r"\(0,\)"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call(SCHEDULES["linear"])
