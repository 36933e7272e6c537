"""Chapter 14 · what a film and a comment say together: by means, products and attention · Kim et al. 2017, arXiv:1610.04325."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.layers import MultiHeadAttention, attention
from t2v_edu.text.encoders import check_ids, mean_of_words
from t2v_edu.vision.features import Encoder

LOOKS = ("mean", "attention")
JOINS = ("average", "concat", "product")


@dataclass(frozen=True)
class FusionConfig:
    """Sizes of a `Fusion`.

    Args:
        vocabulary: number of ids, padding (0) included.
        look: how the film's stretches become one vector: their "mean", or by "attention" of the comment.
        join: what is made of the two vectors t and v: their "average" (t + v)/2, "concat" [t; v], "product" [t; v; t ⊙ v].
        frame: numbers that describe one stretch of film.  width: D, of t and v.  hidden: of the layer behind them.
        heads: of the attention, a divisor of the width.
    """

    vocabulary: int
    look: str = "attention"
    join: str = "product"
    frame: int = 64
    width: int = 48
    hidden: int = 96
    heads: int = 1

    def __post_init__(self) -> None:
        if self.look not in LOOKS or self.join not in JOINS:
            known = f"{', '.join(LOOKS)} and one of {', '.join(JOINS)}"
            raise ValueError(f"look {self.look!r}, join {self.join!r}: choose one of {known}")
        for name in ("vocabulary", "frame", "width", "hidden", "heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} cannot be parted into {self.heads} equal heads")

    @property
    def joined(self) -> int:
        """How many numbers the two vectors become."""
        return {"average": 1, "concat": 2, "product": 3}[self.join] * self.width


class Verdict(NamedTuple):
    """What a viewer feels: logits (B, 2) of sad and glad, and the stars (B,) that the film gets."""

    mood: Tensor
    stars: Tensor


class Fusion(nn.Module):
    """Comment and film to a mood and a number of stars; twin of `keras_mirror.fusion.Fusion`.

    Words and stretches of film are sets here: their order is not seen.

    Source: attention over places, asked by a sentence: Xu et al. 2015, arXiv:1502.03044; the product: Kim et al. 2017.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        c = self.config = config
        self.embed = nn.Embedding(c.vocabulary, c.width, padding_idx=0)
        self.norm, self.frame = nn.LayerNorm(c.frame), nn.Linear(c.frame, c.width)
        self.look = MultiHeadAttention(c.width, c.heads) if c.look == "attention" else None
        self.think = nn.Linear(c.joined, c.hidden)
        self.mood, self.stars = nn.Linear(c.hidden, 2), nn.Linear(c.hidden, 1)

    def forward(self, ids: Tensor, film: Tensor) -> Verdict:
        """ids (B, L), 0 at padding; film (B, M, frame), one row a stretch.

        Raises:
            ValueError: ids or film of another rank, width or dtype, another number of either, a comment without words.
        """
        t = self.comment(ids)  # (B, D)
        v = self.watch(t, film)[0]  # (B, D)
        h = F.leaky_relu(self.think(self.joined(t, v)), 0.2)  # (B, hidden)
        return Verdict(self.mood(h), self.stars(h)[:, 0])

    def comment(self, ids: Tensor) -> Tensor:
        """ids (B, L) → t (B, D), the mean of the words' vectors."""
        mask = ids != 0
        check_ids(ids, mask, self.config.vocabulary)
        return mean_of_words(self.embed(ids), mask)

    def watch(self, t: Tensor, film: Tensor) -> tuple[Tensor, Tensor]:
        """Comment's vector t (B, D), film (B, M, frame) → v (B, D) and each stretch's share in it (B, heads, M)."""
        if film.ndim != 3 or film.shape[2] != self.config.frame or len(film) != len(t) or not film.is_floating_point():
            raise ValueError(f"want films ({len(t)}, M, {self.config.frame}) of floats, not {film.dtype} {tuple(film.shape)}")
        x = self.frame(self.norm(film))  # (B, M, D)
        if self.look is None:
            return x.mean(1), x.new_full((len(x), 1, x.shape[1]), 1 / x.shape[1])
        v, weights = self.look.look(t[:, None], x)  # (B, 1, D), (B, heads, 1, M)
        return v[:, 0], weights[:, :, 0]

    def joined(self, t: Tensor, v: Tensor) -> Tensor:
        """t, v (B, D) → what the last layers get."""
        if self.config.join == "average":
            return (t + v) / 2
        return torch.cat([t, v] if self.config.join == "concat" else [t, v, t * v], 1)

    @torch.no_grad()
    def maps(self, ids: Tensor, film: Tensor) -> Maps:
        """Who looks where, for one comment at a time or many: see `Maps`.

        Raises:
            ValueError: as `forward`; a fusion without attention.
        """
        if self.look is None:
            raise ValueError(f"look {self.config.look!r} has no attention to show; make a Fusion with look='attention'")
        weights = self.watch(self.comment(ids), film)[1]  # (B, heads, M)
        heads, each = self.config.heads, self.config.width // self.config.heads
        mask = (ids != 0)[..., None]
        words = nn.functional.linear(self.embed(ids), self.look.query.weight) * mask / mask.sum(1, keepdim=True)  # (B, L, D)
        keys = self.look.key(self.frame(self.norm(film)))  # (B, M, D)
        q, k = (x.unflatten(2, (heads, each)).transpose(1, 2) for x in (words, keys))  # (B, heads, ..., D / heads)
        bias = torch.einsum("he,bhme->bhm", self.look.query.bias.view(heads, each), k) * each**-0.5
        return Maps(weights, q @ k.mT * each**-0.5, bias)


class Maps(NamedTuple):
    """What each word contributed to the score of each stretch of film.

    weights: (B, heads, M), each row sums to 1: the softmax of the scores.
    words: (B, heads, L, M); the sum over the words plus `bias` (B, heads, M) is the score, because the query is a mean of words.
    """

    weights: Tensor
    words: Tensor
    bias: Tensor


def stretches(net: Encoder, video: Tensor, length: int = 4) -> Tensor:
    """A film as a row of vectors: what an encoder sees in each stretch of `length` frames.

    Args:
        net: for instance the shipped `vision.features.FeatureNet`.
        video: (B, 3, T, H, W) in [-1, 1], T a multiple of `length`.
    Returns:
        (B, T / length, D).
    Raises:
        ValueError: frames that cannot be parted so.
    """
    if video.ndim != 5 or length < 1 or video.shape[2] % length or not video.shape[2]:
        raise ValueError(f"want a video (B, 3, T, H, W) with T a multiple of {length}, not {tuple(video.shape)}")
    clips, channels, frames, *side = video.shape
    pieces = video.reshape(clips, channels, frames // length, length, *side).transpose(1, 2).flatten(0, 1)  # (B·M, 3, ...)
    with torch.no_grad():
        return net.features(pieces).reshape(clips, frames // length, -1)


def mood_loss(verdict: Verdict, glad: Tensor, stars: Tensor, weight: float = 0.25) -> Tensor:
    """−log p(right mood) + weight · (stars − true stars)², a scalar: a mean over the batch, in nats.

    Args:
        glad: (B,) int64, 0 or 1.  stars: (B,).
        weight: of the squared error.
    """
    return F.cross_entropy(verdict.mood, glad) + weight * F.mse_loss(verdict.stars, stars)


# --- The smallest such model, by hand -----------------------------------------------------------------------------------------


class ByHand(NamedTuple):
    """A shot's share each, w (K,); what was found, v = Σ wᵢ·wayᵢ; the probability of glad."""

    weights: Tensor
    found: Tensor
    glad: Tensor


def fuse_by_hand(fits: Tensor, ways: Tensor, wanted: float, sharpness: float) -> ByHand:
    """w = softmax(β·fits), v = Σ wᵢ·wayᵢ, p(glad) = σ(4·wanted·v): attention and a product without a single learned weight.

    Args:
        fits: (K,), 1 where a shot shows the actor asked for, else 0.
        ways: (K,), −1 where its actor goes left, 1 where right.
        wanted: −1 if the viewer wants left, 1 if right; who fears left wants right.
        sharpness: β; at 0 the mean over all shots.
    Raises:
        ValueError: other shapes.
    """
    if fits.ndim != 1 or fits.shape != ways.shape or not len(fits):
        raise ValueError(f"want fits and ways (K,), not {tuple(fits.shape)} and {tuple(ways.shape)}")
    one = torch.ones(1, 1, dtype=ways.dtype)
    v, weights = attention(one, fits.to(ways.dtype)[:, None], ways[:, None], scale=sharpness)
    return ByHand(weights[0], v[0, 0], (4 * wanted * v[0, 0]).sigmoid())
