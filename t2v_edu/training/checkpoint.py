"""Chapter 18 · checkpoints that survive a killed run: weights and optimiser as safetensors, the step as JSON, no pickle."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from t2v_edu.weights import load_weights, read_tensors, write_tensors

STEP = re.compile(r"step-(\d{8})")


def save_checkpoint(
    folder: Path, step: int, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer], keep: int
) -> Path:
    """Write `folder/step-NNNNNNNN` under a temporary name and rename it, then drop all but the newest `keep`.

    A run that is killed while writing leaves the temporary folder behind and the older checkpoints untouched. A random state is
    not needed: every step draws from a generator seeded with the run's seed and the step's number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final, temporary, former = (folder / name for name in (f"step-{step:08d}", ".writing", ".former"))
    for left in (temporary, former):  # by a killed run
        shutil.rmtree(left, ignore_errors=True)
    temporary.mkdir()
    for name, module in modules.items():
        tensors = {k: v.detach().cpu().contiguous() for k, v in module.state_dict().items()}
        write_tensors(tensors, temporary / f"{name}.safetensors")
    state: dict[str, Any] = {"step": step, "optimizers": {}}
    for name, optimizer in optimizers.items():
        tensors, numbers = _split(optimizer)
        write_tensors(tensors, temporary / f"optimizer_{name}.safetensors")
        state["optimizers"][name] = numbers
    (temporary / "state.json").write_text(json.dumps(state), encoding="utf-8")
    if final.exists():
        os.replace(final, former)
    os.replace(temporary, final)
    shutil.rmtree(former, ignore_errors=True)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints in a run's folder, oldest first."""
    return sorted(p for p in folder.glob("step-*") if STEP.fullmatch(p.name) and (p / "state.json").is_file())


def load_checkpoint(path: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]) -> int:
    """Fill modules and optimisers from a checkpoint and return its step.

    Raises:
        ValueError: a file that is missing, truncated, not safetensors, or of a model of another size; it is named.
    """
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path / 'state.json'} is damaged ({error}); delete {path} to go on from the one before") from error
    for name, module in modules.items():
        load_weights(module, path / f"{name}.safetensors")
    for name, optimizer in optimizers.items():
        _join(optimizer, read_tensors(path / f"optimizer_{name}.safetensors"), state["optimizers"][name])
    return int(state["step"])


def _split(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's state as tensors named `index.field`, and its groups' numbers."""
    state = optimizer.state_dict()
    tensors = {
        f"{i}.{k}": torch.as_tensor(v).cpu().contiguous() for i, fields in state["state"].items() for k, v in fields.items()
    }
    return tensors, {"groups": state["param_groups"]}


def _join(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    fields: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, field = name.split(".", 1)
        fields.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict({"state": fields, "param_groups": numbers["groups"]})
