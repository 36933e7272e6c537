"""Chapter 11 · the programs of `wrong_keras`, made right: same names, same arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Turn = Callable[..., Any]


def frame_classifier(frames: int, features: int, classes: int) -> Any:
    """What a film (B, frames, features) shows: every frame is asked, the answers are averaged."""
    import keras
    from keras import layers

    film = keras.Input((frames, features))
    answers = layers.Dense(classes)(film)
    model = keras.Model(film, layers.GlobalAveragePooling1D()(answers))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.3), loss, metrics=["accuracy"])
    return model


def clip_features(frames: int, size: int) -> Any:
    """Features of grey films (B, frames, size, size), wherever in the picture the thing is."""
    import keras
    from keras import layers

    film = keras.Input((frames, size, size))
    x = layers.Reshape((frames, size, size, 1))(film)  # a channel of its own
    x = layers.Conv3D(16, 3, padding="same")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    return keras.Model(film, layers.GlobalAveragePooling3D()(x))


def critic_block(filters: int) -> Any:
    """Convolution and leaky ReLU of a critic."""
    import keras
    from keras import layers

    return keras.Sequential([
        layers.Conv2D(filters, 3, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
    ])


def draw_code(mean: Any, log_var: Any, noise: Any) -> Any:
    """A code from the posterior N(mean, exp(log_var))."""
    import keras

    return mean + keras.ops.exp(0.5 * log_var) * noise


def text_model(ids: Any, words: int, classes: int) -> tuple[Any, Any]:
    """A classifier of captions, and what `fit` is to be given of the ids (B, L)."""
    import keras
    from keras import layers

    embedding, pool = layers.Embedding(words, 8), layers.GlobalAveragePooling1D()
    model = keras.Sequential([embedding, pool, layers.Dense(classes)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    return model, ids


def generator(words: int, size: int) -> Any:
    """From a caption, ids (B, L), and noise (B, 16) to a picture (B, size, size)."""
    import keras
    from keras import layers

    ids, z = keras.Input((None,)), keras.Input((16,))
    text = layers.GlobalAveragePooling1D()(layers.Embedding(words, 32)(ids))
    text = layers.Dense(16)(text)
    x = layers.Concatenate()([z, z * text])  # noise, and noise as the text weighs it
    x = layers.Dense(128, activation="relu")(layers.Concatenate()([x, text]))
    x = layers.Dense(size * size, activation="tanh")(x)
    return keras.Model([ids, z], layers.Reshape((size, size))(x))


def turns(G: Any, D: Any) -> tuple[Turn, Turn]:
    """D's turn on (real, z) and G's turn on z; D gives raw scores."""
    import keras
    import tensorflow as tf

    opt_d, opt_g = keras.optimizers.Adam(), keras.optimizers.Adam()

    def turn_of_d(real: Any, z: Any) -> Any:
        with tf.GradientTape() as tape:
            scores = tf.concat([-D(real), D(G(z))], 0)
            loss = tf.reduce_mean(tf.nn.softplus(scores))
        opt_d.apply(tape.gradient(loss, D.trainable_variables), D.trainable_variables)
        return loss

    def turn_of_g(z: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softplus(-D(G(z))))
        opt_g.apply(tape.gradient(loss, G.trainable_variables), G.trainable_variables)
        return loss

    return turn_of_d, turn_of_g
