"""The image GAN: every way of telling against its formula written out, what the caption reaches, weights that come back."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from t2v_edu.models.image_gan import (
    TELL_D,
    TELL_G,
    Discriminator,
    Generator,
    ImageGAN,
    ImageGANConfig,
    WordMean,
    matching_aware_d,
)
from t2v_edu.text.tokenizer import Tokenizer

TINY = ImageGANConfig(size=16, text=6, noise=4, width=4)
CAPTIONS = ["a red circle moves left", "a blue square spins"]


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=source(seed))


def awake(module, seed=7):
    """The module with no weight at zero, as after some training."""
    with torch.no_grad():
        for i, weight in enumerate(module.parameters()):
            weight.copy_(0.3 * normal(*weight.shape, seed=seed + i))
    return module


def pictures(batch, size=16, seed=4):
    return normal(batch, 3, size, size, seed=seed).tanh()


# --- Shapes and names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "tell_g", "tell_d"), list(itertools.product((16, 32, 64), TELL_G, TELL_D)))
def test_every_size_and_way_of_telling(size, tell_g, tell_d):
    config = dataclasses.replace(TINY, size=size, tell_g=tell_g, tell_d=tell_d)
    made = Generator(config)(normal(3, 4), normal(3, 6))
    assert made.shape == (3, 3, size, size) and made.abs().max() <= 1
    assert Discriminator(config)(made, normal(3, 6)).shape == (3,)


def test_the_names_of_the_weights_are_what_other_frameworks_are_told():
    shapes = {k: tuple(v.shape) for k, v in Generator(ImageGANConfig(text=32, noise=16, width=16)).state_dict().items()}
    assert shapes == {
        "seed.weight": (1024, 48), "seed.bias": (1024,),
        "up.0.conv.weight": (64, 32, 4, 4), "up.0.conv.bias": (32,),
        "up.0.modulate.linear.weight": (64, 48), "up.0.modulate.linear.bias": (64,),
        "up.1.conv.weight": (32, 16, 4, 4), "up.1.conv.bias": (16,),
        "up.1.modulate.linear.weight": (32, 48), "up.1.modulate.linear.bias": (32,),
        "paint.weight": (16, 3, 4, 4), "paint.bias": (3,),
    }  # fmt: skip
    names = {tell: list(Discriminator(dataclasses.replace(TINY, tell_d=tell)).state_dict()) for tell in TELL_D}
    assert names["none"] == names["concat"] and names["projection"] == [*names["none"], "fit.weight", "fit.bias"]
    assert names["none"][::2] == ["down.0.weight", "down.1.weight", "join.weight", "real.weight"]


@pytest.mark.parametrize("wrong", [{"size": 48}, {"noise": 0}, {"width": -1}, {"tell_g": "projection"}, {"tell_d": "film"}])
def test_what_cannot_be_built_is_refused(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        ImageGANConfig(**wrong)


# --- The formulas, written out ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tell", TELL_G)
def test_the_generator_is_its_formula(tell):
    config = dataclasses.replace(TINY, size=32, tell_g=tell)
    g = awake(Generator(config))
    w, code = g.state_dict(), torch.cat([normal(3, 4), normal(3, 6, seed=1)], 1)
    x = F.leaky_relu(code @ w["seed.weight"].T + w["seed.bias"], 0.2).reshape(3, 16, 4, 4)
    for i in (0, 1):
        x = F.conv_transpose2d(x, w[f"up.{i}.conv.weight"], w[f"up.{i}.conv.bias"], stride=2, padding=1)
        if tell == "modulation":
            told = code @ w[f"up.{i}.modulate.linear.weight"].T + w[f"up.{i}.modulate.linear.bias"]
            channels = x.shape[1]
            x = x * (1 + told[:, :channels, None, None]) + told[:, channels:, None, None]
        x = F.leaky_relu(x, 0.2)
    x = torch.tanh(F.conv_transpose2d(x, w["paint.weight"], w["paint.bias"], stride=2, padding=1))
    torch.testing.assert_close(g(code[:, :4], code[:, 4:]), x)


@pytest.mark.parametrize("tell", TELL_D)
def test_the_discriminator_is_its_formula(tell):
    d = awake(Discriminator(dataclasses.replace(TINY, tell_d=tell)))
    w, x, text = d.state_dict(), pictures(3), normal(3, 6)
    for i in (0, 1):
        x = F.leaky_relu(F.conv2d(x, w[f"down.{i}.weight"], w[f"down.{i}.bias"], stride=2, padding=1), 0.2)
    if tell == "concat":
        x = torch.cat([x, text.repeat_interleave(16, 1).reshape(3, 6, 4, 4)], 1)
    h = F.leaky_relu(F.conv2d(x, w["join.weight"], w["join.bias"], padding=1), 0.2).reshape(3, -1)
    score = h @ w["real.weight"][0] + w["real.bias"]
    if tell == "projection":
        score = score + torch.einsum("bf,bf->b", h, text @ w["fit.weight"].T + w["fit.bias"]) / 8 * 2**-0.5  # √128
    assert h.shape[1] == 128
    torch.testing.assert_close(d(pictures(3), text), score)


def test_a_transposed_convolution_by_hand():
    # one pixel of 1 in a 2×2 map: its kernel, laid at twice its place, less the border of 1
    conv = torch.nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False)
    kernel = conv.weight.data.copy_(torch.arange(16.0).view(1, 1, 4, 4))[0, 0]
    x = torch.zeros(1, 1, 2, 2)
    x[0, 0, 0, 1] = 1
    want = torch.zeros(6, 6)
    want[0:4, 2:6] = kernel
    torch.testing.assert_close(conv(x)[0, 0], want[1:5, 1:5])


def test_modulation_begins_as_concatenation():
    told, untold = Generator(TINY), Generator(dataclasses.replace(TINY, tell_g="concat"))
    untold.load_state_dict(told.state_dict(), strict=False)
    torch.testing.assert_close(told(normal(2, 4), normal(2, 6)), untold(normal(2, 4), normal(2, 6)))


# --- What the caption reaches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tell", TELL_D)
def test_a_judge_hears_the_caption_where_it_is_told(tell):
    d, x = Discriminator(dataclasses.replace(TINY, tell_d=tell)), pictures(4)
    same = torch.equal(d(x, normal(4, 6)), d(x, normal(4, 6, seed=1)))
    assert same == (tell == "none")


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.integers(0, 100))
def test_a_projection_is_linear_in_the_caption(share, seed):
    d, x = awake(Discriminator(TINY)).double(), pictures(2).double()
    a, b = normal(2, 6, seed=seed).double(), normal(2, 6, seed=seed + 1).double()
    mixed = share * d(x, a) + (1 - share) * d(x, b)
    torch.testing.assert_close(d(x, share * a + (1 - share) * b), mixed)


@pytest.mark.parametrize("tell", TELL_D)
def test_a_score_depends_on_one_picture_alone(tell):
    d, x, text = awake(Discriminator(dataclasses.replace(TINY, tell_d=tell))), pictures(4), normal(4, 6)
    alone = torch.cat([d(x[i : i + 1], text[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(d(x, text), alone)
    torch.testing.assert_close(d.score(d.look(x), text), alone)


@pytest.mark.parametrize("tell", TELL_G)
def test_noise_and_caption_both_change_the_picture(tell):
    g = Generator(dataclasses.replace(TINY, tell_g=tell))
    z, text = normal(1, 4), normal(1, 6)
    assert not torch.allclose(g(z, text), g(z + 1, text)) and not torch.allclose(g(z, text), g(z, text + 1))


def test_words_are_averaged_and_then_normed():
    words = WordMean(5, 6)
    ids = torch.tensor([[2, 4, 3, 0, 0]])
    table = words.embed.weight.detach().numpy()
    mean = table[[2, 4, 3]].mean(0)
    want = (mean - mean.mean()) / np.sqrt(mean.var() + 1e-5)
    np.testing.assert_allclose(words(ids, ids != 0)[0].detach().numpy(), want, rtol=1e-4, atol=1e-6)
    turned = torch.tensor([[3, 2, 4]])
    torch.testing.assert_close(words(turned, turned != 0), words(ids, ids != 0))


# --- Two kinds of false -----------------------------------------------------------------------------------------------


def test_matching_aware_by_hand():
    right, made, wrong = torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 1.0]), torch.tensor([-1.0, 0.0])
    # hinge: right (0 + 1)/2; made (0 + 2)/2, wrong (0 + 1)/2, each kind of false by half
    assert matching_aware_d("hinge", right, made, wrong).item() == pytest.approx(0.5 + 0.5 * 1.0 + 0.5 * 0.5)
    zero = torch.zeros(3)
    assert matching_aware_d("non_saturating", zero, zero, zero).item() == pytest.approx(np.log(4))


def test_only_a_judge_that_tells_captions_apart_pays_nothing():
    one = torch.ones(4)
    assert matching_aware_d("hinge", one, -one, -one) == 0
    assert matching_aware_d("hinge", one, -one, one) == 1  # it cannot read: half a hinge of 2
    with pytest.raises(ValueError, match="'bce'"):
        matching_aware_d("bce", one, one, one)


# --- Saved and loaded -------------------------------------------------------------------------------------------------


def model():
    return ImageGAN(TINY, Tokenizer.fit(CAPTIONS), ("shapes",))


def test_weights_come_back_bit_for_bit(tmp_path):
    gan = model().eval()
    gan.save_pretrained(tmp_path)
    back = ImageGAN.from_pretrained(tmp_path)
    assert back.worlds == ("shapes",) and back.tokenizer.words == gan.tokenizer.words and back.config == TINY
    assert torch.equal(back.generate(CAPTIONS, source()), gan.generate(CAPTIONS, source()))


def test_the_same_noise_makes_the_same_picture():
    gan = model()
    assert torch.equal(gan.generate(CAPTIONS, source(1)), gan.generate(CAPTIONS, source(1)))
    assert not torch.equal(gan.generate(CAPTIONS, source(1)), gan.generate(CAPTIONS, source(2)))


def test_what_a_model_refuses(tmp_path):
    gan = model()
    with pytest.raises(ValueError, match="word 'crimson'; nearest"):
        gan.generate(["a crimson circle"], source())
    with pytest.raises(ValueError, match="at least one"):
        gan.generate([], source())
    gan.save_pretrained(tmp_path)
    card = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**card, "kind": "video_gan"}))
    with pytest.raises(ValueError, match="'video_gan', not 'image_gan'"):
        ImageGAN.from_pretrained(tmp_path)
