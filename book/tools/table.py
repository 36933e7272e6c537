"""Write the measured table of the shipped models into README.md, from data/models/*/report.json; --check only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START, END = "<!-- table:start -->", "<!-- table:end -->"


ROWS = ("all", "kind", "color", "size", "action", "direction", "speed", "place")


def cell(score: dict[str, Any] | None) -> str:
    """A share with its 95% interval.

    >>> cell({"share": 0.5, "interval": [0.461, 0.539]})
    '0.500 (0.46–0.54)'
    """
    if score is None:
        return ""
    low, high = score["interval"]
    return f"{score['share']:.3f} ({low:.2f}–{high:.2f})"


def table(reports: dict[str, dict[str, Any]]) -> str:
    """Attributes down, models across: each on held-out combinations, beside it the level of chance. Markdown."""
    if not reports:
        return ""
    rows = {name: report["splits"]["held_out"] for name, report in reports.items()}
    attributes = list(dict.fromkeys(a for row in rows.values() for a in row))
    attributes.sort(key=lambda a: a != "all")  # all-correct first, the rest as they come
    heads = [f"{name}, {report['clips']} films | chance" for name, report in reports.items()]
    lines = ["| | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (2 * len(heads))]
    for attribute in attributes:
        values = []
        for name, report in reports.items():
            chance = report["chance"].get(attribute)
            values += [cell(rows[name].get(attribute)), "" if chance is None else f"{chance:.3f}"]
        label = "**all correct**" if attribute == "all" else attribute
        lines.append(f"| {label} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def main(check: bool) -> int:
    """Bring the README up to date; with `check`, 1 where it is not."""
    found = {}
    for path in sorted((ROOT / "data" / "models").glob("*/report*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        found[path.parent.name if path.parent.name == report["world"] else f"{path.parent.name} on {report['world']}"] = report
    made = table(found)
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
