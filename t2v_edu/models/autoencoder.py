"""Chapter 07 · frames through a bottleneck: an autoencoder, the same one against noise, and a variational one.

Autoencoder: Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks", Science 313. Denoising:
Vincent et al. 2008. Variational: Kingma & Welling 2014, arXiv:1312.6114. Plain convolutions and linear layers, no norms.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.losses.reconstruction import reparameterise
from t2v_edu.weights import load_weights, read_card, save_model

SLOPE = 0.2  # of the leaky ReLU where it leaks


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes of a frame autoencoder.

    Args:
        latents: Z, the numbers that pass the bottleneck.
        size: side of a frame in pixels, a multiple of 8.
        width: channels at half the side; twice as many at a quarter, four times as many at an eighth.
    Raises:
        ValueError: a number below 1, or a side that is no multiple of 8.
    """

    latents: int = 16
    size: int = 32
    width: int = 24

    def __post_init__(self) -> None:
        if min(self.latents, self.width) < 1:
            raise ValueError(f"latents {self.latents}, width {self.width}: use 1 or more of each")
        if self.size < 8 or self.size % 8:
            raise ValueError(f"size {self.size}: the side is halved three times, so use a multiple of 8")


class Encoder(nn.Module):
    """Frames to numbers: three convolutions that halve the side, then a linear layer."""

    def __init__(self, config: AutoencoderConfig, numbers: int) -> None:
        super().__init__()
        w, side = config.width, config.size // 8
        self.conv1 = nn.Conv2d(3, w, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(w, 2 * w, 4, stride=2, padding=1)
        self.conv3 = nn.Conv2d(2 * w, 4 * w, 4, stride=2, padding=1)
        self.code = nn.Linear(4 * w * side * side, numbers)
        begin(self)

    def forward(self, frame: Tensor) -> Tensor:
        """frame (B, 3, S, S) → (B, numbers)."""
        x = F.leaky_relu(self.conv1(frame), SLOPE)  # (B, W, S/2, S/2)
        x = F.leaky_relu(self.conv2(x), SLOPE)  # (B, 2W, S/4, S/4)
        x = F.leaky_relu(self.conv3(x), SLOPE)  # (B, 4W, S/8, S/8)
        numbers: Tensor = self.code(x.flatten(1))
        return numbers


class Decoder(nn.Module):
    """Numbers to frames, the same way back: a linear layer, then three times twice the side and a convolution."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        w, side = config.width, config.size // 8
        self.shape = (4 * w, side, side)
        self.code = nn.Linear(config.latents, 4 * w * side * side)
        self.conv1 = nn.Conv2d(4 * w, 2 * w, 3, padding=1)
        self.conv2 = nn.Conv2d(2 * w, w, 3, padding=1)
        self.colour = nn.Conv2d(w, 3, 3, padding=1)
        begin(self)
        with torch.no_grad():
            self.colour.weight.mul_(0.3)  # where tanh is nearly straight: a saturated pixel learns nothing

    def forward(self, z: Tensor) -> Tensor:
        """z (B, Z) → frame (B, 3, S, S) between −1 and 1."""
        x = F.leaky_relu(self.code(z), SLOPE).reshape(-1, *self.shape)  # (B, 4W, S/8, S/8)
        x = F.leaky_relu(self.conv1(twice(x)), SLOPE)  # (B, 2W, S/4, S/4)
        x = F.leaky_relu(self.conv2(twice(x)), SLOPE)  # (B, W, S/2, S/2)
        return torch.tanh(self.colour(twice(x)))  # (B, 3, S, S)


def begin(net: nn.Module) -> None:
    """Weights that keep the size of numbers through leaky ReLUs: He et al. 2015, arXiv:1502.01852.

    Torch's own shrink them layer by layer, and a short training spends its first third on getting them back.
    """
    for weight in net.parameters():
        if weight.ndim == 1:
            nn.init.zeros_(weight)
        else:
            nn.init.kaiming_normal_(weight, a=SLOPE)


def twice(x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C, 2H, 2W): each value four times, in a square."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


class FrameAutoencoder(nn.Module):
    """Frame → z → frame. What passes the bottleneck of Z numbers is all that the decoder knows."""

    kind = "frame_autoencoder"

    def __init__(self, config: AutoencoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or AutoencoderConfig()
        self.encoder = Encoder(self.config, self._numbers(self.config.latents))
        self.decoder = Decoder(self.config)

    @staticmethod
    def _numbers(latents: int) -> int:
        """How many numbers the encoder says about a frame."""
        return latents

    def encode(self, frame: Tensor) -> Tensor:
        """frame (B, 3, S, S) in [-1, 1] → z (B, Z).

        Raises:
            ValueError: another rank, side, number of channels or dtype, or no frame at all.
        """
        self._check_frame(frame)
        z: Tensor = self.encoder(frame)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """z (B, Z) → frame (B, 3, S, S) between −1 and 1.

        Raises:
            ValueError: latents of another rank or width.
        """
        if z.ndim != 2 or z.shape[1] != self.config.latents:
            raise ValueError(f"latents are (B, {self.config.latents}), not {tuple(z.shape)}")
        frame: Tensor = self.decoder(z)
        return frame

    def forward(self, frame: Tensor) -> Tensor:
        """A frame coded and decoded."""
        return self.decode(self.encode(frame))

    def _check_frame(self, frame: Tensor) -> None:
        s = self.config.size
        if frame.ndim != 4 or tuple(frame.shape[1:]) != (3, s, s) or not len(frame):
            raise ValueError(f"want frames (B, 3, {s}, {s}), not {tuple(frame.shape)}; "
                             "frame t of a video (B, 3, T, H, W) is video[:, :, t]")
        if not frame.is_floating_point():
            raise ValueError(f"want floating-point numbers from -1 to 1, not {frame.dtype} {tuple(frame.shape)}")

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder."""
        save_model(self, path, self.kind, config=asdict(self.config))

    @classmethod
    def from_pretrained(cls, path: str | Path) -> Self:
        """Load a model from a folder.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        model = cls(read_card(path, cls.kind).config(AutoencoderConfig))
        load_weights(model, Path(path) / "model.safetensors")
        return model.eval()


class FrameVAE(FrameAutoencoder):
    """Frame → a bell over z → frame: the encoder says mean and log-variance, the decoder gets a draw.

    `encode` and so `forward` take the mean; training takes `rebuild`.
    """

    kind = "frame_vae"

    @staticmethod
    def _numbers(latents: int) -> int:
        return 2 * latents

    def posterior(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, Z) each of q(z | frame).  Raises: as `encode`."""
        self._check_frame(frame)
        mean, log_var = self.encoder(frame).chunk(2, 1)
        return mean, log_var

    def encode(self, frame: Tensor) -> Tensor:
        """frame (B, 3, S, S) in [-1, 1] → the mean of q(z | frame), (B, Z).  Raises: as `FrameAutoencoder.encode`."""
        return self.posterior(frame)[0]

    def rebuild(self, frame: Tensor, *, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The frame from a draw of q(z | frame), with q's mean and log-variance (B, Z): what `losses.reconstruction.vae_loss`
        takes."""
        mean, log_var = self.posterior(frame)
        return self.decode(reparameterise(mean, log_var, generator=generator)), mean, log_var

    def sample(self, count: int, *, generator: torch.Generator) -> Tensor:
        """New frames (count, 3, S, S), from draws of the prior N(0, 1)."""
        weight = self.decoder.code.weight
        z = torch.randn(count, self.config.latents, generator=generator, device=generator.device)
        return self.decode(z.to(weight))


def corrupt(frame: Tensor, noise: float, *, generator: torch.Generator) -> Tensor:
    """Frames with normal noise of standard deviation `noise` on every number, not clipped: what a denoising autoencoder gets
    to see. Its target stays the clean frame.

    Raises:
        ValueError: negative noise.
    Source: Vincent et al. 2008, "Extracting and Composing Robust Features with Denoising Autoencoders", ICML.
    """
    if not noise >= 0:
        raise ValueError(f"noise {noise}: a standard deviation is 0 or more")
    free = torch.randn(frame.shape, generator=generator, device=generator.device, dtype=frame.dtype)
    return frame + noise * free.to(frame.device)
