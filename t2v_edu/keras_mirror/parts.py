"""Chapter 11 · what Keras does otherwise than PyTorch, in one place, so that twins can be equal to the last digits."""

from __future__ import annotations

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


def pad(x: Tensor, by: int = 1) -> Tensor:
    """Zeros around pictures (..., H, W, C), as PyTorch's padding=1 puts them.

    Keras' padding="same" with stride 2 pads below and to the right only, which moves the picture by half a pixel of the result.
    """
    return ops.pad(x, [(0, 0)] * (len(x.shape) - 3) + [(by, by), (by, by), (0, 0)])


def twice_as_large(x: Tensor) -> Tensor:
    """(B, H, W, C) → (B, 2H, 2W, C), each pixel four times."""
    return ops.repeat(ops.repeat(x, 2, 1), 2, 2)


def flatten(x: Tensor) -> Tensor:
    """Maps (B, H, W, C) → (B, C·H·W), channel after channel: the order in which PyTorch's linear layers were trained."""
    return ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (ops.shape(x)[0], -1 if None in x.shape[1:] else _size(x.shape[1:])))


def unflatten(x: Tensor, side: int) -> Tensor:
    """The way back: (B, C·side·side) → (B, side, side, C)."""
    return ops.transpose(ops.reshape(x, (-1, x.shape[-1] // side**2, side, side)), (0, 2, 3, 1))


def _size(shape: tuple[int, ...]) -> int:
    return shape[0] * shape[1] * shape[2]


class Composite(keras.layers.Layer):  # type: ignore[misc]
    """A layer made of layers: each builds itself when it is first called, so that Keras need not call it all once for trial."""

    def build(self) -> None:
        """Nothing of its own to build."""


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
        g = ops.cast(tf.convert_to_tensor(gradient), variable.dtype)  # an embedding's gradient comes as rows
        t = ops.cast(self.iterations + 1, variable.dtype)
        m.assign(m + (1 - self.beta_1) * (g - m))
        v.assign(v + (1 - self.beta_2) * (ops.square(g) - v))
        step = m / (1 - ops.power(ops.cast(self.beta_1, variable.dtype), t))
        size = ops.sqrt(v / (1 - ops.power(ops.cast(self.beta_2, variable.dtype), t))) + self.epsilon
        variable.assign(variable - ops.cast(learning_rate, variable.dtype) * step / size)
