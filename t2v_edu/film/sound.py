"""Chapter 16 · the sound of a film: a voice over music that steps aside for it, as loud as films on the web are · ITU-R BS.1770.

Sound is float32 (S, 2), 48,000 samples a second, in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

RATE = 48_000  # samples a second
TARGET = -16.0  # LUFS: what the web plays films at
CEILING = -1.5  # dB below full scale; an encoder adds a little
BLOCK = RATE // 1000  # samples: gains are worked out once a millisecond
Sound = NDArray[np.float32]


def check_sound(sound: Sound) -> None:
    """Refuse what is no sound.

    Raises:
        ValueError: not float32, not (S, 2), or a sample that is no number.
    """
    if not isinstance(sound, np.ndarray) or sound.dtype != np.float32 or sound.ndim != 2 or sound.shape[1] != 2:
        got = f"{sound.dtype} {sound.shape}" if isinstance(sound, np.ndarray) else type(sound).__name__
        raise ValueError(f"sound is float32 (S, 2) at {RATE} samples a second, not {got}")
    if not np.isfinite(sound).all():
        raise ValueError("the sound has samples that are no numbers")


def gain(decibels: float) -> float:
    """The factor of so many decibels: 10^(dB / 20)."""
    return float(10 ** (decibels / 20))


def silence(seconds: float) -> Sound:
    """Nothing, for so long."""
    return np.zeros((round(seconds * RATE), 2), np.float32)


def place(parts: Iterable[tuple[float, Sound]], seconds: float) -> Sound:
    """Sounds on a time line: each (start in seconds, sound) added where it belongs, what reaches beyond the end cut off."""
    line = silence(seconds)
    for start, sound in parts:
        check_sound(sound)
        at = round(start * RATE)
        if at < 0:
            raise ValueError(f"a sound begins at 0 s or later, not at {start:g} s")
        room = line[at : at + len(sound)]
        room += sound[: len(room)]
    return line


def loudness(sound: Sound) -> float:
    """How loud a sound is, in LUFS: -inf for silence.

    Source: ITU-R BS.1770-4, by pyloudnorm. Sounds shorter than its blocks of 0.4 s are measured with silence behind them.
    """
    import pyloudnorm

    check_sound(sound)
    shortest = round(0.4 * RATE) + 1
    padded = np.pad(sound, ((0, max(0, shortest - len(sound))), (0, 0)))
    if not np.abs(padded).max() > 0:
        return -math.inf
    with np.errstate(divide="ignore"):
        return float(pyloudnorm.Meter(RATE).integrated_loudness(padded.astype(np.float64)))


def duck(music: Sound, voice: Sound, *, depth: float = 12.0, attack: float = 0.15, release: float = 0.5) -> Sound:
    """Music that steps aside while somebody speaks: softer by `depth` decibels, beginning `attack` seconds before the voice
    does, and back `release` seconds after it.

    gain(t) = 10^(−depth · e(t) / 20), where e is 1 in speech, 0 away from it, and goes over in straight lines.

    Args:
        music, voice: (S, 2) each, of one length.
    """
    if music.shape != voice.shape:
        raise ValueError(f"music and voice have one length, not {music.shape} and {voice.shape}; sound.place brings them there")
    level = _blocks(np.abs(voice).max(1))
    speaks = np.flatnonzero(level > max(1e-4, 0.02 * float(level.max(initial=0))))
    if not len(speaks):
        return music
    t = np.arange(len(level))
    after = speaks[np.clip(np.searchsorted(speaks, t, "right") - 1, 0, None)]  # the last speech so far
    before = speaks[np.clip(np.searchsorted(speaks, t), None, len(speaks) - 1)]  # the next
    e = np.maximum(_slope(t - after, release), _slope(before - t, attack))
    return np.asarray(music * _spread(gain(1.0) ** (-depth * e), len(music))[:, None], np.float32)


def _slope(blocks: NDArray[np.int64], seconds: float) -> NDArray[np.float64]:
    """1 at no distance, falling to 0 at so many seconds; 0 on the wrong side."""
    away = blocks * BLOCK / RATE
    return np.where(away < 0, 0.0, np.clip(1 - away / max(seconds, 1e-9), 0, 1))


def mix(voice: Sound, music: Sound, *, below: float = 6.0, depth: float = 10.0) -> Sound:
    """A voice over music: the music `below` decibels softer than the voice, and ducked by `depth` more under it.

    Args:
        voice, music: (S, 2), of one length; either may be silent.
    Returns:
        (S, 2), loud as `TARGET`.
    """
    loud, back = loudness(voice), loudness(music)
    if math.isfinite(loud) and math.isfinite(back):
        music = duck(np.asarray(music * gain(loud - below - back), np.float32), voice, depth=depth)
    return normalise(np.asarray(voice + music, np.float32))


def normalise(sound: Sound, target: float = TARGET, ceiling: float = CEILING) -> Sound:
    """The sound at a loudness in LUFS, no sample above the ceiling (in dB of full scale); silence stays as it is.

    Turning up raises peaks, and holding peaks down takes loudness away: so it is done in turn until both are right, or as
    near as they come: a few clicks in silence cannot be loud.
    """
    made = sound
    for _ in range(6):
        loud = loudness(made)
        if not math.isfinite(loud):
            return sound
        if abs(loud - target) < 0.05 and np.abs(made).max() <= gain(ceiling) + 1e-6:
            break
        made = limit(np.asarray(made * gain(target - loud), np.float32), gain(ceiling))
    return made


def limit(sound: Sound, ceiling: float) -> Sound:
    """Turn down, and up again, gently where a peak would pass the ceiling (a factor): a limiter that looks 5 ms ahead.

    The gain is the smallest that any sample within 6 ms needs, averaged over 5 ms: never more than the loudest needs.
    """
    if not 0 < ceiling <= 1:
        raise ValueError(f"a ceiling lies above 0 and is 1 at most, not {ceiling:g}")
    need = np.minimum(1.0, ceiling / np.maximum(_blocks(np.abs(sound).max(1)), 1e-9))
    lowest = np.lib.stride_tricks.sliding_window_view(np.pad(need, 6, mode="edge"), 13).min(1)
    smooth = np.lib.stride_tricks.sliding_window_view(np.pad(lowest, 5, mode="edge"), 11).mean(1)
    return np.asarray(sound * _spread(smooth, len(sound))[:, None], np.float32)


def _blocks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The largest value of every block of a millisecond."""
    padded = np.pad(values, (0, -len(values) % BLOCK))
    return np.asarray(padded.reshape(-1, BLOCK).max(1), np.float64)


def _spread(blocks: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """One value a sample out of one a block, in straight lines between the blocks' middles."""
    return np.interp(np.arange(samples), (np.arange(len(blocks)) + 0.5) * BLOCK, blocks)
