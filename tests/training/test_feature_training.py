"""Training a feature net: its targets, its loss, its counts, worlds in turn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from t2v_edu.datasets import Batch, WorldStream
from t2v_edu.training.features import ASIDE, Worlds, accuracy, confusion, fit, named_right, targets
from t2v_edu.vision.features import FeatureConfig, FeatureNet, doing, doings
from t2v_edu.world.captions import parse

SHAPES = doings(("moves", "bounces", "zigzags", "circles", "spins", "grows", "shrinks"))


def net(kind: str = "frames") -> FeatureNet:
    torch.manual_seed(0)
    return FeatureNet(FeatureConfig(kind, 4, SHAPES))


def world(split: str = "seen") -> WorldStream:
    return WorldStream("shapes", frames=4, size=16, split=split)


class Oracle(FeatureNet):
    """Says of every film what a list holds."""

    def __init__(self, answers: list[int]) -> None:
        super().__init__(FeatureConfig("frames", 1, SHAPES))
        self.answers, self.at = answers, 0

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        now = self.answers[self.at : self.at + len(video)]
        self.at += len(video)
        return torch.eye(len(SHAPES))[now]


def test_targets_are_the_numbers_of_the_labels() -> None:
    scenes = [parse("a red circle moves left"), parse("a green star shrinks")]
    batch = Batch(np.zeros((2, 1, 8, 8, 3), np.uint8), ["", ""], scenes)
    assert targets(batch, ("shrinks", "moves left")).tolist() == [1, 0]
    with pytest.raises(ValueError, match="shrinks, which is none of the labels: moves left"):
        targets(batch, ("moves left",))
    with pytest.raises(ValueError, match="without scenes"):
        targets(Batch(batch.frames, ["", ""], None), ("moves left",))


def test_a_net_learns_and_the_same_seed_learns_the_same() -> None:
    histories = [fit(net("3d"), world().batches(8, seed=0), steps=30, lr=3e-3) for _ in range(2)]
    assert histories[0] == histories[1]
    assert len(histories[0]) == 30
    few = [world().batch(8, seed=0, step=0)] * 60  # eight clips over and over are learned by heart
    history = fit(net("3d"), few, steps=60, lr=1e-2)
    assert history[-1] < 0.2 < history[0]


def test_layers_aside_learn_too_and_shape_the_features() -> None:
    torch.manual_seed(0)
    aside = nn.ModuleDict({"color": nn.Linear(16, len(ASIDE["color"]))})
    before = aside["color"].weight.detach().clone()
    alone, together = net(), net()
    fit(alone, world().batches(4, seed=0), steps=3)
    fit(together, world().batches(4, seed=0), steps=3, aside=aside)
    assert (aside["color"].weight != before).any()
    assert (alone.stem.weight != together.stem.weight).any()
    shares = named_right(together, aside, world("held_out"), 50)
    assert set(shares) == {"color"} and 0 <= shares["color"] <= 1


def test_the_confusion_counts_what_was_said() -> None:
    stream = world("held_out")
    scenes = [s for step in range(2) for s in stream.batch(50, seed=1, step=step).scenes or []]
    truth = [SHAPES.index(doing(scene)) for scene in scenes]
    right = confusion(Oracle(truth), stream, 100)
    assert np.array_equal(right, np.diag(np.bincount(truth, minlength=len(SHAPES))))
    assert accuracy(right) == 1
    constant = confusion(Oracle([3] * 100), stream, 100)
    assert np.array_equal(constant[:, 3], np.bincount(truth, minlength=len(SHAPES)))
    assert constant.sum() == 100
    assert accuracy(constant) == truth.count(3) / 100


def test_worlds_take_turns() -> None:
    mixed = Worlds(("shapes", "digits"), frames=4, size=16)
    batch = mixed.batch(6, seed=2, step=0)
    assert batch.scenes is not None
    assert [s.actors[0].kind.isdigit() for s in batch.scenes] == [False, True] * 3
    assert np.array_equal(batch.frames[1], WorldStream("digits", frames=4, size=16).clip(2, 1).frames)


def test_a_number_of_clips_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="70 clips"):
        confusion(net(), world(), 70)
