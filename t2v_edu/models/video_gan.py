"""Chapter 10 · the conditional video GAN: content once, motion in time, both told by the caption.

Content and motion codes: Tulyakov et al. 2018, "MoCoGAN", arXiv:1707.04993. A moving foreground over a still background:
Vondrick et al. 2016, arXiv:1609.02612. The foreground is moved by a sampling grid: Jaderberg et al. 2015, arXiv:1506.02025.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.layers import UpBlock, two_layers
from t2v_edu.models.video_critics import VideoGANConfig
from t2v_edu.text.encoders import Listener
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.weights import load_weights, model_folder, read_card, save_model

SWINGS = tuple(k / 4 for k in range(1, 13))  # cycles a clip, of the sines and cosines that paths are made of
EDGE = 6.0  # beyond its sheet a cut-out ends: there the mask's logit is -EDGE, and no sheet can pass for the wall
ZOOM = 1.6  # the frame's side over a sheet's, before a pose is learned: a cut-out starts in the middle, finer than the frame


def beats(frames: int) -> Tensor:
    """(T, K) what the clock says in each of T frames: 1, t, and the swings cos 2πft and sin 2πft, with t from 0 to 1."""
    t = torch.linspace(0, 1, frames)[:, None]
    phase = 2 * math.pi * t * torch.tensor(SWINGS)
    return torch.cat([torch.ones_like(t), t, phase.cos(), phase.sin()], 1)


def spot(size: int) -> Tensor:
    """(size, size) what is added to every mask's logits: a round spot, so that a cut-out begins as something in the middle of
    its sheet. Without it, a model may as well cut a hole into a sheet that covers the frame, and move the wall."""
    axis = torch.linspace(-1, 1, size).square()
    return 3 - 6 * (axis[:, None] + axis)


class Generator(nn.Module):
    """Noise and caption to video.

    A film of paper cut-outs: the caption draws a still backdrop, a content code a few cut-outs (colour and mask) on sheets; a
    motion code says where each sheet is looked at in each frame (an affine grid), which moves, turns and scales its cut-out.
    """

    def __init__(self, config: VideoGANConfig) -> None:
        super().__init__()
        c = config
        self.config = c
        self.early = False  # in training: whether a rate of turning is learned from the first frames alone
        self.beats: Tensor
        self.spot: Tensor
        self.content = nn.Sequential(two_layers(c.noise - c.moving + c.text, c.code, c.code), nn.LeakyReLU(0.2))
        self.expect = two_layers(c.text, c.motion, 2 * c.noise, small=True)
        self.drive = nn.Linear(c.moving, c.motion)
        self.direct = two_layers(c.text, 2 * c.motion, 2 * c.motion)
        self.pose = two_layers(c.motion, 2 * c.motion, 3 * c.layers * (2 + 2 * len(SWINGS)), small=True)
        self.turn = two_layers(c.text, c.motion, c.layers, small=True)
        self.register_buffer("beats", beats(c.frames), persistent=False)
        self.register_buffer("spot", spot(c.size), persistent=False)
        sides = c.size.bit_length() - 3  # doublings from 4×4
        widths = [min(128, c.width * 2 ** (sides - i)) for i in range(sides + 1)]
        self.seed = nn.Linear(c.code, widths[0] * 16)
        self.up = nn.ModuleList(UpBlock(a, b, c.code) for a, b in itertools.pairwise(widths))
        self.stage = Backdrop(c)
        self.sheets = nn.Conv2d(widths[-1], 4 * c.layers, 3, padding=1)

    def forward(self, noise: Tensor, text: Tensor) -> Tensor:
        """noise (B, Z) as `draw` gives it, pooled text (B, D) → video (B, 3, T, H, W) in [-1, 1]."""
        moving, content = noise.tensor_split([self.config.moving], 1)
        code = self.content(torch.cat([content, text], 1))  # (B, code)
        poses = self.move(self.motion(moving, text), text)  # (B, T, layers, 2, 3)
        x = self.seed(code).unflatten(1, (-1, 4, 4))  # (B, C, 4, 4)
        for block in self.up:
            x = block(x, code)  # (B, C, H, W)
        still = self.stage(text)  # (B, 3, H, W)
        return self.film(still, self.sheets(x), poses)  # (B, 3, T, H, W)

    def prior(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """What noise to expect under a pooled caption (B, D): mean (B, Z), log-variance (B, Z).

        A caption that leaves less open has less noise: a learned prior, Sohn et al. 2015, NeurIPS 28.
        """
        mean, log_var = self.expect(text).chunk(2, 1)
        return mean, log_var.clamp(-8.0, 4.0)

    def draw(self, free: Tensor, text: Tensor) -> Tensor:
        """Standard normal numbers (B, Z) to noise (B, Z) that suits the pooled captions (B, D)."""
        mean, log_var = self.prior(text)
        return mean + (0.5 * log_var).exp() * free

    def motion(self, noise: Tensor, text: Tensor) -> Tensor:
        """Motion code (B, motion) of noise (B, moving), modulated by the pooled caption (B, D).

        Of the last two numbers only the direction counts: a point on a circle, which is what the phase of a swing is.
        """
        noise = torch.cat([noise[:, :-2], F.normalize(noise[:, -2:])], 1)
        scale, shift = self.direct(text).chunk(2, 1)
        return F.leaky_relu(self.drive(noise) * scale + shift, 0.2)

    def move(self, motion: Tensor, text: Tensor) -> Tensor:
        """Where every sheet is looked at in every frame: affine maps (B, T, layers, 2, 3) from a motion code (B, motion).

        The code is turned into the coefficients of sums of swings in time, one sum each for where a cut-out is (x and y) and
        how large: a path is smooth by construction, and a line, a bounce, an orbit are a term or two. How fast it turns, in
        radians a clip, the caption says alone (B, D): noise there, or swings, would smear all forms into discs.
        """
        layers = self.config.layers
        swings = self.pose(motion).view(len(motion), layers, 3, -1)  # (B, layers, 3, K)
        x, y, size = torch.einsum("blpk,tk->pbtl", swings, self.beats).unbind()  # (B, T, layers) each
        x, y = 1.5 * torch.tanh(x / 1.5), 1.5 * torch.tanh(y / 1.5)  # no cut-out is ever lost from sight
        rate = self.turn(text)[:, None]  # (B, 1, layers)
        if self.early:  # soon a star turned one way looks like one turned the other way: look at the first few frames
            late = 1 - torch.exp((1 - torch.arange(self.config.frames, device=rate.device)) / 1.5).clamp(max=1)
            rate = rate + late[:, None] * (rate.detach() - rate)  # the same rate for all (B, T, layers), a gradient for some
        turn = rate * self.beats[:, 1, None]
        zoom = ZOOM * torch.exp(-torch.tanh(0.3 * size))
        cos, sin = zoom * turn.cos(), zoom * turn.sin()
        maps = torch.stack([cos, sin, -cos * x - sin * y, -sin, cos, sin * x - cos * y], -1)  # turned, scaled, about (x, y)
        return maps.view(*maps.shape[:-1], 2, 3).nan_to_num(0.0)  # grid_sample cannot bear NaN; the loss shows it

    def film(self, still: Tensor, sheets: Tensor, poses: Tensor) -> Tensor:
        """Lay the cut-outs of `sheets` (B, 4·layers, H, W: colour and mask) over a backdrop (B, 3, H, W), moved to where each
        frame's motion code puts them → (B, 3, T, H, W)."""
        batch, frames = poses.shape[:2]
        height, width = still.shape[2:]
        video = still[:, :, None].expand(-1, -1, frames, -1, -1)
        for layer, sheet in enumerate(torch.split(sheets, 4, 1)):
            cutout = torch.cat([torch.tanh(sheet[:, :3]), sheet[:, 3:] + self.spot + EDGE], 1)  # (B, 4, H, W)
            grid = F.affine_grid(poses[:, :, layer].flatten(0, 1), [batch * frames, 1, height, width], align_corners=False)
            grid = grid.reshape(batch, frames * height, width, 2)  # all frames of a clip look at the same sheet
            seen = F.grid_sample(cutout, grid, align_corners=False)  # (B, 4, T·H, W)
            seen = seen.view(batch, 4, frames, height, width)
            color, mask = seen[:, :3], seen[:, 3:] - EDGE  # (B, 3, T, H, W), (B, 1, T, H, W)
            video = torch.lerp(video, color, torch.sigmoid(mask))
        return video


class Backdrop(nn.Module):
    """Caption to a still picture. It hears no noise: a backdrop that knew where the actor is would paint it there for good."""

    def __init__(self, config: VideoGANConfig) -> None:
        super().__init__()
        doublings = config.size.bit_length() - 3  # from 4×4
        self.seed = nn.Linear(config.text, config.width * 16)
        self.up = nn.ModuleList(UpBlock(config.width, config.width, config.text) for _ in range(doublings))
        self.paint = nn.Conv2d(config.width, 3, 1)

    def forward(self, text: Tensor) -> Tensor:
        """pooled text (B, D) → (B, 3, H, W) in [-1, 1]."""
        x = self.seed(text).unflatten(1, (-1, 4, 4))  # (B, C, 4, 4)
        for block in self.up:
            x = block(x, text)  # (B, C, H, W)
        return torch.tanh(self.paint(x))


class VideoGAN(Listener):
    """Captions to videos: tokenizer, text encoder and generator, saved and loaded as one.

    Args:
        config: sizes.  tokenizer: its vocabulary travels with the weights.  worlds: the named worlds it was trained for.
    """

    kind = "video_gan"

    def __init__(self, config: VideoGANConfig, tokenizer: Tokenizer, worlds: Sequence[str] = ()) -> None:
        super().__init__(tokenizer, config.text)
        self.config, self.worlds = config, tuple(worlds)
        self.generator = Generator(config)

    @torch.no_grad()
    def generate(self, captions: Sequence[str], generator: torch.Generator) -> Tensor:
        """One video for each caption.

        Args:
            captions: B sentences made of the vocabulary's words.
            generator: source of the noise, on the CPU, so that every device gives the same films.
        Returns:
            (B, 3, T, H, W) in [-1, 1].
        Raises:
            ValueError: no caption, a caption without words, or a word that training never saw; its nearest known ones are named.
        """
        self.tokenizer.check(captions)
        free = torch.randn(len(captions), self.config.noise, generator=generator).to(self.device)
        text = self.encode(captions).pooled
        video: Tensor = self.generator(self.generator.draw(free, text), text)
        return video

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder."""
        save_model(self, path, self.kind, worlds=self.worlds, config=asdict(self.config), words=self.tokenizer.words)

    @classmethod
    def from_pretrained(cls, path_or_name: str | Path) -> VideoGAN:
        """Load a model from a folder, or a shipped one by its name.

        Raises:
            ValueError: no such model, another kind of model, weights that are truncated or do not fit.
        """
        folder = model_folder(path_or_name)
        card = read_card(folder, cls.kind)
        model = cls(card.config(VideoGANConfig), Tokenizer(card["words"]), card["worlds"])
        load_weights(model, folder / "model.safetensors")
        return model.eval()
