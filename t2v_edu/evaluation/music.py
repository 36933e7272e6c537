"""Chapter 15 · what music says about itself: its key by Krumhansl and Schmuckler, its beat by autocorrelation.

The profiles say how well listeners found each of the twelve notes to fit a key (Krumhansl & Kessler 1982); that a piece's notes,
counted, should resemble its key's profile is the algorithm of Krumhansl and Schmuckler (Krumhansl 1990, chapter 4). No learned
network. Nothing here knows how the music was made.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
PROFILES: dict[str, Floats] = {  # of C; the first of the twelve is the tonic
    "major": np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]),
    "minor": np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17]),
}
SLOWEST, FASTEST, USUAL, SPREAD = 40.0, 240.0, 100.0, 0.9  # beats a minute; the spread in octaves
CLEAR = 100.0  # beats a minute that part slow from fast


class Key(NamedTuple):
    """A key: its tonic 0 to 11 (C is 0), "major" or "minor", and how well it fits, a correlation."""

    tonic: int
    mode: str
    fit: float

    def __str__(self) -> str:
        return f"{NAMES[self.tonic]} {self.mode}"


def pitch_classes(roll: NDArray[Any], lowest: int = 48) -> Floats:
    """How often each of the twelve notes is played, whatever its octave.

    Args:
        roll: (P, T), not negative: where notes begin.  lowest: MIDI number of row 0.
    Returns:
        (12,), number 0 is C.
    Raises:
        ValueError: another rank, or a negative entry.
    """
    _check_roll(roll)
    counts: Floats = np.zeros(12)
    np.add.at(counts, (lowest + np.arange(len(roll))) % 12, roll.sum(1))
    return counts


def key_fits(counts: Floats) -> Floats:
    """Correlation of twelve counts with each key's profile: (2, 12), major and minor, by tonic.

    Raises:
        ValueError: not twelve finite numbers, or all alike: then no key fits better than another.
    """
    counts = np.asarray(counts, float)
    if counts.shape != (12,) or not np.isfinite(counts).all():
        raise ValueError(f"a key is read from twelve finite numbers, not from shape {counts.shape}")
    if np.ptp(counts) == 0:
        raise ValueError("all twelve notes are played equally often, or none at all: there is no key to read")
    keys = np.stack([np.roll(profile, tonic) for profile in PROFILES.values() for tonic in range(12)])  # (24, 12)
    fits: Floats = np.corrcoef(np.vstack([counts, keys]))[0, 1:].reshape(2, 12)
    return fits


def key_of(counts: Floats) -> Key:
    """The key whose profile the counts resemble most.

    Raises:
        ValueError: as `key_fits`.
    """
    fits = key_fits(counts)
    mode, tonic = np.unravel_index(int(fits.argmax()), fits.shape)
    return Key(int(tonic), tuple(PROFILES)[int(mode)], float(fits[mode, tonic]))


def autocorrelation(onsets: Floats) -> Floats:
    """R(l) = Σ_t s(t)·s(t + l) / Σ_t s(t)², s being the onsets less their mean; (T,), R(0) is 1.

    Raises:
        ValueError: not one row of at least two finite numbers, or all alike: then nothing ever begins.
    """
    s = np.asarray(onsets, float)
    if s.ndim != 1 or len(s) < 2 or not np.isfinite(s).all():
        raise ValueError(f"a beat is read from one row of finite numbers, not from shape {s.shape}")
    if np.ptp(s) == 0:
        raise ValueError("nothing begins in this music, or it begins all the time: there is no beat to read")
    s = s - s.mean()
    products = np.correlate(s, s, "full")[len(s) - 1 :]
    r: Floats = products / products[0]
    return r


def tempo_curve(onsets: Floats, step: float) -> tuple[Floats, Floats]:
    """Beats a minute that could be, and how likely each is: autocorrelation, weighed by a bell over octaves around 100.

    A rhythm that repeats every beat repeats every two beats as well; the bell is what people do about it: they tap at about
    two beats a second rather than at one or four.

    Args:
        onsets: (T,), how much begins at each step.  step: seconds of one.
    Returns:
        (L,) beats a minute, falling from at most 240 to at least 40; (L,) scores.
    Raises:
        ValueError: as `autocorrelation`; a step that is not positive; a piece too short for any of them.
    Source: Ellis 2007, section 3.
    """
    if not step > 0:
        raise ValueError(f"a step of {step} seconds: give more than 0")
    r = autocorrelation(onsets)
    lags = np.arange(max(1, int(np.ceil(60 / FASTEST / step - 1e-9))), min(len(r) - 1, int(60 / SLOWEST / step + 1e-9)) + 1)
    if not len(lags):
        raise ValueError(f"{len(r)} steps of {step} s hold no two beats; give at least {60 / FASTEST:.2f} seconds of music")
    tempi = 60 / (lags * step)
    bell = np.exp(-0.5 * (np.log2(tempi / USUAL) / SPREAD) ** 2)
    return tempi, r[lags] * bell


def tempo_of(onsets: Floats, step: float) -> float:
    """Beats a minute that are likeliest. Raises: ValueError as `tempo_curve`."""
    tempi, scores = tempo_curve(onsets, step)
    return float(tempi[int(scores.argmax())])


def read_mood(roll: NDArray[Any], lowest: int = 48) -> str:
    """"glad" where the key is major, "sad" where it is minor. Raises: ValueError where there is no key."""
    return "glad" if key_of(pitch_classes(roll, lowest)).mode == "major" else "sad"


def read_tempo(roll: NDArray[Any], step: float = 0.125) -> str:
    """"slow" below 100 beats a minute, else "fast". Raises: ValueError where there is no beat."""
    _check_roll(roll)
    return "slow" if tempo_of(roll.sum(0).astype(float), step) < CLEAR else "fast"


def nearest(rolls: NDArray[Any], others: NDArray[Any]) -> Floats:
    """How many pins each of the rolls (N, P, T) differs in from the one among the others (M, P, T) that is most like it: (N,).

    0 is a copy. What a generator makes should lie as far from what it was trained on as new music of the same kind does.

    Raises:
        ValueError: no rolls, or of different sizes.
    """
    if not len(rolls) or not len(others) or rolls.shape[1:] != others.shape[1:]:
        raise ValueError(f"want rolls of one size, at least one of each, not {rolls.shape} and {others.shape}")
    a, b = (np.asarray(r, float).reshape(len(r), -1) for r in (rolls, others))
    distances: Floats = (a.sum(1)[:, None] + b.sum(1) - 2 * a @ b.T).min(1)  # |a − b| summed, for zeros and ones
    return distances


def variety(rolls: NDArray[Any]) -> float:
    """How many pins two of the rolls (N, P, T) differ in, on average over all pairs; 0 where all are one.

    Raises:
        ValueError: fewer than two.
    """
    if len(rolls) < 2:
        raise ValueError(f"variety takes at least two rolls, not {len(rolls)}")
    ones = np.asarray(rolls, float).reshape(len(rolls), -1)
    pairs = (2 * ones.sum(1)[:, None] - 2 * ones @ ones.T).sum()  # Σ |a − b| over ordered pairs
    return float(pairs / (len(rolls) * (len(rolls) - 1)))


def _check_roll(roll: NDArray[Any]) -> None:
    if roll.ndim != 2 or 0 in roll.shape or float(roll.min()) < 0:
        raise ValueError(f"a roll is pitch × time (P, T) without negative entries, not {roll.dtype} of shape {roll.shape}")
