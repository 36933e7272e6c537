"""The gate: a broken notebook turns the site's build red, and nbval; a sound one turns neither."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "book" / "tools")]

from building import MATHJAX, build, copy_book  # noqa: E402
from execute import run  # noqa: E402

# The chapters that the pages link to stand in as notebooks of two cells.
NAMES = sorted({name for page in (ROOT / "book").glob("*.md") for name in re.findall(r"chapters/(\d\d_\w+)", page.read_text())})


def write(path: Path, title: str, source: str) -> Path:
    cells = [nbformat.v4.new_markdown_cell(f"# {title}"), nbformat.v4.new_code_cell(source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sound")
    notebooks = [write(folder / f"{name}.ipynb", name, "print(1 + 1)") for name in NAMES]
    for path in notebooks:
        run(path)
    return notebooks


def broken(folder: Path, sound: list[Path]) -> dict[str, Path]:
    """Notebooks broken in each way that the build must notice."""
    never = write(folder / "90_never_run.ipynb", "Never run", "1 / 0")
    changed = folder / "91_changed.ipynb"
    changed.write_text(sound[0].read_text().replace("1 + 1", "1 / 0").replace("# 01_world", "# Changed"))
    failing = folder / "92_failing.ipynb"
    notebook = json.loads(sound[0].read_text())
    error = {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": []}
    notebook["cells"][0]["source"] = "# Failing"
    notebook["cells"][1]["outputs"] = [error]
    failing.write_text(json.dumps(notebook))
    return {"has never been run": never, "is not the code that was run": changed, "stores an error": failing}


def nbval(*notebooks: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
               "--nbval", "--nbval-current-env", "--nbval-kernel-startup-timeout", "300",
               "--nbval-cell-timeout", "300",
               "--nbval-sanitize-with", str(ROOT / "tests" / "chapters" / "sanitize.cfg"), *map(str, notebooks)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=notebooks[0].parent,
                          env={**os.environ, "T2V_STATIC": "1"})


@pytest.mark.slow
@pytest.mark.skipif(not MATHJAX.is_dir(), reason="no MathJax; `make setup` fetches it")
def test_the_build_turns_red_for_broken_notebooks_and_only_for_them(tmp_path, sound):
    fine = build(copy_book(tmp_path / "fine", sound))
    assert fine.returncode == 0, fine.stdout[-2000:] + fine.stderr[-4000:]
    made = broken(tmp_path, sound)
    red = build(copy_book(tmp_path / "red", [*sound, *made.values()]))
    assert red.returncode != 0
    for complaint, path in made.items():
        said = [line for line in red.stderr.splitlines() if complaint in line and path.stem in line]
        assert said, f"nothing of {complaint!r} in {red.stderr[-4000:]}"
    again = build(tmp_path / "red")
    assert again.returncode != 0, "the second build forgot what the first one found"


@pytest.mark.slow
def test_nbval_turns_red_for_broken_notebooks_and_only_for_them(tmp_path, sound):
    fine = nbval(*sound)
    assert fine.returncode == 0, fine.stdout[-3000:]
    never, changed, _ = broken(tmp_path, sound).values()
    for path in (never, changed):
        red = nbval(path)
        assert red.returncode == 1 and "ZeroDivisionError" in red.stdout, red.stdout[-3000:]


@pytest.mark.slow
def test_running_a_chapter_twice_stores_the_same_bytes(tmp_path):
    source = "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\n1 + 1"
    path = write(tmp_path / "a.ipynb", "Twice", source)
    run(path)
    first = path.read_bytes()
    run(path)
    assert path.read_bytes() == first
    stored = json.loads(first)
    assert stored["metadata"]["t2v"]["minutes"] == 1
    assert "widgets" not in stored["metadata"] and "version" not in stored["metadata"]["language_info"]
