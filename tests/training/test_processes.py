"""Two processes over gloo train as one process with the doubled batch."""

import pytest
import tiny

from t2v_edu.training.loop import read_scalars

STEPS = 8
SETTINGS = {"steps": STEPS, "critic_start": 1, "adversary": 5.0, "evaluate_every": 100, "save_every": 100}


def curves(out):
    found: dict[str, list[float]] = {}
    for name, _, value in read_scalars(out):
        found.setdefault(name, []).append(value)
    return found


def test_two_processes_have_the_loss_curve_of_one_with_the_doubled_batch(tmp_path):
    assert tiny.process(tmp_path / "one", **SETTINGS, batch=8) == 0
    assert tiny.processes(2, tmp_path / "two", **SETTINGS, batch=4) == [0, 0]
    one, other = curves(tmp_path / "one"), curves(tmp_path / "two")
    assert one.keys() == other.keys() >= {"L_D", "L_G", "MSE", "KL", "D(wrong)"}
    for name in one:
        assert len(one[name]) == len(other[name]) >= STEPS - 1
        assert other[name] == pytest.approx(one[name], rel=1e-4, abs=1e-4), name
    assert len(set(one["L_D"])) > 3  # a curve, not a constant
    a, b = tiny.weights(tmp_path / "one", STEPS), tiny.weights(tmp_path / "two", STEPS)
    changed = {name: float((a[name] - b[name]).abs().max()) for name in a if name.startswith("discriminator.")}
    assert max(changed.values()) < 1e-3
