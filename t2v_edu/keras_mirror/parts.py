"""Chapter 11 · what Keras does otherwise than PyTorch, in one place, so that twins can be equal to the last digits."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

if keras.backend.backend() != "tensorflow":
    raise ImportError(f"keras_mirror trains with TensorFlow's GradientTape, and Keras runs on {keras.backend.backend()!r}; "
                      "set KERAS_BACKEND=tensorflow before Keras is imported")

Tensor = Any  # a tf.Tensor, or a symbol of one

registered = keras.saving.register_keras_serializable("t2v_edu")  # so that `.keras` files load without arbitrary code


def leaky_relu(x: Tensor) -> Tensor:
    """Slope 0.2 below zero, as everywhere in the course; Keras' own layer has 0.3, PyTorch's 0.01."""
    return ops.leaky_relu(x, 0.2)


def padded(conv: keras.layers.Layer, x: Tensor) -> Tensor:
    """A convolution (with padding="valid") of x (B, ..., C) with ⌊(k − 1)/2⌋ zeros at both ends of every axis, as PyTorch's has.

    Keras' padding="same" would do for stride 1. With stride 2 and a window of 3 on an even side it pads below and to the right
    only: the same picture, seen half a pixel of the result further on.
    """
    around = [((k - 1) // 2, (k - 1) // 2) for k in conv.kernel_size]
    return conv(ops.pad(x, [(0, 0), *around, (0, 0)]))


def twice_as_large(x: Tensor) -> Tensor:
    """(B, H, W, C) → (B, 2H, 2W, C), each pixel four times."""
    return ops.repeat(ops.repeat(x, 2, 1), 2, 2)


def flatten(x: Tensor) -> Tensor:
    """Maps (B, H, W, C) → (B, C·H·W), channel after channel: the order that PyTorch's linear layers expect."""
    return ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (-1, math.prod(x.shape[1:])))


def unflatten(x: Tensor, side: int) -> Tensor:
    """The way back: (B, C·side·side) → (B, side, side, C)."""
    return ops.transpose(ops.reshape(x, (-1, x.shape[-1] // side**2, side, side)), (0, 2, 3, 1))


def mean_of_words(states: Tensor, ids: Tensor) -> Tensor:
    """The mean over words alone: states (B, L, D), ids (B, L), 0 at padding → (B, D).

    Raises:
        tf.errors.InvalidArgumentError: a sentence without words.
    """
    share = ops.cast(ops.not_equal(ids, 0)[..., None], states.dtype)  # (B, L, 1)
    count = ops.sum(share, 1)
    tf.debugging.assert_positive(count, "every sentence needs a word; id 0 is padding")
    return ops.sum(states * share, 1) / count


class Composite(keras.layers.Layer):  # type: ignore[misc]
    """A layer made of layers: each builds itself when it is first called, so that Keras need not call it all once for trial."""

    def build(self) -> None:
        """Nothing of its own to build."""


class Mirror(keras.Model):  # type: ignore[misc]
    """A model that is built whole in `__init__`, from `sizes`, which are all that its `.keras` file needs to build it again."""

    def __init__(self, name: str | None = None, **sizes: Any) -> None:
        super().__init__(name=name)
        self.sizes: dict[str, Any] = sizes

    def build(self) -> None:
        """All is built in `__init__`."""

    def get_config(self) -> dict[str, Any]:
        """What builds it again."""
        return {**self.sizes, "name": self.name}


@registered
class BatchNorm(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalisation with PyTorch's numbers: ε = 10⁻⁵ (Keras: 10⁻³), a tenth of the new in the running mean (Keras: a
    hundredth; what Keras calls momentum is 1 − PyTorch's), and the unbiased variance in the running one (Keras: the biased)."""

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **more: Any) -> None:
        super().__init__(momentum=momentum, epsilon=epsilon, **more)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Inputs (..., C)."""
        kept = self.momentum * self.moving_variance
        x = super().call(inputs, training=training)
        if training and self.trainable:
            count = ops.cast(ops.size(inputs) // inputs.shape[-1], kept.dtype)
            self.moving_variance.assign(kept + (self.moving_variance - kept) * count / ops.maximum(count - 1, 1))
        return x


@registered
class Adam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam as its paper's algorithm 1, and PyTorch, have it: θ ← θ − η·m̂ / (√v̂ + ε), ε = 10⁻⁸.

    Keras adds ε before √v is corrected for the start at zero, which the paper mentions as a variant ("ε hat"), and takes 10⁻⁷:
    in the first steps its ε is up to √(1/(1 − β₂)) times larger. It matters where gradients are tiny.

    Source: Kingma & Ba 2015, arXiv:1412.6980.
    """

    def __init__(self, learning_rate: Any = 1e-3, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, **more: Any):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **more)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Any) -> None:
        """One variable's step."""
        at = self._get_variable_index(variable)
        m, v = self._momentums[at], self._velocities[at]
        g = ops.cast(tf.convert_to_tensor(gradient), variable.dtype)  # adds up a repeated word's rows
        t = ops.cast(self.iterations + 1, variable.dtype)
        m.assign(m + (1 - self.beta_1) * (g - m))
        v.assign(v + (1 - self.beta_2) * (ops.square(g) - v))
        step = m / (1 - self.beta_1**t)
        size = ops.sqrt(v / (1 - self.beta_2**t)) + self.epsilon
        variable.assign(variable - ops.cast(learning_rate, variable.dtype) * step / size)
