"""An entry of the race that knows one thing about films beforehand: a figure stands on a ground, and moves.

    python -m benchmarks.speedrun --entry benchmarks/figure_on_ground.py

A film of `shapes` is taken apart by measuring, not by learning. The ground is the median colour of its pixels; how far a pixel
is from the ground says how much of the figure it shows; and where the figure is, its centre of mass says. Four nets learn to put
such films together again:

- `Words` tells from a caption what kind, color, size, action, direction, speed and place it asks for (it learns this from
  captions with their scenes, as the text encoder of the entry "flow" does);
- `colors` says, from color and place, how figure and ground are painted;
- `Outline` draws, from all the other fields, a frame's figure around its own centre, as a field that is positive inside;
- `Track` is a flow (chapter 12), from the same fields, in the 32 numbers that say where the centre is in 16 frames.

Color and outline never meet in a net that draws, so a combination of them that no clip had is nothing new. That is built in, and
why the race is short. It is also as far as it goes: where figures overlap, or the ground is a picture, this model can do nothing.

Source: films as layers that move: Wang & Adelson 1994, "Representing Moving Images with Layers"; a ground and what moves before
it generated apart: Vondrick et al. 2016, "Generating Videos with Scene Dynamics", arXiv:1609.02612.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.speedrun import Paint
from t2v_edu.datasets import WorldStream
from t2v_edu.layers import sinusoids
from t2v_edu.losses.flow import euler, flow_matching_loss, logit_normal, times
from t2v_edu.text.encoders import Listener
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.loop import keep_freed_memory, seed_everything
from t2v_edu.training.sources import captioned_scenes, captions_of
from t2v_edu.world.scene import ACTIONS, PAINTS, PLAIN_PLACES, SHAPES, SIZES, SPEEDS, Scene

T, SIDE = 16, 32  # frames, and pixels in a row
REACH, CELLS = 13.0, 53  # the outline's field: pixels to either side of the centre, and its cells in a row
DIRECTIONS = tuple(dict.fromkeys(d for ways, _ in ACTIONS.values() for d in ways))
FIELDS: dict[str, tuple[str, ...]] = {"kind": SHAPES, "color": PAINTS, "size": SIZES, "action": tuple(ACTIONS),
                                      "direction": DIRECTIONS, "speed": SPEEDS, "place": PLAIN_PLACES}
PAINTED = ("color", "place")  # the fields that colors depend on; outline and track depend on the others


def numbers_of(scenes: Sequence[Scene]) -> Tensor:
    """(B, 7) which of its words each field has."""
    words = [{**vars(scene.actors[0]), "place": scene.place} for scene in scenes]
    return torch.tensor([[FIELDS[f].index(said[f]) for f in FIELDS] for said in words])


def code(numbers: Tensor, *, painted: bool) -> Tensor:
    """(B, 7) → (B, D): of each field that has to do with color, or of each that has not, a one for its word."""
    fields = [(i, len(words)) for i, (f, words) in enumerate(FIELDS.items()) if (f in PAINTED) == painted]
    return torch.cat([F.one_hot(numbers[:, i], size).float() for i, size in fields], 1)


FORM = sum(len(words) for f, words in FIELDS.items() if f not in PAINTED)  # width of `code` of what is not painted


class Layers(NamedTuple):
    """Films taken apart: alpha (B, T, H, W) in [0, 1], centres (B, T, 2) in pixels (x, y), figure and ground (B, 3) in [0, 1]."""

    alpha: Tensor
    centres: Tensor
    figure: Tensor
    ground: Tensor


def take_apart(frames: NDArray[np.uint8]) -> Layers:
    """Films (B, T, H, W, 3) of one figure in one color on one ground, to their layers."""
    video = torch.from_numpy(frames).float() / 255
    ground = video.flatten(1, 3).median(1).values  # (B, 3)
    far = (video - ground[:, None, None, None]).abs().sum(-1)  # (B, T, H, W)
    most = far.flatten(1).max(1)
    figure = video.flatten(1, 3)[torch.arange(len(video)), most.indices]
    alpha = far / most.values[:, None, None, None]
    return Layers(alpha, centres_of(alpha), figure, ground)


def centres_of(alpha: Tensor) -> Tensor:
    """(..., H, W) → (..., 2): the centre of mass (x, y), in pixels from the upper left corner."""
    at = [torch.arange(n) + 0.5 for n in alpha.shape[-2:]]
    mass = alpha.sum((-2, -1))
    return torch.stack([(alpha.sum(-2) * at[1]).sum(-1), (alpha.sum(-1) * at[0]).sum(-1)], -1) / mass[..., None]


def put_together(layers: Layers) -> NDArray[np.uint8]:
    """The inverse of `take_apart`."""
    share = layers.alpha[..., None]
    video = share * layers.figure[:, None, None, None] + (1 - share) * layers.ground[:, None, None, None]
    return (255 * video.clamp(0, 1) + 0.5).byte().numpy()


class Words(Listener):
    """Captions to the words of the seven fields that they mean."""

    def __init__(self, tokenizer: Tokenizer, width: int = 128) -> None:
        super().__init__(tokenizer, width)
        self.heads = nn.ModuleDict({f: nn.Linear(width, len(words)) for f, words in FIELDS.items()})

    def logits(self, captions: Sequence[str]) -> list[Tensor]:
        pooled = self.encode(captions).pooled
        return [head(pooled) for head in self.heads.values()]

    def numbers(self, captions: Sequence[str]) -> Tensor:
        """(B, 7), as `numbers_of` the scenes that are meant."""
        return torch.stack([logits.argmax(1) for logits in self.logits(captions)], 1)


def perceptron(inputs: int, outputs: int, width: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, outputs))


class Outline(nn.Module):
    """What a figure looks like around its centre, in each frame of its action."""

    def __init__(self) -> None:
        super().__init__()
        self.net = perceptron(FORM + T, CELLS**2, 384)

    def forward(self, form: Tensor, t: Tensor, centres: Tensor) -> Tensor:
        """form (N, D), frames t (N,), centres (N, 2) → (N, H, W): logits of a pixel's share of the figure."""
        field = self.net(torch.cat([form, F.one_hot(t, T).float()], 1)).view(-1, 1, CELLS, CELLS)
        at = (torch.arange(SIDE) + 0.5 - centres[..., None]) / REACH  # (N, 2, SIDE), from -1 to 1 where the field is
        grid = torch.stack([at[:, 0, None, :].expand(-1, SIDE, -1), at[:, 1, :, None].expand(-1, -1, SIDE)], -1)
        return F.grid_sample(field, grid, padding_mode="border", align_corners=True)[:, 0]


class Track(nn.Module):
    """The velocity of a flow from noise to the 32 numbers of a track."""

    def __init__(self, width: int = 512) -> None:
        super().__init__()
        self.first = nn.Linear(2 * T + 64 + FORM, width)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(),
                                                  nn.Linear(width, width)) for _ in range(3))
        self.last = nn.Linear(width, 2 * T)

    def forward(self, x: Tensor, t: Tensor, form: Tensor) -> Tensor:
        """x (B, 32), t (B,), form (B, D) → velocity (B, 32)."""
        h = self.first(torch.cat([x, sinusoids(1000 * t, 64), form], 1))
        for block in self.blocks:
            h = h + block(h)
        out: Tensor = self.last(F.silu(h))
        return out


def rates(optimizer: torch.optim.Optimizer, steps: int, lr: float) -> Generator[int, None, None]:
    """Steps with a learning rate that rises for a hundred and falls to 0 along half a cosine."""
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min((step + 1) / 100, 0.5 + 0.5 * float(np.cos(np.pi * step / steps)))
        yield step


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def learn_words(stream: WorldStream, steps: int) -> Words:
    """A text encoder with its heads, from captions and scenes without pictures."""
    words, pairs = Words(Tokenizer.fit(captions_of(stream, 0))), captioned_scenes(stream, 1)
    optimizer = torch.optim.Adam(words.parameters())
    for _ in rates(optimizer, steps, 3e-3):
        captions, scenes = zip(*(next(pairs) for _ in range(128)), strict=True)
        wanted = numbers_of(scenes).T
        update(optimizer, torch.stack([F.cross_entropy(x, y) for x, y in zip(words.logits(captions), wanted, strict=True)]).sum())
    return words


def take_many_apart(stream: WorldStream, clips: int) -> tuple[Tensor, Layers]:
    """Numbers (N, 7) and layers of a stream's first N clips, a multiple of 100; alpha in bytes, for there are many."""
    numbers, parts = [], []
    for step in range(clips // 100):
        batch = stream.batch(100, seed=0, step=step)
        assert batch.scenes is not None
        layers = take_apart(batch.frames)
        numbers.append(numbers_of(batch.scenes))
        parts.append(layers._replace(alpha=(255 * layers.alpha + 0.5).byte()))
    return torch.cat(numbers), Layers(*(torch.cat(part) for part in zip(*parts, strict=True)))


class FigureOnGround(nn.Module):
    """Captions to films, by layers.

    Args:
        words: trained.
        numbers, layers: of the clips to learn from, see `take_many_apart`.
    """

    def __init__(self, words: Words, numbers: Tensor, layers: Layers) -> None:
        super().__init__()
        self.words, self.layers = words, layers
        self.colors, self.outline, self.track = perceptron(len(PAINTS) + len(PLAIN_PLACES), 6, 64), Outline(), Track()
        self.painted, self.form = code(numbers, painted=True), code(numbers, painted=False)
        self.mean, self.spread = layers.centres.mean(), layers.centres.std()
        self.draw = torch.Generator().manual_seed(0)

    def rows(self, count: int) -> Tensor:
        """Which clips an update looks at."""
        return torch.randint(len(self.form), (count,), generator=self.draw)

    def learn_colors(self, steps: int) -> None:
        optimizer = torch.optim.Adam(self.colors.parameters())
        both = torch.cat([self.layers.figure, self.layers.ground], 1)
        for _ in rates(optimizer, steps, 3e-3):
            rows = self.rows(256)
            update(optimizer, F.mse_loss(self.colors(self.painted[rows]), both[rows]))

    def learn_outlines(self, steps: int) -> None:
        optimizer = torch.optim.Adam(self.outline.parameters())
        for _ in rates(optimizer, steps, 2e-3):
            rows, t = self.rows(512), torch.randint(T, (512,), generator=self.draw)
            logits = self.outline(self.form[rows], t, self.layers.centres[rows, t])
            update(optimizer, F.binary_cross_entropy_with_logits(logits, self.layers.alpha[rows, t] / 255))

    def learn_tracks(self, steps: int) -> None:
        optimizer = torch.optim.Adam(self.track.parameters())
        tracks = ((self.layers.centres - self.mean) / self.spread).flatten(1)
        for _ in rates(optimizer, steps, 1e-3):
            rows = self.rows(512)
            noise, t = torch.randn(512, 2 * T, generator=self.draw), logit_normal(512, self.draw)
            update(optimizer, flow_matching_loss(partial(self.track, form=self.form[rows]), tracks[rows], noise, t).mean())

    @torch.inference_mode()
    def generate(self, captions: Sequence[str], seed: int) -> NDArray[np.uint8]:
        """(B, T, H, W, 3)."""
        numbers, count = self.words.numbers(captions), len(captions)
        form = code(numbers, painted=False)
        noise = torch.randn(count, 2 * T, generator=torch.Generator().manual_seed(seed))
        centres = self.mean + self.spread * euler(partial(self.track, form=form), noise, times(50)).view(count, T, 2)
        logits = self.outline(form.repeat_interleave(T, 0), torch.arange(T).repeat(count), centres.flatten(0, 1))
        figure, ground = self.colors(code(numbers, painted=True)).split(3, 1)
        return put_together(Layers(logits.view(count, T, SIDE, SIDE).sigmoid(), centres, figure, ground))


def entry(*, words: int = 400, clips: int = 12_000, colors: int = 1000, outlines: int = 4000, tracks: int = 2500
          ) -> Generator[Paint, float, None]:
    """Learn the words, take clips apart, learn the layers; then measure, and learn on until it is enough.

    Args:
        words, colors, outlines, tracks: steps of each.  clips: how many, a multiple of 100.
    """
    keep_freed_memory()
    seed_everything(0)
    stream = WorldStream("shapes")
    model = FigureOnGround(learn_words(stream, words), *take_many_apart(stream, clips))
    model.learn_colors(colors)
    model.learn_tracks(tracks)
    while True:
        model.learn_outlines(outlines)
        yield model.generate
