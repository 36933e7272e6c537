"""Chapter 08 · the two players' losses, on raw scores; higher means "real" · Goodfellow et al. 2014, arXiv:1406.2661.

A score D(x) is what the discriminator's last layer says, any number, with no sigmoid after it: where a loss wants a probability
σ(D(x)), it takes the sigmoid itself, together with its logarithm, so that nothing overflows.

| loss | D's | G's | needs |
| --- | --- | --- | --- |
| minimax | cross-entropy | E[log(1 − σ(D(G(z))))]: the same value, the other sign | |
| non-saturating | the same | −E[log σ(D(G(z)))] | |
| least squares | ½E[(D(x) − 1)²] + ½E[D(G(z))²] | ½E[(D(G(z)) − 1)²] | |
| hinge | E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))] | −E[D(G(z))] | |
| Wasserstein | E[D(G(z))] − E[D(x)], no logarithm | −E[D(G(z))] | a D that is 1-Lipschitz: `losses.penalties` |
| relativistic | −E[log σ(D(x) − D(G(z)))] | −E[log σ(D(G(z)) − D(x))] | pairs, for G too |
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from t2v_edu.losses.penalties import r1_penalty

__all__ = [
    "GAMES", "hinge_d", "hinge_g", "least_squares_d", "least_squares_g", "minimax_d", "minimax_g", "non_saturating_d",
    "non_saturating_g", "r1_penalty", "relativistic_d", "relativistic_g", "wasserstein_d", "wasserstein_g",
]  # fmt: skip


def minimax_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = −E[log σ(D(x))] − E[log(1 − σ(D(G(z))))], a scalar; log 4 when D cannot tell. Source: Goodfellow, equation 1."""
    _check(real=real, fake=fake)
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minimax_g(fake: Tensor) -> Tensor:
    """L_G = E[log(1 − σ(D(G(z))))], a scalar, never above 0: saturates, its gradient dies where D is sure. Source: equation 1."""
    _check(fake=fake)
    return -F.softplus(fake).mean()


def non_saturating_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D as in `minimax_d`: the two games differ in what the generator makes small."""
    return minimax_d(real, fake)


def non_saturating_g(fake: Tensor) -> Tensor:
    """L_G = −E[log σ(D(G(z)))], a scalar: strong gradients where D is sure. Source: Goodfellow, section 3."""
    _check(fake=fake)
    return F.softplus(-fake).mean()


def least_squares_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = ½E[(D(x) − 1)²] + ½E[D(G(z))²], a scalar; ¼ when D cannot tell. Source: Mao et al. 2017, arXiv:1611.04076."""
    _check(real=real, fake=fake)
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def least_squares_g(fake: Tensor) -> Tensor:
    """L_G = ½E[(D(G(z)) − 1)²], a scalar: what is judged too real is pulled back too. Source: Mao et al., a=0, b=c=1."""
    _check(fake=fake)
    return 0.5 * (fake - 1).square().mean()


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))], a scalar. Source: Lim & Ye 2017, arXiv:1705.02894."""
    _check(real=real, fake=fake)
    return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()


def hinge_g(fake: Tensor) -> Tensor:
    """L_G = −E[D(G(z))], a scalar, for the hinge game."""
    _check(fake=fake)
    return -fake.mean()


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = E[D(G(z))] − E[D(x)], a scalar. Source: Arjovsky et al. 2017, arXiv:1701.07875.

    At its least over all D of slope 1 or less it is −W₁, the Wasserstein distance of made and real. Over all D whatsoever it has
    no least value: without a constraint (clipping, gradient penalty, spectral norm) this is no loss.
    """
    _check(real=real, fake=fake)
    return fake.mean() - real.mean()


def wasserstein_g(fake: Tensor) -> Tensor:
    """L_G = −E[D(G(z))], a scalar; the other term of the distance does not depend on G."""
    _check(fake=fake)
    return -fake.mean()


def relativistic_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = −E[log σ(D(x) − D(G(z)))], a scalar; log 2 when D cannot tell. Real and made are judged in pairs.

    Source: Jolicoeur-Martineau 2018, arXiv:1807.00734, RpGAN.

    Raises:
        ValueError: scores of different shapes, which would be broadcast to a table of all pairs.
    """
    _check(real=real, fake=fake)
    if real.shape != fake.shape:
        raise ValueError(f"scores are compared in pairs: give as many real as made, "
                         f"not {tuple(real.shape)} and {tuple(fake.shape)}")
    return F.softplus(fake - real).mean()


def relativistic_g(real: Tensor, fake: Tensor) -> Tensor:
    """L_G = −E[log σ(D(G(z)) − D(x))], a scalar: the same comparison the other way round, so it needs real scores too."""
    _check(real=real, fake=fake)
    return relativistic_d(fake, real)


# The games in which G's loss looks at made samples alone; the relativistic one looks at pairs.
GAMES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "minimax": (minimax_d, minimax_g),
    "non_saturating": (non_saturating_d, non_saturating_g),
    "least_squares": (least_squares_d, least_squares_g),
    "hinge": (hinge_d, hinge_g),
    "wasserstein": (wasserstein_d, wasserstein_g),
}


def _check(**scores: Tensor) -> None:
    """The mean of no scores is NaN, and whole numbers have no gradient: both would only show much later."""
    for name, score in scores.items():
        if not score.numel() or not score.is_floating_point():
            raise ValueError(f"{name} scores: at least one, as floating numbers, not {score.dtype} {tuple(score.shape)}")
