"""How Chinese puts a scene: noun phrases with their measure words, verb phrases with their aspect, and the sentences."""

from __future__ import annotations

from t2v_edu.world import words_zh
from t2v_edu.world.lexicon import Words, words
from t2v_edu.world.picker import (
    Picker,
    action_may_rest,
    color_is_left,
    direction_may_rest,
    fused_verbs,
    place_may_rest,
    relation_words,
    speed_may_rest,
    told_order,
)
from t2v_edu.world.scene import ACTIONS, DIGITS, SHAPES, Actor, Scene

LIVING = ("girl", "puppy", "cat")
DIRECTED = tuple(words_zh.DIRECTED)

# Measure words (seen, reserved); "" where a name does without.
MEASURES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "star": (("一颗", "一个"), ("一枚",)),
    "heart": (("一颗", "一个"), ("一枚",)),
    "girl": (("一个",), ("一位", "一名")),
    "puppy": (("一只", "一只", "一个"), ("一条",)),
    "cat": (("一只",), ()),
    "tower": (("", "", "一座"), ()),
    **dict.fromkeys(DIGITS, (("", "一个"), ())),
}

# {n} the actor, {e} with its measure word {m} for sure (数字7, 一个数字7), {h} without one; {q} the place, {at} after 在,
# {v} what it does with the place in it, {w} without, {b} the bare verb phrase with the place, as it stands before 的.
ONE_SEEN = ("{n}{v}", "{n}{v}", "{n}{v}", "{m}{b}的{h}", "有{e}{v}")
ONE_SEEN_PLACED = ("{at}，{n}{w}", "{at}，有{e}{w}")
ONE_UNSEEN = ("画面中，{n}{v}", "可以看到{e}{v}", "画面里是{m}{b}的{h}")
STILL_SEEN, STILL_UNSEEN = ("{n}",), ("画面中是{e}",)
STILL_SEEN_PLACED, STILL_UNSEEN_PLACED = ("{n}{at}", "{q}的{h}", "{q}有{e}"), ("画面中，{n}{at}", "可以看到{q}有{e}")

# 1 and 2: the actors; {of} where the first is, seen from the second (的左边); {its} where the second is (它的右边).
TWO_SEEN = (
    "{at}{n1}{w1}，{its}有{e2}{w2}",
    "{at}{n1}{w1}，{its}有{m2}{b2}的{h2}",
    "{at}{side1}有{e1}{w1}，{side2}有{e2}{w2}",
    "{at}{side1}是{m1}{b1}的{h1}，{side2}是{m2}{b2}的{h2}",
    "{at}在{m2}{b2}的{h2}{of}，{n1}{w1}",
    "{at}在{m2}{b2}的{h2}{of}，有{e1}{w1}",
)
TWO_UNSEEN = (
    "{at}{n1}位于{n2}{of}，前者{w1}，后者{w2}",
    "{at}可以看到{e1}{w1}，而{its}是{m2}{b2}的{h2}",
    "{at}{m1}{b1}的{h1}处在{m2}{b2}的{h2}{of}",
)


def say_chinese(scene: Scene, pick: Picker) -> str:
    """One Chinese phrasing of a scene."""
    place = None if place_may_rest(scene) and pick.below(2) else scene.place
    q = "" if place is None else _place(scene, pick)
    at = "在" + q if q else ""
    if len(scene.actors) == 2:
        return _two(scene, place, at + "，" if at else "", pick)
    actor = scene.actors[0]
    m, h = noun_phrase(actor, place, pick)
    if action_may_rest(actor) and pick.chance(3 if actor.action in ("sits", "stands") else 12):
        template = pick.among(STILL_SEEN_PLACED, STILL_UNSEEN_PLACED) if q else pick.among(STILL_SEEN, STILL_UNSEEN)
        return template.format(**_names("", actor, m, h), q=q, at=at)
    template = pick.among(ONE_SEEN + ONE_SEEN_PLACED if q else ONE_SEEN, ONE_UNSEEN)
    verb = verb_phrase(actor, "" if "{at}" in template else at, "{b}" in template, pick)
    return template.format(**_names("", actor, m, h), at=at, v=verb, w=verb, b=verb)


def _names(i: str, actor: Actor, measure: str, noun: str) -> dict[str, str]:
    """The gaps n, e, m and h of actor `i`."""
    sure = measure or words_zh.MEASURE[actor.kind]
    return {"n" + i: measure + noun, "e" + i: sure + noun, "m" + i: sure, "h" + i: noun}


def _place(scene: Scene, pick: Picker) -> str:
    if scene.place == "city" and scene.actors[0].kind == "tower" and pick.below(2):
        return "巴黎"
    return pick.word("place", scene.place)


def _two(scene: Scene, place: str | None, at: str, pick: Picker) -> str:
    first, second, relation, other = told_order(scene, pick)
    template = pick.among(TWO_SEEN, TWO_UNSEEN)
    gaps = {"at": at}
    for i, actor in (("1", first), ("2", second)):
        gaps |= _names(i, actor, *noun_phrase(actor, place, pick))
        bare = "{b" + i + "}" in template
        gaps[("b" if bare else "w") + i] = verb_phrase(actor, "", bare, pick)
    rows = (("of", "relation", relation), ("its", "its", other), ("side1", "side", relation), ("side2", "side", other))
    return template.format(**gaps, **relation_words(template, rows, pick))


def noun_phrase(actor: Actor, place: str | None, pick: Picker) -> tuple[str, str]:
    """The measure word ("" where a digit or the tower does without) and the actor with its size and colour."""
    kind = actor.kind
    measure = pick.among(*MEASURES.get(kind, (("一个",), ())))
    noun = pick.word("kind", kind)
    color = "" if color_is_left(actor, place, pick) else pick.word("color", actor.color)
    if actor.size == "medium" and pick.below(4):
        return measure, _colored(color, actor, noun, pick)
    if kind in SHAPES and actor.size != "medium" and pick.below(2):
        return measure, (color + "的" if color else "") + words_zh.BARE_SIZE[actor.size] + noun
    size = pick.word("living_size" if kind in LIVING else "size", actor.size)
    return measure, size + (_dress(color, pick) if color and kind == "girl" else color) + noun


def _colored(color: str, actor: Actor, noun: str, pick: Picker) -> str:
    if not color:
        return noun
    if actor.kind == "girl":
        return _dress(color, pick) + noun
    if (actor.kind in SHAPES or noun == "猫") and pick.chance(4):
        return words_zh.SHORT[actor.color] + noun
    return color + pick.one(("的", "")) + noun


def _dress(color: str, pick: Picker) -> str:
    return pick.among(("穿{}裙子的", "穿着{}裙子的", "穿{}连衣裙的"), ("身穿{}裙子的", "身着{}衣服的")).format(color)


def verb_phrase(actor: Actor, at: str, bare: bool, pick: Picker) -> str:
    """What the actor does, with `at` (its place after 在, or "") in it; bare: without 在, 正在 or 着, to stand before 的."""
    directed = actor.direction != "none" and not (direction_may_rest(actor) and pick.chance(2 if actor.action in DIRECTED else 4))
    row, says_direction, says_speed = _verb(actor, directed, pick)
    verb = pick.among(row.seen, row.unseen)
    if "{p}" in verb:
        return ("" if bare or not pick.chance(4) else "正") + _placed(verb, at)
    way = pick.word("direction", actor.direction) if directed and not says_direction else ""
    quiet = says_speed or len(ACTIONS[actor.action][1]) == 1 or (speed_may_rest(actor) and pick.below(8))
    pace = "" if quiet else pick.word("speed", actor.speed)
    aspect = "" if bare else pick.one(("", "", "正") if at else ("", "正", "在", "正在"))
    if verb.endswith("~"):
        verb = verb[:-1] + ("着" if not bare and not aspect and pick.chance(3) else "")
    elif verb.endswith("着") and aspect:
        aspect = "正"
    return aspect + at + _ordered(verb, way, pace, pick)


def _placed(verb: str, at: str) -> str:
    """坐{p}: 坐在窗边, or without a place 坐着."""
    return verb.replace("{p}", at or ("着" if verb.endswith("{p}") else ""))


def _ordered(verb: str, way: str, pace: str, pick: Picker) -> str:
    if "{d}" in verb:
        return pace + verb.replace("{d}", way)
    return way + pace + verb if way and pace and pick.chance(3) else pace + way + verb


def _verb(actor: Actor, directed: bool, pick: Picker) -> tuple[Words, bool, bool]:
    fused = fused_verbs("zh", actor.action, actor.direction, actor.speed)
    if fused and pick.chance(4):
        return pick.one(fused)
    table = "directed" if directed and actor.action in DIRECTED else "action"
    return words("zh", table)[actor.action], False, False
