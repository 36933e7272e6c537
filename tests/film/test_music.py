"""Tunes, the synthesiser, MIDI, and music for a film."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.evaluation.hearing import hear
from t2v_edu.evaluation.music import key_of, pitch_classes, read_tempo, tempo_of
from t2v_edu.film.music import beats_a_minute, midi_bytes, notes_of, phrases, read_midi, soundtrack, write_midi
from t2v_edu.film.synth import RATE, RING, Note, fade_out, frequency, pan, play, pluck
from t2v_edu.film.tunes import BEAT, LOWEST, SCALES, STEP, chord, compose
from t2v_edu.models.music_gan import MOODS, PITCHES, STEPS, TEMPOS

KINDS = [(mood, tempo) for mood in MOODS for tempo in TEMPOS]


class TestTunes:
    @pytest.mark.parametrize("mood, tempo", KINDS)
    def test_they_keep_their_beat_and_their_scale(self, mood, tempo):
        rng = np.random.default_rng(0)
        allowed = set(SCALES[mood]) | ({11} if mood == "sad" else set())  # the leading note of a minor key
        for _ in range(50):
            roll = compose(mood, tempo, rng)
            rows, steps = np.nonzero(roll)
            assert roll.shape == (PITCHES, STEPS) and roll.max() == 1
            assert set((rows % 12).tolist()) <= allowed and not (steps % (BEAT[tempo] // 2)).any()

    @pytest.mark.parametrize("mood, tempo", KINDS)
    def test_they_read_as_they_were_meant(self, mood, tempo):
        rng = np.random.default_rng(1)
        rolls = [compose(mood, tempo, rng) for _ in range(100)]
        keys = [key_of(pitch_classes(roll)) for roll in rolls]
        wanted = "C major" if mood == "glad" else "C minor"
        assert np.mean([str(key) == wanted for key in keys]) >= 0.95
        assert {tempo_of(roll.sum(0).astype(float), STEP) for roll in rolls} == {beats_a_minute(tempo)}

    def test_chords_by_hand(self):
        assert chord(0, "glad") == (0, 4, 7) and chord(4, "glad") == (7, 11, 14)  # C E G, G B D
        assert chord(0, "sad") == (0, 3, 7) and chord(4, "sad") == (7, 11, 14)  # C E♭ G; the same G B D leads home

    @pytest.mark.parametrize("mood, tempo", [("angry", "slow"), ("glad", "120")])
    def test_another_mood_is_refused(self, mood, tempo):
        with pytest.raises(ValueError, match=r"'(angry|120)'"):
            compose(mood, tempo, np.random.default_rng(0))


class TestSynthesiser:
    def test_frequencies(self):
        assert frequency(69) == 440 and frequency(57) == 220 and frequency(60) == pytest.approx(261.6256, abs=1e-4)

    @pytest.mark.parametrize("pitch", [48, 57, 69, 84])
    def test_a_string_has_its_pitch_and_its_overtones_and_dies_away(self, pitch):
        x = pluck(pitch).astype(float)
        assert len(x) == int(RING * RATE) and np.abs(x).max() == pytest.approx(1)
        spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x))))
        lines = [round(k * frequency(pitch) * len(x) / RATE) for k in range(1, 5)]
        height = [spectrum[i - 2 : i + 3].max() for i in lines]
        assert height == sorted(height, reverse=True) and int(spectrum.argmax()) in range(lines[0] - 1, lines[0] + 2)
        assert np.abs(x[-RATE // 10 :]).max() < 0.05 and abs(x[-1]) < 1e-4

    def test_nothing_folds_back(self):
        """A note whose second overtone lies above half the sampling rate has one line alone."""
        x = pluck(132).astype(float)  # 16.7 kHz
        spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x))))
        assert spectrum[: len(spectrum) // 2].max() < 1e-3 * spectrum.max()

    def test_left_and_right(self):
        for pitch in (48, 66, 84):
            assert sum(side**2 for side in pan(pitch)) == pytest.approx(1)
        assert pan(48)[0] > pan(48)[1] and pan(84)[0] < pan(84)[1] and pan(66)[0] == pytest.approx(pan(66)[1])

    def test_a_note_begins_when_it_begins_and_is_let_go(self):
        sound = play([Note(0.5, 0.3, 60)], 2)
        assert sound.shape == (2 * RATE, 2) and sound.dtype == np.float32 and np.abs(sound).max() == pytest.approx(0.9)
        assert not sound[: RATE // 2].any() and np.abs(sound[RATE // 2 : RATE // 2 + 500]).max() > 0.1
        assert not sound[int(1.0 * RATE) :].any()  # let go after 0.3 s, silent 50 ms later, the room 113 ms after that

    @settings(max_examples=10, deadline=None)
    @given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.05, 1), st.integers(30, 90)), max_size=6), st.floats(0.1, 2))
    def test_any_notes_stay_in_range_and_length(self, notes, seconds):
        sound = play([Note(*note) for note in notes], seconds)
        assert sound.shape == (round(seconds * RATE), 2) and np.isfinite(sound).all() and np.abs(sound).max(initial=0) <= 0.9001

    def test_fading(self):
        faded = fade_out(np.ones((100, 2), np.float32), 50 / RATE)[:, 0]
        assert (faded[:50] == 1).all() and (np.diff(faded[49:]) < 0).all() and faded[-1] == 0
        assert faded[74] == pytest.approx(0.5, abs=0.02)

    @pytest.mark.parametrize("seconds", [0, -1, float("nan"), 3601])
    def test_no_such_length(self, seconds):
        with pytest.raises(ValueError, match="seconds: give more than 0"):
            play([], seconds)


class TestMidi:
    def test_it_reads_back(self, tmp_path: Path):
        notes = notes_of(compose("glad", "fast", np.random.default_rng(3)))
        back = read_midi(write_midi(notes, tmp_path / "a.mid", 120))
        assert [(n.pitch, round(n.start / STEP)) for n in back] == [(n.pitch, round(n.start / STEP)) for n in sorted(notes)]
        for ours, theirs in zip(sorted(notes), back, strict=True):
            assert theirs.start == pytest.approx(ours.start, abs=2e-3) and theirs.length == pytest.approx(ours.length, abs=2e-3)
            assert theirs.loudness == pytest.approx(ours.loudness, abs=0.01)

    def test_it_holds_the_tempo_and_its_length(self, tmp_path: Path):
        file = mido.MidiFile(write_midi([Note(0, 1, 60), Note(1.5, 1.5, 64)], tmp_path / "b.mid", 80))
        (tempo,) = [m.tempo for m in file.tracks[0] if m.type == "set_tempo"]
        assert mido.tempo2bpm(tempo) == pytest.approx(80) and file.length == pytest.approx(3.0, abs=1e-3)

    def test_a_note_played_again_at_once_is_two_notes(self, tmp_path: Path):
        back = read_midi(write_midi([Note(0, 0.5, 60), Note(0.5, 0.5, 60)], tmp_path / "c.mid"))
        assert [(n.start, n.pitch) for n in back] == [(0, 60), (pytest.approx(0.5), 60)]

    @pytest.mark.parametrize("call, told", [
        (lambda d: midi_bytes([]), "at least one note"), (lambda d: midi_bytes([Note(0, 1, 128)]), "128"),
        (lambda d: midi_bytes([Note(0, 1, 60)], 1), "1 beats"), (lambda d: write_midi([Note(0, 1, 60)], d / "a.wav"), "a.wav"),
    ])  # fmt: skip
    def test_what_midi_cannot_hold(self, call, told, tmp_path: Path):
        with pytest.raises(ValueError, match=told):
            call(tmp_path)

    def test_what_is_no_midi_file(self, tmp_path: Path):
        (tmp_path / "a.mid").write_bytes(b"RIFFnonsense")
        with pytest.raises(ValueError, match=r"a\.mid.*no MIDI file"):
            read_midi(tmp_path / "a.mid")
        with pytest.raises(FileNotFoundError):
            read_midi(tmp_path / "none.mid")


class TestNotes:
    def test_a_roll_by_hand(self):
        roll = np.zeros((36, 48), np.uint8)
        roll[0, 0] = roll[0, 2] = roll[12, 2] = 1
        assert notes_of(roll) == [Note(0, 0.25, 48, 0.8), Note(0.25, 1.0, 48, 0.8), Note(0.25, 1.0, 60, 0.7)]

    def test_a_grey_roll_is_refused(self):
        with pytest.raises(ValueError, match="zeros and ones"):
            notes_of(np.full((36, 48), 0.5))


class TestSoundtrack:
    @pytest.mark.parametrize("mood, tempo", KINDS)
    def test_it_sounds_as_was_asked(self, mood, tempo):
        """From the sound alone, whatever key the seed chose."""
        for seed in (0, 1):
            heard = hear(soundtrack(mood, tempo, 13, seed=seed))
            assert (heard.mood, heard.tempo) == (mood, tempo)

    def test_its_form(self):
        sound = soundtrack("glad", "fast", 7.3)
        assert sound.shape == (round(7.3 * RATE), 2) and sound.dtype == np.float32 and 0.5 < np.abs(sound).max() <= 1
        tail = [np.abs(sound[-RATE * k // 4 : -RATE * (k - 1) // 4 or None]).max() for k in (1, 4, 8)]
        assert tail[0] < 0.1 < tail[2] and np.abs(sound[-10:]).max() < 1e-3  # it fades
        assert np.abs(sound[:, 0] - sound[:, 1]).max() > 0.01  # it is stereo

    def test_seeds(self):
        a, b, c = (soundtrack("sad", "slow", 3, seed=s) for s in (4, 4, 5))
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - c).max() > 0.1

    def test_phrases_come_back(self):
        made = phrases("glad", "slow", 6, seed=2)
        assert (made[0] == made[1]).all() and (made[0] == made[3]).all()
        assert not (made[0] == made[2]).all() and not (made[0] == made[4]).all()
        assert all(read_tempo(roll) == "slow" for roll in made)

    @pytest.mark.parametrize("call, told", [
        (lambda: soundtrack("happy", "slow", 3), "'happy'"), (lambda: soundtrack("glad", "slow", 0), "0 seconds"),
        (lambda: phrases("glad", "slow", 0), "0 phrases"),
    ])  # fmt: skip
    def test_bad_requests(self, call, told):
        with pytest.raises(ValueError, match=told):
            call()

    def test_where_the_lowest_note_lies(self):
        assert LOWEST == 48 and min(n.pitch for n in notes_of(np.eye(36, 48, dtype=np.uint8))) == 48
