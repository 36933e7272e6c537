"""Chapter 16 · a screenplay: a short Markdown file that says, shot by shot, what a film shows and says.

    # A girl in the park
    - language: en

    ## Morning
    - caption: a young girl walks in the park
    - seconds: 4
    - narration: A young girl walks in the park.

The `#` heading is the title, each `##` heading begins a shot. What stands before the first shot holds for all of them, where
they do not say otherwise. A line that is indented goes on with the one above it; `>` begins a remark. The dash is optional.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from t2v_edu.film.shots import (
    CLIPS,
    HEAD,
    LANGUAGES,
    LONGEST_FILM,
    LONGEST_SHOT,
    MOODS,
    PICTURES,
    SHARED,
    SHOT,
    SOURCES,
    SUBTITLES,
    TEMPOS,
    TRANSITIONS,
    Picture,
    Screenplay,
    ScriptError,
    Shot,
    Transition,
)  # fmt: skip
from t2v_edu.world.scene import PLACES

if TYPE_CHECKING:
    from t2v_edu.text.facts import Fact
    from t2v_edu.world.lexicon import Language

__all__ = ["Picture", "Screenplay", "ScriptError", "Shot", "Transition", "parse", "read"]

class _Entry(NamedTuple):
    """A value and the line it stands in."""

    text: str
    line: int


@dataclass
class _Section:
    """A heading, and the keys below it."""

    name: str
    line: int
    entries: dict[str, _Entry] = field(default_factory=dict)


def read(path: str | Path) -> Screenplay:
    """The screenplay of a file. Names of files in it are taken relative to it.

    Raises:
        ScriptError: (a ValueError) a line that cannot be read, a key or value that is not known, a file that is missing.
        ValueError: no such file, or one that is not UTF-8.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no screenplay {str(path)!r}; two to begin with lie in data/screenplays")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return parse(text, path)


def parse(text: str, path: str | Path = "script.md") -> Screenplay:
    """As `read`, from the text itself; `path` is what messages call it, and whose folder its files lie in."""
    path = Path(path)
    head, shots = _sections(text, path)
    reader = _Reader(path, head)
    chosen = {
        "language": reader.one_of("language", LANGUAGES, "en"),
        "size": int(reader.number("size", 32, 1024, 256, whole=True)),
        "fps": reader.number("fps", 1, 60, 16),
        "subtitles": reader.one_of("subtitles", SUBTITLES, "burnt"),
        "voice": reader.one_of("voice", ("on", "off"), "on") == "on",
    }
    facts = reader.facts()
    made: list[Shot] = []
    for section in shots:
        if section.name in {shot.name for shot in made}:
            raise ScriptError(path, section.line, f"there is a shot {section.name!r} already; call this one something else")
        made.append(_Reader(path, section, head.entries).shot([shot.name for shot in made], facts))
    total = sum(shot.seconds or 0 for shot in made)
    if total > LONGEST_FILM:
        raise ScriptError(path, shots[-1].line, f"the shots take {total:g} s together, and a film {LONGEST_FILM:g} s at most")
    return Screenplay(path, head.name, tuple(made), **chosen)  # type: ignore[arg-type]


# --- Lines ------------------------------------------------------------------------------------------------------------

_KEY = re.compile(r"(?:[-*]\s+)?([A-Za-z]+)\s*[:：]\s*(.*)")
_EXAMPLE = "caption: a young girl walks in the park"


def _sections(text: str, path: Path) -> tuple[_Section, list[_Section]]:
    """The head and the shots of a text, each with its keys."""
    sections: list[_Section] = []
    last = ""
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not bare or bare.startswith(">") or (bare.startswith("<!--") and bare.endswith("-->")):
            last = "" if not bare else last
        elif heading := re.fullmatch(r"(#+)\s*(.*)", bare):
            depth, name = len(heading[1]), heading[2].strip()
            if not name or depth != (2 if sections else 1):
                raise ScriptError(path, number, f"{bare!r} is out of place; a screenplay begins with '# Title', and each shot "
                                                "with '## Name of the shot'")
            sections.append(_Section(name, number))
        elif not sections:
            raise ScriptError(path, number, f"{bare!r} stands before the title; begin with '# Title'")
        elif line[0] in " \t" and last:  # goes on with the line above
            entries, text_so_far = sections[-1].entries, sections[-1].entries[last].text
            joint = "" if re.search("[\u3000-\u9fff\uff00-\uffef]$", text_so_far) else " "
            entries[last] = _Entry(text_so_far + joint + bare, entries[last].line)
        else:
            last = _take(bare, number, sections, path)
    if not sections:
        raise ScriptError(path, 1, "the screenplay is empty; begin with '# Title', then '## Name of the shot'")
    if len(sections) == 1:
        raise ScriptError(path, sections[0].line, "there is no shot; begin one with '## Name of the shot', and say below it "
                                                  f"'- {_EXAMPLE}'")
    return sections[0], sections[1:]


def _take(bare: str, number: int, sections: list[_Section], path: Path) -> str:
    """Put one line into the section it stands in; the key."""
    found = _KEY.fullmatch(bare)
    if not found:
        raise ScriptError(path, number, f"{bare[:60]!r} is no line of a screenplay; write 'key: value', for example '{_EXAMPLE}'")
    key, value = found[1].lower(), found[2].strip()
    known = HEAD + SHARED if len(sections) == 1 else SHOT
    if key not in known:
        where = "in a shot" if len(sections) > 1 else "before the first shot"
        raise ScriptError(path, number, f"unknown key {key!r} {where}; {_nearest(key, known)}")
    if key in sections[-1].entries:
        raise ScriptError(path, number, f"{key!r} is said twice; line {sections[-1].entries[key].line} has it, too")
    if not value:
        raise ScriptError(path, number, f"{key!r} is empty; say what it is, or leave the line out")
    sections[-1].entries[key] = _Entry(value, number)
    return key


def _nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    close = difflib.get_close_matches(word, known, 3, 0.6)
    return f"did you mean {' or '.join(close)}?" if close else f"choose one of: {', '.join(known)}"


# --- Values -----------------------------------------------------------------------------------------------------------


class _Facts:
    """The facts of a text, to be filled in and to be told."""

    def __init__(self, source: Path, language: str) -> None:
        from t2v_edu.text.facts import key_facts

        self.language: Language = "zh" if language == "zh" else "en"
        self.name, self.found = source.name, {fact.what: fact for fact in key_facts(source.read_text(encoding="utf-8"))}

    def fact(self, what: str) -> Fact:
        if what not in self.found:
            raise ValueError(f"{self.name!r} tells no {what!r}; it tells: {', '.join(self.found)}")
        return self.found[what]

    def value(self, what: str) -> str:
        """As it is spoken: 324 metres, not 324 m."""
        return re.sub(r" m$", "米" if self.language == "zh" else " metres", self.fact(what).value)

    def tell(self, whats: list[str], seed: int) -> str:
        """Sentences for some facts, by the trained narrator; where it only names the thing, unasked, that sentence goes."""
        from t2v_edu.film.narration import narrate
        from t2v_edu.film.subtitles import sentences

        told = narrate([self.fact("thing"), *(self.fact(what) for what in whats if what != "thing")], self.language, seed=seed)
        _, *rest = sentences(told)
        introduced = {"thing", "place", "country"} & set(whats)
        return told if introduced or not rest else (" " if self.language == "en" else "").join(rest)


class _Reader:
    """The values of one section, the head's behind them."""

    def __init__(self, path: Path, section: _Section, head: Mapping[str, _Entry] | None = None) -> None:
        shared = {key: entry for key, entry in (head or {}).items() if key in SHARED}
        self.path, self.section, self.entries = path, section, {**shared, **section.entries}

    def fail(self, key: str, what: str) -> ScriptError:
        return ScriptError(self.path, self.entries[key].line if key in self.entries else self.section.line, what)

    def text(self, key: str, default: str = "") -> str:
        return self.entries[key].text if key in self.entries else default

    def one_of(self, key: str, known: tuple[str, ...], default: str) -> str:
        value = self.text(key, default).lower()
        if value not in known:
            raise self.fail(key, f"unknown {key} {value!r}; {_nearest(value, known)}")
        return value

    def number(self, key: str, least: float, most: float, default: float, *, whole: bool = False) -> float:
        text = self.text(key, f"{default:g}").removesuffix("s").strip()
        try:
            value = float(int(text) if whole else text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            what = "a whole number" if whole else "a number"
            raise self.fail(key, f"{key} {self.text(key)!r} is out of range; choose {what} from {least:g} to {most:g}")
        return value

    def file(self, key: str, name: str) -> str:
        found = self.path.parent / name
        if not found.is_file():
            raise self.fail(key, f"there is no file {name!r} beside the screenplay; looked for {str(found)!r}")
        return str(found)

    def facts(self) -> _Facts | None:
        """What the text tells that the head names, if it names one (chapter 03)."""
        if "facts" not in self.entries:
            return None
        return _Facts(Path(self.file("facts", self.text("facts"))), self.text("language", "en"))

    def shot(self, before: list[str], facts: _Facts | None) -> Shot:
        picture = self.picture(before)
        shot = Shot(
            name=self.section.name, line=self.section.line, caption=self.filled("caption", facts), picture=picture,
            seconds=self.number("seconds", 0.5, LONGEST_SHOT, 4) if "seconds" in self.entries else None,
            place=self.one_of("place", PLACES, "park") if "place" in self.entries else None,
            mood=self.one_of("mood", MOODS, "glad"), tempo=self.one_of("tempo", TEMPOS, "slow"),
            narration=self.narration(facts), background=self.background(), transition=self.transition(not before),
            grade=self.text("grade"), seed=int(self.number("seed", 0, 2**31, 0, whole=True)),
            lines={key: entry.line for key, entry in self.entries.items()},
        )  # fmt: skip
        if picture.kind in ("world", "model") and not shot.caption:
            raise self.fail("picture", f"the shot {shot.name!r} has no caption; say what is seen: '{_EXAMPLE}'")
        if shot.seconds is None and not shot.narration:
            raise self.fail("seconds", f"how long is the shot {shot.name!r}? give it seconds, or a narration")
        return shot

    def narration(self, facts: _Facts | None) -> str:
        """What is said: the text as it stands, or what the narrator makes of the facts to tell (chapter 15)."""
        if "tell" not in self.entries:
            return self.filled("narration", facts)
        if "narration" in self.entries:
            raise self.fail("tell", "the shot has a narration, too; keep one of them")
        if facts is None:
            raise self.fail("tell", "the head names no facts to tell; say 'facts: text.txt' there")
        try:
            return facts.tell(self.text("tell").replace(",", " ").split(), int(self.number("seed", 0, 2**31, 0, whole=True)))
        except ValueError as error:
            raise self.fail("tell", str(error)) from error

    def filled(self, key: str, facts: _Facts | None) -> str:
        """A text with its {year} and the like filled in from the facts."""
        def fill(found: re.Match[str]) -> str:
            if facts is None:
                raise self.fail(key, f"{found[0]} stands for a fact, and the head names no facts; say 'facts: text.txt' there")
            try:
                return facts.value(found[1])
            except ValueError as error:
                raise self.fail(key, str(error)) from error

        return re.sub(r"\{(\w+)\}", fill, self.text(key))

    def picture(self, before: list[str]) -> Picture:
        value = self.text("picture", "world")
        kind, _, name = value.partition(" ")
        suffix = Path(value).suffix.lower()
        if suffix in CLIPS + PICTURES:
            return Picture("clip" if suffix in CLIPS else "photo", self.file("picture", value))
        if kind not in SOURCES or (name and kind in ("world", "title")):
            choices = f"{', '.join(SOURCES)}, or a file ({', '.join(CLIPS + PICTURES)})"
            raise self.fail("picture", f"unknown picture {value!r}; choose one of: {choices}")
        if kind == "shot" and name not in before:
            known = f"those before it are: {', '.join(before)}" if before else "it is the first one"
            raise self.fail("picture", f"unknown shot {name!r}; {known}")
        return Picture(kind, name)

    def background(self) -> str:
        value = self.text("background")
        if not value or value in PLACES:
            return value
        if Path(value).suffix.lower() in CLIPS + PICTURES:
            return self.file("background", value)
        raise self.fail("background", f"unknown background {value!r}; give a clip, a picture, or one of: {', '.join(PLACES)}")

    def transition(self, first: bool) -> Transition:
        kind, _, seconds = self.text("transition", "cut").partition(" ")
        if kind not in TRANSITIONS or (kind == "cut" and seconds):
            raise self.fail("transition", f"unknown transition {self.text('transition')!r}; write cut, cross 0.5 or fade 0.5")
        try:
            length = 0.0 if kind == "cut" else float(seconds or 0.5)
        except ValueError:
            length = math.nan
        if not 0 <= length <= 3:
            raise self.fail("transition", f"a transition takes 0 to 3 seconds, not {seconds!r}")
        if kind == "cross" and first:  # there is nothing to come out of; the head's default may still say so
            return Transition("fade", length)
        return Transition(kind, length)
