"""Chapter 07 · the price of a code · Kingma & Welling 2014, arXiv:1312.6114."""

from __future__ import annotations

from torch import Tensor


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)), summed over latents, one value per sample.

    Args:
        mean, log_var: (B, Z), nats.
    Returns:
        (B,) nonnegative, 0 where the posterior is the prior.
    Source: appendix B, equation 10.
    """
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
