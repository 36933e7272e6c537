"""Measure, print, and write benchmarks/results.md and results.json.

    python -m benchmarks                               # everything but the agreement with captions; some minutes
    python -m benchmarks --only render --only training # a part; the lines of the other parts stay as they were
    python -m benchmarks --agreement 600               # train ours and the peer for ten minutes each, then read 16 clips of both
    python -m benchmarks --side-by-side 900            # GAN, VAE, flow and a peer, a quarter of an hour of one core each
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks import (
    convolution,
    cycle,
    film,
    flow,
    generation,
    motion,
    peer,
    reader,
    render,
    sampling,
    search,
    side_by_side,
    training,
    word2vec,
)
from benchmarks.common import Line, machine

PARTS: dict[str, Callable[[], list[Line]]] = {
    "render": render.measure,
    "reader": reader.measure,
    "training": training.measure,
    "generation": generation.measure,
    "flow": flow.measure,
    "sampling": sampling.measure,
    "film": film.measure,
    "cycle": cycle.measure,
    "motion": motion.measure,
    "convolution": convolution.measure,
    "word2vec": word2vec.measure,
    "search": search.measure,
    "peer": peer.measure,
}
RESULTS = Path(__file__).resolve().parent / "results.json"


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def row(line: Line) -> list[str]:
    """A line as cells."""
    goal = "" if line.goal is None else f"{'≥' if line.least else '≤'} {number(line.goal)} {'✓' if line.met else 'missed'}"
    return [line.what, f"{number(line.value)} {line.unit}", goal, line.how]


def write(parts: dict[str, dict[str, object]]) -> None:
    """All parts as JSON and as a table; each says when and on which machine it was measured."""
    RESULTS.write_text(json.dumps(parts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    text = ["# Measured", "", "Written by `make bench`; nothing here is typed by hand.", ""]
    for name, part in parts.items():
        text += [f"## {name}", "", f"{part['date']}, {part['machine']}.", ""]
        text += ["| what | measured | goal | how |", "| --- | ---: | --- | --- |"]
        text += ["| " + " | ".join(row(Line(**fields))) + " |" for fields in part["lines"]]  # type: ignore[attr-defined]
        text.append("")
    RESULTS.with_suffix(".md").write_text("\n".join(text), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=list(PARTS), action="append", help="repeatable; every part if nothing is asked for")
    parser.add_argument("--agreement", type=float, metavar="SECONDS", help="train ours and the peer so long each, and read both")
    parser.add_argument("--clips", type=int, default=16, help="how many clips of each are read; the peer's take long to sample")
    parser.add_argument("--side-by-side", type=float, metavar="SECONDS",
                        help="train GAN, VAE, flow and Unet3D with so many processor seconds each, and read their films")
    args = parser.parse_args()
    parts = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    usual = [] if args.agreement or args.side_by_side else list(PARTS)
    chosen = {name: PARTS[name] for name in PARTS if name in (args.only or usual)}
    if args.agreement:
        chosen["agreement"] = lambda: peer.compare(args.agreement, args.clips)
    if args.side_by_side:
        chosen["side by side"] = lambda: side_by_side.compare(args.side_by_side)
    for name, take in chosen.items():
        about = machine()
        print(f"· {name}: {about}", flush=True)
        lines = take()
        for line in lines:
            print("  " + "   ".join(cell for cell in row(line) if cell), flush=True)
        today = datetime.date.today().isoformat()
        parts[name] = {"date": today, "machine": about, "lines": [asdict(line) for line in lines]}
        write(parts)


if __name__ == "__main__":
    main()
