"""From screenplay to film: what is in the file, what a killed run keeps, and what is refused, by line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from t2v_edu import production, studio
from t2v_edu.cli import app
from t2v_edu.film import read_film, write_film
from t2v_edu.film.narration import engine
from t2v_edu.film.screenplay import ScriptError, parse, read
from t2v_edu.film.sound import RATE, loudness
from t2v_edu.film.subtitles import read_subtitles
from t2v_edu.paths import DATA

FILMS = sorted((DATA / "screenplays").glob("*_*.md"))
needs_voice = pytest.mark.skipif(engine() is None, reason="no espeak-ng on this machine (apt install espeak-ng)")

SMALL = """# Small
- size: 48
- fps: 8
- voice: off

## One
- caption: a young girl walks in the park
- seconds: 1.3
- narration: She walks.

## Two
- caption: a puppy runs on the grass
- seconds: 1.1
- transition: cross 0.5
- tempo: fast

## Three
- picture: title
- seconds: 1
- mood: sad
- transition: fade 0.5
"""


def script(folder: Path, text: str = SMALL) -> Path:
    path = folder / "script.md"
    path.write_text(text, encoding="utf-8")
    return path


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != "script.md")


# --- The file ---------------------------------------------------------------------------------------------------------


def test_the_film_is_what_the_script_says(tmp_path: Path) -> None:
    told = []
    production.make(script(tmp_path), tmp_path / "film.mp4", subtitles=tmp_path / "film.srt", progress=lambda *x: told.append(x))
    assert told == [(1, 3, "One", "made"), (2, 3, "Two", "made"), (3, 3, "Three", "made")]
    assert left(tmp_path) == ["film.mp4", "film.srt"]
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert [s.codec_context.name for s in container.streams] == ["h264", "aac"]
        assert abs(container.duration / 1e6 - 3.4) <= 1 / 8
    pictures, sound = decoded(tmp_path / "film.mp4")
    assert loudness(np.ascontiguousarray(sound.T[: round(3.4 * RATE)])) == pytest.approx(-16, abs=1)
    (cue,) = read_subtitles(tmp_path / "film.srt")
    assert cue.text == "She walks." and cue.start == pytest.approx(production.LEAD)
    assert pictures.shape == (27, 48, 48, 3)


def test_the_cut_by_hand() -> None:
    """Shots of one colour each: where one ends, the next begins, and what lies between is what the transitions say."""
    play = parse(SMALL.replace("- narration: She walks.\n", ""))
    planned = production.plan(play)
    assert [(t.first, t.frames, t.tail) for t in planned.takes] == [(0, 10, 4), (10, 9, 0), (19, 8, 0)]
    grays = [np.full((t.frames + t.tail, 8, 8, 3), 50 + 50 * k, np.uint8) for k, t in enumerate(planned.takes)]
    film = np.concatenate(list(production.cut(planned, lambda number: grays[number])))[:, 0, 0, 0]
    assert film.tolist() == [50] * 10 + [60, 70, 80, 90] + [100] * 3 + [50, 0] + [0, 75] + [150] * 6


def test_burnt_subtitles_are_there_while_they_are_said_and_only_then() -> None:
    play = parse(SMALL.replace("size: 48", "size: 128"))
    planned = production.plan(play)
    (line,) = planned.takes[0].lines
    gray = [np.full((t.frames + t.tail, 128, 128, 3), 100, np.uint8) for t in planned.takes]
    with_text = np.concatenate(list(production.cut(planned, lambda number: gray[number])))[:10]
    written = [bool((frame != 100).any()) for frame in with_text]
    assert written == [line.start <= t / 8 < line.start + line.seconds for t in range(10)] and any(written)


def test_a_mood_changes_the_music_where_the_shot_changes() -> None:
    text = SMALL.replace("- seconds: 1.3", "- seconds: 1.3\n- mood: silent").replace("narration: She walks.", "grade: warm")
    sound = production.soundtrack(production.plan(parse(text)))
    assert not sound[: round(1.2 * RATE)].any() and sound[round(1.3 * RATE) :].any()
    assert len(sound) == round(27 / 8 * RATE)


@needs_voice
def test_the_voice_is_heard_when_the_subtitle_says_so(tmp_path: Path) -> None:
    text = SMALL.replace("- voice: off", "- mood: silent\n- subtitles: both").replace("- mood: sad\n", "")
    text = text.replace("- seconds: 1.3\n", "").replace("She walks.", "She walks. 走 on.").replace("走 on", "And on")
    planned = production.make(script(tmp_path, text), tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        wave = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
        said = [(p.pts / 1000, p.duration / 1000) for p in container.demux(subtitles=0)
                if p.size > 2] if container.seek(0) is None else []
    lines = planned.takes[0].lines
    assert len(lines) == len(said) == 2
    for line, (start, length) in zip(lines, said, strict=True):
        assert start == pytest.approx(line.start, abs=0.002) and length == pytest.approx(line.seconds, abs=0.002)
        quiet, loud = (np.abs(wave[round(a * RATE) : round(b * RATE)]).max()
                       for a, b in ((start - 0.25, start - 0.04), (start, start + length)))
        assert loud > 0.1 and quiet < 0.02
    assert planned.takes[0].frames / 8 == pytest.approx(lines[1].start + lines[1].seconds + production.REST, abs=1 / 8)


@pytest.mark.parametrize("path", FILMS, ids=lambda p: p.stem)
def test_the_case_studies_can_be_filmed(path: Path) -> None:
    """Every caption read, every narration short enough, every model there."""
    assert FILMS
    planned = production.plan(read(path) if engine() else production.replace(read(path), voice=False))
    assert len(planned.takes) >= 4 and 10 <= planned.seconds <= 60 and planned.cues()


# --- Where pictures come from -----------------------------------------------------------------------------------------


def shot(text: str, folder: Path = Path("."), frames: int = 8) -> np.ndarray:
    play = parse(f"# T\n- size: 64\n- fps: 8\n## A\n- seconds: 1\n{text}", folder / "s.md")
    studio.check(play, play.shots[0], frames)
    film = studio.shoot(play, play.shots[0], frames, lambda name: pytest.fail(name))
    assert film.shape == (frames, 64, 64, 3) and film.dtype == np.uint8
    return film


def test_the_world_draws_what_its_caption_and_its_place_say() -> None:
    from t2v_edu.world.captions import parse as caption
    from t2v_edu.world.oracle import read as see

    assert see(shot("- caption: 一只小狗在公园里跑\n", frames=16)).scene == caption("一只小狗在公园里跑")
    moved = see(shot("- caption: a puppy runs on the grass\n- place: city\n", frames=16)).scene
    assert moved is not None and moved.place == "city" and moved.actors[0].kind == "puppy"


def test_a_model_draws_and_its_actor_can_be_laid_over_a_place() -> None:
    plain = shot("- caption: a large red circle moves up\n- picture: model shapes\n")
    over = shot("- caption: a large red circle moves up\n- picture: model shapes\n- background: park\n")
    empty = shot("- caption: a girl walks\n- background: park\n- place: park\n")[:, :8, :8]  # a corner where nobody is
    red = [(film[..., 0].astype(int) - film[..., 1] > 100) for film in (plain, over)]
    assert red[0].sum() > 500 and (red[0] & red[1]).sum() > 0.8 * red[0].sum()
    assert np.abs(over[:, :8, :8].astype(int) - empty).mean() < 3


def test_photos_come_nearer_and_clips_play(tmp_path: Path) -> None:
    y, x = np.mgrid[:90, :120]
    Image.fromarray(np.repeat((np.hypot(y - 44.5, x - 59.5) < 20)[..., None] * np.uint8(255), 3, -1)).save(tmp_path / "p.png")
    areas = (shot("- picture: p.png\n", tmp_path)[..., 0] > 128).sum((1, 2))
    assert areas[-1] / areas[0] == pytest.approx((1 + studio.ZOOM) ** 2, rel=0.04) and (np.diff(areas) >= 0).all()
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8), 64 * 64 * 3).reshape(16, 64, 64, 3)
    write_film(ramp, tmp_path / "c.mp4", fps=8)
    assert np.abs(shot("- picture: c.mp4\n", tmp_path).mean((1, 2, 3)) - np.arange(0, 80, 10)).max() < 3


def test_an_earlier_shot_is_shown_again(tmp_path: Path) -> None:
    text = SMALL.split("## Two")[0].replace("- narration: She walks.\n", "") + "## Two\n- picture: shot One\n- seconds: 1.2\n"
    production.make(script(tmp_path, text), tmp_path / "film.mp4", work=tmp_path / "work")
    one, two = (np.load(p) for p in sorted((tmp_path / "work").iterdir()))
    assert np.array_equal(one, two[: len(one)])


@pytest.mark.parametrize("name", ["bunny.mp4", "bikes.mp4", "cockatoo.mp4", "pancake.mkv", "newtonscradle.gif"])
def test_real_clips_as_pictures_and_as_backgrounds(clips: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(clips / name)
    plain = shot(f"- picture: {name}\n", tmp_path, 6)
    over = shot(f"- caption: a small red star moves right\n- background: {name}\n", tmp_path, 6)
    changed = np.abs(over.astype(int) - plain).max(-1) > 40
    assert 0.005 < changed.mean() < 0.25  # the star, and nothing else


def decoded(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The frames of a film, and its sound: what a viewer gets, however the processor rounded on the way."""
    with av.open(str(path)) as container:
        return read_film(path), np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)


# --- A run that was killed --------------------------------------------------------------------------------------------

KILLED = """
import os, sys
from t2v_edu import production
production.make(sys.argv[1], sys.argv[2], progress=lambda done, *rest: os._exit(9) if done == 2 else None)
"""


def test_a_killed_run_goes_on_at_the_shot_it_was_at(tmp_path: Path) -> None:
    path, film = script(tmp_path), tmp_path / "film.mp4"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(film)], check=False)
    assert done.returncode == 9 and left(tmp_path) == [".film.shots"]  # no film, not even half of one
    kept = [np.load(shot) for shot in sorted((tmp_path / ".film.shots").iterdir())]
    told = []
    production.make(path, film, progress=lambda *x: told.append(x[2:]))
    assert told == [("One", "kept"), ("Two", "kept"), ("Three", "made")] and left(tmp_path) == ["film.mp4"]
    production.make(path, tmp_path / "at_once.mp4", work=tmp_path / "work")
    made = [np.load(shot) for shot in sorted((tmp_path / "work").iterdir())]
    assert len(kept) == 2 and all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(kept, made, strict=False))
    (pictures, sound), (others, other) = decoded(film), decoded(tmp_path / "at_once.mp4")
    # A gray level more in one pixel of a hundred, and H.264 at crf 31 leaves out other things: the decoded films are 2.6 levels
    # apart, measured, where each is 4.4 from what went in and 19 from its own next frame.
    assert pictures.shape == others.shape and np.abs(pictures.astype(int) - others).mean() < 4
    # A last bit of one sample, rounded another way, moves what AAC leaves out at 40 kbit/s: by a sixth of the sound, measured.
    assert sound.shape == other.shape and (sound - other).std() < 0.4 * sound.std()


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    told: list[str] = []

    def run(text: str) -> list[str]:
        told.clear()
        production.make(script(tmp_path, text), tmp_path / "f.mp4", work=tmp_path / "w", progress=lambda *x: told.append(x[3]))
        return list(told)

    assert run(SMALL) == ["made"] * 3
    assert run(SMALL.replace("She walks.", "Off she goes.").replace("tempo: fast", "tempo: slow")) == ["kept"] * 3
    assert run(SMALL.replace("a puppy runs", "a white puppy runs")) == ["kept", "made", "kept"]
    damaged = sorted((tmp_path / "w").iterdir())[0]
    np.save(damaged, np.zeros((2, 2), np.uint8))
    run(SMALL)
    assert np.load(damaged).shape == (14, 48, 48, 3)


# --- Bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old,new,line,words", [
    ("a young girl walks", "a young gril walks", 7, "young girl"),
    ("a young girl walks", "a dragon walks", 7, "dragon"),
    ("- tempo: fast", "- place: moon", 15, "unknown place 'moon'"),
    ("- tempo: fast", "- picture: model nope", 15, "there is no model 'nope'"),
    ("- tempo: fast", "- picture: model shapes", 15, "puppy"),
    ("- tempo: fast", "- grade: sepia", 15, "unknown look 'sepia'"),
    ("- tempo: fast", "- grade: none.cube", 15, "no file 'none.cube'"),
    ("- tempo: fast", "- background: short.mp4", 15, "lasts 1 s and the shot needs 1.12 s"),
    ("- tempo: fast", "- background: bad.mp4", 15, "does not decode"),
    ("- tempo: fast", "- background: bad.png", 15, "no picture that can be read"),
    ("- tempo: fast", "- picture: short.mp4", 15, "take a longer clip"),
    ("- picture: title", "- picture: title\n- caption: 🦊", 19, "🦊"),
    ("- picture: title", "- picture: title\n- background: park", 19, "not behind a title"),
    ("She walks.", "She walks 🦊.", 9, "U+1F98A"),
    ("She walks.", "She walks on and on and on, and never stops.", 8, "the narration takes"),
    ("cross 0.5", "cross 2.5", 14, "does not fit a shot"),
])  # fmt: skip
def test_what_cannot_be_filmed_is_named_by_line_before_anything_is_made(tmp_path: Path, old: str, new: str, line: int,
                                                                        words: str) -> None:
    write_film(np.zeros((8, 32, 32, 3), np.uint8), tmp_path / "short.mp4", fps=8)
    (tmp_path / "bad.mp4").write_text("no film")
    (tmp_path / "bad.png").write_text("no picture")
    before = left(tmp_path)
    assert old in SMALL
    path = script(tmp_path, SMALL.replace(old, new))
    with pytest.raises(ScriptError) as caught:
        production.make(path, tmp_path / "film.mp4")
    assert f"line {line}: " in str(caught.value) and words in str(caught.value), str(caught.value)
    assert left(tmp_path) == before


def test_a_machine_that_cannot_speak_says_what_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ScriptError, match=r"line 8: .*espeak-ng.*--no-voice"):
        production.make(script(tmp_path, SMALL.replace("- voice: off\n", "")), tmp_path / "film.mp4")


def test_the_command(tmp_path: Path) -> None:
    def run(*arguments: object) -> object:
        return CliRunner().invoke(app, ["film", *map(str, arguments)], env={"COLUMNS": "200"})

    path = script(tmp_path)
    done = run(path, "-o", tmp_path / "film.mp4", "--subtitles", tmp_path / "film.vtt")
    assert done.exit_code == 0, done.output
    assert "'Small', 3 shots, 3.38 s" in done.stdout and "shot 2 of 3: Two (made)" in done.stderr
    assert left(tmp_path) == ["film.mp4", "film.vtt"]
    for arguments, words in [
        ((path, "-o", tmp_path / "film.gif"), ".mp4"), ((path, "-o", tmp_path / "no" / "film.mp4"), "mkdir -p"),
        ((tmp_path / "none.md", "-o", tmp_path / "b.mp4"), "there is no screenplay"),
        ((path, "-o", tmp_path / "b.mp4", "--size", 4000), "32 to 1024"),
        ((path, "-o", tmp_path / "b.mp4", "--subtitles", tmp_path / "b.txt"), ".vtt or .srt"),
    ]:
        refused = run(*arguments)
        assert refused.exit_code == 2 and words in " ".join(refused.stderr.replace("│", " ").split()), refused.stderr
    assert left(tmp_path) == ["film.mp4", "film.vtt"]
    assert "Examples" in run("--help").stdout
