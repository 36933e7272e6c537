"""Chapter 17 · the table every model gets: agreement on each split, controls that must fail, diversity and physics."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from t2v_edu.evaluation import attributes as at
from t2v_edu.evaluation.attributes import Film, Generate, Score
from t2v_edu.world.lexicon import Language
from t2v_edu.world.oracle import Reading, chance, read
from t2v_edu.world.scene import WORLDS, Scene

SPLITS = ("seen", "unseen_wording", "held_out", "sync_draw")
ALIKE = 48  # films of one caption, for diversity
CAPTIONS = 4  # captions for it
CONTROL = 200  # films that the control over time and the velocities are taken from, at most


@dataclass(frozen=True)
class Report:
    """What a model's films show.

    Attributes:
        world, clips, seed: what was asked, how many films for each split, and with which seed.
        splits: split → attribute → score; "all" is every attribute right at once.
        chance: attribute → how often two random scenes agree.
        controls: "shuffled captions" and "shuffled frames" on the films of the first split → attribute → score.
        diversity: "distance", the mean Kolmogorov–Smirnov distance between start positions at a fixed caption and the world's
            own; "limit", what chance exceeds once in twenty; "own", the world's distance to itself. Empty for pairs.
        actions: (first actor's) action → "all", over held-out combinations, or over the first split if these were not asked for.
        physics: "error" and "floor", mean velocity error in side lengths per clip, of model and renderer. Empty likewise.
    """

    world: str
    clips: int
    seed: int
    splits: dict[str, dict[str, Score]]
    chance: dict[str, float]
    controls: dict[str, dict[str, Score]] = field(default_factory=dict)
    diversity: dict[str, float] = field(default_factory=dict)
    physics: dict[str, float] = field(default_factory=dict)
    actions: dict[str, Score] = field(default_factory=dict)

    @property
    def gap(self) -> float | None:
        """The compositional gap: all-correct on seen minus all-correct on held-out combinations."""
        if not {"seen", "held_out"} <= self.splits.keys():
            return None
        return self.splits["seen"]["all"].share - self.splits["held_out"]["all"].share

    def text(self) -> str:
        """The table as plain text."""
        from t2v_edu.evaluation.table import as_text

        return as_text(self)

    def picture(self, path: str | os.PathLike[str]) -> None:
        """Draw the table, as .png or .svg."""
        from t2v_edu.evaluation.table import draw

        draw(self, path)

    def as_dict(self) -> dict[str, Any]:
        """Everything in it as plain data, the intervals written out."""
        out = asdict(self)
        for part, table in (("splits", self.splits), ("controls", self.controls)):
            out[part] = {name: {k: asdict(s) | {"share": s.share, "interval": list(s.interval)} for k, s in row.items()}
                         for name, row in table.items()}
        out["actions"] = {action: asdict(s) | {"share": s.share} for action, s in self.actions.items()}
        return out | {"gap": self.gap}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """The way back from `as_dict`.

        Raises:
            ValueError: something is missing in it.
        """
        known = dict(data)
        known.pop("gap", None)
        try:
            for part in ("splits", "controls"):
                known[part] = {name: {k: Score(s["right"], s["total"]) for k, s in row.items()}
                               for name, row in known[part].items()}
            known["actions"] = {action: Score(s["right"], s["total"]) for action, s in known.get("actions", {}).items()}
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a report ({type(error).__name__}: {error}); `Report.save` writes one") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON."""
        Path(path).write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Report:
        """Read what `save` wrote."""
        return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))


def evaluate(
    generate: Generate,
    world: str,
    *,
    clips: int = 1000,
    splits: Sequence[str] | None = None,
    langs: Sequence[Language] = ("en", "zh"),
    seed: int = 0,
    batch: int = 64,
) -> Report:
    """Measure how often films show what their captions say.

    Args:
        generate: B captions and a seed, to films uint8 (B, T, H, W, 3).
        world: a name in WORLDS; what captions ask for and what films are read as.
        clips: films for each split.
        splits: of SPLITS; None: all, "sync_draw" for the digits only.
        langs: languages of the captions, in turn.
        seed: of scenes, captions and films.
        batch: captions handed over at a time.
    Raises:
        ValueError: an unknown world or split, no clips, no language, or films of another form.
    """
    splits = _checked(world, clips, splits, langs)
    rng = np.random.default_rng(seed)
    table: dict[str, dict[str, Score]] = {}
    controls: dict[str, dict[str, Score]] = {}
    physics: dict[str, float] = {}
    actions: dict[str, Score] = {}
    for split in splits:
        asked = at.ask(world, split, clips, langs, rng)
        found: list[tuple[Reading, Scene]] = []
        kept: list[tuple[Film, Scene]] = []
        films = at.shoot(generate, [caption for _, caption in asked], int(rng.integers(1 << 30)), batch)
        for (scene, _), film in zip(asked, films, strict=True):
            found.append((read(film, world=world), scene))
            if len(kept) < CONTROL:
                kept.append((film, scene))
        table[split] = at.tally(found)
        if split == "held_out" or (split == splits[0] and "held_out" not in splits):
            actions = at.by_action(found)
        if split == splits[0]:
            controls["shuffled captions"] = at.tally(at.shuffle_scenes(found))
            mixed = at.readings((at.shuffle_frames(film, rng) for film, _ in kept), world)
            controls["shuffled frames"] = at.tally((r, scene) for r, (_, scene) in zip(mixed, kept, strict=True))
            physics = _physics(kept, world, rng)
    diversity = diversity_of(generate, world, langs, rng, batch)
    return Report(world, clips, seed, table, chance(world, seed=seed), controls, diversity, physics, actions)


def _checked(world: str, clips: int, splits: Sequence[str] | None, langs: Sequence[Language]) -> Sequence[str]:
    if world not in WORLDS:
        raise ValueError(f"unknown world {world!r}; choose one of: {', '.join(WORLDS)}")
    if clips < 1:
        raise ValueError(f"{clips} clips are out of range; choose 1 or more")
    if not langs:
        raise ValueError("no language to ask in; choose 'en', 'zh' or both")
    splits = splits if splits is not None else [s for s in SPLITS if s != "sync_draw" or world == "digits"]
    for split in splits:
        if split not in SPLITS or (split == "sync_draw" and world != "digits"):
            raise ValueError(f"the world {world!r} has no split {split!r}; "
                             f"choose from: {', '.join(SPLITS)} (sync_draw for digits only)")
    if not splits:
        raise ValueError(f"no splits to measure; choose from: {', '.join(SPLITS)}")
    return splits


def _physics(kept: list[tuple[Film, Scene]], world: str, rng: np.random.Generator) -> dict[str, float]:
    alone = [(film, scene) for film, scene in kept if len(scene.actors) == 1]
    errors = at.velocity_errors(alone, world)
    if not errors:
        return {}
    floors = at.velocity_errors(((at.floor_of(scene, film, rng), scene) for film, scene in alone), world)
    return {"error": float(np.mean(errors)), "floor": float(np.mean(floors))}


def diversity_of(generate: Generate, world: str, langs: Sequence[Language], rng: np.random.Generator,
                 batch: int) -> dict[str, float]:
    """Start positions of 48 films of one caption against those of the renderer, for four captions, both axes.

    Returns:
        as `Report.diversity`: mean distances; empty for worlds of pairs.
    """
    if 1 not in WORLDS[world].actors:
        return {}
    distances, own = [], []
    for i in range(CAPTIONS):
        scene, caption = at.ask(world, "seen", 1, langs[i % len(langs) :], rng)[0]
        while len(scene.actors) != 1:
            scene, caption = at.ask(world, "seen", 1, langs[i % len(langs) :], rng)[0]
        films = list(at.shoot(generate, [caption] * ALIKE, int(rng.integers(1 << 30)), batch))
        theirs = at.starts(films, world)
        ours, again = (at.starts([at.floor_of(scene, films[0], rng) for _ in range(ALIKE)], world) for _ in range(2))
        for axis in range(2):
            distances.append(at.ks_distance(theirs[:, axis], ours[:, axis]))
            own.append(at.ks_distance(again[:, axis], ours[:, axis]))
    return {"distance": float(np.mean(distances)), "limit": at.ks_limit(ALIKE, ALIKE), "own": float(np.mean(own))}
