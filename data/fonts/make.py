"""Cut the font that ships: `python data/fonts/make.py [NotoSansCJK-Regular.ttc]` writes data/fonts/T2VSans-Regular.otf.

Source: Noto Sans CJK SC 2.004 (Debian: fonts-noto-cjk), SIL Open Font License 1.1, which travels beside it as OFL.txt.
Kept: Latin, Greek and the signs of formulas; every Chinese character in the package, the book and the chapters; and the
COMMON characters that are most frequent in jieba's dictionary. The cut is a modified version, so it has a name of its own.
Needs fonttools and jieba. Run it again when the course gains a character; tests/test_figures.py says so.
"""

import sys
from collections import Counter
from pathlib import Path

import jieba
from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NAME = "T2V Sans"
COMMON = 3500
NOTO = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
SIMPLIFIED = 2  # index within the collection
SIGNS = [(0x20, 0x7E), (0xA0, 0x17F), (0x370, 0x3FF), (0x2010, 0x203B), (0x2070, 0x209F), (0x20AC, 0x20AC), (0x2100, 0x214F),
         (0x2190, 0x21D5), (0x2200, 0x22FF), (0x2460, 0x2473), (0x2500, 0x25FF), (0x2605, 0x2606), (0x2660, 0x2667),
         (0x3000, 0x301F), (0xFF01, 0xFF5E)]


def is_chinese(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def common_characters() -> list[str]:
    """The COMMON most frequent characters, by the counts of the words that they are part of."""
    counts: Counter[str] = Counter()
    with jieba.get_dict_file() as lines:
        for line in lines:
            word, frequency = line.decode().split()[:2]
            for char in filter(is_chinese, word):
                counts[char] += int(frequency)
    return [char for char, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:COMMON]]


def used_characters() -> set[str]:
    """Every Chinese character of the course itself."""
    files = [p for folder in ("t2v_edu", "book", "chapters") for p in (ROOT / folder).rglob("*")
             if p.suffix in (".py", ".js", ".json", ".md", ".ipynb")] + [ROOT / "README.md"]
    return {char for p in files if p.is_file() for char in p.read_text(encoding="utf-8") if is_chinese(char)}


def main(source: str = NOTO) -> None:
    font = TTFont(source, fontNumber=SIMPLIFIED, recalcTimestamp=False)
    options = subset.Options(layout_features=["kern", "mark"], hinting=False, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14],
                             notdef_outline=True, drop_tables=["BASE", "VORG", "vhea", "vmtx", "DSIG"])
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[code for first, last in SIGNS for code in range(first, last + 1)],
                    text="".join(sorted(used_characters() | set(common_characters()))))
    cutter.subset(font)
    plain = NAME.replace(" ", "")
    for entry in font["name"].names:
        renamed = {1: NAME, 3: f"{plain}-Regular;cut from Noto Sans CJK SC 2.004", 4: f"{NAME} Regular", 6: f"{plain}-Regular"}
        entry.string = renamed.get(entry.nameID, entry.toUnicode())
    cff = font["CFF "].cff
    cff.fontNames = [f"{plain}-Regular"]
    top = cff.topDictIndex[0]
    top.FullName, top.FamilyName = f"{NAME} Regular", NAME
    target = HERE / f"{plain}-Regular.otf"
    font.save(target)
    print(f"{target.relative_to(ROOT)}: {len(font.getBestCmap())} characters, {target.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
