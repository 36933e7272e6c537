"""The recipe of the film finder: what it reads, that it learns, that the same seed gives the same run."""

import torch

from t2v_edu.datasets import WorldStream
from t2v_edu.models.dual_encoder import DualEncoderConfig
from t2v_edu.models.finder import FilmFinder
from t2v_edu.training.dual import fit, found, same_scenes, vocabulary
from t2v_edu.world.captions import parse

SOURCE = WorldStream("shapes", frames=2, size=16)


def trained(steps):
    torch.manual_seed(0)
    finder = FilmFinder(vocabulary(SOURCE, 200), DualEncoderConfig(text=16, space=8, frames=2, size=16, width=4))
    return finder, fit(finder, SOURCE, clips=24, steps=steps, size=12)


def test_the_vocabulary_has_the_words_of_both_languages():
    words = vocabulary(SOURCE, 200).words
    assert {"red", "circle", "红色"} <= set(words) and len(words) > 150


def test_equal_scenes_are_equal():
    a, b = parse("a red star spins on black"), parse("a red star rotates on black")
    assert same_scenes([a, b, parse("a blue star spins on black")]).tolist() == [[True, True, False], [True, True, False],
                                                                                 [False, False, True]]


def test_it_learns_and_the_same_seed_gives_the_same_run():
    finder, losses = trained(40)
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    assert trained(40)[1][:10] == losses[:10]
    told = found(finder, SOURCE, 30)
    assert told["en, recall@10"] > told["a guess, recall@1"] and set(told) == {
        "a guess, recall@1", "en, recall@1", "en, recall@10", "zh, recall@1", "zh, recall@10"}
