"""Clips a second in training: rendering and captions, both players' updates, penalty, average; all that a step costs."""

from __future__ import annotations

import itertools

from benchmarks.common import Line, seconds
from t2v_edu.datasets import WorldStream
from t2v_edu.models.video_critics import SIZES, VideoGANConfig
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.config import TrainConfig
from t2v_edu.training.loop import Workers, keep_freed_memory
from t2v_edu.training.recipes import VideoGANTrainee
from t2v_edu.training.sources import captioned_scenes


def source_of(sizes: VideoGANConfig) -> WorldStream:
    """The world `shapes` in a model's size."""
    return WorldStream("shapes", frames=sizes.frames, size=sizes.size)


def words(source: WorldStream) -> Tokenizer:
    """A vocabulary for a world."""
    return Tokenizer.fit(caption for caption, _ in itertools.islice(captioned_scenes(source, 0), 5000))


def trainee(sizes: VideoGANConfig, config: TrainConfig) -> VideoGANTrainee:
    """A fresh model with everything that trains it."""
    return VideoGANTrainee(VideoGAN(sizes, words(source_of(sizes)), ("shapes",)), config, Workers("cpu"))


def clips_per_second(sizes: VideoGANConfig, batch: int, *, steps: int = 8) -> float:
    """With the discriminator in play in every step, as at the end of a run; its penalty every eighth, as in a run."""
    config = TrainConfig(batch=batch, critic_start=0, warm_up=0)
    keep_freed_memory()
    t, batches = trainee(sizes, config), source_of(sizes).batches(batch, seed=0)
    count = itertools.count()

    def work() -> None:
        for _ in range(steps):
            t.step(next(batches), next(count))

    return steps * batch / seconds(work, repeats=2)


def measure(batch: int = 32) -> list[Line]:
    """The sizes that train on a CPU."""
    lines = []
    for name in ("toy", "small"):
        sizes = SIZES[name]
        how = f"{sizes.frames}×{sizes.size}×{sizes.size}, batch {batch}, both players and rendering"
        lines.append(Line(f"train, size {name}", clips_per_second(sizes, batch), "clips/s", how=how))
    return lines
