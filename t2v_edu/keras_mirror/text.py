"""Chapter 11 · a caption as a vector, in Keras · twin of `text.encoders.LSTMEncoder`."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from t2v_edu.keras_mirror.parts import Composite, Tensor, mean_of_words, registered


@registered
class TextEncoder(Composite):
    """Embedding and bidirectional LSTM; the pooled code is the mean over words, so padding changes nothing.

    Args:
        vocabulary: number of ids, padding (0) included.
        width: D, even.
    """

    def __init__(self, vocabulary: int, width: int = 128, **more: Any) -> None:
        if width < 2 or width % 2:
            raise ValueError(f"the width must be even, half for each direction, not {width}")
        super().__init__(**more)
        self.vocabulary, self.width = vocabulary, width
        self.embed = keras.layers.Embedding(vocabulary, width)
        self.lstm = keras.layers.Bidirectional(keras.layers.LSTM(width // 2, return_sequences=True))
        self.project = keras.layers.Dense(width)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)  # Keras' own is 1e-3

    def call(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """ids (B, L), 0 at padding → states (B, L, D), zeros at padding, and the pooled code (B, D)."""
        mask = ops.not_equal(ids, 0)
        x = self.embed(ids)  # (B, L, D)
        share = ops.cast(mask[..., None], x.dtype)  # (B, L, 1)
        states = self.lstm(x, mask=mask) * share
        return states, self.norm(self.project(mean_of_words(states, ids)))

    def get_config(self) -> dict[str, Any]:
        """What builds it again."""
        return {**super().get_config(), "vocabulary": self.vocabulary, "width": self.width}
