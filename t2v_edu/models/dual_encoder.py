"""Chapter 04 · captions and films in one space, so that each finds the other · Radford et al. 2021, arXiv:2103.00020."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.layers import two_layers
from t2v_edu.losses.contrastive import info_nce_both, similarities
from t2v_edu.text.encoders import TextCode
from t2v_edu.weights import load_weights, read_card, save_model

START, COLDEST = 0.07, 0.01  # temperatures: where it starts, and below which it never falls; Radford et al., section 2.5


@dataclass(frozen=True)
class DualEncoderConfig:
    """Sizes of a dual encoder.

    Args:
        text: D, width of the text code that it takes.  space: E, width of the common space.
        frames, size: T and H = W of its clips; the size a multiple of 4.
        width: channels of the first filters; the others are twice as many.
    """

    text: int = 96
    space: int = 64
    frames: int = 8
    size: int = 32
    width: int = 16

    def __post_init__(self) -> None:
        for name in ("text", "space", "frames", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.size < 8 or self.size % 4:
            raise ValueError(f"size must be a multiple of 4 and at least 8, not {self.size}")


class FilmTower(nn.Module):
    """A clip to a vector: in every frame, how strongly and how often each filter responds, and where.

    "Where" is the centre of a filter's response, so that a path is a handful of numbers from the first step on: Finn et al.
    2016, arXiv:1509.06113.
    """

    def __init__(self, config: DualEncoderConfig) -> None:
        super().__init__()
        c = config.width
        self.config = config
        self.filters = nn.Sequential(
            nn.Conv2d(3, c, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(c, 2 * c, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * c, 2 * c, 3, 1, 1),
        )  # fmt: skip
        self.read = two_layers(2 * c * config.frames * 4, 256, config.space)

    def forward(self, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) in [-1, 1] → (B, E)."""
        c = self.config
        if video.ndim != 5 or video.shape[1:] != (3, c.frames, c.size, c.size) or not video.is_floating_point():
            raise ValueError(f"want float videos (B, 3, {c.frames}, {c.size}, {c.size}), not {video.dtype} {tuple(video.shape)}")
        frames = video.transpose(1, 2).flatten(0, 1)  # (B·T, 3, H, W)
        response = self.filters(frames).flatten(2)  # (B·T, C, h·w)
        side = c.size // 4
        axis = torch.linspace(-1, 1, side, device=video.device, dtype=response.dtype)
        place = torch.stack([axis.repeat(side), axis.repeat_interleave(side)], 1)  # (h·w, 2)
        where = response.softmax(-1) @ place  # (B·T, C, 2)
        what = torch.stack([response.amax(-1), response.mean(-1)], -1)  # (B·T, C, 2)
        seen = F.leaky_relu(torch.cat([what, where], -1), 0.2).reshape(len(video), -1)  # (B, T·C·4)
        code: Tensor = self.read(seen)
        return code


class DualEncoder(nn.Module):
    """Two towers that meet in one space: films on one side, what some text encoder made of captions on the other.

    It never builds the text encoder: it takes a `TextCode` or pooled vectors (B, D) of any encoder, in any language.
    """

    kind = "dual_encoder"

    def __init__(self, config: DualEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.film = FilmTower(config)
        self.caption = nn.Linear(config.text, config.space)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(START)))

    @property
    def temperature(self) -> Tensor:
        """τ, learned with the rest; a scalar, at least `COLDEST`."""
        return torch.exp(-self.log_scale).clamp_min(COLDEST)

    def embed_film(self, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) in [-1, 1] → (B, E) of length 1."""
        return F.normalize(self.film(video), dim=1)

    def embed_text(self, text: TextCode | Tensor) -> Tensor:
        """A text code, or its pooled vectors (B, D) → (B, E) of length 1."""
        pooled = text.pooled if isinstance(text, TextCode) else text
        if pooled.ndim != 2 or pooled.shape[1] != self.config.text:
            raise ValueError(f"want pooled text codes (B, {self.config.text}), not {tuple(pooled.shape)}")
        return F.normalize(self.caption(pooled), dim=1)

    def loss(self, video: Tensor, english: TextCode | Tensor, chinese: TextCode | Tensor, same: Tensor | None = None) -> Tensor:
        """Film, English and Chinese caption of the same scene find each other: the mean InfoNCE of the three pairs, a scalar.

        Args:
            same: bool (B, B), which scenes of the batch are equal; see `info_nce`.
        """
        film, en, zh = self.embed_film(video), self.embed_text(english), self.embed_text(chinese)
        pairs = ((en, film), (zh, film), (en, zh))
        return torch.stack([info_nce_both(a, b, self.temperature, same) for a, b in pairs]).mean()

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder; the text encoder is saved apart."""
        save_model(self, path, self.kind, config=asdict(self.config))

    @classmethod
    def from_pretrained(cls, path: str | Path) -> DualEncoder:
        """Load what `save_pretrained` wrote.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        card = read_card(path, cls.kind)
        model = cls(card.config(DualEncoderConfig))
        load_weights(model, Path(path) / "model.safetensors")
        return model.eval()


def nearest(query: Tensor, library: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k entries of a library (N, E) that lie nearest to each query (Q, E): cosines and indices (Q, k), best first.

    Raises:
        ValueError: k is not between 1 and N.
    """
    if not 1 <= k <= len(library):
        raise ValueError(f"k must be between 1 and {len(library)}, the entries of the library, not {k}")
    best = similarities(query, library).topk(k, dim=1)
    return best.values, best.indices


def recall(scores: Tensor, right: Tensor, k: int = 1) -> float:
    """Recall@k: the share of queries with something right among their k highest scores.

    Args:
        scores: (Q, N).
        right: bool (Q, N), whether an entry is a right answer; all captions that mean the same scene are.
    Raises:
        ValueError: shapes or dtype that do not fit, a query with no right answer at all.
    """
    _check_right(scores, right, k)
    return right.gather(1, scores.topk(k, dim=1).indices).any(1).float().mean().item()


def chance(right: Tensor, k: int = 1) -> float:
    """What recall@k a guess has: 1 − C(N−r, k)/C(N, k) for a query with r right answers among N, in the mean over queries."""
    _check_right(right.float(), right, k)
    n = right.shape[1]
    missed = [math.comb(n - r, k) / math.comb(n, k) for r in right.sum(1).tolist()]
    return 1 - sum(missed) / len(missed)


def _check_right(scores: Tensor, right: Tensor, k: int) -> None:
    if scores.ndim != 2 or right.shape != scores.shape or right.dtype != torch.bool:
        got = f"{tuple(scores.shape)} and {right.dtype} {tuple(right.shape)}"
        raise ValueError(f"want scores (Q, N) and bool `right` of the same shape, not {got}")
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"k must be between 1 and {scores.shape[1]}, not {k}")
    lost = (~right.any(1)).nonzero().flatten().tolist()
    if lost:
        raise ValueError(f"queries {lost[:5]} have no right answer among {right.shape[1]} entries; leave them out, and say so")
