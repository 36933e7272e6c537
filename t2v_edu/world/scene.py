"""Chapter 01 · the meaning of a caption: scenes, the grammar they obey, and the worlds cut out of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

SHAPES = ("circle", "square", "triangle", "star", "cross", "heart")
DIGITS = tuple("0123456789")
STORY = ("girl", "puppy", "cat", "tower")
KINDS = SHAPES + DIGITS + STORY

PAINTS = ("red", "orange", "yellow", "green", "blue", "purple", "white")
COLORS = (*PAINTS, "brown")
SIZES = ("small", "medium", "large")
SPEEDS = ("slow", "normal", "fast")
PLAIN_PLACES = ("black", "gray", "cream")
STORY_PLACES = ("park", "grass", "window", "city")
PLACES = PLAIN_PLACES + STORY_PLACES
RELATIONS = ("left_of", "above")  # "right of" and "below" are the same scene with the actors exchanged

# What an action leaves to say: its directions, then its speeds. The first of each is what an unmarked caption means.
ACTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "moves": (("right", "left", "up", "down"), SPEEDS),
    "bounces": (("vertical", "horizontal"), SPEEDS),
    "zigzags": (("right", "left"), SPEEDS),
    "circles": (("clockwise", "counterclockwise"), SPEEDS),
    "spins": (("clockwise", "counterclockwise"), SPEEDS),
    "grows": (("none",), ("normal",)),
    "shrinks": (("none",), ("normal",)),
    "walks": (("right", "left"), ("slow", "normal")),
    "runs": (("right", "left"), ("normal", "fast")),
    "jumps": (("none",), ("normal",)),
    "sits": (("none",), ("normal",)),
    "stands": (("none",), ("normal",)),
}
_TRAVELS = ("moves", "bounces", "zigzags", "circles")
_ANIMAL_COLORS = ("brown", "orange", "white")


@dataclass(frozen=True)
class Cast:
    """What suits one kind of actor; the first of each tuple is what an unmarked caption means."""

    actions: tuple[str, ...]
    colors: tuple[str, ...]
    places: tuple[str, ...]


CAST: dict[str, Cast] = {
    "circle": Cast((*_TRAVELS, "grows", "shrinks"), PAINTS, PLAIN_PLACES),  # a circle that spins looks still
    **{k: Cast((*_TRAVELS, "spins", "grows", "shrinks"), PAINTS, PLAIN_PLACES) for k in SHAPES[1:]},
    **{k: Cast((*_TRAVELS, "grows", "shrinks"), ("white", *PAINTS[:-1]), PLAIN_PLACES) for k in DIGITS},
    "girl": Cast(("walks", "runs", "jumps"), PAINTS, ("park", "grass", "window", "city")),
    "puppy": Cast(("runs", "walks", "jumps", "sits"), _ANIMAL_COLORS, ("grass", "park", "window", "city")),
    "cat": Cast(("sits", "walks", "runs", "jumps"), ("orange", "white", "brown"), ("window", "park", "grass", "city")),
    "tower": Cast(("stands", "grows", "shrinks"), ("brown", "yellow"), ("city", "park")),
}

# Colour and place too close to tell apart: no such scene exists.
CLASHES = frozenset({("white", "cream"), ("green", "park"), ("green", "grass"), ("brown", "window")})


@dataclass(frozen=True)
class Actor:
    """One actor. Every field is a word of the grammar; `direction` is "none" where the action has none.

    Raises:
        ValueError: a word that the grammar does not know or that does not suit the kind; the message names those that do.
    """

    kind: str
    color: str
    size: str
    action: str
    direction: str
    speed: str

    def __post_init__(self) -> None:
        _check("kind", self.kind, KINDS, "an actor")
        cast = CAST[self.kind]
        _check("color", self.color, cast.colors, f"a {self.kind}")
        _check("size", self.size, SIZES, f"a {self.kind}")
        _check("action", self.action, cast.actions, f"a {self.kind}")
        directions, speeds = ACTIONS[self.action]
        _check("direction", self.direction, directions, f"an actor that {self.action}")
        _check("speed", self.speed, speeds, f"an actor that {self.action}")


@dataclass(frozen=True)
class Scene:
    """The meaning of a caption: one or two actors, a place, and for two actors a relation (the first to the second).

    Raises:
        ValueError: no or too many actors, a relation where it does not belong, a colour lost against the place.
    """

    actors: tuple[Actor, ...]
    place: str
    relation: str | None = None

    def __post_init__(self) -> None:
        if len(self.actors) not in (1, 2):
            raise ValueError(f"a scene has one or two actors, not {len(self.actors)}")
        if (self.relation is None) != (len(self.actors) == 1):
            raise ValueError(f"{len(self.actors)} actor(s) with relation {self.relation!r}: two actors need one, one has none")
        if self.relation is not None:
            _check("relation", self.relation, RELATIONS, "two actors")
        _check("place", self.place, PLACES, "a scene")
        for actor in self.actors:
            if (actor.color, self.place) in CLASHES:
                raise ValueError(
                    f"a {actor.color} {actor.kind} would not be seen in the place {self.place!r}; choose another colour or place"
                )


def _check(field: str, value: str, allowed: tuple[str, ...], whom: str) -> None:
    if value not in allowed:
        raise ValueError(f"{field} {value!r} does not suit {whom}; choose one of: {', '.join(allowed)}")


def actor(
    kind: str,
    color: str | None = None,
    size: str | None = None,
    action: str | None = None,
    direction: str | None = None,
    speed: str | None = None,
) -> Actor:
    """An actor with everything left unsaid at its unmarked value (medium, normal speed, the kind's first action, ...)."""
    _check("kind", kind, KINDS, "an actor")
    action = action or CAST[kind].actions[0]
    _check("action", action, CAST[kind].actions, f"a {kind}")
    direction = direction or ACTIONS[action][0][0]
    return Actor(kind, color or CAST[kind].colors[0], size or "medium", action, direction, speed or unmarked_speed(action))


def unmarked_speed(action: str) -> str:
    """The speed that a caption without an adverb means."""
    speeds = ACTIONS[action][1]
    return "normal" if "normal" in speeds else speeds[0]


def unmarked_place(first: Actor) -> str:
    """The place that a caption without one means: the first of the kind's places where the actor's colour shows."""
    return next(p for p in CAST[first.kind].places if (first.color, p) not in CLASHES)


@dataclass(frozen=True)
class World:
    """A named part of the grammar that a model can be trained for."""

    name: str
    kinds: tuple[str, ...]
    places: tuple[str, ...]
    actors: tuple[int, ...] = (1,)
    free_places: bool = False  # any actor anywhere, not only where it feels at home

    def knows(self, scene: Scene) -> bool:
        """Whether the scene lies in this world."""
        return (
            len(scene.actors) in self.actors
            and scene.place in self.places
            and all(a.kind in self.kinds for a in scene.actors)
            and all(self.free_places or scene.place in CAST[a.kind].places for a in scene.actors)
            and (len(scene.actors) == 1 or scene.place in PLAIN_PLACES)
        )


WORLDS: dict[str, World] = {
    "shapes": World("shapes", SHAPES, PLAIN_PLACES),
    "digits": World("digits", DIGITS, PLAIN_PLACES),
    "story": World("story", STORY, STORY_PLACES),
    "pairs": World("pairs", SHAPES + DIGITS, PLAIN_PLACES, actors=(2,)),
    "all": World("all", KINDS, PLACES, actors=(1, 2), free_places=True),
}


def worlds_of(scene: Scene) -> tuple[str, ...]:
    """Names of the worlds that know the scene, the narrowest first."""
    return tuple(name for name, world in WORLDS.items() if world.knows(scene))


# --- Splits -----------------------------------------------------------------------------------------------------------

SPLITS = ("all", "seen", "held_out", "sync_draw")


def is_held_out(scene: Scene) -> bool:
    """Whether training never sees the scene: its colour × actor × action (any of its actors') is a held-out combination.

    For every actor and action about one colour in seven is held out, so that each word is still seen with most others.
    """
    return any(
        (COLORS.index(a.color) + 2 * KINDS.index(a.kind) + 3 * tuple(ACTIONS).index(a.action)) % 7 == 0 for a in scene.actors
    )


def is_sync_draw(scene: Scene) -> bool:
    """A split like Sync-DRAW's: each digit is tested bouncing in one direction and trained in the other.

    There, chance decides which half of the digits is tested from side to side; here it is the even ones, and the odd ones go
    up and down.

    Source: Mittal et al. 2017, arXiv:1611.10314, with the data script of its authors.
    """
    a = scene.actors[0]
    return (
        len(scene.actors) == 1
        and a.kind in DIGITS
        and a.action == "bounces"
        and a.direction == ("vertical", "horizontal")[int(a.kind) % 2 == 0]
    )


def in_split(scene: Scene, split: str) -> bool:
    """Whether a scene belongs to a split: "seen" is what neither of the two held-out splits has."""
    _check("split", split, SPLITS, "the world")
    if split == "all":
        return True
    if split == "sync_draw":
        return is_sync_draw(scene)
    if split == "held_out":
        return is_held_out(scene) and not is_sync_draw(scene)
    return not is_held_out(scene) and not is_sync_draw(scene)


# --- Drawing scenes ----------------------------------------------------------------------------------------------------


def sample_scene(world: str, rng: np.random.Generator, split: str = "all") -> Scene:
    """A random scene of a world: actor kind, then action, direction, speed, colour, size and place, each uniform.

    Raises:
        ValueError: unknown world or split, or a split that the world has nothing of.
    """
    if world not in WORLDS:
        raise ValueError(f"unknown world {world!r}; choose one of: {', '.join(WORLDS)}")
    if split == "sync_draw" and world != "digits":
        raise ValueError(f"split 'sync_draw' belongs to the world 'digits', not to {world!r}")
    for _ in range(10_000):
        scene = _propose(WORLDS[world], rng)
        if scene is not None and in_split(scene, split):
            return scene
    raise ValueError(f"found no scene of world {world!r} in split {split!r}")


def _propose(world: World, rng: np.random.Generator) -> Scene | None:
    count = world.actors[int(rng.integers(len(world.actors)))]
    places = [p for p in world.places if count == 1 or p in PLAIN_PLACES]
    place = places[int(rng.integers(len(places)))]
    kinds = world.kinds if count == 1 else SHAPES + DIGITS
    actors = tuple(_propose_actor(kinds, rng) for _ in range(count))
    if any((a.color, place) in CLASHES for a in actors):
        return None
    relation = None if count == 1 else RELATIONS[int(rng.integers(2))]
    scene = Scene(actors, place, relation)
    return scene if world.knows(scene) else None


def _propose_actor(kinds: tuple[str, ...], rng: np.random.Generator) -> Actor:
    kind = kinds[int(rng.integers(len(kinds)))]
    cast = CAST[kind]
    action = cast.actions[int(rng.integers(len(cast.actions)))]
    directions, speeds = ACTIONS[action]
    return Actor(
        kind=kind,
        color=cast.colors[int(rng.integers(len(cast.colors)))],
        size=SIZES[int(rng.integers(len(SIZES)))],
        action=action,
        direction=directions[int(rng.integers(len(directions)))],
        speed=speeds[int(rng.integers(len(speeds)))],
    )


def all_actors(kinds: tuple[str, ...]) -> Iterator[Actor]:
    """Every actor of the grammar, in a fixed order."""
    for kind in kinds:
        cast = CAST[kind]
        for action, color, size in product(cast.actions, cast.colors, SIZES):
            for direction, speed in product(*ACTIONS[action]):
                yield Actor(kind, color, size, action, direction, speed)


def count_scenes(world: str) -> int:
    """How many distinct scenes a world has, before any continuous jitter."""
    w = WORLDS[world]
    total = 0
    everyone = list(all_actors(w.kinds))
    for place in w.places:
        shown = [a for a in everyone if (a.color, place) not in CLASHES]
        if 1 in w.actors:
            total += sum(w.knows(Scene((a,), place)) for a in shown)
        if 2 in w.actors and place in PLAIN_PLACES:
            plain = sum(a.kind in SHAPES + DIGITS for a in shown)
            total += plain * plain * len(RELATIONS)
    return total


def swap(scene: Scene) -> Scene:
    """The scene with its two actors exchanged (another meaning: what was left is now right)."""
    return replace(scene, actors=scene.actors[::-1])
