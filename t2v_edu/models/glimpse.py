"""Chapter 13 · a closer look: find what differs from the background, bring it to one size · Jaderberg et al. 2015."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.losses.reconstruction import corners

SIDE = 16  # pixels of a patch
WIDE = 2.1  # half of a patch's side over the spread of what it shows: of a disc of radius r the spread is r/√2


def extent(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centre x and y of a weight (..., H, W) and its spread, the root mean squared distance from there; all (...), in [-1, 1]
    coordinates. Where there is next to nothing they are the middle and small."""
    y_axis, x_axis = ((2 * torch.arange(n, device=weight.device) + 1) / n - 1 for n in weight.shape[-2:])
    share = weight / (weight.sum((-2, -1), keepdim=True) + 1e-4 * weight[0, 0].numel())
    x, y = (share.sum(-2) * x_axis).sum(-1), (share.sum(-1) * y_axis).sum(-1)
    far = (x_axis - x[..., None, None]).square() + (y_axis[:, None] - y[..., None, None]).square()
    return x, y, ((share * far).sum((-2, -1)) + 1e-4).sqrt()


class Patches(NamedTuple):
    """M looks at each of B films: patches (B, M, 4, 16, 16), colour less the background's and, last, a silhouette in [0, 1]; and
    of each its moment, height, distance from the left and spread (B, M, 4), in [-1, 1] coordinates."""

    pixels: Tensor
    places: Tensor


def patches(video: Tensor, count: int) -> Patches:
    """Cut `count` patches out of each film, evenly spaced in time; gradients reach the film, through where it looks too.

    Args:
        video: (B, 3, T, H, W) in [-1, 1], something in front of a plain background.
    Source: an attention window by an affine grid, Jaderberg et al. 2015, arXiv:1506.02025.
    """
    frames = video.shape[2]
    moments = ((2 * torch.arange(count, device=video.device) + 1) * frames) // (2 * count)
    shown, plain = video[:, :, moments], corners(video)  # (B, 3, M, H, W), (B, 3)
    off = shown - plain[:, :, None, None, None]  # (B, 3, M, H, W)
    x, y, spread = extent(off.square().sum(1))  # (B, M) each
    half = (WIDE * spread).clamp(0.1, 1.0)
    still = torch.zeros_like(x)
    window = torch.stack([half, still, x, still, half, y], -1).view(-1, 2, 3)  # (B·M, 2, 3)
    grid = F.affine_grid(window, [len(window), 3, SIDE, SIDE], align_corners=False)
    pixels = F.grid_sample(off.transpose(1, 2).flatten(0, 1), grid, align_corners=False)  # (B·M, 3, 16, 16)
    strength = (pixels.square().sum(1, keepdim=True) + 1e-6).sqrt()  # a root has no slope at 0
    silhouette = strength / (strength.amax((2, 3), keepdim=True) + 1e-3)
    time = (2 * moments + 1) / frames - 1
    places = torch.stack([time.expand_as(x), y, x, spread], -1)  # (B, M, 4)
    return Patches(torch.cat([pixels, silhouette], 1).unflatten(0, places.shape[:2]), places)  # type: ignore[no-untyped-call]


class Glimpse(nn.Module):
    """Patches to notes: a small convolutional net looks at each, and is told where and when it was."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(4, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.note = nn.Linear(32 * (SIDE // 4) ** 2 + 4, hidden)

    def forward(self, seen: Patches) -> Tensor:
        """Patches of B films → (B, M, hidden)."""
        maps = self.net(seen.pixels.flatten(0, 1)).view(*seen.places.shape[:2], -1)  # (B, M, D)
        return F.relu(self.note(torch.cat([maps, seen.places], -1)))
