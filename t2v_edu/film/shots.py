"""Chapter 16 · what a screenplay consists of: shots, where their pictures come from, how they begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

MOODS, TEMPOS, LANGUAGES = ("glad", "sad", "silent"), ("slow", "fast"), ("en", "zh")
SUBTITLES = ("burnt", "track", "both", "none")
SOURCES = ("world", "model", "title", "shot")
CLIPS, PICTURES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif"), (".png", ".jpg", ".jpeg", ".webp", ".bmp")
TRANSITIONS = ("cut", "cross", "fade")
HEAD = ("language", "size", "fps", "subtitles", "voice", "facts")
SHOT = ("caption", "seconds", "place", "mood", "tempo", "narration", "tell", "picture", "background", "transition",
        "grade", "seed")
SHARED = ("place", "mood", "tempo", "picture", "background", "transition", "grade", "seed")  # may stand in the head, too
LONGEST_SHOT, LONGEST_FILM = 120.0, 600.0  # seconds


class ScriptError(ValueError):
    """Something in a screenplay that cannot be filmed; the message begins with the file and the line."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path}, line {line}: {what}")
        self.line = line


class Picture(NamedTuple):
    """Where a shot's picture comes from: `kind` is "world", "model", "title", "shot", "clip" or "photo"; `name` is the model's
    (empty: the best one), the shot's, or the file's path."""

    kind: str
    name: str = ""


class Transition(NamedTuple):
    """How a shot begins: "cut", "cross" (out of the shot before it) or "fade" (through black), and how many seconds it takes."""

    kind: str = "cut"
    seconds: float = 0.0


WORLD, CUT = Picture("world"), Transition()


@dataclass(frozen=True)
class Shot:
    """One shot.

    Attributes:
        name, line: of its heading.
        seconds: None where the narration decides.
        place: of the world, or None for what the caption says.
        background: a place of the world or a path; the actor is cut out and laid over it.
        lines: key → the line that it stands in, for messages.
    """

    name: str
    line: int
    caption: str = ""
    seconds: float | None = None
    place: str | None = None
    mood: str = "glad"
    tempo: str = "slow"
    narration: str = ""
    picture: Picture = WORLD
    background: str = ""
    transition: Transition = CUT
    grade: str = ""
    seed: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Screenplay:
    """A film on paper. `size` is the side of the square picture in pixels, `fps` its frames a second."""

    path: Path
    title: str
    shots: tuple[Shot, ...]
    language: str = "en"
    size: int = 256
    fps: float = 16.0
    subtitles: str = "burnt"
    voice: bool = True

    def error(self, shot: Shot, key: str, what: str) -> ScriptError:
        """A complaint about one key of a shot, with the line it stands in."""
        return ScriptError(self.path, shot.lines.get(key, shot.line), what)
