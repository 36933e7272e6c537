"""Chapter 01 · the plain phrasing of a scene, made from tables alone, so that a page's JavaScript says exactly the same.

How to read `canonical_tables()[lang]`; `{…}` in a table's text is a gap to fill:

    actor(a)   = kinds[a.kind].text with {size} = kinds[a.kind].sizes[a.size]
                 and {color} = kinds[a.kind].colors[a.color]   ("" where the colour need not be said)
    doing(a)   = predicates[a.action + "/" + a.direction + "/" + a.speed], which in Chinese has a gap {place}
    place(s)   = "" if s.place == k.silent_place, else k.places[s.place] if it has one, else places[s.place],
                 with k = kinds[kind of the first actor]
    one actor  = one with {actor}, {doing}, {place}
    two actors = two, or with a place two_placed, with {actor_1}, {doing_1}, {relation}, {actor_2}, {doing_2}, {place}
    English only: at the end every "a " before one of the letters `vowels` becomes "an ".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from t2v_edu.world import words_zh
from t2v_edu.world.lexicon import Language, third_person, words
from t2v_edu.world.scene import ACTIONS, CAST, COLORS, DIGITS, KINDS, PLACES, SHAPES, STORY, Actor, Scene, unmarked_speed

_TABLES = dict[str, Any]


@lru_cache(maxsize=1)
def canonical_tables() -> _TABLES:
    """All that is needed to say a scene plainly in both languages, as JSON can hold it; the module says how to use it."""
    return {"en": _english(), "zh": _chinese()}


def say_plainly(scene: Scene, lang: Language) -> str:
    """The canonical phrasing: everything that is not unmarked, a shape's colour, and where a story plays."""
    tables = canonical_tables()[lang]
    gaps = [_actor_gaps(a, tables) for a in scene.actors]
    host = tables["kinds"][scene.actors[0].kind]
    place = "" if scene.place == host["silent_place"] else str({**tables["places"], **host["places"]}[scene.place])
    if len(gaps) == 1:
        doing = gaps[0][1].replace("{place}", place)
        text = str(tables["one"]).format(actor=gaps[0][0], doing=doing, place=place)
    else:
        fill = {"relation": tables["relations"][scene.relation], "place": place}
        for i, (actor, doing) in enumerate(gaps, 1):
            fill |= {f"actor_{i}": actor, f"doing_{i}": doing.replace("{place}", "")}
        text = str(tables["two_placed" if place else "two"]).format(**fill)
    return re.sub(rf"\ba (?=[{tables['vowels']}])", "an ", text) if tables["vowels"] else text


def _actor_gaps(actor: Actor, tables: _TABLES) -> tuple[str, str]:
    kind = tables["kinds"][actor.kind]
    text = kind["text"].format(size=kind["sizes"][actor.size], color=kind["colors"][actor.color])
    return text, tables["predicates"][f"{actor.action}/{actor.direction}/{actor.speed}"]


def _colors(kind: str, lang: Language, pattern: str) -> dict[str, str]:
    """How each colour of a kind is said; "" for the one that an unmarked caption means, except of a shape."""
    silent = None if kind in SHAPES else CAST[kind].colors[0]
    return {c: "" if c == silent else pattern.format(words(lang, "color")[c].seen[0]) for c in COLORS if c in CAST[kind].colors}


def _home(kind: str, paris: str) -> _TABLES:
    """Shapes and digits need not say that they are on black; the tower's city has a name."""
    return {"silent_place": None if kind in STORY else "black", "places": {"city": paris} if kind == "tower" else {}}


def _english() -> _TABLES:
    sizes = {"small": "small ", "medium": "", "large": "large "}
    kinds: _TABLES = {}
    for kind in KINDS:
        noun = words("en", "kind")[kind].seen[0]
        article, noun = ("the", noun[4:]) if noun.startswith("the ") else ("a", noun)
        dress = kind == "girl"
        text = f"{article} {{size}}{noun}{{color}}" if dress else f"{article} {{size}}{{color}}{noun}"
        colors = _colors(kind, "en", " in a {} dress" if dress else "{} ")
        kinds[kind] = {"text": text, "sizes": sizes, "colors": colors, **_home(kind, " in Paris")}
    return {
        "kinds": kinds,
        "predicates": {key: _english_predicate(*key.split("/")) for key in _predicate_keys()},
        "places": {p: " " + words("en", "place")[p].seen[0] for p in PLACES},
        "relations": {"left_of": "to the left of", "above": "above"},
        "one": "{actor} {doing}{place}",
        "two": "{actor_1} that {doing_1}, {relation} {actor_2} that {doing_2}",
        "two_placed": "{actor_1} that {doing_1}, {relation} {actor_2} that {doing_2}{place}",
        "vowels": "aeio8",
    }


def _predicate_keys() -> list[str]:
    return [f"{action}/{d}/{s}" for action, (directions, speeds) in ACTIONS.items() for d in directions for s in speeds]


def _english_predicate(action: str, direction: str, speed: str) -> str:
    """"moves left", "moves slowly to the right": the direction is said of everything but a walk or a run to the right."""
    verb = third_person(words("en", "action")[action].seen[0])
    silent = direction == "none" or (action in ("walks", "runs") and direction == "right")
    plain = {"right": "right", "left": "left"}.get(direction)
    way = "" if silent else " " + (plain or words("en", "direction")[direction].seen[0])
    return verb + way + ("" if speed == unmarked_speed(action) else " " + words("en", "speed")[speed].seen[0])


def _chinese() -> _TABLES:
    full = {"small": "小小的", "medium": "", "large": "大大的"}
    kinds: _TABLES = {}
    for kind in KINDS:
        measure, noun = words_zh.MEASURE[kind], words("zh", "kind")[kind].seen[0]
        if kind in SHAPES:
            row = {"text": f"{measure}{{color}}{{size}}{noun}", "sizes": {**words_zh.BARE_SIZE, "medium": ""}}
        elif kind in DIGITS or kind == "tower":
            row = {"text": f"{{size}}{{color}}{noun}", "sizes": full}
        else:
            row = {"text": f"{measure}{{size}}{{color}}{noun}", "sizes": full}
        pattern = "穿{}裙子的" if kind == "girl" else "{}的" if kind in SHAPES else "{}"
        kinds[kind] = {**row, "colors": _colors(kind, "zh", pattern), **_home(kind, "在巴黎")}
    return {
        "kinds": kinds,
        "predicates": {key: _chinese_predicate(*key.split("/")) for key in _predicate_keys()},
        "places": {p: "在" + words("zh", "place")[p].seen[0] for p in PLACES},
        "relations": {"left_of": "右边", "above": "下方"},  # where the second actor is, seen from the first
        "one": "{actor}{doing}",
        "two": "{actor_1}{doing_1}，它的{relation}有{actor_2}{doing_2}",
        "two_placed": "{place}，{actor_1}{doing_1}，它的{relation}有{actor_2}{doing_2}",
        "vowels": "",
    }


_ZH_VERBS = {
    "zigzags": "{{place}}{speed}沿之字形{way}移动", "grows": "{{place}}逐渐变大", "shrinks": "{{place}}逐渐变小",
    "jumps": "{{place}}蹦蹦跳跳", "sits": "坐{{place}}", "stands": "矗立{{place}}",
    "moves": "{{place}}{speed}{way}移动", "bounces": "{{place}}{speed}{way}弹跳", "circles": "{{place}}{speed}{way}绕圈",
    "spins": "{{place}}{speed}{way}旋转", "walks": "{{place}}{speed}{way}散步", "runs": "{{place}}{speed}{way}奔跑",
}  # fmt: skip


def _chinese_predicate(action: str, direction: str, speed: str) -> str:
    silent = direction == "none" or (action in ("walks", "runs") and direction == "right")
    way = "" if silent else words("zh", "direction")[direction].seen[0]
    adverb = "" if speed == unmarked_speed(action) else words("zh", "speed")[speed].seen[0]
    verb = "走" if action == "walks" and way else None
    text = _ZH_VERBS[action].format(speed=adverb, way=way)
    return text.replace("散步", verb) if verb else text
