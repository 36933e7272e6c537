"""Our video GAN beside video-diffusion-pytorch's Unet3D, on the same clips of 8×32×32 in the same run.

The peer is installed into `_build/peers` at the versions below and never copied into the project. It imports torchvision for its
own reader of GIF folders, which is not used here; where torchvision is missing, an empty stand-in with the names that the import
asks for takes its place. Network, noise schedule, loss and sampler are the peer's own, untouched.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import Line, seconds
from benchmarks.training import clips_per_second, source_of, trainee, words
from t2v_edu.models.video_critics import SIZES
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.training.config import TrainConfig
from t2v_edu.training.recipes import teach_words
from t2v_edu.video import to_frames, to_tensor
from t2v_edu.world.captions import say
from t2v_edu.world.oracle import read
from t2v_edu.world.scene import Scene, sample_scene

FOLDER = Path(__file__).resolve().parents[1] / "_build" / "peers"
PACKAGES = (
    "video-diffusion-pytorch==0.7.0", "einops==0.8.2", "einops-exts==0.0.4", "rotary-embedding-torch==0.9.1", "tqdm==4.67.1",
)  # fmt: skip
FRAMES, SIZE, TEXT, STEPS, BATCH = 8, 32, 64, 1000, 16
OURS = replace(SIZES["small"], frames=FRAMES)
TRAINING_GOAL, SAMPLING_GOAL = 20.0, 1000.0


# --- The peer ---------------------------------------------------------------------------------------------------------


def install() -> None:
    """Fetch the peer, unless it is there."""
    marker = FOLDER / ".installed"
    if not marker.is_file() or marker.read_text(encoding="utf-8") != "\n".join(PACKAGES):
        print(f"· installing {PACKAGES[0]} into {FOLDER}", flush=True)
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", str(FOLDER), *PACKAGES]
        subprocess.run(command, check=True)
        marker.write_text("\n".join(PACKAGES), encoding="utf-8")


def load() -> Any:
    """The peer's module."""
    install()
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        vision, transforms = types.ModuleType("torchvision"), types.ModuleType("torchvision.transforms")
        transforms.ToTensor = type("ToTensor", (), {})  # type: ignore[attr-defined]
        vision.transforms = transforms  # type: ignore[attr-defined]
        vision.utils = types.ModuleType("torchvision.utils")  # type: ignore[attr-defined]
        sys.modules |= {"torchvision": vision, "torchvision.transforms": transforms, "torchvision.utils": vision.utils}
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))  # last: what is installed here goes first
    import video_diffusion_pytorch

    return video_diffusion_pytorch


class Peer:
    """The peer's diffusion, our text encoder for its condition, one Adam over both.

    Args:
        steps: of its noise schedule, and so of its sampler.
    """

    def __init__(self, steps: int = STEPS) -> None:
        theirs = load()
        self.network = theirs.Unet3D(dim=32, cond_dim=TEXT, dim_mults=(1, 2, 4))
        self.diffusion = theirs.GaussianDiffusion(self.network, image_size=SIZE, num_frames=FRAMES, timesteps=steps)
        self.words = VideoGAN(replace(OURS, text=TEXT), words(source_of(OURS)), ("shapes",))  # only its encoder is used
        both = nn.ModuleList([self.diffusion, self.words.text])
        self.adam = torch.optim.Adam(both.parameters(), 3e-4)

    def condition(self, captions: list[str]) -> Tensor:
        """Our code of the captions, (B, 64)."""
        return self.words.encode(captions).pooled

    def step(self, video: Tensor, captions: list[str], dropped: float = 0.0) -> None:
        """One update on a video (B, 3, T, H, W) in [-1, 1]; `dropped` is the share of captions left out, for guidance."""
        loss = self.diffusion((video + 1) / 2, cond=self.condition(captions), null_cond_prob=dropped)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()

    @torch.inference_mode()
    def denoise(self, video: Tensor, condition: Tensor, at: int, scale: float = 2.0) -> Tensor:
        """One guided step of the sampler: the network runs twice, with the caption and without."""
        time_step = torch.full((len(video),), at, dtype=torch.long)
        less: Tensor = self.diffusion.p_sample(video, time_step, cond=condition, cond_scale=scale)
        return less

    @torch.inference_mode()
    def sample(self, captions: list[str], scale: float = 2.0) -> Tensor:
        """All steps of the sampler: (B, 3, T, H, W) in [-1, 1]."""
        with _quiet():
            video: Tensor = self.diffusion.sample(cond=self.condition(captions), cond_scale=scale)
        return video * 2 - 1


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


# --- Speed ------------------------------------------------------------------------------------------------------------


def measure(denoising_steps: int = 3) -> list[Line]:
    """Training and guided sampling, theirs and ours, and the two ratios."""
    peer, batches = Peer(), source_of(OURS).batches(BATCH, seed=0)

    def learn() -> None:
        batch = next(batches)
        peer.step(to_tensor(batch.frames), batch.captions)

    theirs = BATCH / seconds(learn, repeats=2)
    ours = clips_per_second(OURS, BATCH)
    condition, noise = peer.condition(["a red circle moves left"]).detach(), torch.randn(1, 3, FRAMES, SIZE, SIZE)
    a_step = seconds(lambda: peer.denoise(noise, condition, STEPS - 1), at_least=0.0, repeats=denoising_steps)
    model = VideoGAN(OURS, words(source_of(OURS)), ("shapes",)).eval()
    a_film = seconds(lambda: model.generate(["a red circle moves left"], torch.Generator().manual_seed(0)))
    shape, size = f"{FRAMES}×{SIZE}×{SIZE}", sum(p.numel() for p in peer.network.parameters()) / 1e6
    sampled = f"{shape}, one clip; {1000 * a_step:.0f} ms a guided step (two network calls, best of {denoising_steps}) × {STEPS}"
    return [
        Line("peer: train Unet3D", theirs, "clips/s", how=f"{shape}, batch {BATCH}, {size:.1f} M parameters"),
        Line("peer: train ours, size small", ours, "clips/s", how=f"{shape}, batch {BATCH}, both players and rendering"),
        Line("peer: ratio in training", ours / theirs, "×", TRAINING_GOAL, how="ours / theirs"),
        Line("peer: guided sample of Unet3D", STEPS * a_step, "s", how=sampled),
        Line("peer: sample of ours", a_film, "s", how=f"{shape}, one clip, caption included"),
        Line("peer: ratio in sampling", STEPS * a_step / a_film, "×", SAMPLING_GOAL, how="theirs / ours"),
    ]


# --- Agreement with captions after the same time -----------------------------------------------------------------------


def train_ours(limit: float) -> tuple[Callable[[list[str]], Tensor], int]:
    """Train our model for so many seconds, the words' warm-up included; returns its sampler and the number of steps."""
    start, source, usual = time.perf_counter(), source_of(OURS), TrainConfig()
    t = trainee(OURS, TrainConfig(batch=BATCH))
    t.warm_up(source)
    batches, began, rate = source.batches(BATCH, seed=0), time.perf_counter(), 1.0
    for step in itertools.count():
        passed = time.perf_counter() - start
        if passed >= limit:
            return (lambda captions: t.average.generate(captions, torch.Generator().manual_seed(0))), step
        if step >= 10:
            rate = step / (time.perf_counter() - began)
        planned = max(step + 1, int(rate * (limit - (began - start)))) if step >= 10 else 10**6
        part = planned / usual.steps  # the usual schedule, drawn out or together over the steps that there is time for
        kl = tuple((int(part * first), weight) for first, weight in usual.kl)
        t.config = replace(t.config, steps=planned, critic_start=int(part * usual.critic_start), kl=kl)
        t.step(next(batches), step)
    raise AssertionError


def train_theirs(limit: float) -> tuple[Callable[[list[str]], Tensor], int]:
    """The same for the peer: the same warm-up of the words, a tenth of the captions dropped."""
    start, source, peer = time.perf_counter(), source_of(OURS), Peer()
    teach_words(peer.words, source, TrainConfig.warm_up)
    batches = source.batches(BATCH, seed=0)
    for step in itertools.count():
        if time.perf_counter() - start >= limit:
            return peer.sample, step
        batch = next(batches)
        peer.step(to_tensor(batch.frames), batch.captions, dropped=0.1)
    raise AssertionError


def agreement(films: Tensor, scenes: list[Scene]) -> dict[str, float]:
    """Share of films in which the reader sees each attribute as asked, and all of them."""
    found = [read(film, world="shapes").agrees(scene) for film, scene in zip(to_frames(films), scenes, strict=True)]
    shares = {key: float(np.mean([f[key] for f in found])) for key in found[0]}
    return shares | {"all": float(np.mean([all(f.values()) for f in found]))}


def compare(limit: float, clips: int = 16) -> list[Line]:
    """Train both for `limit` seconds on the world `shapes` and read films of the same captions."""
    rng = np.random.default_rng(99)
    scenes = [sample_scene("shapes", rng, "seen") for _ in range(clips)]
    captions = [say(scene) for scene in scenes]
    lines, shares = [], {}
    for name, train in (("ours", train_ours), ("Unet3D", train_theirs)):
        sample, steps = train(limit)
        shares[name] = agreement(sample(captions), scenes)
        how = f"{clips} clips after {limit:.0f} s ({steps} steps of {BATCH}): " + ", ".join(
            f"{key} {value:.2f}" for key, value in shares[name].items()
        )
        mean = float(np.mean([v for k, v in shares[name].items() if k != "all"]))
        goal = None if name == "ours" else lines[0].value
        lines.append(Line(f"peer: attributes right, {name}", mean, "share", goal, least=False, how=how))
    return lines
