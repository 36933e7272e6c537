"""The scene builder's maths, written once in Python and once in JavaScript, agree over a grid of scenes."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from node import needs_node, run

from t2v_edu.widgets.scene_builder import take_of
from t2v_edu.world.captions import parse, say
from t2v_edu.world.motion import Take, stage
from t2v_edu.world.outlines import field, hands
from t2v_edu.world.places import place_picture
from t2v_edu.world.render import render
from t2v_edu.world.scene import (
    CAST,
    CLASHES,
    DIGITS,
    KINDS,
    PLACES,
    SHAPES,
    STORY,
    Actor,
    Scene,
    all_actors,
    sample_scene,
)

pytestmark = needs_node

FRAMES, SIDE = 16, 32


def as_json(scene: Scene, take: int = 0) -> dict[str, Any]:
    return {"actors": [dataclasses.asdict(a) for a in scene.actors], "place": scene.place,
            "relation": scene.relation, "take": take}


def takes_of(scene: Scene, number: int) -> tuple[Take, ...]:
    return tuple(take_of(number, who) for who in range(len(scene.actors)))


def scenes(world: str, count: int) -> list[Scene]:
    rng = np.random.default_rng(7)
    return [sample_scene(world, rng) for _ in range(count)]


def every_action() -> list[Scene]:
    """One scene for every kind, action, direction and speed."""
    found: dict[tuple[str, ...], Scene] = {}
    for a in all_actors(KINDS):
        place = next(p for p in CAST[a.kind].places if (a.color, p) not in CLASHES)
        found.setdefault((a.kind, a.action, a.direction, a.speed), Scene((a,), place))
    return list(found.values())


def test_poses_agree_to_1e_9(tmp_path: Path) -> None:
    cast = [(s, n) for i, s in enumerate(every_action() + scenes("pairs", 60)) for n in (0, i + 1)]
    assert len(cast) >= 400
    body = f"""return given.map((s) => stage(s, s.actors.map((_, who) => takeOf(s.take, who)), {FRAMES})
        .map((actor) => actor.map((p) => [p.x, p.y, p.radius, p.angle, p.gait])));"""
    got = run(tmp_path, body, [as_json(s, n) for s, n in cast])
    for (scene, number), actors in zip(cast, got, strict=True):
        for pose, theirs in zip(stage(scene, takes_of(scene, number), FRAMES), actors, strict=True):
            ours = np.stack([pose.x, pose.y, pose.radius, pose.angle, pose.gait], axis=-1)
            np.testing.assert_allclose(np.array(theirs), ours, rtol=0, atol=1e-9, err_msg=str(scene))


def test_takes_are_the_same_numbers(tmp_path: Path) -> None:
    numbers = [0, 1, 2, 3, 1000, 999_999]
    got = run(tmp_path, "return given.map((n) => [takeOf(n, 0), takeOf(n, 1)]);", numbers)
    assert [[Take(**t) for t in pair] for pair in got] == [[take_of(n, 0), take_of(n, 1)] for n in numbers]
    assert len({t.x for t in (take_of(n, who) for n in range(1, 500) for who in (0, 1))}) == 998  # no take is like another


def test_captions_are_the_same_for_every_one_actor_scene(tmp_path: Path) -> None:
    every = [Scene((a,), p) for a, p in itertools.product(all_actors(KINDS), PLACES) if (a.color, p) not in CLASHES]
    pairs = scenes("pairs", 2000)
    assert len(every) > 20_000
    body = 'return given.map((s) => [sayPlainly(s, "en"), sayPlainly(s, "zh")]);'
    got = run(tmp_path, body, [as_json(s) for s in every + pairs])
    for scene, said in zip(every + pairs, got, strict=True):
        assert said == [say(scene, "en"), say(scene, "zh")], scene
    for scene, said in zip(pairs[:200], got[len(every) :], strict=False):
        assert parse(said[0]) == parse(said[1]) == scene


def test_fields_agree(tmp_path: Path) -> None:
    wanted = [(k, 0) for k in SHAPES] + [(d, h) for d in DIGITS for h in (0, 5, hands().shape[1] + 2)]
    got = run(tmp_path, "return given.map(([kind, hand]) => Array.from(field(kind, hand)));", wanted)
    for (kind, hand), theirs in zip(wanted, got, strict=True):
        np.testing.assert_allclose(np.array(theirs), field(kind, hand).ravel(), rtol=0, atol=2e-6, err_msg=f"{kind} {hand}")


def frames_of(folder: Path, cast: list[tuple[Scene, int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Four frames of every scene, (N, 4, SIDE, SIDE, 3)."""
    body = f"""return given.map((s) => {{
        const takes = s.actors.map((_, who) => takeOf(s.take, who)), poses = stage(s, takes, {FRAMES});
        return [0, 5, 10, 15].map((t) => {{
            const cast = s.actors.map((actor, i) => ({{ actor, take: takes[i], pose: poses[i][t] }}));
            return Array.from(toBytes(drawFrame(s.place, cast, {SIDE}, {SIDE}))).filter((_, i) => i % 4 !== 3);
        }});
    }});"""
    return np.array(run(folder, body, [as_json(s, n) for s, n in cast])).reshape(len(cast), 4, SIDE, SIDE, 3)


def distances(folder: Path, cast: list[tuple[Scene, int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    ours = np.stack([render(s, FRAMES, SIDE, SIDE, takes=takes_of(s, n))[[0, 5, 10, 15]] for s, n in cast])
    return np.abs(ours.astype(int) - frames_of(folder, cast))


def test_shapes_and_digits_are_drawn_within_one_level(tmp_path: Path) -> None:
    cast = [(s, 3 * i) for i, s in enumerate(scenes("shapes", 120) + scenes("digits", 80) + scenes("pairs", 40))]
    assert distances(tmp_path, cast).max() <= 1


def test_puppets_are_drawn_within_two_levels(tmp_path: Path) -> None:
    """Sprite tables are rounded to bytes once more than shapes; and at 1 pixel in 10,000 the last bit of a coordinate may choose
    the other one of two neighbouring texels."""
    story = [s for s in every_action() if s.actors[0].kind in STORY]
    cast = [(s, 3 * i) for i, s in enumerate(story + scenes("story", 40))]
    off = distances(tmp_path, cast)
    assert (off.max(-1) > 2).mean() < 1e-4
    assert off.mean() < 0.05


def test_places_are_drawn_within_a_hundredth_of_a_level(tmp_path: Path) -> None:
    got = run(tmp_path, "return given.map((p) => Array.from(placePicture(p, 24, 40)));", list(PLACES))
    for place, theirs in zip(PLACES, got, strict=True):
        shown = np.array(theirs).reshape(24, 40, 3)
        np.testing.assert_allclose(shown, place_picture(place, 24, 40), rtol=0, atol=0.01, err_msg=place)


def test_the_python_line_means_the_scene(tmp_path: Path) -> None:
    cast = scenes("all", 50)
    lines = run(tmp_path, "return given.map((s) => sceneCode(s));", [as_json(s) for s in cast])
    for scene, line in zip(cast, lines, strict=True):
        assert eval(line, {"Scene": Scene, "Actor": Actor}) == scene  # noqa: S307  the line is what the page shows


def test_menus_never_leave_the_grammar(tmp_path: Path) -> None:
    """Thousands of random moves of random menus, to values that the menus offer: every state is a scene."""
    body = """
    let seed = 12345;
    const draw = (n) => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor((seed / 4294967296) * n); };
    const slots = ["kind", "color", "size", "action", "direction", "speed"];
    let state = settle(given);
    return Array.from({ length: 4000 }, () => {
        const [slot, suffix] = draw(5) === 0 ? [["place", "relation"][draw(2)], ""] : [slots[draw(6)], draw(2) ? "" : "_2"];
        const open = choices(state, slot, suffix).filter((c) => !c.lost), { value } = open[draw(open.length)];
        state = settle({ ...state, [slot + suffix]: value }, slot + suffix);
        return { scene: sceneOf(state), kept: state[slot + suffix] === value };
    });"""
    start = {"kind": "nonsense", "color": "pink", "place": "moon", "relation": "below", "take": -4}
    states = run(tmp_path, body, start)
    assert all(s["kept"] for s in states), "a menu does not keep the value that it offers"
    met = {Scene(tuple(Actor(**a) for a in s["scene"]["actors"]), s["scene"]["place"], s["scene"]["relation"]) for s in states}
    assert {len(s.actors) for s in met} == {1, 2}
    assert {a.kind for s in met for a in s.actors} == set(KINDS)
    assert {s.place for s in met} == set(PLACES)
