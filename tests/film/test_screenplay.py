"""Screenplays: what is read is what was written, and whatever is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.film import write_film
from t2v_edu.film.screenplay import Picture, ScriptError, Transition, parse, read
from t2v_edu.paths import DATA

WHOLE = """\ufeff# A small film
- language: en
- mood: sad
- fps: 8

> Nobody reads this.

## One
- caption: a young girl walks in the park
- seconds: 4
- narration: She walks,
  and walks on.

## Two
caption： a red circle moves up
seconds: 2.5 s
mood: glad
tempo: fast
picture: model shapes
background: park
transition: cross 0.5

## Three
* picture: shot One
* narration: Again.
"""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "script.md").write_text(WHOLE, encoding="utf-8")
    play = read(tmp_path / "script.md")
    assert (play.title, play.language, play.fps, play.size, play.voice) == ("A small film", "en", 8, 256, True)
    one, two, three = play.shots
    assert one.narration == "She walks, and walks on." and (one.mood, one.seconds, one.picture) == ("sad", 4, Picture("world"))
    assert (two.mood, two.tempo, two.seconds, two.caption) == ("glad", "fast", 2.5, "a red circle moves up")
    assert (two.picture, two.background, two.transition) == (Picture("model", "shapes"), "park", Transition("cross", 0.5))
    assert (three.picture, three.seconds) == (Picture("shot", "One"), None)
    assert (one.line, one.lines["narration"], three.line) == (8, 11, 23)


def test_a_narration_goes_on_over_lines_as_its_language_does() -> None:
    play = parse("# 片\n- language: zh\n## 一\n- caption: 一个女孩在公园里散步\n- narration: 女孩在公园里\n  散步。")
    assert play.shots[0].narration == "女孩在公园里散步。"


def test_facts_are_filled_in_from_the_text_and_from_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "tower.txt").write_text((DATA / "corpora" / "tower_en.txt").read_text(encoding="utf-8"), encoding="utf-8")
    text = "# T\n- facts: tower.txt\n## A\n- picture: title\n- narration: Opened in {year}, {height} tall, in {place}.\n"
    play = parse(text, tmp_path / "s.md")
    assert play.shots[0].narration == "Opened in 1889, 324 metres tall, in Paris."
    with pytest.raises(ScriptError, match=r"line 5: 'tower.txt' tells no 'architect'; it tells: thing, place"):
        parse(text.replace("{year}", "{architect}"), tmp_path / "s.md")
    with pytest.raises(ScriptError, match=r"line 4: \{year\} stands for a fact"):
        parse(text.replace("- facts: tower.txt\n", ""), tmp_path / "s.md")


def test_facts_are_told_by_the_narrator(tmp_path: Path) -> None:
    """Every number and name of what it says is the text's; what is not asked for is not said."""
    (tmp_path / "tower.txt").write_text((DATA / "corpora" / "tower_en.txt").read_text(encoding="utf-8"), encoding="utf-8")
    text = "# T\n- facts: tower.txt\n## A\n- picture: title\n- tell: height\n## B\n- picture: title\n- tell: place, country\n"
    high, where = (shot.narration for shot in parse(text, tmp_path / "s.md").shots)
    assert "324 metres" in high and not any(word in high for word in ("Tower", "Paris", "1889"))
    assert all(word in where for word in ("Eiffel Tower", "Paris", "France")) and "324" not in where
    for old, new, words in [("height", "weight", "line 5: 'tower.txt' tells no 'weight'"),
                            ("- facts: tower.txt\n", "", "line 4: the head names no facts"),
                            ("- tell: height", "- tell: height\n- narration: x", "line 5: the shot has a narration, too")]:
        with pytest.raises(ScriptError, match=words):
            parse(text.replace(old, new), tmp_path / "s.md")


SHOT = "# T\n## A\n- caption: a girl walks\n- seconds: 3\n"


@pytest.mark.parametrize("text,line,words", [
    ("", 1, "empty"),
    ("hello\n# T", 1, "before the title"),
    ("# T\n", 1, "no shot"),
    ("## A\n", 1, "begins with '# Title'"),
    (SHOT + "# B\n", 5, "out of place"),
    (SHOT + "### B\n", 5, "out of place"),
    (SHOT + "## A\n- caption: x\n", 5, "there is a shot 'A' already"),
    (SHOT + "- sconds: 3\n", 5, "unknown key 'sconds' in a shot; did you mean seconds?"),
    (SHOT + "- fps: 3\n", 5, "unknown key 'fps' in a shot"),
    ("# T\n- narration: x\n## A\n", 2, "unknown key 'narration' before the first shot"),
    (SHOT + "- seconds: 3\n", 5, "said twice; line 4"),
    (SHOT + "- narration:\n", 5, "'narration' is empty"),
    (SHOT + "she walks\n", 5, "'she walks' is no line"),
    (SHOT.replace("3", "never"), 4, "seconds 'never' is out of range"),
    (SHOT.replace("3", "nan"), 4, "seconds 'nan'"),
    (SHOT.replace("3", "0"), 4, "0.5 to 120"),
    (SHOT + "- mood: gald\n", 5, "unknown mood 'gald'; did you mean glad?"),
    (SHOT + "- place: moon\n", 5, "unknown place 'moon'"),
    (SHOT + "- picture: hologram\n", 5, "unknown picture 'hologram'; choose one of: world, model"),
    (SHOT + "- picture: shot B\n", 5, "unknown shot 'B'; it is the first one"),
    (SHOT + "## B\n- picture: shot C\n- seconds: 1\n", 6, "unknown shot 'C'; those before it are: A"),
    (SHOT + "- picture: nowhere.mp4\n", 5, "there is no file 'nowhere.mp4'"),
    (SHOT + "- background: nowhere.png\n", 5, "there is no file 'nowhere.png'"),
    (SHOT + "- background: moon\n", 5, "unknown background 'moon'"),
    (SHOT + "- transition: wipe\n", 5, "unknown transition 'wipe'"),
    (SHOT + "- transition: cross soon\n", 5, "0 to 3 seconds"),
    ("# T\n## A\n- caption: a girl walks\n", 2, "how long is the shot 'A'"),
    ("# T\n## A\n- seconds: 3\n", 2, "has no caption"),
    ("# T\n- size: 7\n" + SHOT[4:], 2, "32 to 1024"),
    ("# T\n- size: 64.5\n" + SHOT[4:], 2, "whole number"),
    ("# T\n- language: fr\n" + SHOT[4:], 2, "unknown language 'fr'"),
    ("# T\n- facts: none.txt\n" + SHOT[4:], 2, "there is no file 'none.txt'"),
    ("# T\n" + "".join(f"## {i}\n- caption: x\n- seconds: 120\n" for i in range(6)), 17, "a film 600 s at most"),
])  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(text, "script.md")
    assert str(caught.value).startswith(f"script.md, line {line}: ") and words in str(caught.value), str(caught.value)
    assert caught.value.line == line


def test_files_that_are_no_screenplay(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no screenplay"):
        read(tmp_path / "none.md")
    (tmp_path / "bad.md").write_bytes(b"# \xff")
    with pytest.raises(ValueError, match=r"not UTF-8 \(byte 2\)"):
        read(tmp_path / "bad.md")


def test_files_lie_beside_the_screenplay(tmp_path: Path) -> None:
    write_film(np.zeros((4, 32, 32, 3), np.uint8), tmp_path / "clip.mp4")
    play = parse("# T\n## A\n- picture: clip.mp4\n- seconds: 1\n", tmp_path / "s.md")
    assert play.shots[0].picture == Picture("clip", str(tmp_path / "clip.mp4"))


@given(st.text(max_size=200))
def test_whatever_stands_in_a_file_it_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except ScriptError as error:
        assert 1 <= error.line <= text.count("\n") + 1
