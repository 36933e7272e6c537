"""Chapter 03 · key facts of a paragraph, as a table: rules over words, tags and names.

A rule knows a pattern and nothing else. It finds what the text says, in the wording that it was made for, true or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from t2v_edu.text.corpora import Tagged
from t2v_edu.text.tagger import names, tag
from t2v_edu.text.tokenizer import language_of
from t2v_edu.world.lexicon import Language

COUNTRIES = {
    "en": "Australia Austria Brazil Canada China Egypt England France Germany Hungary India Iceland Italy Japan Kenya Korea "
    "Mexico Norway Poland Portugal Russia Spain Sweden Turkey Vietnam".split(),
    "zh": "澳大利亚 奥地利 巴西 加拿大 中国 埃及 英国 法国 德国 匈牙利 印度 冰岛 意大利 日本 肯尼亚 韩国 墨西哥 挪威 波兰 葡萄牙 "
    "俄罗斯 西班牙 瑞典 土耳其 越南 美国".split(),
}
_OPENED = {"en": re.compile(r"open(ed|s)|built|finished|completed|inaugurated"), "zh": re.compile("落成|建成|完工|竣工|开放")}
_TALL = {"en": re.compile(r"tall|high|height"), "zh": re.compile("高|高度")}
_METRES = {"en": re.compile(r"met(re|er)s?"), "zh": re.compile("米")}
_YEAR = re.compile(r"1\d{3}|20\d{2}")
_VISITORS = {"en": re.compile("visitors|tourists"), "zh": re.compile("游客|观众")}
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
NEAR = 6  # words between a number and the word that says what it counts


class Fact(NamedTuple):
    """One row of the table: what it is, its value, and the rule that found it."""

    what: str
    value: str
    rule: str


def key_facts(text: str) -> list[Fact]:
    """Thing, place, country, person, year, height and visitors that a paragraph names, where a rule finds them, in this order.

    Raises:
        ValueError: an empty text, or one in neither English nor Chinese; it is quoted.
    """
    lang = language_of(text)
    return facts_of(tag(text), lang)


def facts_of(tagged: Sequence[Tagged], lang: Language) -> list[Fact]:
    """The facts in words that are tagged already."""
    named = names(split_countries(tagged, lang), lang)
    countries = set(COUNTRIES[lang])
    rows = [
        ("thing", _first(named, lambda name, kind: kind == "WORK"), "the first name of something made"),
        ("place", _town(tagged, named, lang), "the name beside the word for capital, else the first place that is no country"),
        ("country", _first(named, lambda name, kind: name in countries), "the first name on the list of countries"),
        ("person", _first(named, lambda name, kind: kind == "PERSON" and len(name) > 2), "the first name of a person"),
        ("year", _year(tagged, lang), "the four digits nearest to a word for opening or building"),
        ("height", _height(tagged, lang), "the number before metres, near a word for tall"),
        ("visitors", _visitors(tagged, lang), "a word for visitors, with the number before it"),
    ]
    return [Fact(*row) for row in rows if row[1]]


def split_countries(tagged: Sequence[Tagged], lang: Language) -> list[Tagged]:
    """Chinese words such as 法国巴黎, which jieba keeps in one, cut behind the country."""
    out: list[Tagged] = []
    for token in tagged:
        country = next((c for c in COUNTRIES["zh"] if token.word.startswith(c) and token.word != c), "") if lang == "zh" else ""
        parts = (country, token.word.removeprefix(country)) if country and token.name == "B-PLACE" else (token.word,)
        out += [token._replace(word=part) for part in parts]
    return out


def _first(named: Sequence[tuple[str, str]], fits: Callable[[str, str], bool]) -> str:
    return next((name for name, kind in named if fits(name, kind)), "")


def _town(tagged: Sequence[Tagged], named: Sequence[tuple[str, str]], lang: Language) -> str:
    """A capital by name: in English before the word capital, in Chinese behind 首都; else the first place that is no country."""
    places = [name for name, kind in named if kind == "PLACE" and name not in COUNTRIES[lang]]
    text = (" " if lang == "en" else "").join(token.word for token in tagged)
    for place in places:
        if re.search(re.escape(place) + r" , the capital" if lang == "en" else "首都" + re.escape(place), text):
            return place
    return places[0] if places else ""


def _nearest(tagged: Sequence[Tagged], found: Sequence[int], anchor: re.Pattern[str]) -> int | None:
    """Which of some positions stands nearest to a word that the pattern matches, at most NEAR words off and in one sentence."""
    anchors = [i for i, token in enumerate(tagged) if anchor.fullmatch(token.word.lower())]
    stops = {i for i, token in enumerate(tagged) if token.word in ".。!！?？"}
    pairs = [(abs(i - j), i) for i in found for j in anchors if not stops & set(range(min(i, j), max(i, j)))]
    close = [pair for pair in pairs if pair[0] <= NEAR]
    return min(close)[1] if close else None


def _year(tagged: Sequence[Tagged], lang: Language) -> str:
    years = [i for i, token in enumerate(tagged) if _YEAR.fullmatch(token.word.removesuffix("年"))
             and (lang == "en" or "".join(t.word for t in tagged[i : i + 2]).find("年") == 4)]
    i = _nearest(tagged, years, _OPENED[lang])
    return "" if i is None else tagged[i].word.removesuffix("年")


def _height(tagged: Sequence[Tagged], lang: Language) -> str:
    numbers = [i for i, token in enumerate(tagged[:-1])
               if _NUMBER.fullmatch(token.word) and _METRES[lang].fullmatch(tagged[i + 1].word.lower())]
    i = _nearest(tagged, numbers, _TALL[lang])
    return "" if i is None else f"{tagged[i].word} m"


def _visitors(tagged: Sequence[Tagged], lang: Language) -> str:
    """"Millions of visitors" or 数百万游客: from the number on, if there is one."""
    for i, token in enumerate(tagged):
        if _VISITORS[lang].fullmatch(token.word.lower()):
            words = [t.word for t in tagged[max(0, i - 2) : i]]
            if lang == "en":
                return f"{words[0].lower()} of {token.word}" if words[1:] == ["of"] else token.word
            return (words[-1] if words and tagged[i - 1].tag == "m" else "") + token.word
    return ""
