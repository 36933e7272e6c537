"""The convolution window: the same maps in Python and JavaScript, and alive in the browser from a file."""

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

from t2v_edu.vision.convolution import FILTERS, output_size
from t2v_edu.widgets import ConvolutionWindow
from t2v_edu.widgets.convolution_window import LARGEST, slide

DIALS = ("kernel", "stride", "padding", "dilation")


def picture(side: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(side).random((side, side)).round(3)


@needs_node
def test_maps_agree_over_a_grid_of_settings(tmp_path: Path) -> None:
    grid = [(side, what, dict(zip(DIALS, dials, strict=True)))
            for side, what in itertools.product((5, 9), (*FILTERS, LARGEST))
            for dials in itertools.product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2, 3))]
    given = [{"picture": picture(side).tolist(), "what": what,
              "dials": {**d, "padding": min(d["padding"], d["kernel"] // 2) if what == LARGEST else d["padding"]}}
             for side, what, d in grid]
    got = run(tmp_path, "return given.map((g) => slideWindow(g.picture, g.what, g.dials));", given,
              sources=("convolution_math",), exports=("slideWindow",))
    for (side, what, dials), theirs in zip(grid, got, strict=True):
        ours = slide(picture(side), what, **dials)
        if ours is None:
            assert theirs == [], (side, what, dials)
        else:
            np.testing.assert_allclose(np.array(theirs), ours, atol=1e-6, err_msg=f"{side} {what} {dials}")
    assert sum(theirs == [] for theirs in got) > 20


@needs_node
def test_the_size_formula_agrees(tmp_path: Path) -> None:
    grid = list(itertools.product((1, 4, 28), (1, 2, 7), (1, 2, 4), (0, 1, 3), (1, 4)))
    got = run(tmp_path, "return given.map((g) => placesOf(...g));", grid, sources=("convolution_math",), exports=("placesOf",))
    for axis, theirs in zip(grid, got, strict=True):
        if theirs:
            assert output_size(*axis) == theirs
        else:
            with pytest.raises(ValueError, match="does not fit"):
                output_size(*axis)


def test_its_picture_shows_both() -> None:
    widget = ConvolutionWindow(picture(28), "noise", what="mean")
    pixels, text = widget.picture()
    assert pixels.shape == (224, 224 + 16 + 208, 3)
    assert "map 26 × 26" in text
    made = widget.map()
    assert made is not None and made.shape == (26, 26)
    assert math.isclose(made[0, 0], picture(28)[:3, :3].mean(), abs_tol=1e-6)
    assert ConvolutionWindow(picture(4), "noise", kernel=7).map() is None
    assert "does not fit" in ConvolutionWindow(picture(4), "noise", kernel=7).picture()[1]


@pytest.mark.parametrize(("arguments", "complaint"), [
    ({"picture": np.zeros((28, 20))}, r"\(28, 20\)"), ({"picture": np.zeros((28, 28, 3))}, r"\(28, 28, 3\)"),
    ({"picture": np.full((8, 8), 200.0)}, "to 200.0"), ({"alt": " "}, "alt is empty"), ({"what": "blur"}, "'blur'"),
    ({"stride": 9}, "stride 9: the dial goes from 1 to 4"),
])  # fmt: skip
def test_what_it_cannot_show_is_quoted(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ConvolutionWindow(**{"picture": picture(8), "alt": "noise", **arguments})


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("window")
    write_page(root, [ConvolutionWindow(picture(28), "noise")])
    return root


def test_it_lives_from_a_file(tab: Callable[..., Tab], page: Path) -> None:
    t = tab()
    t.page.goto((page / "pages" / "index.html").as_uri())
    t.page.wait_for_selector(".t2v-formula")
    words = t.page.locator(".t2v-screen figcaption")
    assert "map 26 × 26; at row 14, column 14" in words.nth(1).text_content()
    screens = [".t2v-screen:nth-child(1) canvas", ".t2v-screen:nth-child(2) canvas"]
    before = [t.picture(screen) for screen in screens]
    stride = t.page.get_by_role("slider", name="stride")
    stride.focus()
    t.page.keyboard.press("ArrowRight")
    t.page.wait_for_function("document.querySelector('.t2v-formula').textContent.includes('13.5, rounded down 13')")
    t.page.get_by_role("slider", name="padding").focus()
    t.page.keyboard.press("ArrowRight")
    t.page.wait_for_function("document.querySelector('.t2v-formula').textContent.includes('14.5, rounded down 14')")
    assert [t.picture(screen) for screen in screens][1] != before[1]
    t.page.wait_for_function("location.hash.includes('w1.stride=2') && location.hash.includes('w1.padding=1')")
    t.page.locator(screens[1]).click(position={"x": 5, "y": 0.9 * t.page.locator(screens[1]).bounding_box()["height"]})
    t.page.wait_for_function("document.querySelectorAll('figcaption')[1].textContent.includes('row 13, column 1:')")
    t.menu("Operation").select_option("largest")
    t.page.get_by_role("slider", name="padding").focus()
    t.page.keyboard.press("End")
    t.page.wait_for_function("document.querySelector('.t2v-formula').textContent.includes('by half its window')")
    t.page.get_by_role("button", name="Reset").click()
    t.page.wait_for_function("location.hash === ''")
    assert [t.picture(screen) for screen in screens] == before
    assert t.page.locator("[aria-live=polite]").count() == 1
    t.is_clean(page.as_uri())
