"""The true motion: closed forms of the paths, the renderer's own frames, and time run backwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from t2v_edu.world.captions import parse
from t2v_edu.world.motion import TRAVEL, Take, poses
from t2v_edu.world.places import place_picture
from t2v_edu.world.render import render
from t2v_edu.world.scene import Scene, sample_scene
from t2v_edu.world.transform import mirror, reverse
from t2v_edu.world.truth import true_motion

SIDE = 48


def pulled(frame, flow):
    """A frame's values where a flow points, bilinear, in NumPy alone and pixel by pixel."""
    height, width = frame.shape[:2]
    out = np.zeros(frame.shape)
    for j, i in np.ndindex(height, width):
        x, y = np.clip(i + flow[j, i, 0], 0, width - 1.001), np.clip(j + flow[j, i, 1], 0, height - 1.001)
        c, r = int(x), int(y)
        a, b = x - c, y - r
        square = frame[r : r + 2, c : c + 2].astype(float)
        out[j, i] = (1 - b) * ((1 - a) * square[0, 0] + a * square[0, 1]) + b * ((1 - a) * square[1, 0] + a * square[1, 1])
    return out


@pytest.mark.parametrize(("way", "step"), [("right", (1, 0)), ("left", (-1, 0)), ("up", (0, -1)), ("down", (0, 1))])
@pytest.mark.parametrize("speed", ["slow", "normal", "fast"])
def test_a_steady_path_is_one_vector(way, step, speed):
    adverb = {"slow": " slowly", "normal": "", "fast": " fast"}[speed]
    height, width, frames = 40, 64, 9
    truth = true_motion(parse(f"a red star moves {way}{adverb}"), frames, height, width)
    wanted = TRAVEL[speed] / (frames - 1) * np.array([width, height]) * step
    assert truth.actor[:-1].any((1, 2)).all()
    np.testing.assert_allclose(truth.flow[truth.actor[:-1]], np.broadcast_to(wanted, (truth.actor[:-1].sum(), 2)), atol=1e-5)
    assert not truth.flow[~truth.actor[:-1]].any()


def test_what_spins_moves_along_circles():
    """Chord of a circle: 2 ρ sin(Δ/2), at right angles to the line to the middle of the way."""
    frames, take = 5, Take(0.3, 0.6)
    scene = parse("a large yellow square spins")
    truth = true_motion(scene, frames, SIDE, SIDE, takes=(take,))
    pose = poses(scene.actors[0], take, frames)
    turn = pose.angle[1] - pose.angle[0]
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    offset = np.stack([x - pose.x[0] * SIDE, y - pose.y[0] * SIDE], -1)[truth.actor[0]]
    flow = truth.flow[0][truth.actor[0]]
    np.testing.assert_allclose(np.hypot(*flow.T), 2 * np.hypot(*offset.T) * np.sin(abs(turn) / 2), atol=1e-4)
    np.testing.assert_allclose(((offset + flow / 2) * flow).sum(-1), 0, atol=1e-3)
    clockwise = offset[:, 0] * flow[:, 1] - offset[:, 1] * flow[:, 0]
    assert (clockwise > 0).all()


def test_what_grows_moves_away_from_its_middle():
    scene = parse("a blue heart grows")
    truth = true_motion(scene, 6, SIDE, SIDE)
    pose = poses(scene.actors[0], Take(), 6)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    offset = np.stack([x - pose.x[2] * SIDE, y - pose.y[2] * SIDE], -1)
    wanted = (pose.radius[3] / pose.radius[2] - 1) * offset
    np.testing.assert_allclose(truth.flow[2][truth.actor[2]], wanted[truth.actor[2]], atol=1e-4)


@pytest.mark.parametrize(("caption", "left"), [
    ("a large red star moves right", 0.3), ("a yellow cross spins", 0.3), ("the digit 5 bounces", 0.1),
    ("a blue heart grows", 0.6),
    ("a girl walks in the park", 0.6), ("a puppy runs on the grass", 0.6), ("the eiffel tower grows in the city", 0.8),
    ("a cat sits beside the window", 0.8),  # her tail moves, and it is thin
])
def test_the_next_frame_pulled_back_is_this_one(caption, left):
    """Where the surface can still be seen, both frames show the same colour, but for what sampling an edge twice blurs."""
    scene = parse(caption)
    film, truth = render(scene, 8, 64, 64), true_motion(scene, 8, 64, 64)
    for t in (0, 4):
        seen = truth.actor[t] & ~truth.occluded[t]
        assert seen.sum() > 50
        after = np.abs(pulled(film[t + 1], truth.flow[t])[seen] - film[t][seen]).mean()
        before = np.abs(film[t + 1][seen].astype(float) - film[t][seen]).mean()
        assert after < left * before, (after, before)


def test_the_actor_is_where_the_film_differs_from_its_place():
    rng = np.random.default_rng(4)
    for world in ("shapes", "digits", "story") * 4:
        scene, seed = sample_scene(world, rng), int(rng.integers(1000))
        film = render(scene, 4, SIDE, SIDE, np.random.default_rng(seed))
        truth = true_motion(scene, 4, SIDE, SIDE, np.random.default_rng(seed))  # the same draws
        differs = np.abs(film - place_picture(scene.place, SIDE, SIDE)).max(-1) > 3
        assert (truth.actor & ~differs).mean() < 0.002  # a dark part on a dark place
        border = truth.actor.copy()
        for axis, shift in ((1, 1), (1, -1), (2, 1), (2, -1)):
            border |= np.roll(truth.actor, shift, axis)
        assert (differs & ~border).mean() < 0.004


@pytest.mark.parametrize("caption", ["a red star moves up fast", "a blue cross grows", "the digit 3 shrinks"])
def test_a_film_run_backwards_uncovers_what_it_occluded(caption):
    scene = parse(caption)
    back = reverse(scene)
    a, b = true_motion(scene, 7, SIDE, SIDE), true_motion(back, 7, SIDE, SIDE)
    assert a.occluded.any()
    assert np.array_equal(a.occluded, b.uncovered[::-1])
    assert np.array_equal(a.actor, b.actor[::-1])


def test_a_mirrored_film_has_mirrored_motion():
    for caption in ("a girl walks right in the park", "a puppy runs right on the grass", "a star moves right"):
        scene = parse(caption)
        here, there = (true_motion(s, 5, SIDE, SIDE) for s in (scene, mirror(scene)))
        assert np.mean(here.actor != there.actor[:, :, ::-1]) < 0.002  # a centre may lie on an outline
        both = here.actor[:-1] & there.actor[:-1, :, ::-1]
        off = np.abs(here.flow - there.flow[:, :, ::-1] * np.float32([-1, 1])).max(-1)[both]
        assert np.quantile(off, 0.98) < 1e-3


def test_occlusion_by_hand():
    """A square of 2·0.85·0.25·40 = 17 pixels goes 3 pixels to the right: it covers 3·17 and uncovers 3·17."""
    scene = parse("a large red square moves right")
    frames = 1 + round(TRAVEL["normal"] * 40 / 3)  # 12 pixels in steps of 3
    truth = true_motion(scene, frames, 40, 40, takes=(Take(0.51, 0.51),))  # so that no pixel's centre lies on an edge
    assert np.allclose(truth.flow[truth.actor[:-1]], (3, 0), atol=1e-5)
    assert (truth.occluded.sum((1, 2)) == 3 * 17).all()
    assert (truth.uncovered.sum((1, 2)) == 3 * 17).all()
    assert not (truth.occluded & truth.actor[:-1]).any()
    assert not (truth.uncovered & truth.actor[1:]).any()


def test_limbs_move_on_their_own_and_hide_each_other():
    truth = true_motion(parse("a girl walks in the park"), 8, 64, 64)
    spread = np.ptp(truth.flow[1][truth.actor[1]], axis=0)
    assert spread.max() > 2  # pixels: legs are no piece of the trunk
    assert (truth.occluded & truth.actor[:-1]).any()


def test_a_still_film_has_no_motion_and_hides_nothing():
    scene = parse("a star bounces")
    still = replace(scene.actors[0], action="bounces", speed="slow")
    truth = true_motion(Scene((still,), scene.place), 2, SIDE, SIDE)  # one whole cycle from frame to frame: back where it was
    assert np.abs(truth.flow).max() < 1e-5
    assert not truth.occluded.any() and not truth.uncovered.any()


@pytest.mark.parametrize(("change", "message"), [
    ({"scene": parse("a red star left of a blue circle")}, "this one has 2"),
    ({"frames": 1}, "at least 2 frames, not 1"),
    ({"height": 8}, "not 8×32"),
    ({"takes": (Take(), Take())}, "2 takes for one actor"),
])
def test_bad_input(change, message):
    arguments = {"scene": parse("a red star moves right"), "frames": 4, "height": 32, "width": 32, **change}
    with pytest.raises(ValueError, match=message):
        true_motion(arguments.pop("scene"), **arguments)
