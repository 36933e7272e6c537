"""The README's table is made from what `Report.save` writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "book" / "tools")]

from table import table  # noqa: E402

from t2v_edu.evaluation.attributes import Score  # noqa: E402
from t2v_edu.evaluation.report import Report  # noqa: E402


def report(world: str, right: int, folder: Path) -> dict[str, Any]:
    scores = {"color": Score(970, 1000), "all": Score(right, 1000)}
    Report(world, 1000, 0, {"held_out": scores}, {"color": 1 / 7, "all": 0.001}).save(folder / "report.json")
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def test_models_stand_world_by_world_above_chance(tmp_path):
    made = table([("flow", report("digits", 247, tmp_path)), ("flow", report("shapes", 700, tmp_path)),
                  ("digits", report("digits", 959, tmp_path))])
    head, rule, *rows = made.splitlines()
    assert head.startswith("| world | model | films | all correct | kind | color |") and head.count("|") == rule.count("|")
    assert rows[0] == "| digits | `flow` | 1000 | **0.247** (0.22–0.27) |  | 0.970 |  |  |  |  |  |"
    assert [row.split(" | ")[:2] for row in rows] == [["| digits", "`flow`"], ["| digits", "`digits`"], ["| digits", "chance"],
                                                      ["| shapes", "`flow`"], ["| shapes", "chance"]]
    assert rows[2].startswith("| digits | chance | | 0.001 |  | 0.143 |")


def test_without_reports_there_is_no_table():
    assert table([]) == ""
