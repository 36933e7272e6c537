"""Chapter 05 · how the feature nets are trained: to say what the actor does, and for the shipped one all that a caption says.

    python -m t2v_edu.training.features --out data/encoder
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.datasets import Batch, Source, WorldStream
from t2v_edu.errors import friendly
from t2v_edu.training.loop import seed_everything
from t2v_edu.training.sources import Worlds
from t2v_edu.video import to_tensor
from t2v_edu.vision.features import SHIPPED, FeatureConfig, FeatureNet, doing
from t2v_edu.weights import write_text
from t2v_edu.world.scene import COLORS, KINDS, PLACES, SIZES, SPEEDS, Scene

WORLDS = ("shapes", "digits", "story")  # of the shipped encoder: everybody, one at a time
ASIDE = {"kind": KINDS, "color": COLORS, "size": SIZES, "speed": SPEEDS, "place": PLACES}  # what it is asked besides


def targets(batch: Batch, labels: Sequence[str]) -> Tensor:
    """(B,) the number of what each first actor does among `labels`.

    Raises:
        ValueError: clips without scenes, or an actor that does something else.
    """
    if batch.scenes is None:
        raise ValueError("these clips come without scenes, so nobody knows what their actors do; use a world's clips")
    for scene in batch.scenes:
        if doing(scene) not in labels:
            raise ValueError(f"an actor {doing(scene)}, which is none of the labels: {', '.join(labels)}")
    return torch.tensor([labels.index(doing(scene)) for scene in batch.scenes])


def fit(net: FeatureNet, batches: Iterable[Batch], *, steps: int, lr: float = 4e-3, aside: nn.ModuleDict | None = None,
        report_every: int = 0) -> list[float]:
    """Train a net with cross-entropy; the learning rate rises for a tenth of the steps and falls to 0.

    Args:
        batches: clips of a world, at least `steps` batches.
        aside: for some attributes of `ASIDE` a linear layer on the features, which learns to name it; it shapes the features.
        report_every: steps between two lines of print; 0 for none.
    Returns:
        the loss of what the actor does, in nats, one value a step.
    """
    parameters = [*net.parameters(), *(aside.parameters() if aside else ())]
    optimizer = torch.optim.AdamW(parameters, lr, betas=(0.9, 0.99), weight_decay=1e-2)
    net.train().to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    history = []
    for step, clips in zip(range(steps), batches, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = lr * min((step + 1) / (0.1 * steps), 0.5 + 0.5 * math.cos(math.pi * step / steps))
        features = net.features(to_tensor(clips.frames))  # (B, D)
        loss = F.cross_entropy(net.head(features), targets(clips, net.config.labels))
        history.append(loss.item())
        for name, head in aside.items() if aside else ():
            loss = loss + 0.3 * F.cross_entropy(head(features), _named(name, clips.scenes or []))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if report_every and (step + 1) % report_every == 0:
            print(f"step {step + 1} of {steps}: {np.mean(history[-report_every:]):.3f} nats", flush=True)
    net.eval()
    return history


@torch.no_grad()
def confusion(net: FeatureNet, source: Source, clips: int, *, seed: int = 1) -> NDArray[np.int64]:
    """(K, K) how often an actor that does [row] was said to do [column], over the source's first `clips` clips."""
    counts = np.zeros((len(net.config.labels),) * 2, np.int64)
    for batch in _some(source, clips, seed):
        said = net(to_tensor(batch.frames)).argmax(1)
        np.add.at(counts, (targets(batch, net.config.labels).numpy(), said.numpy()), 1)
    return counts


def accuracy(counts: NDArray[np.int64]) -> float:
    """The share on the diagonal of a confusion matrix."""
    return float(np.trace(counts) / counts.sum())


@torch.no_grad()
def named_right(net: FeatureNet, aside: nn.ModuleDict, source: Source, clips: int, *, seed: int = 1) -> dict[str, float]:
    """The share of clips whose attributes the layers on the features name rightly."""
    right = dict.fromkeys(aside, 0)
    for batch in _some(source, clips, seed):
        features = net.features(to_tensor(batch.frames))
        for name, head in aside.items():
            right[name] += int((head(features).argmax(1) == _named(name, batch.scenes or [])).sum())
    return {name: count / clips for name, count in right.items()}


def _named(name: str, scenes: Sequence[Scene]) -> Tensor:
    values = [scene.place if name == "place" else getattr(scene.actors[0], name) for scene in scenes]
    return torch.tensor([ASIDE[name].index(value) for value in values])


def _some(source: Source, clips: int, seed: int, size: int = 50) -> list[Batch]:
    if clips % size:
        raise ValueError(f"{clips} clips: use a multiple of {size}")
    return [source.batch(size, seed=seed, step=step) for step in range(clips // size)]


def report(net: FeatureNet, aside: nn.ModuleDict, settings: dict[str, object], clips: int = 1000) -> dict[str, object]:
    """What the shipped encoder gets right on clips it never saw, by world and split, and its commonest mistakes."""
    shares: dict[str, dict[str, float]] = {}
    mistakes: dict[tuple[str, str], int] = {}
    for split in ("seen", "held_out"):
        shares[split] = {}
        for world in WORLDS:
            counts = confusion(net, WorldStream(world, split=split), clips)
            shares[split][world] = accuracy(counts)
            if split == "held_out":
                for i, j in zip(*np.nonzero(counts - np.diag(np.diag(counts))), strict=True):
                    pair = (net.config.labels[i], net.config.labels[j])
                    mistakes[pair] = mistakes.get(pair, 0) + int(counts[i, j])
    common = sorted(mistakes.items(), key=lambda item: -item[1])[:12]
    return {
        "training": settings, "clips per world and split": clips, "accuracy of doing": shares,
        "linear layers on the features, held out": named_right(net, aside, Worlds(WORLDS, split="held_out"), 3 * clips),
        "commonest mistakes, held out": [{"does": a, "said": b, "times": n} for (a, b), n in common],
    }


@friendly
def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m t2v_edu.training.features", description="Train the encoder that ships.")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--kind", default="3d")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    seed_everything(args.seed)
    net = FeatureNet(FeatureConfig(kind=args.kind))
    aside = nn.ModuleDict({name: nn.Linear(net.width, len(values)) for name, values in ASIDE.items()})
    fit(net, Worlds(WORLDS).batches(args.batch, seed=args.seed), steps=args.steps, aside=aside, report_every=50)
    net.save_pretrained(args.out)
    settings: dict[str, object] = {"steps": args.steps, "batch": args.batch, "seed": args.seed, "worlds": WORLDS,
                                   "frames": 16, "size": 32}
    write_text(json.dumps(report(net, aside, settings), indent=1) + "\n", args.out / "report.json")


if __name__ == "__main__":
    main()
