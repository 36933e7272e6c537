"""How English puts a scene: noun phrases, verb phrases and the sentences that hold them."""

from __future__ import annotations

from t2v_edu.world.lexicon import Words, participle, third_person, with_articles, words
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
from t2v_edu.world.scene import ACTIONS, Actor, Scene

# {n} the actor, {f} its verb in the finite form, {g} as a participle, {p} the place with a space before it, {q} without.
ONE_SEEN = ("{n} {f}{p}", "{n} {f}{p}", "{n} {g}{p}", "{n} is {g}{p}", "{n} that {f}{p}", "a video of {n} {g}{p}")
ONE_SEEN_PLACED = ("{q}, {n} {f}", "{q}, {n} is {g}")
ONE_UNSEEN = ("there is {n} {g}{p}", "we see {n} that {f}{p}", "watch {n} {g}{p}")
ONE_STILL = ("{n}{p}", "{n}{p}", "a video of {n}{p}")
ONE_STILL_UNSEEN = ("there is {n}{p}", "we see {n}{p}")

# 1 and 2: the actors; {r} what the first is to the second ("to the left of"), {its} where the second is ("to its right").
TWO_SEEN = (
    "{n1} that {f1}, {r} {n2} that {f2}{p}",
    "{n1} {g1}, {r} {n2} {g2}{p}",
    "{n1} {f1}{p}, {r} {n2} that {f2}",
    "{r} {n2} that {f2}, {n1} {f1}{p}",
    "{n1} {f1} and, {its}, {n2} {f2}{p}",
    "{n1} is {g1}; {its}, {n2} is {g2}{p}",
    "{side1}, {n1} {f1}; {side2}, {n2} {f2}{p}",
)
TWO_UNSEEN = (
    "{n1} is {r} {n2}{p}; the former {f1}, the latter {f2}",
    "there is {n1} {g1}, with {n2} {g2} {its}{p}",
    "we see {n1} that {f1}, while {its} {n2} {f2}{p}",
)


def say_english(scene: Scene, pick: Picker) -> str:
    """One English phrasing of a scene."""
    place = None if place_may_rest(scene) and pick.below(2) else scene.place
    q = "" if place is None else _place(scene, pick)
    p = " " + q if q else ""
    if len(scene.actors) == 2:
        return with_articles(_two(scene, place, p, pick))
    actor = scene.actors[0]
    n = noun_phrase(actor, place, pick)
    if action_may_rest(actor) and pick.chance(3 if actor.action in ("sits", "stands") else 12):
        return with_articles(pick.among(ONE_STILL, ONE_STILL_UNSEEN).format(n=n, p=p))
    template = pick.among(ONE_SEEN + ONE_SEEN_PLACED if q else ONE_SEEN, ONE_UNSEEN)
    f, g = verb_phrase(actor, pick)
    return with_articles(template.format(n=n, f=f, g=g, p=p, q=q))


def _place(scene: Scene, pick: Picker) -> str:
    if scene.place == "city" and scene.actors[0].kind == "tower" and pick.below(2):
        return "in Paris"
    return pick.word("place", scene.place)


def _two(scene: Scene, place: str | None, p: str, pick: Picker) -> str:
    first, second, relation, other = told_order(scene, pick)
    template = pick.among(TWO_SEEN, TWO_UNSEEN)
    f1, g1 = verb_phrase(first, pick)
    f2, g2 = verb_phrase(second, pick)
    gaps = {"n1": noun_phrase(first, place, pick), "n2": noun_phrase(second, place, pick)}
    rows = (("r", "relation", relation), ("its", "its", other), ("side1", "side", relation), ("side2", "side", other))
    gaps |= relation_words(template, rows, pick)
    return template.format(f1=f1, g1=g1, f2=f2, g2=g2, p=p, **gaps)


def noun_phrase(actor: Actor, place: str | None, pick: Picker) -> str:
    """The actor with its article, size and colour; "a" before a vowel is mended once the sentence stands."""
    noun = pick.word("kind", actor.kind)
    article, noun = ("the", noun[4:]) if noun.startswith("the ") else ("a", noun.removeprefix("a "))
    size = "" if actor.size == "medium" and pick.below(4) else pick.word("size", actor.size) + " "
    color = "" if color_is_left(actor, place, pick) else pick.word("color", actor.color)
    if actor.kind == "girl" and color:
        dress = pick.among(("in a {} dress", "in {}", "wearing a {} dress"), ("dressed in {}", "in {} clothes"))
        return f"{article} {size}{noun} {dress.format(color)}"
    return f"{article} {size}{color}{' ' if color else ''}{noun}"


def verb_phrase(actor: Actor, pick: Picker) -> tuple[str, str]:
    """What the actor does, as "moves slowly to the left" and as "moving slowly to the left"."""
    row, says_direction, says_speed = _verb(actor, pick)
    verb = pick.among(row.seen, row.unseen)
    silent = actor.direction == "none" or says_direction or (direction_may_rest(actor) and pick.chance(4))
    direction = "" if silent else " " + pick.word("direction", actor.direction)
    quiet = says_speed or len(ACTIONS[actor.action][1]) == 1 or (speed_may_rest(actor) and pick.below(8))
    speed = "" if quiet else pick.word("speed", actor.speed)
    if not speed:
        return third_person(verb) + direction, participle(verb) + direction
    where = pick.below(3) if speed.endswith("ly") else 2
    if where == 0:
        return f"{speed} {third_person(verb)}{direction}", f"{speed} {participle(verb)}{direction}"
    rest = f" {speed}{direction}" if where == 1 else f"{direction} {speed}"
    return third_person(verb) + rest, participle(verb) + rest


def _verb(actor: Actor, pick: Picker) -> tuple[Words, bool, bool]:
    fused = fused_verbs("en", actor.action, actor.direction, actor.speed)
    if fused and pick.chance(4):
        return pick.one(fused)
    return words("en", "action")[actor.action], False, False
