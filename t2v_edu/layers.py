"""Small parts that several models are built of."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Modulate(nn.Module):
    """Scale and shift feature maps by a code: x·(1 + scale) + shift; the identity at the start.

    Source: Perez et al. 2018, "FiLM", arXiv:1709.07871.
    """

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(code, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """x (N, C, H, W), code (N, D)."""
        scale, shift = self.linear(code)[:, :, None, None].chunk(2, 1)
        modulated: Tensor = x * (1 + scale) + shift
        return modulated


class UpBlock(nn.Module):
    """Twice the side: nearest-neighbour upsampling, a 3×3 convolution, modulation by a code, leaky ReLU."""

    def __init__(self, channels_in: int, channels_out: int, code: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.modulate = Modulate(code, channels_out)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """x (N, C, H, W), code (N, D) → (N, C', 2H, 2W)."""
        x = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
        return F.leaky_relu(self.modulate(x, code), 0.2)


def two_layers(features_in: int, hidden: int, features_out: int, *, small: bool = False) -> nn.Sequential:
    """Linear, leaky ReLU, linear; `small` starts with outputs near zero."""
    last = nn.Linear(hidden, features_out)
    if small:
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(features_in, hidden), nn.LeakyReLU(0.2), last)
