"""What a caption has said so far, actor by actor, and the scene that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from t2v_edu.world import words_en
from t2v_edu.world.caption_errors import SLOT_NAMES, CaptionError, actor_names, colors_that_show, names
from t2v_edu.world.lexicon import Language, name_of
from t2v_edu.world.scene import ACTIONS, CAST, CLASHES, COLORS, DIGITS, PLAIN_PLACES, Actor, Scene, unmarked_place, unmarked_speed

OPPOSITE = {"left_of": "right_of", "right_of": "left_of", "above": "below", "below": "above"}
# Another action that goes at the speed that this one lacks.
INSTEAD = {("walks", "fast"): "runs", ("runs", "slow"): "walks"}


# What a plain verb of motion can turn out to be: "moves in a circle", "goes jogging".
_WAYS_TO_MOVE = ("moves", "bounces", "zigzags", "circles", "walks", "runs")


class Phrase(Protocol):
    """A phrase of the caption: its text and the tokens it stands between."""

    @property
    def text(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


Said = dict[str, tuple[str, str]]
"""For a slot its value and the words that said so."""


@dataclass
class Draft:
    """Hands phrases to actors as they come, in the order of the caption.

    A phrase belongs to the actor named last, unless something begins in between (an article, a comma, a relation): then it waits
    and goes to the actor named next, or back to the last one if none follows before the next beginning.
    """

    lang: Language
    caption: str
    actors: list[Said] = field(default_factory=list)
    waiting: list[tuple[str, str, str]] = field(default_factory=list)
    place: tuple[str, str] | None = None
    relation: tuple[str, int, str] | None = None  # what the other actor is to this one
    sides: list[tuple[str, str]] = field(default_factory=list)
    current: int | None = None  # who the next phrase belongs to; None after a beginning
    kind_end: int = -1
    article: str = ""  # the last word that began something

    def take(self, slot: str, value: str, phrase: Phrase, leads: bool = False) -> None:
        """One thing that a phrase says; `leads` if it stands in front of a noun ("blue" in "blue square")."""
        if slot == "fill":
            return
        if leads and self.current is not None:
            self._begin()
        if slot == "break":
            self.article = value
            self._begin()
        elif slot == "kind":
            self._enter(value, phrase)
        elif slot == "place":
            if self.place is not None and self.place[0] != value:
                raise self._error("two_places", first=self.place[1], second=phrase.text)
            self.place = (value, phrase.text)
        elif slot in ("relation", "its", "side"):
            self._relate(slot, value, phrase)
        elif slot == "subject":
            self._begin()
            self.current = int(value)
        elif slot == "background":
            backgrounds = names(self.lang, "place", PLAIN_PLACES)
            if phrase.text in ("background", "backdrop", "背景"):
                raise self._error("background", phrase.text, backgrounds)
            raise self._error("background_color", phrase.text, backgrounds, colors=self._join(names(self.lang, "color", COLORS)))
        else:
            self.waiting.append((slot, value, phrase.text))
            if self.current is not None:
                self._settle(self.current)

    def _begin(self) -> None:
        if self.waiting and self.actors:
            self._settle(len(self.actors) - 1 if self.current is None else self.current)
        self.current = None

    def _enter(self, kind: str, phrase: Phrase) -> None:
        if phrase.text in words_en.NUMBERS and self.article not in ("a", "an", "the"):
            raise self._error("count", phrase.text)  # "two circles" are no digit 2
        self.actors.append({"kind": (kind, phrase.text)})
        self.current, self.kind_end = len(self.actors) - 1, phrase.end
        self._settle(self.current)

    def _settle(self, who: int) -> None:
        """Give what waits to an actor."""
        for slot, value, text in self.waiting:
            if who >= len(self.actors):
                raise self._error("lone_relation", text)
            said = self.actors[who]
            before = said.setdefault(slot, (value, text))
            if before[0] != value and slot not in ("motion", "mark"):
                raise self._error("two", slot=SLOT_NAMES[slot][self.lang == "zh"], first=before[1], second=text)
        self.waiting = []

    def _relate(self, slot: str, value: str, phrase: Phrase) -> None:
        after_noun = self.lang == "zh" and phrase.start == self.kind_end
        self._begin()
        if slot == "side" or (self.lang == "zh" and slot == "relation" and not after_noun):
            self.sides.append((value, phrase.text))
            return
        # English names the other one after the relation ("left of B"), Chinese before it (B的左边), "its" means the first.
        other = 0 if slot == "its" else len(self.actors) - 1 if after_noun else len(self.actors)
        if self.relation is not None and self.relation[:2] != (value, other):
            raise self._error("two", slot=SLOT_NAMES["relation"][self.lang == "zh"], first=self.relation[2], second=phrase.text)
        self.relation = (value, other, phrase.text)

    # --- The scene --------------------------------------------------------------------------------------------------

    def scene(self) -> Scene:
        """The scene, with everything left unsaid filled in.

        Raises:
            CaptionError: no actor or too many, no relation, or words that do not suit the actor.
        """
        self._begin()
        if not self.actors:
            raise self._error("no_actor", self.caption, actor_names(self.lang))
        if len(self.actors) > 2:
            raise self._error("crowd", self._listed(), count=len(self.actors))
        relation, order = self._order()
        actors = tuple(self._actor(self.actors[i]) for i in order)
        place = self.place[0] if self.place else unmarked_place(actors[0])
        for actor in actors:
            if (actor.color, place) in CLASHES:
                shown = colors_that_show(actor.kind, place, CLASHES, self.lang)
                raise self._error("clash", self._name("color", actor.color), shown, kind=self._name("kind", actor.kind),
                                  place=("在" if self.lang == "zh" else "") + self._name("place", place))
        return Scene(actors, place, relation)

    def _order(self) -> tuple[str | None, tuple[int, ...]]:
        """The relation as the grammar has it, and the actors as its first and second."""
        said = [text for _, text in self.sides] + ([self.relation[2]] if self.relation else [])
        if len(self.actors) == 1:
            if said:
                raise self._error("lone_relation", said[0])
            return None, (0,)
        if self.relation is not None:
            value, other, _ = self.relation
            if other >= 2 or self.sides:
                raise self._error("sides", ", ".join(said))
        elif self.sides:
            values = [side for side, _ in self.sides]
            if len(values) != 2 or OPPOSITE[values[0]] != values[1]:
                raise self._error("sides", ", ".join(said))
            value, other = values[0], 1
        else:
            raise self._error("relation", self._listed())
        pair = (1 - other, other)
        return (value, pair) if value in ("left_of", "above") else (OPPOSITE[value], pair[::-1])

    def _actor(self, said: Said) -> Actor:
        kind = said["kind"][0]
        cast = CAST[kind]
        shown = [c for c in cast.colors if self.place is None or (c, self.place[0]) not in CLASHES]
        color = self._suiting("color", said, shown[0], cast.colors, kind)
        action = self._action(said, kind)
        if "mark" in said and {"dress": kind != "girl", "script": kind not in DIGITS}[said["mark"][0]]:
            raise self._error("mark", said["mark"][1], kind=self._name("kind", kind))
        size = said.get("size", ("medium", ""))[0]
        return Actor(kind, color, size, action, self._direction(said, action), self._speed(said, action))

    def _suiting(self, slot: str, said: Said, unmarked: str, allowed: tuple[str, ...], kind: str) -> str:
        value, text = said.get(slot, (unmarked, ""))
        if value not in allowed:
            raise self._error(slot, text, names(self.lang, slot, allowed), kind=self._name("kind", kind))
        return value

    def _action(self, said: Said, kind: str) -> str:
        """The action; a plain verb of motion means what its direction makes of it."""
        actions = CAST[kind].actions
        if "action" in said or "motion" not in said:
            action = self._suiting("action", said, actions[0], actions, kind)
            if "motion" in said and action not in _WAYS_TO_MOVE:
                raise self._error("two", slot=SLOT_NAMES["action"][self.lang == "zh"], first=said["motion"][1],
                                  second=said["action"][1])
            return action
        direction = said.get("direction", ("", ""))[0]
        meant = next((a for a in ("bounces", "circles") if direction in ACTIONS[a][0]), "moves")
        if meant not in actions and "walks" in actions and said["motion"][0] == "go":
            meant = "walks"
        said["action"] = (meant, said["motion"][1])
        return self._suiting("action", said, actions[0], actions, kind)

    def _direction(self, said: Said, action: str) -> str:
        directions = ACTIONS[action][0]
        value, text = said.get("direction", (directions[0], ""))
        if directions == ("none",) and text:
            raise self._error("no_direction", text, action=self._verb(said, action))
        if value not in directions:
            raise self._error("direction", text, names(self.lang, "direction", directions), action=self._verb(said, action))
        return value

    def _speed(self, said: Said, action: str) -> str:
        speeds = ACTIONS[action][1]
        value, text = said.get("speed", (unmarked_speed(action), ""))
        if value in speeds and (len(speeds) > 1 or not text):
            return value
        verb = self._verb(said, action)
        if (action, value) in INSTEAD:
            raise self._error("speed", text, (name_or_verb(self.lang, INSTEAD[action, value]),), action=verb)
        raise self._error("no_speed", text, action=verb)

    def _verb(self, said: Said, action: str) -> str:
        return said["action"][1] if "action" in said else name_or_verb(self.lang, action)

    def _name(self, slot: str, value: str) -> str:
        return name_of(self.lang, slot, value)

    def _listed(self) -> str:
        return self._join(tuple(said["kind"][1] for said in self.actors))

    def _join(self, texts: tuple[str, ...]) -> str:
        return (", " if self.lang == "en" else "、").join(texts)

    def _error(self, reason: str, word: str = "", nearest: tuple[str, ...] = (), **fields: str | int) -> CaptionError:
        return CaptionError(reason, self.lang, word, nearest, **fields)


def name_or_verb(lang: Language, action: str) -> str:
    """The action as a caption says it: "runs", 奔跑."""
    return action if lang == "en" else name_of(lang, "action", action)
