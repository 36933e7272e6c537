"""The reader of stills: exact on the world's own first frames, abstaining where there is nothing, refusing what is no picture."""

import math

import numpy as np
import pytest

from t2v_edu.evaluation.stills import VISIBLE, agreement, describe_still, is_plain, read_still, read_stills
from t2v_edu.world.motion import Take, stage
from t2v_edu.world.render import render
from t2v_edu.world.scene import Scene, actor, all_actors, sample_scene


def plain_scenes(world, count, seed):
    rng = np.random.default_rng(seed)
    scenes = []
    while len(scenes) < count:
        scene = sample_scene(world, rng)
        if is_plain(scene):
            scenes.append(scene)
    return scenes, rng


@pytest.mark.parametrize(
    ("world", "size", "squint"), [("shapes", 32, 0), ("shapes", 32, 2), ("shapes", 64, 2), ("digits", 32, 0)]
)
def test_clean_first_frames_are_read_without_a_mistake(world, size, squint):
    scenes, rng = plain_scenes(world, 120, 3)
    readings = read_stills([render(s, 16, size, size, rng)[0] for s in scenes], world=world, squint=squint)
    score = agreement(readings, scenes)
    assert all(score[key].right == 120 for key in (*VISIBLE, "all"))


def test_every_kind_colour_and_size_there_is():
    looks = {(a.kind, a.color, a.size): a for a in all_actors(("circle", "square", "triangle", "star", "cross", "heart"))
             if a.action == "moves"}  # fmt: skip
    assert len(looks) == 6 * 7 * 3
    for look in looks.values():
        scene = Scene((look,), "black")
        assert all(read_still(render(scene, 4, 32, 32)[0]).agrees(scene).values()), look


def test_where_the_actor_is():
    scene = Scene((actor("square", "red", "small"),), "gray")
    for take in Take(0.1, 0.9), Take(0.8, 0.3):
        pose = stage(scene, (take,), 16)[0]
        seen = read_still(render(scene, 16, 64, 64, takes=(take,))[0])
        assert seen.x == pytest.approx(pose.x[0], abs=0.01) and seen.y == pytest.approx(pose.y[0], abs=0.01)


def test_an_empty_place_has_no_actor():
    ground = np.zeros((32, 32, 3), np.uint8)
    seen = read_still(ground)
    assert seen.attributes == {"kind": None, "color": None, "size": None, "place": "black"} and math.isnan(seen.x)
    scene = Scene((actor("circle"),), "black")
    assert seen.agrees(scene) == {"kind": False, "color": False, "size": False, "place": True, "all": False}


def test_squinting_sees_through_a_checkerboard():
    scenes, rng = plain_scenes("shapes", 60, 8)
    board = 70.0 * (np.indices((32, 32)).sum(0) % 2 * 2 - 1)[..., None]
    worn = [np.clip(render(s, 16, 32, 32, rng)[0] + board, 0, 255).astype(np.uint8) for s in scenes]
    plain, squinting = (agreement(read_stills(worn, squint=k), scenes)["color"].share for k in (0, 2))
    assert squinting > plain + 0.2


def test_noise_shows_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    assert not any(reading.attributes["kind"] for reading in read_stills(noise))


def test_shuffled_scenes_agree_by_chance_only():
    scenes, rng = plain_scenes("shapes", 200, 5)
    readings = read_stills([render(s, 16, 32, 32, rng)[0] for s in scenes])
    shuffled = agreement(readings, scenes[1:] + scenes[:1])
    # six kinds, three sizes and three places equally often: 1/6 and 1/3, within four standard errors of 200 draws
    for key, share in (("kind", 1 / 6), ("size", 1 / 3), ("place", 1 / 3)):
        assert abs(shuffled[key].share - share) < 4 * math.sqrt(share * (1 - share) / 200)


def test_what_a_first_frame_does_not_show_is_refused():
    growing = Scene((actor("circle", action="grows"),), "gray")
    assert not is_plain(growing)
    with pytest.raises(ValueError, match="grows or shrinks"):
        describe_still(growing)


def test_a_negative_squint_is_refused():
    with pytest.raises(ValueError, match="squint -1"):
        read_still(np.zeros((32, 32, 3), np.uint8), squint=-1)


@pytest.mark.parametrize(
    ("picture", "world", "says"),
    [
        (np.zeros((1, 32, 32, 3), np.uint8), "shapes", r"\(1, 32, 32, 3\)"),
        (np.zeros((32, 32, 3), np.float32), "shapes", "float32"),
        (np.zeros((8, 8, 3), np.uint8), "shapes", "16×16"),
        ("picture.png", "shapes", "str"),
        (np.zeros((32, 32, 3), np.uint8), "story", "stills of the world 'story'"),
        (np.zeros((32, 32, 3), np.uint8), "moon", "unknown world 'moon'"),
    ],
)
def test_what_is_no_picture_is_refused(picture, world, says):
    with pytest.raises(ValueError, match=says):
        read_still(picture, world=world)


def test_readings_and_scenes_come_in_pairs():
    with pytest.raises(ValueError, match="0 readings of 1"):
        agreement([], [Scene((actor("circle"),), "gray")])
