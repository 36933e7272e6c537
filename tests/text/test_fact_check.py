"""What a text invents is found: numbers, words that count, names, in both languages; and nothing else is complained of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.text.corpora import tower_paragraph
from t2v_edu.text.fact_check import unsaid, unsupported
from t2v_edu.text.facts import key_facts
from t2v_edu.text.stories import OPENINGS, SENTENCES, SLOTS, as_facts, realise, some_slots, story, surfaces, symbols_of

TOWER = {lang: key_facts(tower_paragraph(lang)) for lang in ("en", "zh")}


@pytest.mark.parametrize("text, found", [
    ("The Eiffel Tower opened in 1889.", []),
    ("It is 324 metres tall and opened in 1889. Millions of visitors look at it.", []),
    ("The Eiffel Tower opened in 1898.", ["1898"]),  # two digits swapped
    ("It is 32 metres tall.", ["32"]),  # part of a number is another number
    ("It is 3240 metres tall.", ["3240"]),
    ("It is 32.4 metres tall.", ["32.4"]),
    ("It stands in Rome, Italy.", ["Rome", "Italy"]),
    ("Rome has a tower.", ["Rome"]),  # a capital that the start of a sentence does not explain
    ("Gustave Flaubert looked at it.", ["Flaubert"]),
    ("Thousands of visitors come.", ["thousands"]),
    ("It has three floors.", ["three"]),
    ("Paris is the capital of Texas", ["Texas"]),
])  # fmt: skip
def test_english(text, found):
    assert unsupported(text, TOWER["en"]) == found


@pytest.mark.parametrize("text, found", [
    ("埃菲尔铁塔矗立在法国巴黎，高324米。", []),
    ("它于1889年落成，数百万游客来看它。", []),
    ("它于1898年落成。", ["1898"]),
    ("它高325米。", ["325"]),
    ("它矗立在德国柏林。", ["德国", "柏林"]),
    ("数十万游客来看它。", ["十万"]),
    ("它有三层。", ["三"]),
    ("爱迪生喜欢它。", ["爱迪生"]),
    ("这是Eiffel的铁塔。", ["Eiffel"]),
])  # fmt: skip
def test_chinese(text, found):
    assert unsupported(text, TOWER["zh"]) == found


@given(st.integers(1, 99_999), st.sampled_from(["en", "zh"]))
def test_every_wrong_number_is_found(number, lang):
    text = f"It is {number} metres tall." if lang == "en" else f"它高{number}米。"
    assert unsupported(text, TOWER[lang]) == ([] if number in (324, 1889) else [str(number)])


def test_what_was_left_out():
    assert unsaid("The Eiffel Tower stands in Paris.", TOWER["en"]) == ["country", "person", "year", "height", "visitors"]


class TestStories:
    @given(st.integers(0, 10**6), st.sampled_from(["en", "zh"]))
    def test_every_slot_comes_once(self, seed, lang):
        rng = np.random.default_rng(seed)
        known = some_slots(rng)
        symbols = story(known, lang, rng)
        assert sorted(s[1:-1] for s in symbols if s[0] == "<") == sorted(known)
        assert realise(symbols, [f for f in TOWER[lang] if f.what in known], lang)[-1] in ".。"

    @pytest.mark.parametrize("lang", ["en", "zh"])
    def test_no_sentence_holds_a_number_or_a_name_of_its_own(self, lang):
        for table in (OPENINGS, SENTENCES):
            for options in table[lang].values():
                for text in options:
                    told = realise(symbols_of(text), TOWER[lang], lang)
                    assert unsupported(told, TOWER[lang]) == [], text

    def test_realising_by_hand(self):
        facts = as_facts({"thing": "Old Mill", "height": "12 m"})
        symbols = "<thing> , <height> tall . it is <height> high .".split()
        assert realise(symbols, facts, "en") == "Old Mill, 12 metres tall. It is 12 metres high."
        assert surfaces(facts, "zh") == {"thing": "Old Mill", "height": "12米"}

    def test_symbols(self):
        assert symbols_of("The <thing>, in <year>.") == ["the", "<thing>", ",", "in", "<year>", "."]
        assert symbols_of("它高<height>。") == ["它", "高", "<height>", "。"]

    @pytest.mark.parametrize("values, told", [
        ({"place": "Rome"}, "needs a thing"), ({"thing": "x", "colour": "red"}, "'colour'"), ({"thing": " "}, "'thing' is empty"),
    ])  # fmt: skip
    def test_no_table(self, values, told):
        with pytest.raises(ValueError, match=told):
            as_facts(values)

    def test_a_table_comes_in_order(self):
        values = {"year": "1900", "thing": "Old Mill", "place": "Delft"}
        assert [fact.what for fact in as_facts(values)] == [slot for slot in SLOTS if slot in values]
