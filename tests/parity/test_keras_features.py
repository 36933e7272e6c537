"""The Keras feature net against the torch one: three kinds of convolution, batch norm in training, Keras' own `fit`."""

import keras
import numpy as np
import pytest
import torch
from twins import arrays, furthest, last, to_keras, to_torch

from t2v_edu.datasets import WorldStream
from t2v_edu.keras_mirror.features import FeatureNet as Mirror
from t2v_edu.keras_mirror.parts import Adam, BatchNorm
from t2v_edu.video import to_tensor
from t2v_edu.vision.features import KINDS, FeatureConfig, FeatureNet

pytestmark = pytest.mark.xdist_group("tensorflow")
LABELS = ("moves", "spins", "grows")


def twins(kind="2+1d", seed=0):
    torch.manual_seed(seed)
    return FeatureNet(FeatureConfig(kind, 4, LABELS)), Mirror(LABELS, kind, 4)


def film(clips=5, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(clips, 3, 6, 12, 10, generator=draw, dtype=torch.get_default_dtype()) * 2 - 1


def with_a_past(net):
    """Running means that are not what they started with, or nothing would show where they are left behind."""
    net.train()(film(seed=9))
    return net.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_weights_see_the_same(kind):
    a, b = twins(kind)
    to_keras(with_a_past(a), b)
    np.testing.assert_allclose(b(last(film())), a(film()).detach(), atol=1e-5)
    for theirs, mine in zip(b.maps(last(film())), a.maps(film()), strict=True):
        np.testing.assert_allclose(theirs, last(mine), atol=1e-5)
    c, _ = twins(kind, seed=1)
    to_torch(b, c)
    np.testing.assert_allclose(c.eval()(film()).detach(), a(film()).detach(), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_moves_weights_and_running_statistics_alike(double, kind):
    a, b = twins(kind)
    to_keras(a, b)
    answers = np.array([0, 2, 1, 1, 0])
    adam = torch.optim.Adam(a.parameters(), 1e-3)
    loss = torch.nn.functional.cross_entropy(a.train()(film()), torch.from_numpy(answers))
    loss.backward()
    adam.step()
    b.compile(Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False, run_eagerly=True)
    theirs = b.train_on_batch(last(film()), answers)
    assert float(theirs) == pytest.approx(loss.item(), rel=1e-9)
    assert furthest(a, b)[0] < 1e-7
    assert b.evaluate(last(film()), answers, verbose=0) == pytest.approx(
        torch.nn.functional.cross_entropy(a.eval()(film()), torch.from_numpy(answers)).item(), rel=1e-6
    )


def test_batch_norm_by_hand():
    """Values 0, 2, 4: mean 2, variance 8/3 (biased, for now) and 4 (unbiased, for later), a tenth of which goes into 0 and 1."""
    layer = BatchNorm()
    y = layer(np.array([[0.0], [2.0], [4.0]], "float32"), training=True)
    np.testing.assert_allclose(y, np.array([[-2.0], [0.0], [2.0]]) / np.sqrt(8 / 3 + 1e-5), rtol=1e-5)
    np.testing.assert_allclose([layer.moving_mean, layer.moving_variance], [[0.2], [0.9 + 0.4]], rtol=1e-6)
    before = arrays(torch.nn.BatchNorm1d(1))
    assert before["running_var"] == 1  # the same start
    frozen = BatchNorm(trainable=False)
    frozen(np.ones((3, 1), "float32"), training=True)
    np.testing.assert_array_equal([frozen.moving_mean, frozen.moving_variance], [[0], [1]])


def test_a_saved_net_says_the_same(tmp_path):
    a, b = twins()
    to_keras(with_a_past(a), b)
    b.save(tmp_path / "net.keras")
    other = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(other(last(film())), b(last(film())))
    assert list(other.sizes["labels"]) == list(LABELS)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"kind '4d'.*frames, 3d, 2\+1d"):
        Mirror(LABELS, "4d")
    with pytest.raises(ValueError, match=r"\(B, T, H, W, 3\), not \(2, 3, 6, 8, 8\)"):
        twins()[1](np.zeros((2, 3, 6, 8, 8), "float32"))


def test_the_shipped_encoder_sees_the_same_in_keras():
    """Trained weights, rendered films: what evaluation stands on, in the other framework."""
    a = FeatureNet.from_pretrained()
    b = Mirror(a.config.labels, a.config.kind, a.config.width)
    to_keras(a, b)
    frames = WorldStream("shapes", frames=8, size=32).batch(4, seed=0, step=0).frames
    mine, theirs = a(to_tensor(frames)).detach().numpy(), np.asarray(b((frames / 127.5 - 1).astype("float32")))
    np.testing.assert_allclose(theirs, mine, atol=1e-5 * np.abs(mine).max())
    assert (theirs.argmax(1) == mine.argmax(1)).all()
