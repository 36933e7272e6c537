"""A run that was killed at any point, or stopped by Ctrl-C, goes on to the very weights of one that was not."""

import pytest
import tiny
import torch

from t2v_edu.training.checkpoint import checkpoints
from t2v_edu.training.loop import read_scalars

pytestmark = pytest.mark.xdist_group("resume")  # the uninterrupted run is made once


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert tiny.process(out) == 0
    return out


def test_a_run_repeated_is_the_same_and_another_seed_is_not(whole, tmp_path):
    assert tiny.process(tmp_path / "again") == 0
    tiny.assert_same(whole, tmp_path / "again")
    assert tiny.process(tmp_path / "other", seed=1) == 0
    one, other = tiny.weights(whole), tiny.weights(tmp_path / "other")
    assert one.keys() == other.keys() or one["model.text.embed.weight"].shape != other["model.text.embed.weight"].shape
    assert not torch.equal(one["model.generator.seed.weight"], other["model.generator.seed.weight"])


# A checkpoint is 6 files and a rename; one is written after steps 0, 3, 6, 9 and 12.
POINTS = [
    ("start", 0), ("start", 5), ("start", 11), ("middle", 7), ("file", 2), ("file", 15), ("file", 28), ("rename", 9),
    ("model", 4),
]  # fmt: skip


@pytest.mark.parametrize("at", POINTS, ids=lambda p: f"{p[0]}-{p[1]}")
def test_killed_and_resumed(whole, tmp_path, at):
    out = tmp_path / "run"
    assert tiny.process(out, tiny.KILL, at) == -9
    assert checkpoints(out)[-1:] != [out / "step-00000012"]
    assert tiny.process(out, resume=True) == 0
    tiny.assert_same(whole, out)
    assert not [p.name for p in out.rglob(".*")]  # nothing half-written is left


def test_killed_again_and_again(whole, tmp_path):
    out = tmp_path / "run"
    for at in [("middle", 4), ("start", 3), ("file", 8)]:
        assert tiny.process(out, tiny.KILL, at, resume=True) == -9
    assert tiny.process(out, resume=True) == 0
    tiny.assert_same(whole, out)
    logged = [(name, step) for name, step, _ in read_scalars(out)]
    assert len(logged) == len(set(logged)) and {step for name, step in logged if name == "MSE"} == set(range(12))


def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(whole, tmp_path):
    out = tmp_path / "run"
    assert tiny.process(out, tiny.INTERRUPT, ("middle", 7), log=tmp_path / "said") == 130
    assert checkpoints(out)[-1].name == "step-00000008"
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert f"stopped after step 8; everything is saved in {out}. Go on with the same command and --resume" in said
    assert tiny.process(out, resume=True) == 0
    tiny.assert_same(whole, out)
