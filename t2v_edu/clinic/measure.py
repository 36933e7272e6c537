"""Chapter 11 · the instruments: how far a call moves a network's weights, what a function says in a process of its own."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


def moved(module: nn.Module, action: Callable[[], Any]) -> float:
    """How far `action()` moves the weights of a network: the length of the way, 0 where nothing moves."""
    before = [p.detach().clone() for p in module.parameters()]
    action()
    ways = [(p.detach() - old).square().sum() for p, old in zip(module.parameters(), before, strict=True)]
    return float(torch.stack(ways).sum().sqrt())


def ids_in_a_new_process(vocabulary: Callable[[Sequence[str]], dict[str, int]], captions: Sequence[str],
                         seed: int) -> dict[str, int]:
    """What `vocabulary(captions)` is in a new Python process, as after a restart.

    Args:
        vocabulary: a function that needs nothing but itself; its source is handed on.
        seed: of Python's string hashing in that process. Left to itself, Python draws one at every start.
    Raises:
        ValueError: the process failed; with what it said.
    """
    source = textwrap.dedent(inspect.getsource(vocabulary))
    program = (f"from __future__ import annotations\nimport json\n{source}\n"
               f"print(json.dumps({vocabulary.__name__}({list(captions)!r})))")
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", program], capture_output=True, text=True, encoding="utf-8",
                          check=False, env={**os.environ, "PYTHONHASHSEED": str(seed)})
    if done.returncode:
        raise ValueError(f"{vocabulary.__name__} does not run on its own: {done.stderr.strip().splitlines()[-1]}")
    ids: dict[str, int] = json.loads(done.stdout)
    return ids
