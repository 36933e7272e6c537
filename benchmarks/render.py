"""Videos a second and core that the renderer makes, world by world; scenes said in words, and whole batches for training."""

from __future__ import annotations

import numpy as np

from benchmarks.common import Line, seconds
from t2v_edu.datasets import WorldStream
from t2v_edu.world.captions import say
from t2v_edu.world.lexicon import LANGUAGES
from t2v_edu.world.render import render
from t2v_edu.world.scene import WORLDS, sample_scene

GOAL = 1000  # of one actor
BATCHES = 500


def measure(count: int = 50) -> list[Line]:
    """A line for each world, at 16×32×32; one thread does the work."""
    lines = []
    for world in WORLDS:
        rng = np.random.default_rng(0)
        scenes = [sample_scene(world, rng) for _ in range(count)]
        one_actor = all(len(scene.actors) == 1 for scene in scenes)

        def work(scenes: list = scenes, rng: np.random.Generator = rng) -> None:  # type: ignore[type-arg]
            for scene in scenes:
                render(scene, 16, 32, 32, rng)

        speed = count / seconds(work)
        lines.append(Line(f"render, world {world}", speed, "videos/s and core", GOAL if one_actor else None, how="16×32×32"))
    scenes = [sample_scene("all", np.random.default_rng(0)) for _ in range(1000)]
    for lang in LANGUAGES:
        speed = 1000 / seconds(lambda: [say(scene, lang, np.random.default_rng(0)) for scene in scenes])  # noqa: B023 - called at once
        lines.append(Line(f"say, {lang}", speed, "captions/s and core", how="of all worlds"))
    speed = 64 / seconds(lambda: WorldStream("shapes").batch(64, seed=1, step=0))
    lines.append(Line("a batch of the stream", speed, "clips/s and core", BATCHES, how="64 of shapes, 16×32×32, with captions"))
    return lines
