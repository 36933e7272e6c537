"""Chapter 16 · words in the picture: title cards and burnt-in subtitles, in English and Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import FONT
from t2v_edu.film.arrange import Film, check_film

RGB = tuple[int, int, int]
Cue = tuple[float, float, str]  # from, to (seconds), what is said

WHITE, BLACK, PAPER, INK = (255, 255, 255), (0, 0, 0), (251, 250, 247), (34, 36, 42)
SMALLEST = 8  # pixels of a letter's height: below, nobody can read it
SUBTITLE, MARGIN, SPACING = 0.075, 0.05, 1.25  # shares of the film's height; of the letters' height
MOST_LINES = 3

# No line begins with a closing sign or ends with an opening one (Chinese: 避头尾).
_CLOSING, _OPENING = "，。、；：？！）》」』】’”…%,.;:?!)]}", "（《「『【‘“([{"
_HAN = "\u3400-\u9fff\u3000-\u303f\uff00-\uffef"
_PIECE = re.compile(rf"\s*(?:[{re.escape(_OPENING)}]*(?:[{_HAN}]|[^\s{_HAN}{re.escape(_OPENING)}]+)[{re.escape(_CLOSING)}]*|\S)")
_NARROW = str.maketrans("“”‘’", "\"\"''")  # the font draws these as wide as a Chinese character
_NOWHERE = "\U0010ffff"  # no font has a glyph for it, so this draws the box that stands for a missing one


def check_glyphs(text: str) -> None:
    """Refuse what the font that ships cannot write.

    Raises:
        ValueError: characters without a glyph, each named, and what would do.
    """
    missing = [char for char in dict.fromkeys(unicodedata.normalize("NFC", text)) if not _drawable(char)]
    if missing:
        named = ", ".join(f"{char!r} (U+{ord(char):04X})" for char in missing[:8]) + (", …" if len(missing) > 8 else "")
        raise ValueError(f"the font {FONT.name} has no glyph for {named} in {text[:40]!r}; it has Latin, Greek and common "
                         "Chinese characters: write it with those")


@lru_cache(maxsize=8192)
def _drawable(char: str) -> bool:
    if char in " \n\u3000\u00a0":
        return True
    if unicodedata.category(char)[0] == "C":  # a control sign would draw nothing, or worse
        return False
    font = _font(24)
    return bytes(font.getmask(char)) != bytes(font.getmask(_NOWHERE))


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    if not FONT.is_file():
        raise FileNotFoundError(f"{str(FONT)!r} is missing; python data/fonts/make.py cuts it anew")
    return ImageFont.truetype(str(FONT), size, layout_engine=ImageFont.Layout.BASIC)  # the same wherever it is drawn


def _typeset(text: str) -> str:
    """One code point a character, and in a text without Chinese the narrow signs of typewriters."""
    text = unicodedata.normalize("NFC", text)
    return text if re.search(f"[{_HAN}]", text) else text.translate(_NARROW)


def wrap(text: str, size: int, width: int) -> list[str]:
    """Text in lines that fit a width: broken at spaces, and between Chinese characters, but not before a comma.

    Args:
        text: "\\n" begins a new line by hand.
        size: of the letters, pixels.
        width: of the room, pixels.
    Raises:
        ValueError: a word that is wider than the room.
    """
    font, lines = _font(size), []
    for paragraph in _typeset(text).split("\n"):
        line = ""
        for piece in _PIECE.findall(paragraph):
            longer = (line + piece).lstrip()
            if line and font.getlength(longer) > width:
                lines.append(line)
                longer = piece.strip()
            if font.getlength(longer) > width:
                raise ValueError(f"{longer!r} at {size} pixels is wider than the {width} pixels there are; shorten it or make "
                                 "the film wider")
            line = longer
        lines.append(line)
    return lines


def _fitted(text: str, size: int, width: int, most: int, height: float) -> tuple[list[str], int]:
    """Lines and the size of their letters: as asked for, or as much smaller as it takes, but not unreadable."""
    for smaller in range(max(size, SMALLEST), SMALLEST - 1, -1):
        try:
            lines = wrap(text, smaller, width)
        except ValueError:
            continue
        if len(lines) <= most and len(lines) * smaller * SPACING <= height:
            return _even(text, smaller, width, lines), smaller
    raise ValueError(f"{text[:60]!r} ({len(text)} characters) does not fit {width} × {height:.0f} pixels in letters of at least "
                     f"{SMALLEST} pixels; shorten it or make the film larger")


def _even(text: str, size: int, width: int, lines: list[str]) -> list[str]:
    """The same number of lines in as narrow a room as they fit, so that none is left with one word."""
    for narrower in range(width - size, width // 3, -size):
        try:
            fewer = wrap(text, size, narrower)
        except ValueError:
            break
        if len(fewer) > len(lines):
            break
        lines = fewer
    return lines


def title_card(title: str, subtitle: str = "", *, height: int = 256, width: int = 256, frames: int = 16, ink: RGB = INK,
               paper: RGB = PAPER) -> Film:
    """A title on plain ground.

    Args:
        title, subtitle: English or Chinese; the subtitle in letters of half the height.
        height, width: pixels, 32 or more.
        frames: how long it stands.
        ink, paper: colours.
    Returns:
        (frames, height, width, 3) uint8.
    Raises:
        ValueError: a glyph that the font lacks, an empty title, a text that does not fit, a size or length out of range.
    """
    if not title.strip():
        raise ValueError("the title is empty; leave the card out, or say what the film is called")
    if min(height, width) < 32 or frames < 1:
        raise ValueError(f"a card is at least 32 × 32 pixels and 1 frame, not {height} × {width} and {frames}")
    check_glyphs(title + subtitle)
    room = round(width * (1 - 2 * MARGIN))
    lines, size = _fitted(title, round(height / 7), room, MOST_LINES, 0.55 * height)
    small, small_size = list[str](), 0
    if subtitle.strip():
        small, small_size = _fitted(subtitle, max(SMALLEST, size // 2), room, MOST_LINES, 0.3 * height)
    image = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(image)
    whole = SPACING * (len(lines) * size + len(small) * small_size) + (small_size if small else 0)
    y = (height - whole) / 2 + SPACING * size / 2
    for line in lines:
        pen.text((width / 2, y), line, fill=ink, font=_font(size), anchor="mm")
        y += SPACING * size
    y += small_size - SPACING * (size - small_size) / 2
    for line in small:
        pen.text((width / 2, y), line, fill=ink, font=_font(small_size), anchor="mm")
        y += SPACING * small_size
    return np.broadcast_to(np.asarray(image), (frames, height, width, 3)).copy()


def burn(film: Film, text: str, *, ink: RGB = WHITE, rim: RGB = BLACK) -> Film:
    """The film with a subtitle in its lower part: light letters with a dark rim, readable on any ground.

    Args:
        film: (T, H, W, 3) uint8.
        text: English or Chinese; empty changes nothing.
    Raises:
        ValueError: a glyph that the font lacks, a text that does not fit.
    """
    check_film(film)
    if not text.strip():
        return film
    letters, cover = _written(text, film.shape[1], film.shape[2], ink, rim)
    top = int(np.argmax(cover.any(1)))  # only the rows with letters are touched
    alpha = cover[top:, :, None]
    burnt = film.copy()
    burnt[:, top:] = np.rint(alpha * letters[top:] + (1 - alpha) * film[:, top:])
    return burnt


def burn_cues(film: Film, cues: Sequence[Cue], *, fps: float, ink: RGB = WHITE, rim: RGB = BLACK) -> Film:
    """The film with subtitles, each while it is said.

    Args:
        film: (T, H, W, 3) uint8.
        cues: (from, to, text), seconds; a frame shows a cue if it begins within it.
        fps: frames a second.
    Raises:
        ValueError: a cue that ends before it begins; as `burn`.
    """
    check_film(film)
    burnt = film.copy()
    for start, end, text in cues:
        if not 0 <= start < end:
            raise ValueError(f"the cue {text!r} runs from {start} to {end} s; it begins at 0 or later and ends after that")
        first, last = (int(np.ceil(moment * fps - 1e-6)) for moment in (start, end))
        if first < min(last, len(film)):
            burnt[first:last] = burn(film[first:last], text, ink=ink, rim=rim)
    return burnt


@lru_cache(maxsize=64)
def _written(text: str, height: int, width: int, ink: RGB, rim: RGB) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The subtitle's colours (H, W, 3) and how much of each pixel it covers (H, W), 0 to 1."""
    check_glyphs(text)
    room = round(width * (1 - 2 * MARGIN))
    lines, size = _fitted(text, round(SUBTITLE * height), room, MOST_LINES, 0.5 * height)
    rim_width = max(1, round(size / 10))
    fill, outline = Image.new("L", (width, height)), Image.new("L", (width, height))
    y = height * (1 - MARGIN) - SPACING * size * (len(lines) - 0.5)
    for line in lines:
        place, font = (width / 2, y), _font(size)
        ImageDraw.Draw(outline).text(place, line, fill=255, font=font, anchor="mm", stroke_width=rim_width)
        ImageDraw.Draw(fill).text(place, line, fill=255, font=font, anchor="mm")
        y += SPACING * size
    inner = np.asarray(fill, np.float32)[..., None] / 255
    letters = np.asarray(inner * np.array(ink) + (1 - inner) * np.array(rim), np.float32)
    return letters, np.asarray(np.asarray(outline) / 255, np.float32)
