"""Chapter 12 · how the flow transformer is trained, and the student that needs four looks instead of forty-eight.

    python -m t2v_edu.training.flow --out runs/flow --autoencoder data/autoencoder
    python -m t2v_edu.training.flow --out runs/flow-fast --teacher runs/flow/model
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.errors import friendly
from t2v_edu.losses.flow import euler, flow_matching_loss, interpolate, logit_normal, velocity
from t2v_edu.models.flow_transformer import SIZES
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.video_autoencoder import SHIPPED, VideoAutoencoder
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.config import at_least_one
from t2v_edu.training.latents import LatentBatch, latent_clips
from t2v_edu.training.loop import Workers, keep_freed_memory, run, seed_everything
from t2v_edu.training.muon import muon_and_adamw, set_rate
from t2v_edu.training.recipes import known_captions, teach_words
from t2v_edu.training.sources import Worlds, captions_of
from t2v_edu.video import to_frames

LONGEST = 24  # words of a caption, with room to spare: what a compiled step is written for
# what is hard to draw, or to make up one's mind on, comes more often
TURNS = ("shapes", "digits", "story", "shapes:spins,star,cross", "digits:moves,9,5,3,1", "story:walks,runs", "shapes",
         "digits:small,0,3,5,8,9", "story", "shapes:spins,star,small", "digits:moves,zigzags,small,fast",
         "story:walks,jumps,sits", "shapes:bounces,star,cross", "digits", "shapes:spins,star", "digits:bounces,small,fast")


@dataclass(frozen=True)
class FlowPlan:
    """One training run of a flow model, or of a student.

    Args:
        worlds: whose clips come in turn, as `Worlds` takes them: some more often than others, or some actions and kinds alone.
        size: "toy", "small" or "base".
        steps, batch: updates, and clips per update.
        clips: how many clips are coded before the first step and then seen again and again, each time told in new words.
        lr: of the matrices (Muon) and of everything else (AdamW); rises for 100 steps and falls to 0 over the last
            `fall` of the run.
        mean_time: mean of the logit of the times that are drawn; below 0 more of them lie near noise, where it is settled where
            in its cycle a motion begins (between t = .05 and .3).
        drop: share of the captions that are left out, so that the net also knows what films look like without one.
        ema: decay of the averaged weights, which are what is saved.
        warm_up: steps in which the text encoder alone learns to tell captions apart; it stays as it is from then on.
        looks, within: a student's steps from noise to data, and the teacher's within each of them.
        evaluate_every, save_every, keep, seed: as in `TrainConfig`.
    """

    worlds: tuple[str, ...] = TURNS
    size: str = "small"
    steps: int = 6000
    batch: int = 64
    clips: int = 72_000
    lr: float = 5e-3
    fall: float = 0.4
    mean_time: float = -0.5
    drop: float = 0.1
    ema: float = 0.998
    warm_up: int = 400
    looks: int = 4
    within: int = 4
    evaluate_every: int = 500
    save_every: int = 250
    keep: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least_one(self, "steps", "batch", "clips", "looks", "within", "evaluate_every", "save_every", "keep")
        if self.size not in SIZES:
            raise ValueError(f"size {self.size!r}: choose one of {', '.join(SIZES)}")
        if not (0 < self.fall <= 1 and 0 <= self.drop <= 1 and 0 <= self.ema < 1):
            raise ValueError(f"fall {self.fall}, drop {self.drop}, ema {self.ema}: shares, fall above 0 and ema below 1")
        if not math.isfinite(self.mean_time):
            raise ValueError(f"mean time {self.mean_time}: use a finite number; 0 draws as many near the film as near noise")

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        return self.lr * min(1.0, (step + 1) / 100, (self.steps - step) / (self.fall * self.steps))


class FlowTrainee:
    """The transformer, whose hidden matrices Muon moves and AdamW the rest; the text encoder learns in the warm-up alone.

    Args:
        compiled: let `torch.compile` write the transformer's step as one program. That takes minutes once, and then halves
            every step on a processor; all captions are padded to one length, since the program holds for one shape.
    """

    recipe = "flow"

    def __init__(self, model: FlowVideo, plan: FlowPlan, workers: Workers, *, compiled: bool = False) -> None:
        self.plan, self.workers = plan, workers
        self.model = model.to(workers.device).train()
        self.compiled = compiled
        self.net: Any = torch.compile(self.model.transformer, dynamic=False) if compiled else self.model.transformer
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.modules: dict[str, nn.Module] = {"model": self.model, "average": self.average}
        self.optimizers = muon_and_adamw(self.model, self.model.transformer.hidden(), plan.lr,
                                         rank=workers.rank, count=workers.count, bf16=workers.bf16)
        self.show: list[str] = []  # captions of the sample films

    def warm_up(self, source: object) -> None:
        """Teach the text encoder what words mean before any latent is seen."""
        if self.plan.warm_up:
            right = teach_words(self.model, Worlds(Worlds(self.plan.worlds).names), self.plan.warm_up, seed=self.plan.seed)
            print(f"the text encoder tells {right:.3f} of the attributes", flush=True)
            self.average.load_state_dict(self.model.state_dict())

    def step(self, batch: LatentBatch, step: int) -> dict[str, float]:
        """One update."""
        w = self.workers
        generator = w.generator(self.plan.seed, step)
        data = batch.latents.to(w.device)
        noise = w.noise(tuple(data.shape), generator)
        with w.autocast():
            loss = self.loss(batch.captions, data, noise, generator).mean()
        set_rate(self.optimizers.values(), self.plan.rate(step))
        self.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        w.mean_gradients(self.model)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.update_average(step)
        return {"loss": loss.item()}

    def loss(self, captions: list[str], data: Tensor, noise: Tensor, generator: torch.Generator) -> Tensor:
        """(B,) flow matching, some captions left out."""
        w, count = self.workers, len(data)
        t = w.part(logit_normal(w.count * count, generator, mean=self.plan.mean_time))
        dropped = w.part(torch.rand(w.count * count, generator=generator)) < self.plan.drop
        with torch.no_grad():  # trained on with the flow, it came to say the same of different words
            code = self.model.encode(captions)
        told = self.model.transformer.forget(code, dropped)
        if self.compiled:
            told = told.padded(-(-told.mask.shape[1] // LONGEST) * LONGEST)
        return flow_matching_loss(lambda x, at: self.net(x, at, told), data, noise, t)

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        """Move the averaged weights toward the current ones; faster in the beginning, when there is little to remember."""
        decay = min(self.plan.ema, step / (step + 20))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)

    def sample(self) -> NDArray[np.uint8]:
        """The averaged model's clips of a few captions, side by side, always from the same noise."""
        from t2v_edu.film.arrange import grid

        video = self.average.generate(self.show, torch.Generator().manual_seed(0))
        return grid(list(to_frames(video)), columns=4)

    def save(self, path: Path) -> None:
        """Write the averaged model."""
        self.average.save_pretrained(path)


class StudentTrainee(FlowTrainee):
    """A copy of the teacher learns to take in one look what the teacher walks in several, guidance included.

    The way from noise to data is cut into `looks` pieces. From a point at the start of one, the teacher walks to its end; the
    student's velocity at the start is to lead there straight.

    Source: Yan et al. 2024, "PeRFlow", arXiv:2405.07510; Salimans & Ho 2022, "Progressive Distillation", arXiv:2202.00512.
    """

    recipe = "student"

    def __init__(self, teacher: FlowVideo, plan: FlowPlan, workers: Workers) -> None:
        student = copy.deepcopy(teacher)
        student.steps, student.guidance, student.contrast, student.fresh, student.again = plan.looks, 1.0, {}, {}, 0
        super().__init__(student, plan, workers)
        self.teacher = teacher.to(workers.device).eval().requires_grad_(False)
        self.model.text.requires_grad_(False)

    def warm_up(self, source: object) -> None:
        """The teacher knows the words."""

    def loss(self, captions: list[str], data: Tensor, noise: Tensor, generator: torch.Generator) -> Tensor:
        """(B,) squared distance of the student's velocity from the teacher's mean one over the piece."""
        looks, count = self.plan.looks, len(data)
        piece = torch.randint(looks, (), generator=generator) / looks  # where it starts; one for the whole batch
        start = interpolate(noise, data, piece.expand(count).to(data.device))
        with torch.no_grad():
            at = piece + torch.linspace(0, 1 / looks, self.plan.within + 1)
            end = euler(self.teacher.field(captions), start, at.to(data.device))
        off = self.model.field(captions, 1.0, 0.0)(start, piece.expand(count).to(data.device)) - looks * velocity(start, end)
        return off.square().flatten(1).mean(1)


def train_flow(plan: FlowPlan, out: Path, autoencoder: VideoAutoencoder, *, resume: bool = False, device: str = "auto",
               teacher: FlowVideo | None = None, start: FlowVideo | None = None, compiled: bool = False,
               bf16: bool = False) -> FlowVideo:
    """Train a flow model on worlds, or a student of one; what the command line calls.

    Args:
        start: a trained model to begin with, its words and their code included.
    Returns:
        the averaged model.
    Raises:
        ValueError: worlds or a folder that cannot be used, worlds whose words `start` or `teacher` never saw, a loss that is
            not finite; the last good checkpoint stays.
    """
    keep_freed_memory()
    workers = Workers(device, bf16=bf16)
    seed_everything(plan.seed)
    known = teacher if teacher is not None else start
    config = SIZES[plan.size] if known is None else known.config
    source = Worlds(plan.worlds, frames=config.frames, size=config.size)
    plain = Worlds(source.names, frames=config.frames, size=config.size)
    if teacher is not None:
        trainee: FlowTrainee = StudentTrainee(teacher, plan, workers)
    elif start is not None:
        start.worlds = source.names
        trainee = FlowTrainee(start, replace(plan, warm_up=0), workers, compiled=compiled)
    else:
        model = FlowVideo(config, Tokenizer.fit(captions_of(plain, plan.seed)), autoencoder, source.names)
        trainee = FlowTrainee(model, plan, workers, compiled=compiled)
    trainee.show = known_captions(trainee.model, plain, seed=1, count=8)
    clips = latent_clips(source, autoencoder.to(workers.device), plan.clips, seed=plan.seed,
                         cache=out.parent / "latents.safetensors", report=workers.rank == 0)
    run(trainee, clips, plan, out, workers, resume=resume)
    return trainee.average


@friendly
def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m t2v_edu.training.flow", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--autoencoder", type=Path, default=SHIPPED, help="folder of a trained video autoencoder")
    parser.add_argument("--teacher", type=Path, help="folder of a trained flow model: train a student of it")
    parser.add_argument("--weights", dest="start", type=Path, help="folder of a trained flow model: begin with its weights")
    parser.add_argument("--worlds", nargs="+", default=FlowPlan.worlds, help="in turn; shapes:spins,star for stars that spin")
    parser.add_argument("--size", default=FlowPlan.size, choices=sorted(SIZES))
    for name in ("steps", "batch", "clips", "warm-up", "looks", "within", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(FlowPlan, name.replace("-", "_")))
    parser.add_argument("--lr", type=float, default=FlowPlan.lr)
    parser.add_argument("--mean-time", type=float, default=FlowPlan.mean_time, help="mean of the logit of the times")
    parser.add_argument("--ema", type=float, default=FlowPlan.ema)
    parser.add_argument("--fall", type=float, default=FlowPlan.fall, help="share of the run in which the rate falls to 0")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--compile", action="store_true", help="let torch.compile write the step first (needs a C++ compiler)")
    parser.add_argument("--bf16", action="store_true", help="multiply in bfloat16 on a processor that has it")
    args = vars(parser.parse_args())
    out, resume, device, compiled, bf16 = (args.pop(name) for name in ("out", "resume", "device", "compile", "bf16"))
    autoencoder, teacher, start = args.pop("autoencoder"), args.pop("teacher"), args.pop("start")
    if teacher and start:
        parser.error("--teacher and --weights: a student begins with its teacher's weights; give one of the two")
    plan = FlowPlan(**{**args, "worlds": tuple(args["worlds"])})
    model = FlowVideo.from_pretrained(teacher or start) if teacher or start else None
    coder = model.autoencoder if model else VideoAutoencoder.from_pretrained(autoencoder)
    train_flow(plan, out, coder, resume=resume, device=device, teacher=model if teacher else None,
               start=model if start else None, compiled=compiled, bf16=bf16)
    print(json.dumps(asdict(plan)))


if __name__ == "__main__":
    main()
