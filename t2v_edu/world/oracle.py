"""Chapter 01 · the reader: from a film back to its scene, by analysis alone, without anything learned."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.oracle_actor import ATTRIBUTES, EXACT, read_actor
from t2v_edu.world.oracle_ground import Cell, Choice, find_place, margin
from t2v_edu.world.oracle_pair import read_pair
from t2v_edu.world.oracle_path import Track, track
from t2v_edu.world.oracle_story import silhouette
from t2v_edu.world.scene import CLASHES, PLAIN_PLACES, WORLDS, Actor, Scene, sample_scene


@dataclass(frozen=True)
class Reading:
    """What a film shows.

    Attributes:
        scene: its meaning; None where any attribute could not be read, or where no scene of the world has them all at once.
        attributes: kind, color, size, action, direction, speed (for a second actor kind_2, ...), place, count, relation;
            each a word of the grammar (count "1" or "2"; relation "none" for one actor), or None: abstained.
        confidence: the same keys, 0 to 1: how clearly the word beat the next one.
    """

    scene: Scene | None
    attributes: dict[str, str | None] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)

    def agrees(self, scene: Scene) -> dict[str, bool]:
        """Which attributes are as a scene has them; "all" is whether every one is. An abstention disagrees."""
        asked = describe(scene)
        same = {key: self.attributes.get(key) == value for key, value in asked.items()}
        return {**same, "all": all(same.values())}


def describe(scene: Scene) -> dict[str, str]:
    """A scene's attributes under the names that a `Reading` has them."""
    out: dict[str, str] = {}
    for suffix, actor in zip(("", "_2"), scene.actors, strict=False):
        out |= {name + suffix: getattr(actor, name) for name in ATTRIBUTES}
    return {**out, "place": scene.place, "count": str(len(scene.actors)), "relation": scene.relation or "none"}


def read(video: NDArray[np.uint8], *, world: str | None = None) -> Reading:
    """Read a film.

    Args:
        video: uint8 (T, H, W, 3), RGB; the whole action is taken to be shown, as `render` does.
        world: what it may show, a name in WORLDS; None: anything.
    Raises:
        ValueError: not a film of this form, or an unknown world.
    """
    good = isinstance(video, np.ndarray) and video.dtype == np.uint8 and video.ndim == 4
    if not good or video.shape[-1] != 3 or 0 in video.shape:
        got = f"{video.dtype} {video.shape}" if isinstance(video, np.ndarray) else type(video).__name__
        raise ValueError(f"a film is a uint8 array (T, H, W, 3), not {got}")
    if world is not None and world not in WORLDS:
        raise ValueError(f"unknown world {world!r}; choose one of: {', '.join(WORLDS)}")
    if min(video.shape[1:3]) < 16:
        raise ValueError(f"a film needs at least 16×16 pixels to be read, not shape {video.shape}")
    rules = WORLDS[world or "all"]
    place, difference, picture = find_place(video, rules.places)
    if place.name is None:
        return _reading({"place": place}, rules.actors[0])
    single = pair = None
    if 1 in rules.actors:
        whole = Cell(0.0, 0.0, float(video.shape[2]), float(video.shape[1]))
        single = read_actor(difference, picture, whole, rules.kinds)
    if 2 in rules.actors and place.name in PLAIN_PLACES and (single is None or single.residual > EXACT):
        pair = read_pair(difference, picture, rules.kinds)
    if pair is not None and (single is None or pair.residual < single.residual):
        sure = 1.0 if single is None else margin(pair.residual, single.residual)
        found = {k + suffix: c for suffix, actor in zip(("", "_2"), pair.actors, strict=True) for k, c in actor.choices.items()}
        return _reading({**found, "place": place, "count": Choice("2", sure), "relation": pair.relation}, 2)
    if single is None or single.residual >= 1.0:
        return _reading({"place": place}, rules.actors[0])
    return _reading({**single.choices, "place": place, "count": Choice("1", 1.0), "relation": Choice("none", 1.0)}, 1)


def follow(video: NDArray[np.uint8], *, world: str | None = None) -> Track | None:
    """The path of whatever stands out from the place, over the whole frame; None where nothing does. Arguments as for `read`."""
    place, difference, _ = find_place(video, WORLDS[world or "all"].places)
    whole = Cell(0.0, 0.0, float(video.shape[2]), float(video.shape[1]))
    if place.name is None:
        return None
    # Weighed by how far they stand out, pixels that an edge cuts count as the actor's share of them.
    return track(np.sqrt(np.einsum("thwc,thwc->thw", difference, difference)) / 255.0 * (silhouette(difference) > 0.0), whole)


def _reading(found: dict[str, Choice], actors: int) -> Reading:
    keys = [name + suffix for suffix in ("", "_2")[:actors] for name in ATTRIBUTES] + ["place", "count", "relation"]
    found = {key: found.get(key, Choice(None, 0.0)) for key in keys}
    words = {key: choice.name for key, choice in found.items()}
    return Reading(_scene(words, actors), words, {key: choice.confidence for key, choice in found.items()})


def _scene(words: dict[str, str | None], actors: int) -> Scene | None:
    said = {key: value for key, value in words.items() if value is not None}
    if len(said) < len(words):
        return None
    cast = tuple(Actor(*(said[name + suffix] for name in ATTRIBUTES)) for suffix in ("", "_2")[:actors])
    if any((actor.color, said["place"]) in CLASHES for actor in cast):
        return None  # a model may draw what the world does not
    return Scene(cast, said["place"], None if actors == 1 else said["relation"])


def chance(world: str, count: int = 4000, seed: int = 0) -> dict[str, float]:
    """How often each attribute, and all of them, of a random scene agree with another random scene: the score of a deaf model.

    Attributes of a second actor count only over scenes that have one.
    """
    rng = np.random.default_rng(seed)
    right: dict[str, list[bool]] = {}
    for _ in range(count):
        asked, shown = describe(sample_scene(world, rng)), describe(sample_scene(world, rng))
        same = {key: shown.get(key) == value for key, value in asked.items()}
        for key, ok in {**same, "all": all(same.values())}.items():
            right.setdefault(key, []).append(ok)
    return {key: float(np.mean(ok)) for key, ok in right.items()}
