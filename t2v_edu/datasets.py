"""Chapter 01 · what a model is trained on: captioned clips, the same ones every time a run is repeated.

Clip number `index` of a source is a pure function of (seed, index); nothing is shared through a global generator. Batch i of
B clips holds the clips i·B ... i·B + B − 1, and R processes with batches of B together see what one process with batches of
R·B sees. So a run that was killed goes on with the very batches it would have seen.
"""

from __future__ import annotations

import copy
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.captions import say
from t2v_edu.world.lexicon import LANGUAGES, Language
from t2v_edu.world.render import render
from t2v_edu.world.scene import ACTIONS, COLORS, KINDS, SIZES, SPEEDS, Scene, sample_scene

Frames = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Clip:
    """A film (T, H, W, 3) uint8, what it is said to show, and, where the world made it, what it does show."""

    frames: Frames
    caption: str
    scene: Scene | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Films (B, T, H, W, 3) uint8 with B captions; `scenes` is None as soon as one of the clips has none."""

    frames: Frames
    captions: list[str]
    scenes: list[Scene] | None

    def __len__(self) -> int:
        return len(self.captions)


def clip_rng(seed: int, index: int, purpose: int = 0) -> np.random.Generator:
    """The generator that clip number `index` is drawn with; another `purpose`, another independent generator."""
    return np.random.default_rng([seed, index, purpose])


class Shared:
    """What several processes take equal parts of: each takes the part of every global batch that is its own."""

    rank: int = 0
    world_size: int = 1

    def shard(self, rank: int, world_size: int) -> Self:
        """The same source for process `rank` of `world_size`: it takes its equal part of each global batch.

        Raises:
            ValueError: a rank outside 0 ... world_size − 1.
        """
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size} processes: ranks go from 0 to {world_size - 1}")
        part = copy.copy(self)
        part.rank, part.world_size = rank, world_size
        return part

    def first(self, batch_size: int, step: int) -> int:
        """Place, in the stream of all processes, of the first clip of this process's batch number `step`."""
        return (step * self.world_size + self.rank) * batch_size


class Shuffled(ABC):
    """What has an end and is passed over again and again, each time in a new order."""

    _order: tuple[tuple[int, int], NDArray[np.int64]] | None = None  # of the pass that is under way

    @abstractmethod
    def __len__(self) -> int:
        """How many clips there are."""

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """The order in which pass number `epoch` takes the clips: a permutation of 0 ... len(self) − 1."""
        if self._order is None or self._order[0] != (seed, epoch):
            self._order = (seed, epoch), self._shuffled(seed, epoch)
        return self._order[1]

    def _shuffled(self, seed: int, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([seed, epoch, len(self)]).permutation(len(self))


class Source(Shared, ABC):
    """Captioned clips without end."""

    def __init__(self, frames: int, size: int) -> None:
        self.frames = _positive("frames", frames)
        self.size = _positive("size", size)

    @abstractmethod
    def clip(self, seed: int, index: int) -> Clip:
        """Clip number `index` ≥ 0 of the stream that `seed` ≥ 0 starts: always the same one."""

    def batch(self, batch_size: int, *, seed: int, step: int) -> Batch:
        """Batch number `step`: this process's `batch_size` clips out of the `batch_size · world_size` of the global batch."""
        first = self.first(batch_size, step)
        clips = [self.clip(seed, first + i) for i in range(batch_size)]
        scenes = [c.scene for c in clips if c.scene is not None]
        return Batch(
            np.stack([c.frames for c in clips]),  # (B, T, H, W, 3)
            [c.caption for c in clips],
            scenes if len(scenes) == batch_size else None,
        )

    def batches(self, batch_size: int, *, seed: int, start: int = 0, workers: int = 0) -> Iterator[Batch]:
        """Batches number `start`, `start` + 1, ... without end.

        Args:
            batch_size: clips per batch and process.
            seed: what the stream is drawn from, not negative.
            start: number of the first batch; a resumed run passes the step it goes on with.
            workers: background processes that prepare batches ahead; the batches are the same with any number of them.
        Raises:
            ValueError: a batch size below 1, a negative seed, start or number of workers.
        """
        _positive("batch_size", batch_size)
        for name, value in (("seed", seed), ("start", start), ("workers", workers)):
            if value < 0:
                raise ValueError(f"{name} {value} is negative; use 0 or more")
        if workers:
            return self._ahead(batch_size, seed, start, workers)
        return (self.batch(batch_size, seed=seed, step=step) for step in itertools.count(start))

    def _ahead(self, batch_size: int, seed: int, start: int, workers: int) -> Iterator[Batch]:
        from torch.utils.data import DataLoader  # only who asks for workers pays for torch

        steps: Any = _Steps(self, batch_size, seed)
        loader: DataLoader[Batch] = DataLoader(
            steps, batch_size=None, sampler=itertools.count(start), num_workers=workers, collate_fn=_as_it_is,
            multiprocessing_context="spawn",  # a fork of a process with threads may wait for ever
        )  # fmt: skip
        yield from loader


@dataclass(frozen=True)
class _Steps:
    """A source as the loader's background processes want it: the batch of a step by `steps[step]`."""

    source: Source
    batch_size: int
    seed: int

    def __getitem__(self, step: int) -> Batch:
        return self.source.batch(self.batch_size, seed=self.seed, step=step)


def _as_it_is(batch: Any) -> Any:
    return batch


FIELDS = (KINDS, COLORS, SIZES, tuple(ACTIONS), SPEEDS)  # the words of each field of an actor by which a stream may choose


class WorldStream(Source):
    """The endless stream of a named world: a random scene, said in words and rendered.

    Args:
        world: a name in `WORLDS`.
        frames, size: clips are (frames, size, size, 3).
        split: which scenes; "seen", the one to train on, has no held-out combination.
        langs: languages of the captions, each equally often.
        wording: "seen" for training, "unseen" for words and turns of phrase that it never has, see `captions.say`.
        only: draw anew until these words hold of the first actor: ("spins", "star", "cross") for stars and crosses that spin.
    Raises:
        ValueError: a world, split, language or wording that does not exist, no language at all, no scene of which the words hold.
    """

    def __init__(
        self,
        world: str = "shapes",
        *,
        frames: int = 16,
        size: int = 32,
        split: str = "seen",
        langs: Sequence[Language] = LANGUAGES,
        wording: str = "seen",
        only: Sequence[str] = (),
    ) -> None:
        super().__init__(frames, size)
        if isinstance(langs, str) or not langs or set(langs) - set(LANGUAGES):
            raise ValueError(f"langs {langs!r}: give a tuple of one or more of {LANGUAGES}, for example ('en',)")
        self.world, self.split, self.langs, self.wording, self.only = world, split, tuple(langs), wording, tuple(only)
        if strange := set(only) - {word for words in FIELDS for word in words}:
            raise ValueError(f"{', '.join(map(repr, sorted(strange)))}: no kind, color, size, action or speed of an actor")
        self._wanted = [words for field in FIELDS if (words := set(only) & set(field))]
        self.clip(0, 0)  # a wrong name is an error here, not in the middle of a run

    def tell(self, scene: Scene, rng: np.random.Generator) -> str:
        """A caption of a scene in one of the stream's languages."""
        return say(scene, self.langs[int(rng.integers(len(self.langs)))], rng, wording=self.wording)

    def clip(self, seed: int, index: int, *, picture: bool = True) -> Clip:
        """As `Source.clip`; without its picture it is a film of 0 frames, and a thousand times as fast."""
        rng = clip_rng(seed, index)
        scene = self._scene(rng)
        caption = self.tell(scene, rng)
        none = np.empty((0, self.size, self.size, 3), np.uint8)
        return Clip(render(scene, self.frames, self.size, self.size, rng) if picture else none, caption, scene)

    def _scene(self, rng: np.random.Generator) -> Scene:
        for _ in range(20_000):
            scene = sample_scene(self.world, rng, self.split)
            true = set(asdict(scene.actors[0]).values())
            if all(true & words for words in self._wanted):
                return scene
        raise ValueError(f"of 20,000 scenes of {self.world!r} none begins with an actor that is: {', '.join(self.only)}")


class FiniteSource(Source, Shuffled):
    """A source of `len(self)` clips; each pass over it takes all of them in a new order."""


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} {value} is too small; use 1 or more")
    return value
