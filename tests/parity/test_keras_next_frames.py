"""Next frames in Keras against its torch twin, and what `fit`, callbacks and `.keras` files promise."""

import dataclasses
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from twins import furthest, last, to_keras, to_torch

from t2v_edu.keras_mirror import next_frames as mirror
from t2v_edu.keras_mirror import weights
from t2v_edu.keras_mirror.parts import Adam
from t2v_edu.models import next_frames as ours

pytestmark = pytest.mark.xdist_group("tensorflow")
WORDS = ("<pad>", "<unknown>", "a", "circle", "moves")
TINY = {"seen": 2, "ahead": 3, "size": 8, "text": 6, "state": 10, "noise": 4, "width": 2, "reach": 2}
IDS = torch.tensor([[2, 3, 4, 2], [3, 1, 0, 0], [4, 0, 0, 0]])


def twins(seed=0):
    torch.manual_seed(seed)
    return ours.NextFrames(ours.NextFramesConfig(WORDS, **TINY)), mirror.NextFrames(WORDS, **TINY)


def batch(seed=0):
    draw = torch.Generator().manual_seed(seed)
    clip = torch.rand(3, 3, 5, 8, 8, generator=draw, dtype=torch.get_default_dtype()) * 2 - 1
    return ours.Batch(IDS, clip[:, :, :2], clip[:, :, 2:]), ours.Chance.draw(3, 4, draw)


def in_keras(b, chance=None):
    data = IDS.numpy().astype("int32"), last(b.first), last(b.after)
    return data if chance is None else (*data, *(getattr(chance, f.name).numpy() for f in dataclasses.fields(chance)))


def compiled(model, **rules):
    model.compile(Adam(1e-3, 0.5, 0.99), Adam(5e-4, 0.5, 0.99), **rules)
    return model


@pytest.mark.parametrize("carry", [to_keras, lambda a, b: to_torch(b, a)], ids=["to Keras", "to PyTorch"])
def test_the_same_weights_make_the_same_frames_and_scores(carry):
    a, b = twins()
    data, chance = batch()
    clip, text = torch.cat([data.first, data.after], 2), torch.randn(3, 6)

    def apart():
        made = a(IDS, data.first, chance.noise_g), b((IDS.numpy(), last(data.first), chance.noise_g.numpy()))
        score = a.discriminator(clip, text), b.discriminator(last(clip), text.numpy())
        return np.abs(last(made[0]) - made[1]).max(), np.abs(score[0].detach().numpy() - score[1]).max()

    assert min(apart()) > 1e-3
    carry(a, b)
    assert max(apart()) < 1e-5
    assert furthest(a, b)[0] == 0


@pytest.mark.parametrize("game", ["non_saturating", "wasserstein"])
def test_three_steps_of_adam_move_every_weight_alike(double, game):
    a, b = twins()
    to_keras(a, b)
    compiled(b, game=game)
    adams = ours.optimizers(a, 1e-3, 5e-4)
    for step in range(3):
        data, chance = batch(step)
        mine = ours.train_step(a, adams, data, chance, ours.Rules(game))
        theirs = b.update(*in_keras(data, chance))
        np.testing.assert_allclose([float(x) for x in theirs], list(mine.values()), rtol=1e-7)
        assert furthest(a, b)[0] < 1e-7


@pytest.mark.parametrize("game", ["non_saturating", "wasserstein"])
def test_one_step_in_single_precision(game):
    """Plain descent: Adam divides a gradient by its own size, and would show rounding where a gradient is all but 0."""
    a, b = twins()
    to_keras(a, b)
    b.compile(keras.optimizers.SGD(1e-2), keras.optimizers.SGD(1e-2), game=game)
    parts = [[p for p in part.parameters() if p.requires_grad] for part in (a.generator, a.discriminator)]
    before = weights.state(b)
    data, chance = batch()
    mine = ours.train_step(a, tuple(torch.optim.SGD(p, 1e-2) for p in parts), data, chance, ours.Rules(game))
    theirs = b.update(*in_keras(data, chance))
    np.testing.assert_allclose([float(x) for x in theirs], list(mine.values()), rtol=1e-5)
    assert furthest(a, b)[0] < 1e-5
    after = weights.state(b)
    still = {k for k in before if np.array_equal(before[k], after[k])}
    free = {"discriminator.judge.real.bias"} if game == "wasserstein" else set()  # a constant added to all scores cancels there
    assert {k for k in still if "bias_hh" not in k} == free


def test_both_frameworks_start_from_the_same_sizes():
    config = dataclasses.asdict(ours.NextFramesConfig(WORDS))
    assert dict(mirror.NextFrames(WORDS).sizes) == {**config, "words": list(WORDS)}


def test_frames_of_every_size_stay_in_range():
    for size in (8, 16, 32):
        model = mirror.NextFrames(WORDS, **{**TINY, "size": size})
        made = model((IDS.numpy(), np.random.default_rng(0).uniform(-1, 1, (3, 2, size, size, 3)), np.ones((3, 4))))
        assert made.shape == (3, 3, size, size, 3) and np.abs(made).max() <= 1


# --- Fitting and saving ---------------------------------------------------------------------------------------------------


def stream(clips=12, seed=0):
    draw = np.random.default_rng(seed)
    ids = draw.integers(1, len(WORDS), (clips, 4)).astype("int32")
    shade = np.broadcast_to((ids[:, :1, None, None, None] / 2 - 1), (clips, 5, 8, 8, 3)).astype("float32")
    return (ids, shade[:, :2]), shade[:, 2:]


def test_fit_runs_callbacks_and_brings_the_frames_nearer(tmp_path):
    _, model = twins()
    compiled(model, game="wasserstein")  # as a graph, with a tape inside a tape
    x, y = stream()
    start = model.evaluate(x, y, batch_size=12, verbose=0, return_dict=True)["pixels"]
    before = weights.state(model)
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="val_pixels", mode="min", save_best_only=True)
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    told = model.fit(x, y, batch_size=4, epochs=8, validation_data=(x, y), callbacks=[best, log], verbose=0)
    assert set(told.history) == {"loss_d", "loss_g", "pixels", "val_pixels"}
    assert min(told.history["val_pixels"]) < 0.7 * start
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 9
    moved = [k for k, v in weights.state(model).items() if not np.array_equal(v, before[k])]
    assert any(k.startswith("generator.text") for k in moved) and any(k.startswith("discriminator") for k in moved)
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    again = loaded.evaluate(x, y, batch_size=12, verbose=0, return_dict=True)["pixels"]
    assert again == pytest.approx(min(told.history["val_pixels"]), rel=1e-3)


def test_early_stopping_stops():
    _, model = twins()
    compiled(model, pixels=0.0, run_eagerly=True)
    stop = keras.callbacks.EarlyStopping(monitor="val_pixels", mode="min", min_delta=1e6, patience=1)
    x, y = stream()
    assert len(model.fit(x, y, batch_size=12, epochs=9, validation_data=(x, y), callbacks=[stop], verbose=0).epoch) == 2


def test_a_saved_model_goes_on_as_if_it_had_never_been_saved(tmp_path):
    """Weights, both Adams' momenta, the rules, the noise's seed and the words: all in one file, loaded in safe mode."""
    _, model = twins()
    compiled(model, game="wasserstein", penalty=3.0, run_eagerly=True)
    x, y = stream()
    model.fit(x, y, batch_size=6, epochs=1, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    other = keras.saving.load_model(tmp_path / "model.keras")  # safe_mode is on unless one turns it off
    assert tuple(other.sizes["words"]) == WORDS and dict(other.sizes) == dict(model.sizes) and other.rules == model.rules
    same = [np.array_equal(a, b) for a, b in zip(weights.state(model).values(), weights.state(other).values(), strict=True)]
    assert all(same)
    other.run_eagerly = True
    for each in (model, other):
        each.fit(x, y, batch_size=6, epochs=1, shuffle=False, verbose=0)
    for (name, a), b in zip(weights.state(model).items(), weights.state(other).values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6, err_msg=name)


def test_no_code_travels_in_the_file(tmp_path):
    twins()[1].save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert set(archive.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
        assert b"__lambda__" not in archive.read("config.json")


def test_every_call_to_fit_draws_fresh_noise():
    _, model = twins()
    compiled(model)
    x, y = stream(3)
    drawn = []
    model.update = lambda *data: (drawn.append(data[3:]), (0.0, 0.0, 0.0))[1]
    for _ in range(2):
        model.train_step(((x[0], tf.constant(x[1])), y))
    (d, g, mix), (d2, g2, mix2) = drawn
    assert d.shape == g.shape == (3, 4) and mix.shape == (3,) and 0 <= np.min(mix) and np.max(mix) < 1
    assert not any(np.allclose(a, b) for a, b in ((d, g), (d, d2), (g, g2), (mix, mix2)))


# --- What is refused ------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_named():
    _, model = twins()
    with pytest.raises(ValueError, match=r"first frames \(B, 2, 8, 8, 3\).*\(3, 2, 9, 8, 3\)"):
        model((IDS.numpy(), np.zeros((3, 2, 9, 8, 3)), np.zeros((3, 4))))
    with pytest.raises(ValueError, match=r"game 'chess'.*non_saturating.*wasserstein"):
        compiled(model, game="chess")
    with pytest.raises(ValueError, match=r"size must be.*12"):
        mirror.NextFrames(WORDS, size=12)


def test_a_broken_batch_stops_the_run_and_changes_nothing():
    _, model = twins()
    compiled(model, run_eagerly=True)
    x, y = stream(3)
    before = weights.state(model)
    with pytest.raises(tf.errors.InvalidArgumentError, match="D's loss; look at the batch for NaN"):
        model.fit(x, np.where(np.arange(3)[:, None, None, None, None] == 1, np.nan, y), batch_size=3, verbose=0)
    assert all(np.array_equal(before[k], v) for k, v in weights.state(model).items())
