"""Compositing: "over" by hand, matting as the exact inverse of compositing, a camera that is followed where it really went."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.decode import decode
from t2v_edu.film.camera import STILL, best_shift, camera_step, follow, stays_in_view
from t2v_edu.film.composite import Cutout, actor_color, chain, clean_plate, composite, cut_out, key, over, triangulate
from t2v_edu.film.light import to_linear, to_srgb
from t2v_edu.world.captions import parse
from t2v_edu.world.places import place_picture
from t2v_edu.world.render import RGB, render
from t2v_edu.world.truth import true_motion


def plate(name: str, side: int = 48) -> np.ndarray:
    return (place_picture(name, side, side) + np.float32(0.5)).astype(np.uint8)


def flat(color: tuple[int, int, int], frames: int = 2, side: int = 4) -> np.ndarray:
    return np.full((frames, side, side, 3), color, np.uint8)


def cutout(color: tuple[int, int, int], alpha: float, frames: int = 2, side: int = 4) -> Cutout:
    return Cutout(flat(color, frames, side), np.full((frames, side, side), alpha, np.float32))


# --- Over -------------------------------------------------------------------------------------------------------------


def test_over_by_hand() -> None:
    """A quarter of 200 and three quarters of 100: 50 + 75."""
    made = over(cutout((200, 0, 255), 0.25), flat((100, 100, 255)))
    assert made.dtype == np.uint8 and (made == [125, 75, 255]).all()
    assert (over(cutout((200, 0, 255), 0.5), flat((100, 100, 255)), opacity=0.5) == [125, 75, 255]).all()


def test_half_of_the_light_is_not_half_of_the_code() -> None:
    """sRGB of 0.5 is 1.055 · 0.5^(1/2.4) − 0.055 = 0.7354, code 188."""
    white_over_black = cutout((255, 255, 255), 0.5), flat((0, 0, 0))
    assert (over(*white_over_black) == 128).all() and (over(*white_over_black, linear=True) == 188).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_over_keeps_between_front_and_back_and_its_ends_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    color, back = rng.integers(0, 256, (2, 3, 5, 7, 3), dtype=np.uint8)
    alpha = rng.random((3, 5, 7)).astype(np.float32)
    alpha[0], alpha[1] = 0, 1
    for linear in (False, True):
        made = over(Cutout(color, alpha), back, linear=linear)
        assert (made >= np.minimum(color, back)).all() and (made <= np.maximum(color, back)).all()
        assert (made[0] == back[0]).all() and (made[1] == color[1]).all()


def test_layers_may_be_joined_first() -> None:
    """Porter & Duff's over is associative: A over (B over C) = (A over B) over C, with alpha of A over B = a + b − ab."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1, 6, 6)).astype(np.float32)
    color_a, color_b, c = rng.integers(0, 256, (3, 1, 6, 6, 3), dtype=np.uint8)
    both = a + b - a * b
    color = (a[..., None] * color_a + ((1 - a) * b)[..., None] * color_b) / both[..., None]
    joined = over(Cutout(np.rint(color).astype(np.uint8), both), c)
    stacked = over(Cutout(color_a, a), over(Cutout(color_b, b), c))
    assert np.abs(joined.astype(int) - stacked).max() <= 1


def test_light_and_codes_are_inverse_and_meet_the_standard() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert (to_srgb(to_linear(codes)) == codes).all()
    assert to_linear(np.uint8([0, 128, 255])).tolist() == pytest.approx([0, 0.21586, 1], abs=1e-5)
    assert to_linear(np.uint8([10]))[0] == pytest.approx(10 / 255 / 12.92)  # the straight piece near black


def test_a_picture_and_a_longer_film_are_backgrounds_too() -> None:
    front = cutout((255, 0, 0), 0.0, frames=2)
    film = np.stack([flat((k, k, k), 1)[0] for k in range(5)])
    assert over(front, film)[:, 0, 0, 0].tolist() == [0, 1] and over(front, film[3])[:, 0, 0, 0].tolist() == [3, 3]


@pytest.mark.parametrize(("background", "message"), [
    (flat((0, 0, 0), 3), "3 frames and the shot 4"),
    (flat((0, 0, 0), 4, 6), r"\(4, 4\) pixels .* background \(6, 6\)"),
    (np.zeros((4, 4, 4, 3)), "float64"),
])
def test_backgrounds_that_do_not_do(background: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        over(cutout((1, 2, 3), 0.5, frames=4), background)


@pytest.mark.parametrize(("alpha", "message"), [
    (np.zeros((2, 4, 5), np.float32), r"\(2, 4, 5\)"), (np.zeros((2, 4, 4), np.uint8), "uint8"),
    (np.full((2, 4, 4), 1.5), "0 to 1, not 1.5"), (np.full((2, 4, 4), np.nan), "nan"),
])
def test_what_is_no_alpha(alpha: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cutout(flat((0, 0, 0)), alpha)


# --- Cutting out ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_two_places_give_back_the_alpha_that_was_put_in(seed: int) -> None:
    rng = np.random.default_rng(seed)
    color = rng.integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    alpha = np.round(rng.random((2, 6, 6)), 2).astype(np.float32)
    plates = [np.full((6, 6, 3), 20, np.uint8), np.full((6, 6, 3), 230, np.uint8)]
    found = triangulate([over(Cutout(color, alpha), p) for p in plates], plates)
    assert np.abs(found.alpha - alpha).max() < 0.01  # two codes rounded, 210 apart
    sure = alpha > 0.5
    assert np.abs(found.color.astype(int) - color)[sure].max() <= 5


@pytest.mark.parametrize("caption", ["a young girl walks in the park", "a puppy runs on the grass", "the tower grows in the city",
                                     "a blue star spins", "a cat sits beside the window"])
def test_the_worlds_actors_come_out_whole_and_go_back_in(caption: str) -> None:
    scene = parse(caption)
    actor = cut_out(scene, 4, 48, 48)
    film = render(scene, 4, 48, 48)
    assert np.abs(over(actor, plate(scene.place)).astype(int) - film).max() <= 2
    truth = true_motion(scene, 4, 48, 48).actor  # a pixel is the actor's if its centre is
    assert ((actor.alpha > 0.5) == truth).mean() > 0.985


def test_a_one_coloured_actor_is_keyed_as_exactly_as_by_many_places() -> None:
    scene = parse("a large red circle moves right on a gray background")
    film = render(scene, 4, 48, 48)
    ground = clean_plate(film, plain=True)
    assert (ground == plate("gray")).all() and actor_color(film, ground) == RGB["red"]
    keyed, exact = key(film, ground, near=1, color=actor_color(film, ground)), cut_out(scene, 4, 48, 48)
    assert np.abs(keyed.alpha - exact.alpha).max() < 0.03
    assert np.abs(over(keyed, ground).astype(int) - film).max() <= 2


def test_a_soft_key_puts_back_what_it_took() -> None:
    """Whatever alpha is assumed, the colour that remains makes the same picture again on the same place."""
    film, ground = render(parse("a girl runs in the park"), 6, 48, 48), plate("park")
    keyed = key(film, ground, near=10, far=40)
    again = over(keyed, ground)
    assert np.abs(again.astype(int) - film).max() <= 10 and np.abs(again.astype(int) - film).mean() < 0.3
    truth = true_motion(parse("a girl runs in the park"), 6, 48, 48).actor
    assert ((keyed.alpha > 0.5) == truth).mean() > 0.97


def test_the_median_over_time_is_the_place() -> None:
    """What passes is at no pixel for half of the time; a cat that sits is taken for furniture."""
    passing = np.broadcast_to(plate("park"), (16, 48, 48, 3)).copy()
    for t in range(16):
        passing[t, 20:24, t : t + 4] = 255
    assert (clean_plate(passing) == plate("park")).all()
    sitting = clean_plate(render(parse("a cat sits beside the window"), 15, 48, 48))
    assert np.abs(sitting.astype(int) - plate("window")).mean() > 2


@pytest.mark.parametrize(("change", "message"), [
    ({"plate": np.zeros((4, 5, 3), np.uint8)}, r"\(4, 5, 3\)"), ({"near": 60}, "60 and 60"),
    ({"color": (0, 0)}, r"\(0, 0\)"), ({"color": (0, 0, 300)}, "300"),
])
def test_keys_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        key(flat((9, 9, 9)), **{"plate": np.zeros((4, 4, 3), np.uint8), **change})


def test_triangulation_wants_two_films_of_one_size() -> None:
    with pytest.raises(ValueError, match="not 1 and 1"):
        triangulate([flat((0, 0, 0))], [flat((0, 0, 0))[0]])
    with pytest.raises(ValueError, match=r"\(2, 4, 4, 3\), \(2, 6, 6, 3\)"):
        triangulate([flat((0, 0, 0))] * 2, [flat((0, 0, 0))[0], flat((0, 0, 0), 1, 6)[0]])


# --- Where it goes ----------------------------------------------------------------------------------------------------


def test_composite_lays_the_middle_where_it_is_told() -> None:
    made = composite(cutout((255, 0, 0), 1.0, side=8), flat((0, 0, 255), side=32), at=(0.75, 0.25), size=0.25)
    red = np.argwhere(made[0, ..., 0] > 128)
    assert red.mean(0).tolist() == pytest.approx([7.5, 23.5], abs=0.01)  # row, column: a quarter and three quarters of 32, less ½
    assert np.ptp(red, axis=0).tolist() == [7, 7]
    full = composite(cutout((255, 0, 0), 0.5, side=8), flat((0, 0, 255), side=8))
    assert (full == over(cutout((255, 0, 0), 0.5, side=8), flat((0, 0, 255), side=8))).all()


def test_enlarging_makes_no_dark_rim() -> None:
    """What lies beside the actor has any colour; it must not bleed in when pixels are mixed."""
    color, alpha = np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 16, 16), np.float32)
    color[0, 4:12, 4:12], alpha[0, 4:12, 4:12] = 255, 1
    made = composite(Cutout(color, alpha), np.full((61, 61, 3), 255, np.uint8))
    assert made.min() >= 254


def test_shrinking_stripes_makes_grey_and_no_pattern() -> None:
    color = np.zeros((1, 64, 64, 3), np.uint8)
    color[:, :, ::2] = 255
    made = composite(Cutout(color, np.ones((1, 64, 64), np.float32)), np.full((64, 64, 3), 128, np.uint8), size=0.3)
    assert np.abs(made[0, 26:38, 26:38].astype(int) - 128).max() < 10  # without a blur: from 0 to 255


def test_a_track_carries_the_actor_along() -> None:
    track = np.stack([STILL, np.array([[1.0, 0, 5], [0, 1, -3]])])
    front = Cutout(flat((255, 0, 0), 2, 32), np.zeros((2, 32, 32), np.float32))
    front.alpha[:, 10:14, 10:14] = 1
    made = composite(front, flat((0, 0, 0), 2, 32), track=track)
    assert [np.argwhere(f[..., 0] > 128).mean(0).tolist() for f in made] == [[11.5, 11.5], [8.5, 16.5]]
    with pytest.raises(ValueError, match=r"\(2, 2, 3\), not \(1, 2, 3\)"):
        composite(front, flat((0, 0, 0), 2, 32), track=track[:1])
    with pytest.raises(ValueError, match="size 0"):
        composite(front, flat((0, 0, 0), 2, 32), size=0)


# --- The camera -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caption", ["a young girl walks in the park", "the tower stands in the city"])
def test_a_pan_is_followed_past_an_actor_who_goes_her_own_way(caption: str) -> None:
    wide = render(parse(caption), 8, 64, 128)
    film = np.stack([wide[t][:, 3 * t : 3 * t + 96] for t in range(8)])
    track = follow(film)
    assert np.abs(track[:, :, 2] - [[-3 * t, 0] for t in range(8)]).max() < 0.3
    assert np.abs(track[:, :, :2] - np.eye(2)).max() < 0.01


def test_behind_a_cut_another_place_begins() -> None:
    captions = "a girl runs in the park", "a cat sits beside the window"
    first, second = (render(parse(caption), 3, 64, 64) for caption in captions)
    track = follow(np.concatenate([first, second]))
    assert (track[3] == STILL).all() and np.abs(track - STILL).max() < 1


def test_what_the_camera_leaves_behind_is_out_of_view() -> None:
    pan = np.stack([np.array([[1.0, 0, -5 * t], [0, 1, 0]]) for t in range(8)])  # 35 pixels
    assert stays_in_view(pan, 100, 120) and not stays_in_view(pan, 60, 80)  # 59.5 − 35 ≥ 18; 39.5 − 35 < 12


def test_a_zoom_and_a_turn_are_followed() -> None:
    """Against the maps that made the film."""
    still = render(parse("a young girl walks in the park"), 1, 160, 160)[0]
    there, back = np.array([[1.0, 0, 32], [0, 1, 32]]), np.array([[1.0, 0, -32], [0, 1, -32]])
    maps, frames = [], []
    for t in range(6):
        angle, zoom = np.deg2rad(1.5 * t), 1 + 0.02 * t
        m = np.array([[zoom * np.cos(angle), -zoom * np.sin(angle), 0], [zoom * np.sin(angle), zoom * np.cos(angle), 0]])
        m[:, 2] = np.array([80, 80]) - m[:, :2] @ [80, 80] + [2 * t, -t]
        frames.append(cv2.warpAffine(still, m, (160, 160), borderMode=cv2.BORDER_REPLICATE)[32:128, 32:128])
        maps.append(chain(chain(back, m), there))
    off = (follow(np.stack(frames)) - np.stack(maps)) @ np.array([[10, 10, 1], [86, 10, 1], [48, 48, 1], [86, 86, 1]]).T
    assert np.hypot(off[:, 0], off[:, 1]).max() < 0.3


def test_a_still_camera_stands_still_and_a_flat_wall_says_nothing() -> None:
    film = render(parse("a puppy runs on the grass"), 4, 64, 64)
    assert np.abs(follow(film) - STILL).max() < 0.2
    assert (camera_step(np.full((32, 32), 7, np.uint8), np.full((32, 32), 90, np.uint8)) == STILL).all()


def test_the_best_shift_by_hand() -> None:
    first = np.zeros((16, 16), np.float32)
    first[6:9, 4:8] = 200
    assert best_shift(first, np.roll(first, (2, 3), (0, 1))) == (3, 2)


def test_a_map_after_a_map() -> None:
    """(x, y) → (2x, 2y) → moved by (1, 0): (3, 4) becomes (7, 8)."""
    assert (chain(np.array([[1.0, 0, 1], [0, 1, 0]]), np.array([[2.0, 0, 0], [0, 2, 0]])) @ [3, 4, 1] == [7, 8]).all()


def test_real_cameras_are_followed(clips: Path) -> None:
    """One stands on its legs while a rabbit gets up; one comes nearer by hand: pulled back, its film changes much less."""
    still = follow(decode(clips / "bunny.mp4", fps=12, size=96)[:8])
    assert np.abs(still @ [48, 48, 1] - [48, 48]).max() < 1.5
    film = decode(clips / "cockatoo.mp4", fps=12, size=96)[:8]
    held = np.stack([cv2.warpAffine(f, m, (96, 96), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
                     for f, m in zip(film, follow(film), strict=True)])
    inner = (slice(None), slice(20, 76), slice(20, 76))
    before, after = (np.abs(f[inner].astype(int) - film[:1][inner]).mean() for f in (film, held))
    assert after < 0.75 * before
