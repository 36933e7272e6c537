"""Chapter 13 · how the captioner is trained: say in plain words, in both languages, what a film shows.

    python -m t2v_edu.training.captioner --out runs/captioner
    python -m t2v_edu.training.captioner --out runs/captioner --ship
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.datasets import Batch, Source, clip_rng
from t2v_edu.evaluation.captions import bleu, cider_d, scene_scores
from t2v_edu.film.arrange import grid
from t2v_edu.models.captioner import SHIPPED, Captioner, CaptionerConfig, Seen
from t2v_edu.models.glimpse import Patches
from t2v_edu.models.narrator import cross_entropy
from t2v_edu.training.config import at_least_one
from t2v_edu.training.loop import Workers, keep_freed_memory, run, seed_everything
from t2v_edu.training.sources import Worlds
from t2v_edu.video import to_tensor
from t2v_edu.vision.features import SHIPPED as FEATURES
from t2v_edu.vision.features import FeatureNet
from t2v_edu.weights import write_text
from t2v_edu.world.captions import say
from t2v_edu.world.lexicon import LANGUAGES, Language
from t2v_edu.world.scene import Scene, sample_scene

WORLDS = ("shapes",)  # of the shipped one: those of the generator that it talks with
RATE = 2e-3


@dataclass(frozen=True)
class CaptionerPlan:
    """One training run of the captioner.

    Args:
        clips: how many are looked at, once.
        steps, batch: updates, and clips per update.
        lr: at its highest.
        evaluate_every, save_every, keep, seed: as in `TrainConfig`.
    """

    clips: int = 2500
    steps: int = 800
    batch: int = 32
    lr: float = RATE
    evaluate_every: int = 100
    save_every: int = 50
    keep: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least_one(self, "clips", "steps", "batch", "evaluate_every", "save_every", "keep")


def plain_captions(scenes: Sequence[Scene] | None, lang: Language) -> list[str]:
    """What the captioner is to say of each scene: the plain thing, so that it learns to see and not to guess a turn of phrase.

    Raises:
        ValueError: clips that come without scenes.
    """
    if scenes is None:
        raise ValueError("these clips come without scenes, so nobody can say them in plain words; use a world's clips")
    return [say(scene, lang) for scene in scenes]


def new(worlds: Sequence[str] = WORLDS, config: CaptionerConfig | None = None, *, seen: Path | None = None) -> Captioner:
    """An untrained captioner that knows the words of some worlds.

    Args:
        seen: folder of a feature net of the same sizes, whose eyes it starts with; None for eyes that never saw anything.
    """
    rng = np.random.default_rng(0)
    scenes = [sample_scene(world, rng) for world in worlds for _ in range(2000)]
    model = Captioner.fit([say(scene, lang) for scene in scenes for lang in LANGUAGES], config, worlds)
    if seen is not None:
        model.film.load_state_dict(FeatureNet.from_pretrained(seen).state_dict())
    return model


def taught(model: Captioner, seen: Seen, scenes: Sequence[Scene] | None) -> Tensor:
    """Cross-entropy of plain captions, nats a symbol, the mean over the languages; each film is looked at once."""
    notes = model.take_notes(seen)
    losses = []
    for lang in LANGUAGES:
        ids, targets, mask = model.narrator.encode(plain_captions(scenes, lang))
        losses.append(cross_entropy(model.tell(notes, ids, mask), targets, mask))
    return torch.stack(losses).mean()


def lesson(model: Captioner, clips: Batch) -> Tensor:
    """The same for clips, eyes and all."""
    return taught(model, model.see(to_tensor(clips.frames)), clips.scenes)


@dataclass(frozen=True, eq=False)
class Album:
    """Clips as trained eyes saw them: while the eyes hold still, looking once is enough."""

    seen: Seen
    scenes: list[Scene]

    @classmethod
    @torch.no_grad()
    def of(cls, model: Captioner, source: Source, clips: int, seed: int, part: int = 50) -> Album:
        """The source's first `clips` clips, a multiple of `part`."""
        scenes: list[Scene] = []
        found: list[Seen] = []
        for step in range(clips // part):
            batch = source.batch(part, seed=seed, step=step)
            found.append(model.see(to_tensor(batch.frames)))
            scenes += batch.scenes or []
        close = [s.patches for s in found if s.patches is not None]
        patches = Patches(*(torch.cat(parts) for parts in zip(*close, strict=True))) if close else None
        return cls(Seen(torch.cat([s.maps for s in found]), patches), scenes)

    def shard(self, rank: int, world_size: int, /) -> Album:
        """The same for every process."""
        return self

    def batches(self, batch_size: int, /, *, seed: int, start: int = 0) -> Iterator[Album]:
        """Random pages without end; a run that goes on sees the very pages that it would have seen."""
        for step in itertools.count(start):
            rows = clip_rng(seed, step).choice(len(self.scenes), batch_size, replace=False)
            yield Album(self.seen.of(torch.from_numpy(rows)), [self.scenes[i] for i in rows])


class CaptionerTrainee:
    """The captioner and its optimiser, with lessons from an album: the film net holds still, all else learns."""

    def __init__(self, model: Captioner, plan: CaptionerPlan) -> None:
        self.plan, self.model = plan, model.eval()
        learning = [p for name, p in model.named_parameters() if not name.startswith("film.")]
        self.modules: dict[str, nn.Module] = {"model": model}
        self.optimizers: dict[str, torch.optim.Optimizer] = {"model": adamw(learning, plan.lr)}

    def warm_up(self, source: Album) -> None:
        """Nothing comes before step 0."""

    def step(self, batch: Album, step: int) -> dict[str, float]:
        """One update."""
        loss = taught(self.model, batch.seen, batch.scenes)
        descend(loss, self.optimizers["model"], rate(self.plan.lr, step, self.plan.steps))
        return {"nats": loss.item()}

    def sample(self) -> NDArray[np.uint8]:
        """A few films that it never saw; what it says of them is printed."""
        clips = Worlds(self.model.worlds, split="held_out").batch(3, seed=1, step=0)
        for said, shown in zip(self.model.describe(to_tensor(clips.frames)), plain_captions(clips.scenes, "en"), strict=True):
            print(f"says: {said}\n  is: {shown}", flush=True)
        return grid(list(clips.frames))

    def save(self, path: Path) -> None:
        """Write the model."""
        self.model.save_pretrained(path)


def adamw(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    """The optimiser of all captioners here."""
    return torch.optim.AdamW(parameters, lr, betas=(0.9, 0.98), weight_decay=1e-2)


def rate(lr: float, step: int, steps: int) -> float:
    """The learning rate of a step: it rises for a tenth of the steps and falls to 0 along half a cosine."""
    return lr * min((step + 1) / (0.1 * steps), 0.5 + 0.5 * math.cos(math.pi * step / steps))


def descend(loss: Tensor, optimizer: torch.optim.Optimizer, lr: float) -> None:
    """One step down a loss, its gradient no longer than 1."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
    optimizer.step()


def fit(model: Captioner, batches: Iterable[Batch], *, steps: int, lr: float = RATE) -> list[float]:
    """Train a whole captioner, eyes and all, for a short time, without log or checkpoints.

    Args:
        batches: clips with scenes, at least `steps` batches.
    Returns:
        the loss, nats a symbol, one value a step.
    """
    optimizer = adamw(model.parameters(), lr)
    model.train()
    history = []
    for step, clips in zip(range(steps), batches, strict=False):
        loss = lesson(model, clips)
        descend(loss, optimizer, rate(lr, step, steps))
        history.append(loss.item())
    model.eval()
    return history


def phrasings(scenes: Sequence[Scene], lang: Language, count: int = 5, seed: int = 7) -> list[list[str]]:
    """For each scene the plain caption and `count` - 1 others that mean the same: references for BLEU and CIDEr-D."""
    rng = np.random.default_rng(seed)
    return [[say(scene, lang), *(say(scene, lang, rng) for _ in range(count - 1))] for scene in scenes]


def scores(model: Captioner, clips: Batch, lang: Language, *, width: int = 1) -> dict[str, float]:
    """What its captions of some clips are worth: the share of each attribute and of exact scenes, BLEU and CIDEr-D.

    The references of the last two are five phrasings of each scene.

    Raises:
        ValueError: clips that come without scenes.
    """
    right = plain_captions(clips.scenes, lang)
    scenes = clips.scenes or []
    video = to_tensor(clips.frames)
    said = [caption for part in torch.split(video, 64) for caption in model.describe(part, lang, width=width)]
    references = phrasings(scenes, lang)
    numbers = {name: score.share for name, score in scene_scores(said, scenes).items()}
    return numbers | {"BLEU": bleu(said, references, lang), "CIDEr-D": float(np.mean(cider_d(said, references))),
                      "word for word": float(np.mean([a == b for a, b in zip(said, right, strict=True)]))}


def report(model: Captioner, clips: int = 300, few: int = 100) -> dict[str, object]:
    """What the captioner says of clips it never saw, by split and language; and of `few` with held-out combinations by the width
    of the beam, and as a control against the next film's caption."""
    found: dict[str, dict[str, object]] = {}
    for split in ("seen", "held_out"):
        batch = Worlds(model.worlds, split=split).batch(clips, seed=1, step=0)
        found[split] = {lang: scores(model, batch, lang) for lang in LANGUAGES}
    scenes = (batch.scenes or [])[:few]
    some = Batch(batch.frames[:few], batch.captions[:few], scenes)
    for lang, width in itertools.product(LANGUAGES, (1, 4)):
        found["held_out"][f"{lang}, first {few}, beam of {width}"] = scores(model, some, lang, width=width)
    away = Batch(some.frames, some.captions, scenes[1:] + scenes[:1])
    found["held_out"]["en, control: the next film's caption"] = scores(model, away, "en")
    return dict(found)


def ship(path: Path, training: dict[str, object]) -> None:
    """Put a trained captioner into the package in 16 bits, with the scores that it has there."""
    Captioner.from_pretrained(path).save_pretrained(SHIPPED, half=True)
    found = {"training": training, "clips": 300, "shares and scores": report(Captioner.from_pretrained())}
    write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", SHIPPED / "report.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m t2v_edu.training.captioner", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--ship", action="store_true", help="no training: put the run's model into the package, with its scores")
    for name in ("steps", "batch", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(CaptionerPlan, name))
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    plan = CaptionerPlan(steps=args.steps, batch=args.batch, seed=args.seed)
    if args.ship:
        return ship(args.out / "model", asdict(plan) | {"worlds": WORLDS})
    keep_freed_memory()
    seed_everything(plan.seed)
    model = new(seen=FEATURES).eval()
    album = Album.of(model, Worlds(WORLDS), plan.clips, plan.seed)
    run(CaptionerTrainee(model, plan), album, plan, args.out, Workers("cpu"), resume=args.resume)


if __name__ == "__main__":
    main()
