"""Chapter 15 · music for a film: phrases put together, transposed, played, and written as MIDI."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from t2v_edu.evaluation.music import key_fits, pitch_classes, read_tempo
from t2v_edu.film.mux import write_whole
from t2v_edu.film.synth import RATE, Note, Sound, check_seconds, fade_out, play
from t2v_edu.film.tunes import BEAT, LOWEST, STEP, Roll, check_mood
from t2v_edu.models.music_gan import MOODS, STEPS, MusicGAN

__all__ = ["RATE", "midi_bytes", "notes_of", "phrases", "read_midi", "soundtrack", "write_midi"]

FORM = "AABA"  # four phrases: a tune, again, something else, the tune
TRIES = 8  # phrases of which one is taken
HELD = 1.0  # seconds, at most
FADE = 2.0  # seconds at the end
_TICKS = 480  # of a MIDI file, a beat


def soundtrack(mood: str, tempo: str, seconds: float, *, seed: int = 0) -> Sound:
    """Music of a mood and a tempo, as long as it has to be, that fades out at its end.

    Args:
        mood: "glad" (major) or "sad" (minor).  tempo: "slow" or "fast".
        seconds: more than 0, at most 3600.
        seed: another one is another piece in another key.
    Returns:
        (S, 2) float32 in [-1, 1], S = round(48 000 · seconds).
    Raises:
        ValueError: a mood or tempo that no music was made for, a length out of range.
    """
    check_mood(mood, tempo)
    check_seconds(seconds)
    shift = int(np.random.default_rng(seed).integers(-5, 7))
    rolls = phrases(mood, tempo, math.ceil(seconds / (STEPS * STEP)), seed=seed)
    sound = play(notes_of(np.concatenate(rolls, 1), lowest=LOWEST + shift), seconds)
    return fade_out(sound, min(FADE, seconds / 3))


def phrases(mood: str, tempo: str, count: int, *, seed: int = 0) -> list[Roll]:
    """So many phrases of six seconds by the shipped GAN, in the order A A B A, and so on with new ones.

    Of several phrases the one is taken whose mood reads most clearly: a film cannot do with the one in forty that reads wrong.

    Raises:
        ValueError: another mood or tempo, fewer than one phrase.
    """
    check_mood(mood, tempo)
    if count < 1:
        raise ValueError(f"{count} phrases: ask for at least one")
    draw = torch.Generator().manual_seed(seed)
    rounds = math.ceil(count / len(FORM))
    made = [{letter: _theme(mood, tempo, draw) for letter in sorted(set(FORM))} for _ in range(rounds)]
    return [made[i // len(FORM)][FORM[i % len(FORM)]] for i in range(count)]


def _theme(mood: str, tempo: str, draw: torch.Generator) -> Roll:
    rolls: list[Roll] = list(_composer().generate([mood] * TRIES, [tempo] * TRIES, draw))
    fits = [roll for roll in rolls if roll.any() and read_tempo(roll) == tempo] or rolls
    return max(fits, key=lambda roll: _clearness(roll, mood))


def _clearness(roll: Roll, mood: str) -> float:
    """How much better the mood's key on C fits than the best key of the other mood."""
    fits = key_fits(pitch_classes(roll)) if roll.any() else np.zeros((2, 12))
    own = MOODS.index(mood)
    return float(fits[own, 0] - fits[1 - own].max())


@cache
def _composer() -> MusicGAN:
    return MusicGAN.from_pretrained()


def notes_of(roll: NDArray[np.uint8], *, lowest: int = LOWEST, step: float = STEP) -> list[Note]:
    """The notes of a roll (P, T), in the order in which they begin; each is held until its string is plucked again, or a second.

    Raises:
        ValueError: no roll of zeros and ones.
    """
    if roll.ndim != 2 or not np.isin(roll, (0, 1)).all():
        raise ValueError(f"a roll is pitch × time (P, T) of zeros and ones, not {roll.dtype} of shape {roll.shape}")
    notes = []
    for t, row in np.argwhere(roll.T):
        again = np.flatnonzero(roll[row, t + 1 :])
        length = min(HELD, (again[0] + 1) * step) if len(again) else HELD
        notes.append(Note(t * step, float(length), lowest + int(row), 0.8 if row < 12 else 0.7))
    return notes


def midi_bytes(notes: Sequence[Note], beats_a_minute: float = 120.0) -> bytes:
    """A standard MIDI file of one track: whoever opens it sees bars, and hears the instruments that they have.

    Raises:
        ValueError: no notes, a pitch that MIDI has not, or a tempo that it cannot write.
    """
    import mido  # type: ignore[import-untyped]

    if not notes:
        raise ValueError("a MIDI file needs at least one note")
    if not 4 <= beats_a_minute <= 1000:
        raise ValueError(f"{beats_a_minute} beats a minute: give 4 to 1000")
    for note in notes:
        if not 0 <= note.pitch <= 127:
            raise ValueError(f"MIDI has the pitches 0 to 127, not {note.pitch}")
    ticks_a_second = _TICKS * beats_a_minute / 60
    events = []
    for note in notes:
        events.append((round(note.start * ticks_a_second), 1, note.pitch, round(1 + 126 * note.loudness)))
        events.append((round((note.start + note.length) * ticks_a_second), 0, note.pitch, 0))
    file = mido.MidiFile(type=0, ticks_per_beat=_TICKS)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(beats_a_minute)))
    now = 0
    for at, on, pitch, loud in sorted(events):  # at the same moment the fingers come off before others go down
        track.append(mido.Message("note_on" if on else "note_off", note=pitch, velocity=loud, time=at - now))
        now = at
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def write_midi(notes: Sequence[Note], path: str | os.PathLike[str], beats_a_minute: float = 120.0) -> Path:
    """Write `midi_bytes` as a file, whole or not at all.

    Raises:
        ValueError: a name that does not end in .mid, or as `midi_bytes`.
        OSError: it cannot be written there; the message says why.
    """
    target = Path(path)
    if target.suffix.lower() not in (".mid", ".midi"):
        raise ValueError(f"{str(target)!r}: a MIDI file ends in .mid")
    write_whole(midi_bytes(notes, beats_a_minute), target)
    return target


def read_midi(path: str | os.PathLike[str]) -> list[Note]:
    """The notes of a MIDI file, in seconds, in the order in which they begin.

    Raises:
        ValueError: the file is no MIDI file.
    """
    import mido

    try:
        messages = list(mido.MidiFile(os.fspath(path)))
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{os.fspath(path)!r} is no MIDI file that can be read: {error}") from error
    now = 0.0
    down: dict[int, tuple[float, int]] = {}
    notes = []
    for message in messages:
        now += message.time
        if message.type == "note_on" and message.velocity:
            down[message.note] = now, message.velocity
        elif message.type in ("note_on", "note_off") and message.note in down:
            start, velocity = down.pop(message.note)
            notes.append(Note(start, now - start, message.note, (velocity - 1) / 126))
    return sorted(notes)


def beats_a_minute(tempo: str) -> float:
    """80 or 120."""
    return 60 / (BEAT[tempo] * STEP)
