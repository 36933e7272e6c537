"""The video autoencoder that ships: its scores, read again on other clips, and what its latents look like."""

import json

import pytest
import torch

from t2v_edu.datasets import WorldStream
from t2v_edu.models.video_autoencoder import SHIPPED, VideoAutoencoder
from t2v_edu.training.autoencoder import psnr, report
from t2v_edu.video import to_tensor

REPORT = json.loads((SHIPPED / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shipped():
    return VideoAutoencoder.from_pretrained()


def clips(world, count=30):
    return to_tensor(WorldStream(world, split="held_out").batch(count, seed=11, step=0).frames)


@pytest.mark.parametrize("world", sorted(REPORT["held out"]))
def test_the_report_is_true_on_clips_it_was_not_made_from(shipped, world):
    video = clips(world)
    with torch.no_grad():
        found = psnr(video, shipped(video))
    error = 3 * found.std().item() / len(found) ** 0.5
    assert abs(found.mean().item() - REPORT["held out"][world]["PSNR"]) < error + 0.2


# The bar is 33 dB on held-out scenes. Shapes and digits are above it. Story, whose sprites and places have the finest drawing,
# has never reached it: 30.3 dB is what ships, and the bound keeps it from getting worse unseen.
BARS = {"shapes": 33.0, "digits": 33.0, "story": 30.0}


@pytest.mark.parametrize("world", sorted(BARS))
def test_the_bar_of_each_world(shipped, world):
    assert set(REPORT["held out"]) == set(BARS)
    assert REPORT["held out"][world]["PSNR"] >= BARS[world]
    video = clips(world, 60)
    with torch.no_grad():
        found = psnr(video, shipped(video))
    assert found.mean() >= BARS[world] - 2 * found.std() / len(found) ** 0.5
    assert REPORT["held out"][world]["lowest PSNR"] >= 23  # of 500 clips: the worst come back recognisable, no more


def test_latents_are_standardised_and_forty_eight_times_fewer(shipped):
    video = torch.cat([clips(world, 12) for world in sorted(REPORT["held out"])])
    with torch.no_grad():
        z = shipped.encode(video)
    assert video.numel() == 48 * z.numel()
    assert z.mean().abs() < 0.15 and abs(z.std().item() - 1) < 0.15


def test_it_never_looks_ahead(shipped):
    video = clips("story", 2)
    with torch.no_grad():
        whole, part = shipped.encode(video), shipped.encode(video[:, :, :8])
        torch.testing.assert_close(whole[:, :, :2], part, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(shipped.decode(whole)[:, :, :8], shipped.decode(part), atol=1e-4, rtol=1e-4)


def test_the_report_reads_what_comes_back(shipped):
    """With a net that gives back its clips untouched everything is read, and the decibels are unlimited."""
    class Perfect(torch.nn.Module):
        def forward(self, video):
            return video + 1e-4

    found = report(Perfect(), ("shapes",), clips=50)["shapes"]  # type: ignore[arg-type]
    assert found["read back"] == 1.0 and found["PSNR"] > 80
