"""Chapter 15 · notes to sound: plucked strings as sums of decaying sines, stereo, in NumPy · Risset & Mathews 1969."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]  # (S, 2) in [-1, 1]: left and right

RATE = 48_000  # samples a second
HARMONICS = 6
RING = 1.6  # seconds until a string is silent
_ATTACK = 0.004  # seconds in which a pluck reaches its height; any less and it clicks
_ECHOES = ((0.031, 0.22, 0.10), (0.067, 0.08, 0.18), (0.113, 0.10, 0.06))  # seconds later, how loud on the left and on the right


class Note(NamedTuple):
    """One note: when it begins and how long it is held, in seconds; its pitch as a MIDI number; its loudness, 0 to 1."""

    start: float
    length: float
    pitch: int
    loudness: float = 0.7


def frequency(pitch: float) -> float:
    """Hertz of a MIDI number in equal temperament: f = 440·2^((p − 69) / 12)."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


@cache
def pluck(pitch: int) -> Sound:
    """One string, plucked: x(t) = Σ_k (1/k)·e^(−(1.5 + 1.2·k)·t)·sin(2π·k·f·t), k from 1 to 6, mono (S,), largest value 1.

    Higher harmonics fade sooner, as on a real string; those above half the sampling rate are left out, for they would come back
    as other tones.
    """
    t = np.arange(int(RING * RATE)) / RATE
    f = frequency(pitch)
    x = sum(np.exp(-(1.5 + 1.2 * k) * t) * np.sin(2 * np.pi * k * f * t) / k for k in range(1, HARMONICS + 1) if k * f < RATE / 2)
    x = x * np.minimum(1.0, t / _ATTACK) * np.clip((RING - t) / 0.2, 0.0, 1.0)  # up in no time, down to nothing at the end
    sound: Sound = (x / np.abs(x).max()).astype(np.float32)
    sound.flags.writeable = False  # shared by all who pluck it
    return sound


def pan(pitch: int) -> tuple[float, float]:
    """How loud a pitch is on the left and on the right: low strings left, high ones right, left² + right² = 1."""
    angle = np.pi / 4 + np.pi / 6 * np.clip((pitch - 66) / 18, -1, 1)
    return float(np.cos(angle)), float(np.sin(angle))


def play(notes: Iterable[Note], seconds: float) -> Sound:
    """Notes as stereo sound, with a little of a room around them.

    Args:
        notes: what begins after the end is not heard.
        seconds: length; what still rings then is cut off.
    Returns:
        (S, 2) float32, S = round(seconds · RATE), largest value 0.9 (or 0, where there is no note).
    Raises:
        ValueError: no length, or more than an hour.
    """
    check_seconds(seconds)
    count = round(seconds * RATE)
    dry = np.zeros((count, 2), np.float32)
    for note in notes:
        at = round(note.start * RATE)
        if not 0 <= at < count:
            continue
        tone = note.loudness * pluck(note.pitch)[: count - at]
        held = round(note.length * RATE)
        if held < len(tone):  # the finger comes off the string: silent within 50 ms
            tone = tone * np.clip(1 - (np.arange(len(tone)) - held) / (0.05 * RATE), 0, 1)
        dry[at : at + len(tone)] += tone[:, None] * np.array(pan(note.pitch), np.float32)
    wet = dry.copy()
    for later, left, right in _ECHOES:
        gap = min(count, round(later * RATE))
        wet[gap:] += dry[: count - gap] * np.array([left, right], np.float32)
    peak = float(np.abs(wet).max(initial=0.0))
    sound: Sound = (wet * (0.9 / peak if peak else 1.0)).astype(np.float32)
    return sound


def check_seconds(seconds: float) -> None:
    """Refuse a length that no sound has.

    Raises:
        ValueError: not a number above 0 and at most 3600.
    """
    if not 0 < seconds <= 3600:
        raise ValueError(f"{seconds} seconds: give more than 0 and at most 3600")


def fade_out(sound: Sound, seconds: float) -> Sound:
    """The sound with its last seconds fading to nothing, on half a cosine."""
    count = min(len(sound), round(seconds * RATE))
    faded: Sound = sound.copy()
    if count:
        faded[-count:] *= (0.5 + 0.5 * np.cos(np.pi * np.arange(1, count + 1) / count)).astype(np.float32)[:, None]
    return faded
