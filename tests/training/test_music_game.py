"""The music GAN: its parts, its game in small, and what ships."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from t2v_edu.evaluation.music import nearest, read_mood, read_tempo, variety
from t2v_edu.models.music_gan import SHIPPED, MusicGAN, MusicGANConfig, MusicJudge, codes, pins
from t2v_edu.training.music import KINDS, MusicRules, others, play, scores, tunes, update_d, update_g

TINY = MusicGANConfig(noise=4, width=8)


def test_pins_by_hand():
    """A step forward, the sigmoid's slope backward."""
    a = torch.tensor([-3.0, -0.1, 0.1, 4.0], requires_grad=True)
    made = pins(a)
    assert torch.allclose(made, torch.tensor([0.0, 0, 1, 1]), atol=1e-6)
    (slope,) = torch.autograd.grad(made.sum(), a)
    assert torch.allclose(slope, a.sigmoid() * (1 - a.sigmoid()))


def test_codes_and_their_opposites():
    c = codes(["glad", "sad", "glad"], ["slow", "fast", "fast"])
    assert c.tolist() == [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1]]
    assert others(c).tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]]  # mood, tempo, both
    wrong = others(codes(*map(list, zip(*12 * KINDS, strict=True))))
    assert (wrong.sum(1) == 2).all() and (wrong[:, :2].sum(1) == 1).all()


@pytest.mark.parametrize("moods, tempos, told", [
    ([], [], "at least one"), (["glad"], ["slow", "fast"], "1 and 2"),
    (["happy"], ["slow"], "'happy'"), (["sad"], ["quick"], "'quick'"),
])  # fmt: skip
def test_bad_conditions(moods, tempos, told):
    with pytest.raises(ValueError, match=told):
        codes(moods, tempos)


def test_shapes_and_ranges():
    torch.manual_seed(0)
    c = codes(["glad"] * 3, ["slow"] * 3)
    for binary in (True, False):
        config = MusicGANConfig(4, 8, binary)
        made = MusicGAN(config).generator(torch.randn(3, 4), c)
        assert made.shape == (3, 36, 48) and 0 <= made.min() and made.max() <= 1
        assert bool(((made < 1e-6) | (made > 1 - 1e-6)).all()) == binary
        assert MusicJudge(config)(made, c).shape == (3,)


def test_every_weight_of_both_players_learns_and_neither_moves_the_other():
    torch.manual_seed(0)
    model, judge = MusicGAN(TINY), MusicJudge(TINY)
    data = tunes(12, seed=0)
    real, c = torch.from_numpy(data.rolls).float(), codes(data.moods, data.tempos)
    for turn in ("D", "G", "D", "G"):  # modulation starts at zero: its code reaches the weights before it in the second round
        before = [[p.clone() for p in net.parameters()] for net in (model, judge)]
        if turn == "D":
            made = model.generator(torch.randn(12, 4), c).detach()
            update_d(judge, torch.optim.SGD(judge.parameters(), 1.0), real, c, made, "non_saturating", 1.0)
        else:
            update_g(model, judge, torch.optim.SGD(model.parameters(), 1.0), torch.randn(12, 4), c, "non_saturating")
        moved = [any(not torch.equal(p, q) for p, q in zip(old, net.parameters(), strict=True))
                 for old, net in zip(before, (model, judge), strict=True)]
        assert moved == [turn == "G", turn == "D"]
    assert all(p.requires_grad for p in judge.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for net in (model, judge) for p in net.parameters())


def test_the_judges_loss_by_the_formula():
    torch.manual_seed(1)
    judge, data = MusicJudge(TINY), tunes(6, seed=1)
    real, c = torch.from_numpy(data.rolls).float(), codes(data.moods, data.tempos)
    made = torch.rand(6, 36, 48)
    right, fake, wrong = (F.softplus(-judge(real, c)).mean(), F.softplus(judge(made, c)).mean(),
                          F.softplus(judge(real, others(c))).mean())
    wanted = 0.5 * (right + fake) + 0.5 * (right + wrong)
    got = update_d(judge, torch.optim.SGD(judge.parameters(), 0.0), real, c, made, "non_saturating", 0.0)
    assert torch.allclose(got, wanted, atol=1e-6)


def test_a_short_game_is_the_same_every_time_and_gets_better():
    data = tunes(64, seed=3)
    rules = MusicRules(steps=25, batch=16)
    one, two = (play(data, rules, TINY, watch=(5,)) for _ in range(2))
    assert torch.equal(one.losses, two.losses) and one.losses.shape == (25, 2) and set(one.moments) == {5}
    assert one.losses[-5:, 0].mean() < one.losses[:3, 0].mean()  # the judge learns to tell noise from tunes
    assert not torch.equal(play(data, MusicRules(steps=25, batch=16, seed=1), TINY).losses, one.losses)


def test_scores_count_the_unreadable_as_wrong():
    data = tunes(8, seed=5)
    assert scores(data.rolls, data.moods, data.tempos)["both"] == 1
    empty = np.zeros_like(data.rolls)
    assert scores(empty, data.moods, data.tempos) == {"mood": 0, "tempo": 0, "both": 0, "notes": 0}


@pytest.mark.parametrize("call, told", [
    (lambda: tunes(0, 0), "count 0"), (lambda: MusicRules(game="chess"), "'chess'"), (lambda: MusicRules(batch=1), "batch 1"),
    (lambda: MusicGANConfig(width=0), "width 0"),
])  # fmt: skip
def test_bad_numbers(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_a_model_is_saved_and_loaded(tmp_path):
    torch.manual_seed(0)
    model = MusicGAN(TINY)
    model.save_pretrained(tmp_path)
    back = MusicGAN.from_pretrained(tmp_path)
    assert back.config == TINY
    for p, q in zip(model.parameters(), back.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-3, rtol=1e-3)  # half precision
    with pytest.raises(ValueError, match="there is no model"):
        MusicGAN.from_pretrained(tmp_path / "none")


class TestShipped:
    def made(self) -> tuple[np.ndarray, list[str], list[str]]:
        moods, tempos = map(list, zip(*(KINDS[i % 4] for i in range(200)), strict=True))
        rolls = MusicGAN.from_pretrained().generate(moods, tempos, torch.Generator().manual_seed(123))
        return rolls, moods, tempos

    def test_it_is_small(self):
        assert sum(f.stat().st_size for f in SHIPPED.iterdir()) < 1_000_000

    def test_mood_and_tempo_are_read_back(self):
        rolls, moods, tempos = self.made()
        found = scores(rolls, moods, tempos)
        assert found["mood"] >= 0.9 and found["tempo"] >= 0.9 and found["both"] >= 0.9
        opposite = ["sad" if mood == "glad" else "glad" for mood in moods]
        assert scores(rolls, opposite, tempos)["mood"] < 0.1
        report = json.loads((SHIPPED / "report.json").read_text())
        assert abs(report["made"]["both"] - found["both"]) < 0.05

    def test_it_copies_nothing_and_varies(self):
        rolls, _, _ = self.made()
        assert nearest(rolls, tunes(4000, seed=15).rolls).min() > 0
        assert all(variety(rolls[i::4]) > 0.7 * variety(tunes(200, seed=8).rolls[i::4]) for i in range(4))

    def test_one_by_one(self):
        model = MusicGAN.from_pretrained()
        for mood, tempo in KINDS:
            (roll,) = model.generate([mood], [tempo], torch.Generator().manual_seed(1))
            assert roll.dtype == np.uint8 and (read_mood(roll), read_tempo(roll)) == (mood, tempo)
