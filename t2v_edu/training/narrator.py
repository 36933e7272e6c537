"""Chapter 15 · the narrator of facts learns from paragraphs by rule.

    python -m t2v_edu.training.narrator --out data/narrator
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from t2v_edu.models.fact_narrator import FactNarrator, FactNarratorConfig
from t2v_edu.text.stories import is_well_told, some_slots, story
from t2v_edu.weights import write_text
from t2v_edu.world.lexicon import LANGUAGES, Language

Stories = tuple[list[list[str]], list[Language]]


def stories(count: int, seed: int) -> Stories:
    """So many paragraphs by rule, about any of the facts, in both languages in turn."""
    rng = np.random.default_rng(seed)
    languages = [LANGUAGES[i % len(LANGUAGES)] for i in range(count)]
    return [story(some_slots(rng), language, rng) for language in languages], languages


def train(
    data: Stories, *, steps: int = 300, batch: int = 64, lr: float = 1e-2, seed: int = 0, config: FactNarratorConfig | None = None
) -> tuple[FactNarrator, list[float]]:
    """A narrator trained on stories, and its loss at every step, in nats a symbol.

    Raises:
        ValueError: fewer than one step or story in a batch.
    """
    if min(steps, batch) < 1:
        raise ValueError(f"steps {steps}, batch {batch}: use 1 or more")
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed + 1)
    texts, languages = data
    narrator = FactNarrator.fit(texts, config)
    optimizer = torch.optim.Adam(narrator.parameters(), lr, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for _ in range(steps):
        rows = torch.randint(len(texts), (batch,), generator=draw).tolist()
        loss = narrator.loss([texts[i] for i in rows], [languages[i] for i in rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(narrator.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return narrator.eval(), losses


def report(narrator: FactNarrator, count: int = 500, seed: int = 99) -> dict[str, dict[str, float]]:
    """Of paragraphs on random facts, in both languages in turn, with the guard and without: the shares that say every fact once
    and no other, and that besides are made of whole sentences. One that does not end counts as neither."""
    rng = np.random.default_rng(seed)
    asked = [some_slots(rng) for _ in range(count)]
    table = {}
    for guarded in (True, False):
        draw, once, whole = torch.Generator().manual_seed(0), 0, 0
        for i, known in enumerate(asked):
            try:
                written = narrator.write(known, LANGUAGES[i % 2], guarded=guarded, generator=draw)
            except ValueError:  # no end
                continue
            once += sorted(symbol[1:-1] for symbol in written if symbol.startswith("<")) == sorted(known)
            whole += is_well_told(written, known, LANGUAGES[i % 2])
        table["with the guard" if guarded else "without"] = {
            "every fact once": round(once / count, 3), "in whole sentences, too": round(whole / count, 3)}
    return table


def main(out: str) -> None:
    """Train what ships, and write it with its report."""
    narrator, losses = train(stories(4000, seed=15), steps=500)
    narrator.save_pretrained(Path(out))
    table = report(FactNarrator.from_pretrained(out))
    write_text(json.dumps(table, indent=1) + "\n", Path(out) / "report.json")
    print(table)
    print(f"{losses[0]:.2f} nats a symbol at first, {np.mean(losses[-50:]):.2f} at the end")


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    main(parser.parse_args().out)
