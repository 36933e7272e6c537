"""Training a stabiliser: what it learns from, what a step changes, what a run leaves behind, what stops it."""

import copy
import functools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from t2v_edu.models.flow_transformer import FlowConfig
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.stabiliser import Stabiliser, StabiliserConfig, centroid, stands_out
from t2v_edu.models.video_autoencoder import VideoAutoencoder, VideoAutoencoderConfig
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.loop import Workers
from t2v_edu.training.sources import Worlds, captioned_scenes
from t2v_edu.training.stabiliser import (
    DRIFT,
    TREMBLE,
    StabiliserPlan,
    StabiliserTrainee,
    collect,
    places,
    shake,
    ship,
    train_stabiliser,
)
from t2v_edu.video import to_tensor
from t2v_edu.world.motion import sample_take, stage
from t2v_edu.world.places import place_picture

FLOW = FlowConfig(frames=8, size=16, latent=4, text=16, width=24, heads=2, depth=2, fine=12, ends=1)
CODER = VideoAutoencoderConfig(latent=4, fine_in=8, coarse=12, fine_out=8, blocks=(1, 1, 1, 1))
SOURCE = Worlds(("shapes",), frames=8, size=16)
PLAN = StabiliserPlan(worlds=("shapes",), steps=4, batch=2, clips=12, paths=6, shakes=2, evaluate_every=100, save_every=2)


@functools.cache
def words():
    return Tokenizer.fit(caption for (caption, _), _ in zip(captioned_scenes(SOURCE, 0), range(2000), strict=False))


def flow():
    torch.manual_seed(0)
    return FlowVideo(FLOW, words(), VideoAutoencoder(CODER), ("shapes",), steps=2)


def trainee(plan=PLAN):
    torch.manual_seed(1)
    model = Stabiliser(StabiliserConfig(frames=8, text=16, channels=12, width=24), ("shapes",))
    return StabiliserTrainee(model, flow(), SOURCE, plan, Workers("cpu"))


def test_a_place_is_what_a_film_shows_where_nobody_is():
    for world in ("shapes", "digits"):
        batch = Worlds((world,)).batch(6, seed=0, step=0)
        video, place = to_tensor(batch.frames), places(batch.scenes, 32)
        out = stands_out(video, place)
        assert 0.02 < (out > 0).float().mean() < 0.4
        torch.testing.assert_close(place[0, :, 0], torch.from_numpy(place_picture(batch.scenes[0].place, 32, 32)
                                   .astype(np.float32)).permute(2, 0, 1) / 127.5 - 1, atol=0.005, rtol=0)


def test_the_paths_to_learn_are_the_worlds_own():
    """Of shapes as symmetric as circles, whose centroid is their centre; takes are drawn as the stream draws them."""
    source = Worlds(("shapes:circle",))
    paths, scenes = collect(source, 5, seed=3)
    assert paths.shape == (5, 2, 16)
    span = []
    for path, scene in zip(paths, scenes, strict=True):
        where = [stage(scene, (sample_take(np.random.default_rng(i)),), 16)[0] for i in range(400)]
        about = [np.stack([p.x - p.x.mean(), p.y - p.y.mean()]) for p in where]  # a phase of each of them
        got = (path - path.mean(-1, keepdim=True)).numpy()
        span.append(min(np.abs(a - got).max() for a in about))
    assert max(span) < 0.01


def test_films_of_two_are_refused():
    with pytest.raises(ValueError, match="one actor, and this shows 2"):
        collect(Worlds(("pairs",)), 1, seed=0)


def test_a_shaken_path_drifts_and_trembles_as_much_as_said():
    off = shake(40_000, 16, torch.Generator().manual_seed(0))
    waves = sum(1 / k**2 for k in range(1, 16))  # variances of the waves, each of mean square 1
    size = math.exp(2 * 0.7**2)  # E[size²] of a log-normal
    wanted = math.sqrt(size * (DRIFT**2 * waves + TREMBLE**2))
    assert off.square().mean().sqrt() == pytest.approx(wanted, rel=0.05)
    steps = math.sqrt(off.diff(dim=-1).square().mean())
    assert TREMBLE * math.sqrt(2 * size) < steps < wanted


def test_a_step_moves_both_nets_and_neither_flow_nor_words():
    t = trainee()
    before, flow_before = copy.deepcopy(t.model.state_dict()), copy.deepcopy(t.flow.state_dict())
    numbers = [t.step(batch, step) for step, batch in zip(range(2), SOURCE.batches(2, seed=0), strict=False)]
    assert set(numbers[0]) == {"marks", "centroid", "path"}
    assert all(not torch.equal(v, before[k]) for k, v in t.model.state_dict().items())
    assert all(torch.equal(v, flow_before[k]) for k, v in t.flow.state_dict().items())


def test_a_step_is_the_same_when_a_killed_run_repeats_it():
    runs = [trainee() for _ in range(2)]
    batch = SOURCE.batch(2, seed=0, step=0)
    assert runs[0].step(batch, 3) == runs[1].step(batch, 3) != runs[1].step(batch, 4)


def test_it_learns_to_answer_a_shaken_path_with_the_path():
    t = trainee(replace(PLAN, steps=300, paths=32, lr=1e-2))
    t.marking = lambda *_: (torch.zeros(()), torch.zeros(()))  # paths alone
    missed = [t.step(None, step)["path"] for step in range(300)]
    assert np.mean(missed[-20:]) < 0.1 * np.mean(missed[:5])


def test_it_learns_to_mark_what_stands_out():
    t = trainee(replace(PLAN, steps=250, lr=2e-2))
    t.redraw = lambda video, *_: video
    t.missing = lambda *_: torch.zeros(())
    few = SOURCE.batch(4, seed=0, step=0)
    marks = [t.step(few, step)["marks"] for step in range(250)]
    assert np.mean(marks[-10:]) < 0.1 * np.mean(marks[:3])
    video, place = to_tensor(few.frames), places(few.scenes, 16)
    with torch.no_grad():
        off = centroid(t.model.figure(video)) - centroid(stands_out(video, place))
    assert off.abs().mean() < 0.05


def test_a_run_leaves_a_stabiliser_that_can_be_shipped(tmp_path, monkeypatch):
    train_stabiliser(PLAN, tmp_path / "run", flow(), device="cpu")
    model = Stabiliser.from_pretrained(tmp_path / "run" / "model")
    assert model.worlds == ("shapes",) and (model.config.frames, model.config.text) == (8, 16)
    flow().save_pretrained(tmp_path / "flow")
    monkeypatch.setattr("t2v_edu.training.stabiliser.SHIPPED", tmp_path / "shipped")
    ship(tmp_path / "run" / "model", [tmp_path / "flow"])
    assert json.loads((tmp_path / "shipped" / "plan.json").read_text())["paths"] == 6
    mended = FlowVideo.from_pretrained(tmp_path / "flow").stabiliser
    assert mended is not None
    for (name, there), here in zip(mended.state_dict().items(), model.state_dict().values(), strict=True):
        torch.testing.assert_close(there, here.half().float(), msg=name)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": 0}, {"clips": 0}, {"paths": 0}, {"shakes": 0}, {"lr": math.nan},
                                   {"lr": -1.0}])
def test_plans_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="use"):
        replace(PLAN, **wrong)


def test_words_that_the_flow_never_saw_are_refused(tmp_path):
    with pytest.raises(ValueError, match="never saw these words"):
        train_stabiliser(replace(PLAN, worlds=("digits",)), tmp_path, flow(), device="cpu")
