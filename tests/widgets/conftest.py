"""Tabs of the browser for tests of widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pages import Tab


@pytest.fixture
def tab(chromium: Any) -> Iterator[Callable[[], Tab]]:
    contexts = []

    def new(**options: Any) -> Tab:
        context = chromium.new_context(**options)
        context.set_default_timeout(60_000)  # other tests run beside this one
        contexts.append(context)
        one = Tab(context.new_page())
        one.page.on("console", lambda m: one.hear(m.type, m.text))
        one.page.on("pageerror", lambda e: one.said.append(f"error: {e}"))
        one.page.on("request", lambda r: one.asked.append(r.url))
        return one

    yield new
    for context in contexts:
        context.close()
