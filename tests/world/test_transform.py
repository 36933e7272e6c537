"""Mirrored, reversed and repainted scenes, and the words of captions that have no scene."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.world.captions import parse, say
from t2v_edu.world.scene import CLASHES, COLORS, DIGITS, PLAIN_PLACES, WORLDS, Scene, actor, sample_scene
from t2v_edu.world.transform import mirror, recolor, reverse, swap_words

scenes = st.builds(
    lambda world, seed: sample_scene(world, np.random.default_rng(seed)), st.sampled_from(list(WORLDS)), st.integers(0, 2**32 - 1)
)


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_twice_is_the_scene_itself_and_captions_say_it(scene):
    for change in (mirror, reverse):
        changed = change(scene)
        if changed is not None:
            assert change(changed) == scene
            assert parse(say(changed, "zh")) == changed == parse(say(changed))


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_what_cannot_be_said_is_none(scene):
    assert (mirror(scene) is None) == any(a.kind in DIGITS for a in scene.actors)
    assert (reverse(scene) is None) == any(a.action in ("walks", "runs") for a in scene.actors)


@pytest.mark.parametrize(("change", "before", "after"), [
    (mirror, "a red circle moves left", "a red circle moves right"),
    (mirror, "a red circle moves up", "a red circle moves up"),
    (mirror, "a star zigzags left", "a star zigzags right"),
    (mirror, "a star bounces from side to side", "a star bounces from side to side"),
    (mirror, "a star spins clockwise", "a star spins counterclockwise"),
    (mirror, "a circle circles counterclockwise", "a circle circles clockwise"),
    (mirror, "a girl walks in the park", "a girl walks left in the park"),
    (mirror, "a cat sits by the window", "a cat sits by the window"),
    (mirror, "a star that grows, to the left of a blue heart that moves left",
     "a blue heart that moves right, to the left of a star that grows"),
    (mirror, "a star that moves left, above a heart", "a star that moves right, above a heart that moves left"),
    (reverse, "the digit 7 moves left", "the digit 7 moves right"),
    (reverse, "a red circle moves up quickly", "a red circle moves down quickly"),
    (reverse, "a star grows", "a star shrinks"),
    (reverse, "a star zigzags left", "a star zigzags right"),
    (reverse, "a star spins clockwise", "a star spins counterclockwise"),
    (reverse, "a star bounces", "a star bounces"),
    (reverse, "a girl jumps in the park", "a girl jumps in the park"),
    (reverse, "a star that grows, to the left of a heart that moves up",
     "a star that shrinks, to the left of a heart that moves down"),
])
def test_worked_by_hand(change, before, after):
    assert change(parse(before)) == parse(after)


@settings(max_examples=300, deadline=None)
@given(scenes, st.sampled_from(COLORS))
def test_a_repainted_scene_differs_in_one_colour_only(scene, color):
    changed = recolor(scene, 0, color)
    if changed is None:
        assert (color, scene.place) in CLASHES or scene.actors[0].kind not in ("circle", "square", "girl") or color == "brown"
    else:
        assert changed.actors[0].color == color
        assert recolor(changed, 0, scene.actors[0].color) == scene
        assert changed.actors[1:] == scene.actors[1:] and changed.place == scene.place


@pytest.mark.parametrize(("scene", "color"), [
    (Scene((actor("cat"),), "park"), "purple"),
    (Scene((actor("girl"),), "park"), "green"),
    (Scene((actor("circle"),), "cream"), "white"),
])
def test_no_such_colour_there(scene, color):
    assert recolor(scene, 0, color) is None


def test_refused_with_what_would_do():
    scene = Scene((actor("circle"),), PLAIN_PLACES[0])
    with pytest.raises(ValueError, match="unknown colour 'pink'; choose one of: red, orange"):
        recolor(scene, 0, "pink")
    with pytest.raises(ValueError, match=re.escape("no actor number 1; choose one of: 0")):
        recolor(scene, 1, "blue")
    with pytest.raises(ValueError, match="unknown swap 'flip'; choose one of: left_right, reverse"):
        swap_words("left", "flip")


@pytest.mark.parametrize(("what", "caption", "swapped"), [
    ("left_right", "A man turns Left, then right.", "A man turns Right, then left."),
    ("left_right", "a wheel turns counter-clockwise", "a wheel turns clockwise"),
    ("left_right", "a bright copyright sign moves up", "a bright copyright sign moves up"),
    ("left_right", "它向左转，然后逆时针旋转", "它向右转，然后顺时针旋转"),
    ("left_right", "左右来回", "左右来回"),
    ("reverse", "a balloon rises and grows", "a balloon falls and shrinks"),
    ("reverse", "a ball goes up and down", "a ball goes up and down"),
    ("reverse", "气球向上飘，变大", "气球向下飘，变小"),
])
def test_words_swapped_in_captions_of_anything(what, caption, swapped):
    assert swap_words(caption, what) == swapped


@settings(max_examples=200, deadline=None)
@given(scenes, st.sampled_from(["en", "zh"]))
def test_a_plain_caption_of_one_shape_mirrors_by_its_words(scene, lang):
    mirrored = mirror(scene)
    if mirrored is not None and len(scene.actors) == 1:
        said, swapped = say(mirrored, lang), swap_words(say(scene, lang))
        walks = scene.actors[0].action in ("walks", "runs")  # the right that is not said has no word to swap
        assert walks or swapped == said
