"""Chapter 10 · who judges a video GAN's clips: two critics that see the caption, and a guess at the noise behind a clip."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.layers import two_layers
from t2v_edu.text.encoders import TextCode


@dataclass(frozen=True)
class VideoGANConfig:
    """Sizes of a video GAN.

    Args:
        frames, size: T and H = W; the size is 16, 32, 64 or 128.
        text: D, width of the text code.  code: width of the content code.  motion: width of the motion code.
        noise: Z; the first `moving` of it go into the motion code (the last two of those as a point on a circle), the others
            into the content code. Few, so that what the caption says of the motion has to be taken from the caption.
        width: channels of the finest feature map; coarser maps have more.  layers: how many cut-outs move over the background.
        critic: channels of the discriminators' first layer.
    """

    frames: int = 16
    size: int = 32
    text: int = 128
    noise: int = 8
    moving: int = 4
    code: int = 256
    motion: int = 128
    width: int = 16
    layers: int = 1
    critic: int = 16

    def __post_init__(self) -> None:
        if self.size not in (16, 32, 64, 128):
            raise ValueError(f"size must be 16, 32, 64 or 128, not {self.size}")
        if not 2 <= self.moving < self.noise:
            raise ValueError(
                f"moving must be 2 (a phase) to noise - 1, so that motion and content each have noise, not {self.moving} of "
                f"{self.noise}"
            )
        if self.frames < 4:
            raise ValueError(f"frames must be at least 4, not {self.frames}")


SIZES = {
    "toy": VideoGANConfig(frames=8, code=128, motion=64, width=12, critic=12),
    "small": VideoGANConfig(),
    "base": VideoGANConfig(size=64, text=256, noise=32, moving=8, code=512, motion=256, width=32, layers=4, critic=48),
}


class Judge(nn.Module):
    """Features to a score: how real the picture is, plus how well it fits the caption.

    Source: projection discriminator, Miyato & Koyama 2018, arXiv:1802.05637.
    """

    def __init__(self, features: int, text: int) -> None:
        super().__init__()
        self.real = nn.Linear(features, 1)
        self.fit = nn.Linear(text, features)

    def forward(self, h: Tensor, text: Tensor) -> Tensor:
        """h (B, F), pooled text (B, D) → (B,)."""
        score: Tensor = self.real(h)[:, 0] + (h * self.fit(text)).sum(1) / h.shape[1] ** 0.5
        return score


class ClipCritic(nn.Module):
    """Looks at the whole clip, shrunk to 16×16, where motion is; 3-D convolutions.

    Source: the temporal discriminator of DVD-GAN, Clark et al. 2019, arXiv:1907.06571.
    """

    def __init__(self, config: VideoGANConfig) -> None:
        super().__init__()
        c = config.critic
        self.shrink = config.size // 16
        self.layers = nn.Sequential(
            nn.Conv3d(3, c, (3, 4, 4), (1, 2, 2), (1, 1, 1)), nn.LeakyReLU(0.2),
            nn.Conv3d(c, 2 * c, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv3d(2 * c, 4 * c, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(4 * c * (config.frames // 4) * 4, 8 * c), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.features = 8 * c

    def forward(self, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) → features (B, F)."""
        features: Tensor = self.layers(F.avg_pool3d(video, (1, self.shrink, self.shrink)))
        return features


class FrameCritic(nn.Module):
    """Looks at single frames at full resolution, where form and colour are."""

    def __init__(self, config: VideoGANConfig) -> None:
        super().__init__()
        c = 2 * config.critic
        depth = config.size.bit_length() - 3
        widths = [3, *(c * 2**i for i in range(depth))]
        self.layers = nn.Sequential(
            *(nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)) for a, b in itertools.pairwise(widths))
        )
        self.out = nn.Sequential(nn.Flatten(), nn.Linear(widths[-1] * 16, 4 * c), nn.LeakyReLU(0.2))
        self.features = 4 * c

    def forward(self, frames: Tensor) -> Tensor:
        """frames (N, 3, H, W) → features (N, F)."""
        features: Tensor = self.out(self.layers(frames))
        return features


class Discriminator(nn.Module):
    """Two critics, one over frames and one over the clip; both see the caption."""

    def __init__(self, config: VideoGANConfig) -> None:
        super().__init__()
        self.clip, self.frame = ClipCritic(config), FrameCritic(config)
        self.judge_clip = Judge(self.clip.features, config.text)
        self.judge_frame = Judge(self.frame.features, config.text)

    def look(self, video: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the clip (B, F) and of K of its frames (B, K, F); frames: (K,) indices in time."""
        stills = video[:, :, frames].transpose(1, 2)  # (B, K, 3, H, W)
        return self.clip(video), self.frame(stills.flatten(0, 1)).unflatten(0, stills.shape[:2])

    def score(self, seen: tuple[Tensor, Tensor], text: TextCode) -> Tensor:
        """Score of what was seen under the captions, (B,): the clip's plus the frames' mean."""
        clip, stills = seen
        pooled = text.pooled[:, None].expand(-1, stills.shape[1], -1).flatten(0, 1)
        frame = self.judge_frame(stills.flatten(0, 1), pooled).unflatten(0, stills.shape[:2]).mean(1)
        total: Tensor = self.judge_clip(clip, text.pooled) + frame
        return total


class Posterior(nn.Module):
    """Which noise would have made this clip: mean and log-variance of q(z | video, caption).

    Lets the generator also learn by reconstruction, as in Larsen et al. 2016, arXiv:1512.09300 and BicycleGAN, arXiv:1711.11586.
    It sees each frame as a few points, the centres of what its filters respond to, so that "where" is there from the first step:
    Finn et al. 2016, arXiv:1509.06113.
    """

    def __init__(self, config: VideoGANConfig) -> None:
        super().__init__()
        c = config.critic
        self.shrink = config.size // 16
        self.filters = nn.Sequential(
            nn.Conv2d(3, c, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(c, c, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(c, c, 3, padding=1),
        )
        self.points = nn.Linear(3 * c * ((config.frames + 1) // 2), 256)
        self.direct = nn.Linear(config.text, 2 * 256)
        self.out = two_layers(256, 256, 2 * config.noise)

    def forward(self, video: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """video (B, 3, T, H, W) and its pooled caption (B, D) → mean (B, Z), log-variance (B, Z)."""
        frames = F.avg_pool3d(video[:, :, ::2], (1, self.shrink, self.shrink)).transpose(1, 2)  # (B, T/2, 3, 16, 16)
        response = self.filters(frames.flatten(0, 1)).flatten(2)  # (B·T/2, C, 256)
        share = response.mul(4.0).softmax(-1)
        axis = torch.linspace(-1, 1, 16, device=video.device, dtype=share.dtype)
        where = torch.stack([axis.repeat(16), axis.repeat_interleave(16)], 1)  # (256, 2)
        points = torch.cat([share @ where, response.amax(-1, keepdim=True)], -1)  # (B·T/2, C, 3): x, y and how strong
        scale, shift = self.direct(text).chunk(2, 1)
        seen = F.leaky_relu(self.points(points.reshape(len(video), -1)) * (1 + scale) + shift, 0.2)
        mean, log_var = self.out(seen).chunk(2, 1)
        return mean, log_var.clamp(-8.0, 4.0)
