"""Chapter 14 · how the film finder that ships is trained: captions in two languages and films, as in chapter 04, but longer.

    python -m t2v_edu.training.dual --out data/dual
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from t2v_edu.datasets import WorldStream
from t2v_edu.models.dual_encoder import DualEncoderConfig, chance, recall
from t2v_edu.models.finder import SHIPPED, FilmFinder
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.loop import seed_everything
from t2v_edu.video import to_tensor
from t2v_edu.weights import write_text
from t2v_edu.world.captions import say
from t2v_edu.world.lexicon import LANGUAGES
from t2v_edu.world.scene import Scene


def vocabulary(source: WorldStream, captions: int = 4000, *, seed: int = 0) -> Tokenizer:
    """A tokenizer for the captions of a stream, in both languages."""
    draw = np.random.default_rng(seed)
    scenes = [source.clip(seed, i, picture=False).scene for i in range(captions)]
    return Tokenizer.fit((say(s, lang, draw) for s in scenes if s for lang in LANGUAGES), max_length=48)


def same_scenes(scenes: Sequence[Scene]) -> torch.Tensor:
    """bool (B, B), True where two scenes of a batch mean the same."""
    number = {scene: i for i, scene in enumerate(dict.fromkeys(scenes))}
    which = torch.tensor([number[scene] for scene in scenes])
    return which[:, None] == which


def fit(finder: FilmFinder, source: WorldStream, *, clips: int, steps: int, size: int = 64, rate: float = 4e-3, seed: int = 0,
        report_every: int = 0) -> list[float]:
    """Train on `clips` films, each said anew in both languages whenever it comes; the loss in nats, one value a step.

    Args:
        size: B, pairs a batch.  rate: the highest learning rate, reached after a tenth of the steps.
        report_every: steps between two lines of print; 0 for none.
    """
    films = source.batch(clips, seed=seed, step=0)
    scenes, draw = films.scenes or [], np.random.default_rng(seed)
    optimizer = torch.optim.Adam(finder.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    losses: list[float] = []
    for step in range(steps):
        rows = draw.integers(len(films), size=size)
        shown = [scenes[i] for i in rows]
        code = finder.reader(*finder.tokenizer.encode([say(s, lang, draw) for lang in LANGUAGES for s in shown]))
        loss = finder.dual.loss(to_tensor(films.frames[rows]), code[:size], code[size:], same_scenes(shown))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if report_every and (step + 1) % report_every == 0:
            print(f"step {step + 1} of {steps}: {np.mean(losses[-report_every:]):.3f} nats", flush=True)
    finder.eval()
    return losses


@torch.no_grad()
def found(finder: FilmFinder, source: WorldStream, clips: int = 1000, *, seed: int = 7) -> dict[str, float]:
    """Recall@1 and @10 of captions among a library of `clips` films, in both languages, and what a guess finds."""
    library, draw = source.batch(clips, seed=seed, step=0), np.random.default_rng(seed)
    scenes = library.scenes or []
    right, films = same_scenes(scenes), finder.embed_films(library.frames)
    shares = {"a guess, recall@1": chance(right)}
    for lang in LANGUAGES:
        scores = finder.embed_captions([say(s, lang, draw) for s in scenes]) @ films.T
        shares |= {f"{lang}, recall@{k}": recall(scores, right, k) for k in (1, 10)}
    return {name: round(share, 3) for name, share in shares.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m t2v_edu.training.dual", description="Train the film finder that ships.")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--clips", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--score", action="store_true", help="train nothing, score what lies there")
    args = parser.parse_args()
    seen, held_out = (WorldStream("shapes", frames=8, size=32, split=split) for split in ("seen", "held_out"))
    if not args.score:
        seed_everything(args.seed)
        finder = FilmFinder(vocabulary(seen), DualEncoderConfig())
        fit(finder, seen, clips=args.clips, steps=args.steps, seed=args.seed, report_every=50)
        finder.save_pretrained(args.out)
    finder = FilmFinder.from_pretrained(args.out)  # as it ships, in half precision
    settings = {"steps": args.steps, "batch": 64, "clips": args.clips, "seed": args.seed}
    training = {**settings, "world": "shapes", "frames": 8, "size": 32}
    scores = {"seen": found(finder, seen), "held_out": found(finder, held_out)}
    write_text(json.dumps({"training": training, "library of 1,000 films": scores}, indent=1) + "\n", args.out / "report.json")


if __name__ == "__main__":
    main()
