"""Give the newest checkpoint of a flow run a text encoder that knows its words again: used once, see README.md.

    python data/models/reword.py runs/flow

The flow's gradient had moved the old encoder until it said nearly the same of "clockwise" and "counterclockwise". A fresh one
learns to tell all attributes and, as far as that allows, to say what the old one said, so that the transformer understands it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.text.encoders import LSTMEncoder
from t2v_edu.training.checkpoint import checkpoints
from t2v_edu.training.recipes import _attribute
from t2v_edu.training.sources import Worlds, captioned_scenes
from t2v_edu.weights import load_weights, read_tensors

FIELDS = ("kind", "color", "size", "action", "direction", "speed", "place")
MORE = ("shapes", "digits", "story", "shapes", "digits")
STEPS, RATES, KEEP = 1000, (4e-3, 1e-2), 3.0  # learning rates of encoder and heads; the price of saying something else


def main(run: Path) -> None:
    found = checkpoints(run)[-1]
    model = FlowVideo.from_pretrained(run / "model")
    load_weights(model, found / "average.safetensors")
    old = model.text.eval().requires_grad_(False)
    torch.manual_seed(0)
    model.text = new = LSTMEncoder(len(model.tokenizer), model.config.text)
    heads = nn.ModuleDict({f: nn.Linear(model.config.text, 32) for f in FIELDS})
    optimizer = torch.optim.Adam([{"params": part.parameters()} for part in (new, heads)])
    streams = [captioned_scenes(Worlds(names), seed) for names, seed in ((model.worlds, 11), (MORE, 12))]
    values: dict[str, dict[str, int]] = {f: {} for f in FIELDS}
    for step in range(STEPS):
        for group, rate in zip(optimizer.param_groups, RATES, strict=True):
            group["lr"] = rate * min(1.0, 1.6 * (1 - step / STEPS))
        pairs = [next(streams[i % 2]) for i in range(128)]
        ids, mask = model.tokenizer.encode([caption for caption, _ in pairs])
        said, before = new(ids, mask), old(ids, mask)
        moved = ((said.pooled - before.pooled).square().mean() / before.pooled.var()
                 + (said.tokens - before.tokens)[mask].square().mean() / before.tokens[mask].var())
        wrong = torch.zeros(())
        for f in FIELDS:
            target = torch.tensor([values[f].setdefault(_attribute(s, f), len(values[f])) for _, s in pairs])
            wrong = wrong + F.cross_entropy(heads[f](said.pooled), target)
        optimizer.zero_grad()
        (wrong + KEEP * moved).backward()
        optimizer.step()
        if step % 100 == 99:
            print(f"step {step + 1}: {wrong.item():.3f} nats, moved {moved.item():.3f}", flush=True)
    for name in ("average", "model"):
        path = found / f"{name}.safetensors"
        text = {f"text.{k}": v.clone() for k, v in new.state_dict().items()}
        save_file(read_tensors(path) | text, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
