"""Fusing film and comment: every join by hand, padding, what a sum cannot do, the maps, what is refused."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.models.fusion import JOINS, LOOKS, Fusion, FusionConfig, Verdict, fuse_by_hand, mood_loss, stretches
from t2v_edu.vision.features import FeatureConfig, FeatureNet

IDS = torch.tensor([[2, 3, 4, 0, 0], [5, 1, 6, 2, 3]])


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tiny(look="attention", join="product", heads=1, seed=0, **more):
    torch.manual_seed(seed)
    return Fusion(FusionConfig(8, look, join, frame=5, width=4, hidden=6, heads=heads, **more))


@pytest.mark.parametrize("look, join", list(itertools.product(LOOKS, JOINS)))
def test_the_formula_by_numpy(look, join):
    """Loops over words and stretches, and no line of the module."""
    model, film = tiny(look, join), drawn(1, 2, 3, 5)
    p = {k: v.detach().double().numpy() for k, v in model.state_dict().items()}
    dense = lambda name, x: p[f"{name}.weight"] @ x + p[f"{name}.bias"]  # noqa: E731
    verdict = model(IDS, film)
    for row in range(2):
        t = np.mean([p["embed.weight"][i] for i in IDS[row].tolist() if i], 0)
        frames = []
        for x in film[row].double().numpy():
            normed = (x - x.mean()) / math.sqrt(x.var() + 1e-5) * p["norm.weight"] + p["norm.bias"]
            frames.append(dense("frame", normed))
        if look == "mean":
            v = sum(frames) / 3
        else:
            scores = [dense("look.query", t) @ dense("look.key", f) / 2 for f in frames]  # √4
            shares = np.exp(scores) / np.exp(scores).sum()
            v = dense("look.out", sum(s * dense("look.value", f) for s, f in zip(shares, frames, strict=True)))
        h = {"average": (t + v) / 2, "concat": np.r_[t, v], "product": np.r_[t, v, t * v]}[join]
        h = dense("think", h)
        h = np.where(h > 0, h, 0.2 * h)
        np.testing.assert_allclose(verdict.mood[row].detach(), dense("mood", h), atol=1e-5)
        np.testing.assert_allclose(verdict.stars[row].item(), dense("stars", h)[0], atol=1e-5)


@pytest.mark.parametrize("look", LOOKS)
def test_padding_order_and_neighbours_change_nothing(look):
    model, film = tiny(look, heads=2), drawn(1, 2, 3, 5)
    whole = model(IDS, film)
    padded = model(torch.nn.functional.pad(IDS, (0, 4)), film)
    alone = model(IDS[:1, :3], film[:1])
    shuffled = model(IDS[:1, [2, 0, 1]], film[:1, [2, 0, 1]])  # words and stretches are sets
    for other in (Verdict(padded.mood[:1], padded.stars[:1]), alone, shuffled):
        torch.testing.assert_close(other.mood, whole.mood[:1], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(other.stars, whole.stars[:1], atol=1e-6, rtol=1e-5)
    assert (model(IDS, film.flip(0)).mood - whole.mood).abs().max() > 1e-4  # but which film it is does


def test_the_shares_sum_to_one_and_the_words_scores_sum_to_the_score():
    model, film = tiny(heads=2), drawn(1, 2, 3, 5)
    maps = model.maps(IDS, film)
    assert maps.weights.shape == (2, 2, 3) and maps.words.shape == (2, 2, 5, 3) and maps.bias.shape == (2, 2, 3)
    torch.testing.assert_close(maps.weights.sum(2), torch.ones(2, 2))
    torch.testing.assert_close((maps.words.sum(2) + maps.bias).softmax(-1), maps.weights)
    assert not maps.words[0, :, 3:].any()  # padding contributes nothing
    torch.testing.assert_close(model.watch(model.comment(IDS), film)[1], maps.weights)


def test_it_learns_that_the_same_words_mean_the_opposite_under_another_film():
    """Four corners: two comments × two films; look by attention, join by a product."""
    model = tiny()
    ids, films = torch.tensor([[2, 4], [3, 4], [2, 4], [3, 4]]), drawn(4, 2, 3, 5)[[0, 0, 1, 1]]
    glad, stars = torch.tensor([1, 0, 0, 1]), torch.tensor([5.0, 2.0, 1.0, 4.0])
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    first = mood_loss(model(ids, films), glad, stars).item()
    for _ in range(300):
        optimizer.zero_grad()
        loss = mood_loss(model(ids, films), glad, stars)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05 < first
    assert model(ids, films).mood.argmax(1).tolist() == [1, 0, 0, 1]


def test_every_weight_learns():
    model = tiny(heads=2)
    mood_loss(model(IDS, drawn(1, 2, 3, 5)), torch.tensor([0, 1]), torch.tensor([1.0, 4.0])).backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert still == ["look.key.bias"] or still == []  # the same number on all scores changes no softmax


def test_the_loss_by_hand():
    """Logits that give the right mood 3/4: −log 3/4; stars off by 1 and by 3: a quarter of (1 + 9)/2."""
    verdict = Verdict(torch.tensor([[0.0, math.log(3)], [math.log(3), 0.0]]), torch.tensor([4.0, 4.0]))
    loss = mood_loss(verdict, torch.tensor([1, 0]), torch.tensor([5.0, 1.0]))
    assert loss.item() == pytest.approx(math.log(4 / 3) + 0.25 * 5)


def test_three_shots_by_hand():
    """β = ln 8: shares 8/10, 1/10, 1/10; the asked one goes left, the others right: v = −0.6."""
    fits, ways = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([1.0, -1.0, 1.0])
    sharp = fuse_by_hand(fits, ways, -1.0, math.log(8))
    torch.testing.assert_close(sharp.weights, torch.tensor([0.1, 0.8, 0.1]))
    assert sharp.found.item() == pytest.approx(-0.6)
    assert sharp.glad.item() == pytest.approx(1 / (1 + math.exp(-2.4)))
    mean = fuse_by_hand(fits, ways, -1.0, 0.0)
    assert mean.found.item() == pytest.approx(1 / 3) and mean.glad.item() < 0.5  # the majority went the other way


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=6), st.sampled_from([-1.0, 1.0]), st.floats(0, 20))
def test_who_wants_the_other_way_feels_the_opposite(shots, wanted, sharpness):
    fits, ways = (torch.tensor([float(s[i]) for s in shots]) for i in (0, 1))
    a, b = (fuse_by_hand(fits, 2 * ways - 1, w, sharpness) for w in (wanted, -wanted))
    assert a.glad.item() + b.glad.item() == pytest.approx(1, abs=1e-5)
    assert a.weights.sum().item() == pytest.approx(1, abs=1e-5)


def test_stretches_are_seen_one_by_one():
    torch.manual_seed(0)
    net = FeatureNet(FeatureConfig("3d", 2, ("a", "b"))).eval()
    video = drawn(2, 2, 3, 8, 16, 16)
    seen = stretches(net, video, 4)
    assert seen.shape == (2, 2, 8)
    for i in range(2):
        torch.testing.assert_close(seen[:, i], net.features(video[:, :, 4 * i : 4 * i + 4]))


@pytest.mark.parametrize("call, told", [
    (lambda m: FusionConfig(8, look="glance"), "'glance'.*mean, attention"),
    (lambda m: FusionConfig(8, join="sum"), "'sum'.*average, concat, product"),
    (lambda m: FusionConfig(0), "vocabulary must be at least 1, not 0"),
    (lambda m: FusionConfig(8, width=6, heads=4), "6 cannot be parted into 4"),
    (lambda m: m(IDS, torch.zeros(2, 3, 4)), r"\(2, M, 5\).*\(2, 3, 4\)"),
    (lambda m: m(IDS, torch.zeros(1, 3, 5)), r"\(2, M, 5\).*\(1, 3, 5\)"),
    (lambda m: m(IDS, torch.zeros(2, 3, 5, dtype=torch.int64)), "int64"),
    (lambda m: m(IDS + 7, torch.zeros(2, 3, 5)), "vocabulary from 0 to 7"),
    (lambda m: m(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 3, 5)), "at least one word"),
    (lambda m: tiny("mean").maps(IDS, torch.zeros(2, 3, 5)), "look='attention'"),
    (lambda m: stretches(FeatureNet(FeatureConfig()), torch.zeros(1, 3, 9, 16, 16), 4), r"multiple of 4.*9"),
    (lambda m: fuse_by_hand(torch.zeros(2), torch.zeros(3), 1.0, 1.0), r"\(2,\) and \(3,\)"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call(tiny())
