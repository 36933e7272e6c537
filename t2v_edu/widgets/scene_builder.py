"""Chapter 01 · the scene builder: menus ↔ caption in two languages ↔ the moving picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray

from t2v_edu.film.arrange import strip
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css
from t2v_edu.world.captions import parse, say
from t2v_edu.world.lexicon import Language
from t2v_edu.world.motion import Take
from t2v_edu.world.render import render
from t2v_edu.world.scene import Actor, Scene, actor

_SLOTS = ("kind", "color", "size", "action", "direction", "speed")
_COMPANION = actor("star", "yellow")
_QUESTION = "Which of these menus change what a single frame shows, and which only change how one frame follows another?"
_ANSWER = (
    "Actor, colour, size and place can be read off any one frame: pause the film and they are all there. Action, direction and "
    "speed live between the frames. A model that draws fine frames may still know nothing of them, so they are measured apart."
)


class SceneBuilder(Widget):
    """Menus that only offer what suits; the caption they say; its film, and the same film as a model sees it.

    Args:
        scene: what it shows at first, as a `Scene` or as a caption in either language.
        take: which film of that caption: 0 puts what it leaves open in the middle, any other number draws it.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: a caption that cannot be read.
    """

    widget = "scene_builder"
    settings: ClassVar[tuple[str, ...]] = (*_SLOTS, "place", "relation", *(f"{slot}_2" for slot in _SLOTS), "take", "frame")
    _esm = module("scene_builder")
    _css = site_css()

    kind, color, size = (traitlets.Unicode().tag(sync=True) for _ in range(3))
    action, direction, speed = (traitlets.Unicode().tag(sync=True) for _ in range(3))
    kind_2, color_2, size_2 = (traitlets.Unicode().tag(sync=True) for _ in range(3))
    action_2, direction_2, speed_2 = (traitlets.Unicode().tag(sync=True) for _ in range(3))
    place = traitlets.Unicode().tag(sync=True)
    relation = traitlets.Unicode().tag(sync=True)  # "none" for one actor
    take = traitlets.Int(0, min=0).tag(sync=True)
    frame = traitlets.Int(-1, min=-1, max=15).tag(sync=True)  # where the learner stopped the film; -1 while it plays

    def __init__(self, scene: Scene | str = "a puppy runs on the grass", *, take: int = 0,
                 question: str = _QUESTION, answer: str = _ANSWER) -> None:
        super().__init__(**_traits_of(_as_scene(scene)), take=take, question=question, answer=answer)

    def show(self, scene: Scene | str) -> None:
        """Set all menus to a scene, or to what a caption means."""
        with self.hold_sync():
            for name, value in _traits_of(_as_scene(scene)).items():
                setattr(self, name, value)

    @property
    def scene(self) -> Scene:
        """What the menus say."""
        suffixes = ("",) if self.relation == "none" else ("", "_2")
        actors = tuple(Actor(*(getattr(self, slot + suffix) for slot in _SLOTS)) for suffix in suffixes)
        return Scene(actors, self.place, None if self.relation == "none" else self.relation)

    def caption(self, lang: Language = "en") -> str:
        """The caption that the menus say."""
        return say(self.scene, lang)

    @property
    def takes(self) -> tuple[Take, ...]:
        """What the caption leaves open, as this take has it, for `render(scene, takes=...)`."""
        return tuple(take_of(self.take, who) for who in range(len(self.scene.actors)))

    def film(self, frames: int = 16, height: int = 32, width: int = 32) -> NDArray[np.uint8]:
        """The film that the widget shows, (T, H, W, 3) uint8."""
        return render(self.scene, frames, height, width, takes=self.takes)

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """Five moments of the film side by side."""
        text = f"{self.caption('en')} · {self.caption('zh')} (five moments, from left to right)"
        return strip(self.film(16, 96, 96), 5)[0], text


def take_of(number: int, who: int) -> Take:
    """The take with a number, of one of the actors: 0 is the middle of everything, any other number a draw.

    Source: mulberry32 by Tommy Ettinger, public domain; small enough for `motion.js` to draw the same numbers.
    """
    if number == 0:
        return Take()
    draw = _mulberry32(2 * number + who)
    return Take(next(draw), next(draw), next(draw), int(next(draw) * 65536))


def _mulberry32(state: int) -> Iterator[float]:
    """Endless numbers in [0, 1)."""
    mask = 0xFFFFFFFF
    while True:
        state = (state + 0x6D2B79F5) & mask
        t = (state ^ state >> 15) * (1 | state) & mask
        t = (t + ((t ^ t >> 7) * (61 | t) & mask) & mask) ^ t
        yield ((t ^ t >> 14) & mask) / 4294967296


def _as_scene(scene: Scene | str) -> Scene:
    return parse(scene) if isinstance(scene, str) else scene


def _traits_of(scene: Scene) -> dict[str, Any]:
    second = scene.actors[1] if scene.relation else _COMPANION
    return {
        **{slot: getattr(scene.actors[0], slot) for slot in _SLOTS},
        **{f"{slot}_2": getattr(second, slot) for slot in _SLOTS},
        "place": scene.place,
        "relation": scene.relation or "none",
    }
