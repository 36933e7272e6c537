"""Chapter 11 · frames through a bottleneck, in Keras · twin of `models.autoencoder`, which names the sources."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from t2v_edu.keras_mirror.losses import half_squared_error, kl_loss
from t2v_edu.keras_mirror.parts import (
    Composite,
    Mirror,
    Tensor,
    flatten,
    leaky_relu,
    padded,
    registered,
    twice_as_large,
    unflatten,
)
from t2v_edu.keras_mirror.training import OwnStep, descend


def he(times: float = 1.0) -> keras.initializers.Initializer:
    """Weights that keep the size of numbers through leaky ReLUs, or `times` that: He et al. 2015, arXiv:1502.01852."""
    return keras.initializers.VarianceScaling(times**2 * 2 / (1 + 0.2**2), "fan_in", "untruncated_normal")


class Encoder(Composite):
    """Frames to numbers: three convolutions that halve the side, then a linear layer."""

    def __init__(self, width: int, numbers: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (layers.Conv2D(c * width, 4, 2, kernel_initializer=he()) for c in (1, 2, 4))
        self.code = layers.Dense(numbers, kernel_initializer=he())

    def call(self, frame: Tensor) -> Tensor:
        """frame (B, S, S, 3) → (B, numbers)."""
        x = frame
        for conv in (self.conv1, self.conv2, self.conv3):
            x = leaky_relu(padded(conv, x))
        return self.code(flatten(x))


class Decoder(Composite):
    """Numbers to frames, the same way back: a linear layer, then three times twice the side and a convolution."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.side = size // 8
        self.code = layers.Dense(4 * width * self.side**2, kernel_initializer=he())
        self.conv1, self.conv2 = (layers.Conv2D(c * width, 3, kernel_initializer=he()) for c in (2, 1))
        self.colour = layers.Conv2D(3, 3, kernel_initializer=he(0.3))  # where tanh is nearly straight

    def call(self, z: Tensor) -> Tensor:
        """z (B, Z) → frame (B, S, S, 3) between −1 and 1."""
        x = unflatten(leaky_relu(self.code(z)), self.side)
        x = leaky_relu(padded(self.conv1, twice_as_large(x)))
        x = leaky_relu(padded(self.conv2, twice_as_large(x)))
        return ops.tanh(padded(self.colour, twice_as_large(x)))


@registered
class FrameAutoencoder(Mirror):
    """Frame → z → frame; `compile("adam", half_squared_error)` and `fit(frames, frames)` are Keras' own.

    Args:
        latents: Z.  size: side of a frame, a multiple of 8.  width: channels at half the side.
    """

    def __init__(self, latents: int = 16, size: int = 32, width: int = 24, name: str | None = None) -> None:
        super().__init__(name, latents=latents, size=size, width=width)
        check_size(size)
        self.encoder, self.decoder = Encoder(width, latents), Decoder(width, size)
        self(np.zeros((1, size, size, 3), "float32"))

    def encode(self, frame: Tensor) -> Tensor:
        """frame (B, S, S, 3) in [-1, 1] → z (B, Z).

        Raises:
            ValueError: another rank, side or number of channels.
        """
        check_frame(frame, self.sizes["size"])
        return self.encoder(frame)

    def call(self, frame: Tensor) -> Tensor:
        """A frame coded and decoded."""
        return self.decoder(self.encode(frame))


@registered
class FrameVAE(OwnStep):
    """Frame → a bell over z → frame; `compile(optimizer, beta=…)`, then `fit(frames)`: each step draws from the bell.

    `encode` and so `call` take the mean.
    """

    def __init__(self, latents: int = 16, size: int = 32, width: int = 24, name: str | None = None) -> None:
        super().__init__(name, ("loss", "error", "kl"), latents=latents, size=size, width=width)
        check_size(size)
        self.encoder, self.decoder = Encoder(width, 2 * latents), Decoder(width, size)
        self(np.zeros((1, size, size, 3), "float32"))

    def posterior(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, Z) each of q(z | frame).  Raises: as `FrameAutoencoder.encode`."""
        check_frame(frame, self.sizes["size"])
        mean, log_var = ops.split(self.encoder(frame), 2, 1)
        return mean, log_var

    def encode(self, frame: Tensor) -> Tensor:
        """The mean of q(z | frame), (B, Z)."""
        return self.posterior(frame)[0]

    def call(self, frame: Tensor) -> Tensor:
        """A frame coded and decoded."""
        return self.decoder(self.encode(frame))

    def compile(self, optimizer: Any, *, beta: float = 1.0, sigma: float = 1.0, free: float = 0.0, **more: Any) -> None:
        """An optimiser, and β, σ and the free bits of `losses.reconstruction.vae_loss`."""
        self.play_by({"optimizer": optimizer}, {"beta": beta, "sigma": sigma, "free": free}, **more)
        optimizer.build(self.trainable_variables)

    def cost(self, frame: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """½‖x − x̂‖² / σ² + β·KL, and the two terms alone, with z = mean + exp(½·log_var)·noise, noise (B, Z)."""
        mean, log_var = self.posterior(frame)
        rebuilt = self.decoder(mean + ops.exp(0.5 * log_var) * noise)
        error = half_squared_error(frame, rebuilt, "sum") / self.rules["sigma"] ** 2
        kl = kl_loss(mean, log_var, self.rules["free"])
        return error + self.rules["beta"] * kl, error, kl

    def update(self, frame: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step down; the loss and its two terms before it."""
        with tf.GradientTape() as tape:
            terms = self.cost(frame, noise)
        descend(tape, terms[0], "the loss", (self.optimizer, self.trainable_variables))
        return terms

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """What `fit` calls for each batch of frames."""
        frame, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        shape = ops.shape(frame)[0], self.sizes["latents"]
        return self.report(self.update(frame, tf.random.stateless_normal(shape, self.seeds(1)[0], dtype=frame.dtype)))

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """What `evaluate` calls: the loss at the mean of the bell."""
        frame, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.report(self.cost(frame, ops.zeros((ops.shape(frame)[0], self.sizes["latents"]), frame.dtype)))


def check_size(size: int) -> None:
    """Refuse a side that cannot be halved three times."""
    if size < 8 or size % 8:
        raise ValueError(f"size {size}: the side is halved three times, so use a multiple of 8")


def check_frame(frame: Tensor, size: int) -> None:
    """Refuse what is no batch of frames of this side."""
    if tuple(frame.shape[1:]) != (size, size, 3):
        raise ValueError(f"want frames (B, {size}, {size}, 3), not {tuple(frame.shape)}")
