"""Chapter 09 · the reader of films, asked about one frame: what a still picture shows, and whether its caption said so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from t2v_edu.evaluation.attributes import Score
from t2v_edu.world.oracle import follow, read
from t2v_edu.world.oracle_ground import smooth
from t2v_edu.world.scene import WORLDS, Scene

VISIBLE = ("kind", "color", "size", "place")  # what one frame can show of a scene
STILL_WORLDS = ("shapes", "digits")
SCALED = ("grows", "shrinks")  # a first frame at 0.6 or 1.4 times the size that the caption names


@dataclass(frozen=True)
class StillReading:
    """What a still picture shows.

    Attributes:
        attributes: kind, color, size, place; each a word of the grammar, or None: abstained.
        confidence: the same keys, 0 to 1.
        x, y: where the actor is, in units of the sides from the upper left; NaN where there is none.
    """

    attributes: dict[str, str | None]
    confidence: dict[str, float]
    x: float
    y: float

    def agrees(self, scene: Scene) -> dict[str, bool]:
        """Which attributes are as a scene has them; "all" is whether every one is. An abstention disagrees."""
        asked = describe_still(scene)
        same = {key: self.attributes[key] == value for key, value in asked.items()}
        return {**same, "all": all(same.values())}


def describe_still(scene: Scene) -> dict[str, str]:
    """What a scene's first frame shows, under the names of `VISIBLE`.

    Raises:
        ValueError: two actors, or one that grows or shrinks: its first frame is not of the size that the scene names.
    """
    if not is_plain(scene):
        raise ValueError(f"the first frame of {scene} does not show its attributes; take a scene of one actor that does not "
                         f"begin by {' or '.join(SCALED)}")
    actor = scene.actors[0]
    return {"kind": actor.kind, "color": actor.color, "size": actor.size, "place": scene.place}


def is_plain(scene: Scene) -> bool:
    """Whether the scene's first frame shows one actor at the size that the caption names."""
    return len(scene.actors) == 1 and scene.actors[0].action not in SCALED


def read_still(picture: NDArray[np.uint8], *, world: str = "shapes", squint: int = 0) -> StillReading:
    """Read a picture (H, W, 3) uint8: a film of one frame, of which nobody asks how it moves.

    Args:
        picture: at least 16×16.  world: "shapes" or "digits".
        squint: how often the picture is averaged over 3×3 pixels first. A film's grain flickers, so the reader of films finds and
            smooths it; a still picture's does not. Up to 2 the world's own pictures are read as well as without.
    Raises:
        ValueError: another form or size, a world whose pictures are not read as stills, a negative squint.
    """
    if world not in STILL_WORLDS:
        known = f"unknown world {world!r}" if world not in WORLDS else f"stills of the world {world!r} are not read"
        raise ValueError(f"{known}; choose one of: {', '.join(STILL_WORLDS)}")
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3:
        got = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise ValueError(f"a picture is a uint8 array (H, W, 3), not {got}")
    if squint < 0:
        raise ValueError(f"squint {squint}: use 0 (as it is) or more")
    seen_as = picture.astype(np.float32)
    for _ in range(squint):
        seen_as = smooth(seen_as)
    film = np.asarray(seen_as + 0.5, np.uint8)[None] if squint else picture[None]  # (1, H, W, 3)
    reading, seen = read(film, world=world), follow(film, world=world)
    x, y = (float("nan"),) * 2 if seen is None else (float(seen.x[0]), float(seen.y[0]))
    sure = {key: reading.confidence[key] for key in VISIBLE}
    return StillReading({key: reading.attributes[key] for key in VISIBLE}, sure, x, y)


def read_stills(pictures: Iterable[NDArray[np.uint8]], *, world: str = "shapes", squint: int = 0) -> list[StillReading]:
    """All pictures of a batch (N, H, W, 3)."""
    return [read_still(picture, world=world, squint=squint) for picture in pictures]


def agreement(readings: Sequence[StillReading], scenes: Sequence[Scene]) -> dict[str, Score]:
    """How many pictures show what was asked, attribute by attribute, and "all" at once.

    For the shuffled control, hand over the scenes in another order: `scenes[1:] + scenes[:1]`.

    Raises:
        ValueError: not as many readings as scenes, or none.
    """
    if len(readings) != len(scenes) or not scenes:
        raise ValueError(f"{len(readings)} readings of {len(scenes)} scenes: give one of each, and at least one")
    rows = [reading.agrees(scene) for reading, scene in zip(readings, scenes, strict=True)]
    return {key: Score(sum(row[key] for row in rows), len(rows)) for key in rows[0]}
