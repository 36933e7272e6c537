"""The video GAN: every size, what the caption reaches, what time changes, and weights that come back bit for bit."""

import dataclasses
import json

import pytest
import torch

from t2v_edu.layers import Modulate, UpBlock
from t2v_edu.models.video_critics import SIZES, Discriminator, Posterior, VideoGANConfig
from t2v_edu.models.video_gan import ZOOM, VideoGAN, spot
from t2v_edu.text.encoders import TextCode
from t2v_edu.text.tokenizer import Tokenizer

TINY = VideoGANConfig(frames=4, size=16, text=16, noise=6, code=16, motion=16, width=4, critic=4)
CAPTIONS = ["a red circle moves left", "a blue square spins"]


def model(config=TINY, seed=0):
    torch.manual_seed(seed)
    return VideoGAN(config, Tokenizer.fit(CAPTIONS), ("shapes",))


def noise(seed=0):
    return torch.Generator().manual_seed(seed)


def text(batch, width=16, seed=3):
    pooled = torch.randn(batch, width, generator=noise(seed)).tanh()
    return TextCode(pooled[:, None], pooled, torch.ones(batch, 1, dtype=torch.bool))


def video(batch, config=TINY, seed=4):
    return torch.rand(batch, 3, config.frames, config.size, config.size, generator=noise(seed)) * 2 - 1


# --- Shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_every_size_gives_its_videos_and_can_be_judged(size):
    config = SIZES[size]
    made = model(config).generate(CAPTIONS, noise())
    assert made.shape == (2, 3, config.frames, config.size, config.size)
    assert made.dtype == torch.float32 and -1 <= made.min() < made.max() <= 1
    critic = Discriminator(config)
    assert critic.score(critic.look(made, torch.tensor([0, 3])), text(2, config.text)).shape == (2,)
    mean, log_var = Posterior(config)(made, text(2, config.text).pooled)
    assert mean.shape == log_var.shape == (2, config.noise)


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("frames", [4, 7, 8])
def test_frames_and_sides_are_free(size, frames):
    config = dataclasses.replace(TINY, size=size, frames=frames)
    made = model(config).generate(CAPTIONS[:1], noise())
    assert made.shape == (1, 3, frames, size, size)
    critic = Discriminator(config)
    assert critic.score(critic.look(made, torch.arange(4)), text(1)).shape == (1,)
    assert Posterior(config)(made, text(1).pooled)[0].shape == (1, 6)


def test_several_layers_of_cut_outs():
    assert model(dataclasses.replace(TINY, layers=3)).generate(CAPTIONS, noise()).shape == (2, 3, 4, 16, 16)


@pytest.mark.parametrize(("wrong", "says"), [({"size": 48}, "size must be 16, 32, 64 or 128, not 48"), ({"frames": 3}, "not 3")])
def test_sizes_that_cannot_be_built_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        VideoGANConfig(**wrong)


# --- Content and motion -----------------------------------------------------------------------------------------------


def test_frames_differ_and_only_the_motion_code_makes_them_differ():
    gan = model()
    moving = gan.generate(CAPTIONS, noise())
    assert (moving[:, :, 1:] - moving[:, :, :-1]).abs().amax((1, 2, 3, 4)).gt(1e-4).all()
    with torch.no_grad():
        for p in (*gan.generator.pose[-1].parameters(), *gan.generator.turn[-1].parameters()):
            p.zero_()
    still = gan.generate(CAPTIONS, noise())
    assert torch.equal(still[:, :, 1:], still[:, :, :-1])  # one content code draws all frames
    assert (still[0] - still[1]).abs().max() > 1e-4  # and the two clips still differ


def test_a_pose_puts_the_middle_of_the_sheet_where_it_says_turned_and_scaled():
    """Against the geometry: a map takes the frame's point (x, y) to the sheet's middle, and its columns are a turned square."""
    gan, pooled = model().generator, text(3).pooled
    with torch.no_grad():
        for p in (*gan.pose.parameters(), *gan.turn.parameters()):
            p.add_(0.3 * torch.randn(p.shape, generator=noise(8)))
        code = torch.randn(3, TINY.motion, generator=noise(9))
        maps = gan.move(code, pooled)[:, :, 0]  # (B, T, 2, 3)
        x, y, size = (gan.pose(code).view(3, 3, -1) @ gan.beats.T).unbind(1)  # (B, T)
        turn = gan.turn(pooled) * torch.linspace(0, 1, TINY.frames)
    centre = torch.stack([1.5 * torch.tanh(x / 1.5), 1.5 * torch.tanh(y / 1.5), torch.ones_like(x)], -1)
    torch.testing.assert_close((maps @ centre[..., None])[..., 0], torch.zeros(3, 4, 2), atol=1e-5, rtol=0)
    zoom = maps[..., :2].det().sqrt()
    torch.testing.assert_close(zoom, ZOOM * torch.exp(-torch.tanh(0.3 * size)))
    torch.testing.assert_close(maps[..., 0, 0], zoom * turn.cos(), atol=1e-5, rtol=0)  # clockwise on the screen: y points down
    torch.testing.assert_close(maps[..., 0, 1], zoom * turn.sin(), atol=1e-5, rtol=0)


def test_of_the_phase_only_the_direction_counts_and_no_noise_turns_a_cut_out():
    gan, pooled = model().generator, text(1).pooled
    z = torch.randn(1, TINY.moving, generator=noise(2))
    far = torch.cat([z[:, :-2], 7 * z[:, -2:]], 1)
    torch.testing.assert_close(gan.motion(far, pooled), gan.motion(z, pooled))
    assert (gan.motion(torch.cat([z[:, :-2], -z[:, -2:]], 1), pooled) - gan.motion(z, pooled)).abs().max() > 1e-3


def test_a_cut_out_begins_as_a_spot_in_the_middle_of_its_sheet():
    mask = torch.sigmoid(spot(32))
    assert mask[15:17, 15:17].min() > 0.95 and mask[[0, 0, 31, 31], [0, 31, 0, 31]].max() < 0.001
    torch.testing.assert_close(mask, mask.T)


def test_modulation_is_the_identity_at_the_start_also_inside_a_model():
    x, code = torch.randn(2, 6, 4, 4, generator=noise()), torch.randn(2, 5, generator=noise(1))
    assert torch.equal(Modulate(5, 6)(x, code), x)
    block = UpBlock(6, 3, 5)
    assert block(x, code).shape == (2, 3, 8, 8)
    assert torch.equal(block(x, code), block(x, -7 * code))
    inside = [m for m in model().modules() if isinstance(m, Modulate)]
    assert inside and all(not p.any() for m in inside for p in m.parameters())  # no later initialisation undid it


def test_modulation_by_hand():
    layer = Modulate(1, 1)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[2.0], [10.0]]))  # scale = 2·code, shift = 10·code
    assert layer(torch.full((1, 1, 1, 1), 5.0), torch.tensor([[0.5]])).item() == 5 * (1 + 1) + 5


# --- What the caption reaches -----------------------------------------------------------------------------------------


def test_the_caption_reaches_content_and_motion_and_every_word_of_it_is_trained():
    gan = model()
    with torch.no_grad():  # modulation and motion away from their neutral start
        for p in gan.generator.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=noise(7)))
    code = gan.encode(CAPTIONS)
    z = torch.randn(2, TINY.noise, generator=noise())
    pooled = code.pooled.detach().requires_grad_()
    made = gan.generator(z, pooled)
    still, moving = made.mean(2), made[:, :, 1:] - made[:, :, :-1]
    for part in (still, moving):
        (gradient,) = torch.autograd.grad(part.square().sum(), pooled, retain_graph=True)
        assert gradient.abs().sum(1).gt(0).all()
    gan.generator(z, code.pooled).square().sum().backward()
    said = gan.tokenizer.encode(CAPTIONS)[0].unique()
    rows = gan.text.embed.weight.grad.abs().sum(1)
    assert rows[said[said > 0]].gt(0).all() and rows[0] == 0


def test_neither_code_mixes_the_clips_of_a_batch():
    gan = model()
    both = gan.generate(CAPTIONS, noise())
    pooled = gan.encode(CAPTIONS).pooled
    z = gan.generator.draw(torch.randn(2, TINY.noise, generator=noise()), pooled)
    alone = gan.generator(z[1:], pooled[1:])
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("which", ["judge_clip", "judge_frame"])
def test_both_critics_see_the_caption(which):
    torch.manual_seed(0)
    critic = Discriminator(TINY)
    other = "judge_frame" if which == "judge_clip" else "judge_clip"
    with torch.no_grad():  # silence the other one
        for p in getattr(critic, other).parameters():
            p.zero_()
    seen = critic.look(video(4), torch.arange(4))
    right = critic.score(seen, text(4))
    assert (right - critic.score(seen, text(4, seed=9))).abs().gt(1e-6).all()
    right.sum().backward()
    fit = getattr(critic, which).fit
    assert fit.weight.grad.abs().sum() > 0 and fit.bias.grad.abs().sum() > 0
    first = critic.clip.layers[0] if which == "judge_clip" else critic.frame.layers[0][0]
    assert first.weight.grad.abs().sum() > 0


def test_the_clip_critic_sees_the_order_of_frames_and_the_frame_critic_only_what_it_is_shown():
    torch.manual_seed(0)
    critic = Discriminator(TINY)
    clip = video(2)
    shown = torch.tensor([0, 2])
    features, stills = critic.look(clip, shown)
    backwards = critic.look(clip.flip(2), shown)[0]
    assert stills.shape == (2, 2, critic.frame.features) and (features - backwards).abs().max() > 1e-5
    other = clip.clone()
    other[:, :, 1] = 0
    assert torch.equal(critic.look(other, shown)[1], stills)
    torch.testing.assert_close(critic.look(clip, shown.flip(0))[1], stills.flip(1))


def test_the_score_is_the_projection_of_the_paper():
    torch.manual_seed(0)
    judge = Discriminator(TINY).judge_clip
    h, code = torch.randn(3, judge.real.in_features), torch.randn(3, TINY.text)
    by_hand = [judge.real.weight[0] @ a + judge.real.bias[0] + a @ (judge.fit.weight @ t + judge.fit.bias) / len(a) ** 0.5
               for a, t in zip(h, code, strict=True)]  # fmt: skip
    torch.testing.assert_close(judge(h, code), torch.stack(by_hand))


def test_noise_is_drawn_as_the_caption_lets_expect():
    gan, pooled = model().generator, text(2).pooled
    with torch.no_grad():
        gan.expect[-1].weight.mul_(30)
        mean, log_var = gan.prior(pooled)
        drawn = gan.draw(torch.randn(2, 6, generator=noise()), pooled)
        many = torch.stack([gan.draw(torch.randn(2, 6, generator=g), pooled) for g in [noise(1)] for _ in range(4000)])
    assert drawn.shape == (2, 6) and (mean[0] - mean[1]).abs().max() > 0.1
    torch.testing.assert_close(many.mean(0), mean, atol=0.1, rtol=0)
    torch.testing.assert_close(many.var(0).log(), log_var, atol=0.15, rtol=0)


def test_the_posterior_stays_within_what_exp_can_bear():
    torch.manual_seed(0)
    log_var = Posterior(TINY)(1e6 * video(8), text(8).pooled)[1]
    assert log_var.max() > 1 and log_var.min() < -1 and log_var.exp().isfinite().all()


# --- Noise ------------------------------------------------------------------------------------------------------------


def test_the_generator_argument_is_the_only_source_of_noise():
    gan = model()
    first = gan.generate(CAPTIONS, noise(5))
    torch.manual_seed(99)
    assert torch.equal(gan.generate(CAPTIONS, noise(5)), first)
    assert (gan.generate(CAPTIONS, noise(6)) - first).abs().amax((1, 2, 3, 4)).gt(1e-4).all()
    state = torch.get_rng_state()
    gan.generate(CAPTIONS, noise(5))
    assert torch.equal(torch.get_rng_state(), state)


def test_captions_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="no caption"):
        model().generate([], noise())
    with pytest.raises(ValueError, match=r"never saw the word 'zebra'.*nearest words it knows"):
        model().generate(["a red zebra"], noise())
    with pytest.raises(ValueError, match="no words"):
        model().generate(["!!"], noise())


# --- Weights ----------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_is_the_same_model(tmp_path):
    gan = model()
    gan.save_pretrained(tmp_path / "gan")
    again = VideoGAN.from_pretrained(tmp_path / "gan")
    assert again.config == TINY and again.worlds == ("shapes",) and again.tokenizer.words == gan.tokenizer.words
    assert again.state_dict().keys() == gan.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), gan.state_dict().values(), strict=True))
    assert torch.equal(again.generate(CAPTIONS, noise()), gan.generate(CAPTIONS, noise()))
    assert sorted(p.name for p in (tmp_path / "gan").iterdir()) == ["config.json", "model.safetensors"]  # no pickle, no litter


def test_the_vocabulary_travels_with_the_weights(tmp_path):
    torch.manual_seed(0)
    VideoGAN(TINY, Tokenizer(["zebra", "红色"])).save_pretrained(tmp_path)
    card = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert card["words"] == ["<pad>", "<unknown>", "zebra", "红色"] and card["kind"] == "video_gan"
    assert VideoGAN.from_pretrained(tmp_path).generate(["zebra 红色"], noise()).shape[0] == 1


def test_saving_over_an_older_model_replaces_it(tmp_path):
    model(seed=0).save_pretrained(tmp_path)
    newer = model(seed=1)
    newer.save_pretrained(tmp_path)
    assert torch.equal(VideoGAN.from_pretrained(tmp_path).generator.seed.weight, newer.generator.seed.weight)


def _truncated(file):
    file.write_bytes(file.read_bytes()[:-100])


def _not_safetensors(file):
    file.write_bytes(b"PK\x03\x04 a zip, as torch.save writes it")


def _empty(file):
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [_truncated, _not_safetensors, _empty])
def test_damaged_weights_are_named(tmp_path, damage):
    model().save_pretrained(tmp_path)
    damage(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors is truncated or not a safetensors file"):
        VideoGAN.from_pretrained(tmp_path)


def test_weights_of_another_size_are_named(tmp_path):
    model().save_pretrained(tmp_path)
    card = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    card["config"]["code"] = 32
    (tmp_path / "config.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ValueError, match=r"holds another model: \d+ tensors differ, '.*' is \(.*\) in the file and \(.*\)"):
        VideoGAN.from_pretrained(tmp_path)


def test_weights_that_are_missing_are_named(tmp_path):
    model().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="there is no weight file"):
        VideoGAN.from_pretrained(tmp_path)


def test_another_kind_of_model_is_named(tmp_path):
    model().save_pretrained(tmp_path)
    card = json.loads((tmp_path / "config.json").read_text(encoding="utf-8")) | {"kind": "captioner"}
    (tmp_path / "config.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ValueError, match="holds a model of kind 'captioner', not 'video_gan'"):
        VideoGAN.from_pretrained(tmp_path)


def test_a_model_that_is_nowhere_is_named():
    with pytest.raises(ValueError, match="there is no model 'no_such_model'; shipped are:"):
        VideoGAN.from_pretrained("no_such_model")
