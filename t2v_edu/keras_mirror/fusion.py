"""Chapter 14 · what a film and a comment say together, in Keras · twin of `models.fusion`, which names the sources."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from t2v_edu.keras_mirror.parts import Composite, Mirror, Tensor, leaky_relu, mean_of_words, registered

LOOKS = ("mean", "attention")
JOINS = ("average", "concat", "product")


def attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """softmax(q·kᵀ/√D)·v: q (..., N, D), k (..., L, D), v (..., L, V) → (..., N, V) and the weights (..., N, L)."""
    weights = ops.softmax(ops.matmul(q, ops.swapaxes(k, -1, -2)) * q.shape[-1] ** -0.5)
    return ops.matmul(weights, v), weights


class MultiHeadAttention(Composite):
    """Several attentions side by side, each over its own projection to width D / heads; twin of `layers.MultiHeadAttention`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be parted into {heads} equal heads; choose a divisor of {width}")
        self.width, self.heads = width, heads
        self.query, self.key, self.value, self.out = (layers.Dense(width) for _ in range(4))

    def call(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, N, D) looks at context (B, L, D) → (B, N, D) and the weights of every head (B, heads, N, L)."""
        seen, weights = attention(self._split(self.query(x)), self._split(self.key(context)), self._split(self.value(context)))
        return self.out(ops.reshape(ops.swapaxes(seen, 1, 2), (-1, seen.shape[2], self.width))), weights

    def _split(self, x: Tensor) -> Tensor:
        parted = ops.reshape(x, (-1, x.shape[1], self.heads, self.width // self.heads))
        return ops.swapaxes(parted, 1, 2)  # (B, heads, L, D / heads)


@registered
class Fusion(Mirror):
    """Comment and film to a mood and a number of stars; `fit((ids, film), {"mood": glad, "stars": stars})`.

    Args:
        vocabulary, look, join, frame, width, hidden, heads: as in `models.fusion.FusionConfig`.
    """

    def __init__(
        self, vocabulary: int, look: str = "attention", join: str = "product", frame: int = 64, width: int = 48, hidden: int = 96,
        heads: int = 1, name: str | None = None,
    ) -> None:  # fmt: skip
        if look not in LOOKS or join not in JOINS:
            raise ValueError(f"look {look!r}, join {join!r}: choose one of {', '.join(LOOKS)} and of {', '.join(JOINS)}")
        super().__init__(name, vocabulary=vocabulary, look=look, join=join, frame=frame, width=width, hidden=hidden, heads=heads)
        self.embed = layers.Embedding(vocabulary, width)
        self.norm, self.frame = layers.LayerNormalization(epsilon=1e-5), layers.Dense(width)  # Keras' own ε is 1e-3
        self.look = MultiHeadAttention(width, heads) if look == "attention" else None
        self.think = layers.Dense(hidden)
        self.mood, self.stars = layers.Dense(2), layers.Dense(1)
        self((np.ones((1, 1), "int32"), np.zeros((1, 2, frame), "float32")))

    def call(self, inputs: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """ids (B, L), 0 at padding, and film (B, M, frame) → logits "mood" (B, 2) and "stars" (B,)."""
        ids, film = inputs
        t = self.comment(ids)  # (B, D)
        v = self.watch(t, film)[0]  # (B, D)
        h = leaky_relu(self.think(self.joined(t, v)))  # (B, hidden)
        return {"mood": self.mood(h), "stars": self.stars(h)[:, 0]}

    def comment(self, ids: Tensor) -> Tensor:
        """ids (B, L) → t (B, D), the mean of the words' vectors."""
        return mean_of_words(self.embed(ids), ids)

    def watch(self, t: Tensor, film: Tensor) -> tuple[Tensor, Tensor]:
        """Comment's vector t (B, D), film (B, M, frame) → v (B, D) and each stretch's share in it (B, heads, M)."""
        if len(film.shape) != 3 or film.shape[2] != self.sizes["frame"]:
            raise ValueError(f"want films (B, M, {self.sizes['frame']}), not {tuple(film.shape)}")
        x = self.frame(self.norm(film))  # (B, M, D)
        if self.look is None:
            return ops.mean(x, 1), ops.ones_like(x[:, None, :, 0]) / x.shape[1]
        v, weights = self.look(t[:, None], x)  # (B, 1, D), (B, heads, 1, M)
        return v[:, 0], weights[:, :, 0]

    def joined(self, t: Tensor, v: Tensor) -> Tensor:
        """t, v (B, D) → what the last layers get."""
        if self.sizes["join"] == "average":
            return (t + v) / 2
        return ops.concatenate([t, v] if self.sizes["join"] == "concat" else [t, v, t * v], 1)

    def compile(self, optimizer: Any = "adam", *, weight: float = 0.25, **more: Any) -> None:
        """Cross-entropy of the mood plus `weight` times the squared error of the stars, as `models.fusion.mood_loss`."""
        self.weight = weight
        loss = {"mood": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "stars": keras.losses.MeanSquaredError()}
        super().compile(**{"optimizer": optimizer, "loss": loss, "loss_weights": {"mood": 1.0, "stars": weight},
                           "metrics": {"mood": "accuracy"}, "jit_compile": False, **more})  # fmt: skip

    def get_compile_config(self) -> dict[str, Any] | None:
        """What compiles it again when a `.keras` file is loaded; nothing if it was not compiled."""
        if not self.compiled:
            return None
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer), "weight": self.weight}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Called by `keras.saving.load_model`."""
        self.compile(keras.saving.deserialize_keras_object(config["optimizer"]), weight=config["weight"])
        self.optimizer.build(self.trainable_variables)

