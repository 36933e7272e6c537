"""The Keras image GAN against the torch one: every way of telling the caption, both updates, `fit`, saving."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from twins import arrays, furthest, last, to_keras, to_torch

from t2v_edu.keras_mirror import image_gan as mirror
from t2v_edu.keras_mirror import losses, weights
from t2v_edu.keras_mirror.parts import Adam
from t2v_edu.losses import adversarial, penalties
from t2v_edu.models import image_gan as ours
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.image_gan import Game, Rules
from t2v_edu.weights import load_weights

pytestmark = pytest.mark.xdist_group("tensorflow")
TINY = {"size": 16, "text": 4, "noise": 3, "width": 2}
CAPTIONS = ["a red circle moves left", "a blue square", "a red star spins"]
WAYS = [("concat", "none"), ("concat", "concat"), ("modulation", "projection")]


def twins(tell_g="modulation", tell_d="projection", **rules):
    torch.manual_seed(0)
    config, tokenizer = ours.ImageGANConfig(**TINY, tell_g=tell_g, tell_d=tell_d), Tokenizer.fit(CAPTIONS)
    game = Game(ours.ImageGAN(config, tokenizer), Rules(words=20.0, **rules))
    for block in game.model.generator.up:  # it starts as the identity, whatever it is told; not in a test of equality
        if block.modulate is not None:
            torch.nn.init.normal_(block.modulate.linear.weight, std=0.3)
    return game, mirror.ImageGAN(tokenizer.words, **TINY, tell_g=tell_g, tell_d=tell_d)


def parts(game, model):
    return (game.model.words, model.words), (game.model.generator, model.generator), (game.judge, model.judge)


def batch(game, seed=0):
    draw = torch.Generator().manual_seed(seed)
    ids, mask = game.model.tokenizer.encode(CAPTIONS)
    dtype = torch.get_default_dtype()
    real = torch.rand(3, 3, 16, 16, generator=draw, dtype=dtype) * 2 - 1
    return ids, mask, real, *torch.randn(2, 3, 3, generator=draw, dtype=dtype)


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_the_same_weights_draw_and_judge_the_same(way):
    game, model = twins(*way)
    ids, mask, real, noise, _ = batch(game)
    code = game.model.words(ids, mask)

    def apart():
        made = last(game.model.generator(noise, code)) - model((ids.numpy(), noise.numpy()))
        judged = game.judge(real, code).detach() - torch.from_numpy(np.array(model.judge(last(real), model.words(ids.numpy()))))
        return np.abs(made).max(), judged.abs().max().item()

    assert min(apart()) > 1e-3
    for a, b in parts(game, model):
        to_keras(a, b)
    assert max(apart()) < 1e-5
    other, _ = twins(*way)
    for (a, b), (c, _) in zip(parts(game, model), parts(other, model), strict=True):
        to_torch(b, c)
        assert all(np.array_equal(v, arrays(c)[k]) for k, v in arrays(a).items())


@pytest.mark.parametrize(("way", "game", "wrong", "r1"), [
    (WAYS[0], "non_saturating", False, 0.0), (WAYS[1], "least_squares", True, 0.3), (WAYS[2], "hinge", True, 0.0),
    (WAYS[2], "non_saturating", True, 0.05),
], ids=lambda x: x if isinstance(x, str) else "")  # fmt: skip
def test_two_rounds_move_every_weight_alike(double, way, game, wrong, r1):
    play, model = twins(*way, game=game, wrong=wrong, r1=r1)
    for a, b in parts(play, model):
        to_keras(a, b)
    model.compile(*(Adam(rate, 0.5, 0.99) for rate in (2e-3, 2e-3, 0.04)), game=game, wrong=wrong, r1=r1)
    for step in range(2):
        ids, mask, real, noise_d, noise_g = batch(play, step)
        text = play.model.words(ids, mask)
        loss_d = play.update_d(real, play.model.generator(noise_d, text).detach(), text)
        loss_g = play.update_g(noise_g, play.model.words(ids, mask).detach())
        theirs = model.update(ids.numpy(), last(real), noise_d.numpy(), noise_g.numpy())
        np.testing.assert_allclose([float(x) for x in theirs], [loss_d.item(), loss_g.item()], rtol=1e-7)
        assert max(furthest(a, b)[0] for a, b in parts(play, model)) < 1e-7


@pytest.mark.parametrize("name", adversarial.GAMES)
def test_every_games_losses_equal_their_twins(name):
    real, fake = np.random.default_rng(0).normal(scale=3, size=(2, 50)).astype("float32")
    for mine, theirs, scores in zip(adversarial.GAMES[name], losses.GAMES[name], [(real, fake), (fake,)], strict=True):
        assert float(theirs(*scores)) == pytest.approx(mine(*map(torch.from_numpy, scores)).item(), rel=1e-5)
    assert losses.GAMES.keys() == adversarial.GAMES.keys()


def test_the_penalty_of_a_critic_that_is_flat_somewhere_has_its_twins_gradient():
    real, fake, mix = np.array([[1.0], [-1.0]], "float32"), np.array([[1.5], [-1.5]], "float32"), np.array([0.3, 0.6], "float32")
    slope = torch.tensor(2.0, requires_grad=True)
    mine = penalties.gradient_penalty(lambda x: (slope * x[:, 0]).relu(), *map(torch.from_numpy, (real, fake, mix)))
    mine.backward()
    weight = keras.Variable(2.0)
    with tf.GradientTape() as tape:
        theirs = losses.gradient_penalty(lambda x: keras.ops.relu(weight * x[:, 0]), *map(tf.constant, (real, fake, mix)))
    assert float(theirs) == pytest.approx(mine.item()) == pytest.approx(1.0)  # (2 − 1)² and (0 − 1)²
    assert float(tape.gradient(theirs, weight.value)) == pytest.approx(slope.grad.item()) == pytest.approx(1.0)


def test_a_batch_of_one_has_no_wrong_caption_and_is_refused():
    game, model = twins()
    ids, _, real, *_ = batch(game)
    model.compile(Adam(2e-3), Adam(2e-3), Adam(0.04), run_eagerly=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch of one"):
        model.cost_d(ids.numpy()[:1], last(real)[:1], np.zeros((1, 3), "float32"))


def test_fit_plays_and_a_saved_model_goes_on(tmp_path):
    game, model = twins()
    ids, _, real, *_ = batch(game)
    data = np.repeat(ids.numpy(), 2, 0).astype("int32"), np.repeat(last(real), 2, 0)
    model.compile(Adam(2e-3), Adam(2e-3), Adam(0.04), run_eagerly=True)
    before = weights.state(model)
    assert set(model.fit(*data, batch_size=3, epochs=1, verbose=0).history) == {"loss_d", "loss_g"}
    after = weights.state(model)
    assert all(any(not np.array_equal(after[k], before[k]) for k in before if k.startswith(p)) for p in ("words", "gen", "judge"))
    model.save(tmp_path / "gan.keras")
    other = keras.saving.load_model(tmp_path / "gan.keras")
    other.run_eagerly = True
    for each in (model, other):
        each.fit(*data, batch_size=3, epochs=1, shuffle=False, verbose=0)
    for (name, a), b in zip(weights.state(model).items(), weights.state(other).values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6, err_msg=name)


def test_the_shipped_players_draw_and_judge_the_same_in_keras():
    ours_g = ours.ImageGAN.from_pretrained()
    judge = ours.Discriminator(ours_g.config)
    load_weights(judge, ours.SHIPPED / "judge.safetensors")
    model = mirror.ImageGAN(ours_g.tokenizer.words, **dataclasses.asdict(ours_g.config))
    for a, b in ((ours_g.words, model.words), (ours_g.generator, model.generator), (judge, model.judge)):
        to_keras(a, b)
    captions = ["a large red circle moves left", "a small blue star spins"]
    noise = torch.randn(2, ours_g.config.noise, generator=torch.Generator().manual_seed(1))
    made = ours_g.generate(captions, torch.Generator().manual_seed(1))
    ids = ours_g.tokenizer.encode(captions)[0].numpy()
    np.testing.assert_allclose(model((ids, noise.numpy())), last(made), atol=1e-5)
    scores = judge(made, ours_g.encode(captions)).detach().numpy()
    np.testing.assert_allclose(model.judge(last(made), model.words(ids)), scores, atol=1e-5 * max(1, np.abs(scores).max()))


def test_what_does_not_fit_is_named():
    for bad, says in ({"size": 20}, r"size must be.*20"), ({"tell_g": "shout"}, r"'shout'.*concat, modulation"):
        with pytest.raises(ValueError, match=says):
            mirror.ImageGAN(["a"], **{**TINY, **bad})
    with pytest.raises(ValueError, match=r"game 'chess'.*hinge"):
        twins()[1].compile(Adam(), Adam(), Adam(), game="chess")


def test_every_combination_can_be_built():
    for tell_g, tell_d in itertools.product(mirror.TELL_G, mirror.TELL_D):
        model = mirror.ImageGAN(["a", "b"], **TINY, tell_g=tell_g, tell_d=tell_d)
        assert model((np.ones((2, 1)), np.ones((2, 3)))).shape == (2, 16, 16, 3)


def test_the_twins_are_of_one_size_if_nothing_is_said():
    model = mirror.ImageGAN(["<pad>", "<unknown>", "red"])
    assert {k: v for k, v in model.sizes.items() if k != "words"} == dataclasses.asdict(ours.ImageGANConfig())
