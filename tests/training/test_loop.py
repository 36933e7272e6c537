"""The loop by itself, around a trainee of one weight."""

import math
import os
import signal
import threading
import time

import av
import numpy as np
import pytest
import torch
from torch import nn

from t2v_edu.datasets import Clip, Source
from t2v_edu.training.checkpoint import checkpoints
from t2v_edu.training.config import TrainConfig
from t2v_edu.training.loop import Workers, read_scalars, run


class Numbers(Source):
    """Clip number i is grey of level i."""

    def clip(self, seed, index):
        return Clip(np.full((self.frames, self.size, self.size, 3), index % 256, np.uint8), f"number {index}")


class Counter:
    """Adds up the mean levels of the batches that it is given; step `bad` reports `value`."""

    def __init__(self, bad=None, value=math.nan):
        self.net = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.net.weight)
        self.modules, self.optimizers = {"net": self.net}, {"sgd": torch.optim.SGD(self.net.parameters(), 1.0)}
        self.bad, self.value, self.warmed, self.seen, self.at = bad, value, 0, [], {}

    def warm_up(self, source):
        self.warmed += 1

    def step(self, batch, step):
        self.at.get(step, lambda: None)()
        self.seen.append((step, batch.captions))
        self.net.weight.data += float(batch.frames.mean())
        return {"level": self.value if step == self.bad else float(batch.frames.mean())}

    def sample(self):
        return np.full((4, 32, 32, 3), 128, np.uint8)

    def save(self, path):
        path.mkdir(exist_ok=True)
        (path / "weight.txt").write_text(str(self.net.weight.item()))


SOURCE = Numbers(4, 2)


def go(trainee, out, *, resume=False, **changes):
    settings = {"steps": 6, "batch": 4, "save_every": 2, "evaluate_every": 3} | changes
    return run(trainee, SOURCE, TrainConfig(**settings), out, Workers("cpu"), resume=resume)


def test_every_step_gets_its_batch_and_is_logged(tmp_path):
    trainee = Counter()
    history = go(trainee, tmp_path)
    assert [step for step, _ in trainee.seen] == list(range(6)) and trainee.warmed == 1
    assert trainee.seen[2][1] == [f"number {i}" for i in (8, 9, 10, 11)]
    assert history == {"level": [1.5, 5.5, 9.5, 13.5, 17.5, 21.5]}
    assert list(read_scalars(tmp_path)) == [("level", k, 1.5 + 4 * k) for k in range(6)]


def test_samples_checkpoints_and_the_model_are_there(tmp_path):
    trainee = Counter()
    go(trainee, tmp_path, steps=7)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000006", "step-00000007"]
    assert (tmp_path / "model" / "weight.txt").read_text() == str(trainee.net.weight.item())
    films = sorted((tmp_path / "samples").iterdir())
    assert [p.name for p in films] == [f"step-{k:08d}.mp4" for k in (3, 6, 7)]
    with av.open(str(films[0])) as film:
        frames = [f.to_ndarray(format="rgb24") for f in film.decode(video=0)]
    assert len(frames) == 4 and abs(float(np.mean(frames)) - 128) < 4


def test_resuming_goes_on_where_it_stopped(tmp_path):
    go(Counter(), tmp_path / "short", steps=4)
    time.sleep(1.1)  # TensorBoard reads a run's files by name: the second, then a count that sorts 10 before 9
    later, whole = Counter(), Counter()
    go(later, tmp_path / "short", resume=True)
    go(whole, tmp_path / "whole")
    assert [step for step, _ in later.seen] == [4, 5] and later.warmed == 0
    assert torch.equal(later.net.weight, whole.net.weight) and later.seen == whole.seen[4:]
    assert [step for _, step, _ in read_scalars(tmp_path / "short")] == list(range(6))


def test_resuming_a_finished_run_does_nothing(tmp_path):
    go(Counter(), tmp_path)
    assert go(Counter(), tmp_path, resume=True) == {}


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    go(Counter(), tmp_path)
    trainee = Counter()
    with pytest.raises(ValueError, match="already holds a run; add --resume"):
        go(trainee, tmp_path)
    assert trainee.seen == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path, value):
    with pytest.raises(ValueError, match=r"step 5: level is not a finite number.*step-00000004; try a smaller --lr"):
        go(Counter(bad=5, value=value), tmp_path, steps=9)
    again = Counter()
    go(again, tmp_path, resume=True, steps=9)
    assert [step for step, _ in again.seen] == [4, 5, 6, 7, 8]


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    trainee = Counter()
    trainee.at[4] = lambda: trainee.net.weight.data.fill_(math.nan)  # while the loss still looks well
    with pytest.raises(ValueError, match=r"after step 6: weights of net are not finite.*last good checkpoint.*step-00000004"):
        go(trainee, tmp_path, steps=9)
    assert float((tmp_path / "model" / "weight.txt").read_text()) == 1.5 + 5.5 + 9.5 + 13.5


def test_ctrl_c_ends_after_the_whole_step(tmp_path, capsys):
    trainee = Counter()
    trainee.at[3] = lambda: os.kill(os.getpid(), signal.SIGINT)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        go(trainee, tmp_path, save_every=100)
    assert [step for step, _ in trainee.seen] == [0, 1, 2, 3]
    assert checkpoints(tmp_path)[-1].name == "step-00000004" and (tmp_path / "model").is_dir()
    assert f"everything is saved in {tmp_path}. Go on with the same command and --resume" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    trainee = Counter()
    trainee.at[3] = lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        go(trainee, tmp_path, save_every=2)
    assert [step for step, _ in trainee.seen] == [0, 1, 2] and checkpoints(tmp_path)[-1].name == "step-00000002"


def test_a_thread_may_train(tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(go(Counter(), tmp_path)))
    thread.start()
    thread.join()
    assert len(found[0]["level"]) == 6


def test_noise_is_one_draw_for_all_processes():
    workers = [Workers("cpu") for _ in range(3)]
    for rank, w in enumerate(workers):
        w.rank, w.count = rank, 3
    parts = [w.noise((2, 5), w.generator(7, 11)) for w in workers]
    one = Workers("cpu")
    assert torch.equal(torch.cat(parts), one.noise((6, 5), one.generator(7, 11)))
    assert not torch.equal(parts[0], workers[0].noise((2, 5), workers[0].generator(7, 12)))


def test_bfloat16_is_for_processors_that_have_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    with pytest.raises(ValueError, match="no instructions for bfloat16"):
        Workers("cpu", bf16=True)
    assert not Workers("cpu").bf16
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert Workers("cpu", bf16=True).bf16 and not Workers("cpu").bf16
