"""Chapter 16 · a screenplay becomes a film: plan it, say it, shoot it, cut it, mix it, write it.

All that can be wrong with a screenplay is found while planning, before a picture is made. A shot's pictures are kept in a
work folder as soon as they are done, so that a run that was killed goes on at the shot it was at.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from t2v_edu import shelf, studio
from t2v_edu.film.arrange import Film
from t2v_edu.film.movie import write_movie
from t2v_edu.film.mux import check_target, write_whole
from t2v_edu.film.screenplay import read
from t2v_edu.film.shots import LONGEST_FILM, Screenplay, ScriptError, Shot
from t2v_edu.film.sound import RATE, Sound, mix, place, silence
from t2v_edu.film.subtitles import SUFFIXES, Cue, cues_of, sentences, write_subtitles
from t2v_edu.film.titles import burn_cues, check_glyphs
from t2v_edu.film.transitions import cross_fade, fade_in, fade_out

LEAD, PAUSE, REST = 0.4, 0.3, 0.6  # seconds: before a narration, between its sentences, after it
BURNT_LINE = {"en": 24, "zh": 11}  # characters of a burnt-in line: the picture is square
READING = {"en": 15.0, "zh": 4.5}  # characters a second, where nobody speaks
PREVIEW = {"crf": 31, "bits": 40_000}  # how finely a small film is coded
FORMAT = 1  # of the work folder; raise it when `studio` draws another way
Progress = Callable[[int, int, str, str], None]


@dataclass(frozen=True)
class Line:
    """One sentence of the narration: when it begins, in seconds of the film, how long it takes, and its sound if it is spoken."""

    start: float
    seconds: float
    text: str
    sound: Sound | None = None


@dataclass(frozen=True)
class Take:
    """A shot on the time line.

    Attributes:
        first, frames: the film's frames that are the shot's own.
        tail: frames beyond them that the next shot's cross-fade needs.
        lines: what is said.
    """

    shot: Shot
    first: int
    frames: int
    tail: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Plan:
    """A film, all of it decided and nothing drawn."""

    play: Screenplay
    takes: tuple[Take, ...]

    @property
    def frames(self) -> int:
        """Frames of the film."""
        return self.takes[-1].first + self.takes[-1].frames

    @property
    def seconds(self) -> float:
        return self.frames / self.play.fps

    def cues(self, line: int | None = None) -> list[Cue]:
        """The subtitles: each sentence while it is said."""
        said = [line_ for take in self.takes for line_ in take.lines]
        return [cue for s in said for cue in cues_of(s.text, s.start, s.start + s.seconds, self.play.language, line=line)]


def make(script: str | Path, output: str | Path, *, work: str | Path | None = None, voice: bool | None = None,
         size: int | None = None, subtitles: str | Path | None = None, progress: Progress | None = None) -> Plan:
    """Make the film of a screenplay.

    Args:
        script: the screenplay; see `t2v_edu.film.screenplay`.
        output: .mp4.
        work: folder that keeps the shots; by default one beside the output, which goes when the film is there.
        voice: False leaves the narration to the subtitles; None does as the screenplay says.
        size: of the picture, instead of the screenplay's; below 192 pixels the sound is small, too: a preview.
        subtitles: write them as .vtt or .srt here, too.
        progress: called with (shots done, shots in all, name of the shot, "made" or "kept") after each.
    Raises:
        ValueError: something in the screenplay, with its line; another suffix.
        OSError: nothing can be written there.
    """
    output = Path(output)
    if output.suffix.lower() != ".mp4":
        raise ValueError(f"{str(output)!r}: a film with sound can be written as .mp4")
    check_target(output)
    if subtitles is not None and Path(subtitles).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{str(subtitles)!r}: subtitles can be written as {' or '.join(SUFFIXES)}")
    play = read(script)
    if size is not None and not 32 <= size <= 1024:
        raise ValueError(f"size {size} is out of range; choose 32 to 1024 pixels")
    planned = plan(replace(play, voice=play.voice if voice is None else voice, size=size or play.size))
    folder = Path(work) if work is not None else output.with_name(f".{output.stem}.shots")
    folder.mkdir(parents=True, exist_ok=True)
    for number, take in enumerate(planned.takes):
        state = "kept" if _kept(folder, planned, number).is_file() else "made"
        _pictures(folder, planned, number)
        if progress is not None:
            progress(number + 1, len(planned.takes), take.shot.name, state)
    shown = planned.play.subtitles
    write_movie(cut(planned, lambda number: _pictures(folder, planned, number)), soundtrack(planned), output,
                fps=planned.play.fps, title=planned.play.title, language=planned.play.language,
                **(PREVIEW if planned.play.size < 192 else {}), cues=planned.cues() if shown in ("track", "both") else ())
    if subtitles is not None:
        write_subtitles(planned.cues(), subtitles)
    if work is None:
        shutil.rmtree(folder, ignore_errors=True)
    return planned


# --- Planning ---------------------------------------------------------------------------------------------------------


def plan(play: Screenplay) -> Plan:
    """The time line of a screenplay, every shot of it checked.

    Raises:
        ScriptError: (a ValueError) what cannot be filmed, with its line.
    """
    starts, lines = [0.0], []
    for shot in play.shots:
        said = _say(play, shot, starts[-1])
        lines.append(said)
        starts.append(starts[-1] + _seconds(play, shot, said, starts[-1]))
        if starts[-1] > LONGEST_FILM:
            raise ScriptError(play.path, shot.line, f"the film lasts longer than {LONGEST_FILM:g} s here; shorten the shots")
    bounds = [round(start * play.fps) for start in starts]
    takes = []
    for k, shot in enumerate(play.shots):
        after = play.shots[k + 1].transition if k + 1 < len(play.shots) else None
        tail = round(after.seconds * play.fps) if after is not None and after.kind == "cross" else 0
        frames = bounds[k + 1] - bounds[k]
        if shot.transition.seconds * play.fps > frames:
            raise play.error(shot, "transition", f"a transition of {shot.transition.seconds:g} s does not fit a shot of "
                                                 f"{frames / play.fps:.2f} s")
        studio.check(play, shot, frames + tail)
        takes.append(Take(shot, bounds[k], frames, tail, lines[k]))
    return Plan(play, tuple(takes))


def _say(play: Screenplay, shot: Shot, start: float) -> tuple[Line, ...]:
    """The shot's narration, sentence by sentence, each where it begins."""
    said, at = [], start + LEAD
    try:
        check_glyphs(shot.narration if play.subtitles in ("burnt", "both") else "")
        for text in sentences(shot.narration):
            sound = None
            if play.voice:
                from t2v_edu.film.narration import speak

                sound = speak(text, play.language)
            seconds = len(text) / READING[play.language] if sound is None else len(sound) / RATE
            said.append(Line(at, seconds, text, sound))
            at += seconds + PAUSE
    except RuntimeError as error:
        raise play.error(shot, "narration", f"{error}; or leave the voice out: 'voice: off' before the first shot, or "
                                            "--no-voice") from error
    except ValueError as error:
        raise play.error(shot, "narration", str(error)) from error
    return tuple(said)


def _seconds(play: Screenplay, shot: Shot, said: tuple[Line, ...], start: float) -> float:
    """How long the shot lasts: as it says, or as long as its narration."""
    needed = said[-1].start + said[-1].seconds - start if said else 0.0
    if shot.seconds is None:
        return needed + REST
    if needed > shot.seconds:
        raise play.error(shot, "seconds", f"the narration takes {needed:.1f} s and the shot {shot.seconds:g} s; give it "
                                          f"{needed + REST:.1f} s, leave the seconds out, or say less")
    return shot.seconds


# --- Shooting and cutting ---------------------------------------------------------------------------------------------


def _kept(folder: Path, planned: Plan, number: int) -> Path:
    """Where a shot's pictures lie: a name that changes with all that they depend on."""
    take = planned.takes[number]
    shot = replace(take.shot, line=0, lines={}, narration="", seconds=None, mood="", tempo="")
    parts = [FORMAT, shot, take.frames + take.tail, planned.play.size, planned.play.fps]
    files = [take.shot.picture.name, take.shot.background, str(planned.play.path.parent / take.shot.grade)]
    if take.shot.picture.kind == "model":
        files += [str(file) for card in shelf.cards() for file in sorted(card.path.glob("*.safetensors"))]
    parts += [(file, os.stat(file).st_mtime_ns, os.stat(file).st_size) for file in files if file and os.path.isfile(file)]
    if take.shot.picture.kind == "shot":
        parts.append(_kept(folder, planned, _number(planned, take.shot.picture.name)).name)
    return folder / f"{number + 1:03}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.npy"


def _number(planned: Plan, name: str) -> int:
    return next(i for i, take in enumerate(planned.takes) if take.shot.name == name)


def _pictures(folder: Path, planned: Plan, number: int) -> Film:
    """The pictures of a shot: as they were kept, or made now, and kept."""
    path, take = _kept(folder, planned, number), planned.takes[number]
    wanted = (take.frames + take.tail, planned.play.size, planned.play.size, 3)
    if path.is_file():
        film: Film = np.load(path, allow_pickle=False)
        if film.shape == wanted and film.dtype == np.uint8:
            return film

    def earlier(name: str) -> Film:
        other = _number(planned, name)
        return _pictures(folder, planned, other)[: planned.takes[other].frames]

    film = studio.shoot(planned.play, take.shot, take.frames + take.tail, earlier)
    assert film.shape == wanted, (film.shape, wanted)
    buffer = io.BytesIO()
    np.save(buffer, film, allow_pickle=False)
    write_whole(buffer.getvalue(), path)
    return film


def cut(planned: Plan, pictures: Callable[[int], Film]) -> Iterator[Film]:
    """The film shot by shot, transitions and subtitles in it.

    Args:
        pictures: those of shot number i, its tail included.
    """
    fps, takes = planned.play.fps, planned.takes
    cues = planned.cues(BURNT_LINE[planned.play.language]) if planned.play.subtitles in ("burnt", "both") else []
    tail = None
    for number, take in enumerate(takes):
        film = pictures(number)
        own, how = film[: take.frames], take.shot.transition
        if tail is not None:
            own = np.concatenate([cross_fade(tail, own[: len(tail)], len(tail)), own[len(tail) :]])
        tail = film[take.frames :] if take.tail else None
        if how.kind == "fade":
            own = fade_in(own, round(how.seconds * fps / (2 if number else 1)))
        after = takes[number + 1].shot.transition if number + 1 < len(takes) else None
        if after is not None and after.kind == "fade":
            own = fade_out(own, min(len(own), round(after.seconds * fps / 2)))
        shift, end = take.first / fps, (take.first + take.frames) / fps
        here = [(max(0.0, a - shift), b - shift, text) for a, b, text in cues if a < end and b > shift]
        yield burn_cues(own, here, fps=fps) if here else own


def soundtrack(planned: Plan) -> Sound:
    """Narration over music, each mood its own piece, loud as films on the web are."""
    from t2v_edu.film.music import soundtrack as compose

    fps, seconds = planned.play.fps, planned.seconds
    lines = [line for take in planned.takes for line in take.lines]
    voice = place([(line.start, line.sound) for line in lines if line.sound is not None], seconds)
    pieces: list[tuple[str, str, int, int, int]] = []  # mood, tempo, seed, first and last frame
    for take in planned.takes:
        mood, tempo, end = take.shot.mood, take.shot.tempo, take.first + take.frames
        if pieces and pieces[-1][:2] == (mood, tempo):
            pieces[-1] = (*pieces[-1][:4], end)
        else:
            pieces.append((mood, tempo, take.shot.seed, take.first, end))
    music = place([(first / fps, compose(mood, tempo, (end - first) / fps, seed=seed))
                   for mood, tempo, seed, first, end in pieces if mood != "silent"], seconds)
    return mix(voice, music) if lines or pieces else silence(seconds)
