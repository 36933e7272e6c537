"""The race: from random weights to films that show what their captions say. Anybody may enter.

    python -m benchmarks.speedrun                    # the entry "flow", until it is there or an hour has passed
    python -m benchmarks.speedrun --entry mine.py    # a file of yours that defines `entry`

Rules

1. The world is `shapes`, 16 frames of 32×32, captions in both languages, scenes of the split "seen".
2. One machine. Weights start at random; nothing that was trained, rendered or coded before the start may be used.
3. The clock starts before the first line of the entry and stops for nothing: rendering, autoencoder, text encoder, warm-up,
   compilation and the measurements themselves all count.
4. An entry yields itself, (captions, seed) → films, whenever it wants to be measured: 500 clips of held-out combinations whose
   captions and seed it does not know, read by `world.oracle`. All attributes right in 0.95 of them, and the race is over.
   It gets back what it reached.
5. Scenes of the split "held_out" may not be trained on.

A race that reaches 0.95 adds a line to benchmarks/speedrun.md: date, entry, time, hardware, commit.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import itertools
import secrets
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.common import machine
from t2v_edu.evaluation.attributes import ask, shoot, tally
from t2v_edu.world.oracle import read

GOAL, CLIPS, LIMIT = 0.95, 500, 3600.0
RECORDS = Path(__file__).with_suffix(".md")

Paint = Callable[[Sequence[str], int], NDArray[np.uint8]]
Entry = Callable[[], Generator[Paint, float, None]]


@dataclass(frozen=True)
class Result:
    """How a race ended: seconds from start to end, what was reached at which second, and whether that was enough."""

    seconds: float
    reached: tuple[tuple[float, float], ...]

    @property
    def finished(self) -> bool:
        """Whether the last measurement was good enough."""
        return bool(self.reached) and self.reached[-1][1] >= GOAL


def measure(paint: Paint, clips: int) -> float:
    """Share of clips of held-out combinations with every attribute right; other captions each time."""
    rng = np.random.default_rng(secrets.randbits(64))
    asked = ask("shapes", "held_out", clips, ("en", "zh"), rng)
    films = shoot(paint, [caption for _, caption in asked], int(rng.integers(1 << 30)), 50)
    return tally((read(film, world="shapes"), scene) for film, (scene, _) in zip(films, asked, strict=True))["all"].share


def race(entry: Entry, *, limit: float = LIMIT, clips: int = CLIPS, clock: Callable[[], float] = time.perf_counter) -> Result:
    """Run an entry against the clock.

    Raises:
        ValueError: the entry ended before it was good enough or out of time.
    """
    start, reached = clock(), []
    runner = entry()
    paint = next(runner, None)
    while paint is not None:
        share = measure(paint, clips)
        reached.append((clock() - start, share))
        print(f"{reached[-1][0]:7.0f} s  all correct in {share:.3f} of {clips} clips", flush=True)
        if share >= GOAL or reached[-1][0] >= limit:
            runner.close()
            return Result(reached[-1][0], tuple(reached))
        try:
            paint = runner.send(share)
        except StopIteration:
            paint = None
    raise ValueError(f"the entry ended after {clock() - start:.0f} s without {GOAL}; let it go on for ever, the race will end it")


def flow() -> Generator[Paint, float, None]:
    """The course's own entry: an autoencoder, then a flow in its latents, both of training/, on `shapes` alone."""
    from t2v_edu.models.flow_transformer import SIZES
    from t2v_edu.models.flow_video import FlowVideo
    from t2v_edu.models.video_autoencoder import VideoAutoencoder
    from t2v_edu.pipeline import painter
    from t2v_edu.text.tokenizer import Tokenizer
    from t2v_edu.training.autoencoder import AutoencoderPlan, AutoencoderTrainee
    from t2v_edu.training.flow import FlowPlan, FlowTrainee
    from t2v_edu.training.latents import latent_clips
    from t2v_edu.training.loop import Workers, has_bf16, keep_freed_memory, seed_everything
    from t2v_edu.training.sources import Worlds, captions_of

    keep_freed_memory()
    workers, source = Workers(bf16=has_bf16()), Worlds(("shapes",))
    seed_everything(0)
    first = AutoencoderPlan(worlds=("shapes",), steps=4000, batch=12)
    coder = AutoencoderTrainee(VideoAutoencoder(), first, workers)
    for step, clips in zip(range(first.steps), source.batches(first.batch, seed=0), strict=False):
        numbers = coder.step(clips, step)
        if step % 200 == 0:
            print(f"autoencoder, step {step}: {numbers}", flush=True)
    from t2v_edu.video import to_tensor

    coder.model.eval().standardise(to_tensor(source.batch(96, seed=1, step=0).frames).to(workers.device))
    second = FlowPlan(worlds=("shapes", "shapes:bounces,circles,spins"), steps=8000, clips=32_000)
    model = FlowVideo(SIZES["small"], Tokenizer.fit(captions_of(source, 0)), coder.model, ("shapes",), again=8)
    trainee = FlowTrainee(model, second, workers)
    trainee.warm_up(source)
    latents = latent_clips(Worlds(second.worlds), coder.model, second.clips, seed=0)
    for step, batch in zip(itertools.count(), latents.batches(second.batch, seed=0), strict=False):
        if step == second.steps:  # the plan was too short: on, slowly, without an end
            trainee.plan = replace(second, lr=0.1 * second.lr, steps=10**9)
        loss = trainee.step(batch, step)["loss"]
        if step % 200 == 0:
            print(f"flow, step {step}: {loss:.3f}", flush=True)
        if step >= second.steps - 1 and (step - second.steps + 1) % 500 == 0:
            yield painter(trainee.average, worlds=("shapes",))


ENTRIES: dict[str, Entry] = {"flow": flow}


def read_entry(name: str) -> Entry:
    """An entry of this file by its name, or the `entry` of a Python file.

    Raises:
        ValueError: neither.
    """
    if name in ENTRIES:
        return ENTRIES[name]
    path = Path(name)
    spec = importlib.util.spec_from_file_location("entry", path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise ValueError(f"no entry {name!r}; choose one of {', '.join(ENTRIES)}, or give a Python file that defines `entry`")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, "entry", None)):
        raise ValueError(f"{name!r} defines no function `entry`")
    found: Entry = module.entry
    return found


def record(name: str, result: Result, path: Path = RECORDS) -> None:
    """Add a line to the table of records, the fastest first."""
    head = ["# Speedrun", "", "Rules: `benchmarks/speedrun.py`. Each line was written by the race itself.", "",
            "| seconds | all correct | entry | date | commit | hardware |", "| ---: | ---: | --- | --- | --- | --- |"]
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = [line for line in text.splitlines() if line[:3].strip("| ").isdigit()]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    today = datetime.date.today().isoformat()
    lines.append(f"| {result.seconds:.0f} | {result.reached[-1][1]:.3f} | {Path(name).stem} | {today} | {commit} | {machine()} |")
    lines.sort(key=lambda line: int(line.split("|")[1]))
    path.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speedrun", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entry", default="flow")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS")
    parser.add_argument("--threads", type=int, help="torch's threads; as many as there are cores if left out")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    result = race(read_entry(args.entry), limit=args.limit)
    if result.finished:
        record(args.entry, result)
    print(f"{'finished' if result.finished else 'out of time'} after {result.seconds:.0f} s: {result.reached[-1][1]:.3f}")


if __name__ == "__main__":
    main()
