"""How the shipped flow is best sampled: films right in every attribute, by steps, guidance, contrast, new noise, looks again."""

from __future__ import annotations

import torch

from benchmarks.common import Line
from benchmarks.flow import shipped_or_new
from t2v_edu.datasets import WorldStream
from t2v_edu.evaluation.attributes import readings, tally
from t2v_edu.video import to_frames

CLIPS = 60  # of each world, in scenes of the split "seen": what is chosen here is judged on other ones
WAYS = ((12, 2.0, 0.0, 0.0, 0), (24, 2.0, 0.0, 0.0, 0), (24, 2.0, 0.0, 0.5, 0), (24, 2.0, 0.0, 1.0, 0), (24, 1.0, 0.0, 1.0, 0),
        (24, 3.0, 0.0, 1.0, 0), (48, 2.0, 0.0, 1.0, 0), (24, 2.0, 0.5, 1.0, 0), (24, 2.0, 1.0, 1.0, 0), (24, 2.0, 0.0, 1.0, 2),
        (24, 2.0, 0.0, 1.0, 8), (16, 2.0, 0.0, 1.0, 8))


def measure() -> list[Line]:
    """One line for each way, the mean over the model's worlds; the same captions and the same first noise for all."""
    model, which = shipped_or_new()
    asked = {world: WorldStream(world).batch(CLIPS, seed=77, step=0) for world in model.worlds}
    lines = []
    for steps, guidance, contrast, fresh, again in WAYS:
        shares = {}
        for world, batch in asked.items():
            films = model.generate(batch.captions, torch.Generator().manual_seed(0), steps=steps, guidance=guidance,
                                   contrast=contrast, fresh=fresh, again=again)
            shares[world] = tally(zip(readings(to_frames(films), world), batch.scenes or [], strict=True))["all"].share
        each = ", ".join(f"{world} {share:.2f}" for world, share in shares.items())
        what = (f"all right with {steps} steps, guidance {guidance:g}, contrast {contrast:g}, fresh noise {fresh:g}, "
                f"{again} looks again")
        lines.append(Line(what, sum(shares.values()) / len(shares), "", how=f"{each}; {CLIPS} films each; {which}"))
        print(f"  {lines[-1].what}: {lines[-1].value:.3f} ({each})", flush=True)
    return lines
