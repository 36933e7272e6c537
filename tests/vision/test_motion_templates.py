"""One picture becomes a film: what templates do to points that are known."""

from __future__ import annotations

import numpy as np
import pytest

from t2v_edu.vision.motion import TEMPLATES, animate
from t2v_edu.vision.templates import fill, find_templates


def dot(x, y, side=41):
    """A black picture with a white spot of five pixels in a square, and its mask."""
    picture, mask = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), bool)
    mask[y - 2 : y + 3, x - 2 : x + 3] = True
    picture[mask] = 255
    return picture, mask


def centre(frame):
    """Centre of mass of the light, (x, y)."""
    light = frame[..., 0].astype(float)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    return np.array([(light * x).sum(), (light * y).sum()]) / light.sum()


def test_a_cut_out_goes_where_the_path_says():
    picture, mask = dot(20, 30)
    film = animate(picture, "the dot hops", 5, cutout=mask)
    heights = [centre(frame)[1] for frame in film]
    wanted = 30 - 0.14 * 41 * np.abs(np.sin(2 * np.pi * np.linspace(0, 1, 5)))
    np.testing.assert_allclose(heights, wanted, atol=0.05)
    np.testing.assert_allclose([centre(frame)[0] for frame in film], 20, atol=0.05)
    assert np.array_equal(film[0], picture)


def test_turning_leaves_the_middle_and_comes_back():
    picture, mask = dot(20, 20)
    picture[20, 22] = 80  # a mark to the right of the middle
    film = animate(picture, "it turns", 9, cutout=mask)
    assert film[2][22, 20, 0] < 200 and film[4][20, 18, 0] < 200  # a quarter: below; a half: to the left
    assert np.abs(film[8].astype(int) - picture).max() <= 1


def test_zooming_keeps_the_middle_and_spreads_the_rest():
    picture, _ = dot(30, 20)
    film = animate(picture, "zoom in", 3)
    np.testing.assert_allclose(centre(film[0]), (30, 20), atol=1e-6)
    np.testing.assert_allclose(centre(film[2]), (20 + 1.5 * 10, 20), atol=0.05)
    assert np.array_equal(animate(picture, "推近", 3), film)


def test_a_camera_that_pans_right_sees_things_go_left():
    picture, _ = dot(20, 20)
    film = animate(picture, "the camera pans right.", 4)
    assert (np.diff([centre(frame)[0] for frame in film]) < -1).all()


def test_camera_and_cut_out_in_one_caption():
    picture, mask = dot(20, 30)
    both = animate(picture, "zooms in while the dot hops", 5, cutout=mask)
    hop = animate(picture, "hops", 5, cutout=mask)
    u = np.linspace(0, 1, 5)
    for frame, plain, scale in zip(both, hop, 1 + 0.5 * u, strict=True):
        np.testing.assert_allclose(centre(frame), 20 + scale * (centre(plain) - 20), atol=0.1)


def test_every_template_is_found_by_all_its_words_and_makes_a_film():
    picture, mask = dot(20, 20)
    for name, template in TEMPLATES.items():
        for word in template.words:
            caption = word if not word.isascii() else f"please: it {word}, now"
            assert find_templates(caption) == [template], (name, word)
        film = animate(picture, template.words[0], 6, cutout=mask)
        assert film.shape == (6, 41, 41, 3) and film.dtype == np.uint8
        assert (film != film[0]).any(), name


def test_a_hole_is_filled_from_around():
    picture = np.full((9, 9, 3), 50, np.float32)
    hole = np.zeros((9, 9), bool)
    hole[2:7, 2:7] = True
    picture[hole] = 255
    assert np.array_equal(fill(picture, hole), np.full((9, 9, 3), 50))
    row = np.zeros((1, 5, 3), np.float32)
    row[0, :, 0] = (10, 99, 99, 99, 30)
    assert fill(row, np.array([[False, True, True, True, False]]))[0, :, 0].tolist() == [10, 10, 20, 30, 30]
    with pytest.raises(ValueError, match=r"\(9, 9, 3\)"):
        fill(picture, np.ones((9, 9), bool))


@pytest.mark.parametrize(("change", "message"), [
    ({"picture": np.zeros((8, 8), np.uint8)}, r"not uint8 \(8, 8\)"),
    ({"picture": np.zeros((8, 8, 3))}, r"not float64 \(8, 8, 3\)"),
    ({"picture": np.zeros((2, 8, 8, 3), np.uint8)}, r"not \(2, 8, 8, 3\)"),
    ({"caption": "it dances"}, "no template fits 'it dances'; there are: zoom in · 推近"),
    ({"caption": "it hops and sways"}, "asks for hop and sway at once"),
    ({"frames": 1}, "at least 2 frames, not 1"),
    ({"cutout": None}, r"'hop' moves a part .* \(8, 8\)"),
    ({"cutout": np.ones((4, 8))}, r"\(8, 8, 3\) wants a cut-out \(8, 8\), not \(4, 8\)"),
    ({"cutout": np.zeros((8, 8))}, "some above 0"),
    ({"cutout": np.full((8, 8), 255)}, "not 255 to 255"),
])
def test_bad_input(change, message):
    arguments = {"picture": np.zeros((8, 8, 3), np.uint8), "caption": "it hops", "frames": 4,
                 "cutout": np.eye(8), **change}
    with pytest.raises(ValueError, match=message):
        animate(**arguments)
