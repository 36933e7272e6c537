"""The mix: loudness against BS.1770's own example, ducking and limiting against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.film.music import RATE as MUSIC_RATE
from t2v_edu.film.sound import BLOCK, RATE, duck, gain, limit, loudness, mix, normalise, place, silence

TIME = np.arange(3 * RATE) / RATE


def tone(hertz: float, height: float, seconds: float = 3.0, *, left: float = 1.0, right: float = 1.0) -> np.ndarray:
    wave = height * np.sin(2 * np.pi * hertz * TIME[: round(seconds * RATE)])
    return (wave[:, None] * (left, right)).astype(np.float32)


def test_all_sound_has_one_rate() -> None:
    assert RATE == MUSIC_RATE == 48_000


@pytest.mark.parametrize("sound,lufs", [
    (tone(997, 1.0, right=0.0), -3.01),  # BS.1770: a full-scale sine of 997 Hz in one channel reads −3.01
    (tone(997, 1.0), 0.0),  # in both, 3 dB more
    (tone(997, 0.1), -20.0),
])
def test_loudness_is_that_of_the_standard(sound: np.ndarray, lufs: float) -> None:
    assert loudness(sound) == pytest.approx(lufs, abs=0.1)  # the tolerance of EBU Tech 3341


def test_silence_is_infinitely_soft_and_stays() -> None:
    assert loudness(silence(1)) == -math.inf
    assert not normalise(silence(1)).any()
    assert mix(silence(1), silence(1)).shape == (RATE, 2)


@pytest.mark.parametrize("height", [0.001, 0.05, 0.9])
def test_normalised_sound_has_the_loudness_and_no_peak_above_the_ceiling(height: float) -> None:
    rng = np.random.default_rng(0)
    sound = (height * rng.standard_normal((2 * RATE, 2))).clip(-1, 1).astype(np.float32)
    sound[RATE // 2] = 1.0  # a click far above the rest
    made = normalise(sound)
    assert loudness(made) == pytest.approx(-16, abs=0.2) and np.abs(made).max() <= gain(-1.5) + 1e-4


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1.0), st.floats(0.5, 20))
def test_a_limiter_never_lets_a_peak_through_and_leaves_the_rest(seed: int, ceiling: float, height: float) -> None:
    rng = np.random.default_rng(seed)
    sound = (0.03 * rng.standard_normal((RATE // 5, 2)).clip(-1, 1)).astype(np.float32)
    sound[rng.integers(RATE // 5, size=3)] = height
    made = limit(sound, ceiling)
    assert np.abs(made).max() <= ceiling * (1 + 1e-5)
    calm = np.ones(len(sound), bool)
    for loud in np.flatnonzero(np.abs(sound).max(1) > ceiling):
        calm[max(0, loud - 14 * BLOCK) : loud + 14 * BLOCK] = False
    np.testing.assert_allclose(made[calm], sound[calm], rtol=1e-6)


def test_music_steps_aside_before_a_voice_and_comes_back_after_it() -> None:
    music, voice = np.ones((3 * RATE, 2), np.float32), silence(3)
    voice[RATE : 2 * RATE] = 0.5
    made = duck(music, voice, depth=12.0, attack=0.15, release=0.5)[:, 0]

    def decibels(second: float) -> float:
        return 20 * math.log10(made[round(second * RATE)])

    assert decibels(0.8) == decibels(2.6) == 0
    assert decibels(1.5) == pytest.approx(-12, abs=0.01)
    assert decibels(1 - 0.075) == pytest.approx(-6, abs=0.2)  # half of the way down
    assert decibels(2.25) == pytest.approx(-6, abs=0.2)  # half of the way up
    assert np.array_equal(duck(music, silence(3)), music)


def test_under_a_voice_the_voice_is_heard() -> None:
    """Music far too loud for its voice is, in the mix, well below it."""
    voice = place([(1.0, tone(300, 0.1, 1.0))], 3)
    made = mix(voice, tone(2000, 0.9))[round(1.3 * RATE) : round(1.8 * RATE), 0]
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    at = [round(hertz * len(made) / RATE) for hertz in (300, 2000)]
    low, high = (float(spectrum[k - 3 : k + 4].max()) for k in at)
    assert 20 * math.log10(low / high) > 12
    assert loudness(mix(voice, tone(2000, 0.9))) == pytest.approx(-16, abs=0.2)


def test_sounds_are_added_where_they_belong_and_cut_at_the_end() -> None:
    one = np.full((RATE, 2), 0.25, np.float32)
    line = place([(0.0, one), (0.5, one), (1.75, one)], 2.0)
    assert line.shape == (2 * RATE, 2)
    assert [float(line[round(t * RATE), 0]) for t in (0.25, 0.75, 1.25, 1.6, 1.9)] == [0.25, 0.5, 0.25, 0, 0.25]


@pytest.mark.parametrize("bad", [np.zeros((5, 2)), np.zeros(5, np.float32), np.full((5, 2), np.nan, np.float32)])
def test_bad_input(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="sound"):
        loudness(bad)
    with pytest.raises(ValueError, match="one length"):
        duck(silence(1), silence(2))
    with pytest.raises(ValueError, match="begins at 0"):
        place([(-1.0, silence(1))], 2)
    with pytest.raises(ValueError, match="ceiling"):
        limit(silence(1), 0)
