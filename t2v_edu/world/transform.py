"""Chapter 09 · augmentation seen from the words: what a mirrored, a reversed, a repainted film shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from t2v_edu.world.scene import CAST, CLASHES, COLORS, DIGITS, Actor, Scene

_SIDES = {"left": "right", "right": "left"}
_HEIGHTS = {"up": "down", "down": "up"}
_TURNS = {"clockwise": "counterclockwise", "counterclockwise": "clockwise"}
_GROWTH = {"grows": "shrinks", "shrinks": "grows"}


def mirror(scene: Scene) -> Scene | None:
    """The scene that the film shows with its left and right exchanged; None if a digit is in it, for a mirrored 7 is no digit."""
    swapped = _each(scene, _mirrored)
    return replace(swapped, actors=swapped.actors[::-1]) if swapped and swapped.relation == "left_of" else swapped


def reverse(scene: Scene) -> Scene | None:
    """The scene that the film shows when it runs backwards; None if somebody then walks backwards, which no caption can say."""
    return _each(scene, _reversed)


def recolor(scene: Scene, which: int, color: str) -> Scene | None:
    """The scene with actor number `which` (0 or 1) in another colour; None if it does not suit the kind or the place.

    Raises:
        ValueError: a colour that is no colour of the world, or an actor that is not there.
    """
    if color not in COLORS:
        raise ValueError(f"unknown colour {color!r}; choose one of: {', '.join(COLORS)}")
    if not 0 <= which < len(scene.actors):
        raise ValueError(f"the scene has no actor number {which}; choose one of: {', '.join(map(str, range(len(scene.actors))))}")
    if color not in CAST[scene.actors[which].kind].colors or (color, scene.place) in CLASHES:
        return None
    return replace(scene, actors=tuple(replace(a, color=color) if i == which else a for i, a in enumerate(scene.actors)))


def _each(scene: Scene, change: Callable[[Actor], Actor | None]) -> Scene | None:
    actors = tuple(change(a) for a in scene.actors)
    known = tuple(a for a in actors if a is not None)
    return replace(scene, actors=known) if len(known) == len(actors) else None


def _mirrored(actor: Actor) -> Actor | None:
    return None if actor.kind in DIGITS else replace(actor, direction={**_SIDES, **_TURNS}.get(actor.direction, actor.direction))


def _reversed(actor: Actor) -> Actor | None:
    if actor.action in ("walks", "runs"):
        return None
    opposite = {**_SIDES, **_HEIGHTS, **_TURNS}
    action = _GROWTH.get(actor.action, actor.action)
    return replace(actor, action=action, direction=opposite.get(actor.direction, actor.direction))


# --- Captions that are not of the world -------------------------------------------------------------------------------

_TURN_WORDS = (("clockwise", "counterclockwise"), ("clockwise", "anticlockwise"), ("顺时针", "逆时针"))
_SIDE_WORDS = (("left", "right"), ("leftward", "rightward"), ("leftwards", "rightwards"), ("leftmost", "rightmost"), ("左", "右"))
_TIME_WORDS = (
    ("up", "down"), ("upward", "downward"), ("upwards", "downwards"), ("rises", "falls"), ("rising", "falling"),
    ("grow", "shrink"), ("grows", "shrinks"), ("growing", "shrinking"), ("opens", "closes"), ("opening", "closing"),
    ("向上", "向下"), ("往上", "往下"), ("朝上", "朝下"), ("上升", "下降"), ("变大", "变小"), ("打开", "关上"),
)  # fmt: skip
SWAPS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "left_right": _SIDE_WORDS + _TURN_WORDS,
    "reverse": _SIDE_WORDS + _TURN_WORDS + _TIME_WORDS,
}


def _pattern(pairs: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    other = {b: a for a, b in pairs} | dict(reversed(pairs))
    ordered = sorted(other, key=len, reverse=True)
    alternatives = [rf"\b{word}\b" if word.isascii() else word for word in ordered]
    return re.compile("|".join(alternatives), re.IGNORECASE), other


_PATTERNS = {what: _pattern(pairs) for what, pairs in SWAPS.items()}
_HYPHENS = re.compile(r"\b(counter|anti)[-\s]clockwise\b", re.IGNORECASE)
_FORTH_AND_BACK = re.compile(r"\b(?:up and down|left and right|right and left|down and up)\b|上下|左右", re.IGNORECASE)


def swap_words(caption: str, what: str = "left_right") -> str:
    """Any caption, of the world or not, with its words of direction exchanged: all at once, capitals kept.

    Args:
        what: "left_right" for a mirrored film, "reverse" for one that runs backwards.
    Raises:
        ValueError: unknown `what`.
    """
    if what not in SWAPS:
        raise ValueError(f"unknown swap {what!r}; choose one of: {', '.join(SWAPS)}")
    pattern, other = _PATTERNS[what]

    def exchange(match: re.Match[str]) -> str:
        word = match.group()
        new = other[word.lower()]
        return new.capitalize() if word[:1].isupper() else new

    text = _HYPHENS.sub(r"\1clockwise", caption)
    pieces, start = [], 0
    for kept in _FORTH_AND_BACK.finditer(text):  # 上下 and "up and down" mean the same either way
        pieces += [pattern.sub(exchange, text[start : kept.start()]), kept.group()]
        start = kept.end()
    return "".join(pieces) + pattern.sub(exchange, text[start:])
