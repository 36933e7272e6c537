"""The renderer against geometry and against a supersampled polygon of matplotlib's; its promises of size, seed and smoothness."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path as Polygon

from t2v_edu.world.motion import Take, stage
from t2v_edu.world.outlines import REACH, field, hands, polygon, polygon_distance
from t2v_edu.world.render import RGB, render
from t2v_edu.world.scene import DIGITS, SHAPES, WORLDS, Scene, actor, sample_scene

BLACK = np.array((16, 16, 20))


def still(kind="circle", color="white", size="large", place="black", action="grows"):
    return Scene((actor(kind, color=color, size=size, action=action),), place)


def coverage(film, color="white", place=BLACK):
    """(T, H, W) each pixel's share of the actor, from its colour."""
    way = np.array(RGB[color], float) - place
    return ((film - place) @ way) / (way @ way)


# --- Shape ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SHAPES)
def test_a_shape_is_its_polygon(kind):
    """Coverage of every pixel against 16×16 points a pixel, told inside or outside by matplotlib."""
    side, fine = 64, 16
    scene = still(kind)
    film = render(scene, frames=2, height=side, width=side)
    pose = stage(scene, (Take(),), 2)[0]
    at = (np.arange(side * fine) + 0.5) / fine
    points = np.stack(np.meshgrid(at, at), -1).reshape(-1, 2)
    for t in range(2):
        corners = polygon(kind) * pose.radius[t] * side + (pose.x[t] * side, pose.y[t] * side)
        inside = Polygon(corners).contains_points(points).reshape(side, fine, side, fine).mean((1, 3))
        error = np.abs(coverage(film[t]) - inside)
        assert error.max() < 0.35 and error.mean() < 0.004  # corners of a distance field are a little rounder


def test_a_circle_has_the_area_of_a_circle():
    scene = still()
    pose = stage(scene, (Take(),), 16)[0]
    film = render(scene, height=128, width=128)
    np.testing.assert_allclose(coverage(film).sum((1, 2)), np.pi * (pose.radius * 128) ** 2, rtol=0.01)


def test_edges_are_anti_aliased_and_a_shift_of_a_tenth_of_a_pixel_shows():
    room = 32 * (1 - 2 * 0.25)  # pixels between the first and the last place of the first frame's centre
    film, tenth, whole = (render(still(), frames=1, takes=(Take(x=0.5 + way / room),)) for way in (0.0, 0.1, 1.0))
    soft = (coverage(film) > 0.05) & (coverage(film) < 0.95)
    assert soft.sum() > 20
    x = np.arange(32)
    centre, moved = ((coverage(f)[0].sum(0) @ x) / coverage(f).sum() for f in (film, tenth))
    assert 0.05 < moved - centre < 0.15
    assert np.abs(whole[:, :, 1:].astype(int) - film[:, :, :-1]).max() <= 4


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("height", [16, 24])
def test_the_smallest_actors_of_the_smallest_pictures_do_not_smear(kind, height):
    """Two small actors at 16×16 have a radius of a pixel; all of it lies within that radius and a pixel more."""
    a = actor(kind, color="white", size="small", action="shrinks")
    scene = Scene((a, a), "black", "left_of")
    share = coverage(render(scene, frames=2, height=height, width=height))[1]
    pose = stage(scene, (Take(), Take()), 2)[0]
    y, x = np.indices((height, height)) + 0.5
    away = np.hypot(x[:, : height // 2] - pose.x[1] * height, y[:, : height // 2] - pose.y[1] * height)
    radius = pose.radius[1] * height
    assert share[:, : height // 2][away > 1.2 * radius + 1].max() < 0.02
    assert share[:, : height // 2].sum() < 1.6 * np.pi * (radius + 0.35) ** 2


def test_the_distance_to_a_polygon_is_the_nearest_of_many_points_on_it():
    rng = np.random.default_rng(0)
    for kind in SHAPES:
        corners = polygon(kind)
        edge = np.concatenate([a + np.linspace(0, 1, 400)[:, None] * (b - a)
                               for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)])  # fmt: skip
        points = rng.uniform(-REACH, REACH, (300, 2))
        ours = polygon_distance(points, corners)
        nearest = np.linalg.norm(points[:, None] - edge, axis=-1).min(1)
        np.testing.assert_allclose(np.abs(ours), nearest, atol=0.01)
        far = np.abs(ours) > 0.02
        assert (Polygon(corners).contains_points(points) == (ours > 0))[far].all()


def test_a_digit_has_the_form_of_its_scan():
    """The inside of the field covers the dark pixels of the scan and leaves the blank ones free."""
    at = (np.arange(8) - 3.5) / 4 * 1.05
    index = np.round((at + REACH) / (2 * REACH) * 64).astype(int)
    for digit in DIGITS:
        for hand in range(0, hands().shape[1], 4):
            scan, inside = hands()[int(digit), hand] / 16, field(digit, hand)[np.ix_(index, index)] > 0
            assert inside[scan > 0.9].mean() > 0.8 and inside[scan < 0.05].mean() < 0.05


def test_digits_have_many_hands():
    assert hands().shape[0] == 10 and hands().shape[1] >= 8
    films = {render(Scene((actor("3"),), "black"), takes=(Take(hand=h),)).tobytes() for h in range(hands().shape[1])}
    assert len(films) == hands().shape[1]


# --- Promises ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_the_same_seed_makes_the_same_film_and_another_seed_another(world):
    rng = np.random.default_rng(1)
    for _ in range(5):
        scene = sample_scene(world, rng)
        a, b, c = (render(scene, rng=np.random.default_rng(seed)) for seed in (5, 5, 6))
        assert a.tobytes() == b.tobytes() and a.tobytes() != c.tobytes()


@pytest.mark.parametrize("height", [16, 17, 100, 256])
@pytest.mark.parametrize("width", [16, 33, 256])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_any_size_and_any_number_of_frames(height, width, frames):
    for scene in (still("star"), Scene((actor("girl"),), "park")):
        film = render(scene, frames, height, width, np.random.default_rng(0))
        assert film.shape == (frames, height, width, 3) and film.dtype == np.uint8
        assert film.std() > 1


@pytest.mark.parametrize("world", ["shapes", "digits", "story"])
def test_a_large_picture_shrunk_is_the_small_one(world):
    rng = np.random.default_rng(2)
    for i in range(5):
        scene = sample_scene(world, rng)
        large, small = (render(scene, 4, side, side, np.random.default_rng(i)).astype(float) for side in (128, 64))
        shrunk = large.reshape(4, 64, 2, 64, 2, 3).mean((2, 4))
        assert np.abs(shrunk - small).mean() < 3.0


def test_colours_are_those_of_the_table():
    for color, rgb in RGB.items():
        kind, place = ("puppy", "city") if color == "brown" else ("square", "black")
        film = render(Scene((actor(kind, color=color, size="large"),), place), 1, 64, 64)
        assert (film == rgb).all(-1).sum() > 20


def test_the_middle_is_taken_where_nothing_is_drawn_at_random():
    x = np.arange(32) + 0.5
    share = coverage(render(still(), frames=1))[0]
    assert (share.sum(0) @ x) / share.sum() == pytest.approx(16, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"frames": 0}, "frames must be at least 1, not 0"), ({"height": 15}, "16 to 256 pixels, not 15×32"),
     ({"width": 257}, "not 32×257"), ({"takes": ()}, r"0 take\(s\) for 1 actor")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        render(still(), **arguments)
