"""Clips a second and core that the world's reader reads; how well it reads them is what `benchmarks/oracle.py` measures."""

from __future__ import annotations

from benchmarks.common import Line, seconds
from benchmarks.oracle import films
from t2v_edu.world.oracle import read
from t2v_edu.world.scene import Scene

GOAL = 100


def measure(count: int = 30) -> list[Line]:
    """Clean films of 16×32×32."""
    lines = []
    for world in ("shapes", "digits", "story"):
        cases = films(world, count, 0, 16, 32)
        right = sum(read(film, world=world).scene == scene for scene, film in cases)

        def work(cases: list[tuple[Scene, object]] = cases, world: str = world) -> None:  # type: ignore[assignment]
            for _, film in cases:
                read(film, world=world)  # type: ignore[arg-type]

        speed = count / seconds(work, repeats=2)
        how = f"16×32×32, clean; {right} of {count} read as they were meant"
        lines.append(Line(f"read, world {world}", speed, "clips/s and core", GOAL, how=how))
    return lines
