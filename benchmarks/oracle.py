"""How far the reader can be trusted: its ceiling on clean films, its noise curve, its chance level, its speed.

    python benchmarks/oracle.py                          # every world, 300 films a line
    python benchmarks/oracle.py --world digits --films 1000 --json oracle.json
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from t2v_edu.world.oracle import chance, read
from t2v_edu.world.render import render
from t2v_edu.world.scene import WORLDS, Scene, sample_scene

Film = NDArray[np.uint8]


def blur(film: Film, sigma: float) -> Film:
    """Gaussian blur within each frame, standard deviation in pixels."""
    radius = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    out = film.astype(np.float64)
    for axis in (1, 2):
        pad = [(radius, radius) if a == axis else (0, 0) for a in range(4)]
        wide = np.pad(out, pad, mode="edge")
        out = sum(k * np.take(wide, range(i, i + film.shape[axis]), axis) for i, k in enumerate(kernel))
    return np.rint(out).astype(np.uint8)


def noise(film: Film, sigma: float) -> Film:
    """White Gaussian noise, standard deviation in levels, the same for the same film."""
    rng = np.random.default_rng(int(film.sum()))
    return np.clip(np.rint(film + rng.normal(0, sigma, film.shape)), 0, 255).astype(np.uint8)


def jpeg(film: Film, quality: int) -> Film:
    """Every frame through JPEG."""
    frames = []
    for frame in film:
        data = io.BytesIO()
        Image.fromarray(frame).save(data, "JPEG", quality=quality)
        frames.append(np.asarray(Image.open(data).convert("RGB")))
    return np.stack(frames)


DAMAGE: dict[str, Callable[[Film], Film]] = {
    "clean": lambda film: film,
    "blur σ=0.5": lambda film: blur(film, 0.5),
    "blur σ=1": lambda film: blur(film, 1.0),
    "blur σ=1.5": lambda film: blur(film, 1.5),
    "noise σ=8": lambda film: noise(film, 8),
    "noise σ=16": lambda film: noise(film, 16),
    "noise σ=32": lambda film: noise(film, 32),
    "JPEG 50": lambda film: jpeg(film, 50),
    "JPEG 20": lambda film: jpeg(film, 20),
}


def films(world: str, count: int, seed: int, frames: int, size: int) -> list[tuple[Scene, Film]]:
    """Random scenes of a world and their films."""
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(world, rng) for _ in range(count)]
    return [(scene, render(scene, frames, size, size, rng)) for scene in scenes]


def score(cases: list[tuple[Scene, Film]], world: str, damage: Callable[[Film], Film]) -> dict[str, float]:
    """Share of films in which each attribute is read right, "wrong" the share read as something else, and films a second."""
    damaged = [(scene, damage(film)) for scene, film in cases]
    for _, film in damaged[:3]:
        read(film, world=world)
    start = time.process_time()
    readings = [read(film, world=world) for _, film in damaged]
    speed = len(damaged) / (time.process_time() - start)
    right: dict[str, list[bool]] = {}
    for (scene, _), reading in zip(damaged, readings, strict=True):
        for key, ok in reading.agrees(scene).items():
            right.setdefault(key, []).append(ok)
    wrong = np.mean([r.scene is not None and r.scene != s for (s, _), r in zip(damaged, readings, strict=True)])
    return {key: float(np.mean(ok)) for key, ok in right.items()} | {"wrong": float(wrong), "films/s": speed}


def show(table: dict[str, dict[str, float]]) -> None:
    """Print one row a line of the table, one column an attribute."""
    columns = list(dict.fromkeys(key for row in table.values() for key in row))
    print(f"{'':12}" + "".join(f"{c[:11]:>12}" for c in columns))
    for name, row in table.items():
        cells = (" " * 12 if c not in row else f"{row[c]:12.{0 if c == 'films/s' else 3}f}" for c in columns)
        print(f"{name:12}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=list(WORLDS), action="append", help="repeatable; every world if left out")
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, help="pixels a side; 32, and 64 where there are two actors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(DAMAGE), action="append", help="repeatable; every damage if left out")
    parser.add_argument("--json", help="file to write the numbers to")
    args = parser.parse_args()
    results = {}
    for world in args.world or WORLDS:
        size = args.size or (64 if 2 in WORLDS[world].actors else 32)
        cases = films(world, args.films, args.seed, args.frames, size)
        print(f"\n{world}: {args.films} films of {args.frames}×{size}×{size}")
        table = {name: score(cases, world, damage) for name, damage in DAMAGE.items() if name in (args.only or DAMAGE)}
        table["chance"] = chance(world, 2000, args.seed)
        show(table)
        results[world] = table
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
