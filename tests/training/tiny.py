"""Runs small enough for a test: a video GAN of 4×16×16, a dozen steps, in this process or in one that gets killed."""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path
from unittest import mock

import torch

from t2v_edu.models import video_critics
from t2v_edu.models.video_critics import VideoGANConfig
from t2v_edu.training import checkpoint, loop, recipes, sources
from t2v_edu.training.config import TrainConfig
from t2v_edu.weights import read_tensors

SIZE = VideoGANConfig(frames=4, size=16, text=16, noise=6, code=16, motion=16, width=4, critic=4)


def config(**changes) -> TrainConfig:
    """Twelve steps that pass through every part of the recipe: both updates, the penalty, samples, checkpoints."""
    usual = {"size": "toy", "steps": 12, "batch": 4, "critic_start": 2, "turn_start": 4, "warm_up": 2, "r1_every": 2, "r1": 1.0,
             "evaluate_every": 6, "save_every": 3}  # fmt: skip
    return TrainConfig(**(usual | changes))


@contextlib.contextmanager
def small():
    """The size toy is `SIZE`, and a world's vocabulary is taken from few captions."""
    with mock.patch.dict(video_critics.SIZES, toy=SIZE), mock.patch.object(sources, "CAPTIONS", 2000):
        yield


def train(out, *, resume=False, init=None, **changes):
    with small():
        return recipes.train(config(**changes), out, resume=resume, device="cpu", init=init)


# --- In a process of its own ------------------------------------------------------------------------------------------


def process(*args, **kwargs) -> int:
    """`train_and(*args, **kwargs)` in a new process; its exit code, −9 if it was killed."""
    child = started(*args, **kwargs)
    child.join()
    return child.exitcode


def processes(count, out, **changes) -> list[int]:
    """One run in several processes over gloo, told of each other as torchrun and `accelerate launch` do; their exit codes."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    world = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    children = [started(out, env=world | {"RANK": str(k), "LOCAL_RANK": str(k)}, **changes) for k in range(count)]
    for child in children:
        child.join()
    return [child.exitcode for child in children]


def started(*args, **kwargs):
    """A new process at work on `train_and(*args, **kwargs)`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["t2v_edu.training.recipes", "torch.utils.tensorboard"])  # torch is loaded once
    child = context.Process(target=train_and, args=args, kwargs=kwargs)
    child.start()
    return child


def train_and(out, signal_=None, at=None, log=None, env=None, **changes):
    """Train, and let `signal_` strike this process at a chosen point.

    Args:
        at: ("start", k): when step k begins; ("middle", k): between its two updates; ("file", n): before the n-th file of
            checkpoints is written; ("rename", n): before the n-th checkpoint gets its name; ("model", n): after the n-th
            model was saved and before its checkpoint is begun.
    """
    torch.set_num_threads(1)
    os.environ.update(env or {})
    places = {
        "start": (recipes.VideoGANTrainee, "step"),
        "middle": (recipes.VideoGANTrainee, "update_generator"),
        "file": (checkpoint, "write_tensors"),
        "rename": (checkpoint.os, "replace"),
        "model": (loop, "save_checkpoint"),
    }
    with contextlib.ExitStack() as stack:
        if log:
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(Path(log).open("w", encoding="utf-8"))))
        if at:
            stack.enter_context(struck(*places[at[0]], at[1], signal_))
        try:
            train(out, **changes)
        except KeyboardInterrupt:
            sys.exit(130)


@contextlib.contextmanager
def struck(owner, name, count, signal_):
    """Call number `count` (from 0) of a function finds this process hit by a signal."""
    real, calls = getattr(owner, name), []

    def hit(*args, **kwargs):
        calls.append(1)
        if len(calls) == count + 1:
            os.kill(os.getpid(), signal_)
        return real(*args, **kwargs)

    with mock.patch.object(owner, name, hit):
        yield


def weights(out, step=12) -> dict[str, torch.Tensor]:
    """Every tensor of a run's checkpoint: networks, average, both optimisers."""
    files = sorted((Path(out) / f"step-{step:08d}").glob("*.safetensors"))
    assert len(files) == 6
    return {f"{file.stem}.{name}": t for file in files for name, t in read_tensors(file).items()}


def assert_same(out, other):
    """Two runs ended in the same bits."""
    one, two = weights(out), weights(other)
    assert one.keys() == two.keys()
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
    for name in ("model.safetensors", "config.json"):
        assert (Path(out) / "model" / name).read_bytes() == (Path(other) / "model" / name).read_bytes()


KILL, INTERRUPT = signal.SIGKILL, signal.SIGINT
