"""Chapter 11 · the tests that would have caught them: each stops at the wrong program with AssertionError.

A guard takes the program, or the programs, of its name; tests/clinic runs each on both forms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from t2v_edu.clinic.measure import ids_in_a_new_process, moved
from t2v_edu.clinic.patients import Painter, Scorer
from t2v_edu.world.captions import CaptionError, parse
from t2v_edu.world.oracle import read

Program = Callable[..., Any]


def captioned_clips(program: Program) -> None:
    """No clip twice, and the reader sees in every clip what its caption says."""
    clips, captions = program(48)
    unique = len({clip.tobytes() for clip in clips})
    assert unique == len(clips), f"of {len(clips)} clips only {unique} differ"
    for clip, caption in zip(clips, captions, strict=True):
        try:
            scene = parse(caption)
        except CaptionError as error:
            raise AssertionError(f"{caption!r} cannot be shown: {error}") from error
        seen = read(clip, world="shapes").agrees(scene)
        assert seen["all"], f"the clip does not show {caption!r}"


def save_film(save: Program, load: Program) -> None:
    """What is saved is what is loaded, in twelve frames of any colours."""
    film = np.random.default_rng(0).uniform(-1, 1, (12, 16, 16, 3))
    with TemporaryDirectory() as folder:
        save(film, folder)
        seen = load(folder) / 127.5 - 1
    assert np.abs(seen - film).max() <= 1 / 127.5, "another film came back"


def vocabulary(program: Program) -> None:
    """Two processes give every word the same id."""
    captions = ["a red circle moves left", "a blue star spins", "two hearts bounce"]
    first, second = (ids_in_a_new_process(program, captions, seed) for seed in (1, 2))
    assert first == second, "another process, other ids"


def channels_first(program: Program) -> None:
    """Every pixel keeps its colour, its place and its time."""
    frames = torch.arange(2 * 3 * 4 * 5 * 3).reshape(2, 3, 4, 5, 3)
    video = program(frames)
    assert video.shape == (2, 3, 3, 4, 5)
    for b, t, y, x, c in (0, 0, 0, 0, 1), (1, 2, 3, 4, 0), (1, 0, 2, 1, 2):
        assert video[b, c, t, y, x] == frames[b, t, y, x, c], "pixels changed places"


def block(program: Program) -> None:
    """A norm gives a weak signal and a strong one the same strength, and remembers 0.2 of each batch."""
    x = torch.randn(4, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    layer = program(8)
    weak, strong = layer(0.1 * x).std(), layer(10 * x).std()
    share = weak / strong
    assert 0.9 < share < 1.1, f"1/100 of the signal gives {share:.2f} of the output"
    layer = program(8)
    mean = layer[0](x).mean((0, 2, 3))
    layer(x)
    kept = (layer[1].running_mean @ mean) / (mean @ mean)
    assert 0.19 < kept < 0.21, f"the norm remembers {kept:.2f} of a batch, not 0.2"


def Residual(program: Program) -> None:
    """At the start a residual block is the identity, and one of its matrices has a gradient."""
    x, block = torch.randn(3, 8), program(8)
    assert torch.equal(block(x), x), "an untrained block changes its input"
    block(x).square().sum().backward()
    slopes = [w.grad for w in block.parameters() if w.ndim == 2 and w.grad is not None]
    assert any(slope.any() for slope in slopes), "no matrix of the block will ever move"


def class_loss(program: Program) -> None:
    """Who is sure and right pays nothing, who knows nothing pays log 7."""
    label = torch.arange(7).repeat(2)
    loss = program(30 * F.one_hot(label, 7).float(), label)
    assert abs(loss) < 1e-3, f"a perfect answer costs {loss:.3f}"
    loss = program(torch.zeros(14, 7), label)
    assert abs(loss - np.log(7)) < 1e-3, f"who knows nothing pays {loss:.3f}, not log 7"


def vae_loss(program: Program) -> None:
    """Half the sum of squares in every clip, the KL of the closed form; twice the pixels, equally wrong, are twice as wrong."""
    x, mean, log_var = torch.zeros(5, 12), torch.randn(5, 3), torch.randn(5, 3)
    once, kl = program(x, x + 0.5, mean, log_var)
    twice, _ = program(torch.cat([x, x], 1), torch.cat([x, x], 1) + 0.5, mean, log_var)
    posterior = Normal(mean, (0.5 * log_var).exp())
    closed = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1).mean()
    assert torch.allclose(kl, closed, atol=1e-5), f"KL {kl:.3f} instead of {closed:.3f}"
    assert torch.allclose(twice, 2 * once), "one term is a sum, the other a mean"
    assert abs(once - 1.5) < 1e-5, f"half of 12 times 0.25 is 1.5, not {once:.2f}"


def captioned_step(program: Program) -> None:
    """A step moves the weights, with captions as without, and with them those that read captions."""
    for text in None, torch.randn(4, 2):
        model = Painter(text=2)
        opt = torch.optim.SGD(model.parameters(), 0.1)
        part = model.film if text is None else model.words
        away = moved(part, partial(program, model, opt, torch.randn(4, 8), text))
        told = "without" if text is None else "with"
        assert away > 0, f"nothing moves in a step {told} captions"


def players(program: Program) -> None:
    """No weight belongs to both players."""
    G, D = nn.Linear(2, 2), nn.Linear(2, 1)
    owned = [opt.param_groups[0]["params"] for opt in program(G, D, 0.1)]
    of_g, of_d = (set(map(id, weights)) for weights in owned)
    assert not of_g & of_d, f"{len(of_g & of_d)} weights have two owners"
    for network, ids in (G, of_g), (D, of_d):
        assert ids == set(map(id, network.parameters())), "a weight has no owner"


def gan_step(program: Program) -> None:
    """After a step of plain descent, each player has moved by the gradient of its own loss."""
    for turn in "G", "D":
        G, D = nn.Linear(2, 2), Scorer()
        real, z = torch.randn(64, 2) + 2, torch.randn(64, 2)
        opt_g = torch.optim.SGD(G.parameters(), 1.0 if turn == "G" else 1e-6)
        opt_d = torch.optim.SGD(D.parameters(), 1.0 if turn == "D" else 1e-6)
        program(G, D, opt_g, opt_d, real, z)  # its gradients must not count again
        made = D(G(z))
        loss, weight = F.softplus(-made).mean(), G.bias
        if turn == "D":
            loss = (F.softplus(-D(real)) + F.softplus(made)).mean()
            weight = list(D.parameters())[-1]
        (wanted,) = torch.autograd.grad(loss, weight)
        before = weight.detach().clone()
        program(G, D, opt_g, opt_d, real, z)  # the other one as good as still
        went = before - weight.detach()
        share = (went @ wanted) / (wanted @ wanted)
        near = torch.allclose(went, wanted, rtol=1e-3, atol=1e-5)
        assert near, f"{turn} went {share:.2f} of its way"


def judge_loss(judge: Program, pupil: Program) -> None:
    """Both losses hear the captions, and D pays nothing only where it is right about real, made and misread films."""
    D, x, text = Scorer(text=3), torch.randn(6, 2), torch.eye(3).repeat(2, 1)
    other = text.roll(1, 1)
    assert judge(D, x, x, text) != judge(D, x, x, other), "D's loss ignores the caption"
    assert pupil(D, x, text) != pupil(D, x, other), "G's loss ignores the caption"

    def paid(right: float, misread: float, made: float) -> Tensor:
        def scores(films: Tensor, captions: Tensor) -> Tensor:  # by what it is shown
            which = (films[:, None] == x).all(2)
            own = (captions == text[which.int().argmax(1)]).all(1)
            real = torch.where(own, right, misread)
            return torch.where(which.any(1), real, made)[:, None]

        loss: Tensor = judge(scores, x, x + 9, text)
        return loss

    assert paid(20.0, -20.0, -20.0) < 1e-3, "a perfect D pays"
    assert paid(20.0, -20.0, 20.0) > 1, "no made film is scored down"
    assert paid(20.0, 20.0, -20.0) > 1, "real films never meet a wrong caption"
    convinced = pupil(lambda films, captions: torch.full((6, 1), 20.0), x, text)
    assert convinced < 1e-3, f"a G that convinces D pays {convinced:.3f}"


def film_noise(noise: Program, judge: Program) -> None:
    """Something stays from frame to frame, something says which it is, and D sees when a film runs backwards."""
    z = noise(3, 6, 16)
    stays = (z == z[:, :1]).all(1)  # (B, size)
    assert stays.any(1).all(), "nothing stays from one frame to the next"
    assert not stays.all(1).any(), "nothing says which frame it is"
    assert not torch.equal(z[0], z[1]), "all films have the same noise"
    films, weight = torch.randn(4, 5, 7), torch.randn(35)

    def D(x: Tensor) -> Tensor:
        return (x.flatten(1) * weight[: x[0].numel()]).sum(1)

    same = torch.isclose(judge(D, films), judge(D, films.flip(1)))
    assert not same.any(), "a film that runs backwards scores the same"


def flow_loss(program: Program) -> None:
    """What stands for "no caption" learns, and so do captions; the exact velocity costs nothing."""
    null = torch.zeros(3, requires_grad=True)
    v = nn.Linear(6, 2)

    def velocity(x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        out: Tensor = v(torch.cat([x, t, text], 1))
        return out

    data, noise, text, t = (torch.randn(256, n) for n in (2, 2, 3, 1))
    loss = program(velocity, data, text.requires_grad_(), null, noise, t)
    of_null, of_text = torch.autograd.grad(loss, (null, text), allow_unused=True)
    assert of_null is not None and of_null.any(), "the null caption gets no gradient"
    assert of_text is not None and of_text.any(), "captions get no gradient"
    dropped = 1 - of_text.any(1).float().mean()
    assert 0.05 < dropped < 0.25, f"{dropped:.2f} of the captions are dropped"
    loss = program(lambda x, t, text: data - noise, data, text, null, noise, t)
    assert loss < 1e-9, f"the exact velocity costs {loss:.2f}"


def path(way: Program, sampler: Program) -> None:
    """With the exact velocity, one step leads from the noise to the data, and four ask at the right times."""
    noise, data = torch.randn(5, 2), torch.randn(5, 2)
    end = sampler(lambda x, t: way(noise, data, t)[1], noise, 1)
    away = (end - data).abs().max()
    assert away < 1e-5, f"ends {away:.2f} away from the data"

    def exact(x: Tensor, t: Tensor) -> Tensor:
        there, velocity = way(noise, data, t)
        assert torch.allclose(there, x, atol=1e-5), "the time is not that of the place"
        return velocity  # type: ignore[no-any-return]

    sampler(exact, noise, 4)
