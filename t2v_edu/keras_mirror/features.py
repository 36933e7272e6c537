"""Chapter 11 · films to feature vectors, in Keras · twin of `vision.features`, which names the sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import layers, ops

from t2v_edu.keras_mirror.parts import BatchNorm, Composite, Mirror, Tensor, padded, registered

KINDS = ("frames", "3d", "2+1d")
Layers = list[layers.Layer]


def convolution(kind: str, channels_in: int, channels_out: int, stride: int = 1) -> layers.Layer | Layers:
    """One layer of a kind, or the four of a factorised one, as in `vision.features.convolution`."""
    still = (1, stride, stride)
    if kind == "frames":
        return layers.Conv3D(channels_out, (1, 3, 3), still, use_bias=False)
    if kind == "3d":
        return layers.Conv3D(channels_out, 3, (stride, stride, stride), use_bias=False)
    middle = 27 * channels_in * channels_out // (9 * channels_in + 3 * channels_out)  # as many weights as the whole one has
    return [
        layers.Conv3D(middle, (1, 3, 3), still, use_bias=False),  # where: in each frame
        BatchNorm(),
        layers.ReLU(),
        layers.Conv3D(channels_out, (3, 1, 1), (stride, 1, 1), use_bias=False),  # when: along each pixel's time
    ]


def run(convolution: layers.Layer | Layers, x: Tensor, training: bool) -> Tensor:
    """x through what `convolution` made."""
    for layer in convolution if isinstance(convolution, list) else [convolution]:
        if isinstance(layer, layers.Conv3D):
            x = padded(layer, x)
        elif isinstance(layer, BatchNorm):
            x = layer(x, training=training)
        else:
            x = layer(x)
    return x


class ResidualBlock(Composite):
    """y = ReLU(x + f(x)): two convolutions learn what is to be added to their input."""

    def __init__(self, kind: str, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(kind, channels_in, channels_out, stride)
        self.second = convolution(kind, channels_out, channels_out)
        self.norms = [BatchNorm(), BatchNorm()]
        thin = (1 if kind == "frames" else stride, stride, stride)
        same = stride == 1 and channels_in == channels_out
        self.shortcut = None if same else layers.Conv3D(channels_out, 1, thin, use_bias=False)

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """(B, T, H, W, N) → (B, T', H', W', N')."""
        y = ops.relu(self.norms[0](run(self.first, x, training), training=training))
        y = self.norms[1](run(self.second, y, training), training=training)
        return ops.relu((x if self.shortcut is None else self.shortcut(x)) + y)


@registered
class FeatureNet(Mirror):
    """Films to features, and features to the logits of what the actor does; `fit` with a cross-entropy from logits.

    Args:
        labels: the classes, in the order of the logits.
        kind: "frames" (each frame for itself), "3d", or "2+1d".
        width: channels of the first block; the next two have twice and four times as many, so D = 4 · width.
    """

    def __init__(self, labels: Sequence[str], kind: str = "2+1d", width: int = 16, name: str | None = None) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r}: choose one of {', '.join(KINDS)}")
        super().__init__(name, labels=list(labels), kind=kind, width=width)
        self.stem = layers.Conv3D(width, (1, 3, 3), (1, 2, 2), use_bias=False)
        self.norm = BatchNorm()
        self.blocks = [ResidualBlock(kind, width, width, 1), ResidualBlock(kind, width, 2 * width, 2),
                       ResidualBlock(kind, 2 * width, 4 * width, 2)]  # fmt: skip
        self.head = layers.Dense(len(labels))
        self(np.zeros((1, 4, 8, 8, 3), "float32"))

    def maps(self, video: Tensor, training: bool = False) -> list[Tensor]:
        """Feature maps (B, T', H', W', N) after the stem and after each block."""
        if len(video.shape) != 5 or video.shape[-1] != 3:
            raise ValueError(f"want a video (B, T, H, W, 3), not {tuple(video.shape)}")
        maps = [ops.relu(self.norm(padded(self.stem, video), training=training))]
        for block in self.blocks:
            maps.append(block(maps[-1], training=training))
        return maps

    def features(self, video: Tensor, training: bool = False) -> Tensor:
        """video (B, T, H, W, 3) in [-1, 1] → (B, D): the last maps, averaged over time and space."""
        return ops.mean(self.maps(video, training)[-1], (1, 2, 3))

    def call(self, video: Tensor, training: bool = False) -> Any:
        """video (B, T, H, W, 3) in [-1, 1] → logits (B, K).

        Raises:
            ValueError: no video of that form.
        """
        return self.head(self.features(video, training))
