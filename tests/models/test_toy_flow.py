"""The exact field of bells against sums over many pairs and a known flow; the average velocity where it is known; the network."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.losses.flow import euler, flow_matching_loss, guide, heun, interpolate, times, velocity
from t2v_edu.losses.mean_flow import mean_flow_loss, mean_flow_target, stride
from t2v_edu.models.planar_gan import Mixture
from t2v_edu.models.toy_flow import MixtureFlow, PointNet, energy_distance, even_noise, three_bells, walk


def draw(seed):
    return torch.Generator().manual_seed(seed)


FLOW = three_bells()
ONE = MixtureFlow(Mixture(torch.tensor([[1.5, -0.5]]), 0.4), torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize("label", [None, 1])
@pytest.mark.parametrize("t", [0.0, 0.3, 0.8])
def test_the_velocity_is_the_mean_over_the_pairs_that_meet_there(t, label):
    """All data on a fine grid; the noise that meets each of them at x is known: E[data − noise | x_t = x] as a plain sum."""
    line = torch.linspace(-4.5, 4.5, 451, dtype=torch.float64)
    data = torch.cartesian_prod(line, line)
    bells = torch.exp(-0.5 * ((data[:, None] - FLOW.data.centres) / 0.45).square().sum(-1))  # (N, 3)
    density = bells.sum(1) if label is None else bells[:, label]
    for x in torch.tensor([[0.0, 0.0], [0.7, 0.4], [-0.5, 0.3]]).double():
        noise = (x - t * data) / (1 - t)
        weight = density * torch.exp(-0.5 * noise.square().sum(1))
        mean = (weight[:, None] * velocity(noise, data)).sum(0) / weight.sum()
        exact = FLOW.velocity(x[None], torch.tensor([t]).double(), label)[0]
        torch.testing.assert_close(exact, mean, atol=1e-6, rtol=1e-6)


def test_of_one_bell_the_velocity_is_known():
    """x_t = t·c + σ_t·x_0, σ_t = √((1 − t)² + t²s²): its derivative by t, by automatic differentiation."""
    c, s, x0 = ONE.data.centres[0].double(), 0.4, torch.randn(50, 2, generator=draw(0), dtype=torch.float64)
    path = lambda t: t[:, None] * c + ((1 - t) ** 2 + (t * s) ** 2).sqrt()[:, None] * x0  # noqa: E731
    t = torch.linspace(0, 1, 50, dtype=torch.float64)
    x, slope = torch.func.jvp(path, (t,), (torch.ones_like(t),))
    torch.testing.assert_close(ONE.velocity(x, t), slope)


def test_the_flow_leads_noise_to_the_data():
    noise = torch.randn(3000, 2, generator=draw(0))
    made = heun(FLOW.velocity, noise, times(40))
    real, _ = FLOW.sample(3000, draw(1))
    assert energy_distance(made, real) < 0.08 < 0.15 < energy_distance(noise, real)
    covered = FLOW.data.coverage(made)
    assert covered.modes == 3 and covered.good > 0.97
    for label in range(3):
        one = heun(lambda x, t, label=label: FLOW.velocity(x, t, label), noise[:2000], times(40))
        torch.testing.assert_close(one.mean(0), FLOW.data.centres[label], atol=0.05, rtol=0)
        torch.testing.assert_close(one.std(0), torch.full((2,), 0.45), atol=0.03, rtol=0)


@given(st.integers(0, 99), st.floats(0, 1), st.integers(0, 2))
def test_without_a_label_the_field_is_a_mean_of_those_with(seed, t, label):
    """Velocities of the labels at one place, and the unlabelled one among them: inside the triangle that they span."""
    x, at = torch.randn(1, 2, generator=draw(seed), dtype=torch.float64), torch.tensor([t], dtype=torch.float64)
    corners = torch.cat([FLOW.velocity(x, at, k) for k in range(3)])
    middle = FLOW.velocity(x, at)
    torch.testing.assert_close(middle, FLOW.velocity(x, at, FLOW.none))
    weights = torch.linalg.lstsq(torch.cat([corners.T, torch.ones(1, 3)]), torch.cat([middle.T, torch.ones(1, 1)])).solution
    assert weights.min() > -1e-6
    told = FLOW.guided(x, at, label, 2.5)
    torch.testing.assert_close(told, guide(corners[label : label + 1], middle, 2.5))


def test_guidance_sharpens_and_goes_too_far():
    noise = torch.randn(2000, 2, generator=draw(0))
    made = {w: heun(lambda x, t, w=w: FLOW.guided(x, t, 2, w), noise, times(40)) for w in (0.0, 1.0, 4.0)}
    right = {w: FLOW.right(x, 2).float().mean().item() for w, x in made.items()}
    assert right[0.0] == pytest.approx(1 / 3, abs=0.05) and right[1.0] > 0.9
    assert made[4.0].std(0).mean() < 0.7 * made[1.0].std(0).mean()
    assert (made[4.0][:, 1].mean() < made[1.0][:, 1].mean() - 0.2)  # away from the other two, past the bell's own centre


def test_labels_and_right_ones():
    points, labels = FLOW.sample(9000, draw(0))
    assert FLOW.none == 3 and torch.bincount(labels).tolist() == pytest.approx([3000] * 3, rel=0.1)
    near = FLOW.right(points, labels).float().mean().item()
    assert 0.95 < near <= 0.989 + 0.005  # within three spreads, less what strays to a neighbour
    assert FLOW.right(torch.tensor([[-1.2, 0.6], [9.0, 9.0]]), 0).tolist() == [True, False]
    assert torch.equal(FLOW.right(points, FLOW.none), torch.stack([FLOW.right(points, k) for k in range(3)]).any(0))


def test_a_walk_ends_where_the_sampler_ends():
    noise = even_noise(20)
    for solver in euler, heun:
        way = walk(solver, FLOW.velocity, noise, 5)
        assert way.shape == (6, 20, 2) and torch.equal(way[0], noise)
        torch.testing.assert_close(way[-1], solver(FLOW.velocity, noise, times(5).double()), rtol=0, atol=1e-6)


def test_even_noise_is_as_noise_is():
    x = even_noise(2000)
    assert x.mean(0).abs().max() < 0.01
    torch.testing.assert_close(x.T @ x / 2000, torch.eye(2, dtype=torch.float64), atol=0.02, rtol=0)
    assert (x.norm(dim=1) < 1).double().mean().item() == pytest.approx(1 - math.exp(-0.5), abs=0.002)


def test_energy_distance_by_hand_and_by_loops():
    """Heaps at 0 and at 5, no width: √(2·5). And the definition, pair by pair."""
    assert energy_distance(torch.zeros(3, 1), torch.full((4, 1), 5.0)) == pytest.approx(10**0.5)
    a, b = torch.randn(7, 2, generator=draw(0)), 1 + torch.randn(5, 2, generator=draw(1))
    between = sum(math.dist(x, y) for x in a.tolist() for y in b.tolist()) / 35
    within = [sum(math.dist(x, y) for x in h.tolist() for y in h.tolist()) / (len(h) * (len(h) - 1)) for h in (a, b)]
    assert energy_distance(a, b) == pytest.approx(math.sqrt(2 * between - sum(within)), rel=1e-5)
    many = [energy_distance(torch.randn(300, 2, generator=draw(2 * i)), torch.randn(300, 2, generator=draw(2 * i + 1)))
            for i in range(8)]
    assert max(many) < 0.15


# --- The average velocity: losses/mean_flow.py ------------------------------------------------------------------------------


def known_average(x, t, r):
    """u of the flow to one bell, in closed form: from x at t to r·c + (σ_r/σ_t)·(x − t·c), over r − t."""
    c, s = torch.tensor([1.5, -0.5], dtype=torch.float64), 0.4
    width = lambda t: ((1 - t) ** 2 + (t * s) ** 2).sqrt()[:, None]  # noqa: E731
    there = r[:, None] * c + width(r) / width(t) * (x - t[:, None] * c)
    return (there - x) / (r - t)[:, None]


def some_times(count, seed=0):
    t, r = torch.rand(count, 2, generator=draw(seed), dtype=torch.float64).sort(1).values.T
    return t, r


def test_the_known_average_velocity_is_its_own_target():
    """The identity u = v + (r − t)·du/dt, with the exact v; and in one stride it leads where the flow leads."""
    t, r = some_times(64)
    x = torch.randn(64, 2, generator=draw(1), dtype=torch.float64)
    here, target = mean_flow_target(known_average, x, t, r, ONE.velocity(x, t))
    torch.testing.assert_close(here, target)
    assert mean_flow_loss(known_average, x, t, r, ONE.velocity(x, t)) < 1e-20
    for steps in 1, 3:
        torch.testing.assert_close(stride(known_average, x, steps), torch.tensor([1.5, -0.5]).double() + 0.4 * x)


def test_the_target_against_finite_differences():
    net = PointNet(3, generator=draw(0)).double()
    t, r = some_times(16)
    x, v, label = (torch.randn(16, 2, generator=draw(k), dtype=torch.float64) for k in (1, 2, 3))
    label = torch.randint(4, (16,), generator=draw(3))
    u = lambda x, t, r: net(x, t, label, r)  # noqa: E731
    here, target = mean_flow_target(u, x, t, r, v)
    d = 1e-5
    change = (u(x + d * v, t + d, r) - u(x - d * v, t - d, r)) / (2 * d)
    torch.testing.assert_close(here, u(x, t, r))
    torch.testing.assert_close(target, v + (r - t)[:, None] * change, rtol=1e-6, atol=1e-6)
    assert here.requires_grad and not target.requires_grad


def test_where_the_stride_has_no_length_it_is_flow_matching():
    net = PointNet(3, generator=draw(0))
    data, noise, t = torch.randn(32, 2, generator=draw(1)), torch.randn(32, 2, generator=draw(2)), torch.rand(32)
    ours = mean_flow_loss(lambda x, t, r: net(x, t, None, r), interpolate(noise, data, t), t, t, velocity(noise, data))
    torch.testing.assert_close(ours, flow_matching_loss(net, data, noise, t).mean())


def test_the_network():
    net = PointNet(3, generator=draw(0))
    x, t, label = torch.randn(8, 2), torch.rand(8), torch.randint(3, (8,))
    assert net(x, t).shape == (8, 2)
    torch.testing.assert_close(net(x, t), net(x, t, torch.full((8,), 3)))  # saying nothing is label 3
    torch.testing.assert_close(net(x, t, label), net(x, t, label, t))  # a stride to where one is
    assert not torch.allclose(net(x, t, label), net(x, t)) and not torch.allclose(net(x, t), net(x, 1 - t))
    assert not torch.allclose(net(x, t, label), net(x, t, label, torch.ones(8)))
    again = PointNet(3, generator=draw(0))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_the_network_learns_the_field():
    """A few hundred steps bring it to within a tenth of the least loss there is."""
    generator = draw(0)
    net = PointNet(3, 64, generator=generator)
    optimizer = torch.optim.Adam(net.parameters(), 4e-3)
    for _ in range(250):
        data, labels = FLOW.sample(256, generator)
        noise, t = torch.randn(256, 2, generator=generator), torch.rand(256, generator=generator)
        loss = flow_matching_loss(lambda x, t, labels=labels: net(x, t, labels), data, noise, t).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    data, labels = FLOW.sample(20_000, draw(7))
    noise, t = torch.randn(20_000, 2, generator=draw(8)), torch.rand(20_000, generator=draw(9))
    with torch.no_grad():
        learned = flow_matching_loss(lambda x, t: net(x, t, labels), data, noise, t).mean()
    least = flow_matching_loss(lambda x, t: FLOW.velocity(x, t, labels), data, noise, t).mean()
    assert least < learned < 1.1 * least


@pytest.mark.parametrize("call, told", [
    (lambda: FLOW.velocity(torch.zeros(3), torch.zeros(3)), r"\(3,\)"),
    (lambda: FLOW.velocity(torch.zeros(3, 2), torch.zeros(3), 4), "not \\[4\\]"),
    (lambda: FLOW.velocity(torch.zeros(3, 2), torch.zeros(3), -1), "not \\[-1\\]"),
    (lambda: MixtureFlow(FLOW.data, torch.zeros(2, dtype=torch.int64)), "3 bells"),
    (lambda: MixtureFlow(FLOW.data, torch.tensor([0, 2, 2])), r"\[0, 2, 2\]"),
    (lambda: MixtureFlow(FLOW.data, torch.zeros(3)), "float32"),
    (lambda: energy_distance(torch.zeros(1, 2), torch.zeros(5, 2)), r"\(1, 2\)"),
    (lambda: energy_distance(torch.zeros(5, 3), torch.zeros(5, 2)), r"\(5, 3\)"),
    (lambda: walk(euler, FLOW.velocity, even_noise(3), 0), "0 steps"),
    (lambda: stride(known_average, torch.zeros(5, 2), 0), "0 steps"),
    (lambda: mean_flow_target(known_average, torch.zeros(5, 2), torch.ones(5), torch.zeros(5), torch.zeros(5, 2)), "r ≥ t"),
    (lambda: mean_flow_target(known_average, torch.zeros(5, 2), torch.ones(1), torch.zeros(5), torch.zeros(5, 2)), r"\(1,\)"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
