"""Chapter 17 · agreement with the caption, attribute by attribute · Wilson 1927, JASA 22(158)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.captions import say
from t2v_edu.world.lexicon import Language
from t2v_edu.world.motion import sample_take
from t2v_edu.world.oracle import Reading, describe, follow, read
from t2v_edu.world.oracle_path import velocity_error
from t2v_edu.world.render import render
from t2v_edu.world.scene import Scene, sample_scene

Film = NDArray[np.uint8]
Generate = Callable[[Sequence[str], int], Film]  # B captions and a seed, to (B, T, H, W, 3)

MOTION = ("action", "direction", "speed")


@dataclass(frozen=True)
class Score:
    """So many right of so many."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """Between 0 and 1; NaN where there was nothing to count."""
        return self.right / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the share."""
        return wilson(self.right, self.total)


def wilson(right: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Score interval of a proportion: from 0 to 1, and never empty at 0 or at 1.

    Raises:
        ValueError: more right than there are, or less than none.
    """
    if not 0 <= right <= total:
        raise ValueError(f"{right} right of {total}: right must lie between 0 and the total")
    if total == 0:
        return 0.0, 1.0
    p = right / total
    centre = p + z * z / (2 * total)
    half = z * float(np.sqrt(p * (1 - p) / total + z * z / (4 * total * total)))
    scale = 1 + z * z / total
    return (0.0 if right == 0 else (centre - half) / scale), (1.0 if right == total else (centre + half) / scale)


def tally(pairs: Iterable[tuple[Reading, Scene]]) -> dict[str, Score]:
    """Score of every attribute, and of "all" at once. Attributes of a second actor count over the scenes that have one."""
    counts: dict[str, list[int]] = {}
    for reading, scene in pairs:
        for key, ok in reading.agrees(scene).items():
            count = counts.setdefault(key, [0, 0])
            count[0] += ok
            count[1] += 1
    return {key: Score(*count) for key, count in counts.items()}


def by_action(pairs: Sequence[tuple[Reading, Scene]]) -> dict[str, Score]:
    """The all-correct score of the scenes of each action (the first actor's), from the best to the worst."""
    actions = sorted({scene.actors[0].action for _, scene in pairs})
    scores = {action: tally(pair for pair in pairs if pair[1].actors[0].action == action)["all"] for action in actions}
    return dict(sorted(scores.items(), key=lambda item: -item[1].share))


def ask(world: str, split: str, count: int, langs: Sequence[Language], rng: np.random.Generator) -> list[tuple[Scene, str]]:
    """Scenes of a split and a caption of each, the languages in turn. "unseen_wording" is "seen" in words kept from training."""
    wording = "unseen" if split == "unseen_wording" else "seen"
    scenes = [sample_scene(world, rng, "seen" if split == "unseen_wording" else split) for _ in range(count)]
    return [(scene, say(scene, langs[i % len(langs)], rng, wording=wording)) for i, scene in enumerate(scenes)]


def shoot(generate: Generate, captions: Sequence[str], seed: int, batch: int) -> Iterable[Film]:
    """Films of the captions one after the other, made `batch` at a time.

    Raises:
        ValueError: what comes back are not as many films.
    """
    for start in range(0, len(captions), batch):
        asked = list(captions[start : start + batch])
        films = generate(asked, seed + start)
        if not isinstance(films, np.ndarray) or films.dtype != np.uint8 or films.ndim != 5 or len(films) != len(asked):
            got = f"{films.dtype} {films.shape}" if isinstance(films, np.ndarray) else type(films).__name__
            raise ValueError(f"{len(asked)} captions must become films in one uint8 array ({len(asked)}, T, H, W, 3), not {got}")
        yield from films


def shuffle_frames(film: Film, rng: np.random.Generator) -> Film:
    """The same frames in a random order."""
    return film[rng.permutation(len(film))]


def shuffle_scenes(pairs: Sequence[tuple[Reading, Scene]]) -> list[tuple[Reading, Scene]]:
    """Every reading against the next one's scene: what a model would score that heard another caption."""
    return [(reading, pairs[(i + 1) % len(pairs)][1]) for i, (reading, _) in enumerate(pairs)]


def starts(films: Iterable[Film], world: str) -> NDArray[np.float64]:
    """Where the actor is in the first frame of each film that shows one, (N, 2) in units of the sides."""
    tracks = [follow(film, world=world) for film in films]
    return np.asarray([(t.x[0], t.y[0]) for t in tracks if t is not None]).reshape(-1, 2)


def ks_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Largest gap between the two samples' distribution functions (Kolmogorov–Smirnov), 0 to 1; 1 where a sample is empty."""
    if not len(a) or not len(b):
        return 1.0
    at = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(s), at, side="right") / len(s) for s in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def ks_limit(n: int, m: int) -> float:
    """What the distance of two samples of one distribution exceeds once in twenty times (large samples)."""
    return float(1.358 * np.sqrt((n + m) / (n * m))) if n and m else 1.0


def floor_of(scene: Scene, like: Film, rng: np.random.Generator) -> Film:
    """The world's own film of a scene, of the form of another one."""
    return render(scene, *like.shape[:3], takes=tuple(sample_take(rng) for _ in scene.actors))


def velocity_errors(cases: Iterable[tuple[Film, Scene]], world: str) -> list[float]:
    """`velocity_error` of every film of one actor that shows anything."""
    out = []
    for film, scene in cases:
        seen = follow(film, world=world) if len(scene.actors) == 1 else None
        if seen is not None:
            out.append(velocity_error(seen, scene.actors[0]))
    return out


def readings(films: Iterable[Film], world: str) -> list[Reading]:
    """All films, read as films of a world."""
    return [read(film, world=world) for film in films]


def attribute_names(world: str) -> list[str]:
    """The attributes that vary within a world, "all" last."""
    rng = np.random.default_rng(0)
    seen: dict[str, set[str]] = {}
    for _ in range(200):
        for key, value in describe(sample_scene(world, rng)).items():
            seen.setdefault(key, set()).add(value)
    return [key for key, values in seen.items() if len(values) > 1] + ["all"]
