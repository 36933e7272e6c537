"""Films of several shots and comments on them: the table of four, what decides, the words."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.comments import MOODS, OPPOSITE, WAYS, Comment, opposite, render_shots, say_comment, shots, talk, way_of
from t2v_edu.text.tokenizer import language_of
from t2v_edu.world.captions import parse
from t2v_edu.world.oracle import read
from t2v_edu.world.scene import in_split


def rng(seed=0):
    return np.random.default_rng(seed)


LIBRARY = shots(40, rng())


def by_hand(text):
    """(hopes, way, strong) of a comment, by looking for its words alone."""
    hopes = any(w in text for w in ("hope", "want", "please", "希望", "盼着", "开心"))
    fears = any(w in text for w in ("fear", "dread", "upset", "担心", "害怕", "难过"))
    assert hopes != fears, text
    signs = {"left": ("left", "左"), "right": ("right", "右"), "up": (" up.", "向上", "往上"), "down": ("down", "向下", "往下"),
             "grows": ("grows", "bigger", "变大"), "shrinks": ("shrinks", "smaller", "变小")}
    ways = [way for way, words in signs.items() if any(w in text for w in words)]
    assert len(ways) == 1, text
    return hopes, ways[0], any(w in text for w in ("really", "deeply", "非常", "特别"))


def test_the_four_corners_of_the_table_by_hand():
    left, right = parse("a red circle moves left on black"), parse("a red circle moves right on black")
    assert (way_of(left), way_of(right)) == ("left", "right") and opposite(left) == right
    said = {(way, hopes): Comment("", "en", 0, way, hopes, True) for way in ("left", "right") for hopes in (True, False)}
    assert [said["left", True].glad([s]) for s in (left, right)] == [True, False]
    assert [said["right", True].glad([s]) for s in (left, right)] == [False, True]
    assert [said["left", False].glad([s]) for s in (left, right)] == [False, True]
    assert [said["left", True].stars([s]) for s in (left, right)] == [5, 1]
    mild = Comment("", "en", 0, "left", True, False)
    assert [mild.stars([s]) for s in (left, right)] == [4, 2]


def test_the_way_of_the_shot_that_is_meant_decides_and_no_other():
    left, grows = parse("a red circle moves left on black"), parse("a blue star grows on black")
    hope = Comment("", "en", 1, "grows", True, False)
    assert hope.glad([left, grows]) and hope.glad([opposite(left), grows]) and not hope.glad([left, opposite(grows)])


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_words_alone_and_film_alone_are_right_in_exactly_half_of_the_cases(seed):
    t = talk(LIBRARY, 12, rng(seed))
    for keys in (t.texts, [tuple(film) for film in t.films.tolist()]):
        glad, count = collections.Counter(), collections.Counter()
        for key, mood in zip(keys, t.glad.tolist(), strict=True):
            glad[key] += mood
            count[key] += 1
        # whatever is said of one key, half of its cases are otherwise
        assert all(2 * glad[key] == count[key] for key in count)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_mood_and_stars_follow_from_words_and_film(seed):
    t = talk(LIBRARY, 6, rng(seed), length=3)
    for comment, film, glad, stars in zip(t.comments, t.films, t.glad, t.stars, strict=True):
        cast = [LIBRARY[i] for i in film]
        assert len({s.actors[0].color for s in cast}) == 3
        hopes, way, strong = by_hand(comment.text)
        assert (hopes, way, strong) == (comment.hopes, comment.way, comment.strong)
        assert language_of(comment.text) == comment.lang
        came = way_of(cast[comment.about]) == way
        assert way in (way_of(cast[comment.about]), OPPOSITE[way_of(cast[comment.about])])
        assert MOODS[glad] == ("glad" if came == hopes else "sad")
        assert stars == {(1, True): 5, (1, False): 4, (0, False): 2, (0, True): 1}[int(glad), strong]


def test_the_same_draw_makes_the_same_talk_and_hope_has_the_share_that_it_should():
    a, b = talk(LIBRARY, 300, rng(3)), talk(LIBRARY, 300, rng(3))
    assert a.texts == b.texts and np.array_equal(a.films, b.films) and len(a) == 1200
    assert abs(np.mean([c.hopes for c in a.comments]) - 0.75) < 4 * (0.75 * 0.25 / 300) ** 0.5
    assert {c.lang for c in a.comments} == {"en", "zh"} and {c.way for c in a.comments} == set(WAYS)
    assert not any(c.hopes for c in talk(LIBRARY, 20, rng(), hoping=0.0).comments)


@pytest.mark.parametrize("split", ["seen", "held_out"])
def test_shots_come_in_pairs_of_opposites_of_their_split(split):
    scenes = shots(25, rng(1), split)
    assert len(scenes) == 50
    for a, b in zip(scenes[::2], scenes[1::2], strict=True):
        assert opposite(a) == b and opposite(b) == a and way_of(b) == OPPOSITE[way_of(a)]
        assert in_split(a, split) and in_split(b, split)


def test_the_films_show_the_ways_that_decide():
    scenes = shots(12, rng(5))
    films = render_shots(scenes, rng(6), frames=16)
    assert films.shape == (24, 16, 32, 32, 3) and films.dtype == np.uint8
    seen = [read(film).scene for film in films]
    assert np.mean([s is not None and way_of(s) == way_of(t) for s, t in zip(seen, scenes, strict=True)]) > 0.9


@pytest.mark.parametrize("call, told", [
    (lambda: way_of(parse("a red star spins on black")), "spins.*left, right"),
    (lambda: shots(1, rng(), "tomorrow"), "tomorrow"),
    (lambda: talk(LIBRARY[1:], 1, rng()), "pairs of opposites.*79"),
    (lambda: talk(LIBRARY[1:-1], 1, rng()), "pairs of opposites.*78"),
    (lambda: talk(LIBRARY, 1, rng(), length=9), "9 shots"),
    (lambda: talk(LIBRARY, 1, rng(), length=0), "0 shots"),
    (lambda: talk(LIBRARY, 1, rng(), hoping=1.5), "1.5"),
    (lambda: say_comment(LIBRARY[0], "home", "en", rng(), hopes=True, strong=True), "'home'"),
    (lambda: say_comment(LIBRARY[0], "left", "fr", rng(), hopes=True, strong=True), "'fr'"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
