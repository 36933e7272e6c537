"""Chapter 12 · a transformer over latent video and words that says which way noise has to flow to become the caption's film.

Four neighbouring latent vectors of a frame make one place of a stream. In every block all places look at each other and at the
words of the caption, in one softmax. Time and the caption's pooled code steer each block by scale, shift and gate ("adaLN-zero":
the gates start at 0, so a fresh net is the identity); one small net computes them for all blocks.

Source: Peebles & Xie 2023, "Scalable Diffusion Models with Transformers", arXiv:2212.09748, for patches and steering; pictures
and words under one softmax: Esser et al. 2024, arXiv:2403.03206, where words are rewritten by every block, and here they are not;
one modulation for all blocks: Chen et al. 2023, "PixArt-α", arXiv:2310.00426; normalised queries and keys: Dehghani et al. 2023,
arXiv:2302.05442.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.layers import sinusoids
from t2v_edu.text.encoders import TextCode


@dataclass(frozen=True)
class FlowConfig:
    """Sizes of a flow transformer.

    Args:
        frames, size: T and H = W of the videos: multiples of 4 and of 8.
        latent: numbers of a latent vector, as the autoencoder's.
        text: width of the text code.
        width: of the stream, a multiple of 2·`heads`.  depth: how many blocks.
        patch: side of the square of latent vectors that make one place of the stream.
    """

    frames: int = 16
    size: int = 32
    latent: int = 16
    text: int = 128
    width: int = 192
    heads: int = 6
    depth: int = 6
    patch: int = 2

    def __post_init__(self) -> None:
        if self.frames % 4 or self.size % 8 or self.frames < 4 or self.size < 8:
            raise ValueError(f"frames must be a multiple of 4 and size of 8, not {self.frames} and {self.size}")
        if self.width % (2 * self.heads):
            raise ValueError(f"the width must be a multiple of twice the heads, not {self.width} for {self.heads} heads")
        if self.patch < 1 or self.size // 8 % self.patch:
            raise ValueError(f"patch {self.patch}: use a divisor of {self.size // 8}, the side of the latents")

    @property
    def grid(self) -> tuple[int, int, int]:
        """T/4, H/8, W/8: the latents of a clip."""
        return self.frames // 4, self.size // 8, self.size // 8


SIZES = {
    "toy": FlowConfig(text=64, width=96, heads=4, depth=3),
    "small": FlowConfig(),
    "base": FlowConfig(size=64, text=256, width=288, heads=9, depth=8),
}


class StreamBlock(nn.Module):
    """Attention to the stream and to the words, and feed-forward, each scaled and shifted before and gated after."""

    def __init__(self, width: int, heads: int, text: int) -> None:
        super().__init__()
        self.heads = heads
        self.own = nn.Parameter(torch.zeros(6 * width))  # this block's part of the modulation
        self.query_key_value = nn.Linear(width, 3 * width)
        self.word_key_value = nn.Linear(text, 2 * width)
        self.norm_query, self.norm_key = nn.RMSNorm(width // heads), nn.RMSNorm(width // heads)
        self.out = nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, steer: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """x (B, N, D), steer (B, 6·D), words (B, L, text), mask bool (B, 1, 1, N + L), True where one may look → (B, N, D)."""
        scale_a, shift_a, gate_a, scale_f, shift_f, gate_f = (steer + self.own)[:, None].chunk(6, -1)  # (B, 1, D) each
        x = x + gate_a * self.look(normalise(x) * (1 + scale_a) + shift_a, words, mask)
        steered: Tensor = x + gate_f * self.think(normalise(x) * (1 + scale_f) + shift_f)
        return steered

    def look(self, x: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """Multi-head attention of the stream to itself and the words, (B, N, D), (B, L, text) → (B, N, D)."""
        q, k, v = self.query_key_value(x).chunk(3, -1)
        word_k, word_v = self.word_key_value(words).chunk(2, -1)
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, N or N + L, D / heads)
                   for y in (q, torch.cat([k, word_k], 1), torch.cat([v, word_v], 1)))
        # the same numbers as layers.attention, without writing out the (N, N + L) table of weights
        seen = F.scaled_dot_product_attention(self.norm_query(q), self.norm_key(k), v, attn_mask=mask)
        looked: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return looked


def normalise(x: Tensor) -> Tensor:
    """LayerNorm without weights of its own: scale and shift come from time and caption."""
    return F.layer_norm(x, x.shape[-1:])


def to_patches(x: Tensor, side: int) -> Tensor:
    """(B, D, T', H', W') → (B, T'·H'/side·W'/side, D·side²): the vectors of each square of a frame side by side."""
    b, d, t, h, w = x.shape
    x = x.reshape(b, d, t, h // side, side, w // side, side)
    return x.permute(0, 2, 3, 5, 1, 4, 6).flatten(4).flatten(1, 3)


def from_patches(x: Tensor, grid: tuple[int, int, int], side: int) -> Tensor:
    """The inverse of `to_patches`, onto a grid of T'×H'×W'."""
    t, h, w = grid
    x = x.reshape(len(x), t, h // side, w // side, -1, side, side)
    return x.permute(0, 4, 1, 2, 5, 3, 6).reshape(len(x), -1, t, h, w)


def grid_positions(grid: tuple[int, int, int], width: int) -> Tensor:
    """(T'·H'·W', width): waves of the frame in the first half, of the row and of the column in a quarter each."""
    t, y, x = torch.meshgrid(*(torch.arange(n) for n in grid), indexing="ij")
    quarter = width // 4 // 2 * 2
    waves = [sinusoids(t, width - 2 * quarter), sinusoids(y, quarter), sinusoids(x, quarter)]
    return torch.cat(waves, -1).flatten(0, 2)


class FlowTransformer(nn.Module):
    """The velocity field v(x, t | caption) in the space of latents."""

    positions: Tensor

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        (frames, height, across), p = config.grid, config.patch
        self.register_buffer("positions", grid_positions((frames, height // p, across // p), width), persistent=False)
        self.latents_in = nn.Linear(config.latent * p * p, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.pooled = nn.Linear(config.text, width)
        self.steer = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(StreamBlock(width, config.heads, config.text) for _ in range(config.depth))
        self.last = nn.Linear(width, 2 * width)
        self.velocity = nn.Linear(width, config.latent * p * p)
        self.no_word = nn.Parameter(torch.zeros(config.text))  # the one word of no caption
        self.no_caption = nn.Parameter(torch.zeros(config.text))  # and what its pooled code is then
        for zero in (self.steer[1], self.last, self.velocity):  # last of all inits: a fresh net changes nothing
            nn.init.zeros_(zero.weight)  # type: ignore[arg-type]
            nn.init.zeros_(zero.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, t: Tensor, text: TextCode) -> Tensor:
        """x (B, D, T', H', W') at times t (B,), with captions → velocity (B, D, T', H', W').

        Raises:
            ValueError: latents of another shape, or not one time and one caption for each.
        """
        c = self.config
        if x.shape[1:] != (c.latent, *c.grid) or t.shape != x.shape[:1] or len(text.pooled) != len(x):
            raise ValueError(f"this net takes latents (B, {c.latent}, {', '.join(map(str, c.grid))}) with B times and B "
                             f"captions, not {tuple(x.shape)} with {tuple(t.shape)} and {len(text.pooled)}")
        stream = self.latents_in(to_patches(x, c.patch)) + self.positions  # (B, N, W)
        mask = F.pad(text.mask, (stream.shape[1], 0), value=True)[:, None, None]  # (B, 1, 1, N + L)
        code = self.time(sinusoids(1000 * t, c.width)) + self.pooled(text.pooled)  # (B, W)
        steer = self.steer(code)
        for block in self.blocks:
            stream = block(stream, steer, text.tokens, mask)
        scale, shift = self.last(F.silu(code))[:, None].chunk(2, -1)
        return from_patches(self.velocity(normalise(stream) * (1 + scale) + shift), c.grid, c.patch)

    def forget(self, text: TextCode, dropped: Tensor) -> TextCode:
        """The captions' code with those marked in dropped (B,) replaced by "no caption": one learned word, one learned code."""
        first = torch.arange(text.mask.shape[1], device=dropped.device) == 0
        tokens = torch.where(dropped[:, None, None], self.no_word.to(text.tokens.dtype), text.tokens)
        pooled = torch.where(dropped[:, None], self.no_caption.to(text.pooled.dtype), text.pooled)
        return TextCode(tokens, pooled, torch.where(dropped[:, None], first, text.mask))
