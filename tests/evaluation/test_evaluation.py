"""The evaluation measures what it says: a perfect model scores 1, a deaf one chance, and the controls fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from t2v_edu.evaluation import Report, Score, evaluate, wilson
from t2v_edu.evaluation.attributes import ks_distance, ks_limit
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render
from t2v_edu.world.scene import sample_scene


def perfect(captions: Sequence[str], seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return np.stack([render(parse(caption), rng=rng) for caption in captions])


def deaf(captions: Sequence[str], seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return np.stack([render(sample_scene("shapes", rng), rng=rng) for _ in captions])


def stiff(captions: Sequence[str], seed: int) -> NDArray[np.uint8]:
    return np.stack([render(parse(caption)) for caption in captions])


@pytest.fixture(scope="module")
def best() -> Report:
    return evaluate(perfect, "shapes", clips=120, seed=1)


def test_the_renderer_is_perfect(best: Report) -> None:
    assert list(best.splits) == ["seen", "unseen_wording", "held_out"]
    assert all(score == Score(120, 120) for row in best.splits.values() for score in row.values())
    assert best.gap == 0.0
    assert best.physics["error"] == pytest.approx(best.physics["floor"], abs=0.01)
    assert best.diversity["distance"] < best.diversity["limit"]


def test_controls_fail(best: Report) -> None:
    captions, frames = best.controls["shuffled captions"], best.controls["shuffled frames"]
    for name in ("kind", "color", "action", "direction", "size"):
        low, high = captions[name].interval
        assert low - 0.05 < best.chance[name] < high + 0.05
    assert captions["all"].share < 0.05
    assert frames["action"].share < 0.5 and frames["all"].share < 0.3
    assert frames["color"].share == 1.0


def test_a_deaf_model_scores_chance() -> None:
    report = evaluate(deaf, "shapes", clips=300, splits=("seen",), seed=2)
    for name, score in report.splits["seen"].items():
        low, high = wilson(score.right, score.total, z=4.0)
        assert low <= report.chance[name] + 0.03 and high >= report.chance[name] - 0.03, name
    assert report.gap is None


def test_a_model_without_diversity_is_found_out() -> None:
    report = evaluate(stiff, "shapes", clips=4, splits=("seen",), seed=3)
    assert report.splits["seen"]["all"].share == 1.0
    assert report.diversity["distance"] > 2 * report.diversity["limit"] - 0.1


def test_an_action_that_a_model_cannot_do_is_named(best: Report) -> None:
    assert {a.share for a in best.actions.values()} == {1.0} and sum(a.total for a in best.actions.values()) == 120

    def dizzy(captions: Sequence[str], seed: int) -> NDArray[np.uint8]:
        films = perfect(captions, seed)
        films[[parse(c).actors[0].action == "spins" for c in captions]] = 0
        return films

    report = evaluate(dizzy, "shapes", clips=60, splits=("seen", "held_out"), seed=2, langs=("en",))
    assert report.actions.pop("spins").share == 0.0
    assert {a.share for a in report.actions.values()} == {1.0}
    assert sum(a.total for a in report.actions.values()) < 60
    assert "spins 0" in evaluate(dizzy, "shapes", clips=20, splits=("seen",), seed=2, langs=("en",)).text()


@pytest.mark.parametrize("world", ["digits", "story"])
def test_other_worlds(world: str) -> None:
    report = evaluate(perfect, world, clips=12, seed=4, langs=("en",))
    assert ("sync_draw" in report.splits) == (world == "digits")
    assert all(row["all"].share == 1.0 for row in report.splits.values())


def test_what_is_saved_is_loaded(best: Report, tmp_path: Path) -> None:
    best.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == best
    with pytest.raises(ValueError, match="not a report"):
        Report.from_dict({"splits": {}})


def test_text_and_picture(best: Report, tmp_path: Path) -> None:
    text = best.text()
    assert all(word in text for word in ("held_out", "100.0", "chance", "shuffled frames", "compositional gap", "velocity error"))
    for suffix in (".png", ".svg"):
        best.picture(tmp_path / f"table{suffix}")
        assert (tmp_path / f"table{suffix}").stat().st_size > 5000
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        best.picture(tmp_path / "table.bmp")


def test_same_seed_same_report() -> None:
    once, again = (evaluate(perfect, "shapes", clips=6, splits=("held_out",), seed=5) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(("arguments", "words"), [
    ({"world": "shape"}, "shapes, digits"), ({"clips": 0}, "1 or more"), ({"splits": ("test",)}, "held_out"),
    ({"splits": ("sync_draw",)}, "digits only"), ({"langs": ()}, "'zh'"), ({"splits": ()}, "no splits"),
])
def test_bad_input(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        evaluate(perfect, **({"world": "shapes"} | arguments))  # type: ignore[arg-type]


def test_films_of_another_form() -> None:
    with pytest.raises(ValueError, match=r"\(3, 16, 32, 32, 3\)"):
        evaluate(lambda captions, seed: np.zeros((3, 16, 32, 32, 3), np.uint8), "shapes", clips=2)


def test_wilson_by_hand() -> None:
    # 8 of 10 at z = 2: centre (0.8 + 0.2) / 1.4, half width 2·sqrt(0.016 + 0.01) / 1.4
    low, high = wilson(8, 10, z=2.0)
    assert (low + high) / 2 == pytest.approx(1.0 / 1.4)
    assert high - low == pytest.approx(2 * 2 * 0.026**0.5 / 1.4)
    assert wilson(0, 10)[0] == 0.0 and wilson(10, 10)[1] == 1.0 and wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="11 right of 10"):
        wilson(11, 10)


def test_ks_by_hand() -> None:
    a, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0])
    assert ks_distance(a, b) == 0.5
    assert ks_distance(a, a) == 0.0 and ks_distance(a, a + 10) == 1.0 and ks_distance(a, a[:0]) == 1.0
    assert ks_limit(50, 50) == pytest.approx(0.2716)
