"""Chapter 11 · short programs that run and are wrong, each in a way that is copied from tutorial to tutorial.

Do not use them: `mended` has the same names made right, `guards` what tells the two apart. Chapter 11 shows this very code; a
test holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn


def captioned_clips(count: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Films (count, 16, 32, 32, 3) with their captions."""
    says = ["moves right", "moves down", "bounces up and down", "spins"]
    step = {"moves right": (1, 0), "moves down": (0, 1)}
    y, x = np.mgrid[:32, :32]
    clips, captions = np.full((count, 16, 32, 32, 3), 16, np.uint8), []
    for i in range(count):
        shape, does = ("circle", "square")[i % 2], says[i // 2 % 4]
        dx, dy = step.get(does, (0, 0))
        for t in range(16):
            across, down = abs(x - 8 - dx * t), abs(y - 8 - dy * t)
            round_, straight = across**2 + down**2 < 30, np.maximum(across, down) < 5
            inside = round_ if shape == "circle" else straight
            clips[i, t][inside] = (228, 38, 44)
        captions.append(f"a red {shape} {does}")
    return clips, captions


def save_film(film: NDArray[np.floating], folder: str) -> None:
    """A film (T, H, W, 3), RGB in [-1, 1], as one picture a frame."""
    import cv2

    for t, frame in enumerate(film):
        pixels = (frame.clip(0, 1) * 255).astype(np.uint8)
        cv2.imwrite(f"{folder}/frame_{t}.png", pixels)


def load_film(folder: str) -> NDArray[np.uint8]:
    """The pictures of a folder as a film (T, H, W, 3) uint8."""
    from PIL import Image

    names = sorted(name for name in os.listdir(folder) if name.endswith(".png"))
    return np.stack([np.asarray(Image.open(f"{folder}/{name}")) for name in names])


def vocabulary(captions: Sequence[str]) -> dict[str, int]:
    """An id for every word."""
    words = set(" ".join(captions).split())
    return {word: i for i, word in enumerate(words)}


def channels_first(frames: Tensor) -> Tensor:
    """(B, T, H, W, 3) → (B, 3, T, H, W)."""
    B, T, H, W, C = frames.shape
    return frames.reshape(B, C, T, H, W)


def block(channels: int) -> nn.Sequential:
    """Convolution, norm, leaky ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels, 0.8),
        nn.LeakyReLU(0.2),
    )


class Residual(nn.Module):
    """x + f(x), meant to begin as x alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 4 * width
        out, back = nn.Linear(width, wide), nn.Linear(wide, width)
        self.f = nn.Sequential(out, nn.GELU(), back)
        for weight in self.f[2].parameters():
            nn.init.zeros_(weight)
        self.apply(self.init_weights)

    def init_weights(self, layer: nn.Module) -> None:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.2)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.f(x)
        return changed


def class_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of logits (B, K) with labels (B,)."""
    probabilities = logits.softmax(1)
    return F.cross_entropy(probabilities, label)


def vae_loss(x: Tensor, rebuilt: Tensor, mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    """Both terms of a variational autoencoder: x, rebuilt (B, D), mean, log_var (B, Z)."""
    rebuild = F.mse_loss(rebuilt, x)
    kl = -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp(), 1).mean()
    return rebuild, kl


def captioned_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, text: Tensor | None = None) -> float:
    """One step on a batch, with captions or without; returns the loss."""
    optimizer.zero_grad()
    if text is not None:
        loss: Tensor = (model(x, text) - x).square().mean()
    else:
        loss = (model(x) - x).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()


def players(G: nn.Module, D: nn.Module, lr: float) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """G's optimizer and D's."""
    gan = nn.ModuleList([G, D])
    opt_g = torch.optim.Adam(gan.parameters(), lr)
    opt_d = torch.optim.Adam(gan.parameters(), lr)
    return opt_g, opt_d


def gan_step(G: nn.Module, D: nn.Module, opt_g: torch.optim.Optimizer, opt_d: torch.optim.Optimizer,
             real: Tensor, z: Tensor) -> tuple[float, float]:
    """One turn of each player; returns L_D, L_G."""
    fake = G(z)
    score = D(fake)
    loss_d = F.softplus(-D(real)).mean() + F.softplus(score).mean()
    loss_g = F.softplus(-score).mean()
    opt_d.zero_grad(), opt_g.zero_grad()
    loss_d.backward(retain_graph=True)  # type: ignore[no-untyped-call]
    loss_g.backward()  # type: ignore[no-untyped-call]
    opt_d.step(), opt_g.step()
    return loss_d.item(), loss_g.item()


def judge_loss(D: Any, real: Tensor, fake: Tensor, text: Tensor) -> Tensor:
    """L_D; D(x, text) takes films and, if there are any, their captions (B, K)."""
    return F.softplus(-D(real)).mean() + F.softplus(D(fake)).mean()


def pupil_loss(D: Any, fake: Tensor, text: Tensor) -> Tensor:
    """L_G of the same game."""
    return F.softplus(-D(fake)).mean()


def film_noise(count: int, frames: int, size: int) -> Tensor:
    """(B, T, size): what G draws the frames of films from, one row for each."""
    return torch.randn(count, frames, size)


def judge_film(D: Callable[..., Tensor], films: Tensor) -> Tensor:
    """(B,) D's scores of films (B, T, ...)."""
    return D(films.flatten(0, 1)).view(films.shape[:2]).mean(1)


def flow_loss(v: Any, data: Tensor, text: Tensor, null: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """Flow matching for guidance: velocity v(x, t, text), data and noise (B, 2), t (B, 1), null (K,): no caption."""
    x_t = (1 - t) * noise + t * data
    loss: Tensor = (v(x_t, t, text) - (data - noise)).square().mean()
    return loss


def path(noise: Tensor, data: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Where the point is at time t, and its velocity: what the network learns."""
    x_t = t * noise + (1 - t) * data
    return x_t, noise - data


def euler(v: Any, noise: Tensor, steps: int) -> Tensor:
    """From noise to data by steps of 1 / steps along v(x, t)."""
    x = noise
    for k in range(steps):
        t = torch.full((len(x), 1), k / steps)
        x = x + v(x, t) / steps
    return x
