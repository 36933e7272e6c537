"""The window of skip-gram: its maths in Python and JavaScript, what it refuses, and its life in a browser."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.text.word2vec import noise, reach_share, window_pairs
from t2v_edu.widgets import SkipGramWindow

MATHS = {"sources": ("skip_gram_math",), "exports": ("windowPairs", "reachShare", "noiseShares")}


@needs_node
def test_pairs_and_chances_agree_over_a_grid(tmp_path: Path) -> None:
    cases = [{"length": n, "window": w} for n, w in product(range(1, 13), range(1, 7))]
    body = "return given.map((c) => [windowPairs(c.length, c.window), [1,2,3,4,5,6,7].map((d) => reachShare(d, c.window))]);"
    got = run(tmp_path, body, cases, **MATHS)
    for case, (pairs, shares) in zip(cases, got, strict=True):
        assert [tuple(pair) for pair in pairs] == window_pairs(case["length"], case["window"])
        assert shares == [reach_share(d, case["window"]) for d in range(1, 8)]


@needs_node
def test_noise_agrees_over_a_grid(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes, powers = (1, 2, 9, 300), (0, 0.25, 0.5, 0.75, 1)
    cases = [{"counts": rng.integers(1, 10_000, n).tolist(), "power": p} for n, p in product(sizes, powers)]
    got = run(tmp_path, "return given.map((c) => noiseShares(c.counts, c.power));", cases, **MATHS)
    for case, theirs in zip(cases, got, strict=True):
        np.testing.assert_allclose(theirs, noise(case["counts"], case["power"]), rtol=0, atol=1e-14)


def test_the_question_is_answered_right_and_the_picture_says_what_is_drawn() -> None:
    window = SkipGramWindow()
    assert len(window.sentences[0]) == 9 and len(window_pairs(9, 2)) == 30
    pixels, text = window.picture()
    assert pixels.ndim == 3 and pixels.dtype == np.uint8
    assert "30 pairs" in text and "large 50%, red 100%, slowly 100%, moves 50%" in text


@pytest.mark.parametrize(("arguments", "told"), [
    ({"sentences": []}, r"0 sentence\(s\)"),
    ({"sentences": [["a"], []]}, r"\[1, 0\] words"),
    ({"counts": {"a": 0}}, "down to 0"),
    ({"centre": 9}, "centre 9"),
    ({"window": 7}, "window 7"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SkipGramWindow(**arguments)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("skip_gram"), [SkipGramWindow()]).as_uri()


class TestInTheBrowser:
    def contexts(self, t: Tab) -> list[str]:
        return list(t.page.locator(".t2v-weights").first.locator("tr td:nth-child(2)").all_text_contents())

    def test_words_and_dials_change_the_pairs(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        assert self.contexts(t) == ["large", "red", "slowly", "moves"]
        t.page.get_by_role("button", name="a centre").or_(t.page.get_by_role("button", name="a –")).first.click()
        t.page.wait_for_function("location.hash.includes('w1.centre=0')")
        assert self.contexts(t) == ["large", "red"]
        t.page.get_by_role("slider", name="Window").focus()
        t.page.keyboard.press("End")
        t.page.wait_for_function("location.hash.includes('w1.window=6')")
        assert len(self.contexts(t)) == 6
        assert f"make {len(window_pairs(9, 6))} pairs" in t.page.locator(".t2v-told").text_content()
        t.menu("Sentence").select_option("1")
        t.page.wait_for_function("location.hash.includes('w1.sentence=1')")
        assert self.contexts(t) == ["小狗", "在", "草地", "上", "奔跑"]
        t.page.get_by_role("button", name="Reset").click()
        t.page.wait_for_function("location.hash === ''")
        assert self.contexts(t) == ["large", "red", "slowly", "moves"]
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_the_power_moves_the_noise(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w1.power=0")
        shown = t.page.locator(".t2v-weights").nth(1).locator("tr td:nth-child(4)").all_text_contents()
        assert set(shown) == {f"{100 / 15:.1f}%"}  # 15 different words in the two sentences, all alike at power 0
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_nonsense_in_the_link_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w1.window=99&w1.centre=-4&w1.sentence=7&w1.power=x")
        assert self.contexts(t) == ["小狗", "在", "草地", "上", "奔跑"]
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = tab(viewport={"width": width, "height": 900}).open(page)
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
        assert t.page.locator("[aria-live=polite]").count() == 1
