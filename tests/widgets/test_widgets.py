"""What a widget puts into a notebook, how its JavaScript is joined, and what it says to wrong arguments."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from t2v_edu.widgets import FrameScrubber, SceneBuilder, site_css, site_script
from t2v_edu.widgets.base import STORED
from t2v_edu.widgets.bundle import JS, WIDGETS, WORLD, join, module
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render
from t2v_edu.world.scene import sample_scene

VIEW = "application/vnd.jupyter.widget-view+json"


class _Twin(HTMLParser):
    """Reads the HTML twin: its state, the tags it uses, their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.state: dict[str, Any] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.state = json.loads(data)


def test_the_stored_output_is_the_same_on_every_run_and_names_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORED, "1")
    first, second = (SceneBuilder("a cat sits beside the window", take=3)._repr_mimebundle_()[0] for _ in range(2))
    assert first == second
    assert set(first) == {"text/plain", "text/html"}
    assert first["text/plain"].startswith("SceneBuilder: a cat sits")
    assert len(first["text/html"]) < 60_000


def test_a_run_cell_carries_the_live_widget_and_its_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STORED, raising=False)
    data, _ = SceneBuilder()._repr_mimebundle_()
    assert set(data) == {VIEW, "text/plain", "text/html"}
    assert data[VIEW]["model_id"]


def test_the_twin_holds_state_and_a_picture_and_nothing_that_runs() -> None:
    builder = SceneBuilder("a puppy runs on the grass", question="</script><b>What & why?")
    twin = _Twin(builder.to_html())
    assert twin.state["question"] == "</script><b>What & why?"
    assert twin.state["initial"] == {name: getattr(builder, name) for name in builder.settings}
    assert [t for t, _ in twin.tags] == ["div", "script", "p", "strong", "figure", "img", "figcaption"]
    attributes = {name for _, attrs in twin.tags for name in attrs}
    assert attributes == {"data-t2v-widget", "type", "src", "alt", "width"}
    assert "a puppy runs on the grass" in str(dict(twin.tags)["img"]["alt"])


def test_python_sees_what_the_menus_say() -> None:
    rng = np.random.default_rng(3)
    builder = SceneBuilder()
    for scene in (sample_scene(world, rng) for world in ("shapes", "digits", "story", "pairs") for _ in range(20)):
        builder.show(scene)
        assert builder.scene == scene
        assert parse(builder.caption("zh")) == parse(builder.caption("en")) == scene
        assert np.array_equal(builder.film(), render(scene, takes=builder.takes))


def test_every_source_is_used_and_no_name_is_defined_twice() -> None:
    used = {name for _, names in WIDGETS.values() for name in names} | {"site"}
    assert used == {path.stem for path in JS.glob("*.js")} | {"tables"}
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", join((*dict.fromkeys(
        n for _, sources in WIDGETS.values() for n in sources), "site")), re.MULTILINE)
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_what_ships_has_no_import_and_stays_light() -> None:
    for text in (site_script(), *map(module, WIDGETS)):
        assert not re.search(r"^\s*import\b|\bimport\(|\beval\(|https?://(?!www\.w3\.org/2000/svg)", text, re.MULTILINE)
    assert not re.search(r"^export\b", site_script(), re.MULTILINE)
    assert all(module(name).count("export default") == 1 for name in WIDGETS)
    world = len(join((*WORLD, "kit", "player", "site")).encode())
    assert world < 110_000  # captions, digits, sprites and places of the whole world, drawn in the browser
    assert len(site_script().encode()) < world + 12_000 * len(WIDGETS)
    assert "@import" not in site_css()
    assert "url(" not in site_css()


def test_building_the_site_needs_no_widget_library() -> None:
    code = ("import sys, t2v_edu.widgets as w; w.site_script(); w.site_css(); "
            "print(sorted({'anywidget', 'ipywidgets', 'torch'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_scrubber_keeps_every_pixel_where_it_is_told_to() -> None:
    film = render(parse("a large red star bounces up and down"), 4, 32, 32)
    still = FrameScrubber([film[0], film[1]], ["a", "b"], "A star", quality=100)
    assert (still.frames, still.width, still.height) == (1, 32, 32)
    assert np.array_equal(still.picture()[0], film[1])
    assert _Twin(still.to_html()).state["initial"] == {"step": -1, "compare": True}
    coarse, fine = (FrameScrubber([film], ["a"], "A star", quality=q).strips[0] for q in (20, 95))
    assert len(coarse) < len(fine)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (([], [], "x"), "0 moment"),
        (([np.zeros((4, 4, 3), np.uint8)], [], "x"), "0 label"),
        (([np.zeros((4, 4, 3), np.uint8)], ["a"], " "), "alt is empty"),
        (([np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)], ["a", "b"], "x"), r"\(1, 4, 4, 3\), \(1, 5, 4, 3\)"),
        (([np.zeros((2, 4, 4, 3))], ["a"], "x"), "uint8, not float64"),
    ],
)
def test_wrong_moments_are_named(arguments: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        FrameScrubber(*arguments)


def test_too_much_for_a_page_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="kB are allowed"):
        FrameScrubber([noise] * 3, ["a", "b", "c"], "noise", quality=100)


def test_a_caption_that_cannot_be_read_is_quoted() -> None:
    with pytest.raises(ValueError, match="dragon"):
        SceneBuilder("a dragon flies")
