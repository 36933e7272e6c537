"""The Keras fusion against the torch one: same numbers, same step, its own `fit`, its file."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from twins import arrays, furthest, to_keras, to_torch

from t2v_edu.keras_mirror import fusion
from t2v_edu.keras_mirror.fusion import Fusion as Mirror
from t2v_edu.keras_mirror.parts import Adam
from t2v_edu.layers import attention
from t2v_edu.models.fusion import JOINS, LOOKS, Fusion, FusionConfig, mood_loss

pytestmark = pytest.mark.xdist_group("tensorflow")
IDS = np.array([[2, 3, 4, 0, 0], [5, 1, 6, 2, 3], [3, 0, 0, 0, 0]], "int32")
KINDS = [*((look, join, 1) for look, join in itertools.product(LOOKS, JOINS)), ("attention", "product", 4)]
GLAD, STARS = np.array([1, 0, 1]), np.array([5.0, 1.0, 4.0], "float32")


def twins(look="attention", join="product", heads=1, seed=0):
    torch.manual_seed(seed)
    sizes = {"look": look, "join": join, "frame": 5, "width": 8, "hidden": 6, "heads": heads}
    return Fusion(FusionConfig(8, **sizes)), Mirror(8, **sizes)


def film(seed=0):
    return torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.get_default_dtype())


@pytest.mark.parametrize("look, join, heads", KINDS)
def test_the_same_weights_give_the_same_verdict(look, join, heads):
    a, b = twins(look, join, heads)
    mine, theirs = a(torch.from_numpy(IDS), film()), b((IDS, film().numpy()))
    assert np.abs(theirs["mood"] - mine.mood.detach().numpy()).max() > 1e-2  # before: two strangers
    to_keras(a, b)
    theirs = b((IDS, film().numpy()))
    np.testing.assert_allclose(theirs["mood"], mine.mood.detach(), atol=1e-5)
    np.testing.assert_allclose(theirs["stars"], mine.stars.detach(), atol=1e-5)
    seen = b.watch(b.comment(IDS), film().numpy())
    ours = a.watch(a.comment(torch.from_numpy(IDS)), film())
    for x, y in zip(seen, ours, strict=True):
        np.testing.assert_allclose(x, y.detach(), atol=1e-5)
    c, _ = twins(look, join, heads, seed=1)
    to_torch(b, c)
    np.testing.assert_allclose(c(torch.from_numpy(IDS), film()).mood.detach(), mine.mood.detach(), atol=1e-6)


def test_attention_alone_is_the_courses_own():
    q, k, v = (torch.randn(2, 3, n, d, generator=torch.Generator().manual_seed(n)) for n, d in ((2, 4), (5, 4), (5, 6)))
    for mine, theirs in zip(attention(q, k, v), fusion.attention(q.numpy(), k.numpy(), v.numpy()), strict=True):
        np.testing.assert_allclose(theirs, mine, atol=1e-6)


@pytest.mark.parametrize("look, join, heads", [("attention", "product", 2), ("mean", "average", 1)])
def test_one_step_of_adam_moves_every_weight_alike(double, look, join, heads):
    a, b = twins(look, join, heads)
    to_keras(a, b)
    ids = torch.from_numpy(IDS)
    adam = torch.optim.Adam(a.parameters(), 1e-3)
    loss = mood_loss(a(ids, film()), torch.from_numpy(GLAD), torch.from_numpy(STARS).double())
    loss.backward()
    adam.step()
    b.compile(Adam(1e-3), run_eagerly=True)
    theirs = b.train_on_batch((IDS, film().numpy()), {"mood": GLAD, "stars": STARS}, return_dict=True)
    assert float(theirs["loss"]) == pytest.approx(loss.item(), rel=1e-9)
    # a key's bias has the gradient 0, up to rounding, which Adam blows up: there the twins may part, and it changes no number
    if look == "attention":
        for name in ("look.key.bias",):
            a.state_dict()[name].zero_()
        b.look.key.bias.assign(np.zeros(8))
    assert furthest(a, b)[0] < 1e-6


def test_fit_learns_the_four_corners():
    keras.utils.set_random_seed(0)
    _, b = twins()
    ids, films = np.array([[2, 4], [3, 4], [2, 4], [3, 4]], "int32"), film().numpy()[[0, 0, 1, 1]]
    glad, stars = np.array([1, 0, 0, 1]), np.array([5.0, 2.0, 1.0, 4.0], "float32")
    b.compile(Adam(0.02))
    b.fit((ids, films), {"mood": glad, "stars": stars}, epochs=250, batch_size=4, verbose=0)
    told = b.predict((ids, films), verbose=0)
    assert told["mood"].argmax(1).tolist() == glad.tolist()
    np.testing.assert_allclose(told["stars"], stars, atol=0.6)


def test_a_saved_model_says_the_same(tmp_path):
    _, b = twins(heads=4)
    b.save(tmp_path / "fusion.keras")
    other = keras.saving.load_model(tmp_path / "fusion.keras")
    for name, value in b((IDS, film().numpy())).items():
        np.testing.assert_array_equal(other((IDS, film().numpy()))[name], value)
    assert arrays(twins()[0]).keys() == arrays(Fusion(FusionConfig(8, frame=5, width=8, hidden=6))).keys()


def test_a_trained_model_that_was_saved_goes_on_as_if_nothing_had_been(tmp_path):
    _, model = twins()
    model.compile(Adam(1e-2), weight=0.5, run_eagerly=True)
    data = (IDS, film().numpy()), {"mood": GLAD, "stars": STARS}
    model.fit(*data, epochs=2, verbose=0)
    model.save(tmp_path / "fusion.keras")
    other = keras.saving.load_model(tmp_path / "fusion.keras")
    other.run_eagerly = True
    losses = [each.fit(*data, epochs=3, shuffle=False, verbose=0).history["loss"] for each in (model, other)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_a_comment_without_words_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="every sentence needs a word"):
        twins()[1]((np.array([[2, 3], [0, 0], [1, 0]], "int32"), film().numpy()))


@pytest.mark.parametrize("call, told", [
    (lambda: Mirror(8, look="glance"), "'glance'.*mean, attention"),
    (lambda: Mirror(8, join="sum"), "average, concat, product"),
    (lambda: Mirror(8, width=6, heads=4), "6 cannot be parted into 4"),
    (lambda: twins()[1]((IDS, np.zeros((3, 4, 6), "float32"))), r"\(B, M, 5\), not \(3, 4, 6\)"),
])  # fmt: skip
def test_what_does_not_fit_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()
