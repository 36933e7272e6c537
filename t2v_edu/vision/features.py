"""Chapter 05 · films to feature vectors: residual nets that look frame by frame, in 3-D, and factorised into (2+1)-D.

Residual blocks: He et al. 2016, arXiv:1512.03385. Kernels of 3×3×3 throughout: Tran et al. 2015, "C3D", arXiv:1412.0767. One
skeleton with three kinds of convolution, and the factorised kind's width: Tran et al. 2018, arXiv:1711.11248.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.paths import DATA
from t2v_edu.weights import load_weights, read_card, save_model
from t2v_edu.world.scene import ACTIONS, Scene

KINDS = ("frames", "3d", "2+1d")
SHIPPED = DATA / "encoder"


class Encoder(Protocol):
    """Films to feature vectors: a `FeatureNet`, or a pretrained net of `vision.pretrained`."""

    def features(self, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) in [-1, 1] → (B, D)."""


def doings(actions: Sequence[str] = tuple(ACTIONS)) -> tuple[str, ...]:
    """All that actors can do, action and direction in one: "moves right", "moves left", …, "grows"."""
    return tuple(_said(action, direction) for action in actions for direction in ACTIONS[action][0])


def doing(scene: Scene) -> str:
    """What the first actor of a scene does, one of `doings()`."""
    return _said(scene.actors[0].action, scene.actors[0].direction)


def _said(action: str, direction: str) -> str:
    return action if direction == "none" else f"{action} {direction}"


@dataclass(frozen=True)
class FeatureConfig:
    """Sizes of a `FeatureNet`.

    Args:
        kind: "frames" (each frame for itself), "3d", or "2+1d".
        width: channels of the first block; the next two have twice and four times as many, so D = 4 · width.
        labels: the classes, in the order of the logits.
    """

    kind: str = "2+1d"
    width: int = 16
    labels: tuple[str, ...] = doings()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r}: choose one of {', '.join(KINDS)}")
        if self.width < 1:
            raise ValueError(f"width {self.width}: use 1 or more")
        if len(self.labels) < 2 or len(set(self.labels)) < len(self.labels):
            raise ValueError(f"labels {self.labels}: give two or more, each once")


def middle_channels(channels_in: int, channels_out: int) -> int:
    """Channels between the two halves of a factorised 3×3×3 convolution, so that it has as many weights as the whole one:
    ⌊t·d²·N·N' / (d²·N + t·N')⌋ with t = d = 3.

    Source: Tran et al. 2018, section 3.5.
    """
    return 27 * channels_in * channels_out // (9 * channels_in + 3 * channels_out)


def convolution(kind: str, channels_in: int, channels_out: int, stride: int = 1) -> nn.Module:
    """One layer of a kind, (B, N, T, H, W) → (B, N', T', H', W'); `stride` thins space, and time where the kind sees time."""
    space, still = (stride, stride), (1, stride, stride)
    if kind == "frames":
        return nn.Conv3d(channels_in, channels_out, (1, 3, 3), still, (0, 1, 1), bias=False)
    if kind == "3d":
        return nn.Conv3d(channels_in, channels_out, 3, (stride, *space), 1, bias=False)
    middle = middle_channels(channels_in, channels_out)
    return nn.Sequential(
        nn.Conv3d(channels_in, middle, (1, 3, 3), still, (0, 1, 1), bias=False),  # where: in each frame
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        nn.Conv3d(middle, channels_out, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),  # when: along each pixel's time
    )


class ResidualBlock(nn.Module):
    """y = ReLU(x + f(x)): two convolutions learn what is to be added to their input."""

    def __init__(self, kind: str, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(kind, channels_in, channels_out, stride)
        self.second = convolution(kind, channels_out, channels_out)
        self.norms = nn.ModuleList(nn.BatchNorm3d(channels_out) for _ in range(2))
        thin = (1 if kind == "frames" else stride, stride, stride)
        same = stride == 1 and channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv3d(channels_in, channels_out, 1, thin, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, T, H, W) → (B, N', T', H', W')."""
        y = F.relu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(y))
        return F.relu(self.shortcut(x) + y)


class FeatureNet(nn.Module):
    """Films to features, and features to the logits of what the actor does."""

    kind = "feature_net"

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width, config.width, 2 * config.width, 4 * config.width]
        self.stem = nn.Conv3d(3, widths[0], (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        self.norm = nn.BatchNorm3d(widths[0])
        strides = (1, 2, 2)
        self.blocks = nn.ModuleList(
            ResidualBlock(config.kind, a, b, s) for (a, b), s in zip(itertools.pairwise(widths), strides, strict=True)
        )
        self.head = nn.Linear(widths[-1], len(config.labels))

    @property
    def width(self) -> int:
        """D, the length of a feature vector."""
        return self.head.in_features

    def maps(self, video: Tensor) -> list[Tensor]:
        """Feature maps (B, N, T', H', W') after the stem and after each block.

        Raises:
            ValueError: no float tensor (B, 3, T, H, W), or none of its axes with something in it.
        """
        check_video(video)
        maps = [F.relu(self.norm(self.stem(video)))]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return maps

    def features(self, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) in [-1, 1] → (B, D): the last maps, averaged over time and space."""
        return self.maps(video)[-1].mean((2, 3, 4))

    def forward(self, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) in [-1, 1] → logits (B, K), in the order of `config.labels`."""
        logits: Tensor = self.head(self.features(video))
        return logits

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder."""
        save_model(self, path, self.kind, config=asdict(self.config))

    @classmethod
    def from_pretrained(cls, path: str | Path = SHIPPED) -> FeatureNet:
        """Load a net from a folder, the shipped one if none is named.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        net = cls(read_card(path, cls.kind).config(FeatureConfig))
        load_weights(net, Path(path) / "model.safetensors")
        return net.eval()


@torch.no_grad()
def features_of(net: Encoder, video: Tensor, batch: int = 64) -> Tensor:
    """Features (N, D) of many films (N, 3, T, H, W), `batch` at a time: what a Fréchet distance is taken of."""
    return torch.cat([net.features(video[i : i + batch]) for i in range(0, max(len(video), 1), batch)])


def check_video(video: Tensor) -> None:
    """Refuse what is no float video (B, 3, T, H, W): a ValueError quotes what came."""
    if video.ndim != 5 or video.shape[1] != 3 or 0 in video.shape:
        raise ValueError(f"want a video (B, 3, T, H, W), not {tuple(video.shape)}; a film of frames goes through "
                         "t2v_edu.video.to_tensor first")
    if not video.is_floating_point():
        raise ValueError(f"want floating-point numbers from -1 to 1, not {video.dtype} {tuple(video.shape)}; "
                         "t2v_edu.video.to_tensor makes them of frames")
