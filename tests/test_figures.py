"""Figures: the shipped font has every character of the course, and the same figure makes the same bytes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import COLORS, FONT, INK, PAPER, save, use_style

ROOT = Path(__file__).parent.parent
ARTICLES = "一个年轻女孩在公园里散步 一个小狗在草地上奔跑 一只猫在窗户旁边 红色的圆向左飘"
TEXTS = [p for folder in ("t2v_edu", "book", "chapters") for p in sorted((ROOT / folder).rglob("*"))
         if p.suffix in (".py", ".js", ".json", ".md", ".ipynb")] + [ROOT / "README.md"]


def test_the_font_has_every_chinese_character_of_the_course() -> None:
    known = TTFont(FONT).getBestCmap()
    used = {c for p in TEXTS if p.is_file() for c in p.read_text(encoding="utf-8") if "\u4e00" <= c <= "\u9fff"} | set(ARTICLES)
    missing = sorted(c for c in used if ord(c) not in known)
    assert not missing, f"run python data/fonts/make.py: {FONT.name} lacks {''.join(missing)}"


def test_the_font_is_small_renamed_and_licensed() -> None:
    names = {entry.nameID: entry.toUnicode() for entry in TTFont(FONT)["name"].names}
    assert names[1] == "T2V Sans" and "Noto" not in names[4] + names[6]  # a cut font may not pass for the whole one
    assert "Open Font License" in names[13] and "SIL OPEN FONT LICENSE Version 1.1" in (FONT.parent / "OFL.txt").read_text()
    assert FONT.stat().st_size < 1_000_000


def test_every_character_of_a_chinese_caption_is_drawn_and_not_as_a_box() -> None:
    font = ImageFont.truetype(str(FONT), 32)

    def draw(char: str) -> bytes:
        picture = Image.new("L", (48, 48))
        ImageDraw.Draw(picture).text((4, 0), char, fill=255, font=font)
        return picture.tobytes()

    box = draw("\U0001f98a")  # a fox: no such glyph, so this is the box
    drawn = {char: draw(char) for char in sorted(set(ARTICLES.replace(" ", "")) | set("abcxyzλμ→≤·"))}
    assert any(box) and all(any(picture) and picture != box for picture in drawn.values())
    assert len(set(drawn.values())) == len(drawn)  # each its own picture


FIGURE = """
import sys, warnings
warnings.simplefilter("error")  # matplotlib warns of a glyph that no font has
import matplotlib; matplotlib.use("agg")
import matplotlib.pyplot as plt
from t2v_edu.figures import save, use_style
use_style(); use_style()
figure, axes = plt.subplots()
for k in range(3):
    axes.plot([0, 1, 4], [k, -k, 2], label="红色的圆向左飘 λ → ∇ ≤ ½")
axes.set_title("一个年轻女孩在公园里散步"); axes.legend()
save(figure, sys.argv[1])
"""


@pytest.mark.parametrize("form", ["png", "svg"])
def test_a_chinese_figure_is_drawn_without_warning_and_the_same_each_time(tmp_path: Path, form: str) -> None:
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", FIGURE, str(tmp_path / f"{name}.{form}")], check=True, cwd=ROOT)
    assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()
    if form == "svg":
        assert "<text" not in (tmp_path / "a.svg").read_text()  # outlines: no font is needed to see it


def test_ink_lines_and_paper_keep_their_contrast() -> None:
    assert contrast(INK, PAPER) > 7  # WCAG 1.4.6, body text
    for name, color in COLORS.items():
        assert contrast(color, PAPER) >= 3, name  # 1.4.11, parts of graphics


def contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio."""
    def luminance(color: str) -> float:
        c = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    use_style()
    from matplotlib.figure import Figure

    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        save(Figure(), tmp_path / "figure.pdf")
