"""Points in the plane: counts by hand, shares from the normal distribution, many nets against one, and games that are played."""

import math

import pytest
import torch
from torch import nn

from t2v_edu.models.planar_gan import ManyNets, Mixture, grid, ring


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def test_where_the_modes_are():
    torch.testing.assert_close(ring(4, 2.0).centres, torch.tensor([[2.0, 0], [0, 2], [-2, 0], [0, -2]]), atol=1e-6, rtol=0)
    places = grid(3, 2.0).centres
    assert len(places) == 9 and sorted({round(v, 3) for v in places.flatten().tolist()}) == [-1, 0, 1]


def test_samples_have_the_modes_the_spread_and_the_good_share_that_they_should():
    target = ring(8, 1.0, 0.05)
    points = target.sample(40_000, generator=drawn())
    found = target.coverage(points)
    assert found.modes == 8
    # within three standard deviations in the plane: 1 − exp(−9/2), give or take four standard errors
    want = 1 - math.exp(-4.5)
    assert abs(found.good.item() - want) < 4 * (want * (1 - want) / 40_000) ** 0.5
    assert (found.shares - want / 8).abs().max() < 4 * (1 / 8 * 7 / 8 / 40_000) ** 0.5
    away = points[:, None] - target.centres
    nearest = away[torch.arange(len(points)), away.norm(dim=-1).argmin(1)]
    torch.testing.assert_close(nearest.std(0), torch.full((2,), 0.05), rtol=0.02, atol=0)
    again = target.sample(40_000, generator=drawn())
    assert torch.equal(points, again)


def test_coverage_by_hand():
    """Modes at 0 and 10, spread 1. Of ten points eight hit the first, one lies 2.9 off the second, one 3.1 off it."""
    target = Mixture(torch.tensor([[0.0, 0.0], [10.0, 0.0]]), 1.0)
    points = torch.tensor([[0.0, 0.0]] * 8 + [[10.0, 2.9], [13.1, 0.0]])
    found = target.coverage(points)
    assert found.shares.tolist() == pytest.approx([0.8, 0.1]) and found.good.item() == pytest.approx(0.9)
    assert found.modes == 2  # a tenth of the fair share of one half is 0.05
    both = target.coverage(torch.stack([points, torch.zeros(10, 2)]))
    assert both.modes.tolist() == [2, 1] and both.good.tolist() == pytest.approx([0.9, 1.0])
    stray = target.coverage(torch.cat([torch.zeros(96, 2), torch.full((4, 2), 10.0) * torch.tensor([1.0, 0.0])]))
    assert stray.modes == 1  # 0.04 is less than that tenth


def test_coverage_knows_no_order_and_no_place():
    target, points = ring(), ring().sample(500, generator=drawn(1)) * 0.95
    shuffled = points[torch.randperm(500, generator=drawn(2))]
    shift = torch.tensor([3.0, -1.0])
    for other, where in (target, shuffled), (Mixture(target.centres + shift, target.spread), points + shift):
        assert other.coverage(where).modes == target.coverage(points).modes
        torch.testing.assert_close(other.coverage(where).good, target.coverage(points).good, atol=2e-3, rtol=0)


def test_many_nets_are_many_nets():
    """Each of three equals an nn.Sequential with its weights, and its gradient does not reach the others."""
    nets = ManyNets(3, (4, 8, 8, 2), drawn())
    x = torch.randn(3, 5, 4, generator=drawn(1))
    out = nets(x)
    for r in range(3):
        one = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 8), nn.LeakyReLU(0.2), nn.Linear(8, 2))
        for i, layer in enumerate(one[::2]):
            layer.weight.data, layer.bias.data = nets.weights[i][r].detach().clone(), nets.biases[i][r, 0].detach().clone()
        torch.testing.assert_close(out[r], one(x[r]))
    out[1].sum().backward()
    assert nets.weights[0].grad[1].abs().sum() > 0 == nets.weights[0].grad[[0, 2]].abs().sum()


def test_spectral_nets_have_singular_values_of_1():
    nets = ManyNets(3, (2, 16, 16, 1), drawn(), spectral=True)
    with torch.no_grad():
        for _ in range(200):
            nets(torch.zeros(3, 1, 2))
        for i, weight in enumerate(nets.weights):
            torch.testing.assert_close(torch.linalg.svdvals(nets.matrix(i, weight))[:, 0], torch.ones(3), rtol=1e-2, atol=0)
        before = nets.u0.clone()
        nets.eval()(torch.zeros(3, 1, 2))
        assert torch.equal(before, nets.u0)


@pytest.mark.parametrize("call, told", [
    (lambda: Mixture(torch.zeros(3, 3), 0.1), r"\(3, 3\)"), (lambda: ring(0), r"\(0, 2\)"), (lambda: grid(spread=0.0), "and 0.0"),
    (lambda: ring().coverage(torch.zeros(0, 2)), r"\(0, 2\)"), (lambda: ring().coverage(torch.zeros(5, 3)), r"\(5, 3\)"),
])  # fmt: skip
def test_what_is_no_plane_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
