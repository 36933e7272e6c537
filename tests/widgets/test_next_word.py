"""What comes next, and the gates: their maths in Python and JavaScript, what they refuse, and their life in a browser."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.models.narrator import breadth, next_probabilities
from t2v_edu.recurrent import LSTMCell
from t2v_edu.widgets import Gates, NextWord
from t2v_edu.widgets.gates import KINDS, MOST, PULSE, STEPS, events, half_life, memory_of, one_number_cell

WORDS = ["cat", "dog", "girl", "tower", "<end>"]
LOGITS = [[2.0, 1.0, 0.0, -1.0, -3.0], [0.0, 0.0, 3.0, 0.0, 0.0]]


def next_word(**settings: Any) -> NextWord:
    return NextWord(["a", "the young"], WORDS, LOGITS, **settings)


@needs_node
def test_next_word_is_the_same_in_javascript_over_a_grid(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cases = []
    for size, temperature, top_k in product((1, 3, 40), (0, 0.05, 0.7, 1, 3), (0, 1, 2, 50)):
        logits = (4 * rng.standard_normal(size)).round(1)  # rounded, so that some are equal
        cases.append({"logits": logits.tolist(), "temperature": temperature, "top_k": top_k})
    body = """return given.map((c) => {
        const p = nextProbabilities(c.logits, c.temperature, c.top_k);
        return [p, breadthOf(p)];
    });"""
    got = run(tmp_path, body, cases, sources=("next_word_math",), exports=("nextProbabilities", "breadthOf"))
    for case, (theirs, torn) in zip(cases, got, strict=True):
        logits = torch.tensor(case["logits"], dtype=torch.float64)
        ours = next_probabilities(logits, case["temperature"], case["top_k"] or None)
        np.testing.assert_allclose(theirs, ours.numpy(), rtol=0, atol=1e-12)
        assert torn == pytest.approx(float(breadth(ours)), abs=1e-9)


@needs_node
def test_a_step_of_every_cell_is_the_same_in_javascript(tmp_path: Path) -> None:
    """Not only with the widget's weights: with any."""
    cases, wanted = [], []
    for seed, (kind, cell_type) in product(range(20), KINDS.items()):
        torch.manual_seed(seed)
        cell = cell_type(1, 1).double()
        x, *state = torch.randn(1 + cell.states, dtype=torch.float64)
        weights = {"ih": cell.weight_ih.flatten().tolist(), "hh": cell.weight_hh.flatten().tolist()}
        with torch.no_grad():
            cell.bias_hh.zero_()
            wanted.append([float(s) for s in cell(x.reshape(1, 1), tuple(s.reshape(1, 1) for s in state))])
        weights["bias"] = cell.bias_ih.tolist()
        cases.append({"kind": kind, "w": weights, "x": float(x), "s": [float(s) for s in state]})
    body = "return given.map((c) => gateStep(c.kind, c.w, c.x, c.s).state);"
    got = run(tmp_path, body, cases, sources=("gates_math",), exports=("gateStep",))
    for ours, theirs in zip(wanted, got, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-12)


@needs_node
def test_memories_and_half_lives_are_the_same_in_javascript(tmp_path: Path) -> None:
    cases = [list(c) for c in product(KINDS, (-MOST, -8, 0, 4, 12, MOST), (-MOST, -4, 6), (False, True))]
    body = """return given.map(([kind, keep, write, noise]) => {
        const m = gateMemory(kind, gateWeights(kind, keep, write), gateEvents(noise)).map((s) => s.memory);
        return [m, gateHalfLife(m)];
    });"""
    got = run(tmp_path, body, cases, sources=("gates_math",),
              exports=("gateMemory", "gateWeights", "gateEvents", "gateHalfLife"))
    for (kind, keep, write, noise), (theirs, half) in zip(cases, got, strict=True):
        ours = memory_of(one_number_cell(kind, keep, write), events(noise))
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-12)
        assert half == half_life(ours)


def test_half_life_of_an_lstm_in_closed_form() -> None:
    """With the input gate shut the memory is f to the k."""
    for keep in (-4, 0, 4, 8, 12):
        cell = one_number_cell("lstm", keep, -MOST)
        assert isinstance(cell, LSTMCell)
        f = 1 / (1 + np.exp(-keep / 4))
        memory = memory_of(cell, events(False))
        np.testing.assert_allclose(memory[PULSE:], memory[PULSE] * f ** np.arange(STEPS - PULSE), rtol=1e-9)
        wanted = int(np.ceil(np.log(0.5) / np.log(f) - 1e-6))  # the first whole step at which no more than half is left
        assert half_life(memory) == (wanted if wanted < STEPS - PULSE else None)


def test_pictures_tell_what_they_show() -> None:
    pixels, text = next_word().picture()
    assert pixels.ndim == 3 and pixels.dtype == np.uint8 and "After “a”" in text and "cat 0.64" in text
    pixels, text = Gates("gru", keep=0).picture()
    assert pixels.dtype == np.uint8 and text == "The memory of one GRU cell of an event at step 4: it falls to half after 1 step"
    assert "does not fall" in Gates("lstm", keep=MOST, write=-MOST).picture()[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], WORDS, LOGITS), r"0 beginning.*\(2, 5\)"),
        ((["a"], WORDS, LOGITS), r"\(1, 5\), got \(2, 5\)"),
        ((["a", "b"], WORDS, [[float("nan")] * 5] * 2), "finite"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NextWord(*arguments)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("site"), [next_word(), Gates()]).as_uri()


class TestInABrowser:
    @staticmethod
    def shares(t: Tab) -> list[str]:
        return list(t.page.locator(".t2v-next-bars li > span:last-child").all_text_contents())

    def test_the_dials_reshape_the_distribution(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        ours = next_word()
        assert self.shares(t)[:3] == [f"{p:.2f}" for p in ours.probabilities()[:3]]
        t.page.get_by_role("slider", name="Top-k").focus()
        for _ in range(2):
            t.page.keyboard.press("ArrowRight")
        t.page.wait_for_function("location.hash.includes('w1.top_k=2')")
        ours.top_k = 2
        assert self.shares(t)[:3] == [f"{ours.probabilities()[0]:.2f}", f"{ours.probabilities()[1]:.2f}", "struck out"]
        t.page.get_by_role("slider", name="Temperature").focus()
        t.page.keyboard.press("Home")
        t.page.wait_for_function("location.hash.includes('w1.warmth=0')")
        assert self.shares(t)[:2] == ["1.00", "struck out"]
        t.page.get_by_role("combobox", name="The caption so far").select_option("1")
        t.page.wait_for_function("document.querySelector('.t2v-next-word').textContent === 'girl'")
        t.page.get_by_role("button", name="Reset").first.click()
        t.page.wait_for_function("location.hash === ''")
        assert self.shares(t)[0] == f"{next_word().probabilities()[0]:.2f}"
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_the_gates_change_how_long_it_remembers(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        told = t.page.locator(".t2v-gates p[role=status]")

        def half(kind: str, keep: int, write: int = -12, noise: bool = False) -> str:
            found = half_life(memory_of(one_number_cell(kind, keep, write), events(noise)))
            return "Not fallen to half" if found is None else f"Down to half after {found} step"

        assert half("lstm", 4) in told.text_content()
        t.page.get_by_role("slider", name="Forget gate").focus()
        t.page.keyboard.press("End")
        t.page.wait_for_function("location.hash.includes('w2.keep=24')")
        assert half("lstm", 24) in told.text_content()
        t.page.get_by_role("combobox", name="Cell").select_option("gru")
        t.page.get_by_label("small disturbances").check()
        t.page.wait_for_function("location.hash.includes('w2.noise=true')")
        assert half("gru", 24, noise=True) in told.text_content()
        assert t.page.get_by_role("slider", name="Input gate").count() == 0
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_nonsense_in_the_address_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w1.beginning=9&w1.warmth=-5&w1.top_k=1e9&w2.kind=cnn&w2.keep=1000")
        assert self.shares(t)[0] == "1.00"
        assert t.page.get_by_role("combobox", name="Cell").input_value() == "lstm"
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = tab(viewport={"width": width, "height": 900}).open(page)
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
