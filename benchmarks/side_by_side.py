"""Three kinds of generator and a peer, one world, one reader, one budget.

    python -m benchmarks --side-by-side 900

GAN, VAE decoder with a caption's prior, flow; and video-diffusion-pytorch's Unet3D, which makes half as many frames, as shipped
and with captions dropped and guided. Each starts from random weights and has the same processor seconds for everything:
rendering, its autoencoder, its words. The VAE and the flow share the recipe of the autoencoder and give it the same part of
their time. Sampling is not counted. The peer's usual thousand steps take more than half an hour a clip (`--only peer` measures
it), so here its noise has fifty, in training as in sampling, and four of its clips are read.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common import Line
from benchmarks.peer import BATCH, OURS, Peer
from benchmarks.speedrun import Paint
from benchmarks.training import source_of
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
from t2v_edu.video import to_frames, to_tensor
from t2v_edu.world.oracle import read

SOURCE = Worlds(("shapes",))
CODING = 0.5  # of the budget goes into the autoencoder and its latents
CLIPS = 6000  # that the priors are trained on
UNET_STEPS = 50  # of the peer's noise schedule


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


def unet(seconds: float, dropped: float) -> Paint:
    """The peer. As shipped no caption is dropped and none is guided by; otherwise this share is, and its guidance is 2."""
    end = time.process_time() + seconds
    source = source_of(OURS)
    peer = Peer(UNET_STEPS)
    teach_words(peer.words, source, FlowPlan.warm_up)
    batches = source.batches(BATCH, seed=0)

    def step(_: int, __: float) -> None:
        batch = next(batches)
        peer.step(to_tensor(batch.frames), batch.captions, dropped)

    until(end, step)

    def paint(captions: Sequence[str], seed: int) -> NDArray[np.uint8]:
        torch.manual_seed(seed)
        return to_frames(peer.sample(list(captions), 2.0 if dropped else 1.0))

    return paint


KINDS: dict[str, tuple[int, Callable[[float], Paint]]] = {  # how many clips are read, and what trains
    "GAN": (500, gan),
    "VAE with a caption's prior": (500, prior),
    "flow": (500, flow),
    "Unet3D as shipped": (4, lambda seconds: unet(seconds, 0.0)),
    "Unet3D, captions dropped": (4, lambda seconds: unet(seconds, 0.1)),
}


def compare(seconds: float) -> list[Line]:
    """Train each for so many processor seconds, and read the same captions' films, of held-out combinations."""
    keep_freed_memory()
    lines = []
    for name, (clips, train) in KINDS.items():
        asked = ask("shapes", "held_out", clips, ("en", "zh"), np.random.default_rng(0))
        seed_everything(0)
        films = shoot(train(seconds), [caption for _, caption in asked], 0, 50)
        scores = tally((read(film, world="shapes"), scene) for film, (scene, _) in zip(films, asked, strict=True))
        for attribute in reversed(attribute_names("shapes")):
            how = f"{seconds:.0f} processor seconds, {clips} clips of held-out combinations"
            lines.append(Line(f"{name}, {attribute} correct", scores[attribute].share, "", how=how))
            print(f"  {lines[-1].what}: {lines[-1].value:.3f}", flush=True)
    return lines
