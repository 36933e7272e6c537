"""Chapter 07 · a video autoencoder that never looks ahead: 16×32×32 clips as 64 vectors of 16 numbers, and back.

Four frames of 8×8 pixels become one latent vector, 48 numbers become one. Frame t of a decoded clip depends on latents of
frames up to t's own group of four, and these on no frame after that group: a film can be coded as it comes.
Source: Yu et al. 2024, "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation", arXiv:2310.05737 (causal in
time); the 4×8×8 grid and 16 channels are those of Yang et al. 2024, "CogVideoX", arXiv:2408.06072.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.paths import DATA
from t2v_edu.weights import load_weights, read_card, save_model

SHIPPED = DATA / "autoencoder"
PATCH = (2, 4, 4)  # frames, height and width that one position of the fine grid stands for
GROUP = (4, 8, 8)  # the same for a latent vector


@dataclass(frozen=True)
class VideoAutoencoderConfig:
    """Sizes of a video autoencoder.

    Args:
        latent: numbers of a latent vector.
        fine_in, fine_out: channels of the fine grid (2×4×4 pixels a position) on the way in and on the way out.
        coarse: channels of the coarse grid (4×8×8).
        blocks: how many blocks work on the fine grid in, the coarse grid in, the coarse grid out, the fine grid out.
        pixel: channels of a pixel, before the last convolutions turn them into its colour.
    Raises:
        ValueError: a size below 1, or not four numbers of blocks.
    """

    latent: int = 16
    fine_in: int = 96
    coarse: int = 160
    fine_out: int = 112
    blocks: tuple[int, int, int, int] = (2, 1, 2, 3)
    pixel: int = 16

    def __post_init__(self) -> None:
        if min(self.latent, self.fine_in, self.coarse, self.fine_out, self.pixel) < 1:
            raise ValueError(f"{self}: use 1 or more for every size")
        if len(self.blocks) != 4 or min(self.blocks) < 0:
            raise ValueError(f"blocks {self.blocks}: use four numbers, 0 or more")


def fold(x: Tensor, block: tuple[int, int, int]) -> Tensor:
    """(B, T, H, W, C) → (B, T/t, H/h, W/w, t·h·w·C): each block of t×h×w positions becomes one."""
    b, frames, height, width, c = x.shape
    t, h, w = block
    x = x.reshape(b, frames // t, t, height // h, h, width // w, w, c)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4)


def unfold(x: Tensor, block: tuple[int, int, int]) -> Tensor:
    """The inverse of `fold`."""
    b, frames, height, width, c = x.shape
    t, h, w = block
    x = x.reshape(b, frames, height, width, t, h, w, c // (t * h * w))
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(b, frames * t, height * h, width * w, -1)


class CausalBlock(nn.Module):
    """x + what a 3×3 convolution in every frame and one over this and the two frames before it find; the identity at the start.

    The norm divides each position's channels by their root mean square: unlike a batch or group norm, it mixes no frames.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(channels)
        self.space = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(3 * channels, channels)  # a convolution over time, as a product with three frames side by side
        nn.init.zeros_(self.time.weight)
        nn.init.zeros_(self.time.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, H, W, C) → the same shape."""
        h = F.silu(self.space(self.norm(x).flatten(0, 1).permute(0, 3, 1, 2)))  # (B·T, C, H, W)
        h = h.permute(0, 2, 3, 1).reshape(x.shape)
        past = F.pad(h, (0, 0, 0, 0, 0, 0, 2, 0))  # two empty frames before the first
        frames: Tensor = self.time(torch.cat([past[:, :-2], past[:, 1:-1], h], -1))
        return x + frames


class Edges(nn.Module):
    """Features of pixels to their colours by two 3×3 convolutions in every frame: edges that cross a patch stay in one piece."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(channels, channels, 3, padding=1)
        self.paint = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, H, W, C) → (B, T, H, W, 3)."""
        h = x.flatten(0, 1).permute(0, 3, 1, 2)  # (B·T, C, H, W)
        colors: Tensor = self.paint(h + F.silu(self.look(F.silu(h))))
        return colors.permute(0, 2, 3, 1).reshape(*x.shape[:-1], 3)


class VideoAutoencoder(nn.Module):
    """Video (B, 3, T, H, W) in [-1, 1] ⇄ latents (B, D, T/4, H/8, W/8) of mean 0 and variance 1.

    A variational autoencoder: the encoder says mean and log-variance; `encode` takes the mean.
    """

    kind = "video autoencoder"
    mean: Tensor  # of the latents' channels over the training data, and their deviation: set by `standardise`
    deviation: Tensor

    def __init__(self, config: VideoAutoencoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or VideoAutoencoderConfig()
        pixels, eight = 3 * PATCH[0] * PATCH[1] * PATCH[2], 8
        fine_in, coarse_in, coarse_out, fine_out = config.blocks
        self.encoder = nn.Sequential(
            nn.Linear(pixels, config.fine_in), *(CausalBlock(config.fine_in) for _ in range(fine_in)))
        self.down = nn.Linear(eight * config.fine_in, config.coarse)
        self.posterior = nn.Sequential(
            *(CausalBlock(config.coarse) for _ in range(coarse_in)),
            nn.RMSNorm(config.coarse), nn.Linear(config.coarse, 2 * config.latent))  # mean and log-variance
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, config.coarse), *(CausalBlock(config.coarse) for _ in range(coarse_out)))
        self.up = nn.Linear(config.coarse, eight * config.fine_out)
        self.pixels = nn.Sequential(
            *(CausalBlock(config.fine_out) for _ in range(fine_out)),
            nn.RMSNorm(config.fine_out), nn.Linear(config.fine_out, config.pixel * pixels // 3))
        self.edges = Edges(config.pixel)
        self.register_buffer("mean", torch.zeros(config.latent))
        self.register_buffer("deviation", torch.ones(config.latent))

    def hidden(self) -> list[nn.Module]:
        """The layers that neither pixels nor latents touch."""
        return [*list(self.encoder)[1:], self.down, *list(self.posterior)[:-1], *list(self.decoder)[1:], self.up,
                *list(self.pixels)[:-1], self.edges.look]

    def moments(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | video), (B, T/4, H/8, W/8, D) each, before standardising.

        Raises:
            ValueError: a video of another rank, or whose frames or sides are no multiples of 4 and 8.
        """
        if video.ndim != 5 or video.shape[1] != 3 or any(n % g or not n for n, g in zip(video.shape[2:], GROUP, strict=True)):
            raise ValueError(f"a video is (B, 3, T, H, W) with T a multiple of 4, H and W of 8, not {tuple(video.shape)}")
        x = self.encoder(fold(video.permute(0, 2, 3, 4, 1), PATCH))
        mean, log_variance = self.posterior(self.down(fold(x, (2, 2, 2)))).chunk(2, -1)
        return mean, log_variance.clamp(-12.0, 4.0)

    def paint(self, z: Tensor) -> Tensor:
        """Latents (B, T/4, H/8, W/8, D) as the encoder made them → video (B, 3, T, H, W), not clipped."""
        x = self.pixels(unfold(self.up(self.decoder(z)), (2, 2, 2)))
        return self.edges(unfold(x, PATCH)).permute(0, 4, 1, 2, 3)  # type: ignore[no-any-return]

    def encode(self, video: Tensor) -> Tensor:
        """(B, 3, T, H, W) in [-1, 1] → (B, D, T/4, H/8, W/8), standardised.  Raises: as `moments`."""
        return ((self.moments(video)[0] - self.mean) / self.deviation).permute(0, 4, 1, 2, 3)

    def decode(self, latents: Tensor) -> Tensor:
        """(B, D, T/4, H/8, W/8) → (B, 3, T, H, W) in [-1, 1].

        Raises:
            ValueError: latents of another rank or width.
        """
        if latents.ndim != 5 or latents.shape[1] != self.config.latent:
            raise ValueError(f"latents are (B, {self.config.latent}, T/4, H/8, W/8), not {tuple(latents.shape)}")
        return self.paint(latents.permute(0, 2, 3, 4, 1) * self.deviation + self.mean).clamp(-1.0, 1.0)

    def forward(self, video: Tensor) -> Tensor:
        """A video coded and decoded."""
        return self.decode(self.encode(video))

    @torch.no_grad()
    def standardise(self, video: Tensor) -> None:
        """Measure mean and deviation of the latents' channels on a batch of videos."""
        z = self.moments(video)[0].flatten(0, -2)
        self.mean.copy_(z.mean(0))
        self.deviation.copy_(z.std(0))

    def save_pretrained(self, path: str | Path, *, half: bool = False) -> None:
        """Write the model into a folder, `half` in 16-bit numbers."""
        save_model(self, path, self.kind, half=half, config=asdict(self.config))

    @classmethod
    def from_pretrained(cls, path: str | Path = SHIPPED) -> Self:
        """Read a model that `save_pretrained` wrote; without a path the one that ships.

        Raises:
            ValueError: no such folder, another kind of model, weights of another size.
        """
        model = cls(read_card(path, cls.kind).config(VideoAutoencoderConfig))
        load_weights(model, Path(path) / "model.safetensors")
        return model.eval()
