"""The KL term against the closed form, torch's own, and the definition by sampling."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from t2v_edu.losses.reconstruction import gaussian_kl


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
