"""Chapter 12 · how a stabiliser learns where figures are in films, and where captions want them.

    python -m t2v_edu.training.stabiliser --flow data/models/flow --out runs/stabiliser
    python -m t2v_edu.training.stabiliser --ship runs/stabiliser/model --into data/models/flow

Films to learn from are the world's own, coded, put back to some time on the flow's way and drawn from there by one look: they
have the faults of the flow's own films, and it is known what they ought to show. Paths are those of the world's films, shaken.
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
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.datasets import Batch, clip_rng
from t2v_edu.errors import friendly
from t2v_edu.losses.flow import look_again
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.stabiliser import Stabiliser, StabiliserConfig, around, centroid, stands_out
from t2v_edu.paths import DATA
from t2v_edu.training.config import at_least_one
from t2v_edu.training.loop import Workers, keep_freed_memory, run, seed_everything
from t2v_edu.training.muon import muon_and_adamw, set_rate
from t2v_edu.training.recipes import known_captions
from t2v_edu.training.sources import Worlds
from t2v_edu.video import to_frames, to_tensor
from t2v_edu.weights import write_text
from t2v_edu.world.places import place_picture
from t2v_edu.world.scene import Scene

SHIPPED = DATA / "stabiliser"
DRIFT, TREMBLE = 0.0045, 0.0015  # of the side: how far a shaken path is off, slowly and from frame to frame, in the middle
EARLIEST = 0.4  # time from which a film is drawn anew; from earlier ones it becomes another film


@dataclass(frozen=True)
class StabiliserPlan:
    """One training run of a stabiliser.

    Args:
        worlds: whose clips come in turn, as `Worlds` takes them; those of one actor.
        steps, batch: updates, and films per update.
        clips: how many clips' paths are collected before the first step.
        paths, shakes: how many of these an update takes, each told in new words, and how often it shakes each.
        lr: of the hidden matrices (Muon) and of everything else (AdamW); rises for 100 steps and falls along half a cosine.
        evaluate_every, save_every, keep, seed: as in `TrainConfig`.
    """

    worlds: tuple[str, ...] = ("shapes", "digits", "shapes:bounces,circles", "digits:bounces,circles")
    steps: int = 6000
    batch: int = 8
    clips: int = 40_000
    paths: int = 256
    shakes: int = 8
    lr: float = 5e-3
    evaluate_every: int = 1000
    save_every: int = 500
    keep: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least_one(self, "steps", "batch", "clips", "paths", "shakes", "evaluate_every", "save_every", "keep")
        if not 0 <= self.lr < math.inf:
            raise ValueError(f"lr {self.lr}: use a finite number that is not negative")


class StabiliserTrainee:
    """Both nets of a stabiliser and their optimisers, beside the flow whose films it is to mend."""

    recipe = "stabiliser"

    def __init__(self, model: Stabiliser, flow: FlowVideo, source: Worlds, plan: StabiliserPlan, workers: Workers) -> None:
        self.plan, self.workers, self.source = plan, workers, source
        self.model = model.to(workers.device).train()
        self.flow = flow.to(workers.device).eval().requires_grad_(False)
        self.modules: dict[str, nn.Module] = {"model": self.model}
        self.optimizers = muon_and_adamw(self.model, self.model.hidden(), plan.lr, rank=workers.rank, count=workers.count)
        self.show = Worlds(source.names, frames=source.frames, size=source.size, split="held_out").batch(6, seed=1, step=0)
        self.known, self.scenes = collect(source, plan.clips, plan.seed + 1, report=workers.rank == 0)

    def warm_up(self, source: object) -> None:
        """Nothing comes before step 0."""

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update of the net that marks figures, by films, and of that of paths, by paths alone."""
        p, w = self.plan, self.workers
        generator = w.generator(p.seed, step)
        marks, off = self.marking(batch, generator)
        missed = self.missing(step, generator)
        loss = marks + 0.1 * off + missed
        set_rate(self.optimizers.values(), p.lr * min((step + 1) / 100, 0.5 + 0.5 * math.cos(math.pi * step / p.steps)))
        self.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        w.mean_gradients(self.model)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers.values():
            optimizer.step()
        return {"marks": marks.item(), "centroid": off.item(), "path": missed.item()}

    def marking(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """How far what the net marks is from what stands out, and how far its path is from that one's, in pixels (Huber)."""
        assert batch.scenes is not None  # worlds know what they show
        real = to_tensor(batch.frames).to(self.workers.device)
        place = places(batch.scenes, real.shape[-1]).to(real)
        drawn = self.redraw(real, batch.captions, generator)
        wanted = stands_out(drawn, place) * around(stands_out(real, place))  # ghosts far from the figure are not the figure's
        marked = self.model.figure(drawn)
        off = (centroid(marked) - centroid(wanted)) * real.shape[-1]
        off = off - off.mean(-1, keepdim=True)
        return F.huber_loss(marked, wanted, delta=0.3), F.huber_loss(off, torch.zeros_like(off), delta=0.5)

    def missing(self, step: int, generator: torch.Generator) -> Tensor:
        """Mean squared distance, in pixels, of the answers to shaken paths from the paths themselves."""
        p, w = self.plan, self.workers
        rows = w.part(torch.randint(len(self.known), (w.count * p.paths,), generator=generator)).tolist()
        streams, first = self.source.streams, (step * w.count + w.rank) * p.paths
        told = [streams[i % len(streams)].tell(self.scenes[i], clip_rng(p.seed, first + k, purpose=2))
                for k, i in enumerate(rows)]
        with torch.no_grad():
            code = self.flow.encode(told).pooled.repeat(p.shakes, 1)
        path = self.known[rows].to(w.device).repeat(p.shakes, 1, 1)
        off = self.model.paths(path + w.part(shake(w.count * len(path), path.shape[-1], generator)), code) - path
        missed: Tensor = (off - off.mean(-1, keepdim=True)) * self.source.size
        return missed.square().sum(1).mean()

    @torch.no_grad()
    def redraw(self, video: Tensor, captions: Sequence[str], generator: torch.Generator) -> Tensor:
        """Films as the flow's last look would draw them, from a time that is drawn for all at once."""
        time = EARLIEST + (0.98 - EARLIEST) * float(torch.rand((), generator=generator))
        field = self.flow.field(captions, (1 + self.flow.guidance) / 2)
        latents = look_again(field, self.flow.autoencoder.encode(video), time, 1, generator)
        return self.flow.autoencoder.decode(latents)

    @torch.no_grad()
    def sample(self) -> NDArray[np.uint8]:
        """Films of held-out combinations as the flow would draw them, above, and stabilised, below."""
        from t2v_edu.film.arrange import grid

        video = to_tensor(self.show.frames).to(self.workers.device)
        drawn = self.redraw(video, self.show.captions, torch.Generator().manual_seed(0))
        settled = self.model(drawn, self.flow.encode(self.show.captions).pooled)
        return grid([*to_frames(drawn), *to_frames(settled)], columns=len(video))

    def save(self, path: Path) -> None:
        """Write the model."""
        self.model.save_pretrained(path)


def places(scenes: Sequence[Scene], size: int) -> Tensor:
    """What would be seen without actors, (B, 3, 1, size, size) in [-1, 1]."""
    return to_tensor(np.stack([np.rint(place_picture(scene.place, size, size)).astype(np.uint8)[None] for scene in scenes]))


def collect(source: Worlds, count: int, seed: int, *, report: bool = False) -> tuple[Tensor, list[Scene]]:
    """Paths (count, 2, T), in side lengths, of the actors of a source's first clips, and their scenes.

    Raises:
        ValueError: a clip of two actors.
    """
    paths, scenes = [], []
    for index in range(count):
        clip = source.clip(seed, index)
        assert clip.scene is not None
        if len(clip.scene.actors) != 1:
            raise ValueError(f"a stabiliser learns films of one actor, and this shows {len(clip.scene.actors)}: {clip.caption!r}")
        video = to_tensor(clip.frames[None])
        paths.append(centroid(stands_out(video, places([clip.scene], video.shape[-1])))[0])
        scenes.append(clip.scene)
        if report and index % 5000 == 0:
            print(f"followed {index} of {count} clips", flush=True)
    return torch.stack(paths), scenes


def shake(count: int, frames: int, generator: torch.Generator) -> Tensor:
    """How far shaken paths are off, (count, 2, frames) in side lengths: waves, the shorter the weaker, and trembling."""
    size = torch.exp(0.7 * torch.randn(count, 1, 1, generator=generator))
    cycles = torch.arange(1, frames)
    waves = math.sqrt(2) * torch.cos(math.pi * cycles[:, None] * (torch.arange(frames) + 0.5) / frames)  # (T − 1, T)
    drift = (torch.randn(count, 2, frames - 1, generator=generator) / cycles) @ waves
    return size * (DRIFT * drift + TREMBLE * torch.randn(count, 2, frames, generator=generator))


def train_stabiliser(plan: StabiliserPlan, out: Path, flow: FlowVideo, *, resume: bool = False,
                     device: str = "auto") -> Stabiliser:
    """Train a stabiliser for a flow's films; what the command line calls.

    Raises:
        ValueError: worlds that cannot be used or whose words the flow never saw, a loss that is not finite; the last good
            checkpoint stays.
    """
    keep_freed_memory()
    workers = Workers(device)
    seed_everything(plan.seed)
    source = Worlds(plan.worlds, frames=flow.config.frames, size=flow.config.size)
    for stream in source.streams:
        known_captions(flow, stream, seed=plan.seed)
    model = Stabiliser(StabiliserConfig(frames=flow.config.frames, text=flow.config.text), source.names)
    trainee = StabiliserTrainee(model, flow, source, plan, workers)
    run(trainee, source, plan, out, workers, resume=resume)
    if workers.rank == 0:
        write_text(json.dumps(asdict(plan), indent=1) + "\n", out / "model" / "plan.json")
    return trainee.model.eval()


def ship(path: Path, into: Sequence[Path]) -> None:
    """Put a trained stabiliser into the package in 16 bits, and say of flow models that they have it."""
    plan = (path / "plan.json").read_text(encoding="utf-8")
    Stabiliser.from_pretrained(path).save_pretrained(SHIPPED, half=True)
    write_text(plan, SHIPPED / "plan.json")
    for folder in into:
        flow = FlowVideo.from_pretrained(folder)
        coder = (folder / json.loads((folder / "config.json").read_text(encoding="utf-8"))["autoencoder"]).resolve()
        flow.mend_with(Stabiliser.from_pretrained(SHIPPED))
        flow.save_pretrained(folder, autoencoder=coder, stabiliser=SHIPPED, half=True)


@friendly
def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m t2v_edu.training.stabiliser", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--flow", type=Path, help="folder of the flow model whose films it is to mend")
    parser.add_argument("--ship", type=Path, metavar="MODEL", help="no training: round this to 16 bits and ship it")
    parser.add_argument("--into", type=Path, nargs="*", default=[], metavar="FLOW", help="flow models that are to have it")
    parser.add_argument("--worlds", nargs="+", default=StabiliserPlan.worlds, help="whose clips come in turn, of one actor each")
    for name in ("steps", "batch", "clips", "paths", "shakes", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(StabiliserPlan, name))
    parser.add_argument("--lr", type=float, default=StabiliserPlan.lr)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu"))
    parser.add_argument("--resume", action="store_true")
    args = vars(parser.parse_args())
    out, flow, shipped, into = (args.pop(name) for name in ("out", "flow", "ship", "into"))
    resume, device = args.pop("resume"), args.pop("device")
    if shipped:
        return ship(shipped, into)
    if not out or not flow:
        parser.error("say --flow MODEL and --out FOLDER to train, or --ship MODEL")
    plan = StabiliserPlan(**{**args, "worlds": tuple(args["worlds"])})
    train_stabiliser(plan, out, FlowVideo.from_pretrained(flow), resume=resume, device=device)


if __name__ == "__main__":
    main()
