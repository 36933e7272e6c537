"""The widgets in Debian's Chromium: on a page over http below a prefix, from file://, under a strict policy, and as modules."""

from __future__ import annotations

import functools
import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import Tab, page_of, write_page

from t2v_edu.widgets import FrameScrubber, SceneBuilder, Widget
from t2v_edu.widgets.bundle import module
from t2v_edu.world.captions import parse, say
from t2v_edu.world.render import render

PREFIX = "/course/site"


def scrubber() -> FrameScrubber:
    film = render(parse("a large red star bounces up and down"), 8, 32, 32)
    moments = [(film * share).astype(np.uint8) for share in (0.1, 0.5, 1.0)]
    labels = ["step 0", "step 50", "step 100"]
    return FrameScrubber(moments, labels, "A star that learns to bounce", curves={"loss": [3, 2, float("nan"), 1]})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static site of two pages, the script and the style sheet in a folder beside them."""
    root = tmp_path_factory.mktemp("site")
    widgets: list[Widget] = [SceneBuilder("a large red star spins"), scrubber()]
    write_page(root, widgets)
    (root / "pages" / "empty.html").write_text('<!doctype html><link rel="icon" href="icon.svg"><main></main>', encoding="utf-8")
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'\">"
    (root / "pages" / "strict.html").write_text(page_of(widgets, policy), encoding="utf-8")
    return root


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder below PREFIX, and nothing above it."""

    def translate_path(self, path: str) -> str:
        inside = path.startswith(PREFIX + "/")
        return super().translate_path(path[len(PREFIX) :] if inside else "/nothing-here")

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}{PREFIX}/pages"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["http", "file"])
def home(request: pytest.FixtureRequest, site: Path, address: str) -> str:
    return address if request.param == "http" else (site / "pages").as_uri()


def test_moving_a_menu_changes_caption_and_picture(tab: Callable[..., Tab], home: str) -> None:
    t = tab().open(f"{home}/index.html")
    t.pause()
    before = t.picture(), t.captions()
    t.menu("Actor").select_option("girl")
    t.menu("Place").select_option("city")
    scene = parse("a large girl walks in the city")
    t.page.wait_for_function("caption => document.querySelector('.t2v-caption p').textContent === caption", arg=say(scene, "en"))
    assert t.captions() == [say(scene, "en"), say(scene, "zh")]
    assert t.picture() != before[0]
    offered = t.menu("Action").locator("option").evaluate_all("options => options.map((o) => o.value)")
    assert offered == ["walks", "runs", "jumps"]
    t.is_clean(home.rsplit("/pages", 1)[0])


def test_the_canvas_shows_what_python_renders(tab: Callable[..., Tab], home: str) -> None:
    t = tab().open(f"{home}/index.html#w1.kind=heart&w1.action=grows&w1.take=5&w1.frame=11")
    shown = t.page.eval_on_selector(".t2v-picture", "c => Array.from(c.getContext('2d').getImageData(0, 0, 256, 256).data)")
    builder = SceneBuilder("a large red heart grows", take=5)
    ours = builder.film(16, 256, 256)[11]
    assert np.abs(np.array(shown).reshape(256, 256, 4)[..., :3] - ours.astype(int)).max() <= 1


def test_the_address_holds_the_settings(tab: Callable[..., Tab], home: str) -> None:
    t = tab().open(f"{home}/index.html")
    t.pause()
    t.menu("Colour").select_option("blue")
    t.menu("Company").select_option("above")
    t.page.get_by_role("button", name="Another take").click()
    t.page.wait_for_function("location.hash.includes('w1.color=blue') && location.hash.includes('w1.take=1')")
    again = tab().open(t.page.url)
    assert again.captions() == t.captions()
    assert "above" in t.captions()[0]
    assert again.picture() == t.picture()
    again.page.get_by_role("button", name="Reset").click()
    again.page.wait_for_function("location.hash === ''")
    first = parse("a large red star spins")
    assert again.captions() == [say(first, "en"), say(first, "zh")]
    again.is_clean(home.rsplit("/pages", 1)[0])


def test_a_link_on_the_page_moves_the_widget_and_a_heading_does_not(tab: Callable[..., Tab], address: str) -> None:
    t = tab().open(f"{address}/index.html")
    t.page.evaluate("location.hash = '#w1.kind=cross'")
    t.page.wait_for_function("document.querySelector('.t2v-caption p').textContent.includes('cross')")
    t.page.evaluate("location.hash = '#some-heading'")
    t.page.wait_for_timeout(100)
    assert "cross" in t.captions()[0]
    t.page.evaluate("location.hash = '#w1.kind=dragon&w1.take=x&w1.place=moon'")  # nonsense shows something rather than nothing
    t.page.wait_for_function("!document.querySelector('.t2v-caption p').textContent.includes('cross')")
    t.is_clean(address.rsplit("/pages", 1)[0])


def test_everything_works_from_the_keyboard(tab: Callable[..., Tab], address: str) -> None:
    t = tab().open(f"{address}/index.html")
    play = t.page.get_by_role("button", name="Pause").first
    play.focus()
    t.page.keyboard.press("Enter")
    frame = t.page.get_by_role("slider", name="Frame of the film")
    frame.focus()
    t.page.keyboard.press("Home")
    start = t.picture()
    t.page.keyboard.press("ArrowRight")
    t.page.keyboard.press("ArrowRight")
    assert frame.get_attribute("aria-valuetext") == "frame 3 of 16"
    assert t.picture() != start
    t.menu("Actor").focus()
    t.page.keyboard.press("ArrowDown")
    t.page.wait_for_function("document.querySelector('.t2v-caption p').textContent.includes('cross')")
    assert t.page.locator("[aria-live=polite]").count() == 1
    unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
    assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
    assert t.page.eval_on_selector_all("input[type=range]", "es => es.every((e) => e.dataset.lmSuppressShortcuts === 'true')")


def test_it_lives_where_a_page_allows_only_its_own_files(tab: Callable[..., Tab], address: str) -> None:
    """Under default-src 'self' the only thing refused is the picture that stands in for a widget where there is no script."""
    t = tab().open(f"{address}/strict.html")
    t.pause()
    before = t.picture()
    t.menu("Colour").select_option("green")
    t.page.wait_for_function("document.querySelector('.t2v-caption p').textContent.includes('green')")
    assert t.picture() != before
    assert t.page.locator(".t2v-scrubber .t2v-picture").count() == 2
    assert all("data:image/png" in line for line in t.said), t.said


def test_a_reader_who_wants_less_motion_gets_none(tab: Callable[..., Tab], address: str) -> None:
    t = tab(reduced_motion="reduce").open(f"{address}/index.html")
    before = t.picture()
    t.page.wait_for_timeout(500)
    assert t.picture() == before
    assert t.page.get_by_role("button", name="Play").count() == 2


def test_without_scripts_the_picture_and_the_question_stay(tab: Callable[..., Tab], address: str) -> None:
    t = tab(java_script_enabled=False)
    t.page.goto(f"{address}/index.html")
    pictures = t.page.locator("img")
    assert pictures.count() == 2
    assert "a large red star spins" in str(pictures.first.get_attribute("alt"))
    assert t.page.get_by_text("Which of these menus").is_visible()


def test_the_scrubber_shows_each_moment_beside_the_last(tab: Callable[..., Tab], home: str) -> None:
    t = tab(reduced_motion="reduce").open(f"{home}/index.html#w2.step=0")
    now = ".t2v-screen:nth-child(1) canvas"
    t.page.wait_for_function("""[...document.querySelectorAll('.t2v-scrubber canvas')]
        .every((c) => c.getContext('2d').getImageData(16, 16, 1, 1).data[3])""")
    first, last = t.picture(now), t.picture(".t2v-screen:nth-child(2) canvas")
    assert first != last
    t.page.get_by_role("slider", name="Moment of the run").focus()
    t.page.keyboard.press("End")
    t.page.wait_for_function("document.querySelector('.t2v-scrubber figcaption').textContent === 'Now: step 100'")
    t.page.wait_for_timeout(100)
    assert t.picture(now) == last
    assert t.page.locator(".t2v-key output").text_content() == "1.00"
    t.page.get_by_label("beside the last").uncheck()
    assert not t.page.locator(".t2v-screen").nth(1).is_visible()
    t.page.wait_for_function("location.hash.includes('w2.compare=false') && location.hash.includes('w2.step=2')")
    t.is_clean(home.rsplit("/pages", 1)[0])


@pytest.mark.parametrize("width", [400, 800])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_sticks_out_and_words_can_be_read(tab: Callable[..., Tab], address: str, width: int, theme: str) -> None:
    t = tab(viewport={"width": width, "height": 900}, reduced_motion="reduce").open(f"{address}/index.html")
    t.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    contrasts = t.page.evaluate("""() => {
        const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const light = (color) => color.match(/[\\d.]+/g).slice(0, 3)
            .reduce((sum, v, i) => sum + linear(v / 255) * [0.2126, 0.7152, 0.0722][i], 0);
        const behind = (e) => {
            const color = getComputedStyle(e).backgroundColor;
            return /, 0\\)$/.test(color) ? behind(e.parentElement) : color;
        };
        const words = ["p", "span", "select", "figcaption", "output", "summary", "legend"].map((tag) => `.t2v ${tag}`).join();
        return [...document.querySelectorAll(words)].map((e) => {
            const [a, b] = [getComputedStyle(e).color, behind(e)].map(light);
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.slice(0, 30)];
        });
    }""")  # the ratio of WCAG 2, and which words
    assert min(contrasts)[0] >= 4.5, min(contrasts)


def test_a_notebook_loads_the_module_as_anywidget_does(tab: Callable[..., Tab], address: str) -> None:
    """anywidget imports `_esm` from a blob and calls render({ model, el }); what a menu sets, is saved for Python."""
    t = tab()
    t.page.goto(f"{address}/empty.html")
    builder = SceneBuilder("a small green cross moves up")
    state = {name: getattr(builder, name) for name in builder.keys if not name.startswith("_") and name not in ("layout", "comm")}
    t.page.evaluate("""async ([source, state]) => {
        const listeners = {};
        const { default: widget } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        const model = window.model = {
            saved: 0, get: (k) => state[k], save_changes() { this.saved += 1; },
            set(k, v) { state[k] = v; (listeners[`change:${k}`] ?? []).forEach((f) => f()); },
            on: (name, f) => (listeners[name] ??= []).push(f), off: (name) => { delete listeners[name]; },
        };
        window.cleanUp = await widget.render({ model, el: document.querySelector("main") });
    }""", [module("scene_builder"), json.loads(json.dumps(state, default=str))])
    assert t.captions()[0] == "a small green cross moves up"
    t.menu("Action").select_option("spins")
    t.page.wait_for_function("model.get('action') === 'spins' && model.get('direction') === 'clockwise' && model.saved > 0")
    t.page.evaluate("for (const [k, v] of [['kind', 'cat'], ['place', 'window']]) model.set(k, v)")  # as Python would
    t.page.wait_for_function("document.querySelector('.t2v-caption p').textContent.includes('cat')")
    assert t.page.evaluate("model.get('action')") == "sits"
    t.page.evaluate("cleanUp()")
    t.page.wait_for_timeout(300)
    assert t.said == []


if os.environ.get("T2V_SHOTS"):  # pictures to look at: T2V_SHOTS=folder pytest -k shots

    def test_shots(tab: Callable[..., Tab], address: str) -> None:
        for theme, width in (("light", 400), ("light", 800), ("dark", 400), ("dark", 800)):
            t = tab(viewport={"width": width, "height": 900}).open(f"{address}/index.html#w1.relation=left_of&w1.frame=5")
            t.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
            t.page.wait_for_timeout(1500)
            t.page.screenshot(path=f"{os.environ['T2V_SHOTS']}/{theme}_{width}.png", full_page=True)
