"""Chapter 12 · a transformer over latent video and words that says which way noise has to flow to become the caption's film.

All 64 latent vectors of a clip and the words of its caption stand in one stream and look at each other in every block. Time and
the caption's pooled code steer each block by scale, shift and gate ("adaLN-zero": the gates start at 0, so a fresh net is the
identity); one small net computes them for all blocks.

Source: Peebles & Xie 2023, "Scalable Diffusion Models with Transformers", arXiv:2212.09748; one stream for words and pictures:
Esser et al. 2024, arXiv:2403.03206; one modulation for all blocks: Chen et al. 2023, "PixArt-α", arXiv:2310.00426; normalised
queries and keys: Dehghani et al. 2023, arXiv:2302.05442.
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
    """

    frames: int = 16
    size: int = 32
    latent: int = 16
    text: int = 128
    width: int = 192
    heads: int = 6
    depth: int = 6

    def __post_init__(self) -> None:
        if self.frames % 4 or self.size % 8 or self.frames < 4 or self.size < 8:
            raise ValueError(f"frames must be a multiple of 4 and size of 8, not {self.frames} and {self.size}")
        if self.width % (2 * self.heads):
            raise ValueError(f"the width must be a multiple of twice the heads, not {self.width} for {self.heads} heads")

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
    """Attention and feed-forward over the stream, each scaled and shifted before and gated after."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.own = nn.Parameter(torch.zeros(6 * width))  # this block's part of the modulation
        self.query_key_value = nn.Linear(width, 3 * width)
        self.norm_query, self.norm_key = nn.RMSNorm(width // heads), nn.RMSNorm(width // heads)
        self.out = nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, steer: Tensor, mask: Tensor) -> Tensor:
        """x (B, N, D), steer (B, 6·D), mask bool (B, 1, 1, N), True where one may look → (B, N, D)."""
        scale_a, shift_a, gate_a, scale_f, shift_f, gate_f = (steer + self.own)[:, None].chunk(6, -1)  # (B, 1, D) each
        x = x + gate_a * self.look(normalise(x) * (1 + scale_a) + shift_a, mask)
        steered: Tensor = x + gate_f * self.think(normalise(x) * (1 + scale_f) + shift_f)
        return steered

    def look(self, x: Tensor, mask: Tensor) -> Tensor:
        """Multi-head attention of the stream to itself, (B, N, D) → (B, N, D)."""
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, N, D / heads)
                   for y in self.query_key_value(x).chunk(3, -1))
        # the same numbers as layers.attention, without writing out the (N, N) table of weights
        seen = F.scaled_dot_product_attention(self.norm_query(q), self.norm_key(k), v, attn_mask=mask)
        looked: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return looked


def normalise(x: Tensor) -> Tensor:
    """LayerNorm without weights of its own: scale and shift come from time and caption."""
    return F.layer_norm(x, x.shape[-1:])


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
        self.register_buffer("positions", grid_positions(config.grid, width), persistent=False)
        self.latents_in, self.words_in = nn.Linear(config.latent, width), nn.Linear(config.text, width)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.pooled = nn.Linear(config.text, width)
        self.steer = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(StreamBlock(width, config.heads) for _ in range(config.depth))
        self.last = nn.Linear(width, 2 * width)
        self.velocity = nn.Linear(width, config.latent)
        self.no_word = nn.Parameter(torch.zeros(config.text))  # what stands in the stream where there is no caption
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
        latents = self.latents_in(x.flatten(2).mT) + self.positions  # (B, N, W)
        stream = torch.cat([latents, self.words_in(text.tokens)], 1)
        mask = F.pad(text.mask, (latents.shape[1], 0), value=True)[:, None, None]  # (B, 1, 1, N + L)
        code = self.time(sinusoids(1000 * t, c.width)) + self.pooled(text.pooled)  # (B, W)
        steer = self.steer(code)
        for block in self.blocks:
            stream = block(stream, steer, mask)
        scale, shift = self.last(F.silu(code))[:, None].chunk(2, -1)
        flow: Tensor = self.velocity(normalise(stream[:, : latents.shape[1]]) * (1 + scale) + shift)
        return flow.mT.reshape(x.shape)

    def forget(self, text: TextCode, dropped: Tensor) -> TextCode:
        """The captions' code with those marked in dropped (B,) replaced by "no caption": one learned word, one learned code."""
        first = torch.arange(text.mask.shape[1], device=dropped.device) == 0
        tokens = torch.where(dropped[:, None, None], self.no_word.to(text.tokens.dtype), text.tokens)
        pooled = torch.where(dropped[:, None], self.no_caption.to(text.pooled.dtype), text.pooled)
        return TextCode(tokens, pooled, torch.where(dropped[:, None], first, text.mask))
