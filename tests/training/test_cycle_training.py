"""Lessons of the captioner, and the round trip: whose turn it is, what moves, what a look says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from t2v_edu.datasets import Batch, WorldStream
from t2v_edu.models.captioner import Captioner, CaptionerConfig
from t2v_edu.models.video_critics import VideoGANConfig
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.captioner import (
    Album,
    CaptionerPlan,
    CaptionerTrainee,
    fit,
    lesson,
    new,
    phrasings,
    plain_captions,
    scores,
    taught,
)
from t2v_edu.training.cycle import CyclePlan, RoundTrip, look, play, standardised
from t2v_edu.training.loop import Workers, run
from t2v_edu.video import to_tensor
from t2v_edu.vision.features import FeatureConfig, FeatureNet
from t2v_edu.world.captions import parse

SMALL = CaptionerConfig("frames", 2, 2, "gru", 8, 12)


@pytest.fixture(scope="module")
def clips() -> Batch:
    return WorldStream("shapes", frames=8, size=16).batch(6, seed=0, step=0)


@pytest.fixture(scope="module")
def captioner() -> Captioner:
    torch.manual_seed(0)
    return new(("shapes",), SMALL).eval()


def gan() -> VideoGAN:
    torch.manual_seed(0)
    config = VideoGANConfig(frames=8, size=16, text=16, noise=6, code=16, motion=16, width=4, critic=4)
    return VideoGAN(config, words(), ("shapes",))


@cache
def words() -> Tokenizer:
    clips = [WorldStream("shapes").clip(9, i, picture=False) for i in range(300)]
    scenes = [clip.scene for clip in clips if clip.scene]
    return Tokenizer.fit([c.caption for c in clips] + plain_captions(scenes, "en") + plain_captions(scenes, "zh"))


def trip(captioner: Captioner, **changes: Any) -> RoundTrip:
    plan = CyclePlan(**({"steps": 2, "batch": 4, "evaluate_every": 1, "films": 4} | changes))
    torch.manual_seed(0)
    copy = new(("shapes",), SMALL)
    copy.load_state_dict(captioner.state_dict())
    return RoundTrip(gan(), copy, FeatureNet(FeatureConfig("frames", 2)).eval().requires_grad_(False).features, plan)


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])


def test_a_lesson_is_the_mean_over_languages(clips: Batch, captioner: Captioner) -> None:
    video = to_tensor(clips.frames)
    apart = [captioner.loss(video, plain_captions(clips.scenes, lang)).item() for lang in ("en", "zh")]
    assert lesson(captioner, clips).item() == pytest.approx(sum(apart) / 2, abs=1e-5)
    with pytest.raises(ValueError, match="without scenes"):
        lesson(captioner, Batch(clips.frames, clips.captions, None))


def test_it_can_spell_every_plain_caption(captioner: Captioner) -> None:
    batch = [WorldStream("shapes").clip(4, i, picture=False).scene for i in range(300)]
    for lang in ("en", "zh"):
        captioner.narrator.encode(plain_captions([s for s in batch if s], lang))


def test_a_batch_without_end_stops_after_its_steps(clips: Batch) -> None:
    torch.manual_seed(0)
    model = new(("shapes",), SMALL)
    before = weights(model)
    assert len(fit(model, (clips for _ in range(99)), steps=2)) == 2
    assert not torch.equal(before, weights(model)) and not model.training


def album() -> Album:
    torch.manual_seed(0)
    return Album.of(new(("shapes",), SMALL).eval(), WorldStream("shapes", frames=8, size=16), 8, seed=0, part=4)


def test_an_album_is_what_the_eyes_saw_in_the_order_of_its_scenes() -> None:
    torch.manual_seed(0)
    model, pages = new(("shapes",), SMALL).eval(), album()
    whole = WorldStream("shapes", frames=8, size=16).batch(8, seed=0, step=0)
    assert pages.scenes == whole.scenes and taught(model, pages.seen, pages.scenes).item() == pytest.approx(
        lesson(model, whole).item(), abs=1e-5)
    page = next(pages.batches(3, seed=0, start=4))
    rows = [pages.scenes.index(scene) for scene in page.scenes]
    assert len(rows) == 3 and torch.equal(page.seen.maps, pages.seen.maps[rows])
    assert page.seen.patches and pages.seen.patches and torch.equal(page.seen.patches.places, pages.seen.patches.places[rows])


def test_in_the_run_the_film_net_holds_still_and_pieces_are_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def go(out: Path, stops: tuple[int, ...]) -> Captioner:
        for i, steps in enumerate(stops):
            torch.manual_seed(0)
            trainee = CaptionerTrainee(new(("shapes",), SMALL), CaptionerPlan(steps=4, batch=2))
            plan = CaptionerPlan(steps=steps, batch=2, evaluate_every=9, save_every=1)
            run(trainee, album(), plan, out, Workers("cpu"), resume=i > 0)
        return trainee.model

    one, two = go(tmp_path / "one", (4,)), go(tmp_path / "two", (2, 4))
    assert torch.equal(weights(one), weights(two))
    torch.manual_seed(0)
    fresh = new(("shapes",), SMALL)
    assert torch.equal(weights(fresh.film), weights(one.film)) and not torch.equal(weights(fresh.narrator), weights(one.narrator))
    assert "  is: a small purple square moves left on a gray background" in capsys.readouterr().out


def test_scores_of_a_knower_and_of_a_parrot(clips: Batch, captioner: Captioner, monkeypatch: pytest.MonkeyPatch) -> None:
    right = plain_captions(clips.scenes, "en")
    monkeypatch.setattr(captioner, "describe", lambda video, lang, width: right)
    found = scores(captioner, clips, "en")
    assert found["all"] == found["word for word"] == 1 and found["BLEU"] == pytest.approx(100) and found["CIDEr-D"] > 3
    monkeypatch.setattr(captioner, "describe", lambda video, lang, width: [right[0]] * 6)
    assert scores(captioner, clips, "en")["all"] < 0.5
    for scene, five in zip(clips.scenes or [], phrasings(clips.scenes or [], "zh"), strict=True):
        assert len(five) == 5 and {parse(c) for c in five} == {scene}


@pytest.mark.parametrize("text, video", [(1.0, 0.0), (0.0, 1.0)])
def test_each_turn_moves_its_own_side(captioner: Captioner, clips: Batch, text: float, video: float) -> None:
    t = trip(captioner, lambda_text=text, lambda_video=video)
    clips = t.world.batch(4, seed=1, step=0)
    noise = torch.Generator().manual_seed(0)
    g, c = weights(t.gan), weights(t.captioner)
    numbers = t.turn_generator(clips, noise, "en")
    assert not torch.equal(g, weights(t.gan)) and torch.equal(c, weights(t.captioner))
    assert (numbers["L_text"] > 0, numbers["L_video"] > 0) == (text > 0, video > 0)
    g = weights(t.gan)
    t.turn_captioner(clips, noise)
    assert torch.equal(g, weights(t.gan)) and not torch.equal(c, weights(t.captioner))
    assert all(p.requires_grad for p in t.captioner.parameters())


def test_no_weight_no_step(captioner: Captioner) -> None:
    t = trip(captioner, lambda_text=0.0, lambda_video=0.0, lr_captioner=0.0)
    g, c = weights(t.gan), weights(t.captioner)
    t.step(0)
    assert torch.equal(g, weights(t.gan)) and torch.equal(c, weights(t.captioner))


def test_the_generators_turn_lowers_its_loss(captioner: Captioner) -> None:
    t = trip(captioner, lr=3e-3)
    clips = t.world.batch(4, seed=1, step=0)

    def now() -> float:
        return t.loss(clips, torch.Generator().manual_seed(5), "en").total.item()

    before = now()
    for _ in range(12):
        t.turn_generator(clips, torch.Generator().manual_seed(5), "en")
    assert now() < before


def test_films_are_another_lesson_than_clips(captioner: Captioner) -> None:
    clips = trip(captioner).world.batch(4, seed=1, step=0)
    real, made = (trip(captioner, lesson=kind).turn_captioner(clips, torch.Generator().manual_seed(0))["captioner"]
                  for kind in ("clips", "films"))
    assert real == pytest.approx(lesson(captioner, clips).item(), abs=1e-5) != made


def test_a_run_repeats_itself_and_a_look_asks_the_same(captioner: Captioner) -> None:
    one, two = (play(trip(captioner)) for _ in range(2))
    assert one == two and [p["step"] for p in one] == [0, 1, 2]
    assert set(one[1]["losses"]) == {"L_text", "L_video", "captioner"} and one[0]["losses"] == {}  # type: ignore[arg-type]
    g = gan()
    assert look(g, captioner, "held_out", 6) == look(g, captioner, "held_out", 6)
    assert {"all", "kind", "believed"} <= set(look(g, captioner, "seen", 4))


def test_features_are_standardised() -> None:
    torch.manual_seed(0)
    features = standardised(FeatureNet(FeatureConfig("frames", 2)), "shapes", clips=40)
    found = features(to_tensor(WorldStream("shapes").batch(40, seed=5, step=0).frames))
    assert found.mean(0).abs().max() < 1e-3 and found.std(0).max() < 1.001


@pytest.mark.parametrize("wrong, told", [({"lesson": "books"}, "'books'"), ({"steps": 0}, "steps 0"),
                                         ({"lambda_text": -1.0}, "negative"), ({"lr": float("nan")}, "negative")])
def test_plans_that_cannot_be_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CyclePlan(**wrong)
