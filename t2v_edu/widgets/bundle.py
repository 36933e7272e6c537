"""Joining the JavaScript sources: one module a widget for notebooks, one classic script with all widgets for the site."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from t2v_edu.widgets.tables import tables_json

JS = Path(__file__).with_name("js")

WORLD = ("tables", "motion", "outlines", "puppets", "places", "render", "captions", "grammar")
# A widget's sources in the order in which they need each other; the last one exports the widget under the name given here.
WIDGETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "attention_table": ("attentionTable", ("attention_math", "kit", "attention_table")),
    "block_matcher": ("blockMatcher", ("kit", "block_matcher_math", "block_matcher")),
    "scene_builder": ("sceneBuilder", (*WORLD, "kit", "player", "scene_builder")),
    "convolution_window": ("convolutionWindow", ("convolution_math", "kit", "convolution_window")),
    "skip_gram": ("skipGram", ("skip_gram_math", "kit", "skip_gram")),
    "bell_game": ("bellGame", ("gan_math", "kit", "gan_kit", "bell_game")),
    "duel_portrait": ("duelPortrait", ("gan_math", "kit", "player", "gan_kit", "duel_portrait")),
    "drawing_board": ("drawingBoard", ("picture_math", "kit", "drawing_board")),
    "film_question": ("filmQuestion", ("film_question_math", "kit", "film_question")),
    "flow_field": ("flowField", ("flow_math", "kit", "player", "gan_kit", "flow_field")),
    "frame_scrubber": ("frameScrubber", ("kit", "player", "frame_scrubber")),
    "gates": ("gates", ("gates_math", "kit", "gates")),
    "grading_desk": ("gradingDesk", ("grading_math", "kit", "grading_desk")),
    "latent_walk": ("latentWalk", ("latent_math", "kit", "gan_kit", "latent_walk")),
    "music_box": ("musicBox", ("music_math", "kit", "music_box")),
    "next_word": ("nextWord", ("next_word_math", "kit", "next_word")),
    "round_trip": ("roundTrip", ("round_trip_math", "kit", "player", "gan_kit", "round_trip")),
    "ward": ("ward", ("ward_math", "kit", "ward")),
}

_IMPORT = re.compile(r"^import \{[^}]*\} from \"\./\w+\.js\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=function|const|class)", re.MULTILINE)


def join(names: tuple[str, ...]) -> str:
    """Sources as one piece: their imports of each other and the word `export` taken out.

    A notebook loads a widget's module from memory, where a relative import leads nowhere.
    """
    return "\n".join(_source(name) for name in names)


@cache
def module(widget: str) -> str:
    """The ES module of a widget, as anywidget wants it: its default export has `render`.

    Raises:
        KeyError: no such widget.
    """
    export, names = WIDGETS[widget]
    return f"{join(names)}\nexport default {export};\n"


@cache
def site_script() -> str:
    """The classic script that brings every widget of a static page to life: over http, below any prefix, and from file://.

    It loads nothing, and evaluates nothing, so that it also runs where a page allows only its own scripts.
    """
    names = tuple(dict.fromkeys(name for _, sources in WIDGETS.values() for name in sources))
    host = ", ".join(f"{widget}: {export}" for widget, (export, _) in WIDGETS.items())
    return f'"use strict";\n(() => {{\n{join((*names, "site"))}\nbringToLife({{ {host} }});\n}})();\n'


@cache
def site_css() -> str:
    """The style sheet of all widgets, light and dark."""
    return (JS / "widgets.css").read_text(encoding="utf-8")


def _source(name: str) -> str:
    if name == "tables":
        return f"const TABLES = {tables_json()};\n"
    return _EXPORT.sub("", _IMPORT.sub("", (JS / f"{name}.js").read_text(encoding="utf-8")))
