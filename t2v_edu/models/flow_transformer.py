"""Chapter 12 · a transformer over latent video and words that says which way noise has to flow to become the caption's film.

It is an hourglass. Blocks at its ends see each latent vector and its neighbours, by a small convolution: to draw. Blocks in
its middle see four neighbouring vectors of a frame as one place of a stream; there all places look at each other and at the words
of the caption, in one softmax: to know where everything is and what was asked for. Time and the caption's pooled code steer
each block by scale, shift and gate ("adaLN-zero": the gates start at 0, so a fresh block is the identity).

Source: Peebles & Xie 2023, "Scalable Diffusion Models with Transformers", arXiv:2212.09748, for patches and steering; fine ends
and a coarse middle: Crowson et al. 2024, "Hourglass Diffusion Transformers", arXiv:2401.11605; the blocks at the ends: Liu et al.
2022, "A ConvNet for the 2020s", arXiv:2201.03545; pictures and words under one softmax: Esser et al. 2024, arXiv:2403.03206,
where words are rewritten by every block, and here they are not; one modulation for all blocks of the middle: Chen et al. 2023,
"PixArt-α", arXiv:2310.00426; normalised queries and keys: Dehghani et al. 2023, arXiv:2302.05442.
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
        width: of the stream, a multiple of 2·`heads`.  depth: how many blocks it passes.
        patch: side of the square of latent vectors that make one place of the stream.
        fine: width of a latent vector's place at the ends.  ends: how many blocks there are at each end.
    """

    frames: int = 16
    size: int = 32
    latent: int = 16
    text: int = 128
    width: int = 192
    heads: int = 6
    depth: int = 3
    patch: int = 2
    fine: int = 128
    ends: int = 3

    def __post_init__(self) -> None:
        for name in ("latent", "text", "width", "heads", "depth", "fine"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: use 1 or more")
        if self.ends < 0:
            raise ValueError(f"ends {self.ends}: use 0 or more")
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
    "toy": FlowConfig(text=64, width=96, heads=4, depth=2, fine=48, ends=1),
    "small": FlowConfig(depth=4),
    "base": FlowConfig(size=64, text=256, width=288, heads=9, depth=6, fine=160),
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
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))

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


class LocalBlock(nn.Module):
    """A small convolution of each channel by itself and feed-forward, scaled and shifted before and gated after.

    The convolution is a 3×3 one in every frame, then one of 3 over time: the gradient of PyTorch's 3×3×3 is slow on a processor.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.time = nn.Parameter(torch.tensor([0.0, 1.0, 0.0])[:, None].repeat(1, channels))
        self.steer = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * channels))
        self.think = nn.Sequential(nn.Linear(channels, 4 * channels), nn.SiLU(), nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """x (B, T', H', W', C), code of time and caption (B, width) → (B, T', H', W', C)."""
        scale, shift, gate = self.steer(code)[:, None, None, None].chunk(3, -1)  # (B, 1, 1, 1, C) each
        steered: Tensor = x + gate * self.think(normalise(self.look(x)) * (1 + scale) + shift)
        return steered

    def look(self, x: Tensor) -> Tensor:
        """Each channel's weighted sum over a place and its 26 neighbours, (B, T', H', W', C) → the same shape."""
        near = self.space(x.flatten(0, 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).reshape(x.shape)
        row = F.pad(near, (0, 0, 0, 0, 0, 0, 1, 1))  # an empty frame before the first and after the last
        seen: Tensor = row[:, :-2] * self.time[0] + near * self.time[1] + row[:, 2:] * self.time[2]
        return seen


def normalise(x: Tensor) -> Tensor:
    """LayerNorm without weights of its own: scale and shift come from time and caption."""
    return F.layer_norm(x, x.shape[-1:])


def to_patches(x: Tensor, side: int) -> Tensor:
    """(B, T', H', W', D) → (B, T'·H'/side·W'/side, side²·D): the vectors of each square of a frame side by side."""
    b, t, h, w, d = x.shape
    x = x.reshape(b, t, h // side, side, w // side, side, d)
    return x.transpose(3, 4).flatten(4).flatten(1, 3)


def from_patches(x: Tensor, grid: tuple[int, int, int], side: int) -> Tensor:
    """The inverse of `to_patches`, onto a grid of T'×H'×W'."""
    t, h, w = grid
    x = x.reshape(len(x), t, h // side, w // side, side, side, -1)
    return x.transpose(3, 4).reshape(len(x), t, h, w, -1)


def grid_positions(grid: tuple[int, int, int], width: int) -> Tensor:
    """(T', H', W', width): waves of the frame in the first half, of the row and of the column in a quarter each."""
    t, y, x = torch.meshgrid(*(torch.arange(n) for n in grid), indexing="ij")
    quarter = width // 4 // 2 * 2
    waves = [sinusoids(t, width - 2 * quarter), sinusoids(y, quarter), sinusoids(x, quarter)]
    return torch.cat(waves, -1)


class FlowTransformer(nn.Module):
    """The velocity field v(x, t | caption) in the space of latents."""

    positions: Tensor

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = c = config
        self.register_buffer("positions", grid_positions(c.grid, c.fine), persistent=False)
        self.time = nn.Sequential(nn.Linear(c.width, c.width), nn.SiLU(), nn.Linear(c.width, c.width))
        self.pooled = nn.Linear(c.text, c.width)
        self.latents_in = nn.Linear(c.latent, c.fine)
        self.before = nn.ModuleList(LocalBlock(c.fine, c.width) for _ in range(c.ends))
        self.down = nn.Linear(c.patch**2 * c.fine, c.width)
        self.steer = nn.Sequential(nn.SiLU(), nn.Linear(c.width, 6 * c.width))
        self.blocks = nn.ModuleList(StreamBlock(c.width, c.heads, c.text) for _ in range(c.depth))
        self.up = nn.Linear(c.width, c.patch**2 * c.fine)
        self.past = nn.Linear(c.fine, c.fine)  # what goes from end to end past the middle
        self.after = nn.ModuleList(LocalBlock(c.fine, c.width) for _ in range(c.ends))
        self.velocity = nn.Linear(c.fine, c.latent)
        self.no_word = nn.Parameter(torch.zeros(c.text))  # the one word of no caption
        self.no_caption = nn.Parameter(torch.zeros(c.text))  # and what its pooled code is then
        ends = (block.steer[1] for block in (*self.before, *self.after))
        for zero in (self.steer[1], *ends, self.velocity):  # last of all inits: fresh blocks change nothing, the velocity is 0
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)

    def hidden(self) -> list[nn.Module]:
        """The layers that neither latents nor time nor pooled captions touch."""
        return [*self.blocks, *(block.think for block in (*self.before, *self.after))]

    def forward(self, x: Tensor, t: Tensor, text: TextCode) -> Tensor:
        """x (B, D, T', H', W') at times t (B,), with captions → velocity (B, D, T', H', W').

        Raises:
            ValueError: latents of another shape, or not one time and one caption for each.
        """
        c = self.config
        if x.shape[1:] != (c.latent, *c.grid) or t.shape != x.shape[:1] or len(text.pooled) != len(x):
            raise ValueError(f"this net takes latents (B, {c.latent}, {', '.join(map(str, c.grid))}) with B times and B "
                             f"captions, not {tuple(x.shape)} with {tuple(t.shape)} and {len(text.pooled)}")
        code = self.time(sinusoids(1000 * t, c.width)) + self.pooled(text.pooled)  # (B, W)
        fine = self.latents_in(x.permute(0, 2, 3, 4, 1)) + self.positions  # (B, T', H', W', F)
        for block in self.before:
            fine = block(fine, code)
        known = self.middle(self.down(to_patches(fine, c.patch)), code, text)  # (B, N, W)
        fine = self.past(fine) + from_patches(self.up(known), c.grid, c.patch)
        for block in self.after:
            fine = block(fine, code)
        return self.velocity(normalise(fine)).permute(0, 4, 1, 2, 3)  # type: ignore[no-any-return]

    def middle(self, stream: Tensor, code: Tensor, text: TextCode) -> Tensor:
        """The stream (B, N, W) and words through all blocks of the middle → (B, N, W), normalised."""
        mask = F.pad(text.mask, (stream.shape[1], 0), value=True)[:, None, None]  # (B, 1, 1, N + L)
        steer = self.steer(code)
        for block in self.blocks:
            stream = block(stream, steer, text.tokens, mask)
        return normalise(stream)

    def forget(self, text: TextCode, dropped: Tensor) -> TextCode:
        """The captions' code with those marked in dropped (B,) replaced by "no caption": one learned word, one learned code."""
        first = torch.arange(text.mask.shape[1], device=dropped.device) == 0
        tokens = torch.where(dropped[:, None, None], self.no_word.to(text.tokens.dtype), text.tokens)
        pooled = torch.where(dropped[:, None], self.no_caption.to(text.pooled.dtype), text.pooled)
        return TextCode(tokens, pooled, torch.where(dropped[:, None], first, text.mask))
