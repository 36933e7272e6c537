"""Places: plain ones exact, pictures the same at any size, and every actor that may stand in one seen against it."""

from __future__ import annotations

import numpy as np
import pytest

from t2v_edu.world.places import GROUND_BAND, place_picture
from t2v_edu.world.render import RGB
from t2v_edu.world.scene import CLASHES, COLORS, PLAIN_PLACES, STORY_PLACES

FAR_ENOUGH = 65.0  # RGB distance; two colours of the palette are at least 90 apart


@pytest.mark.parametrize(("name", "color"), [("black", (16, 16, 20)), ("gray", (104, 104, 110)), ("cream", (240, 232, 205))])
def test_plain_places_are_one_exact_colour(name: str, color: tuple[int, int, int]) -> None:
    assert (place_picture(name, 20, 36) == np.asarray(color, np.float32)).all()


@pytest.mark.parametrize("name", PLAIN_PLACES + STORY_PLACES)
def test_pictures_are_shared_and_safe_from_their_readers(name: str) -> None:
    picture = place_picture(name, 24, 40)
    assert picture.shape == (24, 40, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 255
    assert picture is place_picture(name, 24, 40)
    with pytest.raises(ValueError, match="read-only"):
        picture[0] = 0


@pytest.mark.parametrize("name", STORY_PLACES)
def test_pictures_are_made_the_same_twice(name: str) -> None:
    first = place_picture(name, 32, 32).copy()
    place_picture.cache_clear()
    np.testing.assert_array_equal(first, place_picture(name, 32, 32))


@pytest.mark.parametrize("name", STORY_PLACES)
@pytest.mark.parametrize("size", [16, 32, 64])
def test_resolution_only_sharpens(name: str, size: int) -> None:
    fine = place_picture(name, size * 4, size * 4).reshape(size, 4, size, 4, 3).mean(axis=(1, 3))
    assert np.abs(fine - place_picture(name, size, size)).mean() < 2


@pytest.mark.parametrize("name", STORY_PLACES)
@pytest.mark.parametrize("color", COLORS)
def test_allowed_colours_stand_out_everywhere(name: str, color: str) -> None:
    for size in (32, 64, 128):
        apart = np.linalg.norm(place_picture(name, size, size) - np.asarray(RGB[color]), axis=-1)
        if (color, name) in CLASHES:
            assert apart.min() < 110  # a clash that is none would forbid scenes for nothing
        else:
            assert apart.min() > FAR_ENOUGH


@pytest.mark.parametrize("name", STORY_PLACES)
def test_the_ground_is_one_calm_floor(name: str) -> None:
    """Where feet stand there is floor only: no sky, and little contrast of its own."""
    picture = place_picture(name, 200, 200)
    floor = picture[int(GROUND_BAND[0] * 200) : int(GROUND_BAND[1] * 200)]
    above = picture[:80].reshape(-1, 3).mean(axis=0)
    assert np.linalg.norm(floor.reshape(-1, 3).mean(axis=0) - above) > 20
    assert floor.reshape(-1, 3).std(axis=0).max() < 40


@pytest.mark.parametrize("one", range(len(STORY_PLACES)))
def test_places_differ_from_each_other(one: int) -> None:
    for other in STORY_PLACES[one + 1 :]:
        apart = np.abs(place_picture(STORY_PLACES[one], 32, 32) - place_picture(other, 32, 32))
        assert apart.mean() > 8


def test_an_unknown_place_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="unknown place 'moon'; choose one of: black"):
        place_picture("moon", 32, 32)
