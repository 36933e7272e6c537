"""Augmentation: what is done to the film is done to the caption, and nothing held out comes of it."""

import numpy as np
import pytest

from t2v_edu.augment import Augmented, augment, cropped, mirrored, repainted, reversed_in_time
from t2v_edu.datasets import Clip, WorldStream
from t2v_edu.world.captions import detect_language, parse, say
from t2v_edu.world.oracle import read
from t2v_edu.world.render import render
from t2v_edu.world.scene import DIGITS, WORLDS, Scene, actor, in_split, sample_scene

PLAIN = {"black": (16, 16, 20), "gray": (104, 104, 110), "cream": (240, 232, 205)}
NEVER = {"crop": 0, "flip": 0, "color": 0, "reverse": 0}


def centred(one, place="black", size=32):
    """A clip with everything that a caption leaves open in the middle."""
    scene = Scene((one,), place)
    return Clip(render(scene, 16, size, size), say(scene), scene)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("before", "after"), [
    (actor("heart", action="moves", direction="right"), actor("heart", action="moves", direction="left")),
    (actor("star", action="zigzags", direction="left"), actor("star", action="zigzags", direction="right")),
    (actor("cross", action="moves", direction="up"), actor("cross", action="moves", direction="up")),
    (actor("triangle", action="spins", direction="clockwise"), actor("triangle", action="spins", direction="counterclockwise")),
])
def test_a_mirrored_film_is_the_film_of_the_mirrored_scene(before, after):
    clip, expected = mirrored(centred(before), rng()), centred(after)
    assert clip.scene == expected.scene
    assert np.abs(clip.frames.astype(int) - expected.frames).max() <= 3


@pytest.mark.parametrize(("before", "after"), [
    (actor("heart", action="moves", direction="right"), actor("heart", action="moves", direction="left")),
    (actor("heart", action="moves", direction="up"), actor("heart", action="moves", direction="down")),
    (actor("7", action="grows"), actor("7", action="shrinks")),
])
def test_a_reversed_film_is_the_film_of_the_reversed_scene(before, after):
    clip, expected = reversed_in_time(centred(before), rng()), centred(after)
    assert clip.scene == expected.scene
    assert np.abs(clip.frames.astype(int) - expected.frames).max() <= 3


@pytest.mark.parametrize("place", ["black", "gray", "cream"])
@pytest.mark.parametrize("kind", ["circle", "star", "4"])
def test_a_repainted_film_is_the_film_of_the_repainted_scene(kind, place):
    changed = 0
    for seed in range(20):
        clip = centred(actor(kind, "red", action="bounces"), place)
        other = repainted(clip, rng(seed))
        if other.scene != clip.scene:
            changed += 1
            assert other.scene.actors[0].color != "red"
            assert np.abs(other.frames.astype(int) - centred(other.scene.actors[0], place).frames).max() <= 3
    assert changed > 5


def test_one_of_two_actors_is_repainted():
    scene = Scene((actor("circle", "red"), actor("square", "blue")), "black", "above")
    clip = Clip(render(scene, 8, 64, 64), say(scene), scene)
    other = next(c for c in (repainted(clip, rng(seed)) for seed in range(50)) if c.scene.actors[0] != scene.actors[0])
    assert other.scene.actors[1] == scene.actors[1]
    np.testing.assert_array_equal(other.frames[:, 32:], clip.frames[:, 32:])
    assert np.abs(other.frames.astype(int) - render(other.scene, 8, 64, 64)).max() <= 3


@pytest.mark.parametrize("size", [32, 64])
def test_a_crop_keeps_actors_whole_their_size_and_nearly_their_place(size):
    for seed in range(60):
        clip = WorldStream("shapes", size=size).clip(7, seed)
        other = cropped(clip, rng(seed))
        assert other.frames.shape == clip.frames.shape and other.caption == clip.caption and other.scene == clip.scene
        masks = [np.abs(c.frames.astype(int) - PLAIN[clip.scene.place]).max(-1) > 60 for c in (clip, other)]
        ratio = masks[1].sum() / masks[0].sum()
        centres = [np.argwhere(m).mean(0)[1:] for m in masks]
        assert 0.8 < ratio < 1.25
        assert np.abs(centres[0] - centres[1]).max() < 0.09 * size


def test_a_crop_leaves_each_of_two_actors_on_its_side():
    moved = 0
    for seed in range(60):
        clip = WorldStream("pairs", frames=8, size=64).clip(3, seed)
        other = cropped(clip, rng(seed))
        moved += not np.array_equal(other.frames, clip.frames)
        masks = [np.abs(c.frames.astype(int) - PLAIN[clip.scene.place]).max(-1) > 60 for c in (clip, other)]
        split = 2 if clip.scene.relation == "left_of" else 1
        for before, after in zip(*(np.split(m, 2, axis=split) for m in masks), strict=True):
            assert 0.8 < after.sum() / before.sum() < 1.25
    assert moved > 40


def test_crops_differ_and_stay_on_the_ground():
    clip = centred(actor("circle", "red", "large"), "cream")
    films = [cropped(clip, rng(seed)).frames for seed in range(5)]
    assert len({f.tobytes() for f in films}) == 5
    assert all(np.abs(f[:, [0, 0, -1, -1], [0, -1, 0, -1]].astype(int) - (240, 232, 205)).max() <= 1 for f in films)


def test_what_cannot_be_done_is_left():
    for kind in DIGITS:
        assert mirrored(centred(actor(kind, action="moves")), rng()).scene.actors[0].direction == "right"
    for action in ("spins", "zigzags"):
        turning = centred(actor("star", action=action))
        assert reversed_in_time(turning, rng()) is turning
    puppy = centred(actor("puppy", action="runs"), "grass", 64)
    for change in (reversed_in_time, repainted, mirrored, cropped):
        assert change(puppy, rng()) is puppy


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_captions_say_the_new_scene_in_their_own_language(lang):
    source = WorldStream("shapes", langs=(lang,))
    changed = 0
    for i in range(200):
        clip = source.clip(0, i)
        other = augment(clip, rng(i))
        assert parse(other.caption) == other.scene and detect_language(other.caption) == lang
        changed += other.scene != clip.scene
    assert changed > 80


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_nothing_held_out_comes_of_it(world):
    source = WorldStream(world, frames=2, size=16)
    assert all(in_split(augment(source.clip(1, i), rng(i)).scene, "seen") for i in range(500))


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_the_reader_sees_what_the_new_caption_says(world):
    """Never anything else; of 150 films, some of them enlarged, it may abstain from three."""
    size = 32 if world in ("shapes", "digits") else 64
    source, abstained = WorldStream(world, size=size), []
    for i in range(150):
        clip = augment(source.clip(2, i), rng(i))
        seen = read(clip.frames).scene
        if seen is None:
            abstained.append(clip.scene)
        else:
            assert seen == clip.scene
    assert len(abstained) <= 3, abstained


def test_held_out_clips_may_be_augmented_too():
    found = 0
    for i in range(50):
        scene = sample_scene("shapes", rng(i), "held_out")
        clip = Clip(render(scene, 8, 32, 32, rng(i)), say(scene), scene)
        found += augment(clip, rng(i), **{**NEVER, "reverse": 1}).scene != scene
    assert found > 10


def test_no_chance_changes_nothing_and_certainty_everything():
    clip = centred(actor("heart", "red", action="moves"))
    assert augment(clip, rng(), **NEVER) is clip
    always = augment(clip, rng(1), **{**NEVER, "flip": True, "reverse": True})
    assert always.scene == clip.scene and always.caption == clip.caption  # twice turned
    np.testing.assert_array_equal(always.frames, clip.frames[::-1, :, ::-1])


@pytest.mark.parametrize(("caption", "swapped"), [
    ("A man turns Left, then right.", "A man turns Right, then left."),
    ("a wheel spins clockwise", "a wheel spins counterclockwise"),
    ("一个人向左走", "一个人向右走"),
    ("顺时针旋转", "逆时针旋转"),
    ("a bright copyright sign", "a bright copyright sign"),
])
def test_real_clips_are_mirrored_with_their_words(caption, swapped):
    frames = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
    clip = augment(Clip(frames, caption), rng(), crop=0, flip=1, color=1, reverse=0)
    assert clip.caption == swapped and clip.scene is None
    np.testing.assert_array_equal(clip.frames, frames[:, :, ::-1])


def test_real_clips_are_neither_repainted_nor_reversed_but_cropped_inside():
    frames = np.random.default_rng(0).integers(100, 200, (4, 20, 20, 3), dtype=np.uint8)
    clip = Clip(frames, "a dog")
    assert augment(clip, rng(), crop=0, flip=0, color=1, reverse=1) is clip
    assert cropped(clip, rng()).frames.shape == frames.shape and not np.array_equal(cropped(clip, rng()).frames, frames)


def test_an_augmented_source_is_a_source_like_any_other():
    source = Augmented(WorldStream("shapes"))
    whole = [source.batch(4, seed=0, step=s) for s in range(3)]
    halves = [source.shard(rank, 2) for rank in (0, 1)]
    for step, batch in enumerate(whole):
        parts = [half.batch(2, seed=0, step=step) for half in halves]
        assert parts[0].captions + parts[1].captions == batch.captions
        np.testing.assert_array_equal(np.concatenate([p.frames for p in parts]), batch.frames)
    plain = WorldStream("shapes").batch(4, seed=0, step=0)
    assert not np.array_equal(plain.frames, whole[0].frames)
    with pytest.raises(ValueError, match="flip 2 is no probability"):
        Augmented(WorldStream("shapes"), flip=2)
