"""Small parts that several models are built of."""

from __future__ import annotations

import math

import torch
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


# --- Attention: chapter 04, Vaswani et al. 2017, arXiv:1706.03762 -------------------------------------------------------


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, scale: float | None = None) -> tuple[Tensor, Tensor]:
    """Each query takes the mean of the values, weighted by how well their keys fit: softmax(q·kᵀ·scale)·v.

    Args:
        q: (..., N, D) queries.  k: (..., L, D) keys.  v: (..., L, V) values; what stands for ... may broadcast.
        mask: bool, broadcast to (..., N, L), True where a query may look; all keys if left out.
        scale: 1/√D if left out, which keeps the scores' variance at 1 for independent q and k of variance 1.
    Returns:
        (..., N, V) and the weights (..., N, L): each row sums to 1. A query that may look nowhere gets zeros for both.
    Raises:
        ValueError: fewer than two axes, widths or numbers of keys and values that do not match, a mask that is not bool.
    Source: equation 1; the same as torch.nn.functional.scaled_dot_product_attention.
    """
    shapes = f"q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(f"attention takes q (..., N, D), k (..., L, D), v (..., L, V), not {shapes}")
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)  # (..., N, L)
    if mask is None:
        weights = scores.softmax(-1)
    elif mask.dtype != torch.bool:
        raise ValueError(f"the mask must be bool, True where a query may look, not {mask.dtype} {tuple(mask.shape)}")
    else:  # −∞ would turn a row without a single key into 0/0
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(~mask, 0.0)
    return weights @ v, weights


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each over its own projection of the vectors to width D / heads.

    Args:
        width: D, a multiple of `heads`.
    Source: section 3.2.2; with the same weights the same numbers as torch.nn.MultiheadAttention.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"a width of {width} cannot be parted into {heads} equal heads; choose a divisor of {width}")
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """x (B, N, D) looks at context (B, L, D), at itself if left out; mask bool to (B, 1, N, L) → (B, N, D)."""
        return self.look(x, context, mask)[0]

    def look(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The same, with the weights of every head (B, heads, N, L)."""
        context = x if context is None else context
        q, k, v = self._split(self.query(x)), self._split(self.key(context)), self._split(self.value(context))
        seen, weights = attention(q, k, v, mask)  # (B, heads, N, D / heads)
        return self.out(seen.transpose(1, 2).flatten(2)), weights

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)  # (B, heads, L, D / heads)


class TransformerBlock(nn.Module):
    """Tokens look at each other, then each thinks for itself; both are added to what was there.

    The norm comes before each part ("pre-norm"): what runs past it stays untouched, so deep stacks train without a warm-up.

    Source: Vaswani et al. 2017; order of the norms: Xiong et al. 2020, arXiv:2002.04745.
    """

    def __init__(self, width: int, heads: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = 4 * width if hidden is None else hidden
        self.norm_look, self.norm_think = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look = MultiHeadAttention(width, heads)
        self.think = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, L, D), mask bool to (B, 1, L, L) → (B, L, D)."""
        x = x + self.look(self.norm_look(x), mask=mask)
        x = x + self.think(self.norm_think(x))
        return x


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Positions (...) as waves (..., width): sine and cosine in turn, from one radian a step down to 1/10000.

    Raises:
        ValueError: an odd width.
    Source: section 3.5.
    """
    if width % 2:
        raise ValueError(f"sine and cosine come in pairs: the width must be even, not {width}")
    even = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32)
    angle = positions.float().unsqueeze(-1) * torch.exp(-math.log(10_000.0) / width * even)  # (..., width / 2)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)
