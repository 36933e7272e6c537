"""The video GAN's recipe: what each update changes and what it must not, and every source that it can train on."""

import copy
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from torch import nn

from t2v_edu.datasets import WorldStream
from t2v_edu.film.mux import write_film
from t2v_edu.losses.adversarial import r1_penalty
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.shards import write_shards
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.loop import Workers, read_scalars
from t2v_edu.training.recipes import VideoGANTrainee, teach_words
from t2v_edu.training.sources import captioned_scenes, captions_of

SOURCE = WorldStream("shapes", frames=4, size=16)


def trainee(**changes):
    torch.manual_seed(0)
    words = Tokenizer.fit(caption for caption, _ in itertools.islice(captioned_scenes(SOURCE, 0), 2000))
    return VideoGANTrainee(VideoGAN(tiny.SIZE, words), tiny.config(**changes), Workers("cpu"))


def snapshot(module):
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def changed(module, before):
    return {name for name, p in module.named_parameters() if not torch.equal(p, before[name])}


def a_batch(step=0, batch=4):
    return SOURCE.batch(batch, seed=0, step=step)


# --- The two updates --------------------------------------------------------------------------------------------------


def test_the_optimisers_share_nothing_and_miss_nothing():
    t = trainee()
    maker, critic = ({id(p) for g in t.optimizers[name].param_groups for p in g["params"]} for name in ("maker", "discriminator"))
    assert not maker & critic
    assert maker == {id(p) for m in (t.model, t.posterior) for p in m.parameters()}
    assert critic == {id(p) for p in t.discriminator.parameters()}
    assert not maker & {id(p) for p in t.average.parameters()}


def test_one_captioned_step_changes_both_players_and_the_words():
    t = trainee(critic_start=0, turn_start=0)
    batch = a_batch()
    for step in range(2):  # zero-initialised layers let a gradient through from the second step on
        before = snapshot(t.model), snapshot(t.posterior), snapshot(t.discriminator)
        t.step(batch, step)
    still = set(before[0]) - changed(t.model, before[0])
    assert still == set() and changed(t.posterior, before[1]) == set(before[1])
    unmoved = set(before[2]) - changed(t.discriminator, before[2])
    assert unmoved <= {"judge_clip.real.bias", "judge_frame.real.bias"}  # as many scores pushed up as down, within the margins
    rows = (t.model.text.embed.weight != before[0]["text.embed.weight"]).any(1)
    said = t.model.tokenizer.encode(batch.captions)[0].unique()
    assert rows[said[said > 0]].all() and not rows[0]


def test_the_critics_update_leaves_the_maker_alone_and_the_other_way_round():
    t = trainee(critic_start=0)
    batch = a_batch()
    real = torch.rand(4, 3, 4, 16, 16) * 2 - 1
    text = t.model.encode(batch.captions)
    fake = t.model.generator(torch.randn(2, 6), text[::2].pooled)
    before = snapshot(t.maker)
    t.update_discriminator(real, fake.detach(), text.detach(), text[::2].detach(), torch.arange(4), 0)
    assert changed(t.maker, before) == set() and all(p.grad is None for p in t.maker.parameters())
    critic = snapshot(t.discriminator)
    t.discriminator.zero_grad()
    t.update_generator(real, real, fake, text[::2], torch.zeros(()), torch.arange(4), 0)
    assert changed(t.discriminator, critic) == set() and all(p.grad is None for p in t.discriminator.parameters())
    assert changed(t.model, {k[2:]: v for k, v in before.items() if k.startswith("0.")})
    assert all(p.requires_grad for p in t.discriminator.parameters())


def test_the_game_begins_when_it_should():
    t = trainee(critic_start=3)
    before = snapshot(t.discriminator)
    alone = set(t.step(a_batch(), 2))
    assert {"MSE", "KL"} <= alone and changed(t.discriminator, before) == set()
    assert set(t.step(a_batch(), 3)) - alone == {"L_G", "L_D", "D(real)", "D(made)", "D(wrong)"}
    assert changed(t.discriminator, before)


def test_nothing_turns_before_its_time():
    t = trainee(turn_start=2, critic_start=100)
    before = snapshot(t.model.generator.turn)
    for step in range(2):
        t.step(a_batch(step), step)
    assert changed(t.model.generator.turn, before) == set()
    t.step(a_batch(2), 2)
    assert changed(t.model.generator.turn, before) == set(before)


def test_a_rate_is_learned_from_the_first_frames_until_all_of_them_count():
    t = trainee(turn_all=2)
    gan, text = t.model.generator, torch.randn(1, tiny.SIZE.text)
    gradients = {}
    for early in True, False:
        gan.early = early
        turned = gan.move(torch.zeros(1, tiny.SIZE.motion), text)[0, :, 0, 0, 1]  # (T,) grows with the sine of the angle
        gradients[early] = torch.stack([torch.autograd.grad(x, gan.turn[-1].bias, retain_graph=True)[0][0] for x in turned])
    assert torch.equal(gradients[True][:2], gradients[False][:2]) and gradients[False][0] == 0 != gradients[False][1]
    share = gradients[True][1:] / gradients[False][1:]
    torch.testing.assert_close(share, torch.exp(-torch.arange(3) / 1.5), atol=1e-4, rtol=0)
    t.step(a_batch(1), 1)
    assert gan.early
    t.step(a_batch(2), 2)
    assert not gan.early


def test_turning_has_its_price():
    t = trainee(turn_start=0, critic_start=100, reconstruction=0.0, where=0.0, kl=((0, 0.0),), turning=1.0, lr=1e-2,
                steps=1000)  # fmt: skip
    with torch.no_grad():
        t.model.generator.turn[-1].bias.fill_(1.0)
    for step in range(30):
        t.step(a_batch(), step)
    assert t.model.generator.turn[-1].bias.abs().max() < 0.97


def test_the_critic_learns_to_tell_right_captions_from_wrong_ones():
    t = trainee(critic_start=0, critic_lr=3e-3, r1=0.0)
    real = torch.ones(4, 3, 4, 16, 16) * torch.tensor([1.0, -1, 1, -1])[:, None, None, None, None]
    text = t.model.encode(["white", "black", "white", "black"]).detach()
    for step in range(60):
        numbers = t.update_discriminator(real, torch.zeros(2, 3, 4, 16, 16), text, text[::2], torch.arange(4), step)
    assert numbers["D(real)"] > numbers["D(wrong)"] + 1 and numbers["L_D"] < 1.5


def test_the_penalty_is_added_when_its_turn_comes(monkeypatch):
    t = trainee(critic_start=0, r1_every=3)
    taken = []
    monkeypatch.setattr("t2v_edu.training.recipes.r1_penalty", lambda *a: taken.append(1) or r1_penalty(*a))
    counts = [(t.step(a_batch(step), step), len(taken))[1] for step in range(7)]
    assert counts == [1, 1, 1, 2, 2, 2, 3]


def test_the_average_follows_the_weights():
    t = trainee(critic_start=100, ema=0.5)
    for step in range(3):
        was = snapshot(t.average)
        t.step(a_batch(step), step)
        decay = min(0.5, step / (step + 20))
        for name, p in t.average.named_parameters():
            expected = decay * was[name] + (1 - decay) * dict(t.model.named_parameters())[name]
            torch.testing.assert_close(p, expected, atol=1e-6, rtol=1e-5)
        assert not any(p.requires_grad for p in t.average.parameters())


def test_training_rebuilds_what_it_is_shown():
    t = trainee(critic_start=1000, lr=5e-3, steps=1000)
    batch = a_batch()
    errors = [t.step(batch, step)["MSE"] for step in range(80)]
    assert np.mean(errors[-10:]) < 0.5 * np.mean(errors[:3])


def test_words_are_learnt_before_pictures():
    t = trainee(warm_up=150)
    before = snapshot(t.model)
    guessed = teach_words(copy.deepcopy(t.model), SOURCE, 1)
    right = teach_words(t.model, SOURCE, 150)
    assert right > guessed + 0.25
    assert changed(t.model, before) <= {n for n in before if n.startswith("text.")}
    assert torch.isfinite(t.model.text.embed.weight).all()


def test_the_vocabulary_covers_what_a_stream_says():
    words = Tokenizer.fit(captions_of(SOURCE, 0))
    strange = [c for c, _ in itertools.islice(captioned_scenes(SOURCE, 5), 1000) if words.unknown(c)]
    assert len(strange) < 10  # jieba may cut a rare neighbourhood of characters in its own way


# --- Whole runs -------------------------------------------------------------------------------------------------------


def a_folder(path, names):
    path.mkdir()
    rng = np.random.default_rng(0)
    for name in names:
        write_film(rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), path / name, fps=8)
    captions = ["a red ball rolls", "两只猫", "rain on a window", "a dog barks"]
    lines = [json.dumps({"video": n, "caption": c}) for n, c in zip(names, captions, strict=False)]
    (path / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Decoded clips are kept here, not in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def check_run(out, words):
    again = VideoGAN.from_pretrained(out / "model")
    assert words <= set(again.tokenizer.words)
    assert list((out / "samples").glob("*.mp4")) and {s for _, s, _ in read_scalars(out)} == {0, 1}
    return again


def test_a_folder_of_clips_is_trained_on_and_resumed(tmp_path):
    data = str(a_folder(tmp_path / "clips", ["a.mp4", "b.mp4", "c.mp4"]))
    out = tmp_path / "run"
    tiny.train(out, world=None, data=data, steps=2)
    again = check_run(out, {"ball", "猫", "window"})
    assert again.worlds == ()
    tiny.train(out, world=None, data=data, steps=3, resume=True)
    assert (out / "step-00000003").is_dir() and (out / "samples" / "step-00000003.mp4").is_file()


def test_shards_are_trained_on(tmp_path):
    write_shards(SOURCE, tmp_path / "shards", 8, per_shard=4, seed=0)
    tiny.train(tmp_path / "run", world=None, data=str(tmp_path / "shards"), steps=2)
    check_run(tmp_path / "run", {"a"})


def test_shards_of_another_size_are_refused(tmp_path):
    write_shards(WorldStream("shapes", frames=4, size=24), tmp_path / "shards", 4, per_shard=4, seed=0)
    with pytest.raises(ValueError, match="are 4×24×24, the size 'toy' wants 4×16×16; write them again"):
        tiny.train(tmp_path / "run", world=None, data=str(tmp_path / "shards"))


def test_real_clips_are_trained_on(tmp_path, clips: Path):
    with pytest.warns(UserWarning, match=r"skipped corrupted.mp4"):
        tiny.train(tmp_path / "run", world=None, data=str(clips), steps=2)
    check_run(tmp_path / "run", set())


def test_a_world_is_trained_on(tmp_path):
    tiny.train(tmp_path / "run", world="digits", steps=2)
    assert check_run(tmp_path / "run", {"digit", "7"}).worlds == ("digits",)


def test_a_model_to_start_from_lends_words_and_weights_also_after_a_pause(tmp_path):
    tiny.train(tmp_path / "first", world="shapes", steps=1)
    first = VideoGAN.from_pretrained(tmp_path / "first" / "model")
    tiny.train(tmp_path / "second", init=tmp_path / "first" / "model", seed=1, steps=1, lr=0.0)
    second = VideoGAN.from_pretrained(tmp_path / "second" / "model")
    assert second.tokenizer.words == first.tokenizer.words
    torch.testing.assert_close(second.generator.seed.weight, first.generator.seed.weight, atol=1e-6, rtol=0)
    tiny.train(tmp_path / "second", steps=2, resume=True)  # without naming the model again
    assert VideoGAN.from_pretrained(tmp_path / "second" / "model").tokenizer.words == first.tokenizer.words


def test_a_model_of_other_words_is_no_start(tmp_path):
    tiny.train(tmp_path / "first", steps=1)
    with pytest.raises(ValueError, match=r"never saw these words of the data: .*7.*; train without it"):
        tiny.train(tmp_path / "second", init=tmp_path / "first" / "model", world="digits")
    assert not (tmp_path / "second").exists()


def test_a_folder_that_holds_a_run_keeps_its_settings(tmp_path):
    tiny.train(tmp_path, steps=1)
    before = (tmp_path / "run.json").read_text()
    with pytest.raises(ValueError, match="already holds a run"):
        tiny.train(tmp_path, steps=2, seed=4)
    assert (tmp_path / "run.json").read_text() == before


def test_a_run_that_diverges_stops(tmp_path, monkeypatch):
    real = nn.utils.clip_grad_norm_

    def spoil(parameters, norm):
        for p in parameters:
            if p.grad is not None:
                p.grad.fill_(torch.nan)
        return real([], norm)

    monkeypatch.setattr(nn.utils, "clip_grad_norm_", spoil)
    with pytest.raises(ValueError, match=r"not (a )?finite.*last good checkpoint.*step-00000000"):
        tiny.train(tmp_path, steps=4)
