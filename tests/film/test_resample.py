"""More frames and more pixels, against the renderer, which knows what was between and beneath."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from t2v_edu.decode import decode
from t2v_edu.film.resample import FILTERS, double_rate, enlarge, fit, halfway, is_cut
from t2v_edu.film.restore import psnr
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render


def shrink(film: np.ndarray, by: int) -> np.ndarray:
    frames, height, width, _ = film.shape
    return np.rint(film.reshape(frames, height // by, by, width // by, by, 3).mean((2, 4))).astype(np.uint8)


# --- Frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caption", ["a large red star moves right", "a yellow heart moves up"])
def test_the_frames_in_between_are_nearer_to_the_truth_than_a_mixture_or_a_repeat(caption: str) -> None:
    fine = render(parse(caption), 13, 64, 64)
    made, true, coarse = double_rate(fine[::2])[1::2], fine[1::2], fine[::2].astype(float)
    mixed = np.rint((coarse[:-1] + coarse[1:]) / 2).astype(np.uint8)
    assert psnr(made, true) > psnr(mixed, true) + 3 and psnr(made, true) > psnr(fine[:-1:2], true) + 3


def test_its_own_frames_stay_and_a_still_film_stays_still() -> None:
    film = render(parse("a puppy runs on the grass"), 4, 48, 48)
    doubled = double_rate(film)
    assert doubled.shape == (7, 48, 48, 3) and (doubled[::2] == film).all()
    still = film[:1].repeat(3, 0)
    assert (double_rate(still) == still[:1]).all() and len(double_rate(film[:1])) == 1


def test_a_shift_by_hand() -> None:
    """A block 8 pixels on is 4 pixels on halfway; the film is small, so Lucas and Kanade look for it."""
    rng = np.random.default_rng(0)
    block = rng.integers(60, 256, (8, 8, 3)).astype(np.uint8)
    frames = np.zeros((2, 40, 40, 3), np.uint8)
    frames[0, 16:24, 8:16], frames[1, 16:24, 12:20] = block, block
    middle = halfway(*frames).astype(float).mean(-1)
    assert np.average(np.arange(40), weights=middle.sum(0)) == pytest.approx(13.5, abs=0.5)


@pytest.mark.parametrize("captions", [("a girl runs in the park", "a puppy runs on the grass"),
                                      ("a cat sits beside the window", "a girl walks in the city"),
                                      ("a red star moves left", "a girl runs in the park"),
                                      ("a girl runs in the park", "a cat sits beside the window")])
def test_a_cut_is_no_motion(captions: tuple[str, str]) -> None:
    first, second = (render(parse(caption), 3, 64, 64) for caption in captions)
    film = np.concatenate([first, second])
    doubled = double_rate(film)
    assert (doubled[5] == film[2]).all()
    assert [is_cut(a, b) for a, b in pairwise(film)] == [False, False, True, False, False]


def test_the_one_cut_of_a_real_clip(clips: Path) -> None:
    """Where the picture changes from a wall to a man before cars; a bird that comes near by jerks is no cut."""
    film = decode(clips / "bikes.mp4", fps=12, size=64)[:24]
    assert [t for t, (a, b) in enumerate(pairwise(film)) if is_cut(a, b)] == [14]
    assert not any(is_cut(a, b) for a, b in pairwise(decode(clips / "cockatoo.mp4", fps=12, size=64)[:24]))


# --- Pixels -----------------------------------------------------------------------------------------------------------


def test_fit_covers_and_cuts_both_sides_alike() -> None:
    wide = np.zeros((1, 20, 60, 3), np.uint8)
    wide[:, :, 20:40] = 200  # the middle third
    assert (fit(wide, 20, 20) == 200).mean() > 0.85 and fit(wide, 20, 20)[0, 10, 4:16].min() == 200
    assert (fit(wide[:, :, 20:40], 40, 40) == 200).all()
    tall = wide.swapaxes(1, 2)
    assert (fit(tall, 20, 20) == fit(wide, 20, 20).swapaxes(1, 2)).all()
    assert fit(wide, 20, 60) is wide and fit(wide, 9, 33).shape == (1, 9, 33, 3)


@pytest.mark.parametrize("method", FILTERS)
def test_enlarging_keeps_plain_colours_and_the_mean(method: str) -> None:
    plain = np.full((1, 8, 8, 3), 77, np.uint8)
    assert (enlarge(plain, 32, 24, method=method) == 77).all()
    film = render(parse("a young girl walks in the park"), 1, 32, 32)
    assert np.abs(shrink(enlarge(film, 96, 96, method=method), 3).mean((1, 2)) - film.mean((1, 2))).max() < 1.5
    if method == "nearest":
        assert (enlarge(film, 96, 96, method=method) == film.repeat(3, 1).repeat(3, 2)).all()


def test_back_projection_loses_nothing_and_comes_nearer_to_the_truth() -> None:
    large = render(parse("a young girl walks in the park"), 2, 128, 128)
    small = shrink(large, 4)
    plain, rounds = enlarge(small, 128, 128, method="bicubic"), enlarge(small, 128, 128, method="bicubic", rounds=6)
    assert psnr(shrink(rounds, 4), small) > psnr(shrink(plain, 4), small) + 5
    assert psnr(rounds, large) > psnr(plain, large) > psnr(enlarge(small, 128, 128, method="nearest"), large)


@pytest.mark.parametrize(("call", "message"), [
    (lambda f: enlarge(f, 4, 32), "not 4 × 32"), (lambda f: enlarge(f, 32, 32, method="magic"), "'magic'"),
    (lambda f: enlarge(f, 32, 32, rounds=-1), "-1 rounds|in -1"), (lambda f: fit(f, 0, 9), "0 × 9"),
    (lambda f: fit(f, 9, 5000), "9 × 5000"), (lambda f: double_rate(f[0]), r"\(8, 8, 3\)"),
])
def test_sizes_that_cannot_be(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(np.zeros((1, 8, 8, 3), np.uint8))
