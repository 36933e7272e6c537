"""Chapter 15 · facts become a text, and a text is spoken by the machine's own speech engine, espeak-ng, without a network."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from t2v_edu.film.synth import RATE, Sound
from t2v_edu.models.fact_narrator import FactNarrator
from t2v_edu.text.facts import Fact
from t2v_edu.text.stories import is_well_told, realise
from t2v_edu.world.lexicon import Language

# The first that the engine has. Its plain Mandarin voice reads the number of every tone aloud in some versions (1.51, for one);
# the one for pinyin does not.
VOICES = {"en": ("en-gb", "en"), "zh": ("cmn-latn-pinyin", "cmn", "zh")}
ENGINES = ("espeak-ng", "espeak")
_TRIES = 20
_PEAK = 0.8
_HEADER = 44  # bytes of a WAV file before its first sample
_DIGITS = "零一二三四五六七八九"
_COUNTED = "m|met|k|mi|feet|foot|visit|tour|people|per|years|steps|tons|%"
_YEAR = re.compile(rf"(?<![\d.,])(1[1-9]|20(?=[1-9]))(\d\d)(?!\d|[.,]\d| *(?:{_COUNTED}))")
_SILENT = 0.003  # of the peak


def engine() -> str | None:
    """Where the machine's speech engine is, or None if it has none."""
    return next((path for path in map(shutil.which, ENGINES) if path), None)


def speak(text: str, language: str = "en", *, words_a_minute: int = 150) -> Sound:
    """A text, spoken.

    Args:
        text: sentences.  language: "en" or "zh".  words_a_minute: 80 to 400.
    Returns:
        (S, 2) float32 at 48 kHz, the same on both sides, largest value 0.8, without silence before and after.
    Raises:
        RuntimeError: the machine has no speech engine (the message says what to install), or the engine fails.
        ValueError: an empty text, one without a letter or digit, another language, a rate out of range.
    """
    if language not in VOICES:
        raise ValueError(f"language {language!r}: choose one of {', '.join(VOICES)}")
    if not any(c.isalnum() for c in text):
        raise ValueError(f"there is nothing to say in {text!r}")
    if not 80 <= words_a_minute <= 400:
        raise ValueError(f"{words_a_minute} words a minute: choose 80 to 400")
    program = engine()
    if program is None:
        raise RuntimeError("this machine has no speech engine; install espeak-ng (Debian, Ubuntu: apt install espeak-ng; "
                           "macOS: brew install espeak-ng; Windows: winget install eSpeak-NG.eSpeak-NG)")
    said, why = as_spoken(text, language).encode(), ""
    for voice in VOICES[language]:
        # The text goes in by stdin, never on the command line, where it might be taken for an option.
        call = [program, "-v", voice, "-s", str(words_a_minute), "-b", "1", "--stdin", "--stdout"]
        done = subprocess.run(call, input=said, capture_output=True, timeout=120, check=False)
        if done.returncode == 0 and len(done.stdout) > _HEADER:
            return _trimmed(_resampled(done.stdout))
        why = why or done.stderr.decode(errors="replace").strip()
    raise RuntimeError(f"{program} could not say {text[:60]!r} in {language!r}: {why or 'it made no sound'}")


def as_spoken(text: str, language: str) -> str:
    """The text with its years as people say them: 18 89 in English, 一八八九年 in Chinese, not one thousand eight hundred …

    A number of four digits is a year in English where none of the units follows that make it a count, and in Chinese before 年.
    """
    if language == "zh":
        return re.sub(r"\d{4}(?=年)", lambda year: "".join(_DIGITS[int(c)] for c in year[0]), text)
    return _YEAR.sub(lambda year: f"{year[1]} {'hundred' if year[2] == '00' else _oh(year[2])}", text)


def _oh(two: str) -> str:
    return f"oh {two[1]}" if two[0] == "0" else two


def _resampled(wav: bytes) -> Sound:
    """A sound file's bytes as (S, 2) at RATE."""
    import av

    with av.open(io.BytesIO(wav), "r") as container:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        frames = [*(out for frame in container.decode(audio=0) for out in resampler.resample(frame)), *resampler.resample(None)]
    sound: Sound = np.concatenate([frame.to_ndarray() for frame in frames], axis=1).T.astype(np.float32)
    return sound


def _trimmed(sound: Sound) -> Sound:
    """Without silence at both ends, largest value 0.8."""
    height = np.abs(sound).max(axis=1)
    peak = float(height.max())
    loud = np.flatnonzero(height > _SILENT * peak)
    if not peak or not len(loud):
        raise RuntimeError("the speech engine made a sound file in which nothing is to be heard")
    voice: Sound = np.ascontiguousarray(sound[loud[0] : loud[-1] + 1]) * np.float32(_PEAK / peak)
    return voice


def narrate(facts: Sequence[Fact], language: Language = "en", *, seed: int = 0) -> str:
    """A paragraph that says each fact once, written by the shipped narrator; every number and name in it is the facts'.

    Args:
        facts: as `text.facts.key_facts` finds them in a paragraph, or `text.stories.as_facts` makes them; a thing among them.
        language: of the facts' values and of the text.  seed: another one is another wording.
    Returns:
        One to six sentences.
    Raises:
        ValueError: no thing among the facts, one that comes twice or that no sentence is about, an unknown language.
    """
    draw = torch.Generator().manual_seed(seed)
    known = [fact.what for fact in facts]
    for _ in range(_TRIES):
        symbols = _narrator().write(known, language, generator=draw)
        if is_well_told(symbols, known, language):  # a few in a hundred are not: a sentence begun for a fact already told
            return realise(symbols, facts, language)
    raise ValueError(f"no whole sentences came of the facts {', '.join(known)} in {_TRIES} tries; ask with another seed")


@cache
def _narrator() -> FactNarrator:
    return FactNarrator.from_pretrained()
