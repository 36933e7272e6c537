"""Chapter 11 · text and first frames in, next frames out, in Keras · twin of `models.next_frames`, which names the sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from t2v_edu.keras_mirror.losses import GAMES, gradient_penalty
from t2v_edu.keras_mirror.parts import Composite, Tensor, flatten, leaky_relu, padded, registered, twice_as_large, unflatten
from t2v_edu.keras_mirror.text import TextEncoder
from t2v_edu.keras_mirror.training import OwnStep, descend


def widths(size: int, width: int) -> list[int]:
    """Channels of the maps from 4×4 up to size × size."""
    return [min(4, 2**i) * width for i in reversed(range(size.bit_length() - 2))]


class Generator(Composite):
    """Caption, first frames and noise → next frames."""

    def __init__(self, vocabulary: int, ahead: int, size: int, text: int, state: int, width: int, reach: int) -> None:
        super().__init__()
        maps = widths(size, width)
        self.ahead, self.reach, self.shifts = ahead, reach, shifts(size, reach)
        self.text = TextEncoder(vocabulary, text)
        self.look = [layers.Conv2D(c, 4, strides=2) for c in reversed(maps[:-1])]
        self.code = layers.Dense(state)
        self.remember = layers.LSTM(state, return_state=True, unroll=True)
        self.imagine = layers.LSTM(state, return_sequences=True, unroll=True)
        self.push = layers.Dense(2 * (2 * reach + 1), kernel_initializer=keras.initializers.RandomNormal(stddev=0.01))
        self.canvas = layers.Dense(16 * maps[0])
        self.paint = [layers.Conv2D(c, 3, padding="same") for c in maps[1:]]
        self.last = layers.Conv2D(6, 3, padding="same")

    def call(self, ids: Tensor, first: Tensor, noise: Tensor) -> Tensor:
        """ids (B, L), first (B, K, H, W, 3), noise (B, Z) → the frames to come (B, N, H, W, 3) in [-1, 1]."""
        return self.go_on(self.text(ids)[1], first, noise)

    def go_on(self, text: Tensor, first: Tensor, noise: Tensor) -> Tensor:
        """The same with the caption's code (B, D)."""
        x = ops.reshape(first, (-1, *first.shape[2:]))  # (B·K, H, W, 3)
        for conv in self.look:
            x = leaky_relu(padded(conv, x))
        codes = ops.reshape(self.code(flatten(x)), (-1, first.shape[1], self.code.units))  # (B, K, S)
        told = ops.repeat(ops.concatenate([text, noise], 1)[:, None], self.ahead, 1)  # (B, N, D + Z)
        _, *memory = self.remember(codes)
        return self.film(self.imagine(told, initial_state=memory), first[:, -1])

    def film(self, states: Tensor, frame: Tensor) -> Tensor:
        """What each state does to the frame before it: states (B, N, S), frame (B, H, W, 3) → (B, N, H, W, 3)."""
        taps = ops.softmax(ops.reshape(self.push(states), (-1, self.ahead, 2, 2 * self.reach + 1)))  # for y and for x
        ways = ops.einsum("bndk,khw->bndhw", taps, ops.cast(self.shifts, taps.dtype))  # (B, N, 2, H, H)
        x = unflatten(ops.reshape(self.canvas(states), (-1, self.canvas.units)), 4)  # (B·N, 4, 4, C)
        for conv in self.paint:
            x = leaky_relu(conv(twice_as_large(x)))
        maps = ops.reshape(x, (-1, self.ahead, *x.shape[1:]))  # (B, N, H, W, C)
        known, frames = frame, []
        for t in range(self.ahead):
            pushed = ops.einsum("bhi,bwj,bijc->bhwc", ways[:, t, 0], ways[:, t, 1], frame)
            seen = self.last(ops.concatenate([maps[:, t], pushed, known], -1))  # (B, H, W, 6): 3 colours, 3 shares
            share = ops.softmax(seen[..., 3:])
            frame = share[..., :1] * pushed + share[..., 1:2] * known + share[..., 2:] * ops.tanh(seen[..., :3])
            frames.append(frame)
        return ops.stack(frames, 1)


def shifts(size: int, reach: int) -> NDArray[np.float32]:
    """All ways to push a row of pixels: (2R + 1, size, size) matrices, number k takes each pixel from k − R further on."""
    from_where = np.arange(size) + np.arange(-reach, reach + 1)[:, None]
    ways: NDArray[np.float32] = np.eye(size, dtype=np.float32)[from_where.clip(0, size - 1)]
    return ways


class Judge(Composite):
    """Features to a score: how real the picture is, plus how well it fits the caption."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.real, self.fit = layers.Dense(1), layers.Dense(features)

    def call(self, h: Tensor, text: Tensor) -> Tensor:
        """h (B, F), pooled text (B, D) → (B,)."""
        return self.real(h)[:, 0] + ops.sum(h * self.fit(text), 1) / h.shape[1] ** 0.5


class Discriminator(Composite):
    """A clip, all its frames side by side as channels, and a caption's code → how real it is and how well they fit."""

    def __init__(self, size: int, state: int, width: int) -> None:
        super().__init__()
        self.look = [layers.Conv2D(2 * c, 4, strides=2) for c in reversed(widths(size, width)[:-1])]
        self.code = layers.Dense(state)
        self.judge = Judge(state)

    def call(self, clip: Tensor, text: Tensor) -> Tensor:
        """clip (B, K + N, H, W, 3), text (B, D) → raw scores (B,), no sigmoid."""
        return self.judge(self.features(clip), text)

    def features(self, clip: Tensor) -> Tensor:
        """What of a clip can be seen without its caption: (B, K + N, H, W, 3) → (B, S)."""
        frames, height, side = clip.shape[1:4]
        x = ops.reshape(ops.transpose(clip, (0, 2, 3, 1, 4)), (-1, height, side, 3 * frames))
        for conv in self.look:
            x = leaky_relu(padded(conv, x))
        return leaky_relu(self.code(flatten(x)))


@registered
class NextFrames(OwnStep):
    """Generator (with its text encoder) and discriminator; `fit` updates D and then G on each batch.

    Args:
        words: the tokenizer's sorted vocabulary, padding first; it travels in the `.keras` file.
        seen, ahead, size, text, state, noise, width, reach: as in `models.next_frames.NextFramesConfig`.

    `call((ids, first, noise))`; `fit(x=(ids, first), y=after)` with ids (B, L), first (B, K, H, W, 3) and after (B, N, H, W, 3).
    """

    def __init__(
        self, words: Sequence[str], seen: int = 2, ahead: int = 6, size: int = 16, text: int = 32, state: int = 64,
        noise: int = 8, width: int = 8, reach: int = 3, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, ("loss_d", "loss_g", "pixels"), words=list(words), seen=seen, ahead=ahead, size=size, text=text,
                         state=state, noise=noise, width=width, reach=reach)  # fmt: skip
        if size not in (8, 16, 32, 64):
            raise ValueError(f"size must be 8, 16, 32 or 64, not {size}")
        self.generator = Generator(len(words), ahead, size, text, state, width, reach)
        self.discriminator = Discriminator(size, state, width)
        first, after = (np.zeros((1, n, size, size, 3), "float32") for n in (seen, ahead))
        self.discriminator(np.concatenate([first, after], 1), np.zeros((1, text), "float32"))
        self((np.ones((1, 1), "int32"), first, np.zeros((1, noise), "float32")))
        start_still(self.generator.push)

    def call(self, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """ids (B, L), first frames (B, K, H, W, 3) and noise (B, Z) → the frames to come (B, N, H, W, 3) in [-1, 1].

        Raises:
            ValueError: first frames or noise of another shape.
        """
        ids, first, noise = inputs
        s = self.sizes
        if tuple(first.shape[1:]) != (s["seen"], s["size"], s["size"], 3) or tuple(noise.shape[1:]) != (s["noise"],):
            raise ValueError(f"want first frames (B, {s['seen']}, {s['size']}, {s['size']}, 3) and noise (B, {s['noise']}), not "
                             f"{tuple(first.shape)} and {tuple(noise.shape)}")
        return self.generator(ids, first, noise)

    def compile(
        self, optimizer_g: keras.optimizers.Optimizer, optimizer_d: keras.optimizers.Optimizer, *, game: str = "non_saturating",
        penalty: float = 10.0, pixels: float = 50.0, **more: Any,
    ) -> None:  # fmt: skip
        """Two optimisers with nothing in common, and the rules of `models.next_frames.Rules`; `self.optimizer` is G's."""
        if game not in GAMES:
            raise ValueError(f"game {game!r}: choose one of {', '.join(GAMES)}")
        rules = {"game": game, "penalty": penalty, "pixels": pixels}
        self.play_by({"optimizer_g": optimizer_g, "optimizer_d": optimizer_d}, rules, **more)
        optimizer_g.build(self.generator.trainable_variables)
        optimizer_d.build(self.discriminator.trainable_variables)

    def cost_d(self, ids: Tensor, first: Tensor, after: Tensor, noise: Tensor, mix: Tensor) -> Tensor:
        """L_D: the real clip with its caption against the made one, and against itself with a neighbour's caption; ½ each."""
        tf.debugging.assert_greater(tf.shape(ids)[0], 1, "a wrong caption is a neighbour's: leave no batch of one")
        text = ops.stop_gradient(self.generator.text(ids)[1])
        made = ops.stop_gradient(self.generator.go_on(text, first, noise))
        real, fake = (ops.concatenate([first, x], 1) for x in (after, made))
        d, of_game = self.discriminator, GAMES[self.rules["game"]][0]
        seen = d.features(real)
        on_real, on_fake = d.judge(seen, text), d(fake, text)
        on_wrong = d.judge(seen, ops.roll(text, 1, 0))
        loss = 0.5 * of_game(on_real, on_fake) + 0.5 * of_game(on_real, on_wrong)
        if self.rules["game"] == "wasserstein":
            slope = gradient_penalty(lambda clip: d(clip, text), real, fake, mix)
            loss = loss + self.rules["penalty"] * slope
        return loss

    def cost_g(self, ids: Tensor, first: Tensor, after: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """L_G and, alone, the mean squared difference from the true frames, which is a part of it."""
        text = self.generator.text(ids)[1]
        made = self.generator.go_on(text, first, noise)
        whole = ops.concatenate([first, made], 1)
        score = self.discriminator(whole, ops.stop_gradient(text))
        pixels = ops.mean(ops.square(made - after))
        return GAMES[self.rules["game"]][1](score) + self.rules["pixels"] * pixels, pixels

    def update(
        self, ids: Tensor, first: Tensor, after: Tensor, noise_d: Tensor, noise_g: Tensor, mix: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One update of D, then one of G; the losses before each, and the squared pixel difference."""
        d, g = self.discriminator.trainable_variables, self.generator.trainable_variables
        with tf.GradientTape() as tape:
            loss_d = self.cost_d(ids, first, after, noise_d, mix)
        descend(tape, loss_d, "D's loss", (self.optimizers["optimizer_d"], d))
        with tf.GradientTape() as tape:  # through D, but for G's weights alone
            loss_g, pixels = self.cost_g(ids, first, after, noise_g)
        descend(tape, loss_g, "G's loss", (self.optimizers["optimizer_g"], g))
        return loss_d, loss_g, pixels

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """What `fit` calls for each batch ((ids, first), after): draws noise, updates both, reports running means."""
        (ids, first), after = data
        seed_d, seed_g, seed_mix = self.seeds(3)
        shape, dtype = (ops.shape(first)[0], self.sizes["noise"]), first.dtype
        noise_d, noise_g = (tf.random.stateless_normal(shape, seed, dtype=dtype) for seed in (seed_d, seed_g))
        mix = tf.random.stateless_uniform(shape[:1], seed_mix, dtype=dtype)
        return self.report(self.update(ids, first, after, noise_d, noise_g, mix))

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """What `evaluate` and `validation_data` call: the squared pixel difference, with noise 0 so that it does not flicker."""
        (ids, first), after = data
        made = self((ids, first, ops.zeros((ops.shape(first)[0], self.sizes["noise"]), first.dtype)))
        self.means[2].update_state(ops.mean(ops.square(made - after)))
        return {"pixels": self.means[2].result()}


def start_still(push: layers.Dense) -> None:
    """Kernels that leave the frame nearly as it is: most of the weight in the middle, whatever the state."""
    bias = np.zeros((2, push.units // 2), "float32")
    bias[:, push.units // 4] = 2.0
    push.bias.assign(bias.ravel())
