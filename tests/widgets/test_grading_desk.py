"""The grading desk: the same sums in Python and JavaScript, and a page that lives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.film.composite import Cutout, cut_out
from t2v_edu.film.grade import curve, gain_table
from t2v_edu.film.light import to_linear, to_srgb
from t2v_edu.widgets import GradingDesk
from t2v_edu.world.captions import parse
from t2v_edu.world.places import place_picture

EXPORTS = ("lightOf", "codeOf", "mixOver", "gainCodes", "curveCodes", "gradePicture")


def city(side: int = 48) -> np.ndarray:
    return (place_picture("city", side, side) + np.float32(0.5)).astype(np.uint8)


def desk(side: int = 48, **settings: Any) -> GradingDesk:
    girl = cut_out(parse("a young girl walks in the park"), 1, side, side)
    return GradingDesk(girl, city(side), "A girl in the city", **settings)


@needs_node
def test_light_gains_and_curves_agree(tmp_path: Path) -> None:
    gains, middles = [0.5, 0.77, 1.0, 1.31, 2.0], list(range(64, 193, 4))
    body = """return {
        light: Array.from({ length: 256 }, (_, c) => lightOf(c)), codes: given.light.map(codeOf),
        gains: given.gains.map(gainCodes), curves: given.middles.map(curveCodes) };"""
    light = np.linspace(-0.1, 1.1, 997)
    given = {"light": light.tolist(), "gains": gains, "middles": middles}
    got = run(tmp_path, body, given, sources=("grading_math",), exports=EXPORTS)
    np.testing.assert_allclose(got["light"], to_linear(np.arange(256, dtype=np.uint8)), atol=1e-7)
    assert got["codes"] == to_srgb(light).tolist()
    for gain, theirs in zip(gains, got["gains"], strict=True):
        assert np.abs(gain_table((gain, 1, 1))[:, 0].astype(int) - theirs).max() <= (0 if gain == 1 else 1), gain
        assert (gain_table((gain, 1, 1))[:, 0] == theirs).mean() > 0.98  # ties
    for middle, theirs in zip(middles, got["curves"], strict=True):
        assert curve([(0, 0), (128, middle), (255, 255)]).tolist() == theirs, middle


@needs_node
def test_whole_pictures_agree_over_a_grid_of_settings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    front, back = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    alpha = rng.integers(0, 256, (1, 16, 16)) / 255
    settings = [{"opacity": opacity, "red": red, "blue": blue, "middle": middle, "mix": mix} for opacity in (0, 35, 100)
                for red, blue in ((100, 100), (50, 200), (160, 75)) for middle in (64, 128, 180) for mix in ("codes", "light")]
    body = """const layers = Object.fromEntries(Object.entries(given.layers).map(([name, b]) => [name, Uint8Array.from(b)]));
        return given.settings.map((s) => Array.from(gradePicture(layers, s)));"""
    bytes_of = {"front": front, "back": back, "alpha": (255 * alpha).round().astype(int)}
    given = {"layers": {name: values.ravel().tolist() for name, values in bytes_of.items()}, "settings": settings}
    got = run(tmp_path, body, given, sources=("grading_math",), exports=EXPORTS)
    assert len(got) == 54
    widget = GradingDesk(Cutout(front[None], alpha.astype(np.float32)), back, "noise")
    for chosen, theirs in zip(settings, got, strict=True):
        widget.set_trait("mix", chosen["mix"])
        for name in ("opacity", "red", "blue", "middle"):
            widget.set_trait(name, chosen[name])
        off = np.abs(widget.result().astype(int).ravel() - theirs)
        assert off.max() <= 4 and (off > 0).mean() < 0.01, chosen  # a tie rounded the other way, then stretched by gain and curve


def test_python_shows_what_the_page_will() -> None:
    widget = desk(red=150, middle=100)
    pixels, text = widget.picture()
    assert pixels.shape == (192, 192, 3) and "gains 1.50 for red" in text and "128 becomes 100" in text
    assert (pixels[::4, ::4] == widget.result()).all()
    state = widget.page_state()
    assert state["initial"]["red"] == 150 and len(state["front"]) == 4 * 48 * 48 and len(state["alpha"]) * 3 == len(state["back"])
    assert 0.2 < widget._front.alpha.ravel()[state["place"]] < 0.8  # it looks at an edge at first


@pytest.mark.parametrize(("change", "message"), [
    ({"opacity": 101}, "opacity 101: the dial goes from 0 to 100"), ({"red": 20}, "red 20"), ({"middle": 200}, "middle 200"),
    ({"mix": "paint"}, "'paint': choose one of: codes, light"), ({"side": 200}, r"not \(1, 200, 200\)"),
])
def test_what_it_cannot_show_is_quoted(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        desk(**change)


def test_pictures_that_do_not_go_together() -> None:
    front = cut_out(parse("a young girl walks in the park"), 1, 48, 48)
    with pytest.raises(ValueError, match=r"\(48, 48\) pixels .* \(32, 32\)"):
        GradingDesk(front, city(32), "A girl")
    with pytest.raises(ValueError, match="alt is empty"):
        GradingDesk(front, city(), " ")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("desk")
    write_page(root, [desk()])
    return root


def test_it_lives_from_a_file(tab: Callable[..., Tab], page: Path) -> None:
    t = tab()
    t.page.goto((page / "pages" / "index.html").as_uri())
    t.page.wait_for_selector("[data-t2v-ready]")
    screen, sums = ".t2v-grade-screen", ".t2v-grade-sums li"
    before, first = t.picture(screen), t.page.locator(sums).nth(0).text_content()
    assert first.startswith("over: αF + (1 − α)B = ") and t.page.locator(sums).count() == 3
    t.page.get_by_role("slider", name="opacity, %").focus()
    t.page.keyboard.press("Home")
    t.page.wait_for_function("document.querySelector('.t2v-grade-sums li').textContent.includes('0.00 · ')")
    assert t.picture(screen) != before
    t.menu("What is mixed").select_option("light")
    t.page.wait_for_function("document.querySelector('.t2v-grade-sums li').textContent.includes('of light: code')")
    t.page.wait_for_function("location.hash.includes('w1.opacity=0') && location.hash.includes('w1.mix=light')")
    t.page.locator(screen).click(position={"x": 3, "y": 3})
    t.page.wait_for_function("document.querySelector('.t2v-grading figcaption').textContent.includes('row 1, column 1')")
    t.page.get_by_role("button", name="Reset").click()
    t.page.wait_for_function("location.hash === ''")
    assert t.picture(screen) == before
    unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
    assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
    assert t.said == [] and not [url for url in t.asked if not url.startswith(("file:", "data:"))]
