"""What a chapter must keep to, as functions from a notebook to complaints; tested on notebooks that break each of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

Notebook = dict[str, Any]
SHOWS = {"print", "display", "show"}
LONGEST = 25
HEAVIEST_VIDEO = 300_000


def code_cells(notebook: Notebook) -> Iterator[tuple[int, Any, str]]:
    """Number, cell and source of every code cell that is not empty."""
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    for number, cell in enumerate(cells, 1):
        if source := "".join(cell["source"]).strip():
            yield number, cell, source


def tags(cell: Any) -> list[str]:
    return list(cell["metadata"].get("tags", []))


def promises_output(source: str) -> bool:
    """Whether running the cell must show something: it prints or displays, or its last line is a value."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    tree = ast.parse("\n".join(lines))
    if not tree.body:
        return False
    last = tree.body[-1]
    shown = isinstance(last, ast.Expr) and not source.rstrip().endswith(";")
    if shown and not isinstance(last.value, ast.Call) and not (isinstance(last.value, ast.Constant) and last.value.value is None):
        return True
    return any(_shows(statement) for statement in tree.body)


def _shows(statement: ast.stmt) -> bool:
    """Whether a statement prints or displays, definitions and branches that may not run left out."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.If | ast.Try):
        return False
    for node in ast.walk(statement):
        if isinstance(node, ast.Lambda | ast.FunctionDef):
            return False
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in SHOWS:
            return True
    return False


def promised_but_missing(notebook: Notebook) -> list[str]:
    return [
        f"code cell {n} promises output and stores none: {source.splitlines()[-1]!r}"
        for n, cell, source in code_cells(notebook)
        if promises_output(source) and not cell["outputs"]
    ]


def no_outputs_at_all(notebook: Notebook) -> list[str]:
    return [] if any(cell["outputs"] for _, cell, _ in code_cells(notebook)) else ["no code cell stores any output"]


def stored_errors(notebook: Notebook) -> list[str]:
    found = []
    for n, cell, _ in code_cells(notebook):
        errors = [o for o in cell["outputs"] if o["output_type"] == "error"]
        if errors and "raises-exception" not in tags(cell):
            found.append(f"code cell {n} stores {errors[0]['ename']}")
        if not errors and "raises-exception" in tags(cell):
            found.append(f"code cell {n} should raise and stores no error")
    return found


def long_cells(notebook: Notebook) -> list[str]:
    sizes = {n: len(source.splitlines()) for n, _, source in code_cells(notebook)}
    return [f"code cell {n} has {size} lines" for n, size in sizes.items() if size > LONGEST]


class _Media(HTMLParser):
    """Pictures and videos of some HTML that lack what someone who cannot see them needs."""

    def __init__(self) -> None:
        super().__init__()
        self.bare: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = dict(attrs)
        if tag == "img" and not have.get("alt"):
            self.bare.append("a picture without alt")
        if tag == "video" and not (have.get("aria-label") or have.get("title")):
            self.bare.append("a video without aria-label")


def bare_media(html: str) -> list[str]:
    parser = _Media()
    parser.feed(html)
    return parser.bare


def without_text(notebook: Notebook) -> list[str]:
    """Pictures and videos, in outputs and in the prose, without a text that says what they show."""
    found = []
    for n, cell, _ in code_cells(notebook):
        for output in cell["outputs"]:
            data = output.get("data", {})
            found += [f"code cell {n}: {what}" for what in bare_media("".join(data.get("text/html", "")))]
            told = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt")
            if any(kind.startswith("image/") for kind in data) and not told:
                found.append(f"code cell {n}: a picture without alt")
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            source = "".join(cell["source"])
            found += [f"prose: {what}" for what in bare_media(source)]
            found += [f"prose: a picture without alt: {target}" for target in re.findall(r"!\[\s*\]\(([^)]{0,80})", source)]
    return found


def heavy_videos(notebook: Notebook) -> list[str]:
    found = []
    for n, cell, _ in code_cells(notebook):
        for output in cell["outputs"]:
            for kind, value in output.get("data", {}).items():
                text = "".join(value) if isinstance(value, str | list) else ""
                films = re.findall(r"data:video/[^;,]+;base64,([A-Za-z0-9+/=]+)", text)
                films += [text] if kind.startswith("video/") else []
                weights = [len(film) * 3 // 4 for film in films]
                found += [f"code cell {n}: a video of {weight // 1000} kB" for weight in weights if weight > HEAVIEST_VIDEO]
    return found


def loose_exercises(notebook: Notebook) -> list[str]:
    """Exercises that are no exercise: a stub that does not stop, a check that passes it, a solution that the check never saw."""
    cells = [(n, cell, source) for n, cell, source in code_cells(notebook) if {"exercise", "check", "solution"} & set(tags(cell))]
    found = [] if cells else ["there is no exercise"]
    kinds = [next(tag for tag in ("exercise", "check", "solution") if tag in tags(cell)) for _, cell, _ in cells]
    if kinds != ["exercise", "check", "solution"] * (len(cells) // 3):
        return [f"exercises come as exercise, check, solution, not as {', '.join(kinds)}"]
    for at in range(0, len(cells), 3):
        (n, _, stub), (_, check, asked), (_, solved, answer) = cells[at : at + 3]
        if "raise NotImplementedError(" not in stub:
            found.append(f"code cell {n}: the stub does not raise NotImplementedError")
        if [o.get("ename") for o in check["outputs"]][-1:] != ["NotImplementedError"]:
            found.append(f"code cell {n + 1}: the check does not stop at the stub")
        call = ast.unparse(ast.parse(asked).body[-1]).split("(")[0]
        if not re.fullmatch(r"check_\w+", call) or f"{call}(" not in answer:
            found.append(f"code cell {n + 2}: the solution is not given to {call}")
        if not solved["outputs"]:
            found.append(f"code cell {n + 2}: the solution stores no verdict")
    return found


RULES: list[Callable[[Notebook], list[str]]] = [
    promised_but_missing, no_outputs_at_all, stored_errors, long_cells, without_text, heavy_videos,
    loose_exercises,
]
