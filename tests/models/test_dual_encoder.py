"""The dual encoder: what it takes and gives, that it learns to pair, and the counting of what is found."""

import json
import math
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.losses.contrastive import info_nce_both
from t2v_edu.models.dual_encoder import COLDEST, START, DualEncoder, DualEncoderConfig, chance, nearest, recall
from t2v_edu.text.encoders import TextCode

TINY = DualEncoderConfig(text=6, space=4, frames=2, size=8, width=2)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tiny(config=TINY):
    torch.manual_seed(0)
    return DualEncoder(config)


def code(pooled):
    return TextCode(pooled[:, None], pooled, torch.ones(len(pooled), 1, dtype=torch.bool))


def test_both_towers_end_on_the_unit_sphere_of_one_space():
    model, video, pooled = tiny(), drawn(0, 3, 3, 2, 8, 8), drawn(1, 3, 6)
    film, text = model.embed_film(video), model.embed_text(code(pooled))
    assert film.shape == text.shape == (3, 4)
    torch.testing.assert_close(film.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(text.norm(dim=1), torch.ones(3))
    assert torch.equal(text, model.embed_text(pooled))  # a TextCode or its pooled vectors


def test_a_films_code_hangs_on_that_film_alone_on_what_is_where_and_when():
    model, video = tiny(), drawn(0, 3, 3, 2, 8, 8)
    film = model.embed_film(video)
    torch.testing.assert_close(model.embed_film(video[1:2])[0], film[1], atol=1e-6, rtol=0)
    moved, late = video.roll(2, dims=4), video.flip(2)
    assert (model.embed_film(moved) - film).abs().max() > 1e-4
    assert (model.embed_film(late) - film).abs().max() > 1e-4


def test_where_is_the_centre_of_the_response():
    """Filters that answer to one bright spot: the third and fourth of a frame's numbers are its place, in [-1, 1]."""
    model = tiny(DualEncoderConfig(text=6, space=4, frames=1, size=32, width=1))
    seen = []
    model.film.read.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    spot = torch.full((1, 64), -40.0)
    spot[0, 8 * 2 + 6] = 40.0  # row 2, column 6 of 8
    model.film.filters = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 128),
                                             torch.nn.Unflatten(1, (2, 8, 8)))
    with torch.no_grad():
        model.film.filters[2].weight.zero_()
        model.film.filters[2].bias.copy_(spot.repeat(1, 2)[0])
        model.film(torch.zeros(1, 3, 1, 32, 32))
    strongest, mean, x, y = seen[0][0, :4].tolist()
    assert strongest == 40
    assert mean == pytest.approx(0.2 * (40 - 63 * 40) / 64)  # below zero a fifth is left
    assert x == pytest.approx(-1 + 2 * 6 / 7, abs=1e-5)
    assert y == pytest.approx(0.2 * (-1 + 2 * 2 / 7), abs=1e-5)


def test_the_loss_is_the_mean_of_the_three_pairs():
    model, video, en, zh = tiny(), drawn(0, 4, 3, 2, 8, 8), drawn(1, 4, 6), drawn(2, 4, 6)
    f, e, z = model.embed_film(video), model.embed_text(en), model.embed_text(zh)
    same = torch.eye(4, dtype=torch.bool)
    same[0, 1] = same[1, 0] = True
    want = sum(info_nce_both(a, b, START, same) for a, b in ((e, f), (z, f), (e, z))) / 3
    torch.testing.assert_close(model.loss(video, code(en), zh, same), want)
    assert not torch.isclose(model.loss(video, en, zh), want)


def test_every_parameter_learns_the_temperature_too():
    model = tiny()
    model.loss(drawn(0, 4, 3, 2, 8, 8), drawn(1, 4, 6), drawn(2, 4, 6)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_temperature_begins_where_it_should_and_never_falls_below_the_coldest():
    model = tiny()
    assert model.temperature.item() == pytest.approx(START)
    with torch.no_grad():
        model.log_scale.fill_(50.0)
    assert model.temperature.item() == pytest.approx(COLDEST)


def test_it_learns_to_pair_eight_films_with_their_captions_in_both_languages():
    model = tiny(DualEncoderConfig(text=24, space=8, frames=2, size=8, width=4))
    video, en, zh = drawn(0, 8, 3, 2, 8, 8), drawn(1, 8, 24), drawn(2, 8, 24)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(200):
        optimizer.zero_grad()
        model.loss(video, en, zh).backward()
        optimizer.step()
    film, right = model.embed_film(video), torch.arange(8)
    for text in en, zh:
        assert torch.equal(nearest(model.embed_text(text), film)[1][:, 0], right)
        assert torch.equal(nearest(film, model.embed_text(text))[1][:, 0], right)


def test_saved_and_loaded_it_is_the_same(tmp_path):
    model, video = tiny(), drawn(0, 2, 3, 2, 8, 8)
    model.save_pretrained(tmp_path)
    again = DualEncoder.from_pretrained(tmp_path)
    assert again.config == TINY and torch.equal(again.embed_film(video), model.embed_film(video))
    with pytest.raises(ValueError, match="there is no model in"):
        DualEncoder.from_pretrained(tmp_path / "nowhere")
    card = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**card, "kind": "video_gan"}))
    with pytest.raises(ValueError, match="'video_gan', not 'dual_encoder'"):
        DualEncoder.from_pretrained(tmp_path)


@pytest.mark.parametrize("call, told", [
    (lambda m: m.embed_film(torch.zeros(2, 3, 8, 8)), r"\(2, 3, 8, 8\)"),
    (lambda m: m.embed_film(torch.zeros(1, 3, 4, 8, 8)), r"\(B, 3, 2, 8, 8\).*\(1, 3, 4, 8, 8\)"),
    (lambda m: m.embed_film(torch.zeros(1, 3, 2, 8, 8, dtype=torch.uint8)), r"uint8"),
    (lambda m: m.embed_text(torch.zeros(2, 5)), r"\(B, 6\), not \(2, 5\)"),
    (lambda m: m.embed_text(torch.zeros(6)), r"\(6,\)"),
    (lambda m: nearest(torch.ones(1, 4), torch.ones(3, 4), 4), "between 1 and 3.*not 4"),
    (lambda m: recall(torch.zeros(2, 3), torch.zeros(2, 2, dtype=torch.bool)), r"\(2, 3\) and torch.bool \(2, 2\)"),
    (lambda m: recall(torch.zeros(2, 3), torch.ones(2, 3)), r"torch.float32 \(2, 3\)"),
    (lambda m: recall(torch.zeros(2, 3), torch.tensor([[True, False, False], [False] * 3])), r"queries \[1\] have no right"),
    (lambda m: recall(torch.zeros(1, 3), torch.ones(1, 3, dtype=torch.bool), 0), "not 0"),
    (lambda m: DualEncoderConfig(size=30), "not 30"),
    (lambda m: DualEncoderConfig(frames=0), "frames must be at least 1"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call(tiny())


def test_recall_counts_every_right_answer_by_hand():
    scores = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])
    right = torch.tensor([[True, False, False], [False, True, True], [False, False, True], [True, False, False]])
    assert [recall(scores, right, k) for k in (1, 2, 3)] == [0.5, 0.75, 1.0]


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6))
def test_chance_is_what_all_possible_guesses_find(seed, entries, k):
    k = min(k, entries)
    right = drawn(seed, 3, entries) > 0.5
    right[:, 0] |= ~right.any(1)
    found = [any(row[i] for i in guess) for row in right.tolist() for guess in combinations(range(entries), k)]
    assert chance(right, k) == pytest.approx(sum(found) / len(found))


def test_random_scores_recall_what_chance_says():
    right = torch.eye(40, dtype=torch.bool).repeat(50, 1)
    right[::2, :4] = True  # some have several right answers
    spread = math.sqrt(0.25 / len(right))
    assert abs(recall(drawn(0, *right.shape), right, 3) - chance(right, 3)) < 4 * spread
