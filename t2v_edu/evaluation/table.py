"""Chapter 17 · a report as text and as a picture."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from t2v_edu.evaluation.attributes import Score, attribute_names

if TYPE_CHECKING:
    from t2v_edu.evaluation.report import Report


def as_text(report: Report) -> str:
    """One line a split or control, one column an attribute; under each all-correct score its 95% interval is given at the end."""
    names = [n for n in attribute_names(report.world) if n in report.chance]
    width = max(len(s) for s in (*report.splits, *report.controls, "chance")) + 2
    lines = [f"{report.world}: share of {report.clips} films a split that show what their caption says, in %",
             " " * width + "".join(f"{n:>12}" for n in names) + "   95% interval of all"]

    def line(name: str, row: dict[str, Score]) -> str:
        shares = "".join(f"{100 * row[n].share:12.1f}" if n in row else f"{'–':>12}" for n in names)
        low, high = row["all"].interval
        return f"{name:<{width}}{shares}   {100 * low:.1f} to {100 * high:.1f}"

    lines += [line(name, row) for name, row in report.splits.items()]
    lines.append(f"{'chance':<{width}}" + "".join(f"{100 * report.chance[n]:12.1f}" for n in names))
    lines += [line(name, row) for name, row in report.controls.items()]
    if report.actions:
        lines.append("all, by action: " + ", ".join(f"{action} {100 * s.share:.0f}" for action, s in report.actions.items()))
    if report.gap is not None:
        lines.append(f"compositional gap (seen − held out): {100 * report.gap:+.1f} points")
    if report.diversity:
        d = report.diversity
        lines.append(f"diversity at a fixed caption: distance {d['distance']:.2f} from the world's start positions "
                     f"(the world's own: {d['own']:.2f}; one pair of samples in twenty is beyond {d['limit']:.2f})")
    if report.physics:
        p = report.physics
        lines.append(f"velocity error: {p['error']:.3f} side lengths a clip (the renderer's: {p['floor']:.3f})")
    return "\n".join(lines)


def draw(report: Report, path: str | os.PathLike[str]) -> None:
    """Bars with their intervals, one panel an attribute, one bar a split; a black line is chance. Written as .png or .svg."""
    import numpy as np
    from matplotlib.figure import Figure

    from t2v_edu.figures import COLORS, INK, save, use_style

    use_style()
    names = [n for n in attribute_names(report.world) if n in report.chance]
    figure = Figure(figsize=(1.6 + 0.9 * len(names), 3.8))
    axes = figure.subplots()
    wide = 0.8 / len(report.splits)
    for i, (split, row) in enumerate(report.splits.items()):
        scores = [row.get(n, Score(0, 0)) for n in names]
        shares = np.nan_to_num([s.share for s in scores])
        low, high = np.asarray([s.interval for s in scores]).T
        counted = np.asarray([s.total for s in scores]) > 0
        error = np.where(counted, [np.maximum(shares - low, 0), np.maximum(high - shares, 0)], 0.0)
        axes.bar(np.arange(len(names)) + (i - (len(report.splits) - 1) / 2) * wide, shares, wide * 0.92, yerr=error,
                 label=split.replace("_", " "), color=list(COLORS.values())[i], hatch=("", "//", "..", "xx")[i],
                 edgecolor="white", error_kw={"ecolor": INK, "elinewidth": 1.0})
    for j, n in enumerate(names):
        axes.plot([j - 0.45, j + 0.45], [report.chance[n]] * 2, color=INK, linestyle="-", linewidth=1.6,
                  label="chance" if j == 0 else None)
    axes.set_xticks(np.arange(len(names)), [n.replace("_2", " 2") for n in names])
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("share of films")
    axes.set_title(f"{report.world}: films that show what their caption says")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=len(report.splits) + 1)
    save(figure, path)
