"""Clips a second in training, all that a step costs: rendering, captions, updates, averages; and the flow's loss curve."""

from __future__ import annotations

import itertools
import time

from benchmarks.common import Line, seconds
from t2v_edu.datasets import WorldStream
from t2v_edu.models.flow_transformer import SIZES as FLOW_SIZES
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.video_autoencoder import VideoAutoencoder
from t2v_edu.models.video_critics import SIZES, VideoGANConfig
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.autoencoder import AutoencoderPlan, AutoencoderTrainee
from t2v_edu.training.config import TrainConfig
from t2v_edu.training.flow import FlowPlan, FlowTrainee
from t2v_edu.training.latents import latent_clips
from t2v_edu.training.loop import Workers, has_bf16, keep_freed_memory, seed_everything
from t2v_edu.training.recipes import VideoGANTrainee
from t2v_edu.training.sources import Worlds, captioned_scenes


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


def autoencoder_clips_per_second(steps: int = 6) -> float:
    """Clips of `AutoencoderPlan.frames` frames, with rendering, both optimisers included."""
    plan, source = AutoencoderPlan(), Worlds(("shapes",))
    keep_freed_memory()
    t = AutoencoderTrainee(VideoAutoencoder(), plan, Workers("cpu"))
    batches, count = source.batches(plan.batch, seed=0), itertools.count()
    return steps * plan.batch / seconds(lambda: [t.step(next(batches), next(count)) for _ in range(steps)], repeats=2)


def flow(curve: tuple[int, ...] = (20, 60, 200), *, bf16: bool = False) -> list[Line]:
    """Clips a second over the first steps of a run, latents coded before, and the mean loss of the ten steps before each mark."""
    name = "flow transformer" + ", in bf16" * bf16
    plan, source = FlowPlan(worlds=("shapes",)), Worlds(("shapes",))
    keep_freed_memory()
    seed_everything(0)
    coder = VideoAutoencoder.from_pretrained()
    t = FlowTrainee(FlowVideo(FLOW_SIZES["small"], words(WorldStream("shapes")), coder, ("shapes",)), plan,
                    Workers("cpu", bf16=bf16))
    t.warm_up(source)
    batches, losses = latent_clips(source, coder, 1000, seed=0).batches(plan.batch, seed=0), []
    start = time.perf_counter()
    for step in range(max(curve)):
        losses.append(t.step(next(batches), step)["loss"])
    speed = len(losses) * plan.batch / (time.perf_counter() - start)
    how = f"size small, batch {plan.batch}, latents of 1,000 clips of shapes coded before"
    return [Line(f"train, {name}", speed, "clips/s", how=how)] + [
        Line(f"{name}: loss at step {at}", sum(losses[at - 10 : at]) / 10, "", how="mean of ten steps") for at in curve]


def measure(batch: int = 32) -> list[Line]:
    """The sizes that train on a CPU."""
    lines = []
    for name in ("toy", "small"):
        sizes = SIZES[name]
        how = f"{sizes.frames}×{sizes.size}×{sizes.size}, batch {batch}, both players and rendering"
        lines.append(Line(f"train, size {name}", clips_per_second(sizes, batch), "clips/s", how=how))
    how = f"{AutoencoderPlan.frames} frames of {AutoencoderPlan.batch} clips of shapes, rendering included"
    lines.append(Line("train, video autoencoder", autoencoder_clips_per_second(), "clips/s", how=how))
    return lines + flow() + (flow(bf16=True) if has_bf16() else [])
