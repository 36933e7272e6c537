"""Facts become a text in which every number and name is theirs, and a text is spoken where the machine can speak."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.film import narration
from t2v_edu.film.narration import as_spoken, engine, narrate, speak
from t2v_edu.film.synth import RATE
from t2v_edu.text.corpora import tower_paragraph
from t2v_edu.text.fact_check import unsaid, unsupported
from t2v_edu.text.facts import key_facts
from t2v_edu.text.stories import SLOTS, as_facts

needs_engine = pytest.mark.skipif(engine() is None, reason="this machine has no speech engine (apt install espeak-ng)")
PLACES = {
    "en": {"thing": "Red Lighthouse", "place": "Porto", "country": "Portugal", "person": "Ada Lovelace", "year": "1907",
           "height": "61.5 m", "visitors": "thousands of visitors"},
    "zh": {"thing": "红灯塔", "place": "波尔图", "country": "葡萄牙", "person": "爱因斯坦", "year": "1907", "height": "61.5 m",
           "visitors": "数千游客"},
}  # fmt: skip


@pytest.mark.parametrize("lang", PLACES)
class TestNarrate:
    def test_the_tower_and_nothing_but_its_facts(self, lang):
        facts = key_facts(tower_paragraph(lang))
        assert len(facts) == 7
        texts = [narrate(facts, lang, seed=seed) for seed in range(20)]
        for text in texts:
            assert unsupported(text, facts) == [] and unsaid(text, facts) == []
        assert len(set(texts)) > 10

    def test_the_rules_that_found_the_facts_find_them_again_in_the_narration(self, lang):
        facts = [(fact.what, fact.value) for fact in key_facts(tower_paragraph(lang))]
        for seed in range(10):
            assert [(f.what, f.value) for f in key_facts(narrate(key_facts(tower_paragraph(lang)), lang, seed=seed))] == facts

    @settings(max_examples=25, deadline=None)
    @given(known=st.sets(st.sampled_from(SLOTS[1:])), seed=st.integers(0, 10**6))
    def test_any_facts_of_anything(self, lang, known, seed):
        facts = as_facts({slot: PLACES[lang][slot] for slot in SLOTS if slot in known or slot == "thing"})
        text = narrate(facts, lang, seed=seed)
        assert unsaid(text, facts) == [] and "<" not in text and text[-1] in ".。"
        for slot in set(SLOTS) - known - {"thing"}:
            assert PLACES[lang][slot].removesuffix(" m") not in text
        assert [c for c in text if c.isdigit()] == [] or known & {"year", "height"}

    def test_what_it_cannot_tell_of(self, lang):
        with pytest.raises(ValueError, match="a story needs a thing"):
            narrate(as_facts({"thing": "x"})[1:], lang)
        with pytest.raises(ValueError, match="may come once"):
            narrate(2 * as_facts({"thing": "x"}), lang)


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="'fr'"):
        narrate(as_facts({"thing": "x"}), "fr")


@pytest.mark.parametrize("text, lang, said", [
    ("It opened in 1889.", "en", "It opened in 18 89."), ("1900 and 1905", "en", "19 hundred and 19 oh 5"),
    ("2024, 2005", "en", "20 24, 2005"), ("1889 metres, 1,889 and 1889.5", "en", "1889 metres, 1,889 and 1889.5"),
    ("18899 1066", "en", "18899 1066"), ("1889年落成，高1889米", "zh", "一八八九年落成，高1889米"),
])  # fmt: skip
def test_years_are_said_as_years(text, lang, said):
    assert as_spoken(text, lang) == said


@needs_engine
class TestSpeak:
    @pytest.mark.parametrize("lang", PLACES)
    def test_a_voice(self, lang):
        sound = speak(tower_paragraph(lang), lang)
        assert sound.dtype == np.float32 and sound.ndim == 2 and sound.shape[1] == 2
        assert np.abs(sound).max() == pytest.approx(0.8, abs=1e-3) and (sound[:, 0] == sound[:, 1]).all()
        assert 8 < len(sound) / RATE < 40  # about fifty words
        loud = np.abs(sound[:, 0]) > 0.0024
        assert loud[0] and loud[-1]  # no silence before and after

    def test_more_text_takes_longer_and_a_quicker_voice_less(self):
        short, long = speak("It is tall."), speak("It is tall. It opened in 1889.")
        quick = speak("It is tall.", words_a_minute=300)
        assert len(quick) < len(short) < len(long)

    def test_mandarin_is_read_without_the_numbers_of_its_tones(self):
        """The plain Mandarin voice of espeak-ng 1.51 says "tie three ta three"; four syllables take about a second."""
        assert len(speak("铁塔铁塔", "zh")) < 1.6 * RATE

    def test_an_option_is_read_aloud_not_obeyed(self):
        assert len(speak("--version")) > 0.3 * RATE

    @pytest.mark.parametrize("call, told", [
        (lambda: speak("…"), "nothing to say"), (lambda: speak("hello", "fr"), "'fr'"),
        (lambda: speak("hello", words_a_minute=5), "5 words"),
    ])  # fmt: skip
    def test_bad_requests(self, call, told):
        with pytest.raises(ValueError, match=told):
            call()


def test_without_an_engine_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert engine() is None
    with pytest.raises(RuntimeError, match="apt install espeak-ng"):
        speak("hello")


def test_an_engine_that_fails_is_quoted(monkeypatch, tmp_path):
    broken = tmp_path / "espeak-ng"
    broken.write_text("#!/bin/sh\necho 'no voices here' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(narration, "engine", lambda: str(broken))
    with pytest.raises(RuntimeError, match="no voices here"):
        speak("hello")


def test_importing_the_film_package_loads_no_speech_and_no_midi():
    code = "import sys, t2v_edu.film; print([m for m in ('mido', 'jieba', 't2v_edu.film.narration') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
