"""Chapter 16 · what is said, as text on the screen: cues timed by the narration, as WebVTT and SRT."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

LINE = {"en": 42, "zh": 16}  # characters in a line; more are not read in passing
LINES = 2
SUFFIXES = (".vtt", ".srt")
_STOPS = re.compile(r"(?<=[。！？!?；;])\s*|(?<=[.])\s+(?=[^a-z])")
_PLACES = {"en": re.compile(r"(?<=\s)"), "zh": re.compile(r"(?<=[，、：])|(?=[\u4e00-\u9fff])")}  # where a line may be broken


class Cue(NamedTuple):
    """Text that is shown from `start` to `end`, in seconds; lines are parted by line breaks."""

    start: float
    end: float
    text: str


def sentences(text: str) -> list[str]:
    """The sentences of a narration, with their stops."""
    return [part.strip() for part in _STOPS.split(text) if part.strip()]


def cues_of(text: str, start: float, end: float, language: str = "en", *, line: int | None = None) -> list[Cue]:
    """One sentence, spoken from `start` to `end`, as cues of at most two lines.

    Where one cue does not hold it, each gets time for its share of the characters.

    Args:
        line: characters in a line; what suits the language if left out.
    Raises:
        ValueError: an end that does not come after the start.
    """
    if not 0 <= start < end:
        raise ValueError(f"a cue lasts from 0 or later to after that, not from {start:g} to {end:g} s")
    limit = line or LINE[language]
    rows = wrap(text, language, line=limit)
    count = -(-len(rows) // LINES)
    most = len(rows) if count == 1 else count * LINES  # what fits one line stays in one
    narrowest = -(-len(text) // most)
    # As even as can be, for nobody likes to read a page with a single word on it.
    widths = range(min(narrowest, limit), limit + 1)
    rows = next(even for width in widths if len(even := wrap(text, language, line=width)) <= most)
    pages = [rows[i : i + LINES] for i in range(0, len(rows), LINES)]
    weights = [sum(map(len, page)) for page in pages]
    bounds = [start + (end - start) * sum(weights[:i]) / sum(weights) for i in range(len(pages) + 1)]
    return [Cue(a, b, "\n".join(page)) for a, b, page in zip(bounds, bounds[1:], pages, strict=False)]


def wrap(text: str, language: str = "en", *, line: int | None = None) -> list[str]:
    """Lines of at most so many characters: English broken at spaces, Chinese between characters, never before a stop."""
    limit = line or LINE[language]
    rows, row = [], ""
    for piece in _PLACES[language].split(" ".join(text.split())):
        if row and len((row + piece).rstrip()) > limit:
            rows.append(row.rstrip())
            row = ""
        row += piece
    return [*rows, row.rstrip()] if row.strip() else rows


def text_of(cues: Sequence[Cue], form: str) -> str:
    """Cues as the text of a subtitle file: `form` is ".vtt" or ".srt".

    Raises:
        ValueError: another form, or cues that are out of order or overlap.
    """
    if form not in SUFFIXES:
        raise ValueError(f"subtitles can be written as {' or '.join(SUFFIXES)}, not {form!r}")
    for before, after in itertools.pairwise(cues):
        if after.start < before.end - 1e-6:
            raise ValueError(f"{after.text!r} begins at {after.start:.2f} s, before {before.text!r} ends at {before.end:.2f} s")
    import pysubs2

    file = pysubs2.SSAFile()
    for cue in cues:
        event = pysubs2.SSAEvent(round(1000 * cue.start), round(1000 * cue.end))
        event.plaintext = cue.text
        file.append(event)
    return str(file.to_string({".vtt": "vtt", ".srt": "srt"}[form]))


def write_subtitles(cues: Sequence[Cue], path: str | Path) -> Path:
    """Write cues as .vtt or .srt, whole or not at all."""
    from t2v_edu.film.mux import write_whole

    target = Path(path)
    write_whole(text_of(cues, target.suffix.lower()).encode(), target)
    return target


def read_subtitles(path: str | Path) -> list[Cue]:
    """The cues of a .vtt or .srt file.

    Raises:
        ValueError: no such file, or none that can be read as subtitles.
    """
    import pysubs2

    try:
        file = pysubs2.load(str(path), encoding="utf-8")
    except (OSError, pysubs2.exceptions.Pysubs2Error, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} holds no subtitles that can be read: {error}") from error
    return [Cue(event.start / 1000, event.end / 1000, event.plaintext) for event in file]
