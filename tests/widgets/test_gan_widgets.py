"""The bells and the duel: the same games in Python and JavaScript, and alive in the browser from a file."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.models.toy_gan import BEST, GAMES, PENALTIES, BellPair, Duel
from t2v_edu.widgets import BellGame, DuelPortrait

MATHS: dict[str, Any] = {"sources": ("gan_math",), "exports": ("bellPair", "bellShare", "duelPath", "duelGradients")}


@needs_node
def test_bells_agree_over_a_grid(tmp_path: Path) -> None:
    cases = list(itertools.product(BEST, (-4.0, -1.3, 0.0, 0.6, 4.0), (0.3, 0.85, 1.0, 1.15, 2.5)))
    body = """return given.map(([game, mean, spread]) => {
        const { js, w1, losses, gradients, d } = bellPair(game, mean, spread);
        return [js, w1, ...losses, ...gradients, d(-1.7), d(0.4)];
    });"""
    got = run(tmp_path, body, cases, **MATHS)
    for (game, mean, spread), theirs in zip(cases, got, strict=True):
        pair = BellPair(mean, spread)
        ours = [pair.js(), pair.w1(), *pair.losses(game), *pair.gradients(game), *pair.best_d(game, np.array([-1.7, 0.4]))]
        np.testing.assert_allclose(theirs, ours, rtol=1e-10, atol=1e-12, err_msg=f"{game} {mean} {spread}")
    assert len(cases) == 100


@needs_node
def test_the_share_of_a_bell_is_pythons(tmp_path: Path) -> None:
    points = list(np.linspace(-12, 12, 241))
    got = run(tmp_path, "return given.map(bellShare);", points, **MATHS)
    np.testing.assert_allclose(got, [0.5 * math.erfc(-t / math.sqrt(2)) for t in points], rtol=0, atol=1e-15)


@needs_node
def test_duels_agree_over_a_grid(tmp_path: Path) -> None:
    names = ("game", "penalty", "strength", "noise", "in_turn", "rate_d", "rate_g")
    grid = itertools.product(GAMES, PENALTIES, (0.4, 1.5), (0.0, 0.8), (True, False), (0.23,), (0.11,))
    rules = [dict(zip(names, values, strict=True)) for values in grid]
    starts = [[1.13, 0.07], [-0.61, 1.37]]
    body = "return given.rules.map((r) => given.starts.map((s) => duelPath(r, s, 12)));"
    got = run(tmp_path, body, {"rules": rules, "starts": starts}, **MATHS)
    for rule, paths in zip(rules, got, strict=True):
        for (theta, psi), theirs in zip(starts, paths, strict=True):
            np.testing.assert_allclose(theirs, Duel(**rule).path(theta, psi, 12), rtol=0, atol=1e-9, err_msg=f"{rule}")
    assert len(rules) == 192


def test_the_pictures_tell_what_they_show() -> None:
    pixels, text = BellGame("wasserstein", mean=-3.0, spread=1.0).picture()
    assert pixels.shape == (200, 600, 3) and "∂L_G/∂m -1.000" in text and "W₁ 3.000" in text
    pixels, text = DuelPortrait(Duel("wasserstein", 0.1, 0.1, penalty="r1", strength=1.0)).picture()
    assert pixels.shape == (400, 400, 3) and "r1 1" in text and "0.00 from it" in text


@pytest.mark.parametrize("call, told", [
    (lambda: BellGame("hinge"), "'hinge'"), (lambda: BellGame(mean=9.0), "mean 9.0"),
    (lambda: BellGame(spread=0.0), "spread 0.0"),
    (lambda: DuelPortrait(Duel(rate_d=3.0)), "rate_d 3.0"), (lambda: DuelPortrait(theta=-5.0), "theta -5.0"),
])  # fmt: skip
def test_what_no_dial_has_is_refused(call: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("games"), [BellGame(), DuelPortrait()]).as_uri()


class TestInTheBrowser:
    def numbers(self, t: Tab) -> list[float]:
        cells = t.page.locator(".t2v-bells tr:nth-of-type(2) td").all_text_contents()
        return [float(text.replace("−", "-")) for text in cells]

    def ours(self, game: str, mean: float, spread: float) -> list[float]:
        pair = BellPair(mean, spread)
        return [*pair.losses(game), *pair.gradients(game), pair.js(), pair.w1()]

    def test_the_bells_show_what_python_computes(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        assert self.numbers(t) == pytest.approx(self.ours("minimax", -3.0, 0.6), abs=6e-4)
        mean = t.page.get_by_role("slider", name="mean m")
        mean.focus()
        t.page.keyboard.press("Home")
        t.page.wait_for_function("location.hash.includes('w1.mean=-6')")
        assert self.numbers(t) == pytest.approx(self.ours("minimax", -6.0, 0.6), abs=6e-4)
        t.menu("Loss").select_option("wasserstein")
        t.page.wait_for_function("location.hash.includes('w1.game=wasserstein')")
        assert self.numbers(t) == pytest.approx(self.ours("wasserstein", -6.0, 0.6), abs=6e-4)
        t.page.get_by_role("button", name="One step of G").click()
        t.page.wait_for_function("!location.hash.includes('w1.mean=-6&')")
        step = self.ours("wasserstein", -6.0, 0.6)
        assert self.numbers(t) == pytest.approx(self.ours("wasserstein", -6 - step[2] / 2, round(0.6 - step[3] / 2, 3)), abs=2e-3)
        t.page.get_by_role("button", name="Reset").first.click()
        t.page.wait_for_function("location.hash === ''")
        t.is_clean(page.rsplit("/pages", 1)[0])

    def told(self, t: Tab) -> str:
        return str(t.page.locator(".t2v-duel-plot p").text_content())

    def test_the_duel_walks_as_python_does(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        away = np.hypot(*Duel("wasserstein", 0.1, 0.1).path(1.0, 0.0, 150)[-1])
        assert "After 150 updates" in self.told(t) and f"{away:.2f} from" in self.told(t)
        t.page.get_by_role("combobox", name="Penalty on D").select_option("r1")
        t.page.wait_for_function("document.querySelector('.t2v-duel-plot p').textContent.includes(' 0.00 from')")
        t.page.get_by_role("button", name="One step on").first.click()
        t.page.wait_for_function("location.hash.includes('w2.at=151')")
        t.page.get_by_role("slider", name="Update").focus()
        t.page.keyboard.press("Home")
        t.page.wait_for_function("location.hash.includes('w2.at=0')")
        t.page.get_by_role("button", name="Play").first.click()
        t.page.wait_for_function("document.querySelector('.t2v-duel-plot .t2v-count').textContent.startsWith('5 ')")
        t.page.get_by_role("button", name="Reset").last.click()
        t.page.wait_for_function("location.hash === ''")
        assert "After 150 updates" in self.told(t)
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_a_link_holds_the_settings_and_nonsense_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w2.in_turn=false&w2.at=300&w2.rate_d=0.5&w2.rate_g=0.5")
        path = Duel("wasserstein", 0.5, 0.5, in_turn=False).path(1.0, 0.0, 300)
        assert np.abs(path[-1]).max() > 1e6  # off and away, and stopped there
        assert "outside the picture" in self.told(t) and "NaN" not in t.page.content()
        t = tab().open(f"{page}#w1.game=chess&w1.mean=1e99&w1.spread=-3&w2.game=go&w2.noise=77&w2.theta=-9")
        assert self.numbers(t) == pytest.approx(self.ours("minimax", 6.0, 0.2), abs=6e-4)
        assert "After 150 updates" in self.told(t)
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = tab(viewport={"width": width, "height": 900}).open(page)
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
