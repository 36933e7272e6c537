"""Which browser the tests open pages with, and how it is started: every other host out of reach."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]


def missing(what: str) -> None:
    """Skip, except in CI, where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def start(request: pytest.FixtureRequest) -> Any:
    """A running browser, which the caller closes."""
    if CHROMIUM is None:
        missing("no Chromium on PATH (apt install chromium)")
    return request.getfixturevalue("playwright").chromium.launch(executable_path=CHROMIUM, args=FLAGS)
