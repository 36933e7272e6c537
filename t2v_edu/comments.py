"""Chapter 14 · films of several shots and what a viewer says about one of them, so that words or film alone decide nothing.

A comment names one actor of a film, one of two opposite ways that it may go, and hopes for it or fears it:

| | under this film it goes left | under that one it goes right |
| --- | --- | --- |
| "I really hope that the red circle goes left." | glad | sad |
| "I really hope that the red circle goes right." | sad | glad |

All four corners of that table are drawn, always: each comment under both films, each film under both comments. So whatever looks
at one of the two alone, however clever, is right in exactly half of the cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.lexicon import LANGUAGES, Language, name_of
from t2v_edu.world.render import render
from t2v_edu.world.scene import PAINTS, PLAIN_PLACES, SHAPES, Actor, Scene, in_split, unmarked_speed

MOODS = ("sad", "glad")
OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up", "grows": "shrinks", "shrinks": "grows"}
WAYS = tuple(OPPOSITE)

_WAY: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {**{way: (f"goes {way}", f"moves {way}") for way in ("left", "right", "up", "down")},
           "grows": ("grows", "gets bigger"), "shrinks": ("shrinks", "gets smaller")},
    "zh": {"left": ("向左移动", "往左走"), "right": ("向右移动", "往右走"), "up": ("向上移动", "往上走"),
           "down": ("向下移动", "往下走"), "grows": ("变大",), "shrinks": ("变小",)},
}  # fmt: skip
_MUCH: dict[str, dict[bool, tuple[str, ...]]] = {
    "en": {True: ("really", "deeply"), False: ("slightly", "rather")},
    "zh": {True: ("非常", "特别"), False: ("有点", "稍微")},
}
_SAID: dict[str, tuple[tuple[str, str], ...]] = {  # each to hope and to fear in otherwise the same words
    "en": (("I {much} hope that {who} {way}.", "I {much} fear that {who} {way}."),
           ("I {much} want this: {who} {way}.", "I {much} dread this: {who} {way}."),
           ("It would {much} please me if {who} {way}.", "It would {much} upset me if {who} {way}.")),
    "zh": (("我{much}希望{who}{way}。", "我{much}担心{who}{way}。"),
           ("我{much}盼着{who}{way}。", "我{much}害怕{who}{way}。"),
           ("要是{who}{way}，我会{much}开心。", "要是{who}{way}，我会{much}难过。")),
}  # fmt: skip


def way_of(scene: Scene) -> str:
    """Which of `WAYS` the first actor of a scene goes.

    Raises:
        ValueError: it does something else.
    """
    actor = scene.actors[0]
    way = actor.direction if actor.action == "moves" else actor.action
    if way not in OPPOSITE:
        raise ValueError(f"an actor that {actor.action} goes none of the ways {', '.join(WAYS)}")
    return way


def opposite(scene: Scene) -> Scene:
    """The same scene, except that its first actor goes the other way."""
    first, way = scene.actors[0], OPPOSITE[way_of(scene)]
    other = replace(first, direction=way) if first.action == "moves" else replace(first, action=way)
    return replace(scene, actors=(other, *scene.actors[1:]))


def shots(pairs: int, rng: np.random.Generator, split: str = "seen") -> list[Scene]:
    """Scenes of the world of shapes: number 2i is drawn, number 2i + 1 is its opposite.

    Args:
        split: as in `world.scene.in_split`; both of a pair belong to it.
    Raises:
        ValueError: no such split.
    """
    drawn: list[Scene] = []
    while len(drawn) < 2 * pairs:
        scene = _shot(rng)
        if scene is not None and in_split(scene, split) and in_split(opposite(scene), split):
            drawn += [scene, opposite(scene)]
    return drawn


def _shot(rng: np.random.Generator) -> Scene | None:
    way, kind, color, place = (str(rng.choice(options)) for options in (WAYS, SHAPES, PAINTS, PLAIN_PLACES))
    if (color, place) == ("white", "cream"):
        return None
    action, direction = (way, "none") if way in ("grows", "shrinks") else ("moves", way)
    size = str(rng.choice(("small", "medium", "large")))
    return Scene((Actor(kind, color, size, action, direction, unmarked_speed(action)),), place)


def render_shots(scenes: Sequence[Scene], rng: np.random.Generator, frames: int = 8, size: int = 32) -> NDArray[np.uint8]:
    """Each scene filmed: (N, T, H, W, 3) uint8."""
    return np.stack([render(scene, frames, size, size, rng) for scene in scenes])


@dataclass(frozen=True)
class Comment:
    """What a viewer says about a film.

    Args:
        text: the words.  lang: their language.
        about: which shot of the film it speaks of, from 0.
        way: one of `WAYS`, named in the words.
        hopes: whether the viewer hopes for it, or fears it.  strong: whether very much.
    """

    text: str
    lang: Language
    about: int
    way: str
    hopes: bool
    strong: bool

    def glad(self, film: Sequence[Scene]) -> bool:
        """Whether the viewer is glad in the end: what was hoped for came, or what was feared did not."""
        return self.hopes == (way_of(film[self.about]) == self.way)

    def stars(self, film: Sequence[Scene]) -> int:
        """What the viewer gives the film: 5 or 4 if glad, 2 or 1 if sad; the outer ones where the feeling is strong."""
        return 3 + (1 if self.glad(film) else -1) * (2 if self.strong else 1)


def say_comment(scene: Scene, way: str, lang: Language, rng: np.random.Generator, *, hopes: bool, strong: bool) -> str:
    """A comment on the actor of a scene in words.

    Raises:
        ValueError: a way or a language that does not exist.
    """
    if way not in OPPOSITE or lang not in LANGUAGES:
        raise ValueError(f"way {way!r}, language {lang!r}: choose one of {', '.join(WAYS)} and one of {', '.join(LANGUAGES)}")
    a = scene.actors[0]
    color, kind = name_of(lang, "color", a.color), name_of(lang, "kind", a.kind)
    who = f"the {color} {kind}" if lang == "en" else f"{color}的{kind}"
    lists: tuple[Sequence[str | tuple[str, str]], ...] = _MUCH[lang][strong], _SAID[lang], _WAY[lang][way]
    much, said, verb = (options[int(rng.integers(len(options)))] for options in lists)
    return said[not hopes].format(much=much, who=who, way=verb)


@dataclass(frozen=True, eq=False)
class Talk:
    """N films, each under one comment.

    Args:
        films: (N, K) int64, numbers of the shots of each film in its order.
        comments: N of them.
        glad: (N,) int64, 0 sad or 1 glad.  stars: (N,) float32, 1 to 5.
    """

    films: NDArray[np.int64]
    comments: list[Comment]
    glad: NDArray[np.int64]
    stars: NDArray[np.float32]

    @property
    def texts(self) -> list[str]:
        """The words of the comments."""
        return [comment.text for comment in self.comments]

    def __len__(self) -> int:
        return len(self.comments)


def talk(scenes: Sequence[Scene], fours: int, rng: np.random.Generator, *, length: int = 3, hoping: float = 0.75,
         langs: Sequence[Language] = LANGUAGES) -> Talk:
    """Films cut from shots, in groups of four: one comment under a film and under its opposite, the opposite comment under both.

    Args:
        scenes: as `shots` makes them, each second one the opposite of the one before.
        fours: how many groups; N is four times as many.
        length: K, shots a film, each with an actor of another colour.
        hoping: the share of groups that hope, the others fear.
    Raises:
        ValueError: scenes that are no pairs of opposites, too few colours for the length, a share outside 0 to 1.
    """
    if len(scenes) % 2 or any(opposite(a) != b for a, b in zip(scenes[::2], scenes[1::2], strict=True)):
        raise ValueError(f"want scenes in pairs of opposites, as `shots` makes them, not these {len(scenes)}")
    colors = np.array([PAINTS.index(scene.actors[0].color) for scene in scenes])
    if not 1 <= length <= len(set(colors.tolist())):
        raise ValueError(f"a film of {length} shots needs as many colours; these shots have {len(set(colors.tolist()))}")
    if not 0 <= hoping <= 1:
        raise ValueError(f"hoping {hoping}: a share lies between 0 and 1")
    films: list[NDArray[np.int64]] = []
    comments: list[Comment] = []
    for _ in range(fours):
        film = _cut(colors, length, rng)
        about, lang = int(rng.integers(length)), langs[int(rng.integers(len(langs)))]
        scene, other = scenes[film[about]], film.copy()
        other[about] ^= 1  # its opposite stands beside it
        hopes, strong, style = bool(rng.random() < hoping), bool(rng.integers(2)), int(rng.integers(2**31))
        for way in (way_of(scene), OPPOSITE[way_of(scene)]):
            text = say_comment(scene, way, lang, np.random.default_rng(style), hopes=hopes, strong=strong)
            comments += 2 * [Comment(text, lang, about, way, hopes, strong)]
            films += [film, other]
    cast = [[scenes[i] for i in film] for film in films]
    glad = np.array([c.glad(film) for c, film in zip(comments, cast, strict=True)], np.int64)
    stars = np.array([c.stars(film) for c, film in zip(comments, cast, strict=True)], np.float32)
    return Talk(np.array(films, np.int64).reshape(-1, length), comments, glad, stars)


def _cut(colors: NDArray[np.int64], length: int, rng: np.random.Generator) -> NDArray[np.int64]:
    while True:
        film = rng.integers(len(colors), size=length)
        if len(set(colors[film].tolist())) == length:
            return film
