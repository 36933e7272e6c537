"""Chapter 01 · the lexicon: which words stand for which value of a scene, in English and in Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Literal

from t2v_edu.world import words_en, words_zh

Language = Literal["en", "zh"]
Meaning = tuple[tuple[str, str], ...]
"""What a phrase says: pairs of slot and value, such as (("action", "moves"), ("direction", "up")) for "rises"."""

LANGUAGES: tuple[Language, ...] = ("en", "zh")
TABLES: dict[str, ModuleType] = {"en": words_en, "zh": words_zh}
SLOTS = ("kind", "color", "size", "action", "direction", "speed", "place")


@dataclass(frozen=True)
class Words:
    """The words for one value: those that captions use, those reserved for the unseen wording, those only understood."""

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    understood: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        return self.seen + self.unseen + self.understood


def split_words(text: str) -> tuple[str, ...]:
    """The words of a comma-separated list."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def read_row(row: str) -> Words:
    """A table row `said | reserved | understood`; what is missing at the end is empty."""
    parts = [split_words(part) for part in row.split("|")] + [(), ()]
    return Words(*parts[:3])


@cache
def words(lang: Language, table: str) -> dict[str, Words]:
    """A table of `words_en` or `words_zh`, read."""
    return {value: read_row(row) for value, row in getattr(TABLES[lang], table.upper()).items()}


def name_of(lang: Language, slot: str, value: str) -> str:
    """The canonical word for a value, as error messages name it."""
    return re.sub(r"\{.\}|~|^the ", "", words(lang, slot)[value].seen[0])


# --- English inflection ----------------------------------------------------------------------------------------------

_DOUBLED = {"spin", "run", "sit", "bob", "hop", "jog", "zigzag", "get", "trot", "skip", "plod"}


def third_person(verb: str) -> str:
    """"move in a zigzag" → "moves in a zigzag"."""
    head, space, rest = verb.partition(" ")
    ending = "es" if head.endswith(("s", "sh", "ch", "x", "z", "go")) else "s"
    return head + ending + space + rest


def participle(verb: str) -> str:
    """"move in a zigzag" → "moving in a zigzag"."""
    head, space, rest = verb.partition(" ")
    if head in _DOUBLED:
        head += head[-1]
    elif head.endswith("e") and not head.endswith("ee"):
        head = head[:-1]
    return head + "ing" + space + rest


_A_VOWEL = re.compile(r"\b(a) (?=[aeio8])(?!one\b)", re.IGNORECASE)


def with_articles(text: str) -> str:
    """English text with "an" where "a" stands before a vowel: "a orange 8" → "an orange 8". No word here begins with u."""
    return _A_VOWEL.sub(r"\1n ", text)


# --- From phrases to meanings ------------------------------------------------------------------------------------------


class Index:
    """Every phrase of a language with its meaning, and the length of the longest one (in words, or in Chinese characters).

    Raises:
        ValueError: a phrase is given two meanings.
    """

    def __init__(self, lang: Language) -> None:
        self.lang = lang
        self.phrases: dict[str, Meaning] = {}
        self.add_table("kind", "kind")  # first, for "circle" is a noun before it is a verb
        _add_actions(self)
        for slot in ("color", "size", "direction", "speed", "place"):
            self.add_table(slot, slot)
        self.add_table("relation", "relation")
        self.add_table("its", "its")
        self.add_table("side", "side")
        self.add_table("subject", "subject")
        if lang == "zh":
            self.add_table("living_size", "size")
            for value, short in words_zh.BARE_SIZE.items():
                self.add(short, (("size", value),))
        tables = TABLES[lang]
        for mark, row in tables.MARK.items():
            for phrase in split_words(row):
                self.add(phrase, (("mark", mark),), weak=True)
        for slot, row in (("background", tables.BACKGROUND), ("break", tables.BREAKS), ("fill", tables.FILLERS)):
            for phrase in split_words(row):
                self.add(phrase, ((slot, phrase),), weak=True)
        for sort, row in tables.FOREIGN.items():
            for phrase in split_words(row):
                self.add(phrase, (("foreign", sort),), weak=True)
        self.longest = max(len(p.split(" ")) if lang == "en" else len(p) for p in self.phrases)

    def add_table(self, table: str, slot: str) -> None:
        for value, row in words(self.lang, table).items():
            for phrase in row.every:
                self.add(phrase, ((slot, value),))

    def add(self, phrase: str, meaning: Meaning, weak: bool = False) -> None:
        """Enter a phrase; a weak entry gives way to what is there already, as the bare verb "circle" does to the noun."""
        key = phrase.lower().replace("-", " ") if self.lang == "en" else phrase
        key = re.sub(r"^(the|an?) ", "", key) if meaning[0][0] == "kind" else key
        before = self.phrases.setdefault(key, meaning)
        if before != meaning and not weak and not _gives_way(before, meaning):
            raise ValueError(f"the phrase {key!r} means both {before} and {meaning}")


def _gives_way(before: Meaning, meaning: Meaning) -> bool:
    """Three pairs of meanings may share a phrase, and the reader finds out from what stands around it which one it has.

    The verb "circle" is also a noun; Chinese 走 ("go") is also a verb of motion for things that cannot walk; and 左边 is a
    relation right after a noun and a side elsewhere.
    """
    old, new = before[0], meaning[0]
    return (old[0] == "kind" and new[0] == "action") or (old == ("motion", "go") and new[0] == "action") or (
        (old[0], new[0]) == ("relation", "side") and old[1] == new[1]
    )


def _forms(lang: Language, verb: str) -> tuple[str, ...]:
    """The forms in which a verb of the tables can stand in a caption."""
    if lang == "en":
        return (third_person(verb), participle(verb), verb)
    manner, _, rest = verb.rstrip("~").replace("{p}", "").partition("{d}")
    return (manner or rest,)  # of 沿之字形{d}移动 the first part names the action, 移动 alone only says that it moves


def _add_actions(index: Index) -> None:
    lang, tables = index.lang, TABLES[index.lang]
    for verb in split_words(tables.MOTION):
        for form in _forms(lang, verb):
            index.add(form, (("motion", "go"),))
    for action, row in tables.MANNER.items():
        for phrase in split_words(row):
            index.add(phrase, (("action", action),))
    for table in ("action", "directed") if lang == "zh" else ("action",):
        for action, words_for in words(lang, table).items():
            plain = action == "moves"
            for form in (form for verb in words_for.every for form in _forms(lang, verb)):
                index.add(form, (("motion" if plain else "action", action),), weak=plain)
    for (action, direction, speed), line in tables.FUSED.items():
        also = tuple((slot, value) for slot, value in (("direction", direction), ("speed", speed)) if value)
        for form in (form for verb in read_row(line).every for form in _forms(lang, verb)):
            index.add(form, (("action", action), *also))


@cache
def index(lang: Language) -> Index:
    """The index of a language, built on first use."""
    return Index(lang)


def vocabulary(lang: Language) -> frozenset[str]:
    """The words of a language that captions may hold: single English words, or Chinese words as they stand in the tables."""
    known = [phrase for phrase, meaning in index(lang).phrases.items() if meaning[0][0] != "foreign"]
    return frozenset(word for phrase in known for word in (phrase.split(" ") if lang == "en" else [phrase]))
