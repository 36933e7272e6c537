"""The narrator of facts: what it is told, what it may write, how it learns."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.models.fact_narrator import SHIPPED, FactNarrator, FactNarratorConfig, guard, still_to_say
from t2v_edu.text.stories import SLOTS, is_well_told, story
from t2v_edu.training.narrator import report, stories, train

TINY = FactNarratorConfig(width=4, hidden=6)


def test_what_is_still_to_say_by_hand():
    ids = torch.tensor([[1, 3, 12, 7, 0], [2, 12, 9, 12, 12]])  # <thing> … <year>; then … <visitors>
    wanted = [[[1, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 0, 0], [0] * 7, [0] * 7],
              [[0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 1], [0] * 7, [0] * 7, [0] * 7]]
    assert still_to_say(ids).int().tolist() == wanted


def test_its_loss_is_the_mean_over_real_symbols():
    torch.manual_seed(0)
    texts = [story(["thing", "year"], "en", np.random.default_rng(0)), story(["thing"], "zh", np.random.default_rng(1))]
    narrator = FactNarrator.fit(texts, TINY)
    by_hand, count = 0.0, 0
    for text, start in zip(texts, (1, 2), strict=True):
        ids = torch.tensor([[start, *(narrator.symbols.index(s) for s in text), 0]])
        logits = narrator(ids[:, :-1], still_to_say(ids[:, :-1]))[0]
        by_hand += F.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
        count += ids.shape[1] - 1
    assert narrator.loss(texts, ["en", "zh"]).item() == pytest.approx(by_hand / count, rel=1e-5)


@given(st.lists(st.booleans(), min_size=7, max_size=7), st.integers(0, 99))
def test_the_guard_closes_what_it_says_and_nothing_else(left, seed):
    logits = torch.randn(15, generator=torch.Generator().manual_seed(seed))
    guarded = guard(logits, torch.tensor(left).float())
    closed = [True, False, False, *(not is_left for is_left in left), *[False] * 5]
    assert torch.isinf(guarded).tolist() == closed
    assert torch.equal(guarded[~torch.tensor(closed)], logits[~torch.tensor(closed)])


@settings(max_examples=30, deadline=None)
@given(known=st.sets(st.sampled_from(SLOTS[1:])), lang=st.sampled_from(["en", "zh"]), seed=st.integers(0, 999))
def test_even_an_untrained_one_says_no_slot_twice_and_none_it_does_not_know(known, lang, seed):
    torch.manual_seed(0)
    narrator = FactNarrator.fit(stories(20, seed=0)[0], TINY)
    try:
        written = narrator.write(["thing", *known], lang, generator=torch.Generator().manual_seed(seed))
    except ValueError as error:  # it babbles: no end within 120 symbols
        assert "no end within" in str(error)
        return
    assert sorted(s[1:-1] for s in written if s.startswith("<")) == sorted({"thing", *known})


def test_it_learns():
    _, losses = train(stories(200, seed=1), steps=40, batch=32, config=FactNarratorConfig(16, 48))
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    again = train(stories(200, seed=1), steps=40, batch=32, config=FactNarratorConfig(16, 48))[1]
    assert losses == again


def test_what_shipped_tells_facts_in_whole_sentences():
    for table in (report(FactNarrator.from_pretrained(), count=60), json.loads((SHIPPED / "report.json").read_text())):
        assert table["with the guard"]["every fact once"] == 1
        assert table["with the guard"]["in whole sentences, too"] > 0.9
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 300_000


def test_what_is_well_told():
    text = "the <thing> stands in <place> . it opened in <year> .".split()
    assert is_well_told(text, ["thing", "place", "year"], "en")
    assert not is_well_told(text, ["thing", "place", "year", "height"], "en")  # something left out
    assert not is_well_told([*text, *"it opened in <year> .".split()], ["thing", "place", "year"], "en")  # twice
    assert not is_well_told([*text, "it", "is"], ["thing", "place", "year"], "en")  # a sentence without an end
    assert not is_well_told("the <thing> opened in <place> .".split(), ["thing", "place"], "en")  # no such sentence


def test_saving_and_refusing(tmp_path):
    narrator = FactNarrator.fit(stories(20, seed=0)[0], TINY)
    narrator.save_pretrained(tmp_path)
    assert FactNarrator.from_pretrained(tmp_path).symbols == narrator.symbols
    with pytest.raises(ValueError, match="'1889' holds a number"):
        FactNarrator(TINY, ["in", "1889"])
    with pytest.raises(ValueError, match="hidden"):
        FactNarratorConfig(hidden=0)
    with pytest.raises(ValueError, match="'colour'"):
        narrator.write(["thing", "colour"])
    with pytest.raises(ValueError, match="'fr'"):
        narrator.write(["thing"], "fr")
