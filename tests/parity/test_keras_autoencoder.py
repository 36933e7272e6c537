"""The Keras frame autoencoder and VAE against the torch ones: forward, one step, `fit`, saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from twins import arrays, furthest, last, to_keras, to_torch

from t2v_edu.keras_mirror import autoencoder as mirror
from t2v_edu.keras_mirror import weights
from t2v_edu.keras_mirror.losses import half_squared_error, kl_loss
from t2v_edu.keras_mirror.parts import Adam
from t2v_edu.losses import reconstruction
from t2v_edu.models import autoencoder as ours

pytestmark = pytest.mark.xdist_group("tensorflow")
TINY = {"latents": 3, "size": 16, "width": 2}
KINDS = {"FrameAutoencoder": (ours.FrameAutoencoder, mirror.FrameAutoencoder), "FrameVAE": (ours.FrameVAE, mirror.FrameVAE)}


def twins(kind, seed=0):
    torch.manual_seed(seed)
    return KINDS[kind][0](ours.AutoencoderConfig(**TINY)), KINDS[kind][1](**TINY)


def frames(count=4, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, 16, 16, generator=draw, dtype=torch.get_default_dtype()) * 2 - 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("carry", [to_keras, lambda a, b: to_torch(b, a)], ids=["to Keras", "to PyTorch"])
def test_the_same_weights_rebuild_the_same(kind, carry):
    a, b = twins(kind)
    carry(a, b)
    np.testing.assert_allclose(b.encode(last(frames())), a.encode(frames()).detach(), atol=1e-5)
    np.testing.assert_allclose(b(last(frames())), last(a(frames())), atol=1e-5)
    z = torch.randn(5, 3)
    np.testing.assert_allclose(b.decoder(z.numpy()), last(a.decode(z)), atol=1e-5)
    before = arrays(a)
    to_torch(b, a)
    assert all(np.array_equal(before[k], v) for k, v in arrays(a).items())


def test_one_step_of_the_autoencoder(double):
    """With Keras' own train step, loss and `compile`."""
    a, b = twins("FrameAutoencoder")
    to_keras(a, b)
    b.compile(Adam(1e-3), half_squared_error, jit_compile=False, run_eagerly=True)
    adam = torch.optim.Adam(a.parameters(), 1e-3)
    for step in range(2):
        clean = frames(seed=step)
        noisy = clean + 0.1 * frames(seed=7)  # a denoising one is the same model on another pair
        adam.zero_grad()
        loss = reconstruction.half_squared_error(a(noisy), clean)
        loss.backward()
        adam.step()
        b.reset_metrics()
        assert float(b.train_on_batch(last(noisy), last(clean))) == pytest.approx(loss.item(), rel=1e-7)
        assert furthest(a, b)[0] < 1e-7


@pytest.mark.parametrize("rules", [{}, {"beta": 4.0, "sigma": 0.3, "free": 0.05}], ids=["plain", "β, σ, free bits"])
def test_one_step_of_the_vae(double, rules):
    a, b = twins("FrameVAE")
    to_keras(a, b)
    b.compile(Adam(1e-3), **rules)
    adam = torch.optim.Adam(a.parameters(), 1e-3)
    for step in range(2):
        noise = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        rebuilt, mean, log_var = a.rebuild(frames(), generator=torch.Generator().manual_seed(step))
        mine = reconstruction.vae_loss(rebuilt, frames(), mean, log_var, **rules)
        adam.zero_grad()
        mine.total.backward()
        adam.step()
        theirs = b.update(last(frames()), noise.numpy())
        np.testing.assert_allclose([float(x) for x in theirs], [mine.total.item(), mine.error.item(), mine.kl.item()], rtol=1e-7)
        assert furthest(a, b)[0] < 1e-7


def test_losses_equal_their_twins():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(2, 5, 4, 4, 3)).astype("float32")
    mean, log_var = draw.normal(size=(2, 5, 6)).astype("float32")
    for pixels in ("mean", "sum"):
        mine = reconstruction.half_squared_error(torch.from_numpy(y), torch.from_numpy(x), pixels)
        assert float(half_squared_error(x, y, pixels)) == pytest.approx(mine.item(), rel=1e-5)
    for free in (0.0, 0.9):
        mine = reconstruction.kl_loss(torch.from_numpy(mean), torch.from_numpy(log_var), free)
        assert float(kl_loss(mean, log_var, free)) == pytest.approx(mine.item(), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_brings_frames_nearer_and_a_saved_model_goes_on(kind, tmp_path):
    """One shade a frame, which three numbers can hold."""
    _, b = twins(kind)
    shades = np.broadcast_to(np.linspace(-0.9, 0.9, 24, dtype="float32")[:, None, None, None], (24, 16, 16, 3))
    if kind == "FrameVAE":
        b.compile(Adam(1e-2), beta=0.1, sigma=0.5, run_eagerly=True)
        args = (shades,)
    else:
        b.compile(Adam(1e-2), half_squared_error, jit_compile=False, run_eagerly=True)
        args = (shades, shades)
    told = b.fit(*args, batch_size=8, epochs=6, verbose=0).history
    assert told["loss"][-1] < 0.6 * told["loss"][0]
    b.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")
    other.run_eagerly = True
    for each in (b, other):
        each.fit(*args, batch_size=8, epochs=1, shuffle=False, verbose=0)
    for (name, x), y in zip(weights.state(b).items(), weights.state(other).values(), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-6, err_msg=name)


def test_the_twins_start_alike():
    """Of the default size; every layer's numbers are as large as its twin's, in both senses of the word."""
    a, b = arrays(ours.FrameVAE()), weights.state(mirror.FrameVAE())
    assert {k: v.shape for k, v in a.items()} == {k: v.shape for k, v in b.items()}
    for name, mine in a.items():
        assert b[name].std() == pytest.approx(mine.std(), rel=0.15), name


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"size 12.*multiple of 8"):
        mirror.FrameVAE(size=12)
    with pytest.raises(ValueError, match=r"frames \(B, 16, 16, 3\), not \(2, 3, 16, 16\)"):
        twins("FrameVAE")[1](np.zeros((2, 3, 16, 16)))
    _, b = twins("FrameVAE")
    b.compile(Adam(), run_eagerly=True)
    before = weights.state(b)
    with pytest.raises(tf.errors.InvalidArgumentError, match="the loss; look at the batch for NaN"):
        b.fit(np.full((2, 16, 16, 3), np.nan), verbose=0)
    assert all(np.array_equal(before[k], v) for k, v in weights.state(b).items())
