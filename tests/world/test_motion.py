"""Paths against their closed forms, and the promise that no actor ever leaves the frame."""

from __future__ import annotations

import numpy as np
import pytest

from t2v_edu.world.motion import GROWTH, Take, poses, radius_of, sample_take, stage
from t2v_edu.world.scene import CAST, DIGITS, KINDS, SHAPES, STORY, Actor, Scene, actor, all_actors

T = 49  # frames: a whole number of steps in every period below


def of(action, direction=None, speed=None, size="small", kind="square", **take):
    return poses(actor(kind, action=action, direction=direction, speed=speed, size=size), Take(**take), T)


@pytest.mark.parametrize(("direction", "dx", "dy"), [("right", 1, 0), ("left", -1, 0), ("up", 0, -1), ("down", 0, 1)])
@pytest.mark.parametrize(("speed", "way"), [("slow", 0.15), ("normal", 0.30), ("fast", 0.46)])
def test_moving_is_a_straight_line_at_constant_speed(direction, dx, dy, speed, way):
    p = of("moves", direction, speed)
    np.testing.assert_allclose(np.diff(p.x), dx * way / (T - 1), atol=1e-12)
    np.testing.assert_allclose(np.diff(p.y), dy * way / (T - 1), atol=1e-12)  # y points down
    assert np.ptp(p.radius) == 0 and not p.angle.any()


@pytest.mark.parametrize(("speed", "cycles"), [("slow", 1), ("normal", 2), ("fast", 3)])
@pytest.mark.parametrize("direction", ["vertical", "horizontal"])
def test_bouncing_is_a_cosine_of_so_many_cycles(direction, speed, cycles):
    p = of("bounces", direction, speed, phase=0.3)
    along, across = (p.y, p.x) if direction == "vertical" else (p.x, p.y)
    assert np.ptp(across) == 0
    power = np.abs(np.fft.rfft(along[:-1] - along[:-1].mean()))
    assert power.argmax() == cycles and np.delete(power, cycles).max() < 1e-9
    assert power[cycles] * 2 / (T - 1) == pytest.approx(0.2)  # the amplitude


@pytest.mark.parametrize(("speed", "turns"), [("slow", 0.5), ("normal", 1.0), ("fast", 1.5)])
@pytest.mark.parametrize(("direction", "sign"), [("clockwise", 1), ("counterclockwise", -1)])
def test_circling_keeps_its_distance_and_goes_round_so_often(direction, sign, speed, turns):
    p = of("circles", direction, speed, phase=0.1)
    start = 2 * np.pi * 0.1
    cx, cy = p.x[0] - 0.2 * np.cos(start), p.y[0] - 0.2 * np.sin(start)
    np.testing.assert_allclose(np.hypot(p.x - cx, p.y - cy), 0.2)
    round_ = np.unwrap(np.arctan2(p.y - cy, p.x - cx))  # y down, so growing angles go clockwise on the screen
    assert round_[-1] - round_[0] == pytest.approx(sign * turns * 2 * np.pi)


@pytest.mark.parametrize(("speed", "turns"), [("slow", 0.25), ("normal", 0.5), ("fast", 0.75)])
def test_spinning_turns_in_place_from_upright(speed, turns):
    p = of("spins", "counterclockwise", speed)
    assert np.ptp(p.x) == np.ptp(p.y) == p.angle[0] == 0
    np.testing.assert_allclose(np.diff(p.angle), -turns * 2 * np.pi / (T - 1))


def test_zigzags_travel_and_swing_across_in_straight_pieces():
    p = of("zigzags", "left", "fast")
    np.testing.assert_allclose(np.diff(p.x), -0.46 / (T - 1))
    swing = p.y - p.y.mean()
    assert np.abs(swing).max() == pytest.approx(0.12, abs=1e-3)
    turns = np.nonzero(np.abs(np.diff(swing, 2)) > 1e-9)[0]
    assert len(turns) == 4  # two periods have four corners
    np.testing.assert_allclose(np.abs(np.diff(swing)), 4 * 0.12 * 2 / (T - 1), atol=1e-9)


@pytest.mark.parametrize(("action", "first", "last"), [("grows", *GROWTH), ("shrinks", *GROWTH[::-1])])
def test_growing_is_linear_in_the_radius(action, first, last):
    p = of(action, size="medium")
    np.testing.assert_allclose(p.radius, 0.19 * np.linspace(first, last, T))
    assert np.ptp(p.x) == np.ptp(p.y) == 0


def test_jumping_is_two_parabolas_and_feet_stay_where_they_are():
    p = poses(actor("girl", action="jumps"), Take(), T)
    height = p.y[0] - p.y
    assert height.max() == pytest.approx(0.2) and height.min() == pytest.approx(0) and np.ptp(p.x) == 0
    assert (np.diff(np.sign(np.diff(height))) < 0).sum() == 2


def reach(kind, action):
    """How far an actor's picture reaches from its centre, in radii, as the margin of `motion` has it."""
    return 1.2 if action == "spins" else 1.0


@pytest.mark.parametrize("kind", SHAPES + DIGITS[:2])
def test_no_shape_ever_leaves_the_frame(kind):
    rng = np.random.default_rng(0)
    for a in all_actors((kind,)):
        if a.color != CAST[kind].colors[0]:
            continue
        for take in (Take(0, 0, 0), Take(0.999, 0.999, 0.999), sample_take(rng), sample_take(rng)):
            p = poses(a, take, 16)
            widest = p.radius.max() * reach(kind, a.action)
            if 2 * widest + max(np.ptp(p.x), np.ptp(p.y)) > 1:
                continue  # it cannot fit: large and fast at once is centred instead
            for at in (p.x, p.y):
                assert at.min() >= widest - 1e-9 and at.max() <= 1 - widest + 1e-9


def test_all_that_shapes_do_fits_into_the_frame():
    """The exception above is never taken: every path and size leaves room."""
    for a in all_actors(SHAPES[:2]):
        p = poses(a, Take(), 16)
        assert 2 * p.radius.max() * reach(a.kind, a.action) + max(np.ptp(p.x), np.ptp(p.y)) <= 1.0 + 1e-9


def test_the_take_shares_out_the_room_from_one_edge_to_the_other():
    low, high = (of("spins", x=share, y=share, size="large") for share in (0.0, 1.0 - 1e-12))
    margin = 0.25 * 1.2
    assert low.x[0] == pytest.approx(margin) and high.x[0] == pytest.approx(1 - margin)
    assert low.y[0] == pytest.approx(margin) and high.y[0] == pytest.approx(1 - margin)


def test_story_actors_have_their_feet_on_the_ground():
    rng = np.random.default_rng(3)
    from t2v_edu.world.puppets import FEET

    for kind in STORY:
        for action in CAST[kind].actions:
            if action == "jumps":
                continue
            p = poses(actor(kind, action=action), sample_take(rng), 16)
            feet = p.y + FEET[kind] * p.radius
            assert np.ptp(feet) < 1e-9 and 0.6 < feet[0] <= 0.98


def test_more_frames_are_smoother_not_longer():
    a = actor("star", action="circles", direction="clockwise", speed="fast")
    few, many = poses(a, Take(phase=0.2), 9), poses(a, Take(phase=0.2), 17)
    np.testing.assert_allclose(np.diff(many.x[::2]), np.diff(few.x))
    np.testing.assert_allclose(np.diff(many.y[::2]), np.diff(few.y))


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_frame_is_the_first(kind):
    a = actor(kind)
    one, many = poses(a, Take(), 1), poses(a, Take(), 16)
    assert one.x.shape == (1,) and one.radius[0] == many.radius[0]


def test_two_actors_live_in_cells_of_half_the_side_as_if_alone():
    a, b = actor("circle", action="moves", direction="left"), actor("star", action="spins")
    takes = (Take(0.2, 0.7, 0.1), Take(0.9, 0.1, 0.4))
    for relation, cells in (("left_of", ((0.25, 0.5), (0.75, 0.5))), ("above", ((0.5, 0.25), (0.5, 0.75)))):
        staged = stage(Scene((a, b), "black", relation), takes, 16)
        for one, take, got, (cx, cy) in zip((a, b), takes, staged, cells, strict=True):
            alone = poses(one, take, 16)
            np.testing.assert_allclose((got.x - cx) * 2 + 0.5, alone.x)
            np.testing.assert_allclose((got.y - cy) * 2 + 0.5, alone.y)
            np.testing.assert_allclose(got.radius * 2, alone.radius)
            np.testing.assert_allclose(got.angle, alone.angle)
    assert radius_of(Actor("circle", "red", "small", "grows", "none", "normal")) == 0.14
