"""Titles and subtitles: what stands where, lines that break as they should, and glyphs that are named when they are missing."""

import numpy as np
import pytest
from PIL import ImageFont

from t2v_edu.figures import FONT
from t2v_edu.film.titles import burn, burn_cues, check_glyphs, title_card, wrap


def black(frames: int = 3, height: int = 128, width: int = 160) -> np.ndarray:
    return np.zeros((frames, height, width, 3), np.uint8)


@pytest.mark.parametrize(("text", "named"), [("a fox 🦊 runs", r"'🦊' \(U\+1F98A\)"), ("مرحبا", "U\\+0645"),
                                             ("tab\there", r"U\+0009"), ("ต้น", r"U\+0E15")])
def test_a_missing_glyph_is_named(text: str, named: str) -> None:
    for call in (check_glyphs, title_card, lambda t: burn(black(), t)):
        with pytest.raises(ValueError, match=named):
            call(text)


def test_what_the_course_writes_can_be_written() -> None:
    check_glyphs("一个年轻女孩在公园里散步。“埃菲尔铁塔”高324米！ A young girl – café, Gustave Eiffel · λ → 10 €\nnext line")
    check_glyphs("cafe\u0301")  # as a Mac stores it: e and an accent, put together first


def test_words_break_at_spaces_and_no_line_is_too_wide() -> None:
    font = ImageFont.truetype(str(FONT), 16, layout_engine=ImageFont.Layout.BASIC)
    text = "The Eiffel Tower stands in Paris, and it is 324 metres high."
    lines = wrap(text, 16, 150)
    assert " ".join(lines) == text and len(lines) > 1
    assert all(font.getlength(line) <= 150 for line in lines)
    first_of_next = lines[1].split()[0]
    assert font.getlength(f"{lines[0]} {first_of_next}") > 150  # no line ends before it must


def test_chinese_breaks_between_any_two_characters_but_not_before_a_comma() -> None:
    assert wrap("一个年轻女孩在公园里散步", 20, 100) == ["一个年轻女", "孩在公园里", "散步"]
    assert wrap("她在公园里，慢慢走。", 20, 100) == ["她在公园", "里，慢慢", "走。"]  # 里 and its comma go down together
    assert wrap("他说：《红楼梦》好", 20, 80) == ["他说：", "《红楼", "梦》好"]
    assert wrap("高324米", 20, 60) == ["高324", "米"]  # a number stays whole


def test_a_line_begun_by_hand_and_narrow_quotes_in_english() -> None:
    assert wrap("one\ntwo", 12, 100) == ["one", "two"]
    assert wrap("“it’s”", 12, 100) == ['"it\'s"'] and wrap("“好”", 12, 100) == ["“好”"]


def test_a_word_wider_than_the_picture() -> None:
    with pytest.raises(ValueError, match="'Donaudampfschifffahrt' at 20 pixels is wider than the 50"):
        wrap("Donaudampfschifffahrt", 20, 50)


def test_a_card_holds_its_text_in_the_middle() -> None:
    card = title_card("Eiffel", height=100, width=200, frames=5)
    assert card.shape == (5, 100, 200, 3) and (card == card[:1]).all()
    dark = np.argwhere(card[0].mean(-1) < 128)
    assert np.abs(dark.mean(0) - [50, 100]).max() < 6 and len(dark) > 60
    with_subtitle = title_card("Eiffel", "1889", height=100, width=200, frames=1)
    rows = np.flatnonzero((with_subtitle[0].mean(-1) < 128).any(1))
    assert rows.min() < 50 < rows.max() and (np.diff(rows) > 3).sum() == 1  # two lines of letters, apart


def test_a_card_in_other_colours() -> None:
    card = title_card("铁塔", ink=(255, 255, 255), paper=(0, 0, 80), frames=1)
    assert (card[0, 0, 0] == [0, 0, 80]).all() and card[..., 0].max() == 255


@pytest.mark.parametrize(("arguments", "message"), [
    ({"title": "  "}, "empty"), ({"title": "x", "height": 8}, "8 × 256"), ({"title": "x", "frames": 0}, "and 0"),
    ({"title": "word " * 200, "height": 64, "width": 64}, r"\(1000 characters\) does not fit")])
def test_cards_that_cannot_be(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        title_card(**arguments)


@pytest.mark.parametrize("text", ["She walks slowly in the morning.", "她在早晨慢慢地走。"])
def test_a_subtitle_lies_low_is_light_with_a_dark_rim_and_touches_nothing_else(text: str) -> None:
    grey = np.full((2, 256, 320, 3), 128, np.uint8)
    burnt = burn(grey, text)
    touched = np.argwhere((burnt != grey).any((0, 3)))
    (top, left), (bottom, right) = touched.min(0), touched.max(0)
    assert 180 < top < bottom < 256 and abs((left + right) / 2 - 160) < 8
    assert (burnt == 255).any() and (burnt == 0).any() and (burnt[0] == burnt[1]).all()
    assert (grey == 128).all()  # the film that was given is left alone


def test_an_empty_subtitle_changes_nothing() -> None:
    assert burn(black(), " ") is not None and (burn(black(), " ") == 0).all()


def test_long_text_gets_smaller_letters_and_then_is_refused() -> None:
    def height_of_letters(text: str) -> int:
        rows = np.flatnonzero(burn(black(1, 256, 256), text)[0].max((1, 2)) > 128)
        return int(np.argmax(np.diff(rows, append=999) > 1)) + 1  # of the first line

    assert height_of_letters("dash " * 20) < height_of_letters("dash " * 4) == height_of_letters("dash")
    with pytest.raises(ValueError, match=r"\(1000 characters\) does not fit 230 × 128 pixels in letters of at least 8"):
        burn(black(1, 256, 256), "dash " * 200)


def test_cues_show_in_the_frames_that_begin_within_them() -> None:
    """At 4 frames a second frames begin at 0, 0.25, 0.5 …: a cue from 0.3 to 1.0 s covers frames 2 and 3."""
    shown = burn_cues(black(8), [(0.3, 1.0, "one"), (1.0, 1.25, "two")], fps=4).max((1, 2, 3)) > 0
    assert shown.tolist() == [False, False, True, True, True, False, False, False]
    late = burn_cues(black(2), [(9.0, 10.0, "after the end")], fps=4)
    assert (late == 0).all()
    with pytest.raises(ValueError, match="'x' runs from 2 to 1 s"):
        burn_cues(black(2), [(2, 1, "x")], fps=4)
