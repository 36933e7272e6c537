"""Chapter 18 · what a run is trained on: a named world, a folder of clips, or shards; and the words that its captions use."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from t2v_edu.clips import ClipFolder
from t2v_edu.datasets import Clip, FiniteSource, Source, WorldStream, clip_rng
from t2v_edu.models.video_critics import SIZES
from t2v_edu.shards import ShardFolder
from t2v_edu.training.config import TrainConfig
from t2v_edu.world.scene import Scene, sample_scene

CAPTIONS = 20_000  # of a world's, from which its vocabulary is taken


class Worlds(Source):
    """The clips of several worlds in turn.

    Args:
        names: of the worlds, each as often as its turn is to come. A name may be followed by words, as in
            "shapes:bounces,spins" or "digits:small,5,9": a turn of which they hold, as `only` of `WorldStream` says.
    Raises:
        ValueError: no name, a world that does not exist, one that has no such actor.
    """

    def __init__(self, names: Sequence[str], *, frames: int = 16, size: int = 32, split: str = "seen") -> None:
        super().__init__(frames, size)
        if not names:
            raise ValueError("no world: name one or more, for example shapes digits")
        parts = [name.partition(":") for name in names]
        self.names = tuple(dict.fromkeys(world for world, _, _ in parts))  # each once
        self.streams = [WorldStream(world, frames=frames, size=size, split=split, only=only.split(",") if colon else ())
                        for world, colon, only in parts]

    def clip(self, seed: int, index: int) -> Clip:
        return self.streams[index % len(self.streams)].clip(seed, index)


def open_source(config: TrainConfig) -> Source:
    """The data of a run, in the size that its model wants.

    Raises:
        ValueError: a world or folder that cannot be read, or shards of another size.
    """
    want = SIZES[config.size]
    if config.data is None:
        assert config.world is not None
        return WorldStream(config.world, frames=want.frames, size=want.size)
    folder = Path(config.data)
    if not (folder / "index.json").is_file():
        return ClipFolder(folder, frames=want.frames, size=want.size)
    shards = ShardFolder(folder)
    if (shards.frames, shards.size) != (want.frames, want.size):
        raise ValueError(
            f"the shards in {folder} are {shards.frames}×{shards.size}×{shards.size}, the size {config.size!r} wants "
            f"{want.frames}×{want.size}×{want.size}; write them again with that size"
        )
    return shards


def captioned_scenes(source: WorldStream | Worlds, seed: int) -> Iterator[tuple[str, Scene]]:
    """Captions of a world, or of several in turn, with what they mean, without end and without pictures."""
    streams = source.streams if isinstance(source, Worlds) else [source]
    for index in itertools.count():
        stream = streams[index % len(streams)]
        rng = clip_rng(seed, index, purpose=1)
        scene = sample_scene(stream.world, rng, stream.split)
        yield stream.tell(scene, rng), scene


def captions_of(source: Source, seed: int) -> Iterator[str]:
    """Captions that cover a source's vocabulary: of a world as many as `CAPTIONS`, of a folder all."""
    if isinstance(source, WorldStream | Worlds):
        return (caption for caption, _ in itertools.islice(captioned_scenes(source, seed), CAPTIONS))
    assert isinstance(source, FiniteSource)
    return (source.clip(seed, i).caption for i in range(len(source)))
