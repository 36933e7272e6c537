"""Write the measured table of the shipped models into README.md, from data/models/*/report.json; --check only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START, END = "<!-- table:start -->", "<!-- table:end -->"


ROWS = ("all", "kind", "color", "size", "action", "direction", "speed", "place")


def share(score: dict[str, Any] | None) -> str:
    """A share with its 95 % Wilson interval.

    >>> share({"share": 0.5, "interval": [0.46, 0.54]})
    '0.500 (0.460–0.540)'
    """
    if score is None:
        return "–"
    low, high = score["interval"]
    return f"{score['share']:.3f} ({low:.3f}–{high:.3f})"


def table(reports: dict[str, dict[str, Any]]) -> str:
    """Markdown: for each model every split, the shuffled captions and chance; all attributes at once first, then each."""
    if not reports:
        return ""
    columns: dict[str, dict[str, str]] = {}
    for name, report in reports.items():
        for split, scores in (report["splits"] | report["controls"]).items():
            columns[f"{name}, {split.replace('_', ' ')}"] = {row: share(scores.get(row)) for row in ROWS}
        columns[f"{name}, chance"] = {row: f"{report['chance'][row]:.3f}" if row in report["chance"] else "–" for row in ROWS}
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    names = {"all": "**all correct**", "kind": "actor", "color": "colour"}
    lines += [f"| {names.get(row, row)} | " + " | ".join(column[row] for column in columns.values()) + " |" for row in ROWS]
    clips = ", ".join(f"{name}: {report['clips']}" for name, report in reports.items())
    return "\n".join(lines) + f"\n\nClips a column ({clips}); in brackets the 95 % Wilson interval. Made by `t2v-edu evaluate`.\n"


def main(check: bool) -> int:
    """Bring the README up to date; with `check`, 1 where it is not."""
    folders = sorted((ROOT / "data" / "models").glob("*/report.json"))
    made = table({path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in folders})
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, rest = text.split(START)
    new = f"{head}{START}\n{made}{END}{rest.split(END)[1]}"
    if check:
        if new != text:
            print("README.md does not show data/models/*/report.json; run python book/tools/table.py", file=sys.stderr)
        return int(new != text)
    readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
