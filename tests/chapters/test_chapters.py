"""Every chapter keeps to the rules; and each rule finds a notebook that breaks it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "book" / "ext"), str(ROOT / "book" / "tools")]

from rules import (  # noqa: E402
    RULES,
    heavy_videos,
    long_cells,
    loose_exercises,
    no_outputs_at_all,
    promised_but_missing,
    promises_output,
    stored_errors,
    without_text,
)
from t2v_site import complaints, fingerprint  # noqa: E402

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
class TestChapter:
    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
    def test_rule(self, path, rule):
        assert rule(json.loads(path.read_text())) == []

    def test_outputs_are_those_of_its_code(self, path):
        assert complaints(json.loads(path.read_text())) == []

    def test_is_light(self, path):
        assert path.stat().st_size <= 1.5e6

    def test_runs_in_two_minutes(self, path):
        assert json.loads(path.read_text())["metadata"]["t2v"]["minutes"] <= 2


def cell(source, outputs=(), tags=(), **metadata):
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "execution_count": 1,
            "metadata": {"tags": list(tags), **metadata}}


def book(*cells):
    made = {"cells": list(cells), "metadata": {}}
    made["metadata"]["t2v"] = {"code": fingerprint(made)}
    return made


TEXT = {"output_type": "stream", "name": "stdout", "text": "1\n"}
ERROR = {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": []}


def shown(kind, value):
    return {"output_type": "display_data", "data": {kind: value}, "metadata": {}}


@pytest.mark.parametrize("source, promised", [
    ("print(1)", True), ("x = 1\nx", True), ("for i in range(3):\n    print(i)", True), ("display(film)", True),
    ("plt.show()", True), ("x.shape", True), ("%timeit f()\nx = 1", False), ("x = 1", False), ("def f():\n    print(1)", False),
    ("x;", False), ("items.append(1)", False), ("if x:\n    print(x)", False), ("import torch", False),
    ("assert x == 1", False), ("# a comment", False),
])  # fmt: skip
def test_what_promises_output(source, promised):
    assert promises_output(source) is promised


STOP = {"output_type": "error", "ename": "NotImplementedError", "evalue": "write it", "traceback": []}
STUB = cell("def f():\n    raise NotImplementedError('write it')", tags=["exercise"])
CHECK = cell("def check_f(f):\n    return f()\n\ncheck_f(f)", [STOP], ["check", "raises-exception"])
SOLUTION = cell("check_f(lambda: 'right')", [TEXT], ["solution"])
EXERCISE = STUB, CHECK, SOLUTION


@pytest.mark.parametrize("rule, broken", [
    (promised_but_missing, cell("print(1)")),
    (no_outputs_at_all, cell("x = 1")),
    (stored_errors, cell("1/0", [ERROR])),
    (stored_errors, cell("1/0", [], ["raises-exception"])),
    (long_cells, cell("x = 1\n" * 26)),
    (without_text, cell("x", [shown("image/png", "AAAA")])),
    (without_text, cell("x", [shown("text/html", "<img src='a.png'>")])),
    (without_text, cell("x", [shown("text/html", ["<video ", "src='a.mp4'></video>"])])),
    (without_text, {"cell_type": "markdown", "source": ["![](a.png)"], "metadata": {}}),
    (heavy_videos, cell("x", [shown("text/html", "<video src='data:video/mp4;base64," + "A" * 410_000 + "'>")])),
])  # fmt: skip
def test_each_rule_finds_what_breaks_it(rule, broken):
    assert len(rule(book(broken))) == 1


@pytest.mark.parametrize("cells, complaint", [
    ((), "there is no exercise"),
    ((STUB, SOLUTION, CHECK), "come as exercise, check, solution"),
    ((STUB, CHECK), "come as exercise, check, solution"),
    ((cell("def f():\n    return 1", tags=["exercise"]), CHECK, SOLUTION), "does not raise NotImplementedError"),
    ((STUB, cell("def check_f(f):\n    pass\n\ncheck_f(f)", [TEXT], ["check"]), SOLUTION), "does not stop at the stub"),
    ((STUB, CHECK, cell("check_g(lambda: 1)", [TEXT], ["solution"])), "is not given to check_f"),
    ((STUB, CHECK, cell("check_f(lambda: 1)", tags=["solution"])), "stores no verdict"),
])  # fmt: skip
def test_what_is_no_exercise(cells, complaint):
    (found,) = loose_exercises(book(*cells))
    assert complaint in found


@pytest.mark.parametrize("fine", [
    cell("print(1)", [TEXT]),
    cell("1/0", [ERROR], ["raises-exception"]),
    cell("x", [shown("image/png", "AAAA")], mystnb={"image": {"alt": "a disc"}}),
    cell("x", [shown("text/html", "<video aria-label='a disc moves' src='data:video/mp4;base64,AAAA'></video>")]),
])  # fmt: skip
def test_no_rule_complains_of_what_is_fine(fine):
    assert [complaint for rule in RULES for complaint in rule(book(fine, *EXERCISE))] == []


def test_a_change_of_code_is_noticed():
    notebook = book(cell("print(1)", [TEXT]))
    assert complaints(notebook) == []
    notebook["cells"][0]["source"] = "print(2)"
    assert complaints(notebook) == ["its code is not the code that was run for its outputs"]
