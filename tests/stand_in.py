"""A stand-in for a trained model: what the pipeline does with a model can be tested without one."""

import json
from pathlib import Path

import torch


class StandIn:
    """Films of flat colour whose brightness rises, their first value drawn from the generator."""

    def __init__(self, frames: int = 8, size: int = 32) -> None:
        self.frames, self.size = frames, size
        self.asked: list[list[str]] = []

    def generate(self, captions: list[str], generator: torch.Generator) -> torch.Tensor:
        self.asked.append(captions)
        first = torch.rand(len(captions), 3, 1, 1, 1, generator=generator) - 1
        rise = torch.linspace(0, 1, self.frames)[None, None, :, None, None]
        return (first + rise).expand(-1, -1, -1, self.size, self.size)


def model_folder(shelf: Path, name: str, worlds: list[str], *scores: float) -> Path:
    """A folder that looks like a model as long as nobody loads it; scores of its worlds, in their order."""
    folder = shelf / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"worlds": worlds, "model": {"frames": 8, "size": 32}}))
    for world, score in zip(worlds, scores, strict=False):
        file = folder / ("report.json" if world == worlds[0] else f"report_{world}.json")
        file.write_text(json.dumps({"world": world, "splits": {"held_out": {"all": {"share": score}}}}))
    return folder
