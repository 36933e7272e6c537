"""Make book/site/hero.gif: films of the shipped models, each under its caption. `python book/tools/hero.py`.

Of each caption below, in English or Chinese, the film of the first seed is shown that the reader reads as asked; a model
that draws none of `SEEDS` right ends this with an error instead of a picture.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from t2v_edu import pipeline
from t2v_edu.figures import FONT
from t2v_edu.film import upscale, write_film
from t2v_edu.world import parse, read
from t2v_edu.world.scene import worlds_of

CAPTIONS = (
    "a large red circle moves left",
    "一颗紫色的爱心在灰色背景上顺时针绕圈",
    "an orange digit 6 zigzags right on gray",
    "一个年轻女孩在公园里散步",
)
SIDE, BAND, SEEDS = 160, 26, 40


def film(caption: str) -> np.ndarray:
    """(T, SIDE + BAND, SIDE, 3) the first film that is read as asked, under its caption."""
    scene = parse(caption)
    for seed in range(SEEDS):
        frames = pipeline.generate(caption, seed=seed).frames[0]
        if read(frames, world=worlds_of(scene)[0]).scene == scene:
            return np.stack([titled(frame, caption) for frame in upscale(frames, SIDE)])
    raise SystemExit(f"none of {SEEDS} films of {caption!r} shows what it says; choose another caption")


def titled(frame: np.ndarray, caption: str) -> np.ndarray:
    """One frame with its caption below."""
    card = Image.new("RGB", (SIDE, SIDE + BAND), (250, 250, 250))
    card.paste(Image.fromarray(frame))
    font = ImageFont.truetype(str(FONT), 12)
    pen = ImageDraw.Draw(card)
    size = next(s for s in range(12, 5, -1) if pen.textlength(caption, font.font_variant(size=s)) <= SIDE - 6)
    pen.text((SIDE / 2, SIDE + BAND / 2), caption, fill=(30, 30, 40), font=font.font_variant(size=size), anchor="mm")
    return np.asarray(card)


if __name__ == "__main__":
    films = [film(caption) for caption in CAPTIONS]
    gap = np.full((len(films[0]), SIDE + BAND, 4, 3), 250, dtype=np.uint8)
    row = [part for clip in films for part in (clip, gap)][:-1]
    write_film(np.concatenate(row, axis=2), Path(__file__).parents[1] / "site" / "hero.gif", fps=8)
