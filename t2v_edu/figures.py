"""One look for every figure of the course: readable on light and dark pages, without colour too, and in Chinese."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from t2v_edu.paths import DATA

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT = DATA / "fonts" / "T2VSans-Regular.otf"  # Latin, Greek, formula signs, Chinese; Pillow takes the same file
PAPER, INK, FAINT = "#fbfaf7", "#22242a", "#d9d7d0"  # figures bring their own paper, so that a dark page cannot swallow the ink

# After Okabe & Ito, whose colours people with any colour vision tell apart; the pale ones darkened to stand out on paper.
COLORS = {"blue": "#0072b2", "vermilion": "#d55e00", "green": "#009e73", "pink": "#b8568f", "amber": "#b87a00", "sky": "#3591c9",
          "ink": INK}
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))  # colour never speaks alone


def use_style() -> None:
    """Set matplotlib's defaults for this process. Calling it again changes nothing.

    Raises:
        FileNotFoundError: the font that ships is not where it belongs.
    """
    import matplotlib
    from cycler import cycler
    from matplotlib import font_manager

    if not FONT.is_file():
        raise FileNotFoundError(f"{str(FONT)!r} is missing; python data/fonts/make.py cuts it anew")
    if not any(Path(entry.fname) == FONT for entry in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(FONT)
    matplotlib.rcParams.update({
        "font.family": ["T2V Sans", "DejaVu Sans"],  # the second has the rare signs that the first lacks
        "font.size": 11, "axes.titlesize": 12, "axes.titlelocation": "left", "mathtext.fontset": "dejavusans",
        "axes.unicode_minus": True, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK,
        "xtick.color": INK, "ytick.color": INK, "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER,
        "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "grid.color": FAINT,
        "legend.frameon": False, "lines.linewidth": 1.8, "image.interpolation": "nearest", "image.cmap": "viridis",
        "axes.prop_cycle": cycler(color=list(COLORS.values())) + cycler(linestyle=list(LINES)),
        "figure.figsize": (7.0, 3.6), "figure.dpi": 100, "savefig.dpi": 144, "figure.constrained_layout.use": True,
        "svg.fonttype": "path",  # letters as outlines: an SVG shows Chinese where no such font is installed
        "svg.hashsalt": "t2v",  # the same figure makes the same file
    })


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as .png or .svg, the same bytes every time: no date, no version of the program that drew it.

    Raises:
        ValueError: another suffix.
    """
    form = Path(path).suffix.lower()
    if form not in (".png", ".svg"):
        raise ValueError(f"{os.fspath(path)!r}: a figure can be written as .png or .svg")
    metadata = {"Software": None} if form == ".png" else {"Date": None, "Creator": None}
    figure.savefig(path, metadata=metadata)
