"""Write the measured table of the shipped models into README.md, from data/models/*/report.json; --check only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START, END = "<!-- table:start -->", "<!-- table:end -->"


def share(value: dict[str, Any] | None) -> str:
    """A rate with its interval, where there is one.

    >>> share({"rate": 0.5, "low": 0.46, "high": 0.54})
    '0.500 (0.460–0.540)'
    """
    if not value:
        return "–"
    interval = f" ({value['low']:.3f}–{value['high']:.3f})" if "low" in value else ""
    return f"{value['rate']:.3f}{interval}"


def table(reports: dict[str, dict[str, Any]]) -> str:
    """One column a model: the headline, then each attribute on held-out combinations. Markdown."""
    if not reports:
        return ""
    held_out = {name: report.get("attributes", {}) for name, report in reports.items()}
    attributes = list(dict.fromkeys(a for rates in held_out.values() for a in rates))
    lines = ["| | " + " | ".join(reports) + " |", "| --- |" + " --- |" * len(reports)]
    lines.append("| **all correct** | " + " | ".join(f"**{share(r.get('headline'))}**" for r in reports.values()) + " |")
    lines += [f"| {a} | " + " | ".join(share(held_out[name].get(a)) for name in reports) + " |" for a in attributes]
    return "\n".join(lines) + "\n"


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
