"""Static pages of widgets, and a tab of the browser that looks at them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from t2v_edu.widgets import Widget, site_css, site_script


def page_of(widgets: list[Widget], head: str = "") -> str:
    body = "\n".join(w.to_html() for w in widgets)
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}<title>Widgets</title>'
            '<link rel="icon" href="icon.svg"><link rel="stylesheet" href="../t2v/t2v.css">'
            f'<script src="../t2v/t2v.js" defer></script></head><body>{body}</body></html>')


def write_page(root: Path, widgets: list[Widget]) -> Path:
    """A static page with widgets in `pages`, the script and the style sheet in a folder beside it."""
    for folder in ("t2v", "pages"):
        (root / folder).mkdir()
    (root / "t2v" / "t2v.js").write_text(site_script(), encoding="utf-8")
    (root / "t2v" / "t2v.css").write_text(site_css(), encoding="utf-8")
    (root / "pages" / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
    (root / "pages" / "index.html").write_text(page_of(widgets), encoding="utf-8")
    return root / "pages" / "index.html"


@dataclass
class Tab:
    """A page, and all that it said and asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def hear(self, kind: str, text: str) -> None:
        if "willReadFrequently" not in text:  # it is the tests that read canvases
            self.said.append(f"{kind}: {text}")

    def open(self, url: str) -> Tab:
        self.page.goto(url)
        self.page.wait_for_selector(".t2v-player")
        return self

    def picture(self, which: str = ".t2v-picture") -> str:
        """A fingerprint of a canvas's pixels."""
        data = self.page.eval_on_selector(which, "c => c.toDataURL()")
        return hashlib.sha256(data.encode()).hexdigest()

    def menu(self, label: str) -> Any:
        return self.page.get_by_role("combobox", name=label, exact=True).first

    def captions(self) -> list[str]:
        return list(self.page.locator(".t2v-caption p").all_text_contents())

    def pause(self) -> None:
        self.page.get_by_role("button", name="Pause").first.click()

    def is_clean(self, origin: str) -> None:
        assert self.said == []
        elsewhere = [url for url in self.asked if not url.startswith((origin, "data:image/png;base64,"))]
        assert elsewhere == []
