"""How everything here is timed and said."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Line:
    """One line of the table: what, how much, of which unit, the goal where there is one, and how it was taken."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    least: bool = True  # whether the goal is to reach at least this much, or to stay below
    how: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None else (self.value >= self.goal) == self.least


def seconds(work: Callable[[], object], *, at_least: float = 1.0, repeats: int = 3) -> float:
    """Seconds a call, the best of some repeats; each repeat calls until `at_least` seconds have gone by. Called once before."""
    work()
    best = float("inf")
    for _ in range(repeats):
        calls, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < at_least or not calls:
            work()
            calls += 1
        best = min(best, passed / calls)
    return best


def machine() -> str:
    """The processor, what else it was doing, and the versions that matter."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    load = f", load {os.getloadavg()[0]:.1f} when it began" if hasattr(os, "getloadavg") else ""
    return (
        f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores{load}; "
        f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} thread(s)"
    )
