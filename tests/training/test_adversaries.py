"""Games in the plane: seeds, independence of the runs, both updates as the losses say, constraints that hold, errors."""

import pytest
import torch

from t2v_edu.losses.adversarial import GAMES
from t2v_edu.models.planar_gan import Mixture, ring
from t2v_edu.training.adversaries import PENALTIES, PlanarGame, play

SHORT = {"steps": 4, "batch": 16, "hidden": 8, "runs": 2, "noise": 3}


@pytest.mark.parametrize("game", [*GAMES, "relativistic"])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_game_goes_with_every_penalty_and_is_the_same_twice(game, penalty):
    rules = PlanarGame(game, penalty, strength=0.1, **SHORT)
    first, second = (play(ring(), rules, watch=(0, 2), count=50) for _ in range(2))
    assert sorted(first.points) == [0, 2, 4] and first.points[4].shape == (2, 50, 2)
    for at, points in first.points.items():
        assert torch.equal(points, second.points[at]) and points.isfinite().all()
    assert not torch.equal(first.points[0], first.points[2])
    assert not torch.equal(first.points[4][0], first.points[4][1])  # each run goes its own way


def test_another_seed_is_another_game():
    one, two = (play(ring(), PlanarGame(seed=s, **SHORT), count=20).points[4] for s in (0, 1))
    assert not torch.equal(one, two)


def test_the_first_step_is_adam_down_the_two_losses():
    """Adam's first step is lr·sign(gradient), so both players can be checked against gradients taken by hand."""
    rules = PlanarGame(**{**SHORT, "steps": 1, "runs": 1})
    target = ring()
    played = play(target, rules, watch=(0,))
    draw = torch.Generator().manual_seed(rules.seed)
    from t2v_edu.models.planar_gan import ManyNets

    g, d = (ManyNets(1, widths, draw) for widths in ((3, 8, 8, 2), (2, 8, 8, 1)))
    torch.randn(1, 1000, 3, generator=draw)  # the noise that is looked at
    real = target.sample(1, 16, generator=draw)
    fake = g(torch.randn(1, 16, 3, generator=draw)).detach()
    loss_d = -d(real).sigmoid().log().mean() - (1 - d(fake).sigmoid()).log().mean()
    steps = torch.autograd.grad(loss_d, list(d.parameters()))
    for p, gradient, after in zip(d.parameters(), steps, played.d.parameters(), strict=True):
        moved = gradient.abs() > 1e-5
        torch.testing.assert_close(after[moved], (p - 5e-3 * gradient.sign())[moved], atol=1e-5, rtol=0)
    loss_g = -played.d(g(torch.randn(1, 16, 3, generator=draw))).sigmoid().log().mean()  # D has moved by then
    steps = torch.autograd.grad(loss_g, list(g.parameters()))
    for p, gradient, after in zip(g.parameters(), steps, played.g.parameters(), strict=True):
        moved = gradient.abs() > 1e-5
        torch.testing.assert_close(after[moved], (p - 5e-3 * gradient.sign())[moved], atol=1e-5, rtol=0)


def test_clipping_holds():
    played = play(ring(), PlanarGame("wasserstein", "clipping", strength=0.05, **{**SHORT, "steps": 20}))
    assert max(p.abs().max().item() for p in played.d.parameters()) <= 0.05 + 1e-8


def test_the_gradient_penalty_pulls_the_slope_to_1_and_r1_to_0():
    """Real points alone at one place, made ones elsewhere, G all but still: what slope has D in the end?"""
    target = Mixture(torch.tensor([[1.0, 0.0]]), 0.05)
    slopes = {}
    for penalty, strength in (("gradient_penalty", 10.0), ("r1_r2", 100.0)):
        rules = PlanarGame("wasserstein", penalty, strength, steps=300, batch=32, hidden=16, runs=2, lr=1e-9, lr_d=3e-3)
        played = play(target, rules)
        real = target.sample(2, 64, generator=torch.Generator().manual_seed(5))
        x = (0.5 * (real + played.points[300][:, :64])).requires_grad_()
        slopes[penalty] = torch.autograd.grad(played.d(x).sum(), x)[0].norm(dim=-1).mean().item()
    assert slopes["gradient_penalty"] == pytest.approx(1, abs=0.2)
    assert slopes["r1_r2"] < 0.1


@pytest.mark.parametrize("steepest", [1.0, 8.0])
def test_under_the_spectral_norm_no_slope_exceeds_its_bound_and_a_critic_comes_near_it(steepest):
    """Wasserstein wants D as steep as it may be on the way from the made points to the real ones; G all but stands still."""
    target = Mixture(torch.tensor([[3.0, 0.0]]), 0.05)
    rules = PlanarGame("wasserstein", "spectral", steepest, steps=300, batch=32, hidden=16, runs=2, lr=1e-9)
    played = play(target, rules)
    x = (6 * torch.rand(2, 400, 2, generator=torch.Generator().manual_seed(6)) - 3).requires_grad_()
    assert torch.autograd.grad(played.d(x).sum(), x)[0].norm(dim=-1).max() <= 1.02 * steepest
    real = target.sample(2, 64, generator=torch.Generator().manual_seed(5))
    between = (0.5 * (real + played.points[300][:, :64])).requires_grad_()
    assert torch.autograd.grad(played.d(between).sum(), between)[0].norm(dim=-1).mean() > 0.5 * steepest


def test_one_mode_is_learned():
    """The easiest data there is: with R1 the classic game finds it in every run."""
    target = Mixture(torch.tensor([[0.6, -0.4]]), 0.2)
    rules = PlanarGame(penalty="r1", strength=0.3, steps=400, hidden=16, runs=6, lr=3e-3, lr_d=3e-3)
    played = play(target, rules, watch=(0,))
    before, after = ((played.points[at].mean(1) - target.centres).norm(dim=1).mean() for at in (0, 400))
    assert after < 0.4 * before
    assert played.coverage[400].good.mean() > 0.85 > 0.5 > played.coverage[0].good.mean()


@pytest.mark.parametrize("call, told", [
    (lambda: PlanarGame("chess"), "'chess'"), (lambda: PlanarGame(penalty="fine"), "'fine'"),
    (lambda: PlanarGame(batch=0), "batch 0"), (lambda: PlanarGame(runs=0), "runs 0"),
    (lambda: PlanarGame(lr=0.0), "^lr 0.0"), (lambda: PlanarGame(lr=-1e-3), "^lr -0.001"),
    (lambda: PlanarGame(lr=float("nan")), "^lr nan"), (lambda: PlanarGame(lr_d=float("inf")), "^lr_d inf"),
    (lambda: PlanarGame(lr_d=0.0), "^lr_d 0.0"), (lambda: PlanarGame(penalty="r1", strength=-0.1), "strength -0.1 is negative"),
    (lambda: PlanarGame(strength=float("inf")), "strength inf"), (lambda: PlanarGame(strength=float("nan")), "strength nan"),
    (lambda: PlanarGame(penalty="spectral", strength=0.0), "spectral needs"),
    (lambda: PlanarGame(penalty="clipping", strength=0.0), "clipping needs"),
])  # fmt: skip
def test_what_is_no_rule_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_a_penalty_of_strength_0_is_none():
    """What is still allowed at the edge: the same game as without a penalty."""
    free, held = (play(ring(), PlanarGame(penalty=name, strength=0.0, **SHORT), count=20).points[4] for name in ("none", "r1"))
    torch.testing.assert_close(free, held)


def test_a_game_that_explodes_is_stopped_and_named():
    with pytest.raises(ValueError, match="D's loss, step 0 is nan"):
        play(Mixture(torch.tensor([[float("nan"), 0.0]]), 0.1), PlanarGame(**SHORT))
