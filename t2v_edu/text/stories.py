"""Chapter 15 · paragraphs by rule about a thing of which some facts are known: what the narrator of facts learns from.

Where a value belongs stands a slot, such as <year>. So the narrator learns where a year goes and never what it is: there is no
number and no name in all that it reads ("delexicalised": Wen et al. 2015, arXiv:1508.01745, section 3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from t2v_edu.text.facts import Fact
from t2v_edu.world.lexicon import LANGUAGES, Language

SLOTS = ("thing", "place", "country", "person", "year", "height", "visitors")
_SYMBOLS = re.compile(r"<[a-z]+>|[\u3400-\u9fff]|[a-z]+|[^\s\w]")
STOPS = ".!?。！？"
TOGETHER = 0.4  # how often year and height share a sentence

OPENINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "thing place country": (
            "the <thing> stands in <place>, <country>.", "in <place>, <country>, stands the <thing>.",
            "this is the <thing> in <place>, <country>.", "come to <place> in <country>, and look at the <thing>."),
        "thing place": ("the <thing> stands in <place>.", "this is the <thing> in <place>."),
        "thing country": ("the <thing> stands in <country>.", "this is the <thing> in <country>."),
        "thing": ("this is the <thing>.", "look at the <thing>."),
    },
    "zh": {
        "thing place country": (
            "<thing>矗立在<country><place>。", "在<country><place>，矗立着<thing>。", "这是<country><place>的<thing>。"),
        "thing place": ("<thing>矗立在<place>。", "这是<place>的<thing>。"),
        "thing country": ("<thing>矗立在<country>。", "这是<country>的<thing>。"),
        "thing": ("这是<thing>。", "请看<thing>。"),
    },
}  # fmt: skip
SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "year": ("it opened in <year>.", "it was completed in <year>.", "people have looked up at it since it opened in <year>."),
        "height": ("it is <height> tall.", "its height is given as <height>."),
        "person": ("its story is tied to the name of <person>.", "whoever tells its story speaks of <person>."),
        "visitors": ("it draws <visitors>.", "<visitors> come to see it."),
        "year height": ("it opened in <year> and is <height> tall.", "opened in <year>, it is <height> tall."),
    },
    "zh": {
        "year": ("它于<year>年落成。", "它在<year>年建成。"),
        "height": ("它高<height>。", "它的高度记为<height>。"),
        "person": ("它的故事与<person>的名字相连。", "说起它，人们会提到<person>。"),
        "visitors": ("它吸引着<visitors>。", "<visitors>来看它。"),
        "year height": ("它于<year>年落成，高<height>。",),
    },
}  # fmt: skip


def symbols_of(text: str) -> list[str]:
    """Slots whole, English words, Chinese characters one by one, punctuation marks; all in lower case."""
    return _SYMBOLS.findall(text.lower())


def story(known: Sequence[str], language: Language, rng: np.random.Generator) -> list[str]:
    """One paragraph, as symbols, that has every known slot once: an opening, then the rest in any order.

    Raises:
        ValueError: no thing to speak of, a slot that does not exist or comes twice, another language.
    """
    check_slots(known)
    check_language(language)
    opening = [slot for slot in ("thing", "place", "country") if slot in known]
    rest = [slot for slot in known if slot not in opening]
    if {"year", "height"} <= set(rest) and rng.random() < TOGETHER:
        rest = [slot for slot in rest if slot not in ("year", "height")] + ["year height"]
    order = [rest[i] for i in rng.permutation(len(rest))]
    parts = [_pick(OPENINGS[language][" ".join(opening)], rng), *(_pick(SENTENCES[language][slot], rng) for slot in order)]
    return [symbol for part in parts for symbol in symbols_of(part)]


def is_well_told(symbols: Sequence[str], known: Sequence[str], language: Language) -> bool:
    """Whether each known slot comes once, no other comes, and every sentence is one that the rules could have written."""
    sentences = [symbols_of(text) for table in (OPENINGS, SENTENCES) for texts in table[language].values() for text in texts]
    ends = [0, *(i + 1 for i, symbol in enumerate(symbols) if symbol in STOPS), len(symbols)]
    parts = [list(symbols[start:end]) for start, end in pairwise(ends) if end > start]
    slots = sorted(symbol[1:-1] for symbol in symbols if symbol.startswith("<"))
    return slots == sorted(known) and all(part in sentences for part in parts)


def some_slots(rng: np.random.Generator) -> list[str]:
    """The thing, and each other slot or not."""
    return ["thing", *(slot for slot in SLOTS[1:] if rng.random() < 0.6)]


def realise(symbols: Sequence[str], facts: Sequence[Fact], language: Language) -> str:
    """Symbols as a text: values in the slots, English words parted by spaces, sentences with a capital.

    Raises:
        KeyError: a slot of which there is no fact.
    """
    values = surfaces(facts, language)
    words = [values[symbol[1:-1]] if symbol.startswith("<") else symbol for symbol in symbols]
    if language == "zh":
        return "".join(words)
    text = ""
    for word in words:
        start = not text or text[-1] in STOPS
        space = "" if not text or word in ",.;:" else " "
        text += space + (word[0].upper() + word[1:] if start else word)
    return text


def surfaces(facts: Sequence[Fact], language: Language) -> dict[str, str]:
    """How each fact's value is written in a sentence: 324 m as 324 metres, or 324米."""
    unit = " metres" if language == "en" else "米"
    return {fact.what: re.sub(r" ?m$", unit, fact.value) if fact.what == "height" else fact.value for fact in facts}


def as_facts(values: Mapping[str, str]) -> list[Fact]:
    """A table of facts from names and values, for those who know them and need no rule to find them.

    Raises:
        ValueError: a name that is no slot, an empty value, or no thing.
    """
    check_slots(list(values))
    for what, value in values.items():
        if not value.strip():
            raise ValueError(f"the value of {what!r} is empty; leave it out if it is not known")
    return [Fact(what, values[what], "given") for what in SLOTS if what in values]


def check_slots(known: Sequence[str]) -> None:
    """Refuse what no story can be told of.

    Raises:
        ValueError: no thing, a slot that does not exist, or one that comes twice.
    """
    for slot in known:
        if slot not in SLOTS:
            raise ValueError(f"there is no sentence about {slot!r}; known are {', '.join(SLOTS)}")
    if "thing" not in known:
        raise ValueError(f"a story needs a thing to speak of, and knows only {', '.join(known) or 'nothing'}")
    if len(set(known)) < len(known):
        raise ValueError(f"every fact may come once, not {', '.join(known)}")


def check_language(language: str) -> None:
    """Refuse a language that is not told in. Raises: ValueError, it is quoted."""
    if language not in LANGUAGES:
        raise ValueError(f"unknown language {language!r}; choose one of: {', '.join(LANGUAGES)}")


def _pick(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]
