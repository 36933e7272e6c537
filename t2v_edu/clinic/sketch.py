"""Chapter 11 · a text-to-video sketch in the manner of introductory articles: it runs, its loss falls, it learns nothing.

Tokenizer, padded sequences, text LSTM and video LSTM, dense, convolutions, discriminator, combined model, callback. What is wrong
with it is chapter 11; `keras_mirror.next_frames` is the same task made right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
LENGTH = 12  # words of a padded caption


def tokenised(captions: Sequence[str], frame_names: Sequence[str]) -> tuple[Any, Any, Any]:
    """The tokenizer, the captions as ids (N, LENGTH), and the videos, by the names of their frames, as ids (N, LENGTH)."""
    from tensorflow.keras.preprocessing.sequence import pad_sequences
    from tensorflow.keras.preprocessing.text import Tokenizer

    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(captions)
    text = tokenizer.texts_to_sequences(captions)
    text = pad_sequences(text, LENGTH, padding="post")
    video = tokenizer.texts_to_sequences(frame_names)
    video = pad_sequences(video, LENGTH, padding="post")
    return tokenizer, text, video


def sketched_generator(words: int, frames: int, size: int) -> Any:
    """From caption ids and video ids, each (B, LENGTH), to grey frames (B, frames, size, size)."""
    import keras
    from keras import layers

    text, video = keras.Input((LENGTH,)), keras.Input((LENGTH,))
    text_code = layers.LSTM(64)(layers.Embedding(words, 32)(text))
    video_code = layers.LSTM(64)(layers.Embedding(words, 32)(video))
    x = layers.Concatenate()([text_code, video_code])
    x = layers.Dense(frames * size * size, activation="relu")(x)
    x = layers.Reshape((frames, size, size))(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(size, 3, padding="same", activation="relu")(x)
    return keras.Model([text, video], x)


def sketched_discriminator(frames: int, size: int) -> Any:
    """From grey frames (B, frames, size, size) to a probability (B, 1)."""
    import keras
    from keras import layers

    film = keras.Input((frames, size, size))
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(film)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    x = layers.Dense(1, activation="sigmoid")(x)
    return keras.Model(film, x)


def sketched_fit(G: Any, D: Any, text: Any, video: Any, epochs: int) -> Any:
    """Train both, print the loss, return Keras' history."""
    import keras

    gan = keras.Model(G.inputs, D(G.outputs[0]))
    gan.compile(optimizer="adam", loss="binary_crossentropy")

    def tell(epoch: int, logs: dict[str, float]) -> None:
        print(f"epoch {epoch + 1}: loss {logs['loss']:.3f}")

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=tell)]
    ones = np.ones(len(text))  # "real"
    return gan.fit([text, video], ones, epochs=epochs, verbose=0, callbacks=callbacks)


def examine(
    make: Callable[[Sequence[int], Sequence[int], int], Floats],
    judge: Callable[[Floats, Sequence[int]], Floats],
    last: Floats,
    after: Floats,
) -> dict[str, float]:
    """A next-frame model on films it has not learned from, in numbers that need no loss.

    Args:
        make: (which captions, which first frames, seed of the noise) → frames to come (B, N, H, W, ...) in [-1, 1].
        judge: (frames to come, which captions) → D's scores or probabilities (B,), each film beside its own first frames.
        last: the last known frames (B, H, W, ...).
        after: what really came (B, N, H, W, ...).
    """
    own = list(range(len(after)))
    other = own[1:] + own[:1]
    made = make(own, own, 0)
    on_real, on_made, on_wrong = judge(after, own), judge(made, own), judge(after, other)

    def change(film: Floats) -> float:
        return float(np.abs(film - made).mean())

    return {
        "squared error": float(np.square(made - after).mean()),
        "the same of the last frame, frozen": float(np.square(last[:, None] - after).mean()),
        "change with another caption": change(make(other, own, 0)),
        "change with other first frames": change(make(own, other, 0)),
        "change with other noise": change(make(own, own, 1)),
        "D puts real above made": float((on_real > on_made).mean()),
        "D puts right caption above wrong": float((on_real > on_wrong).mean()),
    }
