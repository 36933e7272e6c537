"""Write the measured table of the shipped models into README.md, from data/models/*/report.json; --check only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START, END = "<!-- table:start -->", "<!-- table:end -->"


COLUMNS = ("all", "kind", "color", "size", "action", "direction", "speed", "place")


def cell(score: dict[str, Any] | None) -> str:
    """A share; that of "all" comes with its 95% interval, see `row`.

    >>> cell({"share": 0.5, "interval": [0.461, 0.539]})
    '0.500'
    """
    return "" if score is None else f"{score['share']:.3f}"


def row(report: dict[str, Any]) -> list[str]:
    """A model's scores on held-out combinations, in the order of COLUMNS."""
    scores = report["splits"]["held_out"]
    low, high = scores["all"]["interval"]
    return [f"**{cell(scores['all'])}** ({low:.2f}–{high:.2f})", *(cell(scores.get(name)) for name in COLUMNS[1:])]


def table(reports: list[tuple[str, dict[str, Any]]]) -> str:
    """Models down, world by world, with the level of chance below each world; attributes across. Markdown.

    Args:
        reports: names of models with their reports.
    """
    if not reports:
        return ""
    lines = ["| world | model | films | all correct | " + " | ".join(COLUMNS[1:]) + " |",
             "| --- | --- | ---: |" + " ---: |" * len(COLUMNS)]
    for world in dict.fromkeys(report["world"] for _, report in reports):
        here = [(name, report) for name, report in reports if report["world"] == world]
        for name, report in here:
            lines.append(f"| {world} | `{name}` | {report['clips']} | " + " | ".join(row(report)) + " |")
        chance = here[0][1]["chance"]
        lines.append(f"| {world} | chance | | " + " | ".join(f"{chance[c]:.3f}" if c in chance else "" for c in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def main(check: bool) -> int:
    """Bring the README up to date; with `check`, 1 where it is not."""
    files = sorted((ROOT / "data" / "models").glob("*/report*.json"))
    made = table([(path.parent.name, json.loads(path.read_text(encoding="utf-8"))) for path in files])
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
