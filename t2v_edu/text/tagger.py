"""Chapter 03 · parts of speech and names: an averaged perceptron for English, jieba's tags for Chinese · Collins 2002.

A tagger looks at a word and its neighbours and sums weights, one for each thing that it sees and each tag; the tag with the
greatest sum wins. Where it is wrong, the right tag's weights go up by one and the wrong one's down by one. That is all.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Self

from t2v_edu.text.corpora import Tagged, hand_tagged, tagged_captions
from t2v_edu.text.tokenizer import jieba_with_tags, language_of
from t2v_edu.world.lexicon import Language

Words = Sequence[str]
_TOKENS = re.compile(r"\d+(?:[.,]\d+)*|(?<=\w)['’]s\b|[^\W\d_]+(?:-[^\W\d_]+)*|[^\w\s]|_")


def tokenize(text: str) -> list[str]:
    """English words with their case, numbers whole, the possessive 's and each punctuation mark apart.

    Raises:
        ValueError: nothing in it is English or Chinese; the text is quoted.
    """
    language_of(text)
    return _TOKENS.findall(text)


def features(words: Words, hints: Words, i: int, before: str, before_2: str) -> list[str]:
    """What the tagger sees at word i: it, its ending and shape, its neighbours, the two tags before it.

    `hints` are the tags that another tagger gave to all words, or nothing.
    """
    last, word, next_ = ("<start>", *words, "<end>")[i : i + 3]
    first = "first " if last in ("<start>", ".", "!", "?") else ""  # where a capital says little
    low = word.lower()
    seen = ["always", f"word {low}", f"ending {low[-3:]}", f"ending {low[-2:]}", f"first letter {low[0]}",
            f"{first}shape {shape(word)}", f"{first}shapes {shape(last)} {shape(word)} {shape(next_)}",
            f"tag before {before}", f"two tags before {before_2} {before}", f"tag before and word {before} {low}",
            f"word before {last.lower()}", f"ending before {last.lower()[-3:]}",
            f"word after {next_.lower()}", f"ending after {next_.lower()[-3:]}"]
    if hints:
        left, here, right = ("", *hints, "")[i : i + 3]
        seen += [f"hint {here}", f"hints {left} {here} {right}", f"hint and tag before {here} {before}"]
    return seen


def shape(word: str) -> str:
    """How a word is written: Aa, A, a, 0 (a number), 0000 (one of four digits), . (anything else)."""
    if word[0].isdigit():
        return "0000" if len(word) == 4 and word.isdigit() else "0"
    if not word[0].isalpha():
        return "<" if word[0] == "<" else "."
    return "a" if not word[0].isupper() else "A" if len(word) > 1 and word.isupper() else "Aa"


class PerceptronTagger:
    """Tags words from left to right.

    Args:
        weights: feature → tag → weight.
        tags: all tags.
    """

    def __init__(self, weights: dict[str, dict[str, float]], tags: Sequence[str]) -> None:
        self.weights, self.tags = weights, tuple(sorted(tags))

    def scores(self, seen: Sequence[str]) -> dict[str, float]:
        """Each tag's sum of weights."""
        total = dict.fromkeys(self.tags, 0.0)
        for feature in seen:
            for tag, weight in self.weights.get(feature, {}).items():
                total[tag] += weight
        return total

    def choose(self, seen: Sequence[str]) -> str:
        """The tag with the greatest sum; of equals the first in the alphabet."""
        total = self.scores(seen)
        return max(self.tags, key=lambda tag: total[tag])

    def tag(self, words: Words, hints: Words = ()) -> list[str]:
        """One tag a word. An empty row of words has no tags."""
        tags = ["<start>", "<start>"]
        for i in range(len(words)):
            tags.append(self.choose(features(words, hints, i, tags[-1], tags[-2])))
        return tags[2:]

    @classmethod
    def train(cls, sentences: Sequence[tuple[Words, Words, Words]], epochs: int = 8, seed: int = 0) -> Self:
        """A tagger from sentences of (words, hints, tags), hints empty where there are none.

        The weights handed back are averaged over all steps: the last few sentences seen must not count more than the first.

        Raises:
            ValueError: no sentence, or one whose words and tags differ in number.
        """
        if not sentences or any(len(words) != len(tags) for words, _, tags in sentences):
            bad = next((words for words, _, tags in sentences if len(words) != len(tags)), [])
            raise ValueError(f"{len(sentences)} sentences; {' '.join(bad)!r}: give some, with one tag for each word")
        tagger = cls({}, list({tag for _, _, tags in sentences for tag in tags}))
        average, order, rng = _Average(tagger.weights), list(sentences), random.Random(seed)
        for _ in range(epochs):
            rng.shuffle(order)
            for words, hints, right in order:
                guessed = ["<start>", "<start>"]
                for i, tag in enumerate(right):
                    seen = features(words, hints, i, guessed[-1], guessed[-2])
                    guessed.append(tagger.choose(seen))  # what it will see when it is used, mistakes included
                    average.step(seen, tag, guessed[-1])
        tagger.weights = average.weights()
        return tagger

    def save(self, path: str | Path) -> None:
        """Write tags and weights as JSON."""
        text = json.dumps({"tags": self.tags, "weights": self.weights}, ensure_ascii=False, sort_keys=True)
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What `save` wrote."""
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(stored["weights"], stored["tags"])


class _Average:
    """Weights in training, and the sum that each has had over all steps so far, kept up only where a weight changes."""

    def __init__(self, weights: dict[str, dict[str, float]]) -> None:
        self.now, self.steps = weights, 0
        self.sums: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.since: dict[tuple[str, str], int] = {}

    def step(self, seen: Sequence[str], right: str, guessed: str) -> None:
        """One word has been tagged: mend the weights if the guess was wrong."""
        self.steps += 1
        if right == guessed:
            return
        for feature in seen:
            for tag, change in ((right, 1.0), (guessed, -1.0)):
                row, key = self.now.setdefault(feature, {}), (feature, tag)
                self.sums[key] += row.get(tag, 0.0) * (self.steps - 1 - self.since.get(key, 0))  # it held up to the step before
                self.since[key] = self.steps - 1
                row[tag] = row.get(tag, 0.0) + change

    def weights(self) -> dict[str, dict[str, float]]:
        """The averages, those that are zero left out."""
        averages: dict[str, dict[str, float]] = {}
        for feature, row in self.now.items():
            for tag, weight in row.items():
                key = (feature, tag)
                total = self.sums[key] + weight * (self.steps - self.since[key])
                if total:
                    averages.setdefault(feature, {})[tag] = round(total / self.steps, 4)
        return averages


class MostFrequentTag:
    """The baseline that every tagger must beat: a word's most frequent tag, and for a new word the most frequent of all."""

    def __init__(self, sentences: Sequence[tuple[Words, Words, Words]]) -> None:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for words, _, tags in sentences:
            for word, tag in zip(words, tags, strict=True):
                counts[word.lower()][tag] += 1
        self.best = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
        new = Counter(next(iter(tags)) for tags in counts.values() if tags.total() == 1)  # what words seen once are
        self.rest = (new or Counter(self.best.values())).most_common(1)[0][0]

    def tag(self, words: Words, hints: Words = ()) -> list[str]:
        return [self.best.get(word.lower(), self.rest) for word in words]


def as_rows(sentences: Sequence[Sequence[Tagged]], names: bool = False) -> list[tuple[list[str], list[str], list[str]]]:
    """Tagged sentences as (words, hints, tags): to learn parts of speech, or names with the parts of speech as hints."""
    return [([t.word for t in s], [t.tag for t in s] if names else [], [t.name if names else t.tag for t in s])
            for s in sentences]


class EnglishTagger:
    """Parts of speech, then names that see them: two perceptrons."""

    def __init__(self, parts: PerceptronTagger, names: PerceptronTagger) -> None:
        self.parts, self.names = parts, names

    @classmethod
    def train(cls, sentences: Sequence[Sequence[Tagged]], epochs: int = 8, seed: int = 0) -> Self:
        """Both from tagged sentences."""
        parts = PerceptronTagger.train(as_rows(sentences), epochs, seed)
        return cls(parts, PerceptronTagger.train(as_rows(sentences, names=True), epochs, seed))

    def tag(self, text: str | Words) -> list[Tagged]:
        """The words of a text (or given words) with their tags.

        Raises:
            ValueError: a text without a word of English or Chinese.
        """
        words = tokenize(text) if isinstance(text, str) else list(text)
        tags = self.parts.tag(words)
        return [Tagged(*row) for row in zip(words, tags, self.names.tag(words, tags), strict=True)]


@cache
def english_tagger(captions: int = 200) -> EnglishTagger:
    """The course's tagger: trained, in a few seconds, on our own sentences and on some of the world's captions."""
    return EnglishTagger.train([*hand_tagged(), *tagged_captions(captions)])


# jieba's tags that name something: nr and its kin are people, ns places, nz other proper names.
_JIEBA_NAMES = {"nr": "PERSON", "nrt": "PERSON", "nrfg": "PERSON", "ns": "PLACE", "nz": "WORK", "nt": "GROUP"}


def tag_chinese(text: str) -> list[Tagged]:
    """jieba's words and tags; a tag that says what is named becomes a name, and names whose parts are joined by · in one."""
    tagged: list[Tagged] = []
    for word, tag in jieba_with_tags(text):
        kind = _JIEBA_NAMES.get(tag, "")
        inside = len(tagged) > 1 and tagged[-1].word == "·" and tagged[-2].name.endswith("PERSON") and kind == "PERSON"
        if inside:
            tagged[-1] = tagged[-1]._replace(name="I-PERSON")
        tagged.append(Tagged(word, tag, kind and ("I-" if inside else "B-") + kind))
    return tagged


def tag(text: str) -> list[Tagged]:
    """The words of a text in either language with their tags: Universal Dependencies' for English, jieba's for Chinese.

    Raises:
        ValueError: an empty text, or one in neither language; it is quoted.
    """
    return tag_chinese(text) if language_of(text) == "zh" else english_tagger().tag(text)


def names(tagged: Sequence[Tagged], lang: Language = "en") -> list[tuple[str, str]]:
    """The names in a tagged text, whole, each with its kind."""
    found: list[tuple[list[str], str]] = []
    for token in tagged:
        if token.name.startswith("I-") and found:
            found[-1][0].append(token.word)
        elif token.name:
            found.append(([token.word], token.name[2:]))
    return [((" " if lang == "en" else "").join(words), kind) for words, kind in found]
