"""Cuts and fades, against cases worked by hand."""

import numpy as np
import pytest

from t2v_edu.film.transitions import cross_fade, cut, edit, fade_in, fade_out, starts


def shot(value: int, frames: int, side: int = 4) -> np.ndarray:
    return np.full((frames, side, side, 3), value, np.uint8)


def values(film: np.ndarray) -> list[int]:
    assert film.dtype == np.uint8 and (film == film[:, :1, :1, :1]).all()
    return film[:, 0, 0, 0].tolist()


def test_a_cut_shows_one_after_the_other() -> None:
    assert values(cut(shot(1, 2), shot(2, 1), shot(3, 2))) == [1, 1, 2, 3, 3]


def test_a_cross_fade_by_hand() -> None:
    """Three mixed frames from 0 to 200: shares ¼, ½, ¾."""
    assert values(cross_fade(shot(0, 4), shot(200, 5), 3)) == [0, 50, 100, 150, 200, 200]
    assert values(cross_fade(shot(0, 2), shot(200, 2), 0)) == [0, 0, 200, 200]
    moving = np.stack([shot(v, 1)[0] for v in (0, 40, 80, 120)])
    assert values(cross_fade(moving, shot(0, 2), 2)) == [0, 40, 53, 40]  # 80·⅔, 120·⅓: what moves goes on moving


def test_fades_by_hand() -> None:
    assert values(fade_in(shot(200, 6), 4)) == [0, 50, 100, 150, 200, 200]
    assert values(fade_out(shot(200, 6), 4)) == [200, 200, 150, 100, 50, 0]
    assert fade_in(shot(0, 2), 2, color=(100, 0, 50))[:, 0, 0].tolist() == [[100, 0, 50], [50, 0, 25]]
    assert values(fade_in(shot(9, 3), 0)) == [9, 9, 9]
    film = shot(200, 3)
    fade_out(film, 3)
    assert (film == 200).all()


def test_an_edit_begins_each_shot_where_it_says() -> None:
    lengths, gaps = [6, 5, 7], [2, 0]
    begins = starts(lengths, gaps)
    assert begins == [0, 4, 9, 16]
    film = edit([shot(10 * k, n) for k, n in enumerate(lengths, 1)], gaps)
    assert len(film) == begins[-1] and values(film) == [10, 10, 10, 10, 13, 17, 20, 20, 20, *[30] * 7]
    assert len(edit([shot(1, 4)])) == 4 and starts([4]) == [0, 4]
    assert starts([4, 4], 1) == [0, 3, 7]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: cut(), "at least one shot"),
    (lambda: cut(shot(1, 2), shot(1, 2, 6)), r"\(4, 4\), \(6, 6\)"),
    (lambda: cross_fade(shot(1, 2), shot(1, 9), 3), "3 frames does not fit shots of 2 and 9"),
    (lambda: cross_fade(shot(1, 2), shot(1, 9), -1), "-1"),
    (lambda: fade_in(shot(1, 2), 3), "3 frames does not fit a film of 2"),
    (lambda: edit([shot(1, 4)] * 3, [1]), "3 shots have 2 gaps, and 1"),
    (lambda: edit([shot(1, 4)] * 3, 3), "shot 2 has 4 frames, and the cross-fades around it take 6"),
    (lambda: edit([shot(1, 4).astype(float)]), "float64"),
])
def test_what_cannot_be_cut(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
