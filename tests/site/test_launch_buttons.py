"""With the one setting `repository: url:`, chapters carry Colab and Binder buttons that lead to themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "book" / "ext")]

from building import build, copy_book  # noqa: E402
from t2v_site import add_launch_buttons  # noqa: E402

REPOSITORY = {"repository": {"url": "https://github.com/someone/t2v_edu", "branch": "main"}}


@pytest.mark.slow
def test_the_buttons_lead_to_the_chapter(tmp_path, site):
    chapters = sorted((ROOT / "chapters").glob("*.ipynb"))
    folder = copy_book(tmp_path / "book", chapters, REPOSITORY)
    done = build(folder)
    assert done.returncode == 0, done.stderr[-4000:]
    page = (folder / "_build" / "html" / "chapters" / f"{chapters[0].stem}.html").read_text()
    assert f"https://colab.research.google.com/github/someone/t2v_edu/blob/main/chapters/{chapters[0].name}" in page
    assert f"https://mybinder.org/v2/gh/someone/t2v_edu/main?urlpath=lab/tree/chapters/{chapters[0].name}" in page


@pytest.mark.parametrize("options", [{}, {"repository_url": ""}])
def test_without_the_setting_there_are_none(options):
    config = SimpleNamespace(html_theme_options=options)
    add_launch_buttons(SimpleNamespace(), config)
    assert config.html_theme_options["launch_buttons"] == {}
