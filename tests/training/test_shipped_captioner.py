"""The captioner that ships: its scores, read again on other clips, and what its report and its curves must hold."""

import json

import pytest

from t2v_edu.datasets import Batch, WorldStream
from t2v_edu.evaluation.attributes import wilson
from t2v_edu.models.captioner import SHIPPED, Captioner
from t2v_edu.training.captioner import scores
from t2v_edu.training.cycle import CURVES
from t2v_edu.world.captions import parse

REPORT = json.loads((SHIPPED / "report.json").read_text(encoding="utf-8"))
CLIPS = 100


@pytest.fixture(scope="module")
def shipped():
    return Captioner.from_pretrained()


@pytest.fixture(scope="module")
def clips():
    return WorldStream("shapes", split="held_out").batch(CLIPS, seed=21, step=0)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_report_is_true_on_clips_it_was_not_made_from(shipped, clips, lang):
    """Within what two samples of this size may differ by."""
    found, told = scores(shipped, clips, lang), REPORT["shares and scores"]["held_out"][lang]
    for name in ("color", "place", "size", "kind", "action", "direction", "all"):
        low, high = wilson(round(found[name] * CLIPS), CLIPS, z=4.5)
        assert low <= told[name] <= high, name
    assert abs(found["BLEU"] - told["BLEU"]) < 8


def test_it_hears_no_other_film(shipped, clips):
    """With the films exchanged it scores no better than the report's control."""
    away = Batch(clips.frames, clips.captions, clips.scenes[1:] + clips.scenes[:1])
    assert scores(shipped, away, "en")["all"] < 0.05


def test_what_it_says_can_be_read(shipped, clips):
    from t2v_edu.video import to_tensor

    video = to_tensor(clips.frames[:20])
    for lang in ("en", "zh"):
        for caption in shipped.describe(video, lang):
            parse(caption)


def test_it_is_small_and_its_curves_are_whole():
    assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 2e6
    runs = json.loads(CURVES.read_text(encoding="utf-8"))
    assert {(r["plan"]["lambda_text"], r["plan"]["lambda_video"]) for r in runs} >= {(1, 0), (0, 1), (1, 1)}
    first = [r["points"][0]["held_out"] for r in runs]
    assert all(f == first[0] for f in first), "all runs begin with the same films"
    assert all(r["points"][-1]["step"] == r["plan"]["steps"] for r in runs)
