"""A comment asks a film: its maths in Python and JavaScript, the picture, what it refuses, its life in a browser."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.models.fusion import fuse_by_hand
from t2v_edu.widgets import FilmQuestion


@needs_node
def test_python_and_javascript_agree_over_a_grid(tmp_path: Path) -> None:
    cases = [{"fits": list(fits), "ways": list(ways), "wanted": wanted, "sharpness": sharpness}
             for fits in product((0, 1), repeat=3) for ways in product((-1, 1), repeat=3)
             for wanted, sharpness in product((-1, 1), (0, 0.5, 3, 8, 800))]
    body = """return given.map((c) => {
        const f = fuseByHand(c.fits, c.ways, c.wanted, c.sharpness);
        return [...f.weights, f.found, f.glad];
    });"""
    got = run(tmp_path, body, cases, sources=("film_question_math",), exports=("fuseByHand",))
    assert len(cases) == 640
    for c, theirs in zip(cases, got, strict=True):
        fits, ways = (torch.tensor(c[name], dtype=torch.float64) for name in ("fits", "ways"))
        ours = fuse_by_hand(fits, ways, c["wanted"], c["sharpness"])  # type: ignore[arg-type]
        np.testing.assert_allclose(theirs, [*ours.weights.tolist(), ours.found.item(), ours.glad.item()], rtol=0, atol=1e-12)


def test_the_default_teaches_that_a_mean_follows_the_majority() -> None:
    mean, sharp = FilmQuestion(), FilmQuestion(sharpness=6)
    assert mean.fused().weights.tolist() == pytest.approx([1 / 3] * 3)
    assert mean.fused().glad.item() == pytest.approx(1 / (1 + np.exp(4 / 3)))  # said in the answer: sad with 0.79
    assert sharp.fused().weights[0].item() == pytest.approx(np.exp(3) / (np.exp(3) + 2)) and sharp.fused().glad > 0.9
    nobody = FilmQuestion(asked=3, sharpness=16)
    assert nobody.fused().weights.tolist() == pytest.approx([1 / 3] * 3)


def test_the_picture_tells_comment_shots_and_mood() -> None:
    pixels, text = FilmQuestion(1, hopes=False, sharpness=16).picture()
    assert pixels.ndim == 3 and pixels.dtype == np.uint8
    for told in ("“I fear that the blue star goes left.”", "blue star right, weight 1.00", "probability 0.98"):
        assert told in text


@pytest.mark.parametrize("settings", [{"asked": 4}, {"ways": 8}, {"sharpness": -1}])
def test_what_does_not_fit_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(traitlets.TraitError, match=next(iter(settings))):
        FilmQuestion(**settings)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("question"), [FilmQuestion()]).as_uri()


class TestInTheBrowser:
    def weights(self, t: Tab) -> list[float]:
        return [float(x) for x in t.page.locator(".t2v-weights td:nth-child(4)").all_text_contents()]

    def shows(self, t: Tab, **settings: Any) -> None:
        ours = FilmQuestion(**settings).fused()
        assert self.weights(t) == pytest.approx(ours.weights.tolist(), abs=0.0051)
        told = t.page.locator(".t2v-told").text_content() or ""
        assert f"glad with probability {ours.glad:.2f}" in told

    def test_the_dials_the_menus_and_the_shots_change_the_mood(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        self.shows(t)
        t.page.get_by_role("slider", name="Sharpness β").focus()
        t.page.keyboard.press("End")
        t.page.wait_for_function("location.hash.includes('w1.sharpness=16')")
        self.shows(t, sharpness=16)
        t.page.get_by_role("button", name="turn the red circle round").click()
        t.page.wait_for_function("location.hash.includes('w1.ways=7')")
        self.shows(t, sharpness=16, ways=7)
        t.page.get_by_label("hopes (else fears)").uncheck()
        t.page.wait_for_function("location.hash.includes('w1.hopes=false')")
        self.shows(t, sharpness=16, ways=7, hopes=False)
        t.page.get_by_label("The comment is about").select_option("3")
        t.page.wait_for_function("location.hash.includes('w1.asked=3')")
        self.shows(t, asked=3, sharpness=16, ways=7, hopes=False)
        t.page.get_by_role("button", name="Reset").click()
        t.page.wait_for_function("location.hash === ''")
        self.shows(t)
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_a_link_holds_the_settings_and_nonsense_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w1.asked=2&w1.left=false&w1.sharpness=6")
        self.shows(t, asked=2, left=False, sharpness=6)
        t = tab().open(f"{page}#w1.asked=99&w1.ways=-5&w1.sharpness=1000")
        self.shows(t, asked=3, ways=0, sharpness=16)
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = tab(viewport={"width": width, "height": 900}).open(page)
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
        assert t.page.locator("[aria-live=polite]").count() == 1
