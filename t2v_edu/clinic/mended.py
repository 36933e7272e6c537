"""Chapter 11 · the programs of `wrong`, made right: same names, same arguments."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.world.captions import say
from t2v_edu.world.render import render
from t2v_edu.world.scene import sample_scene


def captioned_clips(count: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Films (count, 16, 32, 32, 3) with their captions."""
    rng = np.random.default_rng(0)
    scenes = [sample_scene("shapes", rng) for _ in range(count)]
    clips = np.stack([render(scene, rng=rng) for scene in scenes])  # each has its start
    captions = [say(scene, "en", rng) for scene in scenes]  # of what was drawn
    return clips, captions


def save_film(film: NDArray[np.floating], folder: str) -> None:
    """A film (T, H, W, 3), RGB in [-1, 1], as one picture a frame."""
    import cv2

    for t, frame in enumerate(film):
        pixels = ((frame.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
        cv2.imwrite(f"{folder}/frame_{t:04}.png", pixels[..., ::-1])  # OpenCV's BGR


def load_film(folder: str) -> NDArray[np.uint8]:
    """The pictures of a folder as a film (T, H, W, 3) uint8."""
    from PIL import Image

    names = sorted(name for name in os.listdir(folder) if name.endswith(".png"))
    return np.stack([np.asarray(Image.open(f"{folder}/{name}")) for name in names])


def vocabulary(captions: Sequence[str]) -> dict[str, int]:
    """An id for every word."""
    words = sorted(set(" ".join(captions).split()))
    return {word: i for i, word in enumerate(words)}


def channels_first(frames: Tensor) -> Tensor:
    """(B, T, H, W, 3) → (B, 3, T, H, W)."""
    return frames.permute(0, 4, 1, 2, 3)


def block(channels: int) -> nn.Sequential:
    """Convolution, norm, leaky ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels, momentum=0.2),
        nn.LeakyReLU(0.2),
    )


class Residual(nn.Module):
    """x + f(x), meant to begin as x alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 4 * width
        out, back = nn.Linear(width, wide), nn.Linear(wide, width)
        self.f = nn.Sequential(out, nn.GELU(), back)
        self.apply(self.init_weights)
        for weight in self.f[2].parameters():
            nn.init.zeros_(weight)  # last: nothing may come after it

    def init_weights(self, layer: nn.Module) -> None:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.2)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.f(x)
        return changed


def class_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of logits (B, K) with labels (B,)."""
    return F.cross_entropy(logits, label)


def vae_loss(x: Tensor, rebuilt: Tensor, mean: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    """Both terms of a variational autoencoder: x, rebuilt (B, D), mean, log_var (B, Z)."""
    rebuild = 0.5 * torch.sum((rebuilt - x) ** 2, 1).mean()  # nats
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
    opt_g = torch.optim.Adam(G.parameters(), lr)
    opt_d = torch.optim.Adam(D.parameters(), lr)
    return opt_g, opt_d


def gan_step(G: nn.Module, D: nn.Module, opt_g: torch.optim.Optimizer, opt_d: torch.optim.Optimizer,
             real: Tensor, z: Tensor) -> tuple[float, float]:
    """One turn of each player; returns L_D, L_G."""
    fake = G(z)
    loss_d = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()
    opt_d.zero_grad()
    loss_d.backward()  # type: ignore[no-untyped-call]
    opt_d.step()
    loss_g = F.softplus(-D(fake)).mean()  # scored anew
    opt_g.zero_grad()
    loss_g.backward()  # type: ignore[no-untyped-call]
    opt_g.step()
    return loss_d.item(), loss_g.item()


def judge_loss(D: Any, real: Tensor, fake: Tensor, text: Tensor) -> Tensor:
    """L_D; D(x, text) takes films and, if there are any, their captions (B, K)."""
    wrong = text.roll(1, 0)  # a neighbour's caption
    made, misread = F.softplus(D(fake, text)).mean(), F.softplus(D(real, wrong)).mean()
    return F.softplus(-D(real, text)).mean() + 0.5 * (made + misread)


def pupil_loss(D: Any, fake: Tensor, text: Tensor) -> Tensor:
    """L_G of the same game."""
    return F.softplus(-D(fake, text)).mean()


def film_noise(count: int, frames: int, size: int) -> Tensor:
    """(B, T, size): what G draws the frames of films from, one row for each."""
    stays = torch.randn(count, 1, size - 4).expand(-1, frames, -1)  # who, and where
    t = torch.linspace(0, torch.pi, frames)[:, None] * torch.arange(1, 5)  # when
    return torch.cat([stays, t.cos().expand(count, -1, -1)], 2)


def judge_film(D: Callable[..., Tensor], films: Tensor) -> Tensor:
    """(B,) D's scores of films (B, T, ...)."""
    return D(films.flatten(1)).view(-1)  # all frames at once


def flow_loss(v: Any, data: Tensor, text: Tensor, null: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """Flow matching for guidance: velocity v(x, t, text), data and noise (B, 2), t (B, 1), null (K,): no caption."""
    x_t = (1 - t) * noise + t * data
    dropped = torch.arange(len(text)) % 8 == 0  # one caption in eight
    text = torch.where(dropped[:, None], null, text)
    loss: Tensor = (v(x_t, t, text) - (data - noise)).square().mean()
    return loss


def path(noise: Tensor, data: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Where the point is at time t, and its velocity: what the network learns."""
    x_t = (1 - t) * noise + t * data
    return x_t, data - noise


def euler(v: Any, noise: Tensor, steps: int) -> Tensor:
    """From noise to data by steps of 1 / steps along v(x, t)."""
    x = noise
    for k in range(steps):
        t = torch.full((len(x), 1), k / steps)
        x = x + v(x, t) / steps
    return x
