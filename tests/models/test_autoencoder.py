"""Frame autoencoders: sizes, the way through them against plain loops, the bottleneck by its rank, draws, files, bad input."""

import numpy as np
import pytest
import torch

from t2v_edu.datasets import WorldStream
from t2v_edu.losses.reconstruction import half_squared_error, vae_loss
from t2v_edu.models.autoencoder import AutoencoderConfig, FrameAutoencoder, FrameVAE, corrupt
from t2v_edu.video import to_tensor

TINY = AutoencoderConfig(latents=2, size=8, width=2)


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def build(cls=FrameAutoencoder, config=TINY, seed=0):
    torch.manual_seed(seed)
    return cls(config)


def frames(count, size=8, seed=0):
    return 2 * torch.rand(count, 3, size, size, generator=drawn(seed)) - 1


@pytest.mark.parametrize("config", [TINY, AutoencoderConfig(), AutoencoderConfig(latents=5, size=24, width=3)])
def test_shapes(config):
    for cls, numbers in (FrameAutoencoder, config.latents), (FrameVAE, 2 * config.latents):
        model = build(cls, config)
        frame = frames(3, config.size)
        assert model.encode(frame).shape == (3, config.latents)
        assert model.encoder.code.out_features == numbers
        assert model(frame).shape == frame.shape and model(frame).abs().max() <= 1


def test_names_and_sizes_of_the_weights():
    """The Keras twin is filled by these names: a new one here breaks it there."""
    w = {"encoder.conv1": (2, 3, 4, 4), "encoder.conv2": (4, 2, 4, 4), "encoder.conv3": (8, 4, 4, 4), "encoder.code": (2, 8),
         "decoder.code": (8, 2), "decoder.conv1": (4, 8, 3, 3), "decoder.conv2": (2, 4, 3, 3), "decoder.colour": (3, 2, 3, 3)}
    both = {f"{k}.weight": s for k, s in w.items()} | {f"{k}.bias": s[:1] for k, s in w.items()}
    assert {k: tuple(v.shape) for k, v in build().state_dict().items()} == both
    assert set(build(FrameVAE).state_dict()) == set(both)


def convolve(x, weight, bias, stride):
    """A convolution with a border of one zero, as a sum over the kernel."""
    k, side = weight.shape[-1], x.shape[-1]
    x = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = (side + 2 - k) // stride + 1
    y = np.zeros((len(weight), out, out))
    for o, i, j in np.ndindex(y.shape):
        y[o, i, j] = (weight[o] * x[:, i * stride : i * stride + k, j * stride : j * stride + k]).sum() + bias[o]
    return y


@pytest.mark.parametrize("seed", range(4))
def test_numbers_keep_their_size_at_first(seed):
    """Numbers of root mean square 1 go in, no layer makes them much larger or smaller; a saturated picture would not learn."""
    model, sizes = build(FrameAutoencoder, AutoencoderConfig(), seed), []
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    for layer in layers:
        layer.register_forward_hook(lambda layer, given, made: sizes.append(made.square().mean().sqrt().item()))
    made = model(torch.randn(16, 3, 32, 32, generator=drawn()))
    assert len(sizes) == len(layers) == 8 and all(0.5 < size < 3 for size in sizes[:-1]), sizes
    assert sizes[-1] < 1 and made.abs().mean() < 0.6


def leak(x):
    return np.where(x > 0, x, 0.2 * x)


def test_against_loops():
    model = build()
    p = {k: v.detach().double().numpy() for k, v in model.state_dict().items()}
    frame = frames(1)
    x = frame[0].double().numpy()
    for name in "conv1", "conv2", "conv3":
        x = leak(convolve(x, p[f"encoder.{name}.weight"], p[f"encoder.{name}.bias"], 2))
    z = p["encoder.code.weight"] @ x.ravel() + p["encoder.code.bias"]
    np.testing.assert_allclose(model.encode(frame)[0].detach(), z, atol=1e-5)
    x = leak(p["decoder.code.weight"] @ z + p["decoder.code.bias"]).reshape(8, 1, 1)
    for name, last in ("conv1", leak), ("conv2", leak), ("colour", np.tanh):
        x = last(convolve(x.repeat(2, 1).repeat(2, 2), p[f"decoder.{name}.weight"], p[f"decoder.{name}.bias"], 1))
    np.testing.assert_allclose(model(frame)[0].detach(), x, atol=1e-5)


def test_no_more_passes_the_bottleneck_than_it_is_wide():
    """The slope of output to input is a matrix of 192 × 192, and of rank 2."""
    model = build().double()
    slope = torch.autograd.functional.jacobian(lambda x: model(x).flatten(), frames(1).double()).reshape(192, 192)
    values = torch.linalg.svdvals(slope)
    assert values[1] > 1e-8 and values[2] < 1e-12 * values[0] + 1e-16


def test_every_weight_gets_a_gradient_and_frames_do_not_mix():
    for cls in FrameAutoencoder, FrameVAE:
        model, frame = build(cls), frames(4)
        if cls is FrameVAE:
            rebuilt, mean, log_var = model.rebuild(frame, generator=drawn())
            vae_loss(rebuilt, frame, mean, log_var).total.backward()
        else:
            half_squared_error(model(frame), frame).backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
        torch.testing.assert_close(model(frame)[1:2], model(frame[1:2]))


@pytest.mark.parametrize("cls", [FrameAutoencoder, FrameVAE])
def test_it_learns_eight_frames(cls):
    """The error falls below a tenth of that of the mean frame, the best picture that knows nothing."""
    x = to_tensor(WorldStream("shapes", frames=1, size=16).batch(8, seed=0, step=0).frames)[:, :, 0]
    model = build(cls, AutoencoderConfig(latents=8, size=16, width=8))
    optimizer, generator = torch.optim.Adam(model.parameters(), 5e-3), drawn()
    for _ in range(200):
        if cls is FrameVAE:
            rebuilt, mean, log_var = model.rebuild(x, generator=generator)
            loss = vae_loss(rebuilt, x, mean, log_var, sigma=0.1).total / 768
        else:
            loss = half_squared_error(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert half_squared_error(model(x), x) < 0.1 * half_squared_error(x.mean(0).expand_as(x), x)


def test_posterior_and_draws_of_a_vae():
    model, frame = build(FrameVAE), frames(1)
    assert torch.equal(model.encode(frame), model.posterior(frame)[0])
    # with a posterior as narrow as a point, a rebuilt frame is the decoded mean
    with torch.no_grad():
        model.encoder.code.weight[2:] = 0
        model.encoder.code.bias[2:] = -60
    torch.testing.assert_close(model.rebuild(frame, generator=drawn())[0], model(frame))
    with torch.no_grad():
        model.encoder.code.bias[2:] = 0  # deviation 1
    one, again, other = (model.rebuild(frame, generator=drawn(s))[0] for s in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_samples_are_decoded_draws_of_the_prior():
    model = build(FrameVAE)
    torch.testing.assert_close(model.sample(3, generator=drawn(5)), model.decode(torch.randn(3, 2, generator=drawn(5))))


def test_corrupted_frames():
    clean = torch.zeros(50, 3, 16, 16)
    noisy = corrupt(clean, 0.3, generator=drawn())
    assert abs(noisy.std().item() - 0.3) < 4 * 0.3 / (2 * clean.numel()) ** 0.5 and not clean.any()
    assert torch.equal(corrupt(frames(2), 0.0, generator=drawn()), frames(2))
    with pytest.raises(ValueError, match=r"-0\.1"):
        corrupt(clean, -0.1, generator=drawn())


@pytest.mark.parametrize("cls", [FrameAutoencoder, FrameVAE])
def test_saved_and_loaded(cls, tmp_path):
    model = build(cls, AutoencoderConfig(latents=3, size=16, width=2))
    model.save_pretrained(tmp_path)
    again = cls.from_pretrained(tmp_path)
    assert again.config == model.config and not again.training
    assert torch.equal(model.eval()(frames(2, 16)), again(frames(2, 16)))
    other = FrameVAE if cls is FrameAutoencoder else FrameAutoencoder
    with pytest.raises(ValueError, match=model.kind):
        other.from_pretrained(tmp_path)


def test_bad_input_is_quoted():
    model = build()
    for call, words in (
        (lambda: model(frames(1, 16)), r"\(B, 3, 8, 8\), not \(1, 3, 16, 16\)"),
        (lambda: model(frames(1)[0]), r"not \(3, 8, 8\)"),
        (lambda: model(frames(0)), r"not \(0, 3, 8, 8\)"),
        (lambda: model(frames(1).to(torch.int32)), "torch.int32"),
        (lambda: model.decode(torch.zeros(1, 3)), r"\(B, 2\), not \(1, 3\)"),
        (lambda: AutoencoderConfig(size=20), "size 20"),
        (lambda: AutoencoderConfig(latents=0), "latents 0"),
        (lambda: FrameAutoencoder.from_pretrained("nowhere"), "nowhere"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
