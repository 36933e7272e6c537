"""Key and beat estimators: against closed cases, hand-made music, and by property."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from t2v_edu.evaluation.hearing import chroma, hear, rises
from t2v_edu.evaluation.music import (
    NAMES,
    PROFILES,
    Key,
    autocorrelation,
    key_fits,
    key_of,
    nearest,
    pitch_classes,
    read_mood,
    read_tempo,
    tempo_curve,
    tempo_of,
    variety,
)
from t2v_edu.film.synth import RATE, Note, frequency, play

TWINKLE = "CCGGAAG FFEEDDC GGFFEED GGFFEED CCGGAAG FFEEDDC".replace(" ", "")  # a traditional melody
JACOB = "CDEC CDEC EFG EFG GAGFEC GAGFEC CGC CGC".replace(" ", "")
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


def counted(letters: str) -> np.ndarray:
    places = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    return np.bincount([places[x] for x in letters], minlength=12).astype(float)


def roll_of(rows: list[int], every: int, steps: int = 48) -> np.ndarray:
    roll = np.zeros((36, steps), np.uint8)
    for i, t in enumerate(range(0, steps, every)):
        roll[rows[i % len(rows)], t] = 1
    return roll


class TestKey:
    @pytest.mark.parametrize("mode", PROFILES)
    @pytest.mark.parametrize("tonic", range(12))
    def test_a_profile_is_its_own_key(self, mode, tonic):
        assert key_of(np.roll(PROFILES[mode], tonic)) == Key(tonic, mode, pytest.approx(1.0))

    def test_fits_are_pearsons_correlations(self):
        counts = np.random.default_rng(0).random(12)
        theirs = [[pearsonr(counts, np.roll(profile, tonic))[0] for tonic in range(12)] for profile in PROFILES.values()]
        np.testing.assert_allclose(key_fits(counts), theirs, atol=1e-12)

    @pytest.mark.parametrize("letters", [TWINKLE, JACOB])
    def test_childrens_songs_are_in_c_major(self, letters):
        assert str(key_of(counted(letters))) == "C major"

    @given(st.integers(0, 11), st.booleans(), st.integers(0, 40), st.floats(0.1, 50))
    def test_transposing_moves_the_tonic_and_nothing_else(self, shift, minor, seed, louder):
        counts = np.random.default_rng(seed).random(12) + np.isin(np.arange(12), MINOR if minor else MAJOR)
        here, there = key_of(counts), key_of(louder * np.roll(counts, shift))
        assert (there.tonic, there.mode) == ((here.tonic + shift) % 12, here.mode)
        assert there.fit == pytest.approx(here.fit)

    def test_lowering_the_third_turns_the_mood(self):
        """The tonic chord alone: C E G against C E♭ G."""
        assert [read_mood(roll_of([0, third, 7, 12], 4)) for third in (4, 3)] == ["glad", "sad"]

    def test_octaves_count_together(self):
        roll = np.zeros((36, 2))
        roll[[0, 12, 24, 7], 0] = 1
        np.testing.assert_array_equal(pitch_classes(roll), 3 * np.eye(12)[0] + np.eye(12)[7])
        np.testing.assert_array_equal(pitch_classes(roll, lowest=50), 3 * np.eye(12)[2] + np.eye(12)[9])

    @pytest.mark.parametrize("counts, told", [
        (np.ones(12), "no key"), (np.zeros(12), "no key"), (np.ones(11), r"\(11,\)"), (np.full(12, np.nan), "finite"),
    ])  # fmt: skip
    def test_no_key_is_said_not_guessed(self, counts, told):
        with pytest.raises(ValueError, match=told):
            key_of(counts)


class TestBeat:
    def test_autocorrelation_by_hand(self):
        """1 0 1 0, mean ½: s = ½ −½ ½ −½, so R = 1, −¾, ½, −¼."""
        np.testing.assert_allclose(autocorrelation(np.array([1.0, 0, 1, 0])), [1, -0.75, 0.5, -0.25])

    def test_autocorrelation_is_the_sum_it_says(self):
        s = np.random.default_rng(1).random(30)
        d = s - s.mean()
        wanted = [sum(d[t] * d[t + lag] for t in range(30 - lag)) / sum(d * d) for lag in range(30)]
        np.testing.assert_allclose(autocorrelation(s), wanted, atol=1e-12)

    @pytest.mark.parametrize("period", range(4, 10))
    def test_clicks_have_the_tempo_that_they_have(self, period):
        """Every `period` eighths of a second, from 53 to 120 a minute."""
        clicks = np.zeros(96)
        clicks[::period] = 1
        assert tempo_of(clicks, 0.125) == pytest.approx(60 / (0.125 * period))

    @given(st.sampled_from([4, 6]), st.integers(0, 30), st.floats(0.2, 5), st.integers(0, 5))
    def test_neither_loudness_nor_a_late_start_changes_it(self, period, seed, loud, late):
        rng = np.random.default_rng(seed)
        clicks = np.zeros(120)
        clicks[late::period] = 1 + 0.2 * rng.random(len(clicks[late::period]))
        assert tempo_of(loud * clicks, 0.125) == pytest.approx(480 / period)

    def test_the_bell_breaks_the_tie_of_octaves(self):
        """Clicks at 120 repeat at 60 as well, with a correlation nearly as great; 60 is further from 100."""
        clicks = np.zeros(96)
        clicks[::4] = 1
        tempi, score = tempo_curve(clicks, 0.125)
        assert list(tempi) == pytest.approx([60 / (0.125 * lag) for lag in range(2, 13)])
        assert tempi[score.argmax()] == 120 and score[tempi == 60] > 0

    def test_slow_and_fast(self):
        assert [read_tempo(roll_of([0, 7], every)) for every in (6, 4)] == ["slow", "fast"]

    @pytest.mark.parametrize("onsets, step, told", [
        (np.zeros(40), 0.1, "no beat"), (np.ones(40), 0.1, "no beat"), (np.eye(3), 0.1, r"\(3, 3\)"),
        (np.array([1.0, 0, 0]), 0.01, "no two beats"), (np.array([1.0, 0, 0]), 0, "a step of 0"),
    ])  # fmt: skip
    def test_no_beat_is_said_not_guessed(self, onsets, step, told):
        with pytest.raises(ValueError, match=told):
            tempo_of(onsets, step)


class TestDistances:
    def test_they_are_those_counted_one_by_one(self):
        rng = np.random.default_rng(2)
        a, b = (rng.integers(0, 2, (n, 5, 6)) for n in (4, 7))
        np.testing.assert_allclose(nearest(a, b), [min((x != y).sum() for y in b) for x in a])
        assert nearest(a, a).max() == 0
        assert variety(a) == pytest.approx(np.mean([(a[i] != a[j]).sum() for i in range(4) for j in range(4) if i != j]))

    def test_what_cannot_be_compared_is_refused(self):
        with pytest.raises(ValueError, match=r"\(1, 2, 2\) and \(1, 2, 3\)"):
            nearest(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)))
        with pytest.raises(ValueError, match="two rolls"):
            variety(np.zeros((1, 2, 2)))


class TestSound:
    def test_a_sine_lies_in_its_class(self):
        t = np.arange(2 * RATE) / RATE
        for pitch in (52, 57, 64, 71):
            frequencies, up = rises(np.sin(2 * np.pi * frequency(pitch) * t))
            assert NAMES[int(chroma(frequencies, up.sum(1)).argmax())] == NAMES[pitch % 12]

    @settings(max_examples=6, deadline=None)
    @given(st.integers(-5, 6), st.booleans(), st.sampled_from([4, 6]))
    def test_a_played_scale_is_heard(self, shift, minor, period):
        """Up a scale and home again over a tonic and its fifth: key, mode and beat from the sound alone."""
        scale = MINOR if minor else MAJOR
        notes = [60 + scale[i] for i in (0, 2, 4, 2, 0, 1, 2, 0, 4, 3, 2, 0)]
        notes = [Note(0.125 * period * i, 0.5, p + shift) for i, p in enumerate(notes)]
        bass = [Note(0.25 * period * i, 0.8, 48 + shift + 7 * (i % 2)) for i in range(6)]
        heard = hear(play([*notes, *bass], 12 * 0.125 * period))
        assert str(heard.key) == f"{NAMES[shift % 12]} {'minor' if minor else 'major'}"
        assert heard.beats == pytest.approx(480 / period, rel=0.05)
        assert (heard.mood, heard.tempo) == ("sad" if minor else "glad", "slow" if period == 6 else "fast")

    @pytest.mark.parametrize("sound", [np.zeros(100), np.zeros((2 * RATE, 2, 2)), np.full(2 * RATE, np.nan)])
    def test_what_is_no_sound_is_refused(self, sound):
        with pytest.raises(ValueError, match="at least a second"):
            hear(sound)

    def test_silence_has_no_key(self):
        with pytest.raises(ValueError, match="no key"):
            hear(np.zeros(2 * RATE))
