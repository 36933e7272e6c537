"""Chapter 11 · the two players' losses and the gradient penalty, in Keras · twin of `losses.adversarial`, `.penalties`."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from t2v_edu.keras_mirror.parts import Tensor, registered


def minimax_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = −E[log σ(D(x))] − E[log(1 − σ(D(G(z))))], on raw scores. Source: Goodfellow et al. 2014, arXiv:1406.2661."""
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))


def minimax_g(fake: Tensor) -> Tensor:
    """L_G = E[log(1 − σ(D(G(z))))], which saturates."""
    return -ops.mean(ops.softplus(fake))


def non_saturating_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D as in `minimax_d`."""
    return minimax_d(real, fake)


def non_saturating_g(fake: Tensor) -> Tensor:
    """L_G = −E[log σ(D(G(z)))]."""
    return ops.mean(ops.softplus(-fake))


def least_squares_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = ½E[(D(x) − 1)²] + ½E[D(G(z))²]. Source: Mao et al. 2017, arXiv:1611.04076."""
    return 0.5 * ops.mean(ops.square(real - 1)) + 0.5 * ops.mean(ops.square(fake))


def least_squares_g(fake: Tensor) -> Tensor:
    """L_G = ½E[(D(G(z)) − 1)²]."""
    return 0.5 * ops.mean(ops.square(fake - 1))


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = E[max(0, 1 − D(x))] + E[max(0, 1 + D(G(z)))]. Source: Lim & Ye 2017, arXiv:1705.02894."""
    return ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))


def hinge_g(fake: Tensor) -> Tensor:
    """L_G = −E[D(G(z))]."""
    return -ops.mean(fake)


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = E[D(G(z))] − E[D(x)], for a D whose slope is bounded. Source: Arjovsky et al. 2017, arXiv:1701.07875."""
    return ops.mean(fake) - ops.mean(real)


def wasserstein_g(fake: Tensor) -> Tensor:
    """L_G = −E[D(G(z))]."""
    return -ops.mean(fake)


GAMES = {
    "minimax": (minimax_d, minimax_g),
    "non_saturating": (non_saturating_d, non_saturating_g),
    "least_squares": (least_squares_d, least_squares_g),
    "hinge": (hinge_d, hinge_g),
    "wasserstein": (wasserstein_d, wasserstein_g),
}


def gradient_penalty(d: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """E[(‖∇ₓ̂ D(x̂)‖ − 1)²] on the way between real and made, x̂ = mix·x + (1 − mix)·G(z); a scalar to be weighted by λ.

    Args:
        d: samples (B, ...) → scores (B,).
        real, fake: (B, ...), paired at random.
        mix: (B,) in [0, 1], drawn anew at each step.
    Source: Gulrajani et al. 2017, arXiv:1704.00028, equation 3.
    """
    share = ops.reshape(mix, (-1, *[1] * (len(real.shape) - 1)))
    between = ops.stop_gradient(share * real + (1 - share) * fake)
    with tf.GradientTape() as tape:  # inside the step's own tape, so that the slope can itself be differentiated
        tape.watch(between)
        score = d(between)
    slope = tape.gradient(score, between)
    squared = ops.sum(ops.square(slope), axis=tuple(range(1, len(real.shape))))
    length = ops.sqrt(ops.maximum(squared, 1e-24))  # √ has no slope at 0, and would make all gradients NaN; PyTorch says 0 there
    return ops.mean(ops.square(length - 1))


def r1_penalty(d: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """½·E[‖∇ₓ D(x)‖²] at real data (B, ...), a scalar to be weighted by γ. Source: Mescheder et al. 2018, arXiv:1801.04406.

    Args:
        d: samples (B, ...) → scores (B,), each of its own sample alone.
    """
    real = ops.convert_to_tensor(real)
    with tf.GradientTape() as tape:  # inside the step's own tape, as above
        tape.watch(real)
        score = d(real)
    slope = tape.gradient(score, real)
    return 0.5 * ops.mean(ops.sum(ops.square(slope), axis=tuple(range(1, len(real.shape)))))


# --- Reconstruction: twin of `losses.reconstruction` --------------------------------------------------------------------------


@registered  # type: ignore[untyped-decorator]
def half_squared_error(target: Tensor, rebuilt: Tensor, pixels: str = "mean") -> Tensor:
    """½(x − x̂)², a scalar: the mean over the batch of its mean, or its sum, over the numbers of a picture.

    Keras passes the target first.
    """
    each = 0.5 * ops.square(target - rebuilt)
    axes = tuple(range(1, len(each.shape)))
    return ops.mean(ops.mean(each, axes) if pixels == "mean" else ops.sum(each, axes))


def kl_loss(mean: Tensor, log_var: Tensor, free: float = 0.0) -> Tensor:
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)) of each latent, a mean over the batch, at least `free`; summed over latents, nats."""
    each = 0.5 * (ops.square(mean) + ops.exp(log_var) - 1 - log_var)  # (B, Z)
    return ops.sum(ops.maximum(ops.mean(each, 0), free))
