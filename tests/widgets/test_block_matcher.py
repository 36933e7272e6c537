"""The block matcher: the same vectors, costs and counts in Python and JavaScript, and a page that lives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node import needs_node, run

from t2v_edu.vision.motion import METHODS, compensate, energy, match_blocks, residual
from t2v_edu.vision.warp import luma
from t2v_edu.widgets import BlockMatcher, site_css, site_script
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render


def pair() -> tuple[Any, Any]:
    film = render(parse("a girl runs in the park"), 16, 96, 96)
    return film[4], film[6]


@needs_node
def test_vectors_costs_and_counts_agree(tmp_path: Path) -> None:
    """Over blocks, ranges and ways of searching, on a film, on noise, and on a frame no multiple of the block."""
    rng = np.random.default_rng(0)
    film = [luma(frame) for frame in pair()]
    noise = list(rng.integers(0, 256, (2, 21, 34)))
    ramp = [np.add.outer(np.arange(24), 3 * np.arange(40)), np.add.outer(np.arange(24), 3 * np.arange(40)) + 7]
    cases = [(frames, block, search, method) for frames in (film, noise, ramp) for block in (4, 8, 16)
             for search in (1, 3, 7, 12) for method in METHODS]
    given = [{"first": a.astype(int).ravel().tolist(), "second": b.astype(int).ravel().tolist(), "width": a.shape[1],
              "height": a.shape[0], "block": block, "search": search, "method": method}
             for (a, b), block, search, method in cases]
    body = """return given.map((g) => {
        const motion = matchBlocks(g.second, g.first, g.width, g.height, g.block, g.search, g.method);
        const prediction = compensateBlocks(g.first, g.width, g.height, motion);
        return { ...motion, prediction: Array.from(prediction), energy: residualEnergy(g.second, prediction) };
    });"""
    names = ("matchBlocks", "compensateBlocks", "residualEnergy")
    got = run(tmp_path, body, given, sources=("block_matcher_math",), exports=names)
    assert len(got) == 108
    for (frames, block, search, method), theirs in zip(cases, got, strict=True):
        first, second = (frame.astype(np.uint8) for frame in frames)
        ours = match_blocks(second, first, block=block, search=search, method=method)
        about = f"{second.shape} block {block} search {search} {method}"
        assert theirs["comparisons"] == ours.comparisons, about
        assert theirs["vectors"] == ours.vectors.reshape(-1, 2).tolist(), about
        assert theirs["costs"] == ours.costs.ravel().tolist(), about
        assert theirs["prediction"] == compensate(first, ours).ravel().tolist(), about
        assert abs(theirs["energy"] - energy(residual(second, compensate(first, ours)))) < 1e-9


def test_python_shows_what_the_page_will() -> None:
    widget = BlockMatcher(*pair(), block=8, search=5, method="diamond")
    pixels, text = widget.picture()
    assert pixels.shape == (96 * 3, (3 * 96 + 4) * 3, 3)
    assert f"{widget.motion.comparisons} comparisons" in text
    state = widget.page_state()
    assert state["initial"] == {"block": 8, "search": 5, "method": "diamond"}
    assert (state["width"], state["height"], len(state["frames"])) == (96, 96, 2)


@pytest.mark.parametrize(("change", "message"), [
    ({"first": np.zeros((96, 64, 3), np.uint8)}, r"\(96, 64, 3\) and \(96, 96, 3\)"),
    (dict.fromkeys(("first", "second"), np.zeros((16, 16), np.uint8)), r"32 to 160 pixels a side, not uint8 \(16, 16\)"),
    ({"block": 5}, "not 5, 7 and 'exhaustive'"),
    ({"search": 17}, "not 16, 17"),
    ({"method": "spiral"}, "'spiral'"),
])
def test_bad_input(change: dict[str, Any], message: str) -> None:
    first, second = pair()
    arguments = {"first": first, "second": second, **change}
    with pytest.raises(ValueError, match=message):
        BlockMatcher(arguments.pop("first"), arguments.pop("second"), **arguments)


@pytest.fixture
def page(chromium: Any, tmp_path: Path) -> Iterator[tuple[Any, list[str]]]:
    """The widget on a page of its own, opened from file://; and all that it says or asks for."""
    (tmp_path / "t2v.js").write_text(site_script(), encoding="utf-8")
    (tmp_path / "t2v.css").write_text(site_css(), encoding="utf-8")
    (tmp_path / "index.html").write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Blocks</title><link rel="stylesheet" href="t2v.css">'
        f'<script src="t2v.js" defer></script></head><body>{BlockMatcher(*pair()).to_html()}</body></html>', encoding="utf-8")
    tab, heard = chromium.new_page(viewport={"width": 820, "height": 900}), []
    tab.set_default_timeout(60_000)
    tab.on("console", lambda m: heard.append(m.text))
    tab.on("pageerror", lambda e: heard.append(str(e)))
    tab.on("request", lambda r: heard.append(r.url) if not r.url.startswith(("file:", "data:image/png")) else None)
    tab.goto((tmp_path / "index.html").as_uri())
    tab.wait_for_selector("[data-t2v-ready]")
    yield tab, heard
    tab.close()


def test_it_lives_from_a_file_and_a_dial_changes_what_is_shown(page: tuple[Any, list[str]]) -> None:
    tab, heard = page
    first, second = pair()
    said = tab.locator("[role=status]")

    def claims(motion: Any) -> str:
        return (f"{motion.comparisons:,} comparisons, {motion.comparisons / motion.costs.size:.0f} a block · residual energy "
                f"{energy(residual(luma(second), compensate(luma(first), motion))):.1f}")

    assert said.text_content().startswith(claims(match_blocks(second, first, method="exhaustive")))
    shot = "cs => cs.map((c) => c.toDataURL())"
    before = tab.eval_on_selector_all(".t2v-matcher canvas.t2v-picture", shot)
    tab.get_by_role("combobox", name="Block").select_option("8")
    tab.get_by_role("combobox", name="Where to look").select_option("diamond")
    tab.get_by_role("slider", name="Search range in pixels").focus()
    tab.keyboard.press("ArrowRight")
    wanted = claims(match_blocks(second, first, block=8, search=8, method="diamond"))
    tab.wait_for_function("t => document.querySelector('[role=status]').textContent.startsWith(t)", arg=wanted)
    after = tab.eval_on_selector_all(".t2v-matcher canvas.t2v-picture", shot)
    assert len(after) == 3 and all(a != b for a, b in zip(before, after, strict=True))
    assert "w1.block=8" in tab.url and "w1.search=8" in tab.url
    tab.get_by_role("button", name="Reset").click()
    tab.wait_for_function("location.hash === ''")
    assert tab.eval_on_selector_all(".t2v-matcher canvas.t2v-picture", shot) == before
    unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
    assert tab.eval_on_selector_all("select, input, button", unnamed) == 0
    assert heard == []
