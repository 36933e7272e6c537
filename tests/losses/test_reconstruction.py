"""The KL term against the closed form, torch's own, and the definition by sampling; where things are, against known films."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from t2v_edu.losses.reconstruction import corners, gaussian_kl, where


def test_by_hand():
    # one latent N(1, 4): ½(1 + 4 − 1 − log 4) = 2 − log 2; a second N(0, 1) adds nothing
    value = gaussian_kl(torch.tensor([[1.0, 0.0]]), torch.tensor([[math.log(4.0), 0.0]]))
    assert value.shape == (1,) and value.item() == pytest.approx(2 - math.log(2))


def test_zero_exactly_at_the_prior_and_positive_elsewhere():
    assert gaussian_kl(torch.zeros(3, 5), torch.zeros(3, 5)).tolist() == [0, 0, 0]
    rng = torch.Generator().manual_seed(0)
    assert (gaussian_kl(torch.randn(100, 4, generator=rng), torch.randn(100, 4, generator=rng)) > 0).all()


def test_against_torch():
    rng = torch.Generator().manual_seed(1)
    mean, log_var = torch.randn(8, 5, generator=rng), torch.randn(8, 5, generator=rng)
    theirs = kl_divergence(Normal(mean, (0.5 * log_var).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_var), theirs)


def test_against_torch_with_a_prior_of_its_own():
    rng = torch.Generator().manual_seed(3)
    mean, log_var, there, wide = torch.randn(4, 8, 5, generator=rng)
    theirs = kl_divergence(Normal(mean, (0.5 * log_var).exp()), Normal(there, (0.5 * wide).exp())).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_var, (there, wide)), theirs)
    assert gaussian_kl(there, wide, (there, wide)).abs().max() < 1e-6


def test_against_the_definition_by_sampling():
    """E_q[log q − log p] over 400,000 draws, within four standard errors."""
    rng = torch.Generator().manual_seed(2)
    mean, log_var = torch.tensor([0.7, -1.1], dtype=torch.float64), torch.tensor([0.4, -0.8], dtype=torch.float64)
    deviation = (0.5 * log_var).exp()
    z = mean + deviation * torch.randn(400_000, 2, generator=rng, dtype=torch.float64)
    ratio = (Normal(mean, deviation).log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(1)
    error = 4 * ratio.std() / len(ratio) ** 0.5
    assert abs(ratio.mean() - gaussian_kl(mean[None], log_var[None])[0]) < error < 0.01


def test_summed_over_latents_not_averaged():
    assert gaussian_kl(torch.ones(1, 10), torch.zeros(1, 10)).item() == pytest.approx(5.0)


def spots(centres, side=32, radius=3, ground=-1.0):
    """A film (1, 3, T, side, side) of a white square of `2·radius` pixels about each centre (row, column)."""
    video = torch.full((1, 3, len(centres), side, side), ground)
    for t, (row, column) in enumerate(centres):
        video[:, :, t, row - radius : row + radius, column - radius : column + radius] = 1
    return video


def test_where_finds_the_centre_and_the_spread_of_a_square():
    centres = [(16, 16), (8, 24), (26, 5)]
    found = where(spots(centres), torch.full((1, 3), -1.0))[0]
    for (row, column), (x, y, spread) in zip(centres, found.tolist(), strict=True):
        # pixel p of 32 lies at 2p/31 − 1; the square covers p − 3 … p + 2; its mass of 4·3 a pixel outweighs the 1.024 of nothing
        assert x == pytest.approx(2 * (column - 0.5) / 31 - 1, abs=5e-3)
        assert y == pytest.approx(2 * (row - 0.5) / 31 - 1, abs=5e-3)
        assert spread == pytest.approx((2 * 35 / 12) ** 0.5 * 2 / 31, abs=2e-2)  # a uniform row of 6: variance (6² − 1)/12, twice


def test_where_pulls_a_spot_towards_one_that_it_does_not_touch():
    """Squared error is flat there; the distance of centres is not."""
    ground = torch.full((1, 3), -1.0)
    target = where(spots([(16, 26)]), ground)
    near, far = (where(spots([(16, column)]), ground) for column in (14, 6))
    assert (near - target).square().mean() < (far - target).square().mean() / 2
    errors = [(spots([(16, column)]) - spots([(16, 26)])).square().mean() for column in (14, 6)]
    assert torch.equal(*errors)


def test_where_nothing_is_seen_is_the_middle_and_has_a_gradient():
    video = torch.full((1, 3, 2, 16, 16), 0.3, requires_grad=True)
    found = where(video, torch.full((1, 3), 0.3))
    assert found[..., :2].abs().max() == 0 and found[..., 2].max() <= 0.011
    found.sum().backward()
    assert video.grad.isfinite().all()


def test_corners_are_the_colour_of_the_ground():
    assert corners(spots([(16, 16), (8, 24)], ground=-0.25)).tolist() == [[-0.25] * 3]
    picture = torch.zeros(1, 3, 1, 8, 8)
    picture[0, :, 0, 0, 0] = 1
    assert corners(picture).tolist() == [[0.25] * 3]
