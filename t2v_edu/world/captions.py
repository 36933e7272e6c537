"""Chapter 01 · from a caption to its scene: find the known phrases, then put what they say together.

Reading takes three steps, each a function: `normalise` evens out case, widths and punctuation; `scan` finds the longest known
phrase again and again, left to right; `Draft` hands what the phrases say to the actors. `say` is the way back.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from t2v_edu.world import words_zh
from t2v_edu.world.caption_errors import CaptionError, foreign, unknown
from t2v_edu.world.draft import Draft
from t2v_edu.world.lexicon import Language, Meaning, index, vocabulary
from t2v_edu.world.phrases import say
from t2v_edu.world.scene import Scene
from t2v_edu.world.transform import swap_words

__all__ = ["CaptionError", "detect_language", "parse", "say", "swap_words", "vocabulary"]

MAX_WORDS = {"en": 60, "zh": 150}  # English words, Chinese characters
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_TOKENS = {
    "en": re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_"),
    "zh": re.compile(r"[a-z]+|\d+|[^\s]"),
}
_STOPS = frozenset(",;:.!?，。；：！？、…—")
_QUOTES = frozenset("\"'“”‘’()（）《》「」")


class Item(NamedTuple):
    """A phrase found in a caption: its text, what it means, and between which two tokens it stands."""

    text: str
    meaning: Meaning
    start: int
    end: int


def detect_language(caption: str) -> Language:
    """Chinese if there is a Chinese character in the caption, else English."""
    return "zh" if _CHINESE.search(caption) else "en"


def parse(caption: str) -> Scene:
    """The scene that a caption describes; what it leaves unsaid takes its unmarked value.

    Raises:
        CaptionError: (a ValueError) empty, too long, a word that is not known, a combination that the grammar does not have.
    """
    lang = detect_language(caption)
    tokens = normalise(caption, lang)
    if not any(token not in _STOPS for token in tokens):
        raise CaptionError("empty", lang)
    if len(tokens) > MAX_WORDS[lang]:
        raise CaptionError("long", lang, count=len(tokens), limit=MAX_WORDS[lang])
    draft = Draft(lang, caption.strip())
    items = scan(tokens, lang)
    for i, item in enumerate(items):
        leads = _is_adjective(item) and _leads_to_noun(items[i + 1 :])
        for slot, value in item.meaning:
            draft.take(slot, value, item, leads)
    return draft.scene()


def _is_adjective(item: Item) -> bool:
    return item.meaning[0][0] in ("color", "size", "mark")


def _leads_to_noun(ahead: list[Item]) -> bool:
    """Whether a noun comes next, with nothing but adjectives and function words before it."""
    for item in ahead:
        if item.meaning[0][0] == "kind":
            return True
        if not _is_adjective(item) and item.meaning[0][0] != "fill":
            return False
    return False


def normalise(caption: str, lang: Language) -> list[str]:
    """The tokens of a caption: lower case, half width, no quotes; English words or single Chinese characters."""
    text = unicodedata.normalize("NFKC", caption).lower()
    text = text.translate(words_zh.TRADITIONAL) if lang == "zh" else re.sub(r"[-‐‑–](?=\w)|['’]s\b", " ", text)
    return [token for token in _TOKENS[lang].findall(text) if token not in _QUOTES and token != "\ufe0f"]


def scan(tokens: list[str], lang: Language) -> list[Item]:
    """The known phrases of a caption in order, each the longest that begins where the last one ended.

    Raises:
        CaptionError: between two of them stands something unknown.
    """
    lexicon, glue = index(lang), " " if lang == "en" else ""
    items: list[Item] = []
    strange: list[str] = []
    start = 0
    while start < len(tokens):
        item = _longest(tokens, start, lexicon.phrases, lexicon.longest, glue)
        if strange and (item is not None or lang == "en"):
            break
        if item is None:
            strange.append(tokens[start])
            start += 1
        else:
            if item.meaning[0][0] == "foreign":
                raise foreign(item.text, item.meaning[0][1], lang)
            items.append(item)
            start = item.end
    if strange:
        raise unknown(strange, lang)
    return items


def _longest(tokens: list[str], start: int, phrases: dict[str, Meaning], longest: int, glue: str) -> Item | None:
    if tokens[start] in _STOPS:
        return Item(tokens[start], (("break", tokens[start]),), start, start + 1)
    for end in range(min(start + longest, len(tokens)), start, -1):
        text = glue.join(tokens[start:end])
        if text in phrases:
            return Item(text, phrases[text], start, end)
    return None

