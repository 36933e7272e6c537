"""Two processes over gloo train as one process with the doubled batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

from t2v_edu.training.loop import read_scalars

STEPS = 8
SETTINGS = {"steps": STEPS, "critic_start": 1, "adversary": 5.0, "evaluate_every": 100, "save_every": 100}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def curves(out):
    found: dict[str, list[float]] = {}
    for name, _, value in read_scalars(out):
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one_with_the_doubled_batch(tmp_path):
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2",
        "--master_addr", "127.0.0.1", "--master_port", str(free_port()),
        str(Path(tiny.__file__)), str(tmp_path / "two"), json.dumps(SETTINGS | {"batch": 4}),
    ]  # fmt: skip
    two = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tiny.train(tmp_path / "one", **SETTINGS, batch=8)
    said = two.communicate(timeout=300)[0].decode()
    assert two.returncode == 0, said
    one, other = curves(tmp_path / "one"), curves(tmp_path / "two")
    assert one.keys() == other.keys() >= {"L_D", "L_G", "MSE", "KL", "D(wrong)"}
    for name in one:
        assert len(one[name]) == len(other[name]) >= STEPS - 1
        assert other[name] == pytest.approx(one[name], rel=1e-4, abs=1e-4), name
    assert len(set(one["L_D"])) > 3  # a curve, not a constant
    a, b = tiny.weights(tmp_path / "one", STEPS), tiny.weights(tmp_path / "two", STEPS)
    changed = {name: float((a[name] - b[name]).abs().max()) for name in a if name.startswith("discriminator.")}
    assert max(changed.values()) < 1e-3
