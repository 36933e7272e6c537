"""Chapter 15 · does every number and every name in a text come from its facts? Rules again, strict ones.

What cannot be recognised as harmless counts as a finding: a false alarm costs a look, a missed invention a lie in a film.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from t2v_edu.text.corpora import hand_tagged
from t2v_edu.text.facts import Fact, split_countries
from t2v_edu.text.stories import OPENINGS, SENTENCES, surfaces, symbols_of
from t2v_edu.text.tagger import names, tag, tokenize
from t2v_edu.text.tokenizer import language_of

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_COUNTS = {
    "en": re.compile(
        r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
        r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?|billions?|dozens?|half|twice|first|second"
        r"|third|fourth|fifth)\b"),
    "zh": re.compile("[零〇一二两三四五六七八九十百千万亿]+"),
}  # fmt: skip


def unsupported(text: str, facts: Sequence[Fact]) -> list[str]:
    """Numbers and names in a text that its facts do not hold, in order; nothing if all is covered.

    A number counts with its digits and as a word ("two", 三百). In English a capital letter makes a name, at the start of a
    sentence too, unless the word is one that the course's own sentences write small; in Chinese a name is what jieba takes for
    one.

    Args:
        text: in English or Chinese.  facts: of that language; a height may be written 324 m, 324 metres or 324米.
    Raises:
        ValueError: a text in neither language; it is quoted.
    """
    lang = language_of(text)
    values = [*(fact.value for fact in facts), *surfaces(facts, lang).values()]
    known = " | ".join(values)
    numbers = {number for value in values for number in _NUMBER.findall(value)}
    counts = set(_COUNTS[lang].findall(known.lower()))
    found = [number for number in _NUMBER.findall(text) if number not in numbers]
    found += [word for word in _COUNTS[lang].findall(text.lower()) if word not in counts]
    return found + (_strange_words(text, known) if lang == "en" else _strange_names(text, values))


def unsaid(text: str, facts: Sequence[Fact]) -> list[str]:
    """What the facts hold and the text does not say: the names of those facts."""
    said = text.lower()
    return [what for what, value in surfaces(facts, language_of(text)).items() if value.lower() not in said]


def _strange_words(text: str, known: str) -> list[str]:
    """English words with a capital that are neither in the facts nor written small anywhere else."""
    words, allowed = tokenize(text), set(tokenize(known))
    starts = {0} | {i + 1 for i, word in enumerate(words) if word in ".!?"}
    return [word for i, word in enumerate(words)
            if word[0].isupper() and word not in allowed and not (i in starts and _is_plain(word.lower(), allowed))]


def _is_plain(word: str, allowed: set[str]) -> bool:
    """Whether a word, in small letters, bears its capital for the start of a sentence alone, or has been counted already."""
    return word in _plain_words() or word in allowed or bool(_COUNTS["en"].fullmatch(word))


@cache
def _plain_words() -> frozenset[str]:
    """English words that are written small: in the hand-tagged sentences, and in the narrator's."""
    small = {token.word for sentence in hand_tagged() for token in sentence if token.word.islower() and not token.name}
    rules = [*OPENINGS["en"].values(), *SENTENCES["en"].values()]
    return frozenset(small | {word for options in rules for text in options for word in symbols_of(text)})


def _strange_names(text: str, values: Sequence[str]) -> list[str]:
    """Chinese names, and words in Latin letters, that are no part of a fact's value."""
    latin = re.findall(r"[A-Za-z]+", text)
    said = [word for name, _ in names(split_countries(tag(text), "zh"), "zh") for word in name.split("·")] + latin
    return [name for name in said if not any(name in value for value in values)]
