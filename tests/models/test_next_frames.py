"""Next frames from text and first frames: what a push does, who learns from what, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

from t2v_edu.models import next_frames
from t2v_edu.models.next_frames import (
    Batch,
    Chance,
    NextFrames,
    NextFramesConfig,
    Rules,
    cost_d,
    cost_g,
    optimizers,
    shifts,
    train_step,
)

WORDS = ("<pad>", "<unknown>", "down", "right", "square")
TINY = NextFramesConfig(WORDS, seen=2, ahead=3, size=8, text=6, state=10, noise=4, width=2, reach=2)
IDS = torch.tensor([[4, 3, 0], [4, 2, 3], [1, 0, 0], [2, 0, 0]])


def model(config=TINY, seed=0):
    torch.manual_seed(seed)
    return NextFrames(config)


def batch(seed=0):
    draw = torch.Generator().manual_seed(seed)
    clip = torch.rand(4, 3, 5, 8, 8, generator=draw) * 2 - 1
    return Batch(IDS, clip[:, :, :2], clip[:, :, 2:]), Chance.draw(4, 4, draw)


# --- One push -----------------------------------------------------------------------------------------------------------


def test_shifts_take_each_pixel_from_further_on():
    row = torch.tensor([1.0, 2.0, 3.0, 4.0])
    expected = [[1, 1, 1, 2], [1, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 4], [3, 4, 4, 4]]  # beyond the edge, the edge
    assert (shifts(4, 2) @ row).tolist() == expected


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -2), (2, 1)])
def test_a_film_of_pushes_alone_moves_the_frame(down, right):
    """With kernels of a single one and all of the share for what was pushed, each frame is the one before, rolled."""
    g = model().generator
    with torch.no_grad():
        g.push.weight.zero_()
        logits = torch.full((2, 5), -1e4)
        logits[0, 2 - down], logits[1, 2 - right] = 1e4, 1e4
        g.push.bias.copy_(logits.flatten())
        g.last.weight.zero_()
        g.last.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 1e4, -1e4, -1e4]))
    frame = torch.full((1, 3, 8, 8), -1.0)
    frame[:, :, 3, 3] = torch.tensor([1.0, 0.5, 0.0])
    film = g.film(torch.zeros(1, 3, 10), frame)
    for t in range(3):
        y, x = 3 + (t + 1) * down, 3 + (t + 1) * right
        expected = torch.full((3, 8, 8), -1.0)
        if 0 <= y < 8 and 0 <= x < 8:
            expected[:, y, x] = torch.tensor([1.0, 0.5, 0.0])
            torch.testing.assert_close(film[0, :, t], expected)


def test_a_new_model_leaves_the_frame_nearly_as_it_is():
    g = model().generator
    first = batch()[0].first
    taps = g.push(torch.randn(50, 10)).unflatten(1, (2, -1)).softmax(2)
    assert (taps.argmax(2) == 2).all()
    made = g(IDS, first, torch.zeros(4, 4))
    assert (made[:, :, 0] - first[:, :, -1]).abs().mean() < (made[:, :, 0] - first[:, :, -1].roll(1, 0)).abs().mean()


# --- What reaches what ----------------------------------------------------------------------------------------------------


def test_frames_depend_on_words_first_frames_and_noise_but_not_on_padding_or_neighbours():
    net = model()
    with torch.no_grad():
        net.generator.push.weight.normal_(std=2.0)
    data, chance = batch()
    made = net(IDS, data.first, chance.noise_g)
    assert made.shape == (4, 3, 3, 8, 8) and made.abs().max() <= 1
    others = {
        "words": net(IDS.flip(0), data.first, chance.noise_g),
        "an earlier frame": net(IDS, torch.stack([-data.first[:, :, 0], data.first[:, :, 1]], 2), chance.noise_g),
        "noise": net(IDS, data.first, -chance.noise_g),
    }
    for what, other in others.items():
        assert (other - made).abs().amax((1, 2, 3, 4)).min() > 1e-5, what
    longer = torch.nn.functional.pad(IDS, (0, 4))
    torch.testing.assert_close(net(longer, data.first, chance.noise_g), made)
    torch.testing.assert_close(net(IDS[:1], data.first[:1], chance.noise_g[:1]), made[:1])


def grown(net, loss):
    net.zero_grad()
    loss.backward()
    moved = [name.split(".") for name, p in net.named_parameters() if p.grad is not None and p.grad.any()]
    return {f"{player}.{part}" for player, part, *_ in moved}


@pytest.mark.parametrize("game", next_frames.GAMES)
def test_each_player_learns_from_its_own_loss_alone(game):
    net = model()
    data, chance = batch()
    from_d = grown(net, cost_d(net, data, chance, Rules(game)))
    assert from_d == {"discriminator.look", "discriminator.code", "discriminator.judge"}
    net.discriminator.requires_grad_(False)
    from_g = grown(net, cost_g(net, data, chance, Rules(game))[0])
    parts = ("text", "look", "code", "remember", "imagine", "push", "canvas", "paint", "last")
    assert from_g == {f"generator.{part}" for part in parts}


def test_the_text_encoder_cannot_flatter_the_judge():
    """The score's own view of the caption is cut off: words move, but through the frames alone."""
    net = model()
    data, chance = batch()
    cost = cost_g(net, data, chance, Rules(pixels=0.0))[0]
    through = torch.autograd.grad(cost, net.generator.text.project.weight)[0]
    text = net.generator.text(IDS, IDS != 0).pooled
    made = net.generator.go_on(text.detach(), data.first, chance.noise_g)
    score = net.discriminator(torch.cat([data.first, made], 2), text)
    direct = torch.autograd.grad(next_frames.GAMES["non_saturating"][1](score), net.generator.text.project.weight)[0]
    assert direct.norm() > 10 * through.norm() > 0


def test_wrong_captions_are_negatives():
    """A judge that scores by the caption's fit alone: L_D is lower when neighbours' captions differ than when all are one."""
    net = model()
    data, chance = batch()
    mild = Rules("wasserstein", penalty=0.0)
    same = Batch(IDS[:1].expand(4, -1), data.first, data.after)
    loss = cost_d(net, same, chance, mild)
    text = net.generator.text(same.ids, same.ids != 0).pooled
    with torch.no_grad():
        made = net.generator.go_on(text, data.first, chance.noise_d)
    d = net.discriminator
    on_real, on_fake = (d(torch.cat([data.first, x], 2), text) for x in (data.after, made))
    torch.testing.assert_close(loss, 0.5 * (on_fake.mean() - on_real.mean()))  # the wrong ones, being right, cancel
    assert abs(cost_d(net, data, chance, mild) - loss) > 1e-4


def test_training_brings_the_frames_nearer():
    net = model()
    draw = torch.Generator().manual_seed(0)
    shade = torch.linspace(-0.8, 0.8, 4)[:, None, None, None, None].expand(4, 3, 5, 8, 8)
    data = Batch(IDS, shade[:, :, :2], -shade[:, :, 2:])  # what comes is the negative of what was seen
    pair = optimizers(net, 5e-3, 1e-3)
    told = [train_step(net, pair, data, Chance.draw(4, 4, draw), Rules()) for _ in range(60)]
    assert told[-1]["pixels"] < 0.3 * told[0]["pixels"]
    assert set(told[0]) == {"loss_d", "loss_g", "pixels"}


def test_the_two_optimisers_have_nothing_in_common():
    g, d = ({id(p) for group in o.param_groups for p in group["params"]} for o in optimizers(model()))
    assert g and d and not g & d


# --- Saving, and what is refused ------------------------------------------------------------------------------------------


def test_a_saved_model_makes_the_same_frames(tmp_path):
    net = model()
    net.save_pretrained(tmp_path)
    other = NextFrames.from_pretrained(tmp_path)
    data, chance = batch()
    assert other.config == TINY
    assert torch.equal(net.eval()(IDS, data.first, chance.noise_g), other(IDS, data.first, chance.noise_g))


def test_a_broken_batch_is_named_and_changes_nothing():
    net = model()
    data, chance = batch()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    broken = dataclasses.replace(data, after=data.after.clone().index_fill_(0, torch.tensor([1]), np.nan))
    with pytest.raises(ValueError, match="D's loss is nan; look at the batch"):
        train_step(net, optimizers(net), broken, chance, Rules())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


@pytest.mark.parametrize(("change", "says"), [
    ({"size": 12}, r"size must be 8, 16, 32 or 64, not 12"), ({"ahead": 0}, r"ahead 0: use 1"), ({"reach": 8}, r"reach 8 must"),
])  # fmt: skip
def test_sizes_that_cannot_be_are_refused(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(TINY, **change)


def test_what_does_not_fit_is_quoted():
    net = model()
    data, chance = batch()
    with pytest.raises(ValueError, match=r"first frames \(B, 3, 2, 8, 8\).*\(4, 3, 3, 8, 8\)"):
        net(IDS, data.after, chance.noise_g)
    with pytest.raises(ValueError, match=r"noise \(B, 4\).*\(4, 5\)"):
        net(IDS, data.first, torch.zeros(4, 5))
    with pytest.raises(ValueError, match=r"ids go from 0 to 9"):
        net(IDS * 9 // 4, data.first, chance.noise_g)
    with pytest.raises(ValueError, match=r"'chess'.*non_saturating"):
        Rules("chess")
