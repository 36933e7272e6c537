"""Chapter 11 · from a caption to a still picture, in Keras · twin of `models.image_gan` and of the two updates that train it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers, ops

from t2v_edu.keras_mirror.losses import GAMES, r1_penalty
from t2v_edu.keras_mirror.parts import Composite, Tensor, flatten, leaky_relu, mean_of_words, padded, registered, unflatten
from t2v_edu.keras_mirror.training import OwnStep, descend

TELL_G = ("concat", "modulation")
TELL_D = ("none", "concat", "projection")


class WordMean(Composite):
    """A caption as the mean of its words' vectors."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embed = layers.Embedding(vocabulary, width)
        self.norm = layers.LayerNormalization(epsilon=1e-5)

    def call(self, ids: Tensor) -> Tensor:
        """ids (B, L), 0 at padding → (B, D)."""
        return self.norm(mean_of_words(self.embed(ids), ids))


class Modulate(Composite):
    """Scale and shift feature maps by a code: x·(1 + scale) + shift; the identity at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = layers.Dense(2 * channels, kernel_initializer="zeros")

    def call(self, x: Tensor, code: Tensor) -> Tensor:
        """x (N, H, W, C), code (N, D)."""
        scale, shift = ops.split(self.linear(code)[:, None, None], 2, -1)
        return x * (1 + scale) + shift


class TransposedBlock(Composite):
    """Twice the side: a transposed convolution, modulation by the code where it is told that way, leaky ReLU."""

    def __init__(self, channels: int, told: bool) -> None:
        super().__init__()
        self.conv = layers.Conv2DTranspose(channels, 4, 2, "same")  # here "same" is PyTorch's padding=1
        self.modulate = Modulate(channels) if told else None

    def call(self, x: Tensor, code: Tensor) -> Tensor:
        """x (B, H, W, C), code (B, D) → (B, 2H, 2W, C')."""
        x = self.conv(x)
        return leaky_relu(x if self.modulate is None else self.modulate(x, code))


class Generator(Composite):
    """Noise and caption to picture."""

    def __init__(self, widths: Sequence[int], tell: str) -> None:
        super().__init__()
        self.seed = layers.Dense(16 * widths[0])
        self.up = [TransposedBlock(b, tell == "modulation") for _, b in itertools.pairwise(widths)]
        self.paint = layers.Conv2DTranspose(3, 4, 2, "same")

    def call(self, noise: Tensor, text: Tensor) -> Tensor:
        """noise (B, Z), text code (B, D) → pictures (B, H, W, 3) in [-1, 1]."""
        code = ops.concatenate([noise, text], 1)
        x = unflatten(leaky_relu(self.seed(code)), 4)
        for block in self.up:
            x = block(x, code)
        return ops.tanh(self.paint(x))


class Discriminator(Composite):
    """How real a picture is and, where it is told the caption, how well it fits: one score."""

    def __init__(self, widths: Sequence[int], tell: str) -> None:
        super().__init__()
        self.tell = tell
        self.down = [layers.Conv2D(c, 4, 2) for c in reversed(widths)]
        self.join = layers.Conv2D(widths[0], 3)
        self.real = layers.Dense(1)
        self.fit = layers.Dense(16 * widths[0]) if tell == "projection" else None

    def look(self, picture: Tensor) -> Tensor:
        """pictures (B, H, W, 3) in [-1, 1] → feature maps (B, 4, 4, C): all that needs no caption."""
        for conv in self.down:
            picture = leaky_relu(padded(conv, picture))
        return picture

    def score(self, seen: Tensor, text: Tensor) -> Tensor:
        """What was seen (B, 4, 4, C) under the captions (B, D) → scores (B,)."""
        if self.tell == "concat":
            beside = ops.broadcast_to(text[:, None, None], (ops.shape(text)[0], 4, 4, text.shape[1]))
            seen = ops.concatenate([seen, beside], -1)
        h = flatten(leaky_relu(padded(self.join, seen)))
        score = self.real(h)[:, 0]
        return score if self.fit is None else score + ops.sum(h * self.fit(text), 1) / h.shape[1] ** 0.5

    def call(self, picture: Tensor, text: Tensor) -> Tensor:
        """pictures (B, H, W, 3), text code (B, D) → scores (B,), higher for real."""
        return self.score(self.look(picture), text)


@registered
class ImageGAN(OwnStep):
    """Words, generator and judge; `fit(ids, pictures)` updates the judge (with the words) and then the generator on each batch.

    Args:
        words: the tokenizer's sorted vocabulary, padding first; it travels in the `.keras` file.
        size, text, noise, width, tell_g, tell_d: as in `models.image_gan.ImageGANConfig`.

    `model.words`, `.generator` and `.judge` take the weights of the twin's `words`, `generator` and judge.
    """

    def __init__(
        self, words: Sequence[str], size: int = 32, text: int = 32, noise: int = 16, width: int = 16, tell_g: str = "modulation",
        tell_d: str = "projection", name: str | None = None,
    ) -> None:  # fmt: skip
        if size not in (16, 32, 64):
            raise ValueError(f"size must be 16, 32 or 64, not {size}")
        for way, known in ((tell_g, TELL_G), (tell_d, TELL_D)):
            if way not in known:
                raise ValueError(f"{way!r}: choose one of {', '.join(known)}")
        super().__init__(name, ("loss_d", "loss_g"), words=list(words), size=size, text=text, noise=noise, width=width,
                         tell_g=tell_g, tell_d=tell_d)  # fmt: skip
        widths = [width * 2**i for i in reversed(range(size.bit_length() - 3))]
        self.words, self.generator = WordMean(len(words), text), Generator(widths, tell_g)
        self.judge = Discriminator(widths, tell_d)
        ids = np.ones((1, 1), "int32")
        self.judge(self((ids, np.zeros((1, noise), "float32"))), self.words(ids))

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """ids (B, L) and noise (B, Z) → pictures (B, H, W, 3) in [-1, 1]."""
        ids, noise = inputs
        return self.generator(noise, self.words(ids))

    def compile(
        self, optimizer_g: Any, optimizer_d: Any, optimizer_words: Any, *, game: str = "hinge", wrong: bool = True,
        r1: float = 0.0, **more: Any,
    ) -> None:  # fmt: skip
        """Three optimisers with nothing in common (words learn with the judge, at a rate of their own), the game, whether the
        judge is shown wrong captions, and what the slope of its score costs it at real pictures."""
        if game not in GAMES:
            raise ValueError(f"game {game!r}: choose one of {', '.join(GAMES)}")
        three = {"optimizer_g": optimizer_g, "optimizer_d": optimizer_d, "optimizer_words": optimizer_words}
        self.play_by(three, {"game": game, "wrong": wrong, "r1": r1}, **more)
        optimizer_g.build(self.generator.trainable_variables)
        optimizer_d.build(self.judge.trainable_variables)
        optimizer_words.build(self.words.trainable_variables)

    def cost_d(self, ids: Tensor, real: Tensor, noise: Tensor) -> Tensor:
        """L_D: real pictures under their captions against made ones and, if so ruled, against themselves under a neighbour's."""
        of_game, d, text = GAMES[self.rules["game"]][0], self.judge, self.words(ids)
        made = ops.stop_gradient(self.generator(noise, text))
        seen = d.look(real)  # once for both captions
        if self.rules["wrong"]:
            tf.debugging.assert_greater(tf.shape(ids)[0], 1, "a wrong caption is a neighbour's: leave no batch of one")
        right = d.score(seen, text)
        loss = of_game(right, d(made, text))
        if self.rules["wrong"]:
            loss = 0.5 * (loss + of_game(right, d.score(seen, ops.roll(text, 1, 0))))
        return loss + self.rules["r1"] * r1_penalty(lambda x: d(x, text), real) if self.rules["r1"] else loss

    def update(self, ids: Tensor, real: Tensor, noise_d: Tensor, noise_g: Tensor) -> tuple[Tensor, Tensor]:
        """One update of the judge and the words, then one of the generator; the losses before each."""
        g, d, words = ((self.optimizers[f"optimizer_{name}"], part.trainable_variables)
                       for name, part in (("g", self.generator), ("d", self.judge), ("words", self.words)))  # fmt: skip
        with tf.GradientTape() as tape:
            loss_d = self.cost_d(ids, real, noise_d)
        descend(tape, loss_d, "D's loss", d, words)
        with tf.GradientTape() as tape:
            text = self.words(ids)
            loss_g = GAMES[self.rules["game"]][1](self.judge(self.generator(noise_g, text), text))
        descend(tape, loss_g, "G's loss", g)
        return loss_d, loss_g

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """What `fit` calls for each batch (ids, pictures)."""
        ids, real = data
        shape = ops.shape(real)[0], self.sizes["noise"]
        noise = [tf.random.stateless_normal(shape, seed, dtype=real.dtype) for seed in self.seeds(2)]
        return self.report(self.update(ids, real, *noise))
