"""The choices behind a phrasing: a cheap source of dice, and the words on offer."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import numpy as np

from t2v_edu.world.lexicon import TABLES, Language, Words, read_row, words
from t2v_edu.world.scene import ACTIONS, CAST, CLASHES, SHAPES, Actor, Scene, unmarked_place, unmarked_speed

T = TypeVar("T")
_BITS = 62


class Picker:
    """Draws words and decisions from one generator; one call to it is enough for a whole caption.

    Attributes:
        used_reserved: whether a word or template reserved for the unseen wording has been taken.
    """

    def __init__(self, rng: np.random.Generator, lang: Language, reserved: bool) -> None:
        self.rng, self.lang, self.reserved = rng, lang, reserved
        self.used_reserved = False
        self._value, self._range = 0, 1

    def below(self, n: int) -> int:
        """A whole number in [0, n), uniform: the lowest digit, in base n, of one large random number."""
        if self._range < n << 16:
            self._value, self._range = int(self.rng.integers(1 << _BITS)), 1 << _BITS
        self._value, digit = divmod(self._value, n)
        self._range //= n
        return digit

    def chance(self, one_in: int) -> bool:
        """True once in `one_in` times."""
        return self.below(one_in) == 0

    def one(self, options: tuple[T, ...]) -> T:
        return options[self.below(len(options))]

    def among(self, seen: tuple[T, ...], unseen: tuple[T, ...]) -> T:
        """One of `seen`; for the unseen wording as often one of `unseen`."""
        if self.reserved and unseen and self.below(2):
            self.used_reserved = True
            return unseen[self.below(len(unseen))]
        return seen[self.below(len(seen))]

    def word(self, table: str, value: str) -> str:
        """A word for a value of a lexicon table."""
        row = words(self.lang, table)[value]
        return self.among(row.seen, row.unseen)


@cache
def fused_verbs(lang: Language, action: str, direction: str, speed: str) -> tuple[tuple[Words, bool, bool], ...]:
    """The verbs that say an action's direction or speed themselves, each with whether it says either."""
    rows = TABLES[lang].FUSED.items()
    return tuple(
        (read_row(line), d is not None, s is not None)
        for (a, d, s), line in rows
        if a == action and d in (None, direction) and s in (None, speed)
    )


# --- Two actors ------------------------------------------------------------------------------------------------------

OPPOSITE = {"left_of": "right_of", "right_of": "left_of", "above": "below", "below": "above"}


def told_order(scene: Scene, pick: Picker) -> tuple[Actor, Actor, str, str]:
    """Who is named first and second, what the first is to the second, and the second to the first: "B is right of A" for half."""
    assert scene.relation is not None
    (first, second), relation = scene.actors, scene.relation
    if pick.below(2):
        return second, first, OPPOSITE[relation], relation
    return first, second, relation, OPPOSITE[relation]


def relation_words(template: str, rows: tuple[tuple[str, str, str], ...], pick: Picker) -> dict[str, str]:
    """Words for those gaps of a template, given as (gap, table, value), that it has."""
    return {gap: pick.word(table, value) for gap, table, value in rows if "{" + gap + "}" in template}


# --- What may be left unsaid -----------------------------------------------------------------------------------------


def place_may_rest(scene: Scene) -> bool:
    """Whether a caption without a place, whose first actor's colour is said, means this scene's place."""
    return scene.place == unmarked_place(scene.actors[0])


def color_may_rest(actor: Actor, place: str | None) -> bool:
    """Whether the colour is what a caption without one means, with `place` said (None: unsaid)."""
    shown = (c for c in CAST[actor.kind].colors if place is None or (c, place) not in CLASHES)
    return actor.color == next(shown)


def direction_may_rest(actor: Actor) -> bool:
    return actor.direction == ACTIONS[actor.action][0][0]


def speed_may_rest(actor: Actor) -> bool:
    return actor.speed == unmarked_speed(actor.action)


def color_is_left(actor: Actor, place: str | None, pick: Picker) -> bool:
    """Whether this caption leaves the colour unsaid: a quarter of the shapes that may, half of the others."""
    return color_may_rest(actor, place) and (pick.chance(4) if actor.kind in SHAPES else pick.chance(2))


def action_may_rest(actor: Actor) -> bool:
    """Whether the actor does just what a caption without a verb means."""
    return actor.action == CAST[actor.kind].actions[0] and direction_may_rest(actor) and speed_may_rest(actor)
