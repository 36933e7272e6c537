"""Run chapters from a fresh kernel and store their outputs, the same bytes on every run as far as the chapter allows.

    python book/tools/execute.py chapters/01_world.ipynb …

What it takes out: execution times, random cell ids, the kernel's particulars, widget state. What it writes down, under
`t2v` in the notebook's metadata: `minutes`, the rounded run time, and `code`, a fingerprint of the code that was run; the site
refuses a chapter whose code has changed since.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "ext"))
from t2v_site import duration, fingerprint  # noqa: E402

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FILE_FRAME = "\x1b[36mFile "  # how a traceback begins to quote a file
CELL_KEYS = ("tags", "jupyter", "mystnb", "editable", "slideshow")


def run(path: Path) -> float:
    """Execute a notebook in place, normalised.

    Returns:
        Its run time in seconds.
    Raises:
        CellExecutionError: a cell failed that is not tagged raises-exception; the file is left as it was.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    os.environ["T2V_STATIC"] = "1"  # widgets store their HTML alone
    place = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=600, startup_timeout=300, kernel_name="python3", resources=place)
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    normalise(notebook, seconds)
    part = path.with_suffix(".part")
    nbformat.write(notebook, part)
    part.replace(path)
    return seconds


def normalise(notebook: Any, seconds: float) -> None:
    """Keep what the reader sees, drop what differs from run to run."""
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
        "t2v": {"minutes": max(1, round(seconds / 60)), "code": fingerprint(notebook)},
    })
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in CELL_KEYS if key in cell.metadata})
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        if cell.cell_type != "code":
            continue
        count += bool(cell.source.strip())
        cell.execution_count = count if cell.source.strip() else None
        cell.outputs = [tidy(output, count) for output in join_streams(cell.outputs)]
        carry_alt(cell)


def join_streams(outputs: list[Any]) -> list[Any]:
    """Neighbouring pieces of one stream become one: where a kernel cuts them is chance."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last is not None and output.output_type == "stream" == last.output_type and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def tidy(output: Any, count: int) -> Any:
    """An output with its cell's number, and without a widget view that no kernel stands behind."""
    if "execution_count" in output:
        output.execution_count = count
    if "text/html" in output.get("data", {}):
        output.data.pop(WIDGET_VIEW, None)
    if output.output_type == "error":  # the cell's own lines and what was said; files lie elsewhere on every machine
        output.traceback = [part for part in output.traceback if not part.startswith(FILE_FRAME)]
    return output


def carry_alt(cell: Any) -> None:
    """`display(figure, metadata={"image/png": {"alt": "…"}})`: hand the text on to where the site looks for it."""
    for output in cell.outputs:
        for kind, about in output.get("metadata", {}).items():
            if kind.startswith("image/") and about.get("alt"):
                cell.metadata.setdefault("mystnb", {}).setdefault("image", {})["alt"] = about["alt"]


def main(paths: list[str]) -> int:
    """Run the notebooks named; 1 where one failed."""
    failed = 0
    for name in paths:
        try:
            seconds = run(Path(name))
        except CellExecutionError as error:
            failed = 1
            print(f"{name}: failed\n{error}", file=sys.stderr)
            continue
        print(f"{name}: {seconds:.0f} s, {duration(max(1, round(seconds / 60)))}, {Path(name).stat().st_size / 1e3:.0f} kB")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
