"""Latents of a video: how many, that none looks ahead, and what goes in and out."""

import numpy as np
import pytest
import torch

from t2v_edu.models.video_autoencoder import CausalBlock, VideoAutoencoder, VideoAutoencoderConfig, fold, unfold

TINY = VideoAutoencoderConfig(fine_in=16, coarse=24, fine_out=16, blocks=(1, 1, 1, 1))


def net(seed=0):
    torch.manual_seed(seed)
    model = VideoAutoencoder(TINY).eval()
    for block in model.modules():
        if isinstance(block, CausalBlock):
            torch.nn.init.normal_(block.time.weight, std=0.1)  # they start at zero, which would hide a look ahead
    return model


def video(count=2, frames=16, size=32, seed=1):
    return torch.rand(count, 3, frames, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_latents_hold_forty_eight_times_fewer_numbers():
    clips = video()
    latents = VideoAutoencoder(TINY).encode(clips)
    assert latents.shape == (2, 16, 4, 4, 4) and clips.numel() == 48 * latents.numel()
    assert VideoAutoencoder(TINY).encode(video(1, 8, 64)).shape == (1, 16, 2, 8, 8)


def test_fold_gathers_blocks():
    x = torch.arange(2 * 4 * 4 * 6 * 1).reshape(2, 4, 4, 6, 1)
    folded = fold(x, (2, 2, 3))
    assert folded.shape == (2, 2, 2, 2, 12)
    assert folded[1, 1, 0, 1].tolist() == x[1, 2:4, 0:2, 3:6, 0].flatten().tolist()
    assert torch.equal(unfold(folded, (2, 2, 3)), x)


def test_the_encoder_never_looks_ahead():
    model, clips = net(), video()
    changed = clips.clone()
    changed[:, :, 8:] = 0.3
    a, b = model.encode(clips), model.encode(changed)
    torch.testing.assert_close(a[:, :, :2], b[:, :, :2])
    assert not torch.allclose(a[:, :, 2:], b[:, :, 2:])
    changed = clips.clone()
    changed[:, :, :4] = 0.3  # but it does look back
    assert not torch.allclose(a[:, :, 1], model.encode(changed)[:, :, 1])


def test_the_decoder_never_looks_ahead():
    model = net()
    latents = torch.randn(2, 16, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.decode(latents)[:, :, :8], model.decode(latents[:, :, :2]))
    changed = latents.clone()
    changed[:, :, 0] = 0
    assert not torch.allclose(model.decode(latents)[:, :, 4:8], model.decode(changed)[:, :, 4:8])


def test_a_fresh_block_is_the_identity():
    x = torch.randn(1, 3, 4, 4, 8)
    assert torch.equal(CausalBlock(8)(x), x)


def test_the_causal_part_is_a_convolution_over_time():
    """Against conv1d with two empty frames before the first, at one position."""
    block = CausalBlock(4)
    torch.nn.init.normal_(block.time.weight)
    x = torch.randn(1, 5, 3, 3, 4)
    h = torch.nn.functional.silu(block.space(block.norm(x)[0].permute(0, 3, 1, 2))).permute(0, 2, 3, 1)  # (T, H, W, C)
    kernel = block.time.weight.reshape(4, 3, 4).permute(0, 2, 1)  # (C', C, 3)
    want = torch.nn.functional.conv1d(torch.nn.functional.pad(h[:, 1, 2].T[None], (2, 0)), kernel)[0].T
    torch.testing.assert_close((block(x) - x)[0, :, 1, 2], want)


def test_standardised_latents_have_mean_0_and_deviation_1():
    model, clips = net(), video(8)
    model.standardise(clips)
    z = model.encode(clips).permute(0, 2, 3, 4, 1).flatten(0, -2)
    torch.testing.assert_close(z.mean(0), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(z.std(0), torch.ones(16), atol=1e-4, rtol=0)
    mean = model.moments(clips)[0]
    torch.testing.assert_close(model.decode(model.encode(clips)), model.paint(mean).clamp(-1, 1), atol=1e-4, rtol=0)


def test_saved_and_read_again(tmp_path):
    model = net()
    model.standardise(video(4))
    model.save_pretrained(tmp_path / "a")
    again = VideoAutoencoder.from_pretrained(tmp_path / "a")
    assert again.config == TINY
    assert torch.equal(model(video()), again(video()))


def test_weights_of_another_size_are_refused(tmp_path):
    net().save_pretrained(tmp_path)
    card = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(card.replace('"coarse": 24', '"coarse": 32'))
    with pytest.raises(ValueError, match="another model"):
        VideoAutoencoder.from_pretrained(tmp_path)


@pytest.mark.parametrize("shape", [(3, 16, 32, 32), (1, 1, 16, 32, 32), (1, 3, 15, 32, 32), (1, 3, 16, 30, 32),
                                   (1, 3, 0, 32, 32)])
def test_videos_it_cannot_take_are_quoted(shape):
    with pytest.raises(ValueError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
        VideoAutoencoder(TINY).encode(torch.zeros(shape))


def test_latents_it_cannot_take_are_quoted():
    with pytest.raises(ValueError, match="8, 4, 4, 4"):
        VideoAutoencoder(TINY).decode(torch.zeros(1, 8, 4, 4, 4))


def test_psnr_by_hand():
    from t2v_edu.training.autoencoder import psnr

    real = torch.zeros(2, 3, 4, 8, 8)
    off = torch.stack([torch.full((3, 4, 8, 8), 0.2), torch.full((3, 4, 8, 8), 0.02)])
    np.testing.assert_allclose(psnr(real, real + off).numpy(), [20.0, 40.0], atol=1e-3)  # 10·log₁₀(4/0.04), 10·log₁₀(4/0.0004)
