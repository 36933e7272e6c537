"""Strips, grids and enlargements, against cases worked by hand."""

import numpy as np
import pytest

from t2v_edu.film import grid, strip, upscale


def film(value: int, frames: int = 4, height: int = 16, width: int = 16) -> np.ndarray:
    return np.full((frames, height, width, 3), value, np.uint8)


def test_grid_places_films_row_by_row_with_a_border() -> None:
    tiled = grid([film(10), film(20), film(30)], columns=2)
    assert tiled.shape == (4, 33, 33, 3)  # 16 + 1 + 16
    assert tiled[0, 0, 0, 0] == 10 and tiled[0, 0, 17, 0] == 20 and tiled[0, 17, 0, 0] == 30
    assert (tiled[:, 16] == 128).all() and (tiled[:, :, 16] == 128).all() and (tiled[:, 17:, 17:] == 128).all()


def test_a_shorter_film_waits_on_its_last_frame() -> None:
    short = np.stack([film(1, 1)[0], film(2, 1)[0]])
    assert grid([film(9, 4), short])[:, 0, 17, 0].tolist() == [1, 2, 2, 2]


@pytest.mark.parametrize("count,columns", [(1, 1), (4, 2), (5, 3), (9, 3)])
def test_a_grid_is_as_square_as_it_can_be(count: int, columns: int) -> None:
    assert grid([film(1)] * count, border=0).shape[2] == 16 * columns


def test_grid_refuses_nothing_and_unequal_sizes() -> None:
    with pytest.raises(ValueError, match="at least one film"):
        grid([])
    with pytest.raises(ValueError, match=r"\(16, 16\), \(16, 18\)"):
        grid([film(1), film(1, width=18)])
    with pytest.raises(ValueError, match="column"):
        grid([film(1)], columns=0)


def test_strip_keeps_first_and_last_and_even_steps() -> None:
    clip = np.stack([film(t, 1)[0] for t in range(15)])
    row = strip(clip, 8, border=0)
    assert row.shape == (1, 16, 128, 3)
    assert row[0, 0, ::16, 0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    assert strip(clip[:3], 8, border=0)[0, 0, ::16, 0].tolist() == [0, 1, 2]


def test_upscale_brings_the_short_side_to_size_and_keeps_colours() -> None:
    assert upscale(film(77, 2, 16, 32), 64).shape == (2, 64, 128, 3)
    assert (upscale(film(77, 2, 16, 32), 64) == 77).all()
    checks = np.indices((8, 8)).sum(0) % 2 * 255
    clip = np.repeat(checks[None, :, :, None], 3, axis=3).astype(np.uint8)
    assert (upscale(clip, 32, smooth=False) == clip.repeat(4, 1).repeat(4, 2)).all()


@pytest.mark.parametrize("size", [0, 7, 4096])
def test_upscale_refuses_sizes_out_of_range(size: int) -> None:
    with pytest.raises(ValueError, match="8 to 2048"):
        upscale(film(1), size)


@pytest.mark.parametrize("wrong", [np.zeros((2, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8),
                                   np.zeros((0, 8, 8, 3), np.uint8), np.zeros((2, 3, 8, 8), np.uint8), [[1]]])
def test_what_is_no_film_is_refused_and_quoted(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"uint8|\(T, H, W, 3\)"):
        upscale(wrong, 16)  # type: ignore[arg-type]
