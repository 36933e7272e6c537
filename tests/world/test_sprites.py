"""The story sprites: how much of them is the actor's colour, how they move, and that painting them keeps its promises."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from t2v_edu.world import puppets
from t2v_edu.world.puppets import shapes
from t2v_edu.world.scene import ACTIONS, CAST, STORY
from t2v_edu.world.sprites import FEET, PHASES, POSES, PUPPETS, draw_puppet, paint_puppet, pose_of

POSED = [(kind, pose) for kind in PUPPETS for pose in POSES[kind]]
LIVELY = [(kind, pose) for kind, pose in POSED if pose != "stands"]
ORANGE = (255, 140, 0)


def film(kind: str, pose: str, size: int, gait: np.ndarray, *, at: tuple[float, float] = (0.5, 0.5), radius: float = 0.4,
         flip: bool = False, backdrop: float = 90.0, color: tuple[int, int, int] = ORANGE) -> np.ndarray:
    canvas = np.full((len(gait), size, size, 3), backdrop, np.float32)
    one = np.ones(len(gait)) * size
    paint_puppet(canvas, kind, pose, gait, color, at[0] * one, at[1] * one, radius * one, flip)
    return canvas


def test_every_story_actor_has_a_puppet_that_can_do_what_it_does() -> None:
    assert PUPPETS == STORY
    for kind in STORY:
        assert {pose_of(kind, action) for action in CAST[kind].actions} <= set(POSES[kind])


@pytest.mark.parametrize(("kind", "pose"), POSED)
def test_the_actors_colour_fills_the_sprite(kind: str, pose: str) -> None:
    for gait in (0.0, 0.3, 0.65):
        drawing = draw_puppet(kind, pose, gait, 192)
        own, main, alpha = drawing[..., :3].sum(-1), drawing[..., 3], drawing[..., 4]
        exactly = (main > 0.999) & (own < 0.1)
        assert exactly.sum() >= 0.35 * alpha.sum()


@pytest.mark.parametrize(("kind", "pose"), POSED)
def test_the_sprite_fills_its_frame_and_keeps_its_feet_on_the_floor(kind: str, pose: str) -> None:
    seen = np.stack([draw_puppet(kind, pose, p / PHASES, 110)[..., 4] for p in range(PHASES)]) > 0.5
    assert not (seen[:, 0].any() or seen[:, -1].any() or seen[:, :, 0].any() or seen[:, :, -1].any())  # nothing cut off
    rows, columns = (np.flatnonzero(seen.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) / 50  # 50 pixels a unit
    assert 1.55 < extent < 2.1
    floor = np.array([np.flatnonzero(frame.any(axis=1))[-1] + 1 for frame in seen]) / 50 - 1.1
    if pose in ("walks", "sits", "stands"):
        assert np.abs(floor - FEET[kind]).max() < 0.05
    if pose == "jumps":
        assert floor[0] == pytest.approx(FEET[kind], abs=0.03)
        assert floor[PHASES // 2] < FEET[kind] - 0.02  # the legs are tucked


@pytest.mark.parametrize("kind", PUPPETS)
def test_poses_differ_from_each_other_at_thumbnail_size(kind: str) -> None:
    gait = np.arange(8) / 8
    for one, other in combinations(POSES[kind], 2):
        apart = np.abs(film(kind, one, 32, gait, radius=0.25) - film(kind, other, 32, gait, radius=0.25))
        assert (apart.max(axis=-1) > 40).sum(axis=(1, 2)).max() >= 12  # pixels of some frame


@pytest.mark.parametrize("pose", ["walks", "runs", "jumps", "sits"])
def test_kinds_differ_from_each_other_at_thumbnail_size(pose: str) -> None:
    gait = np.arange(8) / 8
    for one, other in combinations(PUPPETS, 2):
        apart = np.abs(film(one, pose, 32, gait, radius=0.25) - film(other, pose, 32, gait, radius=0.25))
        assert (apart.max(axis=-1) > 40).sum(axis=(1, 2)).min() >= 12  # pixels of every frame


@pytest.mark.parametrize(("kind", "pose"), POSED)
def test_gait_is_periodic(kind: str, pose: str) -> None:
    for gait in (0.0, 0.31, 0.77):
        here, later = shapes(kind, pose, gait), shapes(kind, pose, gait + 3)
        assert [s.form for s in here] == [s.form for s in later]
        for a, b in zip(here, later, strict=True):
            np.testing.assert_allclose(a.numbers, b.numbers, atol=1e-9)
    np.testing.assert_array_equal(film(kind, pose, 32, np.array([0.0])), film(kind, pose, 32, np.array([1.0])))


@pytest.mark.parametrize(("kind", "pose"), LIVELY)
def test_gait_moves_the_sprite(kind: str, pose: str) -> None:
    frames = film(kind, pose, 64, np.arange(PHASES) / PHASES)
    steps = np.abs(np.roll(frames, -1, axis=0) - frames).max(axis=(1, 2, 3))
    assert (steps > 10).all()


@pytest.mark.parametrize(
    ("kind", "leg"), [("girl", "leg"), ("girl", "shin"), ("puppy", "fore"), ("puppy", "hind"), ("cat", "fore"), ("cat", "hind")]
)
def test_walking_legs_take_turns(kind: str, leg: str) -> None:
    """The far leg does what the near one did half a cycle ago, and legs swing both ways."""
    book = json.loads(Path(puppets.__file__).with_name("puppets.json").read_text(encoding="utf-8"))
    joints = book["puppets"][kind]["poses"]["walks"]
    near = [puppets.wave(joints[leg]["turn"], g / 12) for g in range(12)]
    far = [puppets.wave(joints["far_" + leg]["turn"], g / 12 + 0.5) for g in range(12)]
    np.testing.assert_allclose(near, far, atol=1e-9)
    assert max(near) - min(near) > 35


def test_a_wave_worked_by_hand() -> None:
    assert puppets.wave([7], 0.3) == 7
    assert puppets.wave([10, 20, 0.25], 0.0) == pytest.approx(30)
    assert puppets.wave([10, 20, 0, 2], 0.125) == pytest.approx(30)


@pytest.mark.parametrize(("kind", "pose", "size"), [(*posed, 32) for posed in POSED] + [("girl", "walks", 160)])
def test_flip_mirrors_exactly(kind: str, pose: str, size: int) -> None:
    gait = np.arange(4) / 4
    right = film(kind, pose, size, gait, at=(0.43, 0.51))
    left = film(kind, pose, size, gait, at=(0.57, 0.51), flip=True)
    np.testing.assert_allclose(right[:, :, ::-1], left, atol=0.02)


@pytest.mark.parametrize("kind", PUPPETS)
@pytest.mark.parametrize("at", [(0.0, 0.5), (1.0, 1.0), (0.5, -0.1), (-2.0, 0.5), (0.5, 3.0)])
def test_frame_edges_cut_the_sprite_off(kind: str, at: tuple[float, float]) -> None:
    gait = np.arange(3) / 3
    whole = film(kind, "walks", 96, gait, at=((at[0] + 1) / 3, (at[1] + 1) / 3), radius=0.4 / 3)[:, 32:64, 32:64]
    np.testing.assert_allclose(film(kind, "walks", 32, gait, at=at), whole, atol=0.02)


@pytest.mark.parametrize(("kind", "pose"), POSED)
def test_resolution_only_sharpens(kind: str, pose: str) -> None:
    gait = np.arange(2) / 4
    for size in (32, 64):
        fine = film(kind, pose, size * 2, gait, radius=0.3).reshape(2, size, 2, size, 2, 3).mean(axis=(2, 4))
        apart = np.abs(fine - film(kind, pose, size, gait, radius=0.3))
        assert apart.mean() < 1.5
        assert np.percentile(apart, 99) < 30


def test_subpixel_motion_is_smooth() -> None:
    """The centre of mass follows the position to a tenth of a pixel."""
    x = 16 + np.linspace(0, 2, 21)
    canvas = np.zeros((21, 32, 32, 3), np.float32)
    paint_puppet(canvas, "puppy", "sits", np.zeros(21), (255, 255, 255), x, np.full(21, 16.0), np.full(21, 8.0))
    mass = canvas.sum(axis=(1, 3))
    centre = (mass * (np.arange(32) + 0.5)).sum(axis=1) / mass.sum(axis=1)
    np.testing.assert_allclose(centre - centre[0], x - x[0], atol=0.1)


def test_colour_is_exact_inside() -> None:
    inside = film("puppy", "walks", 128, np.zeros(1), color=(139, 84, 42))[0, 64, 50]
    np.testing.assert_allclose(inside, (139, 84, 42), atol=0.6)


def test_growing_sprites_change_tables_without_a_jump() -> None:
    canvas = np.zeros((41, 96, 96, 3), np.float32)
    radius = np.linspace(8, 40, 41)
    paint_puppet(canvas, "tower", "grows", np.full(41, 0.3), (255, 255, 255), np.full(41, 48.0), np.full(41, 48.0), radius)
    side = np.sqrt(canvas.sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(side / radius, (side / radius).mean(), rtol=0.03)


def test_an_action_without_a_pose_is_done_standing_and_nonsense_is_refused() -> None:
    assert pose_of("tower", "grows") == "stands"
    with pytest.raises(ValueError, match="no puppet 'horse'; choose one of: girl"):
        pose_of("horse", "walks")
    with pytest.raises(ValueError, match="no pose 'flies'"):
        film("cat", "flies", 32, np.zeros(1))
    assert all(pose_of("cat", action) in POSES["cat"] for action in ACTIONS)
