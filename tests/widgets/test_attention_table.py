"""The attention table: its maths in Python and JavaScript, what it refuses, and its life in a browser."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.widgets import AttentionTable
from t2v_edu.widgets.attention_table import padded_weights


def grid() -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    cases = []
    for words, width, pads, masked, power in product((1, 2, 5, 8), (1, 2, 7), (0, 1, 4), (True, False), (-4, 0, 4)):
        q, k = 3 * rng.standard_normal((2, words, width))
        cases.append({"queries": q.tolist(), "keys": k.tolist(), "pads": pads, "masked": masked, "factor": 2.0**power})
    return cases


@needs_node
def test_python_and_javascript_agree_over_a_grid(tmp_path: Path) -> None:
    cases = grid()
    body = "return given.map((c) => paddedWeights(c.queries, c.keys, c.pads, c.masked, c.factor));"
    got = run(tmp_path, body, cases, sources=("attention_math",), exports=("paddedWeights",))
    assert len(cases) == 216
    for case, theirs in zip(cases, got, strict=True):
        ours = padded_weights(np.array(case["queries"]), np.array(case["keys"]), case["pads"], case["masked"], case["factor"])
        np.testing.assert_allclose(np.array(theirs), ours, rtol=0, atol=1e-12)


@needs_node
def test_breadth_is_one_for_one_word_and_all_for_all(tmp_path: Path) -> None:
    rows = [[1, 0, 0], [0.25] * 4, [0.5, 0.5, 0]]
    got = run(tmp_path, "return given.map(attentionBreadth);", rows, sources=("attention_math",), exports=("attentionBreadth",))
    assert got == pytest.approx([1, 4, 2])


def test_the_weights_by_hand() -> None:
    """One word, D = 1, key and query ln 3: its score is (ln 3)²; two pads score 0 unless they are masked."""
    q = k = np.array([[np.log(3.0)]])
    e = 3 ** np.log(3.0)
    np.testing.assert_allclose(padded_weights(q, k, 2, False, 1.0), [[e / (e + 2), 1 / (e + 2), 1 / (e + 2)]])
    np.testing.assert_allclose(padded_weights(q, k, 2, True, 1.0), [[1, 0, 0]])
    np.testing.assert_allclose(padded_weights(q, k, 1, False, 2.0), [[e**2 / (e**2 + 1), 1 / (e**2 + 1)]])


def test_the_sum_of_every_row_is_one_and_the_picture_tells_the_chosen_row() -> None:
    table = AttentionTable(query=1)
    table.pads, table.masked, table.sharpness = 3, False, 1
    assert table.weights().shape == (5, 8)
    np.testing.assert_allclose(table.weights().sum(1), 1)
    pixels, text = table.picture()
    assert pixels.ndim == 3 and pixels.dtype == np.uint8
    assert "“red” looks at" in text and text.count("<pad>") == 3


@pytest.mark.parametrize("words, q, k, query, told", [
    (["a"], [[1, 2]], [[1, 2, 3]], 0, r"\(1, 2\), \(1, 3\)"),
    (["a", "b"], [[1.0]], [[1.0]], 0, "2 words"),
    (["a"], [1.0], [1.0], 0, r"\(1,\)"),
    (["a"], [[float("nan")]], [[1.0]], 0, "finite"),
    (["a"], [[1.0]], [[1.0]], 1, "query 1"),
    ([], np.zeros((0, 2)), np.zeros((0, 2)), 0, "0 words"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(words: Any, q: Any, k: Any, query: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AttentionTable(words, q, k, query=query)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("attention"), [AttentionTable()]).as_uri()


class TestInTheBrowser:
    def row(self, t: Tab, which: int) -> list[float]:
        cells = t.page.locator(".t2v-weights").first.locator(f"tr:nth-of-type({which + 2}) td")
        return [float(x) for x in cells.all_text_contents()]

    def ours(self, query: int, **settings: Any) -> list[float]:
        table = AttentionTable()
        for name, value in settings.items():
            setattr(table, name, value)
        return list(table.weights()[query].round(2))

    def test_the_dials_and_the_mask_move_the_weights(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        assert self.row(t, 2) == pytest.approx(self.ours(2), abs=0.011)
        padding = t.page.get_by_role("slider", name="Padding behind the caption")
        padding.focus()
        t.page.keyboard.press("End")
        t.page.wait_for_function("document.querySelectorAll('.t2v-weights tr:nth-of-type(2) td').length >= 9")
        assert self.row(t, 2) == pytest.approx(self.ours(2, pads=4), abs=0.011)
        t.page.get_by_label("mask on").uncheck()
        t.page.wait_for_function("!document.querySelector('.t2v-told').textContent.includes(' 0%')")
        assert self.row(t, 2) == pytest.approx(self.ours(2, pads=4, masked=False), abs=0.011)
        t.page.get_by_role("slider", name="Sharpness").focus()
        t.page.keyboard.press("End")
        t.page.wait_for_function("location.hash.includes('w1.sharpness=4')")
        assert self.row(t, 1) == pytest.approx(self.ours(1, pads=4, masked=False, sharpness=4), abs=0.011)
        t.page.get_by_role("button", name="Reset").click()
        t.page.wait_for_function("location.hash === ''")
        assert self.row(t, 2) == pytest.approx(self.ours(2), abs=0.011)
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_a_link_holds_the_settings_and_nonsense_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w1.query=1&w1.pads=2&w1.masked=false")
        assert "“red” looks at" in t.page.locator(".t2v-told").text_content()
        assert self.row(t, 1) == pytest.approx(self.ours(1, pads=2, masked=False), abs=0.011)
        t = tab().open(f"{page}#w1.query=99&w1.pads=-3&w1.sharpness=1000")
        assert self.row(t, 4) == pytest.approx(self.ours(4, sharpness=4), abs=0.011)
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = tab(viewport={"width": width, "height": 900}).open(f"{page}#w1.pads=4")
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
        assert t.page.locator("[aria-live=polite]").count() == 1
