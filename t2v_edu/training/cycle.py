"""Chapter 13 · generator and captioner in turn: does the way there and back teach the generator anything?

    python -m t2v_edu.training.cycle --text 1 --video 0
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from t2v_edu.datasets import Batch, WorldStream, clip_rng
from t2v_edu.evaluation.attributes import ask, readings, tally
from t2v_edu.evaluation.captions import scene_scores
from t2v_edu.losses.cycle import CycleLoss, Features, cycle_loss, text_cycle, video_cycle
from t2v_edu.models.captioner import SHIPPED, Captioner
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.text.tokenizer import split_words
from t2v_edu.training.captioner import lesson
from t2v_edu.training.config import at_least_one
from t2v_edu.video import to_frames, to_tensor
from t2v_edu.vision.features import FeatureNet
from t2v_edu.weights import write_text
from t2v_edu.world.captions import say
from t2v_edu.world.lexicon import LANGUAGES, Language
from t2v_edu.world.scene import Scene

CURVES = SHIPPED / "cycle.json"
LESSONS = ("clips", "films")
SPLITS = ("held_out",)  # what is looked at on the way: combinations that nobody ever saw a clip of


@dataclass(frozen=True)
class CyclePlan:
    """One run of the round trip.

    Args:
        lambda_text, lambda_video: weights of the two ways round, in the generator's turn.
        lesson: what the captioner learns from in its own: "clips", real ones with their captions, or "films", those that the
            generator made of the captions, with L_text as its loss.
        steps: turns of both.  batch: captions, and clips.
        lr: of the generator.  lr_captioner: of the captioner; 0 holds it still.
        evaluate_every: steps between two looks.  films: how many each look asks for.
        seed: of the whole run.
    Raises:
        ValueError: a number out of range, a lesson that does not exist.
    """

    lambda_text: float = 1.0
    lambda_video: float = 1.0
    lesson: str = "clips"
    steps: int = 40
    batch: int = 12
    lr: float = 1e-4
    lr_captioner: float = 2e-4
    evaluate_every: int = 20
    films: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        at_least_one(self, "steps", "batch", "evaluate_every", "films")
        if self.lesson not in LESSONS:
            raise ValueError(f"lesson {self.lesson!r}: choose one of {', '.join(LESSONS)}")
        if not all(x >= 0 for x in (self.lambda_text, self.lambda_video, self.lr, self.lr_captioner)):
            raise ValueError(f"weights and rates must not be negative: {asdict(self)}")


class RoundTrip:
    """A generator and a captioner, each with its own optimiser, and features that nobody trains.

    Args:
        gan, captioner: of the same world; both are changed in place.
        features: φ of `video_cycle`.
    """

    def __init__(self, gan: VideoGAN, captioner: Captioner, features: Features, plan: CyclePlan) -> None:
        self.gan, self.captioner, self.features, self.plan = gan.train(), captioner.eval(), features, plan
        self.world = WorldStream(gan.worlds[0], frames=gan.config.frames, size=gan.config.size)
        self.optimizers = {
            "generator": torch.optim.Adam(gan.parameters(), plan.lr, betas=(0.5, 0.99)),
            "captioner": torch.optim.Adam(captioner.parameters(), plan.lr_captioner),
        }

    def film(self, captions: Sequence[str], noise: torch.Generator) -> Tensor:
        """Films (B, 3, T, H, W) of captions; gradients reach the generator. A caption without words becomes the least one."""
        text = self.gan.encode([c if split_words(c) else "a" for c in captions]).pooled
        free = torch.randn(len(captions), self.gan.config.noise, generator=noise)
        video: Tensor = self.gan.generator(self.gan.generator.draw(free, text), text)
        return video

    def step(self, number: int) -> dict[str, float]:
        """The generator's turn, then the captioner's."""
        clips = self.world.batch(self.plan.batch, seed=self.plan.seed + 1, step=number)
        noise = torch.Generator().manual_seed(1_000_003 * self.plan.seed + number)
        numbers = self.turn_generator(clips, noise, LANGUAGES[number % len(LANGUAGES)])
        return numbers | (self.turn_captioner(clips, noise) if self.plan.lr_captioner else {})

    def turn_generator(self, clips: Batch, noise: torch.Generator, lang: Language) -> dict[str, float]:
        """One update of the generator by λ_text·L_text + λ_video·L_video; the captioner holds still."""
        self.captioner.requires_grad_(False)
        loss = self.loss(clips, noise, lang)
        self.optimizers["generator"].zero_grad()
        loss.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.gan.parameters(), 1.0)
        self.optimizers["generator"].step()
        self.captioner.requires_grad_(True)
        return {"L_text": loss.text.item(), "L_video": loss.video.item()}

    def loss(self, clips: Batch, noise: torch.Generator, lang: Language) -> CycleLoss:
        """Both ways round: from the clips' captions, asked back in plain words of a language, and from the clips. A way without
        weight is not gone."""
        p, nothing = self.plan, torch.zeros((), requires_grad=True)

        def film(captions: Sequence[str]) -> Tensor:
            return self.film(captions, noise)

        def caption(video: Tensor) -> Sequence[str]:
            return self.captioner.describe(video, lang, longest=30)

        plain = [say(scene, lang) for scene in clips.scenes or []]
        text = text_cycle(clips.captions, film, self.captioner.log_prob, plain) if p.lambda_text else nothing
        video = video_cycle(to_tensor(clips.frames), caption, film, self.features) if p.lambda_video else nothing
        return cycle_loss(text, video, lambda_text=p.lambda_text, lambda_video=p.lambda_video)

    def turn_captioner(self, clips: Batch, noise: torch.Generator) -> dict[str, float]:
        """One update of the captioner, on clips or on films; the generator holds still."""
        if self.plan.lesson == "films":
            with torch.no_grad():
                films = to_frames(self.film(clips.captions, noise))
            clips = Batch(films, clips.captions, clips.scenes)
        loss = lesson(self.captioner, clips)
        self.optimizers["captioner"].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.captioner.parameters(), 1.0)
        self.optimizers["captioner"].step()
        return {"captioner": loss.item()}


def standardised(net: FeatureNet, world: str, clips: int = 200) -> Features:
    """The net's features, each with mean 0 and variance 1 over real clips: then ½(φ − φ')² of two unrelated clips is 1."""
    video = to_tensor(WorldStream(world).batch(clips, seed=5, step=0).frames)
    net.requires_grad_(False).eval()
    known = net.features(video)
    mean, spread = known.mean(0), known.std(0) + 1e-3

    def features(film: Tensor) -> Tensor:
        return (net.features(film) - mean) / spread

    return features


@torch.no_grad()
def look(gan: VideoGAN, captioner: Captioner, split: str, count: int, seed: int = 0) -> dict[str, float]:
    """What a generator's films of a split show: shares by the reader, which nobody can please, and "believed" by the captioner.

    Captions, their films' noise and so the whole question are the same at every call.
    """
    world = gan.worlds[0]
    asked = ask(world, split, count, LANGUAGES, clip_rng(seed, 0))
    captions = [c if not gan.tokenizer.unknown(c) else say(scene, LANGUAGES[i % 2]) for i, (scene, c) in enumerate(asked)]
    scenes: list[Scene] = [scene for scene, _ in asked]
    gan.eval()
    films = gan.generate(captions, torch.Generator().manual_seed(seed))
    gan.train()
    read = tally(zip(readings(to_frames(films), world), scenes, strict=True))
    told = scene_scores([c for part in torch.split(films, 100) for c in captioner.describe(part)], scenes)
    return {name: score.share for name, score in read.items()} | {"believed": told["all"].share}


def play(trip: RoundTrip) -> list[dict[str, object]]:
    """Go the whole way; what is seen at the start, every `evaluate_every` steps, and the mean losses between.

    Raises:
        ValueError: a loss that is not finite.
    """
    p = trip.plan
    points: list[dict[str, object]] = []
    lately: list[dict[str, float]] = []
    for number in range(p.steps + 1):
        if number % p.evaluate_every == 0:
            seen = {split: look(trip.gan, trip.captioner, split, p.films) for split in SPLITS}
            losses = {name: float(np.mean([n[name] for n in lately])) for name in (lately[0] if lately else ())}
            points.append({"step": number, "losses": losses, **seen})
            lately = []
        if number < p.steps:
            numbers = trip.step(number)
            if not np.isfinite(list(numbers.values())).all():
                raise ValueError(f"step {number}: {numbers}; a smaller learning rate or weight would do")
            lately.append(numbers)
    return points


def run(plan: CyclePlan, model: str = "shapes") -> list[dict[str, object]]:
    """A run from the shipped generator and captioner."""
    torch.manual_seed(plan.seed)
    gan = VideoGAN.from_pretrained(model)
    return play(RoundTrip(gan, Captioner.from_pretrained(), standardised(FeatureNet.from_pretrained(), gan.worlds[0]), plan))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m t2v_edu.training.cycle", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--text", type=float, default=1.0, help="λ_text")
    parser.add_argument("--video", type=float, default=1.0, help="λ_video")
    parser.add_argument("--lesson", choices=LESSONS, default="clips", help="what the captioner learns from in its turn")
    for name in ("steps", "evaluate_every", "films", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(CyclePlan, name))
    parser.add_argument("--lr", type=float, default=CyclePlan.lr)
    parser.add_argument("--out", type=Path, default=CURVES, help="a file of runs; this one is put in or replaced")
    args = parser.parse_args()
    plan = CyclePlan(args.text, args.video, args.lesson, args.steps, evaluate_every=args.evaluate_every, films=args.films,
                     lr=args.lr, seed=args.seed)
    found = {"plan": asdict(plan), "points": run(plan)}
    runs = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else []
    runs = [r for r in runs if r["plan"] != found["plan"]] + [found]
    write_text(json.dumps(runs, indent=1) + "\n", args.out)
    for point in found["points"]:
        print(json.dumps(point))


if __name__ == "__main__":
    main()
