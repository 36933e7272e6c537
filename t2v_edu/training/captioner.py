"""Chapter 13 · how the captioner is trained: say in plain words, in both languages, what a film shows.

    python -m t2v_edu.training.captioner --out runs/captioner --ship
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from t2v_edu.datasets import Batch
from t2v_edu.evaluation.captions import bleu, cider_d, scene_scores
from t2v_edu.models.captioner import SHIPPED, Captioner, CaptionerConfig
from t2v_edu.models.narrator import cross_entropy
from t2v_edu.training.loop import keep_freed_memory, seed_everything
from t2v_edu.training.sources import Worlds
from t2v_edu.video import to_tensor
from t2v_edu.vision.features import SHIPPED as FEATURES
from t2v_edu.vision.features import FeatureNet
from t2v_edu.weights import write_text
from t2v_edu.world.captions import say
from t2v_edu.world.lexicon import LANGUAGES, Language
from t2v_edu.world.scene import Scene, sample_scene

WORLDS = ("shapes",)  # of the shipped one: those of the generator that it talks with
STEPS, BATCH, RATE = 500, 32, 2e-3


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


def lesson(model: Captioner, clips: Batch) -> Tensor:
    """Cross-entropy of the clips' plain captions, nats a symbol, the mean over the languages; each film is looked at once."""
    notes = model.remember(to_tensor(clips.frames))
    losses = []
    for lang in LANGUAGES:
        ids, targets, mask = model.narrator.encode(plain_captions(clips.scenes, lang))
        losses.append(cross_entropy(model.tell(notes, ids, mask), targets, mask))
    return torch.stack(losses).mean()


def fit(model: Captioner, batches: Iterable[Batch], *, steps: int, lr: float = RATE, report_every: int = 0) -> list[float]:
    """Train a captioner; the learning rate rises for a tenth of the steps and falls to 0 along half a cosine.

    Args:
        batches: clips with scenes, at least `steps` batches.
        report_every: steps between two lines of print; 0 for none.
    Returns:
        the loss, nats a symbol, one value a step.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr, betas=(0.9, 0.98), weight_decay=1e-2)
    model.train().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    history: list[float] = []
    for step, clips in zip(range(steps), batches, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = lr * min((step + 1) / (0.1 * steps), 0.5 + 0.5 * math.cos(math.pi * step / steps))
        loss = lesson(model, clips)
        history.append(loss.item())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if report_every and (step + 1) % report_every == 0:
            print(f"step {step + 1} of {steps}: {np.mean(history[-report_every:]):.4f} nats a symbol", flush=True)
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


def report(model: Captioner, clips: int = 1000) -> dict[str, object]:
    """What the shipped captioner says of clips it never saw, by split, language and width of the beam, with a control."""
    found: dict[str, object] = {}
    for split in ("seen", "held_out"):
        batch = Worlds(model.worlds, split=split).batch(clips, seed=1, step=0)
        few = Batch(batch.frames[:200], batch.captions[:200], (batch.scenes or [])[:200])
        away = Batch(few.frames, few.captions, few.scenes[1:] + few.scenes[:1] if few.scenes else None)
        found[split] = {lang: scores(model, batch, lang) for lang in LANGUAGES} | {
            f"{lang}, first 200, beam of {width}": scores(model, few, lang, width=width) for lang in LANGUAGES for width in (1, 4)
        } | {"en, control: the next film's caption": scores(model, away, "en")}
    return found


def ship(path: Path, training: dict[str, object]) -> None:
    """Put a trained captioner into the package in 16 bits, with the scores that it has there."""
    Captioner.from_pretrained(path).save_pretrained(SHIPPED, half=True)
    found = {"training": training, "clips": 1000, "shares and scores": report(Captioner.from_pretrained())}
    write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", SHIPPED / "report.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m t2v_edu.training.captioner", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--ship", action="store_true", help="then put it into the package in 16 bits, with its scores")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--lr", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    keep_freed_memory()
    seed_everything(args.seed)
    model = new(seen=FEATURES)
    fit(model, Worlds(WORLDS).batches(args.batch, seed=args.seed), steps=args.steps, lr=args.lr, report_every=25)
    model.save_pretrained(args.out)
    settings = {name: getattr(args, name) for name in ("steps", "batch", "lr", "seed")} | {"worlds": WORLDS}
    write_text(json.dumps(settings) + "\n", args.out / "training.json")
    if args.ship:
        ship(args.out, settings)


if __name__ == "__main__":
    main()
