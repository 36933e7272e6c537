"""Chapter 03 · text to learn from: the world's captions without end, and the sentences that ship with the course."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from t2v_edu.paths import DATA
from t2v_edu.text.tokenizer import split_words
from t2v_edu.world.captions import say
from t2v_edu.world.captions import scan as find_phrases
from t2v_edu.world.lexicon import Language
from t2v_edu.world.scene import sample_scene

CORPORA = DATA / "corpora"
WORLDS = ("shapes", "digits", "story")


class Tagged(NamedTuple):
    """A word, its part of speech, and where in a name it stands: "B-PLACE" opens one, "I-PLACE" goes on, "" is no name."""

    word: str
    tag: str
    name: str = ""


# --- captions of the world ----------------------------------------------------------------------------------------------------


def translated_captions(count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """`count` pairs of captions, English and Chinese, of one scene each, from the worlds of one actor in turn."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        scene = sample_scene(WORLDS[i % len(WORLDS)], rng)
        yield say(scene, "en", rng), say(scene, "zh", rng)


def world_sentences(count: int, seed: int = 0, lang: Language = "en") -> list[list[str]]:
    """The words of `count` captions in one language."""
    return [split_words(pair[lang == "zh"]) for pair in translated_captions(count, seed)]


def bilingual_sentences(count: int, seed: int = 0) -> list[list[str]]:
    """`count` sentences of a made-up kind: the English and the Chinese words for one scene, in one bag, shuffled.

    So a word's window also holds the other language's words for what it means. Source: Vulić & Moens 2015.
    """
    rng = np.random.default_rng([seed, 1])
    sentences = []
    for english, chinese in translated_captions(count, seed):
        words = split_words(english) + split_words(chinese)
        rng.shuffle(words)
        sentences.append(words)
    return sentences


# --- sentences with tags ------------------------------------------------------------------------------------------------------


@cache
def hand_tagged() -> tuple[tuple[Tagged, ...], ...]:
    """The sentences of data/corpora/english.tagged: written for this course, and tagged by hand."""
    lines = (CORPORA / "english.tagged").read_text(encoding="utf-8").splitlines()
    return tuple(tuple(Tagged(*token.split("/")) for token in line.split()) for line in lines if line and line[0] != "#")


def tower_paragraph(lang: Language) -> str:
    """Our paragraph on the Eiffel Tower, in English or Chinese."""
    return (CORPORA / f"tower_{lang}.txt").read_text(encoding="utf-8").strip()


_WORDS = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_TAGS = {word: tag for tag, words in {  # words that are the same part of speech in every caption
    "DET": "a an the", "CCONJ": "and", "AUX": "is", "PRON": "its it that we there which", "PROPN": "paris eiffel",
    "NUM": "zero one two three four five six seven eight nine 0 1 2 3 4 5 6 7 8 9",
    "ADP": "on in of at to from toward by beside above below under with near", "ADV": "next back forth up down around tall",
    "NOUN": "side zigzag pace video dress background number digit sign shape", "VERB": "wearing dressed",
    "ADJ": "young round handwritten bigger larger smaller iron steady",
}.items() for word in words.split()}
_SLOT_TAGS = {"kind": "NOUN", "color": "ADJ", "size": "ADJ", "speed": "ADV", "direction": "ADV", "place": "NOUN",
              "action": "VERB", "motion": "VERB", "relation": "NOUN", "side": "NOUN", "its": "NOUN"}
_GROUNDS = ("black", "gray", "cream")  # nouns in "on black", adjectives in "on a black background"


def tagged_captions(count: int, seed: int = 0) -> list[list[Tagged]]:
    """`count` English captions with parts of speech: the world knows which phrase says what, so that it can tell the noun
    "circle" from the verb. Captions with hyphens or two actors are passed over."""
    rng = np.random.default_rng(seed)
    sentences: list[list[Tagged]] = []
    while len(sentences) < count:
        caption = say(sample_scene(WORLDS[len(sentences) % len(WORLDS)], rng), "en", rng)
        if "-" not in caption:
            sentences.append(_tag_caption(_WORDS.findall(caption)))
    return sentences


def _tag_caption(words: list[str]) -> list[Tagged]:
    tagged: list[Tagged] = []
    for item in find_phrases([word.lower() for word in words], "en"):
        slot = item.meaning[0][0]
        for place, word in enumerate(words[item.start : item.end]):
            tagged.append(Tagged(word, _caption_tag(word.lower(), slot, place, tagged[-1].tag if tagged else "")))
    names = [("B-PLACE" if t.word == "Paris" else "B-WORK" if t.word == "Eiffel" else "") for t in tagged]
    for i in range(1, len(tagged)):
        if tagged[i - 1].word == "Eiffel":
            tagged[i], names[i] = tagged[i]._replace(tag="PROPN"), "I-WORK"
    return [t._replace(name=name) for t, name in zip(tagged, names, strict=True)]


def _caption_tag(word: str, slot: str, place: int, before: str) -> str:
    """A word's tag from the slot of its phrase, its place in it, and the tag before it."""
    if not word.isalnum():
        return "PUNCT"
    if word in _TAGS:
        return _TAGS[word]
    if slot in ("action", "motion"):
        return "VERB" if place == 0 else "NOUN"
    if slot == "direction" and before in ("DET", "ADP"):
        return "NOUN"  # to the left, but: moves left
    if word in _GROUNDS:
        return "NOUN" if before == "ADP" else "ADJ"
    return _SLOT_TAGS.get(slot, "NOUN")
