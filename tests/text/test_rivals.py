"""The same sentence about somebody else: against every scene of the world that differs in the kind alone."""

from dataclasses import replace

import numpy as np
import pytest

from t2v_edu.text.rivals import rivals, world_of
from t2v_edu.world.captions import parse
from t2v_edu.world.phrases import say
from t2v_edu.world.scene import WORLDS, all_actors, sample_scene


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("world", ["shapes", "digits", "story"])
def test_they_are_all_scenes_of_the_world_that_differ_in_the_kind_alone(world, lang):
    rng = np.random.default_rng(3)
    everyone = set(all_actors(WORLDS[world].kinds))
    for _ in range(50):
        scene = sample_scene(world, rng)
        found = [parse(caption) for caption in rivals(say(scene, lang, rng))]
        me = vars(scene.actors[0])
        others = {a for a in everyone if a.kind != me["kind"] and vars(a) == me | {"kind": a.kind}}
        others = {a for a in others if WORLDS[world].knows(replace(scene, actors=(a,)))}
        assert {other.actors[0] for other in found} == others and len(found) == len(others)
        assert {other.place for other in found} <= {scene.place}


def test_of_two_actors_either_gives_way():
    kinds = [tuple(a.kind for a in parse(caption).actors) for caption in rivals("a red star is to the left of a blue 4")]
    assert ("circle", "4") in kinds and ("star", "5") in kinds and ("star", "4") not in kinds and ("circle", "5") not in kinds


@pytest.mark.parametrize("caption", ["", "a walrus plays the tuba", "the brown tower grows in the city",
                                     "on grass, a girl in blue jumps"])
def test_who_stands_alone_has_none(caption):
    assert rivals(caption) == []


def test_the_world_of_a_caption_is_the_narrowest_that_knows_it():
    rng = np.random.default_rng(4)
    for name in ("shapes", "digits", "story"):
        assert {world_of(say(sample_scene(name, rng), "zh", rng)) for _ in range(30)} == {name}
    assert world_of("a red star is to the left of a blue 4") == "pairs" and world_of("a red star in the park") == "all"
    assert world_of("a walrus") is None and world_of("a red star is above a blue 4, in the park") is None
