"""Grading: curves and tables against SciPy, white balance against casts that were put on, .cube files against the letter."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator, RegularGridInterpolator

from t2v_edu.film.grade import (
    LOOKS,
    Lut,
    apply_lut,
    balance,
    cube_text,
    curve,
    gain_table,
    grade,
    gray_world,
    read_cube,
    tone,
    white_patch,
)
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render


def noise(seed: int = 0, frames: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, 12, 10, 3), dtype=np.uint8)


def park() -> np.ndarray:
    return render(parse("a young girl walks in the park"), 3, 64, 64)


# --- White balance ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cast", [(0.7, 1.0, 1.2), (1.0, 1.0, 0.5), (0.9, 0.6, 1.0)])
@pytest.mark.parametrize("estimate", [gray_world, lambda film: white_patch(film, 1.0)])
def test_a_cast_that_was_put_on_is_taken_off(cast, estimate) -> None:
    """Whatever the neutral film's own gains are, those of the cast film are these, divided by the cast."""
    film = (park() * 0.7).astype(np.uint8)  # room above, so that no gain clips
    tinted = balance(film, cast)
    wanted = estimate(film) / np.array(cast)
    assert np.allclose(estimate(tinted), wanted / wanted[1], rtol=0.02)
    back = balance(tinted, 1 / np.array(cast))
    assert np.abs(back.astype(int) - film).max() <= 3  # two roundings, stretched


def test_gains_by_hand() -> None:
    """Light (0.2, 0.4, 0.1) becomes grey by (2, 1, 4); and the balance is made in light, not in codes."""
    codes = np.uint8([124, 170, 89])  # sRGB of 0.2, 0.4, 0.1
    film = np.broadcast_to(codes, (1, 4, 4, 3)).copy()
    assert gray_world(film).tolist() == pytest.approx([2, 1, 4], rel=0.02)
    assert np.ptp(balance(film, gray_world(film))) <= 1
    assert (balance(film, (1, 1, 1)) == film).all()
    assert gain_table((2, 1, 1))[128, 0] == 176  # 2 · 0.2159 of the light; doubling the code would give 255


def test_after_gray_world_the_mean_light_is_grey() -> None:
    from t2v_edu.film.light import to_linear

    film = (noise() * 0.5).astype(np.uint8)
    mean = to_linear(balance(film, gray_world(film))).reshape(-1, 3).mean(0)
    assert np.ptp(mean) < 0.01 * mean.mean()


def test_the_white_patch_is_found_by_its_light() -> None:
    film = noise() // 4
    film[:, :3, :3] = [200, 180, 160]
    after = balance(film, white_patch(film, 0.05))
    assert np.ptp(after[0, 0, 0].astype(int)) <= 1 and after[0, 0, 0, 1] == 180


@pytest.mark.parametrize(("call", "message"), [
    (lambda: balance(park(), (1, 0, 1)), r"\(1, 0, 1\)"), (lambda: balance(park(), (1, 1)), r"\(1, 1\)"),
    (lambda: gray_world(park() * np.uint8([1, 0, 1])), "no light"), (lambda: white_patch(park(), 0), "share 0"),
])
def test_balances_that_cannot_be(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# --- Curves -----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
@settings(max_examples=60)
def test_a_curve_is_scipys(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.choice(256, count, replace=False)).astype(float)
    y = rng.integers(0, 256, count).astype(float)
    theirs = PchipInterpolator(x, y)(np.clip(np.arange(256), x[0], x[-1]))
    assert np.abs(curve(list(zip(x, y, strict=True))) - theirs).max() <= 0.5 + 1e-6


def test_a_curve_goes_through_its_points_and_never_swings_back() -> None:
    table = curve([(0, 0), (100, 20), (110, 230), (255, 255)]).astype(int)
    assert [table[k] for k in (0, 100, 110, 255)] == [0, 20, 230, 255] and (np.diff(table) >= 0).all()
    assert (curve([(0, 0), (255, 255)]) == np.arange(256)).all()
    assert (curve([(0, 255), (255, 0)]) == np.arange(255, -1, -1)).all()  # a negative


@pytest.mark.parametrize("points", [[], [(0, 0)], [(0, 0), (0, 9)], [(9, 0), (3, 9)], [(0, 0), (256, 9)], [(0, -1), (9, 9)],
                                    [(0, 0), (float("nan"), 9)]])
def test_curves_that_cannot_be(points) -> None:
    with pytest.raises(ValueError, match="curve"):
        curve(points)


def test_tone_looks_codes_up_for_each_channel() -> None:
    table = np.stack([np.arange(256), np.full(256, 7), np.arange(255, -1, -1)], -1).astype(np.uint8)
    film = noise()
    toned = tone(film, table)
    assert (toned[..., 0] == film[..., 0]).all() and (toned[..., 1] == 7).all() and (toned[..., 2] == 255 - film[..., 2]).all()
    assert (tone(film, table[:, 2]) == 255 - film).all()
    with pytest.raises(ValueError, match="int64"):
        tone(film, np.arange(256))


# --- Look-up tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 5, 17])
def test_trilinear_interpolation_is_scipys(size: int) -> None:
    rng = np.random.default_rng(size)
    table, film = rng.random((size, size, size, 3)).astype(np.float32), noise(size)
    lut = Lut(table, (0.0, -0.1, 0.0), (1.0, 1.0, 0.8))
    axes = [np.linspace(low, high, size) for low, high in zip(lut.low, lut.high, strict=True)]
    theirs = RegularGridInterpolator(axes, table)(np.clip(film / 255, lut.low, lut.high)) * 255
    assert np.abs(apply_lut(film, lut) - theirs).max() <= 0.501


def test_the_identity_changes_nothing_and_a_negative_is_one() -> None:
    film = noise()
    for size in (2, 9, 33):
        assert (apply_lut(film, Lut.of(lambda rgb: rgb, size)) == film).all()
        assert (apply_lut(film, Lut.of(lambda rgb: 1 - rgb, size)) == 255 - film).all()


CUBE = """# a comment
TITLE "red and green exchanged"
LUT_3D_SIZE 2

DOMAIN_MIN 0 0 0
DOMAIN_MAX 1 1 1
0 0 0
0 1 0
1 0 0
1 1 0
0 0 1
0 1 1
1 0 1
1 1 1
"""


def test_a_cube_file_by_hand(tmp_path: Path) -> None:
    """Red runs fastest: the second line is where pure red goes, and here that is green."""
    (tmp_path / "a.cube").write_text(CUBE)
    lut = read_cube(tmp_path / "a.cube")
    assert lut.title == "red and green exchanged" and lut.table[1, 0, 0].tolist() == [0, 1, 0]
    film = noise()
    assert (apply_lut(film, lut) == film[..., [1, 0, 2]]).all()


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    lut = Lut(np.random.default_rng(0).random((5, 5, 5, 3)).astype(np.float32), (0.0, 0.1, 0.0), (1.0, 2.0, 1.0), "mine")
    (tmp_path / "b.cube").write_text(cube_text(lut))
    again = read_cube(tmp_path / "b.cube")
    assert np.abs(again.table - lut.table).max() <= 6e-7 and (again.low, again.high, again.title) == (lut.low, lut.high, "mine")


@pytest.mark.parametrize(("change", "message"), [
    (("1 0 0\n", "1 0\n"), "line 9 .*'1 0'.*three numbers, not 2"), (("1 0 0\n", "1 x 0\n"), "line 9 .*could not convert"),
    (("1 1 0\n", ""), "LUT_3D_SIZE 2 and 7 colours"), (("LUT_3D_SIZE 2", "LUT_1D_SIZE 8"), "line 3 .*one dimension"),
    (("LUT_3D_SIZE 2", ""), "LUT_3D_SIZE 0"), (("MAX 1 1 1", "MAX 0 1 1"), "low .* below its high"),
])
def test_broken_cube_files_are_named_by_line(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    (tmp_path / "c.cube").write_text(CUBE.replace(*change, 1))
    with pytest.raises(ValueError, match=message):
        read_cube(tmp_path / "c.cube")


def test_looks_do_what_their_names_say() -> None:
    film = park()

    def warmth(f: np.ndarray) -> float:
        return float(f[..., 0].mean() - f[..., 2].mean())

    assert warmth(grade(film, "warm")) > warmth(film) > warmth(grade(film, "cool"))
    assert np.ptp(grade(film, "noir"), axis=-1).max() == 0
    assert grade(film, "faded").std() < 0.7 * film.std() and set(LOOKS) == {"warm", "cool", "noir", "faded"}
    with pytest.raises(ValueError, match="'sepia'; choose one of: warm"):
        grade(film, "sepia")
    with pytest.raises(ValueError, match=r"\(3, 3, 2, 3\)"):
        Lut(np.zeros((3, 3, 2, 3), np.float32))
