"""Chapter 01 · everything the page's JavaScript knows about the world, taken from the Python that defines it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import t2v_edu.world
from t2v_edu.world import motion, outlines, places, puppets, scene, sprites
from t2v_edu.world.canonical import canonical_tables
from t2v_edu.world.lexicon import name_of
from t2v_edu.world.render import RGB

_INK = "0123456789abcdefg"  # a scan's ink, 0 to 16, in one letter a pixel
_SLOTS = {"kind": scene.KINDS, "color": scene.COLORS, "size": scene.SIZES, "action": tuple(scene.ACTIONS), "place": scene.PLACES,
          "speed": scene.SPEEDS, "direction": tuple(dict.fromkeys(d for ds, _ in scene.ACTIONS.values() for d in ds))}


@lru_cache(maxsize=1)
def tables_json() -> str:
    """The tables as compact JSON, the same bytes every time."""
    return json.dumps(tables(), ensure_ascii=False, separators=(",", ":"), sort_keys=False)


def tables() -> dict[str, Any]:
    """Grammar, motion, outlines, puppets, places and captions, as JSON can hold them."""
    return {
        **_grammar(),
        "names": {slot: {v: _name(slot, v) for v in values} for slot, values in _SLOTS.items()},
        "captions": canonical_tables(),
        "rgb": RGB,
        "motion": _motion(),
        "outlines": _outlines(),
        "puppets": json.loads((_WORLD / "puppets.json").read_text(encoding="utf-8")),
        "scenery": json.loads((_WORLD / "places.json").read_text(encoding="utf-8")),
        "sprites": {"reach": sprites._REACH, "levels": sprites._LEVELS, "phases": sprites.PHASES,
                    "fine": sprites._FINE, "fine_up_to": sprites._FINE_UP_TO},
    }


_WORLD = Path(t2v_edu.world.__path__[0])


def _grammar() -> dict[str, Any]:
    return {
        "kinds": scene.KINDS,
        "story": scene.STORY,
        "pair_kinds": scene.WORLDS["pairs"].kinds,
        "sizes": scene.SIZES,
        "places": scene.PLACES,
        "plain_places": scene.PLAIN_PLACES,
        "relations": scene.RELATIONS,
        "actions": scene.ACTIONS,
        "cast": {k: {"actions": c.actions, "colors": c.colors, "places": c.places} for k, c in scene.CAST.items()},
        "clashes": sorted(scene.CLASHES),
    }


def _name(slot: str, value: str) -> str:
    """The Chinese word beside the English one in a menu; nothing for a direction that an action does not have."""
    return "" if value == "none" else name_of("zh", slot, value)


def _motion() -> dict[str, Any]:
    return {
        "radius": motion.RADIUS,
        "story_scale": motion.STORY_SCALE,
        "travel": motion.TRAVEL,
        "walk": {"/".join(key): share for key, share in motion.WALK.items()},
        "cycles": motion.CYCLES,
        "orbits": motion.ORBITS,
        "spins": motion.SPINS,
        "bounce": motion.BOUNCE,
        "weave": motion.WEAVE,
        "orbit": motion.ORBIT,
        "hop": motion.HOP,
        "strides": motion.STRIDES,
        "growth": motion.GROWTH,
        "ground_band": places.GROUND_BAND,
        "feet": puppets.FEET,
    }


def _outlines() -> dict[str, Any]:
    return {
        "reach": outlines.REACH,
        "grid": outlines.GRID,
        "blur": outlines.BLUR,
        "level": outlines.LEVEL,
        "polygons": {kind: outlines.polygon(kind).round(7).tolist() for kind in scene.SHAPES},
        "hands": {d: ["".join(_INK[v] for v in scan.ravel()) for scan in outlines.hands()[int(d)]] for d in scene.DIGITS},
    }
