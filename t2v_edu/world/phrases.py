"""Chapter 01 · from a scene to a caption: many phrasings of one meaning.

`say` decides at every step what to leave unsaid, which word to take and how to put the sentence; with no generator it says the
plain thing (`canonical`). With `wording="unseen"` every caption holds at least one word or turn of phrase that "seen" never has.
"""

from __future__ import annotations

import numpy as np

from t2v_edu.world.canonical import say_plainly
from t2v_edu.world.lexicon import LANGUAGES, Language
from t2v_edu.world.phrases_en import say_english
from t2v_edu.world.phrases_zh import say_chinese
from t2v_edu.world.picker import Picker
from t2v_edu.world.scene import Scene

WORDINGS = ("seen", "unseen")


def say(scene: Scene, lang: Language = "en", rng: np.random.Generator | None = None, *, wording: str = "seen") -> str:
    """A caption of the scene, such that `parse(say(scene)) == scene`.

    Args:
        lang: "en" or "zh".
        rng: chooses among the phrasings; None for the canonical one.
        wording: "seen" for training; "unseen" draws on words and turns of phrase that training never uses.
    Raises:
        ValueError: unknown language or wording.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"unknown language {lang!r}; choose one of: {', '.join(LANGUAGES)}")
    if wording not in WORDINGS:
        raise ValueError(f"unknown wording {wording!r}; choose one of: {', '.join(WORDINGS)}")
    if rng is None and wording == "seen":
        return say_plainly(scene, lang)
    pick = Picker(np.random.default_rng(0) if rng is None else rng, lang, reserved=wording == "unseen")
    speak = say_english if lang == "en" else say_chinese
    text = speak(scene, pick)
    while wording == "unseen" and not pick.used_reserved:
        text = speak(scene, pick)
    return text
