"""The README's table is made from what `Report.save` writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "book" / "tools")]

from table import table  # noqa: E402

from t2v_edu.evaluation.attributes import Score  # noqa: E402
from t2v_edu.evaluation.report import Report  # noqa: E402


def test_a_saved_report_becomes_rows_with_all_correct_first(tmp_path):
    scores = {"color": Score(970, 1000), "all": Score(700, 1000)}
    report = Report("shapes", 1000, 0, {"held_out": scores}, {"color": 1 / 7, "all": 0.001})
    report.save(tmp_path / "report.json")
    head, _, first, second = table({"shapes": json.loads((tmp_path / "report.json").read_text())}).splitlines()
    assert head == "| | shapes, 1000 films | chance |"
    assert first == "| **all correct** | 0.700 (0.67–0.73) | 0.001 |"
    assert second == "| color | 0.970 (0.96–0.98) | 0.143 |"


def test_without_reports_there_is_no_table():
    assert table({}) == ""
