"""The grammar: how much there is of it, what it refuses and what it then says, and splits that share nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from t2v_edu.world.scene import (
    ACTIONS,
    CAST,
    COLORS,
    DIGITS,
    KINDS,
    PLAIN_PLACES,
    SHAPES,
    SIZES,
    SPLITS,
    STORY,
    WORLDS,
    Actor,
    Scene,
    actor,
    all_actors,
    count_scenes,
    in_split,
    is_held_out,
    is_sync_draw,
    sample_scene,
    swap,
    unmarked_place,
    unmarked_speed,
    worlds_of,
)


def circle(**changes):
    return Actor(**({"kind": "circle", "color": "red", "size": "large", "action": "moves", "direction": "left", "speed": "fast"}
                    | changes))  # fmt: skip


# --- How much there is ------------------------------------------------------------------------------------------------


def test_there_are_at_least_a_hundred_thousand_scenes_before_any_jitter():
    assert count_scenes("all") >= 100_000


def test_the_number_of_shapes_is_that_of_the_table_in_the_design():
    """By hand: a circle has 4·3 + 2·3 + 2·3 + 2·3 + 1 + 1 = 32 motions... moves 12, bounces 6, zigzags 6, circles 6, two more."""
    motions = {"circle": 12 + 6 + 6 + 6 + 2} | dict.fromkeys(SHAPES[1:], 12 + 6 + 6 + 6 + 6 + 2)
    looks = 7 * 3 * 3 - 3  # paints, sizes and plain places, without white on cream in three sizes
    assert count_scenes("shapes") == looks * sum(motions.values())
    assert count_scenes("digits") == looks * 10 * motions["circle"]


@pytest.mark.parametrize("world", ["shapes", "digits", "story"])
def test_counting_agrees_with_listing(world):
    w = WORLDS[world]
    listed = set()
    for a, place in product(all_actors(w.kinds), w.places):
        try:
            scene = Scene((a,), place)
        except ValueError:
            continue
        if w.knows(scene):
            listed.add(scene)
    assert len(listed) == count_scenes(world)


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": "hexagon"}, r"kind 'hexagon' does not suit an actor; choose one of: circle, square"),
        ({"color": "mauve"}, r"color 'mauve' does not suit a circle; choose one of: red, orange"),
        ({"size": "huge"}, r"size 'huge'.*small, medium, large"),
        ({"action": "spins"}, r"action 'spins' does not suit a circle"),  # it would look still
        ({"action": "walks"}, r"action 'walks' does not suit a circle"),
        ({"direction": "clockwise"}, r"direction 'clockwise' does not suit an actor that moves; choose one of: right, left"),
        ({"speed": "supersonic"}, r"speed 'supersonic'.*slow, normal, fast"),
    ],
)
def test_words_that_do_not_suit_are_refused_with_those_that_do(wrong, says):
    with pytest.raises(ValueError, match=says):
        circle(**wrong)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (((), "black"), "one or two actors, not 0"),
        (((circle(),) * 3, "black"), "one or two actors, not 3"),
        (((circle(),) * 2, "black"), "two actors need one"),
        (((circle(),), "black", "above"), "one has none"),
        (((circle(),) * 2, "black", "behind"), "relation 'behind'.*left_of, above"),
        (((circle(),), "moon"), "place 'moon'"),
        (((circle(color="white"),), "cream"), "a white circle would not be seen in the place 'cream'"),
    ],
)
def test_scenes_that_cannot_be_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        Scene(*arguments)


def test_what_is_left_unsaid_is_the_first_that_suits():
    a = actor("puppy")
    assert (a.color, a.size, a.action, a.direction, a.speed) == ("brown", "medium", "runs", "right", "normal")
    assert unmarked_place(a) == "grass" and unmarked_speed("runs") == "normal" and unmarked_speed("walks") == "normal"
    assert unmarked_place(actor("puppy", color="brown")) == "grass"
    for kind in KINDS:
        assert worlds_of(Scene((actor(kind),), unmarked_place(actor(kind))))


def test_the_narrowest_world_comes_first_and_all_knows_everything():
    assert worlds_of(Scene((circle(),), "black")) == ("shapes", "all")
    assert worlds_of(Scene((actor("7"),), "gray")) == ("digits", "all")
    assert worlds_of(Scene((circle(), actor("7")), "gray", "above")) == ("pairs", "all")
    assert worlds_of(Scene((circle(),), "park")) == ("all",)


def test_exchanging_two_actors_is_another_scene_and_twice_is_none():
    scene = Scene((circle(), actor("7")), "gray", "above")
    assert swap(scene) != scene and swap(swap(scene)) == scene


# --- Drawing and splits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_drawn_scenes_lie_in_their_world_and_split(world):
    rng = np.random.default_rng(0)
    for split in SPLITS[:3]:
        for _ in range(200):
            scene = sample_scene(world, rng, split)
            assert WORLDS[world].knows(scene) and in_split(scene, split)


def test_the_splits_share_nothing_and_leave_nothing_out():
    for a, place in product(all_actors(SHAPES + DIGITS), PLAIN_PLACES):
        if (a.color, place) == ("white", "cream"):
            continue
        scene = Scene((a,), place)
        assert sum(in_split(scene, s) for s in ("seen", "held_out", "sync_draw")) == 1 and in_split(scene, "all")


def test_about_one_combination_in_seven_is_held_out_and_each_word_is_still_seen():
    combinations = {(a.kind, a.color, a.action): is_held_out(Scene((a,), unmarked_place(a))) for a in all_actors(KINDS)}
    assert 0.1 < np.mean(list(combinations.values())) < 0.18
    seen = {key for key, out in combinations.items() if not out}
    for position, words in enumerate((KINDS, COLORS, ACTIONS)):
        assert {key[position] for key in seen} == set(words)
    for kind in SHAPES + DIGITS:  # and each actor in most colours and all actions
        assert {k[2] for k in seen if k[0] == kind} == set(CAST[kind].actions)
        assert {k[1] for k in seen if k[0] == kind} == set(CAST[kind].colors)


def test_the_split_of_sync_draw_is_one_direction_a_digit():
    tested = {}
    for a in all_actors(DIGITS):
        if is_sync_draw(Scene((a,), unmarked_place(a))):
            tested.setdefault(a.kind, set()).add(a.direction)
    assert tested == {d: {"vertical" if int(d) % 2 else "horizontal"} for d in DIGITS}
    assert not any(is_sync_draw(Scene((a,), unmarked_place(a))) for a in all_actors(SHAPES + STORY))


def test_every_word_is_drawn_about_as_often_as_the_others():
    rng = np.random.default_rng(1)
    scenes = [sample_scene("shapes", rng) for _ in range(6000)]
    for words, of in ((SHAPES, "kind"), (SIZES, "size")):
        counts = [sum(getattr(s.actors[0], of) == w for s in scenes) for w in words]
        expected = len(scenes) / len(words)
        assert max(abs(c - expected) for c in counts) < 5 * expected**0.5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("moon",), "unknown world 'moon'; choose one of: shapes"), (("shapes", "unseen"), "split 'unseen'"),
     (("shapes", "sync_draw"), "belongs to the world 'digits'")],
)  # fmt: skip
def test_worlds_and_splits_that_are_not_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        sample_scene(arguments[0], np.random.default_rng(0), *arguments[1:])
