"""A run's settings: refused before the first step, and the same after a trip through JSON."""

import json
from dataclasses import fields

import pytest

from t2v_edu.training.config import TrainConfig


def test_what_is_written_is_read(tmp_path):
    config = TrainConfig(world=None, data="clips", size="toy", steps=7, batch=8, lr=0.1 + 0.2, seed=5)
    config.save(tmp_path / "run.json")
    assert TrainConfig.load(tmp_path / "run.json") == config


def test_settings_of_an_older_or_newer_version_are_read_too(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"world": "digits", "batch": 8, "a setting of tomorrow": 1}))
    assert TrainConfig.load(tmp_path / "run.json") == TrainConfig(world="digits", batch=8)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"world": None}, "world or on a data folder"),
        ({"data": "clips"}, "world or on a data folder"),
        ({"size": "huge"}, "size 'huge': choose toy, small or base"),
        ({"game": "wasserstein"}, "game 'wasserstein': choose hinge or non_saturating"),
        ({"batch": 0}, "batch 0: use a multiple of 4"),
        ({"batch": 6}, "batch 6: use a multiple of 4"),
        ({"steps": 0}, "steps 0: use 1 or more"),
        ({"keep": 0}, "keep 0: use 1 or more"),
        ({"save_every": -1}, "save_every -1: use 1 or more"),
        ({"r1_every": 0}, "r1_every 0: use 1 or more"),
        ({"lr": -1e-3}, "lr -0.001 is negative"),
        ({"lr": float("nan")}, "lr nan"),
        ({"r1": float("inf")}, "r1 inf"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"ema": 1.0}, "ema 1.0: use 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        TrainConfig(**wrong)


def test_every_setting_is_described():
    missing = [f.name for f in fields(TrainConfig) if f.name not in TrainConfig.__doc__.split("Args:")[1]]
    assert missing == []
