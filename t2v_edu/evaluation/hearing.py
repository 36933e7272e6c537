"""Chapter 15 · key and beat of recorded sound: no notes are known, only air pressure · Ellis 2007; Fujishima 1999 (chroma)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from t2v_edu.evaluation.music import CLEAR, Floats, Key, key_of, tempo_of

WINDOW = 8192  # samples: 5.9 Hz at 48 kHz, finer than a semitone from the C below middle C upwards
HOPS = 64  # spectra a second
LOW, HIGH = 120.0, 1050.0  # hertz between which notes are looked for; above are mostly overtones


class Heard(NamedTuple):
    """What was heard: the key, the beats a minute, and what they mean."""

    key: Key
    beats: float

    @property
    def mood(self) -> str:
        """"glad" or "sad"."""
        return "glad" if self.key.mode == "major" else "sad"

    @property
    def tempo(self) -> str:
        """"slow" or "fast"."""
        return "slow" if self.beats < CLEAR else "fast"


def rises(sound: NDArray[Any], rate: int = 48_000) -> tuple[Floats, Floats]:
    """Where sound begins: how much louder each frequency is than a 64th of a second before (spectral flux).

    Args:
        sound: (S,) or (S, 2).  rate: samples a second.
    Returns:
        frequencies (F,) in hertz; rises (F, N), not negative, one column for each 64th of a second.
    Raises:
        ValueError: no sound, or less than a second of it.
    """
    mono = np.asarray(sound, float)
    mono = mono.mean(1) if mono.ndim == 2 else mono
    if mono.ndim != 1 or len(mono) < rate or not np.isfinite(mono).all():
        raise ValueError(f"want at least a second of finite samples (S,) or (S, 2) at {rate} Hz, not shape {np.shape(sound)}")
    hop = rate // HOPS
    padded = np.concatenate([np.zeros(WINDOW), mono])  # so that the first note rises, too
    starts = np.arange(0, len(padded) - WINDOW + 1, hop)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts]
    loud = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)).T  # (F, N)
    frequencies: Floats = np.asarray(np.fft.rfftfreq(WINDOW, 1 / rate), np.float64)
    up: Floats = np.asarray(np.maximum(np.diff(loud, axis=1), 0.0), np.float64)
    return frequencies, up


def chroma(frequencies: Floats, energy: Floats) -> Floats:
    """Energy at frequencies (F,), added up for each of the twelve notes (12,), whatever the octave; C is the first."""
    heard = (frequencies >= LOW) & (frequencies <= HIGH)
    pitch = 69 + 12 * np.log2(frequencies[heard] / 440)
    counts: Floats = np.zeros(12)
    np.add.at(counts, np.round(pitch).astype(int) % 12, energy[heard])
    return counts


def hear(sound: NDArray[Any], rate: int = 48_000) -> Heard:
    """Key and beat of a recording.

    Raises:
        ValueError: as `rises`; silence, in which there is neither.
    """
    frequencies, up = rises(sound, rate)
    return Heard(key_of(chroma(frequencies, up.sum(1))), tempo_of(up.sum(0), 1 / HOPS))
