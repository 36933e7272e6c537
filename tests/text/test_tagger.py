"""Tags and facts: the perceptron against its plain definition and against the baseline, the paragraph's table, and bad input."""

import json
import random

import pytest

from t2v_edu.text.corpora import Tagged, bilingual_sentences, hand_tagged, tagged_captions, tower_paragraph, translated_captions
from t2v_edu.text.facts import COUNTRIES, facts_of, key_facts
from t2v_edu.text.tagger import (
    EnglishTagger,
    MostFrequentTag,
    PerceptronTagger,
    as_rows,
    features,
    names,
    shape,
    tag,
    tag_chinese,
    tokenize,
)
from t2v_edu.world.captions import parse

UNIVERSAL = {"ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "VERB"}
FACTS = ["thing", "place", "country", "person", "year", "height", "visitors"]


def accuracy(tagger, rows):
    pairs = [pair for words, hints, tags in rows for pair in zip(tagger.tag(words, hints), tags, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


def test_tokens_keep_case_numbers_and_marks():
    assert tokenize("Gustave Eiffel's tower, 324.5 m: it's high-up!") == [
        "Gustave", "Eiffel", "'s", "tower", ",", "324.5", "m", ":", "it", "'s", "high-up", "!"]  # fmt: skip
    assert tokenize("Émile saw 20,000 lamps") == ["Émile", "saw", "20,000", "lamps"]
    for strange in ("", "Привет", "…"):
        with pytest.raises(ValueError, match="no words of English or Chinese") as error:
            tokenize(strange)
        assert repr(strange) in str(error.value)


def test_shapes_of_words():
    assert [shape(w) for w in ("Paris", "A", "CN", "red", "7", "1889", "324.5", ",", "<end>")] == [
        "Aa", "Aa", "A", "a", "0", "0000", "0", ".", "<"]  # fmt: skip


def test_the_corpus_is_well_formed():
    sentences = hand_tagged()
    assert len(sentences) > 150
    for sentence in sentences:
        assert {t.tag for t in sentence} <= UNIVERSAL
        for before, token in zip((Tagged("", ""), *sentence), sentence, strict=False):
            kind = token.name[2:]
            assert token.name == "" or (token.name[:2] in ("B-", "I-") and kind in ("PERSON", "PLACE", "WORK")), sentence
            assert not token.name.startswith("I-") or before.name[2:] == kind, sentence
    paragraph = " ".join(tokenize(tower_paragraph("en")))
    assert not any(" ".join(t.word for t in s) in paragraph for s in sentences)  # the paragraph is not in what is learnt


def test_captions_are_tagged_as_the_world_means_them():
    for sentence in tagged_captions(150, seed=2):
        scene = parse(" ".join(t.word for t in sentence))
        assert {t.tag for t in sentence} <= UNIVERSAL
        if scene.actors[0].action not in ("sits", "stands"):  # these may be left unsaid
            verbs = [t for t in sentence if t.tag == "VERB" and t.word not in ("wearing", "dressed")]
            assert len(verbs) <= 1, sentence
    circles = {t.tag for s in tagged_captions(600, seed=4) for t in s if t.word == "circle"}
    round_ones = {t.tag for s in tagged_captions(600, seed=4) for t in s if t.word == "circles"}
    assert circles == {"NOUN"} and round_ones == {"VERB"}


def plain_average(sentences, epochs, seed):
    """The averaged perceptron as one would first write it: keep the weights after every step, and take the mean."""
    tags = sorted({t for _, _, right in sentences for t in right})
    now, total, steps = {}, {}, 0
    order, rng = list(sentences), random.Random(seed)
    for _ in range(epochs):
        rng.shuffle(order)
        for words, hints, right in order:
            guessed = ["<start>", "<start>"]
            for i, wanted in enumerate(right):
                seen = features(words, hints, i, guessed[-1], guessed[-2])
                sums = {t: sum(now.get((f, t), 0) for f in seen) for t in tags}
                guess = max(tags, key=lambda t: sums[t])
                for key, change in [((f, t), c) for f in seen for t, c in ((wanted, 1), (guess, -1)) if wanted != guess]:
                    now[key] = now.get(key, 0) + change
                guessed.append(guess)
                steps += 1
                for key, weight in now.items():
                    total[key] = total.get(key, 0) + weight
    return {key: value / steps for key, value in total.items()}


def test_lazy_averages_are_those_of_the_plain_definition():
    rows = as_rows(hand_tagged()[:6])
    lazy = PerceptronTagger.train(rows, epochs=3, seed=5).weights
    plain = plain_average(rows, 3, 5)
    assert len(plain) > 300
    for (feature, t), value in plain.items():
        assert lazy.get(feature, {}).get(t, 0) == pytest.approx(value, abs=1e-4), (feature, t)


def test_held_out_sentences_are_tagged_far_better_than_by_the_most_frequent_tag():
    sentences = hand_tagged()
    train = as_rows([*(s for i, s in enumerate(sentences) if i % 5), *tagged_captions(100)])
    test = as_rows(sentences[::5])
    baseline, tagger = accuracy(MostFrequentTag(train), test), accuracy(PerceptronTagger.train(train), test)
    assert tagger > 0.85 and tagger > baseline + 0.08, (tagger, baseline)


def test_saved_weights_make_the_same_tagger(tmp_path):
    tagger = PerceptronTagger.train(as_rows(hand_tagged()[:40]), epochs=3)
    tagger.save(tmp_path / "weights.json")
    again = PerceptronTagger.load(tmp_path / "weights.json")
    assert again.tags == tagger.tags and again.weights == tagger.weights
    assert all(again.tag(w) == tagger.tag(w) for w, _, _ in as_rows(hand_tagged()[40:60]))
    assert json.loads((tmp_path / "weights.json").read_text())["tags"]


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="0 sentences"):
        PerceptronTagger.train([])
    with pytest.raises(ValueError, match="'a b'"):
        PerceptronTagger.train([(["a", "b"], [], ["DET"])])
    assert EnglishTagger.train(hand_tagged()[:5]).tag([]) == []


def test_names_are_put_together():
    tagged = [Tagged("Gustave", "PROPN", "B-PERSON"), Tagged("Eiffel", "PROPN", "I-PERSON"), Tagged("in", "ADP"),
              Tagged("Paris", "PROPN", "B-PLACE"), Tagged("Rome", "PROPN", "B-PLACE")]
    assert names(tagged) == [("Gustave Eiffel", "PERSON"), ("Paris", "PLACE"), ("Rome", "PLACE")]
    chinese = tag_chinese("古斯塔夫·埃菲尔是法国人")
    assert names(chinese, "zh")[0] == ("古斯塔夫·埃菲尔", "PERSON")


@pytest.mark.parametrize(("lang", "values"), [
    ("en", ["Eiffel Tower", "Paris", "France", "Gustave Eiffel", "1889", "324 m", "millions of visitors"]),
    ("zh", ["埃菲尔铁塔", "巴黎", "法国", "古斯塔夫·埃菲尔", "1889", "324 m", "数百万游客"]),
])  # fmt: skip
def test_the_facts_of_our_paragraph(lang, values):
    facts = key_facts(tower_paragraph(lang))
    assert [f.what for f in facts] == FACTS and [f.value for f in facts] == values


def test_rules_by_hand():
    def said(text, *places):
        words = text.split()
        return {f.what: f.value for f in facts_of([Tagged(w, "X", "B-PLACE" if w in places else "") for w in words], "en")}

    assert said("it opened in 1889 and closed in 1936") == {"year": "1889"}
    assert said("until 2022 it was 324 metres tall") == {"height": "324 m"}  # 2022 is no year of opening
    assert said("it opened . 1889 was warm") == {}  # another sentence
    assert said("Rome and Paris , the capital of France", "Rome", "Paris", "France") == {"place": "Paris", "country": "France"}
    assert said("the visitors wait") == {"visitors": "visitors"} and said("visitors") == {"visitors": "visitors"}
    assert said("a road of 324 metres") == {}  # long, not tall
    assert {f.what: f.value for f in key_facts("法国巴黎的铁塔高300米")}["country"] == "法国"
    assert {f.what: f.value for f in key_facts("法国巴黎的铁塔高300米")}["place"] == "巴黎"
    assert not set(COUNTRIES["en"]) & set(COUNTRIES["zh"])


def test_a_text_in_neither_language_is_quoted():
    for strange in ("", "Эйфелева башня"):
        for ask in (tag, key_facts):
            with pytest.raises(ValueError, match="no words of English or Chinese") as error:
                ask(strange)
            assert repr(strange) in str(error.value)


def test_the_corpus_of_two_languages_says_one_scene_in_both():
    pairs = list(translated_captions(30, seed=5))
    assert all(parse(english) == parse(chinese) for english, chinese in pairs)
    bags = bilingual_sentences(30, seed=5)
    assert len(bags) == 30 and any("红色" in b and {"red", "crimson", "scarlet"} & set(b) for b in bilingual_sentences(100))
