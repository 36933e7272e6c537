"""The flow model that ships: its scores, read again on other captions, and that stories are given to it."""

import pytest
import torch

from t2v_edu import pipeline, shelf
from t2v_edu.datasets import WorldStream
from t2v_edu.evaluation.attributes import readings, tally
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.video import to_frames
from t2v_edu.world.oracle import read

CARD = shelf.find("flow")


@pytest.fixture(scope="module")
def flow():
    return FlowVideo.from_pretrained("flow")


@pytest.mark.parametrize("world", CARD.worlds)
def test_the_report_is_true_on_captions_it_was_not_made_from(flow, world):
    asked = WorldStream(world, split="held_out").batch(40, seed=21, step=0)
    films = to_frames(flow.generate(asked.captions, torch.Generator().manual_seed(0)))
    found = tally(zip(readings(films, world), asked.scenes, strict=True))
    for name, score in CARD.reports[world]["splits"]["held_out"].items():
        share = score["share"]
        error = (max(share * (1 - share), 0.02) / 40) ** 0.5  # of 40 draws
        assert abs(found[name].share - share) < 4 * error, (name, found[name].share, share)


def test_it_is_small_and_its_weights_are_in_sixteen_bits(flow):
    numbers = sum(p.numel() for p in flow.parameters()) + sum(p.numel() for p in flow.autoencoder.parameters())
    assert numbers < 6_000_000
    assert (CARD.path / "model.safetensors").stat().st_size < 2.1 * sum(p.numel() for p in flow.parameters())


@pytest.mark.parametrize("one, other", [
    ("a red star spins clockwise", "a red star spins counterclockwise"), ("红色的星星顺时针旋转", "红色的星星逆时针旋转"),
    ("a red star moves left", "a red star moves right"), ("a red star moves slowly", "a red star moves fast"),
    ("a large red star grows", "a small red star grows"), ("a red star bounces up and down", "a red star bounces left and right"),
])
def test_words_that_matter_are_told_apart(flow, one, other):
    """An encoder that the flow's gradient had moved said nearly the same (.02) of both ways round."""
    with torch.no_grad():
        a, b = flow.encode([one, other]).pooled
    assert (a - b).norm() > 0.1 * a.norm()


def test_a_story_is_given_to_it_and_shown():
    made = pipeline.generate("a young girl walks in the park", seed=4)
    assert made.model == "flow"
    assert read(made.frames[0], world="story").attributes["kind"] == "girl"


def test_two_languages_ask_for_one_film(flow):
    """What is said in Chinese is seen as often as what is said in English, over twenty stories each."""
    for lang in ("en", "zh"):
        asked = WorldStream("story", langs=(lang,)).batch(20, seed=3, step=0)
        films = to_frames(flow.generate(asked.captions, torch.Generator().manual_seed(0)))
        found = tally(zip(readings(films, "story"), asked.scenes, strict=True))
        assert found["kind"].share > 0.6, lang
