"""The flow in the plane: the same field and ways in Python and JavaScript, and alive in the browser from a file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.losses.flow import euler, heun
from t2v_edu.models.toy_flow import even_noise, three_bells, walk
from t2v_edu.widgets import FlowField
from t2v_edu.widgets.flow_field import STEPS

MATHS: dict[str, Any] = {"sources": ("flow_math",), "exports": ("evenNoise", "guidedVelocity", "flowWalk", "flowRight")}
FLOW = three_bells()


@needs_node
def test_the_field_agrees_over_a_grid(tmp_path: Path) -> None:
    cases = list(itertools.product((-3.0, -0.4, 1.7), (-2.1, 0.3, 2.6), (0.0, 0.35, 0.8, 1.0), range(4), (0.0, 1.0, 3.5)))
    got = run(tmp_path, "return given.map(([x, y, t, label, w]) => guidedVelocity([x, y], t, label, w));", cases, **MATHS)
    for (x, y, t, label, w), theirs in zip(cases, got, strict=True):
        ours = FLOW.guided(torch.tensor([[x, y]]).double(), torch.tensor([t]), label, w)[0]
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-5, err_msg=f"{x} {y} {t} {label} {w}")
    assert len(cases) == 432


@needs_node
def test_the_ways_agree(tmp_path: Path) -> None:
    cases = list(itertools.product(("euler", "heun"), (1, 3, 8), (0, 3), (1.0, 4.0)))
    body = """return given.map(([solver, steps, label, w]) => {
        const ways = evenNoise(60).map((p) => flowWalk(solver, p, steps, label, w));
        return [ways, ways.filter((way) => flowRight(way.at(-1), label)).length];
    });"""
    for (solver, steps, label, w), (ways, right) in zip(cases, run(tmp_path, body, cases, **MATHS), strict=True):
        field = lambda x, t, k=label, w=w: FLOW.guided(x, t, k, w)  # noqa: E731
        ours = walk({"euler": euler, "heun": heun}[solver], field, even_noise(60), steps)
        np.testing.assert_allclose(ways, ours.transpose(0, 1), rtol=0, atol=1e-4)
        assert right == FLOW.right(ours[-1], label).sum()


def test_the_picture_tells_what_it_shows() -> None:
    pixels, text = FlowField("heun", 8).picture()
    assert pixels.shape == (400, 400, 3) and "8 steps of Heun's" in text and "off by 0.0" in text
    assert "label B with guidance 3" in FlowField("euler", 2, label=1, guidance=3.0).picture()[1]


@pytest.mark.parametrize("settings, told", [
    ({"solver": "midpoint"}, "'midpoint'"), ({"steps": 5}, "5 steps"), ({"label": 4}, "label 4"), ({"guidance": 0.3}, "0.3"),
    ({"guidance": float("nan")}, "nan"), ({"at": 51}, "at 51"),
])  # fmt: skip
def test_what_no_dial_has_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FlowField(**settings)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("flow"), [FlowField("euler", 4)]).as_uri()


class TestInTheBrowser:
    def told(self, t: Tab) -> tuple[int, float, int]:
        """Looks, error and percentage, as the page says them."""
        text = str(t.page.locator(".t2v-flow p[role=status]").text_content())
        found = re.fullmatch(r"(\d+) looks at the field\. The ends are off by ([\d.]+) on average; (\d+)% lie in .+\.", text)
        assert found, text
        return int(found[1]), float(found[2]), int(found[3])

    def agrees(self, t: Tab, looks: int, **settings: Any) -> None:
        _, off, right = FlowField(**settings).found()
        assert self.told(t) == (looks, pytest.approx(off, abs=6e-4), pytest.approx(100 * right, abs=0.6))

    def test_the_page_shows_what_python_computes(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        self.agrees(t, 4, solver="euler", steps=4)
        t.menu("Sampler").select_option("heun")
        t.page.wait_for_function("location.hash.includes('w1.solver=heun')")
        self.agrees(t, 8, solver="heun", steps=4)
        t.menu("Steps").select_option("16")
        t.menu("Label asked for").select_option(label="B")
        t.page.wait_for_function("location.hash.includes('w1.label=1')")
        t.page.get_by_role("slider", name="guidance w").focus()
        t.page.keyboard.press("End")
        t.page.wait_for_function("location.hash.includes('w1.guidance=8')")
        self.agrees(t, 32, solver="heun", steps=16, label=1, guidance=8.0)
        t.page.get_by_role("button", name="Reset").click()
        t.page.wait_for_function("location.hash === ''")
        self.agrees(t, 4, solver="euler", steps=4)
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_time_moves_the_points(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        first = "(c => [c.getAttribute('cx'), c.getAttribute('cy')].map(Number))(document.querySelector('.t2v-flow g .t2v-now'))"
        way = walk(euler, FlowField("euler", 4).field, even_noise(60), 4)[:, 0].numpy()
        place = lambda p: [210 * (1 + p[0] / 3.2), 210 * (1 - p[1] / 3.2)]  # noqa: E731
        np.testing.assert_allclose(t.page.evaluate(first), place(way[-1]), atol=0.1)
        t.page.get_by_role("slider", name="Time").focus()
        t.page.keyboard.press("Home")
        t.page.wait_for_function("location.hash.includes('w1.at=0')")
        np.testing.assert_allclose(t.page.evaluate(first), place(way[0]), atol=0.1)
        t.page.get_by_role("button", name="Play").click()
        t.page.wait_for_function("document.querySelector('.t2v-flow .t2v-count').textContent === 't = 0.30'")
        t.page.get_by_role("button", name="Pause").click()
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_a_link_holds_the_settings_and_nonsense_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w1.steps=32&w1.solver=heun&w1.at=25")
        self.agrees(t, 64, solver="heun", steps=32)
        t = tab().open(f"{page}#w1.steps=7&w1.solver=magic&w1.label=9&w1.guidance=1e9&w1.at=20")
        self.agrees(t, 4, solver="euler", steps=4)
        assert "NaN" not in t.page.content()
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = tab(viewport={"width": width, "height": 900}).open(page)
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0


def test_steps_are_those_of_the_view() -> None:
    source = (Path(__file__).parents[2] / "t2v_edu" / "widgets" / "js" / "flow_field.js").read_text(encoding="utf-8")
    assert f"FLOW_STEPS = {list(STEPS)}" in source
