"""The built site as a reader meets it: over http below a path, and from a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]

LOADS = re.compile(r"<(?:script|img|link|iframe|video|source)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]*")


@pytest.fixture(params=["http", "file"])
def home(request, site):
    """The site's address, in both of its lives."""
    return request.getfixturevalue({"http": "served", "file": "local"}[request.param])


@pytest.mark.parametrize("page", [*PAGES, "index", "genindex", "search"])
def test_a_page_asks_nobody_else_and_has_no_errors(page, home, visit):
    visit.page.goto(f"{home}/{page}.html")
    visit.page.wait_for_load_state("networkidle")
    assert visit.complaints == []
    assert visit.page.title()


def test_the_front_door_leads_to_the_welcome_page(home, visit):
    visit.page.goto(f"{home}/index.html")
    visit.page.wait_for_url("**/book/welcome.html")
    assert visit.page.locator("h1").first.inner_text().startswith("A caption becomes a film")


def test_every_page_says_what_its_icon_is(site):
    """A browser that is told of none may ask the host's root for one: a 404 on a site below a path."""
    pages = [path for path in (site / "a" / "course").rglob("*.html") if "_static" not in path.parts]
    icons = {page: re.search(r'<link rel="icon" href="([^"]+)"', page.read_text()) for page in pages}
    assert len(pages) > 10 and all(icons.values())
    assert {page.name for page, icon in icons.items() if icon[1] == "data:,"} == {"index.html"}
    assert all((page.parent / icon[1]).is_file() for page, icon in icons.items() if page.name != "index.html")


def test_pages_name_no_other_host_in_what_they_load(site):
    found = []
    for path in site.rglob("*.html"):
        loads = LOADS.findall(path.read_text())
        found += [f"{path.name}: {tag[:120]}" for tag in loads if 'rel="canonical"' not in tag]
    assert found == []


def test_there_is_one_search_and_it_finds(home, visit):
    visit.page.goto(f"{home}/search.html?q=critic")
    visit.page.wait_for_selector("#search-results li")
    assert "lossary" in visit.page.locator("#search-results").inner_text()
    visit.page.wait_for_load_state("networkidle")  # it fetches the found pages for their summaries: leaving cuts that off
    visit.page.goto(f"{home}/book/notation.html")
    visit.page.keyboard.press("Control+k")
    assert visit.page.locator("input[type=search]:visible").count() == 1
    assert visit.complaints == []


def test_dark_and_light(home, visit):
    visit.page.goto(f"{home}/book/notation.html")
    shades = set()
    for _ in range(3):
        visit.page.locator("button.theme-switch-button:visible").first.click()
        mode = visit.page.evaluate("document.documentElement.dataset.theme")
        color = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.add((mode, sum(map(int, re.findall(r"\d+", color)[:3])) < 384))
    assert ("dark", True) in shades and ("light", False) in shades
    assert visit.complaints == []


def test_formulas_are_set(home, visit):
    visit.page.goto(f"{home}/book/notation.html")
    visit.page.wait_for_selector("mjx-container")
    assert visit.page.locator("mjx-merror").count() == 0
    assert visit.complaints == []


@pytest.mark.parametrize("chapter", [page for page in PAGES if page.startswith("chapters/")])
def test_a_chapter_says_how_long_it_runs(chapter, served, visit):
    visit.page.goto(f"{served}/{chapter}.html")
    minutes = json.loads((ROOT / f"{chapter}.ipynb").read_text())["metadata"]["t2v"]["minutes"]
    assert f"about {minutes} minute" in visit.page.locator(".t2v-runtime").inner_text()


@pytest.mark.parametrize("page", PAGES)
def test_pages_fit_a_phone(page, served, visit):
    visit.page.set_viewport_size({"width": 390, "height": 800})
    visit.page.goto(f"{served}/{page}.html")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_a_repository_there_are_no_launch_buttons(site):
    for path in site.rglob("*.html"):
        assert not re.search(r"mybinder|colab\.research|dropdown-launch-buttons", path.read_text()), path.name
