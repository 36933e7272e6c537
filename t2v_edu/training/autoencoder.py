"""Chapter 07 · how the video autoencoder is trained: rebuild clips, at a small price for what the latents know.

    python -m t2v_edu.training.autoencoder --out runs/autoencoder
    python -m t2v_edu.training.autoencoder --out runs/decoder --weights data/autoencoder --decoder --motion 4 --noise 0.2
    python -m t2v_edu.training.autoencoder --ship runs/autoencoder/model
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.datasets import Batch, Source, WorldStream
from t2v_edu.errors import friendly
from t2v_edu.losses.reconstruction import gaussian_kl
from t2v_edu.models.video_autoencoder import SHIPPED, VideoAutoencoder
from t2v_edu.training.config import at_least_one
from t2v_edu.training.loop import Workers, keep_freed_memory, run, seed_everything
from t2v_edu.training.muon import muon_and_adamw, set_rate
from t2v_edu.training.sources import Worlds
from t2v_edu.video import to_frames, to_tensor
from t2v_edu.weights import write_text

WORLDS = ("shapes", "digits", "story")  # of the shipped one: everybody, one at a time


@dataclass(frozen=True)
class AutoencoderPlan:
    """One training run of the video autoencoder.

    Args:
        worlds: names of worlds, whose clips come in turn.
        steps, batch: updates, and clips per update.
        frames: how many successive frames of each clip an update looks at, a multiple of 4; a net that never looks ahead
            learns as much from half a clip.
        lr: rises for 100 steps and falls to 0 along half a cosine.
        kl: weight of KL(q(z | video) ‖ N(0, 1)) in nats a clip, beside the mean squared error of its numbers.
        absolute: weight of the mean absolute error, which keeps edges sharp when the squared error is already small.
        motion: how many times more than a pixel of the place one counts where something moves: figures are small.
        noise: how far off, at most, the latents are from which an update draws, in deviations of their channels: what a flow
            makes up is never quite what the encoder would have said.
        decoder: train the way out alone. The latents stay as they are, and with them every model that draws latents.
        evaluate_every, save_every, keep, seed: as in `TrainConfig`.
    """

    worlds: tuple[str, ...] = WORLDS
    steps: int = 6300
    batch: int = 12
    frames: int = 8
    lr: float = 2.5e-3
    kl: float = 2e-7
    absolute: float = 0.02
    motion: float = 0.0
    noise: float = 0.0
    decoder: bool = False
    evaluate_every: int = 250
    save_every: int = 250
    keep: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least_one(self, "steps", "batch", "frames", "evaluate_every", "save_every", "keep")
        if self.frames % 4 or self.frames > 16:
            raise ValueError(f"frames {self.frames}: use 4, 8, 12 or 16: whole latent vectors of a clip of 16 frames")
        for name in ("lr", "kl", "absolute", "motion", "noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} {getattr(self, name)}: use a finite number that is not negative")


class AutoencoderTrainee:
    """The autoencoder and its optimiser."""

    def __init__(self, model: VideoAutoencoder, plan: AutoencoderPlan, workers: Workers) -> None:
        self.plan, self.workers, self.recipe = plan, workers, "decoder" if plan.decoder else "autoencoder"
        self.model = model.to(workers.device).train()
        if plan.decoder:
            for part in (model.encoder, model.down, model.posterior):
                part.requires_grad_(False)
        self.modules: dict[str, nn.Module] = {"model": self.model}
        self.optimizers = muon_and_adamw(self.model, self.model.hidden(), plan.lr, rank=workers.rank, count=workers.count,
                                         bf16=workers.bf16)
        self.show = Worlds(plan.worlds, split="held_out").batch(6, seed=1, step=0).frames

    def warm_up(self, source: Source) -> None:
        """Nothing comes before step 0."""

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update on a part of every clip of the batch."""
        p, w = self.plan, self.workers
        generator = w.generator(p.seed, step)
        first = int(torch.randint(batch.frames.shape[1] - p.frames + 1, (), generator=generator))
        video = to_tensor(batch.frames[:, first : first + p.frames]).to(w.device)  # (B, 3, T, H, W)
        set_rate(self.optimizers.values(), p.lr * min((step + 1) / 100, 0.5 + 0.5 * math.cos(math.pi * step / p.steps)))
        with w.autocast():
            mean, log_variance = self.model.moments(video)
            z = mean + w.noise(tuple(mean.shape), generator) * (0.5 * log_variance).exp()
            if p.noise:
                far = p.noise * w.part(torch.rand(w.count * len(z), generator=generator))
                z = z + far[:, None, None, None, None] * self.model.deviation * w.noise(tuple(mean.shape), generator)
            off = self.model.paint(z).float() - video
        weight = 1 + p.motion * moving(video)
        squared, absolute = (weight * off.square()).mean(), (weight * off.abs()).mean()
        nats = gaussian_kl(mean.flatten(1), log_variance.flatten(1)).mean()
        loss = squared + p.absolute * absolute + p.kl * nats
        self.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        w.mean_gradients(self.model)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers.values():
            optimizer.step()
        return {"MSE": squared.item(), "MAE": absolute.item(), "KL": nats.item()}

    @torch.no_grad()
    def sample(self) -> NDArray[np.uint8]:
        """Clips that it never saw, above, and what it makes of them, below."""
        from t2v_edu.film.arrange import grid

        rebuilt = to_frames(self.model(to_tensor(self.show).to(self.workers.device)))
        return grid([*self.show, *rebuilt], columns=len(self.show))

    def save(self, path: Path) -> None:
        """Write the model, its latents standardised on clips of the training worlds, unless they are to stay as they were."""
        if not self.plan.decoder:
            clips = Worlds(self.plan.worlds).batch(96, seed=self.plan.seed + 1, step=0).frames
            self.model.standardise(to_tensor(clips).to(self.workers.device))
        self.model.save_pretrained(path)


def moving(video: Tensor) -> Tensor:
    """(B, 1, T, H, W): 1 where a film (B, 3, T, H, W) differs by more than 0.1 from what is seen there most of the time."""
    still = video.median(2, keepdim=True).values
    return ((video - still).abs().amax(1, keepdim=True) > 0.1).float()


def psnr(real: Tensor, rebuilt: Tensor) -> Tensor:
    """(B,) 10·log₁₀(peak² / mean squared error) in decibels of videos in [-1, 1], whose peak-to-peak is 2."""
    return 10 * torch.log10(4 / (real - rebuilt).square().flatten(1).mean(1))


@torch.no_grad()
def report(model: VideoAutoencoder, worlds: Sequence[str] = WORLDS, clips: int = 500) -> dict[str, dict[str, float]]:
    """What comes back of clips with held-out combinations: mean and lowest PSNR in decibels, and what the reader still reads.

    Returns:
        for each world "PSNR", "PSNR of the mean error", "lowest PSNR", and "read back", the share whose every attribute the
        reader finds again.
    Raises:
        ValueError: no clip.
    """
    from t2v_edu.evaluation.attributes import readings, tally

    if clips < 1:
        raise ValueError(f"{clips} clips: use 1 or more")
    numbers: dict[str, dict[str, float]] = {}
    for world in worlds:
        decibels: list[float] = []
        right = 0
        stream = WorldStream(world, split="held_out")
        for first in range(0, clips, 50):
            several = [stream.clip(2, i) for i in range(first, min(clips, first + 50))]
            video = to_tensor(np.stack([clip.frames for clip in several]))
            rebuilt = model(video)
            decibels += psnr(video, rebuilt).tolist()
            scenes = [clip.scene for clip in several if clip.scene is not None]
            right += tally(zip(readings(to_frames(rebuilt), world), scenes, strict=True))["all"].right
        error = float(np.mean(10 ** (-0.1 * np.array(decibels))))
        numbers[world] = {"PSNR": round(float(np.mean(decibels)), 2), "PSNR of the mean error": round(-10 * math.log10(error), 2),
                          "lowest PSNR": round(min(decibels), 2), "read back": right / len(decibels)}
    return numbers


def ship(path: Path) -> None:
    """Put a trained model into the package in 16 bits, with the scores that it has there."""
    VideoAutoencoder.from_pretrained(path).save_pretrained(SHIPPED, half=True)
    training = json.loads((path / "report.json").read_text(encoding="utf-8"))["training"]
    found = {"training": training, "held out": report(VideoAutoencoder.from_pretrained())}
    write_text(json.dumps(found, indent=1) + "\n", SHIPPED / "report.json")
    print(json.dumps(found["held out"], indent=1))


@friendly
def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m t2v_edu.training.autoencoder", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--ship", type=Path, metavar="MODEL", help="no training: round this to 16 bits, score it, ship it")
    for name in ("steps", "batch", "frames", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(AutoencoderPlan, name))
    parser.add_argument("--lr", type=float, default=AutoencoderPlan.lr)
    parser.add_argument("--worlds", nargs="+", default=AutoencoderPlan.worlds,
                        help="whose clips come in turn; a name may come twice")
    parser.add_argument("--motion", type=float, default=AutoencoderPlan.motion, help="extra weight of what moves")
    parser.add_argument("--noise", type=float, default=AutoencoderPlan.noise, help="how far off the latents are, at most")
    parser.add_argument("--weights", type=Path, metavar="MODEL", help="begin with the weights of this one")
    parser.add_argument("--decoder", action="store_true", help="train its decoder alone: what draws its latents still can")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16 on a processor that has it")
    args = parser.parse_args()
    if args.ship:
        return ship(args.ship)
    if not args.out:
        parser.error("say --out FOLDER to train, or --ship MODEL")
    if args.decoder and not args.weights:
        parser.error("--decoder needs --weights MODEL, whose encoder stays")
    plan = AutoencoderPlan(tuple(args.worlds), args.steps, args.batch, args.frames, args.lr, motion=args.motion, noise=args.noise,
                           decoder=args.decoder, seed=args.seed)
    keep_freed_memory()
    workers = Workers(bf16=args.bf16)
    seed_everything(plan.seed)
    model = VideoAutoencoder.from_pretrained(args.weights) if args.weights else VideoAutoencoder()
    trainee = AutoencoderTrainee(model, plan, workers)
    run(trainee, Worlds(plan.worlds), plan, args.out, workers, resume=args.resume)
    if workers.rank:
        return
    found = {"training": asdict(plan), "held out": report(trainee.model.cpu().eval())}
    write_text(json.dumps(found, indent=1) + "\n", args.out / "model" / "report.json")
    print(json.dumps(found["held out"], indent=1))


if __name__ == "__main__":
    main()
