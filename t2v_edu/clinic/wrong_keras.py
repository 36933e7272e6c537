"""Chapter 11 · more programs that run and are wrong, in Keras 3 on TensorFlow; `mended_keras` has them made right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Turn = Callable[..., Any]


def frame_classifier(frames: int, features: int, classes: int) -> Any:
    """What a film (B, frames, features) shows: every frame is asked, the answers are averaged."""
    import keras
    from keras import layers

    film = keras.Input((frames, features))
    answers = layers.Dense(classes, activation="softmax")(film)
    model = keras.Model(film, layers.GlobalAveragePooling1D()(answers))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.3), loss, metrics=["accuracy"])
    return model


def clip_features(frames: int, size: int) -> Any:
    """Features of grey films (B, frames, size, size), wherever in the picture the thing is."""
    import keras
    from keras import layers

    film = keras.Input((frames, size, size))
    x = layers.Conv2D(16, 3, padding="same")(film)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    return keras.Model(film, layers.GlobalAveragePooling2D()(x))


def critic_block(filters: int) -> Any:
    """Convolution and leaky ReLU of a critic."""
    import keras
    from keras import layers

    return keras.Sequential([
        layers.Conv2D(filters, 3, padding="same", activation="relu"),
        layers.LeakyReLU(negative_slope=0.2),
    ])


def draw_code(mean: Any, log_var: Any, noise: Any) -> Any:
    """A code from the posterior N(mean, exp(log_var))."""
    return mean + log_var * noise


def text_model(ids: Any, words: int, classes: int) -> tuple[Any, Any]:
    """A classifier of captions, and what `fit` is to be given of the ids (B, L)."""
    import keras
    from keras import layers

    vectors = layers.Embedding(words, 8)(ids)
    pool = layers.GlobalAveragePooling1D()
    model = keras.Sequential([pool, layers.Dense(classes)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    return model, np.asarray(vectors)


def generator(words: int, size: int) -> Any:
    """From a caption, ids (B, L), to a picture (B, size, size)."""
    import keras
    from keras import layers

    ids = keras.Input((None,))
    text = layers.GlobalAveragePooling1D()(layers.Embedding(words, 32)(ids))
    x = layers.Dense(128, activation="relu")(text)
    x = layers.Dense(size * size, activation="tanh")(x)
    return keras.Model(ids, layers.Reshape((size, size))(x))


def turns(G: Any, D: Any) -> tuple[Turn, Turn]:
    """D's turn on (real, z) and G's turn on z; D gives raw scores."""
    import keras

    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    D.compile("adam", loss)
    D.trainable = False  # G's turn must not move D
    gan = keras.Sequential([G, D])
    gan.compile("adam", loss)

    def turn_of_d(real: Any, z: Any) -> Any:
        label = np.concatenate([np.ones(len(real)), np.zeros(len(z))])
        return D.train_on_batch(np.concatenate([real, G(z)]), label)

    def turn_of_g(z: Any) -> Any:
        return gan.train_on_batch(z, np.ones(len(z)))

    return turn_of_d, turn_of_g
