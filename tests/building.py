"""Books built in a folder of their own, for tests: a copy of the configuration, with the chapters one asks for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
MATHJAX = ROOT / ".cache" / "site" / "mathjax"


def copy_book(folder: Path, chapters: list[Path], settings: dict[str, object] | None = None) -> Path:
    """The book with these notebooks for chapters, and with settings of _config.yml replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".cache" / "site").mkdir(parents=True)
    shutil.copytree(MATHJAX, folder / ".cache" / "site" / "mathjax")
    config = yaml.safe_load((ROOT / "_config.yml").read_text()) | (settings or {})
    (folder / "_config.yml").write_text(yaml.safe_dump(config))
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    for part in toc["parts"]:
        if part["caption"] == "Chapters":
            part["chapters"] = [{"file": f"chapters/{path.stem}"} for path in chapters]
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False))
    (folder / "chapters").mkdir()
    for path in chapters:
        shutil.copy(path, folder / "chapters")
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """`make book` in a copy: warnings as errors."""
    environment = {**os.environ, "NO_COLOR": "1"}
    tool = str(Path(sys.executable).with_name("jupyter-book"))
    command = [tool, "build", "--all", "--warningiserror", "--keep-going", "--path-output", ".", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=300)
