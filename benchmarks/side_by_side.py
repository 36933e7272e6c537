"""Three kinds of generator, one world, one reader, one budget: GAN, VAE decoder with a caption's prior, flow.

    python -m benchmarks --only flow --side-by-side 900

Each starts from random weights and has the same processor seconds for everything: rendering, its autoencoder, its words. The VAE
and the flow share the recipe of the autoencoder and give it the same part of their time.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.common import Line
from benchmarks.speedrun import Paint
from t2v_edu.evaluation.attributes import ask, attribute_names, shoot, tally
from t2v_edu.models.flow_transformer import SIZES
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.prior_video import PriorVideo
from t2v_edu.models.video_autoencoder import VideoAutoencoder
from t2v_edu.models.video_critics import SIZES as GAN_SIZES
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.pipeline import painter
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.autoencoder import AutoencoderPlan, AutoencoderTrainee
from t2v_edu.training.config import TrainConfig
from t2v_edu.training.flow import FlowPlan, FlowTrainee
from t2v_edu.training.latents import LatentClips, latent_clips
from t2v_edu.training.loop import Workers, keep_freed_memory, seed_everything
from t2v_edu.training.muon import set_rate
from t2v_edu.training.recipes import VideoGANTrainee, teach_words
from t2v_edu.training.sources import Worlds, captions_of
from t2v_edu.video import to_tensor
from t2v_edu.world.oracle import read

SOURCE = Worlds(("shapes",))
CODING = 0.5  # of the budget goes into the autoencoder and its latents
CLIPS = 6000  # that the priors are trained on


def until(end: float, step: Callable[[int, float], None]) -> None:
    """Call step(number, part of the time gone by) until the processor's clock says so."""
    start = time.process_time()
    for number in itertools.count():
        now = time.process_time()
        if now >= end:
            return
        step(number, (now - start) / (end - start))


def gan(seconds: float) -> Paint:
    """Chapter 10's model and recipe, its schedule drawn out or together over the time there is."""
    end = time.process_time() + seconds
    usual, w = TrainConfig(), Workers("cpu")
    model = VideoGAN(GAN_SIZES["small"], Tokenizer.fit(captions_of(SOURCE, 0)), ("shapes",))
    t = VideoGANTrainee(model, usual, w)
    teach_words(t.model, SOURCE, usual.warm_up)
    t.average.load_state_dict(t.model.state_dict())
    batches = SOURCE.batches(usual.batch, seed=0)
    until(end, lambda _, part: t.step(next(batches), min(int(part * usual.steps), usual.steps - 1)) and None)
    return painter(t.average, worlds=("shapes",))


def coded(seconds: float) -> tuple[VideoAutoencoder, LatentClips]:
    """The autoencoder and the latents that both priors begin with."""
    end, w = time.process_time() + seconds, Workers("cpu")
    plan = AutoencoderPlan(worlds=("shapes",), steps=10_000)
    t = AutoencoderTrainee(VideoAutoencoder(), plan, w)
    batches = SOURCE.batches(plan.batch, seed=0)
    until(time.process_time() + 0.8 * seconds, lambda _, part: t.step(next(batches), int(part * (plan.steps - 1))) and None)
    t.model.eval().standardise(to_tensor(SOURCE.batch(96, seed=1, step=0).frames))
    clips = latent_clips(SOURCE, t.model, 500, seed=0)
    while time.process_time() < end and len(clips) < CLIPS:  # as many more as there is time for
        more = latent_clips(SOURCE, t.model, 500, seed=len(clips))
        clips = LatentClips(torch.cat([clips.latents, more.latents]), clips.captions + more.captions,
                            clips.scenes + more.scenes, SOURCE.streams)
    return t.model, clips


def flow(seconds: float) -> Paint:
    """Chapter 12's model."""
    end = time.process_time() + seconds
    autoencoder, clips = coded(CODING * seconds)
    plan = FlowPlan(worlds=("shapes",), steps=10_000)
    model = FlowVideo(SIZES["small"], Tokenizer.fit(captions_of(SOURCE, 0)), autoencoder, ("shapes",))
    t = FlowTrainee(model, plan, Workers("cpu"))
    t.warm_up(SOURCE)
    batches = clips.batches(plan.batch, seed=0)
    until(end, lambda _, part: t.step(next(batches), int(part * (plan.steps - 1))) and None)
    return painter(t.average, worlds=("shapes",))


def prior(seconds: float) -> Paint:
    """The same latents, each number of them drawn by itself."""
    end = time.process_time() + seconds
    autoencoder, clips = coded(CODING * seconds)
    model = PriorVideo(SIZES["small"], Tokenizer.fit(captions_of(SOURCE, 0)), autoencoder)
    teach_words(model, SOURCE, FlowPlan.warm_up)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    batches = clips.batches(64, seed=0)

    def step(_: int, part: float) -> None:
        batch = next(batches)
        set_rate([optimizer], 1e-3 * (1 - part))
        optimizer.zero_grad()
        model.loss(batch.captions, batch.latents).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    until(end, step)
    return painter(model.eval(), worlds=("shapes",))


KINDS: dict[str, Callable[[float], Paint]] = {"GAN": gan, "VAE with a caption's prior": prior, "flow": flow}


def compare(seconds: float, clips: int = 500) -> list[Line]:
    """Train each for so many processor seconds, and read the same captions' films."""
    keep_freed_memory()
    asked = ask("shapes", "held_out", clips, ("en", "zh"), np.random.default_rng(0))
    lines = []
    for name, train in KINDS.items():
        seed_everything(0)
        paint = train(seconds)
        films = shoot(paint, [caption for _, caption in asked], 0, 50)
        scores = tally((read(film, world="shapes"), scene) for film, (scene, _) in zip(films, asked, strict=True))
        for attribute in reversed(attribute_names("shapes")):
            how = f"{seconds:.0f} processor seconds, {clips} clips of held-out combinations"
            lines.append(Line(f"{name}, {attribute} correct", scores[attribute].share, "", how=how))
            print(f"  {lines[-1].what}: {lines[-1].value:.3f}", flush=True)
    return lines
