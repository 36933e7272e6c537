"""Scores of captions: the parser's verdict, BLEU by hand, CIDEr-D by hand and against a second way of counting it."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.evaluation.captions import bleu, cider_d, scene_scores, understood
from t2v_edu.models.narrator import split
from t2v_edu.world.captions import parse, say
from t2v_edu.world.scene import sample_scene


def test_the_parser_decides():
    scene = parse("a large red circle moves left on a gray background")
    captions = ["on gray, a big crimson disc is drifting left", "一个红色的大圆形在灰色背景上向左移动",
                "a large red circle moves right", "a large red circle moves wildly", ""]
    scores = scene_scores(captions, [scene] * 5)
    assert (scores["all"].right, scores["all"].total) == (2, 5)
    assert scores["color"].right == 3 and scores["direction"].right == 2 and scores["place"].right == 2
    assert understood("no such thing").scene is None


@given(st.integers(0, 10_000))
def test_whatever_is_said_of_a_scene_means_it(seed):
    rng = np.random.default_rng(seed)
    scenes = [sample_scene("all", rng) for _ in range(3)]
    for lang in ("en", "zh"):
        assert scene_scores([say(s, lang, rng) for s in scenes], scenes)["all"].share == 1
    assert scene_scores([say(s, "en", rng) for s in scenes[1:] + scenes[:1]], scenes)["all"].right < 3 or len(set(scenes)) < 3


def test_bleu_by_hand():
    # 5 words against 5: precisions 4/5, 3/4, 2/3, 1/2 and no penalty for brevity
    found = bleu(["a red circle moves left"], [["a red circle moves right"]])
    assert found == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    # a second reference that holds the missing run
    assert bleu(["a red circle moves left"], [["a red circle moves right", "a red circle moves left"]]) == pytest.approx(100)
    # 4 words for 8: everything is right, and e^{1 − 8/4} is taken off for being short
    assert bleu(["a b c d"], [["a b c d e f g h"]]) == pytest.approx(100 * math.exp(-1))
    assert bleu(["红色的圆形"], [["红色的方形"]], "zh") < bleu(["红色的圆形"], [["红色的圆形"]], "zh") == pytest.approx(100)


def test_a_list_of_references_may_be_shorter():
    """What is missing counts for nothing: the same as the longer list with its first reference again."""
    captions, ragged = ["a b c d e", "a b x d e"], [["a b c d f", "a b c d e"], ["a b c d e"]]
    assert bleu(captions, ragged) == pytest.approx(bleu(captions, [ragged[0], ragged[1] * 2]))


def test_cider_says_what_pycocoevalcap_says():
    """The numbers are those of `Cider().compute_score` of pycocoevalcap 1.2, which is too large (100 MB) to ask for here."""
    references = [["a large red circle moves left", "a big red disc drifts to the left"],
                  ["a small blue star spins", "a tiny blue star turns slowly"],
                  ["a puppy runs on the grass", "a small dog runs over the lawn"],
                  ["a large red circle grows", "a big red disc becomes larger"]]
    captions = ["a large red circle moves right", "a small blue star spins slowly on a gray background",
                "a puppy runs on the grass", "a star a large star"]
    assert cider_d(captions, references) == pytest.approx([3.1244840077, 2.8134521161, 5.3523606775, 0.2456229167], abs=1e-9)


def test_cider_by_hand():
    # two films; "red" and "blue" are in one each (ln 2), "ball" is in both (0)
    references = [["red ball"], ["blue ball"]]
    # runs of 1: (ln 2, 0) with itself: 1; of 2: "red ball", 1; of 3 and 4 there are none: 0; so 10 · 2/4
    assert cider_d(["red ball", "blue ball"], references) == pytest.approx([5, 5])
    # "red red ball": runs of 1: min(2 ln 2, ln 2)·ln 2 / (2 ln 2 · ln 2) = ½; of 2: {red red, red ball}, both weigh ln 2: 1/√2
    expected = 10 * math.exp(-1 / 72) * (1 / 2 + 1 / math.sqrt(2)) / 4
    assert cider_d(["red red ball", "ball"], references) == pytest.approx([expected, 0])
    assert cider_d(["red ball"], references[:1]) == [0]  # one film: every run is in all of them


WORDS = st.lists(st.sampled_from(["red", "blue", "ball", "moves", "left", "the"]), min_size=1, max_size=9).map(" ".join)


@given(st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), min_size=2, max_size=5))
def test_cider_is_a_second_way_of_counting(films):
    captions, references = [c for c, _ in films], [r for _, r in films]
    np.testing.assert_allclose(cider_d(captions, references), vectors(captions, references), atol=1e-9)


def vectors(captions, references):
    """The same with dense vectors over all runs, one length at a time."""
    out = np.zeros(len(captions))
    for n in range(1, 5):
        runs = sorted({r for s in itertools.chain(captions, *references) for r in grams(s, n)})
        at = {r: i for i, r in enumerate(runs)}
        df = np.zeros(len(runs))
        for right in references:
            for r in {r for s in right for r in grams(s, n)}:
                df[at[r]] += 1
        idf = np.log(len(references) / np.maximum(df, 1))

        def tf(s, at=at, n=n, runs=runs):
            v = np.zeros(len(runs))
            for r in grams(s, n):
                v[at[r]] += 1
            return v

        for i, (c, right) in enumerate(zip(captions, references, strict=True)):
            for s in right:
                a, b = tf(c) * idf, tf(s) * idf
                norm = np.linalg.norm(a) * np.linalg.norm(b)
                gauss = np.exp(-((len(split(c)) - len(split(s))) ** 2) / 72)
                out[i] += 10 / 4 / len(right) * gauss * (np.minimum(a, b) @ b / norm if norm else 0)
    return out


def grams(sentence, n):
    words = split(sentence)
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def test_a_caption_of_its_own_scores_ten_and_a_strangers_less():
    rng = np.random.default_rng(3)
    scenes = list({sample_scene("shapes", rng) for _ in range(40)})
    for lang in ("en", "zh"):
        own = [say(s, lang) for s in scenes]
        same = cider_d(own, [[c] for c in own])
        other = cider_d(own[1:] + own[:1], [[c] for c in own])
        assert same == pytest.approx([10] * len(own)) and np.mean(other) < 3


def test_numbers_that_do_not_fit_are_refused():
    scene = parse("a red circle moves left")
    for call, told in (
        (lambda: scene_scores([], []), "not 0 and 0"), (lambda: scene_scores(["a"], [scene, scene]), "not 1 and 2"),
        (lambda: bleu(["a"], []), "not 1 and 0"), (lambda: bleu(["a"], [["a"]], "fr"), "'fr'"),
        (lambda: cider_d(["a", "b"], [["a"], []]), "references 1"), (lambda: cider_d(["a"], ["ab"]), "references 0"),
        (lambda: cider_d("a", [["a"]]), "list of captions"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=told):
            call()
