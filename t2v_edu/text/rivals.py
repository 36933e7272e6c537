"""Chapter 12 · what a caption does not say: the same sentence about somebody else."""

from __future__ import annotations

from dataclasses import replace

from t2v_edu.world.caption_errors import CaptionError
from t2v_edu.world.captions import detect_language, parse
from t2v_edu.world.phrases import say
from t2v_edu.world.scene import CAST, WORLDS, Actor, Scene, worlds_of


def world_of(caption: str) -> str | None:
    """Name of the narrowest world that knows the caption's scene; None for a caption that the grammar cannot read.

    >>> world_of("a small brown dog is sitting on the grass"), world_of("a walrus plays the tuba")
    ('story', None)
    """
    scene = _scene(caption)
    return None if scene is None else worlds_of(scene)[0]


def rivals(caption: str) -> list[str]:
    """The plain caption of each scene that differs in one actor's kind alone, among those of the narrowest world that knows it.

    >>> rivals("a small brown dog is sitting on the grass")
    ['a small brown cat sits on the grass']

    Returns:
        captions in the same language; none for a caption that the grammar cannot read, whose actors have no known rivals.
    """
    scene, lang = _scene(caption), detect_language(caption)
    return [] if scene is None else [say(other, lang) for other in _recast(scene)]


def _scene(caption: str) -> Scene | None:
    """What the caption means, where a world knows it."""
    try:
        scene = parse(caption)
    except CaptionError:
        return None
    return scene if worlds_of(scene) else None


def _recast(scene: Scene) -> list[Scene]:
    world = WORLDS[worlds_of(scene)[0]]
    casts = [
        (*scene.actors[:i], replace(actor, kind=kind), *scene.actors[i + 1 :])
        for i, actor in enumerate(scene.actors)
        for kind in world.kinds
        if kind != actor.kind and _suits(kind, actor)
    ]
    return [other for actors in casts if world.knows(other := replace(scene, actors=actors))]


def _suits(kind: str, actor: Actor) -> bool:
    return actor.color in CAST[kind].colors and actor.action in CAST[kind].actions
