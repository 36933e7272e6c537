"""Chapter 11 · the tests that would have caught the programs of `wrong_keras`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Program = Callable[..., Any]


def weights_of(model: Any) -> list[Any]:
    """Copies of all weights of a Keras model, as arrays."""
    return [np.asarray(w).copy() for w in model.weights]


def moved(model: Any, action: Callable[[], Any]) -> float:
    """How far `action()` moves the weights of a Keras model: the length of the way."""
    before = weights_of(model)
    action()
    ways = [np.square(new - old).sum() for new, old in zip(weights_of(model), before, strict=True)]
    return float(np.sqrt(sum(ways)))


def frame_classifier(program: Program) -> None:
    """Who is sure and right in every frame pays nothing, whatever is added to all scores alike."""
    model = program(4, 7, 7)
    model.set_weights([60 * np.eye(7), np.full(7, -100.0)])
    films = np.repeat(np.eye(7)[:, None], 4, 1)
    loss = model.evaluate(films, np.arange(7), verbose=0)[0]
    assert loss < 1e-3, f"a perfect answer costs {loss:.3f}"


def clip_features(program: Program) -> None:
    """A thing that stands four pixels further right or down has the same features."""
    here = np.zeros((1, 6, 16, 16))
    here[:, :, 5:9, 3:7] = np.random.default_rng(0).uniform(size=(6, 4, 4))
    model = program(6, 16)
    ways = (0, 0), (0, 4), (4, 0)
    a, *others = (np.asarray(model(np.roll(here, by, (2, 3)))) for by in ways)
    change = max(np.linalg.norm(a - b) / np.linalg.norm(a) for b in others)
    assert change < 1e-4, f"moved by 4 pixels, its features change by {change:.2f}"


def critic_block(program: Program) -> None:
    """Where the convolution is negative, something leaks through."""
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 3))
    dead = float(np.mean(np.asarray(program(8)(x)) == 0))
    assert dead < 0.01, f"{dead:.2f} of the outputs are exactly 0, and pass no gradient"


def draw_code(program: Program) -> None:
    """Mean and spread of the codes are those of the posterior."""
    noise = np.random.default_rng(0).standard_normal(20_000).astype("float32")
    for spread in 0.5, 1.0, 2.0:
        log_var = np.full_like(noise, 2 * np.log(spread))
        codes = np.asarray(program(3 + 0 * noise, log_var, noise))
        drawn = codes.std()
        assert abs(drawn / spread - 1) < 0.05, f"spread {drawn:.2f} instead of {spread}"
        assert abs(codes.mean() - 3) < 0.1, f"mean {codes.mean():.2f} instead of 3"


def text_model(program: Program) -> None:
    """The table of word vectors belongs to the model, and learns."""
    ids = np.array([[1, 2], [3, 4]])
    model, given = program(ids, 5, 2)
    model(given)
    tables = [w for w in model.trainable_weights if w.shape == (5, 8)]
    assert len(tables) == 1, f"the model has {len(tables)} tables of word vectors"
    before = np.asarray(tables[0]).copy()
    model.train_on_batch(given, np.array([0, 1]))
    ways = np.abs(np.asarray(tables[0]) - before)
    assert ways[1:].min() > 0, "a word of the batch has not moved"


def generator(program: Program) -> None:
    """Films of one caption differ, and so do the films of two captions with one noise."""
    model = program(5, 8)
    rng = np.random.default_rng(0)
    z = rng.standard_normal((32, 16))
    rows = np.tile([1, 2], (32, 1)), np.tile([3, 4], (32, 1))
    noisy = len(model.inputs) == 2
    one, other = (np.asarray(model([ids, z] if noisy else ids)) for ids in rows)
    spread = one.std(0).mean()
    assert spread > 1e-3, f"32 pictures of one caption have a spread of {spread:.3f}"
    assert noisy, "the noise is no input"
    assert np.abs(one - other).mean() > 1e-3, "the caption changes nothing"


def turns(program: Program) -> None:
    """Each turn moves its own player, and nobody else; who wins pays nothing, who convinces nobody pays."""
    import keras
    from keras import layers

    G = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    D = keras.Sequential([keras.Input((2,)), layers.Dense(8, "relu"), layers.Dense(1)])
    real, z = np.ones((8, 2)), np.ones((8, 4))
    turn_of_d, turn_of_g = program(G, D)
    assert moved(D, lambda: turn_of_d(real, z)) > 0, "D's turn does not move D"
    assert moved(G, lambda: turn_of_g(z)) > 0, "G's turn does not move G"
    assert moved(G, lambda: turn_of_d(real, z)) == 0, "D's turn moves G"
    assert moved(D, lambda: turn_of_g(z)) == 0, "G's turn moves D"
    D = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    D.set_weights([np.full((2, 1), 10.0), np.zeros(1)])  # 20 for real
    G.set_weights([np.zeros((4, 2)), -np.ones(2)])  # and -20 for made
    turn_of_d, turn_of_g = program(G, D)
    assert float(turn_of_d(real, z)) < 1e-3, "a perfect D pays"
    assert float(turn_of_g(z)) > 10, "who convinces nobody pays nothing"
