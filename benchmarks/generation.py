"""Seconds to the first film from a cold start, and clips a second once a model is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.common import Line, seconds
from benchmarks.training import source_of, words
from t2v_edu import shelf
from t2v_edu.models.video_critics import SIZES
from t2v_edu.models.video_gan import VideoGAN

GOAL = 5.0
CAPTION = "a large red circle moves left"


def shipped_or_new(folder: Path) -> tuple[Path, str]:
    """The shipped model that knows the caption; where none ships yet, an untrained one, which takes as long."""
    for card in shelf.cards():
        if "shapes" in card.worlds:
            return card.path, f"the model {card.name}"
    sizes = SIZES["small"]
    VideoGAN(sizes, words(source_of(sizes)), ("shapes",)).save_pretrained(folder)
    return folder, "an untrained model of size small"


def cold(model: Path, folder: Path) -> float:
    """Seconds of one `t2v-edu generate` in a new process."""
    film = folder / "film.mp4"
    command = [sys.executable, "-m", "t2v_edu", "generate", CAPTION, "-o", str(film), "--model", str(model)]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    passed = time.perf_counter() - start
    assert film.stat().st_size > 0
    film.unlink()
    return passed


def measure(runs: int = 3) -> list[Line]:
    """Cold starts in processes of their own, then one loaded model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, which = shipped_or_new(folder / "model")
        first = min(cold(path, folder) for _ in range(runs))
        model = VideoGAN.from_pretrained(path)
        many = seconds(lambda: model.generate([CAPTION] * 32, torch.Generator().manual_seed(0)))
        one = seconds(lambda: model.generate([CAPTION], torch.Generator().manual_seed(0)))
    shape = f"{model.config.frames}×{model.config.size}×{model.config.size}, {which}"
    return [
        Line("generate, first film from a cold start", first, "s", GOAL, least=False, how=f"{shape}; best of {runs} processes"),
        Line("generate, 32 at once", 32 / many, "clips/s", how=shape),
        Line("generate, one by one", 1 / one, "clips/s", how=shape),
    ]
