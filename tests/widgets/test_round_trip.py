"""The toy round trip: the same in Python and JavaScript, and alive in the browser from a file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.models.toy_cycle import ToyCycle
from t2v_edu.widgets import RoundTrip

MATHS: dict[str, Any] = {"sources": ("round_trip_math",), "exports": ("tripLosses", "tripSlopes", "tripPath")}
NAMES = ("sigma", "lambda_text", "lambda_video", "lambda_pairs", "honest", "rate")


@needs_node
def test_both_languages_agree_over_a_grid(tmp_path: Path) -> None:
    rules = [dict(zip(NAMES, values, strict=True))
             for values in itertools.product((0.0, 0.5, 1.3), (0.0, 0.7, 2.0), (0.0, 1.1), (0.0, 0.4), (True, False), (0.1, 0.9))]
    starts = [[0.5, 0.3], [2.3, 1.4], [-0.7, 0.2]]
    body = """return given.rules.map((r) => given.starts.map(([g, d]) =>
        ({ losses: tripLosses(r, g, d), slopes: tripSlopes(r, g, d), path: tripPath(r, [g, d], 12) })));"""
    got = run(tmp_path, body, {"rules": rules, "starts": starts}, **MATHS)
    for rule, theirs in zip(rules, got, strict=True):
        toy = ToyCycle(**rule)  # type: ignore[arg-type]
        for (g, d), found in zip(starts, theirs, strict=True):
            np.testing.assert_allclose(found["losses"], toy.losses(g, d), rtol=1e-12, err_msg=f"{rule}")
            np.testing.assert_allclose(found["slopes"], [toy.slope_g(g, d), toy.slope_d(g, d)], atol=1e-12, err_msg=f"{rule}")
            np.testing.assert_allclose(found["path"], toy.path(g, d, 12), rtol=1e-9, atol=1e-9, err_msg=f"{rule}")
    assert len(rules) == 144


def test_the_picture_tells_what_it_shows() -> None:
    pixels, text = RoundTrip(ToyCycle(1.0, 1.0, 0.0), g=2.0, d=0.5).picture()
    assert pixels.shape == (320, 420, 3) and "g = 2.00, d = 0.50" in text and "real pairs" in text
    assert "the round trip: it ends" in RoundTrip(ToyCycle(0.0, 1.0, 0.0, honest=False)).picture()[1]


@pytest.mark.parametrize("call, told", [(lambda: RoundTrip(ToyCycle(lambda_text=3.0)), "lambda_text 3.0"),
                                        (lambda: RoundTrip(g=0.0), "g 0.0"), (lambda: RoundTrip(d=9.0), "d 9.0")])
def test_what_no_dial_has_is_refused(call: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("trip"), [RoundTrip()]).as_uri()


class TestInTheBrowser:
    def told(self, t: Tab) -> list[float]:
        words = str(t.page.locator(".t2v-duel-plot p").text_content()).replace("−", "-")
        found = re.search(r"After (\d+) rounds: g = (\S+), d = (\S+), g·d = (\S+?)[.;]?$", words.split("; that")[0])
        assert found, words
        return [float(x.rstrip(".")) for x in found.groups()]

    def ours(self, toy: ToyCycle, at: int, g: float = 0.5, d: float = 0.3) -> list[Any]:
        g, d = toy.path(g, d, at)[-1]
        return [at, pytest.approx(g, abs=6e-3), pytest.approx(d, abs=6e-3), pytest.approx(g * d, abs=6e-3)]

    def test_it_shows_what_python_computes(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        assert self.told(t) == self.ours(ToyCycle(0.7, 1.0, 0.0), 200)
        cells = t.page.locator(".t2v-duel-plot td").all_text_contents()
        end = ToyCycle(0.7, 1.0, 0.0).path(0.5, 0.3, 200)[-1]
        assert [float(c.replace("−", "-")) for c in cells] == pytest.approx(ToyCycle(0.7).losses(*end), abs=6e-4)
        t.page.get_by_role("slider", name="λ_pairs").focus()
        t.page.keyboard.press("End")
        t.page.wait_for_function("location.hash.includes('w1.lambda_pairs=2')")
        assert self.told(t) == self.ours(ToyCycle(0.7, 1.0, 0.0, 2.0), 200)
        t.page.get_by_role("checkbox", name="the captioner learns").uncheck()
        t.page.wait_for_function("location.hash.includes('w1.honest=false')")
        assert self.told(t) == self.ours(ToyCycle(0.7, 1.0, 0.0, 2.0, honest=False), 200)
        t.page.get_by_role("button", name="One step back").click()
        t.page.wait_for_function("location.hash.includes('w1.at=199')")
        assert self.told(t)[0] == 199
        t.page.get_by_role("button", name="Reset").click()
        t.page.wait_for_function("location.hash === ''")
        assert self.told(t) == self.ours(ToyCycle(0.7, 1.0, 0.0), 200)
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_nonsense_in_the_link_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w1.lambda_text=1e99&w1.sigma=-4&w1.g=77&w1.honest=maybe&w1.at=-7")
        assert "NaN" not in t.page.content() and len(self.told(t)) == 4
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = tab(viewport={"width": width, "height": 900}).open(page)
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
