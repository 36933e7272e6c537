"""The reader is exact on clean films, stands some damage, and abstains where there is nothing to read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from t2v_edu.world.motion import Take, poses
from t2v_edu.world.oracle import chance, describe, follow, read
from t2v_edu.world.oracle_ground import Cell, coverage, find_color, find_place, smooth
from t2v_edu.world.oracle_path import fit_path, track, velocity_error
from t2v_edu.world.places import place_picture
from t2v_edu.world.render import RGB, render
from t2v_edu.world.scene import ACTIONS, CAST, CLASHES, DIGITS, SHAPES, WORLDS, Actor, Scene, actor, sample_scene

Film = NDArray[np.uint8]


def side_for(scene: Scene, one: int = 32, two: int = 64) -> int:
    return one if scene.relation is None else two


def misread(world: str, count: int, seed: int, frames: int = 16) -> list[tuple[Scene, dict[str, str | None]]]:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        scene = sample_scene(world, rng)
        side = side_for(scene)
        reading = read(render(scene, frames, side, side, rng), world=world)
        if reading.scene != scene:
            out.append((scene, reading.attributes))
    return out


# --- Clean films -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_exact_on_clean_films(world: str) -> None:
    assert misread(world, 300, seed=11) == []


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_exact_on_ten_thousand_clean_films(world: str) -> None:
    assert misread(world, 10_000, seed=12) == []


@st.composite
def actors(draw: st.DrawFn, kinds: tuple[str, ...]) -> Actor:
    kind = draw(st.sampled_from(kinds))
    action = draw(st.sampled_from(CAST[kind].actions))
    directions, speeds = ACTIONS[action]
    return Actor(kind, draw(st.sampled_from(CAST[kind].colors)), draw(st.sampled_from(("small", "medium", "large"))), action,
                 draw(st.sampled_from(directions)), draw(st.sampled_from(speeds)))


shares = st.floats(0.0, 0.999)
takes = st.builds(Take, shares, shares, shares, st.integers(0, 15))


@pytest.mark.parametrize("world", ["shapes", "digits", "story"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_exact_for_one_actor_of_any_size_length_and_take(world: str, data: st.DataObject) -> None:
    rules = WORLDS[world]
    who = data.draw(actors(rules.kinds))
    places = [p for p in CAST[who.kind].places if p in rules.places and (who.color, p) not in CLASHES]
    scene = Scene((who,), data.draw(st.sampled_from(places)))
    frames = data.draw(st.sampled_from((8, 11, 16, 24, 32)))
    height, width = data.draw(st.sampled_from(((32, 32), (33, 40), (48, 32), (64, 64))))
    film = render(scene, frames, height, width, takes=(data.draw(takes),))
    assert read(film, world=world).scene == scene


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_exact_for_two_actors(data: st.DataObject) -> None:
    one, two = (data.draw(actors(SHAPES + DIGITS)) for _ in range(2))
    place = data.draw(st.sampled_from(("black", "gray", "cream")))
    assume(not any((a.color, place) in CLASHES for a in (one, two)))
    scene = Scene((one, two), place, data.draw(st.sampled_from(("left_of", "above"))))
    where = data.draw(takes), data.draw(takes)
    assume(not diagonal(scene, where))
    side = data.draw(st.sampled_from((64, 80)))
    assert read(render(scene, 16, side, side, takes=where), world="pairs").scene == scene


def diagonal(scene: Scene, where: tuple[Take, Take]) -> bool:
    """Whether both actors stay in quadrants where the other relation's cells would do as well: such a film has two meanings."""
    for who, take, low in zip(scene.actors, where, (0.5, 0.0), strict=True):
        p = poses(who, take, 16)
        for at in (p.x, p.y):
            if (at - 0.8 * p.radius).min() < low or (at + 0.8 * p.radius).max() > low + 0.5:
                return False
    return True


def test_a_film_with_two_meanings_is_not_guessed() -> None:
    twice = (actor("square", size="small", action="grows"),) * 2
    share = 0.108 / 0.608  # of the room in a cell: where the actors meet the other relation's cells, on the diagonal
    across = render(Scene(twice, "black", "left_of"), 16, 64, 64, takes=(Take(1.0, share), Take(0.0, 1 - share)))
    down = render(Scene(twice, "black", "above"), 16, 64, 64, takes=(Take(share, 1.0), Take(1 - share, 0.0)))
    assert np.abs(across.astype(int) - down).max() <= 1
    assert read(across, world="pairs").scene is None


@pytest.mark.parametrize("world", ["shapes", "digits", "story", "pairs"])
def test_the_narrow_worlds_are_read_without_being_named(world: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(40):
        scene = sample_scene(world, rng)
        film = render(scene, 16, side_for(scene), side_for(scene), rng)
        assert read(film).scene == scene


def test_what_a_reading_says() -> None:
    scene = Scene((actor("star", "blue", action="spins"),), "cream")
    reading = read(render(scene), world="shapes")
    assert reading.attributes == describe(scene) and reading.scene == scene
    assert set(reading.confidence) == set(reading.attributes) and all(0.5 < c <= 1.0 for c in reading.confidence.values())
    other = Scene((actor("star", "red", action="spins"),), "cream")
    agrees = reading.agrees(other)
    assert not agrees["color"] and not agrees["all"] and agrees["kind"] and agrees["place"]
    pair = Scene((*scene.actors, *other.actors), "cream", "above")
    assert not any(reading.agrees(pair)[key] for key in ("kind_2", "count", "relation", "all"))


# --- Damaged films ----------------------------------------------------------------------------------------------------------


def noisy(film: Film) -> Film:
    return np.clip(film + np.random.default_rng(0).normal(0, 16, film.shape), 0, 255).astype(np.uint8)


def soft(film: Film) -> Film:
    return smooth(smooth(film.astype(np.float32))).astype(np.uint8)


def tinted(film: Film) -> Film:
    out: Film = np.clip(film * np.array([0.93, 1.0, 0.95]) + np.array([6, -4, 8]), 0, 255).astype(np.uint8)
    return out


@pytest.mark.parametrize("damage", [noisy, soft, tinted])
@pytest.mark.parametrize("world", ["shapes", "digits"])
def test_stands_some_damage(world: str, damage: Callable[[Film], Film]) -> None:
    rng = np.random.default_rng(6)
    scenes = [sample_scene(world, rng) for _ in range(80)]
    readings = [read(damage(render(s, rng=rng)), world=world) for s in scenes]
    assert np.mean([r.scene == s for r, s in zip(readings, scenes, strict=True)]) >= 0.95
    assert sum(r.scene not in (None, s) for r, s in zip(readings, scenes, strict=True)) <= 1


# --- Nothing to read ---------------------------------------------------------------------------------------------------------


def black() -> Film:
    return np.zeros((16, 32, 32, 3), np.uint8)


def static() -> Film:
    return np.random.default_rng(1).integers(0, 256, (16, 32, 32, 3), dtype=np.uint8)


def two_shapes() -> Film:
    left, right = (Scene((Actor("circle", "red", "medium", "bounces", "vertical", "normal"),), "black") for _ in range(2))
    films = [render(s, takes=(Take(x, 0.5),)) for s, x in ((left, 0.0), (right, 1.0))]
    return np.maximum(*films)


def smeared() -> Film:
    scene = Scene((Actor("star", "red", "small", "moves", "right", "fast"),), "black")
    return np.broadcast_to(render(scene).mean(0), (16, 32, 32, 3)).astype(np.uint8)


def flickering() -> Film:
    rng = np.random.default_rng(2)
    films = [render(sample_scene("shapes", rng), rng=rng) for _ in range(16)]
    return np.stack([film[0] for film in films])


@pytest.mark.parametrize("film", [black, static, two_shapes, smeared, flickering])
@pytest.mark.parametrize("world", ["shapes", "digits", "story"])
def test_abstains(film: Callable[[], Film], world: str) -> None:
    reading = read(film(), world=world)
    assert reading.scene is None and None in reading.attributes.values()
    assert not reading.agrees(sample_scene(world, np.random.default_rng(0)))["all"]


@pytest.mark.parametrize("world", WORLDS)
def test_an_empty_place_has_no_actor(world: str) -> None:
    side = 64
    for place in WORLDS[world].places:
        film = np.broadcast_to((place_picture(place, side, side) + 0.5).astype(np.uint8), (16, side, side, 3)).copy()
        reading = read(film, world=world)
        assert reading.attributes["place"] == place and reading.attributes["kind"] is None and reading.scene is None
        assert follow(film, world=world) is None


@pytest.mark.parametrize(
    ("kind", "color", "place", "world"), [("circle", "white", "cream", "shapes"), ("puppy", "brown", "window", "story")]
)
def test_a_film_of_what_the_world_does_not_show_is_read_and_is_no_scene(
    kind: str, color: str, place: str, world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model may draw it all the same: each attribute counts."""
    with monkeypatch.context() as without:
        without.setattr("t2v_edu.world.scene.CLASHES", frozenset())
        clash = Scene((actor(kind, color),), place)
        film = render(clash)
    reading = read(film, world=world)
    assert reading.agrees(clash)["all"]
    assert reading.scene is None


def test_frames_out_of_order_have_no_motion() -> None:
    rng = np.random.default_rng(3)
    right = 0
    for _ in range(60):
        scene = Scene((Actor("square", "red", "small", "moves", "right", "fast"),), "black")
        reading = read(render(scene, rng=rng)[rng.permutation(16)], world="shapes")
        right += reading.attributes["action"] == "moves"
        assert reading.attributes["color"] == "red"
    assert right == 0


@pytest.mark.parametrize(("film", "words"), [
    (np.zeros((16, 32, 32), np.uint8), r"\(16, 32, 32\)"),
    (np.zeros((2, 16, 32, 32, 3), np.uint8), r"\(2, 16, 32, 32, 3\)"),
    (np.zeros((16, 3, 32, 32), np.uint8), r"\(16, 3, 32, 32\)"),
    (np.zeros((0, 32, 32, 3), np.uint8), r"\(0, 32, 32, 3\)"),
    (np.zeros((16, 8, 8, 3), np.uint8), "16×16"),
    (np.zeros((16, 32, 32, 3), np.float32), "float32"),
    ([[1, 2]], "list"),
])
def test_wrong_form_is_named(film: NDArray[np.uint8], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(film)


def test_unknown_world_is_named() -> None:
    with pytest.raises(ValueError, match=r"'shape'.*shapes, digits"):
        read(black(), world="shape")


# --- Its parts, against closed forms -------------------------------------------------------------------------------------------


def test_coverage_and_track_of_a_hand_made_square() -> None:
    """A 4×6 block of half red on black: half of 24 pixels, centred between its edges."""
    film = np.empty((16, 32, 32, 3), np.uint8)
    film[:] = (16, 16, 20)
    film[:, 10:14, 20:26] = np.rint((np.array(RGB["red"]) + np.array((16, 16, 20))) / 2)
    place, difference, picture = find_place(film, ("black", "gray", "cream"))
    assert place.name == "black"
    color, seen = find_color(difference, picture, ("red", "green", "blue", "white"))
    assert color.name == "red" and np.allclose(seen, RGB["red"])
    found = track(coverage(difference, picture, seen), Cell(0, 0, 32, 32))
    assert found is not None
    assert np.allclose(found.mass, 12, atol=0.2)
    assert np.allclose(found.x, 23 / 32, atol=1e-4) and np.allclose(found.y, 12 / 32, atol=1e-4)
    assert np.allclose(found.radius, np.sqrt(found.mass / np.pi) / 32)


def test_the_renderer_has_next_to_no_velocity_error() -> None:
    scene = Scene((Actor("circle", "red", "medium", "moves", "right", "normal"),), "black")
    film = render(scene, takes=(Take(0.3, 0.3),))
    seen = follow(film, world="shapes")
    assert seen is not None and fit_path(seen, "circle").best == ("moves", "right", "normal")
    assert velocity_error(seen, scene.actors[0]) < 0.02
    # The same film asked to be slow is too fast by 0.30 − 0.15 side lengths a clip.
    slow = Actor("circle", "red", "medium", "moves", "right", "slow")
    assert velocity_error(seen, slow) == pytest.approx(0.15, abs=0.01)


def test_chance_by_count() -> None:
    found = chance("shapes", 4000)
    assert found["kind"] == pytest.approx(1 / 6, abs=0.03) and found["size"] == pytest.approx(1 / 3, abs=0.03)
    assert found["count"] == 1.0 and found["all"] < 0.003
