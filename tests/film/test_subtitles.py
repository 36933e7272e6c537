"""Subtitles: no word lost, lines that fit, times that follow each other, files that others read."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.film.subtitles import Cue, cues_of, read_subtitles, sentences, text_of, wrap, write_subtitles

ENGLISH = "And at home, beside the window, a cat waits for the evening."


def test_sentences_keep_their_stops() -> None:
    assert sentences("A girl walks. Does she run? No!") == ["A girl walks.", "Does she run?", "No!"]
    assert sentences("女孩在散步。她跑吗？不！") == ["女孩在散步。", "她跑吗？", "不！"]
    assert sentences("It is 3.5 m tall, e.g. here.") == ["It is 3.5 m tall, e.g. here."]
    assert sentences("  ") == []


def test_one_sentence_by_hand() -> None:
    """60 characters, 24 a line: three lines, so two pages of two, evenly long, each for its share of the time."""
    first, second = cues_of(ENGLISH, 1.0, 4.0, line=24)
    assert (first.text, second.text) == ("And at home,\nbeside the window,", "a cat waits for\nthe evening.")
    letters = len("And at home,beside the window,"), len("a cat waits forthe evening.")
    assert first.start == 1.0 and second.end == 4.0
    assert first.end == second.start == pytest.approx(1 + 3 * letters[0] / sum(letters))


def test_what_fits_one_line_stays_in_one() -> None:
    assert [cue.text for cue in cues_of("She meets a rabbit.", 0.0, 1.0, line=24)] == ["She meets a rabbit."]
    assert [cue.text for cue in cues_of("她遇见了一只鸟。", 0.0, 1.0, "zh", line=11)] == ["她遇见了一只鸟。"]


def test_chinese_breaks_between_characters_and_never_before_a_stop() -> None:
    rows = wrap("一个年轻女孩在公园里散步，小狗跑过草地。", "zh", line=6)
    assert "".join(rows) == "一个年轻女孩在公园里散步，小狗跑过草地。"
    assert all(len(row) <= 7 for row in rows) and not any(row[0] in "，。" for row in rows)


words = st.text("abcdefgh,.", min_size=1, max_size=9)


@given(st.lists(words, min_size=1, max_size=40), st.integers(10, 42))
def test_no_word_is_lost_and_every_line_fits(said: list[str], line: int) -> None:
    cues = cues_of(" ".join(said), 2.0, 5.0, line=line)
    assert " ".join(cue.text for cue in cues).split() == said
    assert all(len(row) <= line for cue in cues for row in cue.text.split("\n"))
    assert all(1 <= len(cue.text.split("\n")) <= 2 for cue in cues)
    assert cues[0].start == 2.0 and cues[-1].end == pytest.approx(5.0)
    assert all(a.end == b.start for a, b in itertools.pairwise(cues))


CUES = [Cue(0.5, 1.25, "She walks.\nOn and on."), Cue(61.0, 3662.007, "女孩在散步。")]


def test_webvtt_by_its_own_grammar() -> None:
    """The format in a few lines: header, number, times, text (W3C WebVTT)."""
    text = text_of(CUES, ".vtt")
    assert text.startswith("WEBVTT\n\n")
    times = re.findall(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) --> (\d\d):(\d\d):(\d\d)\.(\d{3})\n(.*(?:\n.+)*)", text)
    numbers = [([int(x) for x in row[:8]], row[8]) for row in times]
    assert numbers == [([0, 0, 0, 500, 0, 0, 1, 250], "She walks.\nOn and on."), ([0, 1, 1, 0, 1, 1, 2, 7], "女孩在散步。")]


@pytest.mark.parametrize("form", [".vtt", ".srt"])
def test_a_file_is_read_back(tmp_path: Path, form: str) -> None:
    path = write_subtitles(CUES, tmp_path / f"film{form}")
    assert read_subtitles(path) == CUES
    assert ("," if form == ".srt" else ".") in path.read_text(encoding="utf-8").split("-->")[1][:14]


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.vtt or \.srt"):
        text_of(CUES, ".ass")
    with pytest.raises(ValueError, match="before 'a' ends"):
        text_of([Cue(0, 2, "a"), Cue(1, 3, "b")], ".vtt")
    with pytest.raises(ValueError, match="from 2 to 1 s"):
        cues_of("a", 2, 1)
    with pytest.raises(ValueError, match="no subtitles"):
        read_subtitles(tmp_path / "none.vtt")
    (tmp_path / "bad.vtt").write_text("hello")
    with pytest.raises(ValueError, match="no subtitles"):
        read_subtitles(tmp_path / "bad.vtt")
