"""How the shipped flow is best sampled: films right in every attribute, by steps, guidance, contrast, new noise, looks again.

Looks again show little where nearly every film is right, so the second part asks digits to bounce as they never did in training.
The third part is about what new noise costs: where films of one caption start. No film passes the stabiliser, which is no part
of sampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean
from typing import Any

import numpy as np
import torch

from benchmarks.common import Line
from benchmarks.flow import shipped_or_new
from t2v_edu.datasets import WorldStream
from t2v_edu.evaluation.attributes import Film, Generate, Score, ask, readings, shoot, tally, velocity_errors
from t2v_edu.evaluation.report import diversity_of
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.video import to_frames
from t2v_edu.world.scene import Scene

CLIPS = 60  # of each world, in scenes of the split "seen": what is chosen here is judged on other ones
WAYS = ((12, 2.0, 0.0, 0.0, 0), (24, 2.0, 0.0, 0.0, 0), (24, 2.0, 0.0, 0.5, 0), (24, 2.0, 0.0, 1.0, 0), (24, 1.0, 0.0, 1.0, 0),
        (24, 3.0, 0.0, 1.0, 0), (48, 2.0, 0.0, 1.0, 0), (24, 2.0, 0.5, 1.0, 0), (24, 2.0, 1.0, 1.0, 0), (24, 2.0, 0.0, 1.0, 2),
        (24, 2.0, 0.0, 1.0, 8), (16, 2.0, 0.0, 1.0, 8))
BOUNCING = 400  # films of Sync-DRAW's split, with another seed than the report's
BOUNCES = ((24, 1.0, 0), (48, 1.0, 0), (24, 1.0, 8), (24, 0.5, 8))  # steps, new noise, looks again
STARTS = (0.0, 0.5, 1.0)  # new noise, where films of a caption may start anywhere


def measure() -> list[Line]:
    """One line for each way, in three parts: mean over the model's worlds, digits of Sync-DRAW's split, starts of stories.

    Within a part all ways have the same captions and the same first noise.
    """
    model, which = shipped_or_new()
    lines = on_seen_scenes(model, which)
    if "digits" in model.worlds:
        lines += on_bounces(model, which)
    return lines + (starts(model, which) if "story" in model.worlds else [])


def on_seen_scenes(model: FlowVideo, which: str) -> list[Line]:
    """`WAYS`, the same for every world."""
    asked = {world: WorldStream(world).batch(CLIPS, seed=77, step=0) for world in model.worlds}
    lines = []
    for steps, guidance, contrast, fresh, again in WAYS:
        shares = {}
        for world, batch in asked.items():
            films = model.generate(batch.captions, torch.Generator().manual_seed(0), steps=steps, guidance=guidance,
                                   contrast=contrast, fresh=fresh, again=again)
            shares[world] = right(to_frames(films), batch.scenes or [], world).share
        each = ", ".join(f"{world} {share:.2f}" for world, share in shares.items())
        what = (f"all right with {steps} steps, guidance {guidance:g}, contrast {contrast:g}, fresh noise {fresh:g}, "
                f"{again} looks again")
        lines.append(Line(what, sum(shares.values()) / len(shares), "", how=f"{each}; {CLIPS} films each; {which}"))
        print(f"  {lines[-1].what}: {lines[-1].value:.3f} ({each})", flush=True)
    return lines


def on_bounces(model: FlowVideo, which: str) -> list[Line]:
    """`BOUNCES`, with the model's own guidance and contrast, and the velocity error of the same films."""
    scenes, captions = zip(*ask("digits", "sync_draw", BOUNCING, ("en", "zh"), np.random.default_rng(78)), strict=True)
    lines = []
    for steps, fresh, again in BOUNCES:
        films = list(shoot(painter(model, steps=steps, fresh=fresh, again=again), captions, 1, 50))
        score = right(films, scenes, "digits")
        low, high = score.interval
        error = np.mean(velocity_errors(zip(films, scenes, strict=True), "digits"))
        lines.append(Line(f"all right on Sync-DRAW's split with {steps} steps, fresh noise {fresh:g}, {again} looks again",
                          score.share, "",
                          how=f"{low:.3f} to {high:.3f}; velocity error {error:.3f}; {BOUNCING} films; {which}"))
        print(f"  {lines[-1].what}: {lines[-1].value:.3f} ({lines[-1].how})", flush=True)
    return lines


def starts(model: FlowVideo, which: str) -> list[Line]:
    """`STARTS`: how far the starts of stories of one caption are from the world's own."""
    lines = []
    for fresh in STARTS:
        found = [diversity_of(painter(model, fresh=fresh), "story", ("en", "zh"), np.random.default_rng(seed), 48)
                 for seed in (21, 22, 23)]
        lines.append(Line(f"starts of stories at a fixed caption, fresh noise {fresh:g}", mean(f["distance"] for f in found), "",
                          how=f"Kolmogorov–Smirnov distance, mean of {8 * len(found)}; the world's own from itself "
                              f"{mean(f['own'] for f in found):.3f}; {which}"))
        print(f"  {lines[-1].what}: {lines[-1].value:.3f} ({lines[-1].how})", flush=True)
    return lines


def painter(model: FlowVideo, **way: Any) -> Generate:
    """The model as evaluation sees it, sampled in some way."""
    def paint(captions: Sequence[str], seed: int) -> Film:
        return to_frames(model.generate(captions, torch.Generator().manual_seed(seed), stabilise=False, **way))

    return paint


def right(films: Iterable[Film], scenes: Sequence[Scene], world: str) -> Score:
    """Films with every attribute right."""
    return tally(zip(readings(films, world), scenes, strict=True))["all"]
