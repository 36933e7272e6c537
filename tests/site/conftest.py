"""The book, built once a session, and Debian's Chromium to open it with, every other host out of reach."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

import browsers  # noqa: E402
from building import MATHJAX, build, copy_book  # noqa: E402

PREFIX = "/a/course"  # a site lives below a path more often than not


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker builds the book, and opens it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.site)
            item.add_marker(pytest.mark.xdist_group("site"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages, below PREFIX of a folder that can be served; T2V_SITE=_build/html takes those, to spare a build."""
    home = tmp_path_factory.mktemp("www")
    if built := os.environ.get("T2V_SITE"):
        shutil.copytree(ROOT / built, home / PREFIX.strip("/"))
        return home
    chapters = sorted((ROOT / "chapters").glob("*.ipynb"))
    if not MATHJAX.is_dir():
        browsers.missing("no MathJax; `make setup` fetches it")
    if not chapters:
        pytest.skip("no chapters yet")
    folder = copy_book(tmp_path_factory.mktemp("book"), chapters)
    done = build(folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    shutil.copytree(folder / "_build" / "html", home / PREFIX.strip("/"))
    return home


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None: ...


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """The address of the site over http."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
        server.shutdown()


@pytest.fixture(scope="session")
def local(site: Path) -> str:
    """The address of the site as files."""
    return (site / PREFIX.strip("/")).as_uri()


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    running = browsers.start(request)
    yield running
    running.close()


@dataclass
class Visit:
    """A page, and what went wrong on it so far."""

    page: Any
    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def complaints(self) -> list[str]:
        return [f"asks {address}" for address in self.elsewhere] + self.errors


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """A fresh page that notes requests to other hosts, failed requests, errors and warnings of the console."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)  # a page full of films, on a machine that runs other tests beside it
    page = context.new_page()
    seen = Visit(page)

    def asked(request: Any) -> None:
        where = urlsplit(request.url)
        if where.scheme not in ("data", "blob", "file") and where.hostname != "127.0.0.1":
            seen.elsewhere.append(request.url[:200])

    page.on("request", asked)
    page.on("requestfailed", lambda r: seen.errors.append(f"failed: {r.url[:200]} {r.failure}"))
    page.on("response", lambda r: seen.errors.append(f"{r.status}: {r.url[:200]}") if r.status >= 400 else None)
    page.on("pageerror", lambda e: seen.errors.append(f"error: {e}"))
    page.on("console", lambda m: seen.errors.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    yield seen
    context.close()
