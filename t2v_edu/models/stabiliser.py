"""Chapter 12 · the last stage of a film: where the figure is in every frame, where the caption wants it, and the shift between.

Latents in which one number stands for 48 say where a figure is to a fraction of a pixel only, a flow adds errors of its own, and
films shake. A stabiliser knows the caption. A small convolutional net marks what stands out from the place; the centroid of each
frame is the path that the film shows. A second net, steered by the caption, answers with the path that the world would show in
its stead: the caption says how the figure moves, the film says where, and at which point of its cycle it began. The figure is
moved by the difference. Where no figure is near, every frame shows the mean of what the film shows there when none is.

Source: estimate the motion, mend the path, move the pixels: Grundmann, Kwatra & Essa 2011, "Auto-Directed Video Stabilization
with Robust L1 Optimal Camera Paths", CVPR; pixels moved by a grid: Jaderberg et al. 2015, "Spatial Transformer Networks",
arXiv:1506.02025; a caption that scales and shifts hidden layers: Perez et al. 2018, "FiLM", arXiv:1709.07871. There it is the
camera that shakes; here it is the figure, and the caption says how it ought to move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.weights import load_weights, read_card, save_model

UNIT = 0.1  # of the side: what the net of paths takes and answers as 1
FARTHEST = 0.08  # of the side: where a figure is farther off it is another film, which no shift mends; none from twice that on
SHOWS = (0.02, 0.07)  # of a channel's 2: up to the first difference a pixel counts as the place's, from the second on it does not


@dataclass(frozen=True)
class StabiliserConfig:
    """Sizes of a stabiliser.

    Args:
        frames: T of the videos.  text: width of the captions' pooled code.
        channels: of the net that marks the figure.  width: of the net of paths.
    Raises:
        ValueError: a size below 1.
    """

    frames: int = 16
    text: int = 128
    channels: int = 28
    width: int = 160

    def __post_init__(self) -> None:
        if min(self.frames, self.text, self.channels, self.width) < 1:
            raise ValueError(f"{self}: use 1 or more for every size")


class Paths(nn.Module):
    """The path that a figure shows, and its caption, to the path that it ought to show.

    Two hidden layers, which the caption scales and shifts, and what it says of the path by itself.
    """

    def __init__(self, config: StabiliserConfig) -> None:
        super().__init__()
        self.split = (config.width, config.width, 2 * config.frames)
        self.steer = nn.Sequential(nn.Linear(config.text, 64), nn.SiLU(), nn.Linear(64, sum(self.split)))
        self.take = nn.Linear(2 * config.frames, config.width)
        self.think = nn.Linear(config.width, config.width)
        self.answer = nn.Linear(config.width, 2 * config.frames)

    def forward(self, path: Tensor, code: Tensor) -> Tensor:
        """path (B, 2, T) in side lengths and code (B, text) → (B, 2, T), about the same centre."""
        centre = path.mean(-1, keepdim=True)
        scale, shift, plain = self.steer(code).split(self.split, 1)
        h = F.silu(self.take((path - centre).flatten(1) / UNIT) * (1 + scale) + shift)
        h = F.silu(self.think(h) * (1 + scale) + shift)
        about = UNIT * (self.answer(h) + plain).reshape(path.shape)
        wanted: Tensor = centre + about - about.mean(-1, keepdim=True)
        return wanted


class Stabiliser(nn.Module):
    """Videos (B, 3, T, H, W) of one figure with their captions' pooled codes (B, text) → the same, stabilised.

    Args:
        config: sizes.
        worlds: the named worlds whose captions it has learned. Captions of others have paths that it does not know.

    The codes are those of one text encoder; to codes of another, though of the same width, its answers mean nothing.
    """

    kind = "stabiliser"

    def __init__(self, config: StabiliserConfig | None = None, worlds: Sequence[str] = ()) -> None:
        super().__init__()
        self.config = c = config or StabiliserConfig()
        self.worlds = tuple(worlds)
        self.look = nn.Sequential(
            nn.Conv2d(6, c.channels, 3, padding=1), nn.SiLU(),
            *(layer for far in (2, 4, 8)
              for layer in (nn.Conv2d(c.channels, c.channels, 3, padding=far, dilation=far), nn.SiLU())),
            nn.Conv2d(c.channels, 1, 3, padding=1))
        self.paths = Paths(c)

    def hidden(self) -> list[nn.Module]:
        """The layers that no pixel, path or code touches."""
        return [*list(self.look)[2:-1], self.paths.steer, self.paths.think]

    def figure(self, video: Tensor) -> Tensor:
        """How far each pixel stands out from the place, (B, 3, T, H, W) → (B, T, H, W), 0 or more.

        As `stands_out`, without being told the place: beside each frame the net sees what is there most of the time.
        """
        mostly = video.median(2, keepdim=True).values.expand_as(video)
        frames = torch.cat([video, mostly], 1).transpose(1, 2).flatten(0, 1)  # (B·T, 6, H, W)
        marked: Tensor = F.softplus(self.look(frames), beta=4)
        return marked.reshape(len(video), *video.shape[2:])

    def forward(self, video: Tensor, code: Tensor) -> Tensor:
        """(B, 3, T, H, W) in [-1, 1] with codes (B, text) → the same shape.

        Raises:
            ValueError: another rank or number of frames, or not one code of the right width for each video.
        """
        c = self.config
        if video.ndim != 5 or video.shape[1:3] != (3, c.frames) or code.shape != (len(video), c.text):
            raise ValueError(f"a stabiliser takes videos (B, 3, {c.frames}, H, W) with codes (B, {c.text}), not "
                             f"{tuple(video.shape)} with {tuple(code.shape)}")
        figure = self.figure(video)
        path = centroid(figure)
        shift = self.paths(path, code) - path
        farthest = shift.norm(dim=1).amax(-1)[:, None, None]
        return settle(video, shift * (2 - farthest / FARTHEST).clamp(0, 1), around(figure))

    def save_pretrained(self, path: str | Path, *, half: bool = False) -> None:
        """Write the model into a folder, `half` in 16-bit numbers."""
        save_model(self, path, self.kind, half=half, worlds=self.worlds, config=asdict(self.config))

    @classmethod
    def from_pretrained(cls, path: str | Path) -> Self:
        """Read a model that `save_pretrained` wrote.

        Raises:
            ValueError: no such folder, another kind of model, weights of another size.
        """
        card = read_card(path, cls.kind)
        model = cls(card.config(StabiliserConfig), card["worlds"])
        load_weights(model, Path(path) / "model.safetensors")
        return model.eval()


def stands_out(video: Tensor, place: Tensor) -> Tensor:
    """How far each pixel's colour is from that of the place, (B, T, H, W); 0 where the difference is too small to see.

    Args:
        video: (B, 3, T, H, W) in [-1, 1].  place: (B, 3, 1, H, W), what would be seen there without a figure.
    """
    off = video - place
    seen = ((off.abs().amax(1) - SHOWS[0]) / (SHOWS[1] - SHOWS[0])).clamp(0, 1)
    far: Tensor = seen * off.norm(dim=1)
    return far


def centroid(figure: Tensor) -> Tensor:
    """Where the mass of each frame lies: (B, T, H, W) of 0 or more → (B, 2, T), x and y in side lengths."""
    height, width = figure.shape[-2:]
    mass = figure.sum((-2, -1)).clamp_min(1e-6)
    x = figure.sum(-2) @ ((torch.arange(width, device=figure.device) + 0.5) / width).to(figure)
    y = figure.sum(-1) @ ((torch.arange(height, device=figure.device) + 0.5) / height).to(figure)
    return torch.stack([x / mass, y / mass], 1)


def around(figure: Tensor) -> Tensor:
    """How near a figure is, (B, T, H, W) → the same shape: 1 on it and beside it, 0 from four pixels on.

    Args:
        figure: how far each pixel stands out. A quarter of the most in its frame is figure for sure.
    """
    sure = (4 * figure / figure.amax((-2, -1), keepdim=True).clamp_min(1e-6)).clamp(0, 1)
    return F.avg_pool2d(F.pad(F.max_pool2d(sure, 5, 1, 2), (1, 1, 1, 1), mode="replicate"), 3, 1)


def settle(video: Tensor, shift: Tensor, near: Tensor) -> Tensor:
    """Move what is near a figure in each frame, and show what lies behind, the same in every frame, everywhere else.

    Pixels between others are mixed from the four nearest: the figure's centroid is moved exactly, its edge gets a little softer.

    Args:
        video: (B, 3, T, H, W).  shift: (B, 2, T), in side lengths.  near: (B, T, H, W) from 0 to 1, see `around`.
    """
    ways = torch.eye(2, 3).to(video).expand(shift.shape[0] * shift.shape[2], 2, 3).clone()
    ways[:, :, 2] = -2 * shift.transpose(1, 2).flatten(0, 1)  # each pixel looks back to where it comes from; a side counts 2

    def moved(frames: Tensor) -> Tensor:
        each = frames.transpose(1, 2).flatten(0, 1)  # (B·T, C, H, W)
        at = F.affine_grid(ways, list(each.shape), align_corners=False)
        out = F.grid_sample(each, at, padding_mode="border", align_corners=False)
        return out.reshape(len(video), -1, *each.shape[1:]).transpose(1, 2)

    away = 1 - near[:, None] + 1e-6  # (B, 1, T, H, W); what a figure never leaves free is the mean of all frames
    behind = (video * away).sum(2, keepdim=True) / away.sum(2, keepdim=True)
    now = moved(near[:, None])
    return now * moved(video) + (1 - now) * behind
