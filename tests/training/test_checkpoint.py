"""Checkpoints: what comes back, what stays, and what a write that breaks off leaves behind."""

import json

import pytest
import torch
from torch import nn

from t2v_edu.training import checkpoint
from t2v_edu.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint


class Both:
    """A network and its optimiser, a few steps old."""

    def __init__(self, seed=0, width=3):
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))
        self.adam = torch.optim.Adam(self.net.parameters(), 0.01, betas=(0.5, 0.99))
        self.modules, self.optimizers = {"net": self.net}, {"adam": self.adam}

    def step(self, number):
        x = torch.randn(8, 2, generator=torch.Generator().manual_seed(number))
        self.adam.zero_grad()
        (self.net(x)[:, 0] - x[:, 0]).square().mean().backward()
        self.adam.step()

    def save(self, folder, step, keep=2):
        return save_checkpoint(folder, step, self.modules, self.optimizers, keep)

    def load(self, path):
        return load_checkpoint(path, self.modules, self.optimizers)


def test_network_optimiser_and_step_come_back(tmp_path):
    one, two = Both(), Both(seed=1)
    for k in range(3):
        one.step(k)
    one.adam.param_groups[0]["lr"] = 0.1 + 0.2
    path = one.save(tmp_path, 3)
    assert two.load(path) == 3 and two.adam.param_groups[0]["lr"] == 0.1 + 0.2
    for k in range(3, 6):
        one.step(k)
        two.step(k)
    assert all(torch.equal(a, b) for a, b in zip(one.net.parameters(), two.net.parameters(), strict=True))
    assert all(torch.equal(one.adam.state[a][f], two.adam.state[b][f]) for f in ("exp_avg", "exp_avg_sq", "step")
               for a, b in zip(one.net.parameters(), two.net.parameters(), strict=True))  # fmt: skip


def test_an_optimiser_that_has_not_stepped_comes_back(tmp_path):
    fresh = Both()
    assert Both(seed=1).load(fresh.save(tmp_path, 0)) == 0


def test_no_pickle_in_it(tmp_path):
    path = Both().save(tmp_path, 1)
    assert sorted(p.name for p in path.iterdir()) == ["net.safetensors", "optimizer_adam.safetensors", "state.json"]
    assert json.loads((path / "state.json").read_text())["step"] == 1


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_stay(tmp_path, keep):
    both = Both()
    for step in (9, 10, 99, 100, 1000):
        both.save(tmp_path, step, keep)
    assert [int(p.name[5:]) for p in checkpoints(tmp_path)] == [9, 10, 99, 100, 1000][-keep:]


@pytest.mark.parametrize("call", [0, 1])
def test_a_write_that_breaks_off_leaves_the_older_ones(tmp_path, monkeypatch, call):
    both, real, calls = Both(), checkpoint.write_tensors, []
    both.save(tmp_path, 1)
    before = both.net[0].weight.clone()
    both.step(0)

    def full_disk(tensors, path):
        calls.append(path)
        if len(calls) == call + 1:
            path.write_bytes(b"half a fi")
            raise OSError(28, "No space left on device")
        real(tensors, path)

    monkeypatch.setattr(checkpoint, "write_tensors", full_disk)
    with pytest.raises(OSError, match="No space"):
        both.save(tmp_path, 2, keep=1)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000001"]
    again = Both(seed=1)
    assert again.load(checkpoints(tmp_path)[-1]) == 1 and torch.equal(again.net[0].weight, before)
    monkeypatch.setattr(checkpoint, "write_tensors", real)
    both.save(tmp_path, 2, keep=1)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000002"]


def test_saving_a_step_twice_replaces_it(tmp_path):
    both = Both()
    both.save(tmp_path, 5)
    both.step(0)
    both.save(tmp_path, 5)
    again = Both(seed=1)
    again.load(tmp_path / "step-00000005")
    assert torch.equal(again.net[0].weight, both.net[0].weight) and [p.name for p in tmp_path.iterdir()] == ["step-00000005"]


def test_what_is_no_complete_checkpoint_does_not_count(tmp_path):
    assert checkpoints(tmp_path / "nowhere") == []
    (tmp_path / "step-00000003").mkdir()
    (tmp_path / "step-00000004.bak").mkdir()
    Both().save(tmp_path, 2)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000002"]


@pytest.mark.parametrize("file", ["net.safetensors", "optimizer_adam.safetensors", "state.json"])
def test_a_damaged_file_is_named(tmp_path, file):
    both = Both()
    both.step(0)
    path = both.save(tmp_path, 1)
    (path / file).write_bytes((path / file).read_bytes()[:-20])
    with pytest.raises(ValueError, match=file):
        both.load(path)


def test_another_models_checkpoint_is_refused(tmp_path):
    path = Both(width=4).save(tmp_path, 1)
    with pytest.raises(ValueError, match=r"net.safetensors holds another model"):
        Both(width=3).load(path)
