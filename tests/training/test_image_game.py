"""The game for still pictures: its data against the renderer, what each update may touch, a run that can be repeated."""

import dataclasses

import numpy as np
import pytest
import torch

from t2v_edu.datasets import WorldStream
from t2v_edu.evaluation.stills import agreement, is_plain, read_stills
from t2v_edu.losses.adversarial import GAMES
from t2v_edu.models.image_gan import ImageGAN, ImageGANConfig, matching_aware_d
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.image_gan import Game, Rules, augmented, first_frames, from_pictures, play, slowing, to_pictures
from t2v_edu.world.captions import parse

TINY = ImageGANConfig(size=16, text=8, noise=4, width=4)
RULES = Rules(steps=3, batch=4)


@pytest.fixture(scope="module")
def stills():
    return first_frames(count=24, seed=5, size=16)


# --- Data -------------------------------------------------------------------------------------------------------------


def test_first_frames_are_the_streams_own():
    stream = WorldStream("shapes", langs=("en", "zh"))
    clips = [clip for clip in (stream.clip(3, i) for i in range(60)) if is_plain(clip.scene)]
    ours = first_frames(count=len(clips), seed=3, langs=("en", "zh"))
    assert ours.captions == [clip.caption for clip in clips] and ours.scenes == [clip.scene for clip in clips]
    np.testing.assert_array_equal(ours.pictures, np.stack([clip.frames[0] for clip in clips]))
    assert 20 < len(clips) < 60  # some grow or shrink


def test_captions_say_what_the_pictures_show():
    few = first_frames(count=60, seed=4)
    more = augmented(few, 3, seed=0)
    assert len(more) == 180 and len({p.tobytes() for p in more.pictures}) > 150
    for part in few, more:
        # a caption may leave out what is unmarked; what it does say is the scene
        assert [parse(caption) for caption in part.captions] == part.scenes
        assert agreement(read_stills(part.pictures), part.scenes)["all"].share == 1


def test_augmentation_keeps_out_what_is_held_out():
    from t2v_edu.world.scene import is_held_out

    more = augmented(first_frames(count=80, seed=6), 3, seed=1)
    assert not any(is_held_out(scene) for scene in more.scenes)


def test_there_and_back(stills):
    pictures = to_pictures(stills)
    assert pictures.shape == (24, 3, 16, 16) and pictures.dtype == torch.float32
    np.testing.assert_array_equal(from_pictures(pictures), stills.pictures)
    np.testing.assert_array_equal(to_pictures(stills[2:5]).numpy(), pictures[2:5].numpy())


# --- The two updates --------------------------------------------------------------------------------------------------


def players(rules=RULES, **config):
    torch.manual_seed(0)
    captions = ["a red circle", "a blue square", "a green star", "a white cross"]
    model = ImageGAN(dataclasses.replace(TINY, **config), Tokenizer.fit(captions))
    return Game(model, rules), model.tokenizer.encode(captions)


def weights(module):
    return {name: w.clone() for name, w in module.state_dict().items()}


def changed(module, before):
    return {name for name, w in module.state_dict().items() if not torch.equal(w, before[name])}


def test_the_judges_update_moves_the_judge_and_the_words_and_nothing_else():
    game, (ids, mask) = players()
    words, generator, judge = weights(game.model.words), weights(game.model.generator), weights(game.judge)
    game.update_d(torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16), game.model.words(ids, mask))
    # within the hinge's margins one more on every score gains for right as much as it costs for made and wrong
    assert changed(game.judge, judge) == set(judge) - {"real.bias"} and "embed.weight" in changed(game.model.words, words)
    assert not changed(game.model.generator, generator)


def test_the_generators_update_moves_the_generator_and_nothing_else():
    game, (ids, mask) = players()
    words, generator, judge = weights(game.model.words), weights(game.model.generator), weights(game.judge)
    noise, text = torch.randn(4, 4), game.model.words(ids, mask).detach()
    before = game.judge(game.model.generator(noise, text), text).mean()
    game.update_g(noise, text)
    assert changed(game.model.generator, generator) == set(generator)
    assert not changed(game.judge, judge) and not changed(game.model.words, words)
    assert all(p.grad is None and p.requires_grad for p in game.judge.parameters())
    assert game.judge(game.model.generator(noise, text), text).mean() > before  # made now looks more real to the same judge


def test_a_judge_without_wrong_captions_or_without_ears_teaches_no_words():
    for rules, config in ((RULES, {"tell_d": "none"}), (dataclasses.replace(RULES, wrong=False), {"tell_d": "none"})):
        game, (ids, mask) = players(rules, **config)
        before = weights(game.model.words)
        game.round(torch.rand(4, 3, 16, 16), ids, mask, torch.Generator().manual_seed(0))
        assert not changed(game.model.words, before)


def test_wrong_captions_cost_a_judge_that_cannot_tell_them():
    real, made = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16)
    for wrong in True, False:
        game, (ids, mask) = players(dataclasses.replace(RULES, wrong=wrong), tell_d="none")
        with torch.no_grad():
            game.judge.real.bias.fill_(5.0)
            game.judge.real.weight.zero_()  # it says 5 to everything
        loss = game.update_d(real, made, game.model.words(ids, mask))
        assert loss.item() == pytest.approx(6.0)  # real 0; made 6, or ½·6 for made and ½·6 for wrong


def test_a_judge_that_reads_pays_for_the_wrong_captions_by_its_own_scores():
    real, made = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16)
    for wrong in True, False:
        game, (ids, mask) = players(dataclasses.replace(RULES, wrong=wrong), tell_d="projection")
        with torch.no_grad():
            for weight in game.judge.parameters():
                weight += 0.1 * torch.randn_like(weight)
            text = game.model.words(ids, mask)
            right, false, other = (game.judge(x, t) for x, t in ((real, text), (made, text), (real, text.roll(1, 0))))
            both = matching_aware_d(game.rules.game, right, false, other).item()
            one = GAMES[game.rules.game][0](right, false).item()
        assert abs(both - one) > 1e-3
        assert game.update_d(real, made, game.model.words(ids, mask)).item() == pytest.approx(both if wrong else one, rel=1e-4)


def test_the_penalty_is_half_the_squared_slope_at_real_pictures_and_its_weight_counts():
    real, made = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16)
    losses = {}
    for r1 in 0.0, 1.0, 3.0:
        game, (ids, mask) = players(dataclasses.replace(RULES, r1=r1))
        text = game.model.words(ids, mask)
        way = torch.nn.functional.normalize(torch.randn(4, 3 * 16 * 16, generator=torch.Generator().manual_seed(1)), dim=1)
        losses[r1] = game.update_d(real, made, text).item()
        game, _ = players(RULES)  # the same weights, before the update
        slopes = torch.func.vmap(torch.func.grad(lambda x, t: game.judge(x[None], t[None])[0]))(real, text).flatten(1)  # noqa: B023
        ahead, behind = (game.judge(real + step * way.view(4, 3, 16, 16), text) for step in (1e-2, -1e-2))
        torch.testing.assert_close((ahead - behind) / 2e-2, (slopes * way).sum(1), rtol=0.05, atol=1e-5)
    half = 0.5 * slopes.square().sum(1).mean().item()
    assert half > 1e-4 and not real.requires_grad
    assert losses[1.0] - losses[0.0] == pytest.approx(half, rel=1e-3)
    assert losses[3.0] - losses[0.0] == pytest.approx(3 * half, rel=1e-3)


def test_the_mean_lies_between_where_the_generator_was_and_is():
    game, (ids, mask) = players()
    start = game.model.generator.paint.weight.clone()
    game.round(torch.rand(4, 3, 16, 16), ids, mask, torch.Generator().manual_seed(0))
    step, mean = game.model.generator.paint.weight - start, game.mean.paint.weight - start
    torch.testing.assert_close(mean, step * (1 - 1 / 11))


def test_a_picture_of_nan_stops_the_run_and_is_named():
    game, (ids, mask) = players()
    with pytest.raises(ValueError, match="D's loss is nan in step 0"):
        game.round(torch.full((4, 3, 16, 16), float("nan")), ids, mask, torch.Generator().manual_seed(0))


# --- A run ------------------------------------------------------------------------------------------------------------


def test_the_same_seed_plays_the_same_game(stills):
    one, two = (play(stills, RULES, TINY, watch=(0, 2)) for _ in range(2))
    assert torch.equal(one.losses, two.losses) and one.losses.shape == (3, 2)
    for name, w in one.model.state_dict().items():
        assert torch.equal(w, two.model.state_dict()[name])
    assert list(one.moments) == [0, 2] and changed(one.model, weights(one.moments[0]))
    other = play(stills, dataclasses.replace(RULES, seed=1), TINY)
    assert not torch.equal(one.losses, other.losses)


def test_a_game_goes_on_from_copies(stills):
    first = play(stills, RULES, TINY)
    before = weights(first.model), weights(first.judge)
    second = play(stills[:8], dataclasses.replace(RULES, steps=1), start=first)
    assert not changed(first.model, before[0]) and not changed(first.judge, before[1])
    assert changed(second.model.generator, weights(first.model.generator))


def test_a_word_that_the_start_never_saw_is_named(stills):
    first = play(stills, RULES, TINY)
    strange = dataclasses.replace(stills, captions=["a polyhedral dodecahedron"] * len(stills))
    with pytest.raises(ValueError, match="dodecahedron, polyhedral"):
        play(strange, RULES, start=first)


@pytest.mark.parametrize("wrong", [{"game": "bce"}, {"steps": 0}, {"batch": 1}, {"r1": -0.1}, {"r1": float("nan")}])
def test_rules_that_cannot_be_played(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        Rules(**wrong)


def test_the_rate_falls_at_the_end():
    assert [round(slowing(s, 0.5), 3) for s in (0, 0.4, 0.5, 0.75, 1)] == [1, 1, 1, 0.55, 0.1]
    assert slowing(1.0, 1.0) == 1
