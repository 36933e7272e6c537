"""Chapter 11 · the two players' losses and the gradient penalty, in Keras · twin of `losses.adversarial`, `.penalties`."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from keras import ops

from t2v_edu.keras_mirror.parts import Tensor


def non_saturating_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = −E[log σ(D(x))] − E[log(1 − σ(D(G(z))))], on raw scores. Source: Goodfellow et al. 2014, arXiv:1406.2661."""
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))


def non_saturating_g(fake: Tensor) -> Tensor:
    """L_G = −E[log σ(D(G(z)))]."""
    return ops.mean(ops.softplus(-fake))


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """L_D = E[D(G(z))] − E[D(x)], for a D whose slope is bounded. Source: Arjovsky et al. 2017, arXiv:1701.07875."""
    return ops.mean(fake) - ops.mean(real)


def wasserstein_g(fake: Tensor) -> Tensor:
    """L_G = −E[D(G(z))]."""
    return -ops.mean(fake)


GAMES = {"non_saturating": (non_saturating_d, non_saturating_g), "wasserstein": (wasserstein_d, wasserstein_g)}


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
    length = ops.sqrt(ops.sum(ops.square(slope), axis=tuple(range(1, len(real.shape)))))
    return ops.mean(ops.square(length - 1))
