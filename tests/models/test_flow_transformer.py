"""The flow transformer: identity at the start, words that are seen and padding that is not, and the model around it."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from t2v_edu.layers import MultiHeadAttention
from t2v_edu.losses.flow import euler, look_again, renoise, times
from t2v_edu.models.flow_transformer import (
    FlowConfig,
    FlowTransformer,
    LocalBlock,
    StreamBlock,
    from_patches,
    grid_positions,
    to_patches,
)
from t2v_edu.models.flow_video import AGAIN_AT, FlowVideo
from t2v_edu.models.video_autoencoder import VideoAutoencoder, VideoAutoencoderConfig
from t2v_edu.text.encoders import TextCode
from t2v_edu.text.rivals import rivals
from t2v_edu.text.tokenizer import Tokenizer

TINY = FlowConfig(frames=8, size=16, latent=4, text=16, width=24, heads=2, depth=2, fine=12, ends=1)
CODER = VideoAutoencoderConfig(latent=4, fine_in=8, coarse=12, fine_out=8, blocks=(1, 1, 1, 1))
WORDS = Tokenizer.fit(["a large red circle moves left", "一个圆", "向左移动"])


def awake(net):
    """The same with all weights at random: a fresh one says 0 whatever it is asked."""
    torch.manual_seed(1)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.2)
    return net


def text(count=2, words=3, padding=0, seed=0):
    g = torch.Generator().manual_seed(seed)
    tokens = torch.randn(count, words + padding, 16, generator=g)
    mask = torch.arange(words + padding).expand(count, -1) < words
    return TextCode(tokens, torch.randn(count, 16, generator=g), mask)


def latents(count=2, seed=0):
    return torch.randn(count, 4, *TINY.grid, generator=torch.Generator().manual_seed(seed))


def video_model():
    torch.manual_seed(0)
    model = FlowVideo(TINY, WORDS, VideoAutoencoder(CODER), ("shapes",), steps=3)
    awake(model.transformer)
    return model.eval()


def test_a_fresh_net_says_no_velocity():
    net = FlowTransformer(TINY)
    assert torch.equal(net(latents(), torch.rand(2), text()), torch.zeros(2, 4, *TINY.grid))


def test_a_fresh_block_is_the_identity():
    x = torch.randn(2, 5, 24)
    block, words, mask = StreamBlock(24, 2, 16), torch.randn(2, 3, 16), torch.ones(2, 1, 1, 8, dtype=torch.bool)
    assert torch.equal(block(x, torch.zeros(2, 144), words, mask), x)
    fine = torch.randn(2, 2, 4, 4, 12)
    local = LocalBlock(12, 24)
    torch.nn.init.zeros_(local.steer[1].weight)
    torch.nn.init.zeros_(local.steer[1].bias)
    assert torch.equal(local(fine, torch.randn(2, 24)), fine)


def test_a_local_block_sees_neighbours_and_no_further():
    block, x = awake(LocalBlock(12, 24)), torch.randn(1, 5, 5, 5, 12)
    other = x.clone()
    other[0, 2, 2, 2] += 1.0
    code = torch.randn(1, 24)
    changed = (block(other, code) - block(x, code)).abs().amax(-1)[0] > 1e-6
    near = torch.zeros(5, 5, 5, dtype=torch.bool)
    near[1:4, 1:4, 1:4] = True
    assert torch.equal(changed, near)


def test_the_middle_carries_everything_everywhere():
    net = awake(FlowTransformer(TINY))
    x, t, said = latents(), torch.tensor([0.3, 0.6]), text()
    other = x.clone()
    other[:, :, 0, 0, 0] += 1.0
    assert ((net(other, t, said) - net(x, t, said)).abs().amax(1) > 1e-6).all()


def test_zero_is_zero_after_all_other_initialisation():
    net = FlowTransformer(TINY)
    for layer in (net.steer[1], net.velocity, *(block.steer[1] for block in (*net.before, *net.after))):
        assert not layer.weight.any() and not layer.bias.any()


def test_padding_changes_nothing_and_words_do():
    net = awake(FlowTransformer(TINY))
    x, t, said = latents(), torch.tensor([0.3, 0.6]), text()
    padded = TextCode(F.pad(said.tokens, (0, 0, 0, 2), value=9.0), said.pooled, F.pad(said.mask, (0, 2)))
    torch.testing.assert_close(net(x, t, said), net(x, t, padded))
    for other in (replace(said, tokens=said.tokens + 1), replace(said, pooled=said.pooled + 1)):
        assert (net(x, t, said) - net(x, t, other)).abs().max() > 1e-3
    assert (net(x, t, said) - net(x, 1 - t, said)).abs().max() > 1e-3  # and so does time


def test_attention_is_that_of_the_layers():
    """Without norms of queries and keys, and words under the same weights, it is layers.MultiHeadAttention to both in one row."""
    block, other = StreamBlock(24, 2, 24), MultiHeadAttention(24, 2)
    block.norm_query, block.norm_key = torch.nn.Identity(), torch.nn.Identity()
    weights, biases = block.query_key_value.weight.chunk(3), block.query_key_value.bias.chunk(3)
    for layer, w, b in zip((other.query, other.key, other.value), weights, biases, strict=True):
        layer.load_state_dict({"weight": w, "bias": b})
    block.word_key_value.load_state_dict({"weight": torch.cat(weights[1:]), "bias": torch.cat(biases[1:])})
    other.out.load_state_dict(block.out.state_dict())
    row = torch.randn(2, 5, 24)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=torch.bool)[:, None, None]
    torch.testing.assert_close(block.look(row[:, :3], row[:, 3:], mask), other(row, mask=mask)[:, :3], atol=1e-5, rtol=1e-5)


def test_patches_hold_neighbours_and_come_back():
    """A grid of 2 frames of 4×4, whose numbers say frame, row and column: a place holds two rows and two columns of one frame."""
    t, y, x = torch.meshgrid(torch.arange(2.0), torch.arange(4.0), torch.arange(4.0), indexing="ij")
    grid = torch.stack([t, y, x], -1)[None]  # (1, 2, 4, 4, 3)
    places = to_patches(grid, 2)
    assert places.shape == (1, 8, 12)
    frame, row, column = places[0, 5].reshape(4, 3).T  # the sixth place: the upper right one of the second frame
    assert frame.tolist() == [1, 1, 1, 1] and row.tolist() == [0, 0, 1, 1] and column.tolist() == [2, 3, 2, 3]
    assert torch.equal(from_patches(places, (2, 4, 4), 2), grid)
    assert torch.equal(to_patches(grid, 1), grid.flatten(1, 3))


def test_each_place_of_the_grid_has_its_own_position():
    at = grid_positions((4, 4, 4), 24)
    assert at.shape == (4, 4, 4, 24)
    at = at.flatten(0, 2)
    assert torch.cdist(at, at).add(torch.eye(64) * 9).min() > 0.1


def test_forgetting_is_the_same_whatever_was_said():
    net = awake(FlowTransformer(TINY))
    x, t, gone = latents(), torch.rand(2), torch.tensor([True, True])
    torch.testing.assert_close(net(x, t, net.forget(text(), gone)), net(x, t, net.forget(text(words=5, seed=7), gone)))
    half = net.forget(text(), torch.tensor([True, False]))
    assert torch.equal(half.tokens[1], text().tokens[1]) and half.mask.sum(1).tolist() == [1, 3]


def test_the_null_caption_gets_a_gradient():
    net = awake(FlowTransformer(TINY))
    net(latents(), torch.rand(2), net.forget(text(), torch.tensor([True, False]))).square().sum().backward()
    assert net.no_word.grad.abs().sum() > 0 and net.no_caption.grad.abs().sum() > 0


@pytest.mark.parametrize("x, t", [(torch.zeros(2, 3, 2, 2, 2), torch.zeros(2)), (torch.zeros(2, 4, 2, 2), torch.zeros(2)),
                                  (torch.zeros(2, 4, 2, 2, 2), torch.zeros(3)), (torch.zeros(3, 4, 2, 2, 2), torch.zeros(3))])
def test_what_it_cannot_take_is_quoted(x, t):
    with pytest.raises(ValueError, match=str(tuple(x.shape)).replace("(", r"\(").replace(")", r"\)")):
        FlowTransformer(TINY)(x, t, text())


def test_sizes_that_cannot_be():
    with pytest.raises(ValueError, match="30"):
        FlowConfig(size=30)
    with pytest.raises(ValueError, match="190"):
        FlowConfig(width=190)
    with pytest.raises(ValueError, match="patch 3"):
        FlowConfig(patch=3)
    for name, value in (("heads", 0), ("width", -192), ("latent", 0), ("text", 0), ("depth", 0), ("ends", -1), ("fine", 0)):
        with pytest.raises(ValueError, match=f"{name} {value}"):
            FlowConfig(**{name: value})
    for sizes in ({"latent": 0}, {"pixel": 0}, {"blocks": (1, 1, 1)}, {"blocks": (1, 1, 1, -1)}):
        with pytest.raises(ValueError, match="use"):
            replace(CODER, **sizes)
    with pytest.raises(ValueError, match="8"):
        FlowVideo(TINY, WORDS, VideoAutoencoder(replace(CODER, latent=8)))


def test_generate_follows_the_guided_field_from_the_noise():
    model = video_model()
    said = ["a red circle", "一个圆"]
    made = model.generate(said, torch.Generator().manual_seed(5))
    noise = torch.randn(2, 4, *TINY.grid, generator=torch.Generator().manual_seed(5))
    code = model.encode(said)
    none = model.transformer.forget(code, torch.ones(2, dtype=torch.bool))

    def field(x, t):
        without = model.transformer(x, t, none)
        return without + 2.0 * (model.transformer(x, t, code) - without)

    with torch.no_grad():
        want = model.autoencoder.decode(euler(field, noise, times(3)))
    assert made.shape == (2, 3, 8, 16, 16)
    torch.testing.assert_close(made, want, atol=1e-4, rtol=0)


def test_contrast_goes_away_from_the_mean_code_of_everybody_else():
    model, x, t = video_model(), latents(), torch.tensor([0.2, 0.7])
    said = ["a red circle", "a walrus"]  # of the second nothing is known
    with torch.no_grad():
        one = [model.encode([caption]) for caption in rivals(said[0])]
        assert len({code.tokens.shape for code in one}) == 1 < len(one)
        mean = TextCode(sum(c.tokens for c in one) / len(one), sum(c.pooled for c in one) / len(one), one[0].mask)
        told = model.transformer(x[:1], t[:1], model.encode(said[:1]))
        want = told + 0.5 * (told - model.transformer(x[:1], t[:1], mean))
        got = model.field(said, guidance=1.0, contrast=0.5)(x, t)
        torch.testing.assert_close(got[:1], want, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(got[1:], model.field(said[1:], guidance=1.0)(x[1:], t[1:]), atol=1e-5, rtol=1e-5)
        model.contrast = {"shapes": 0.5, "story": 7.0}
        torch.testing.assert_close(model.field(said, guidance=1.0)(x, t), got, atol=1e-5, rtol=1e-5)
        both = model.field(said, guidance=3.0, contrast=0.5)(x, t) - model.field(said, guidance=3.0, contrast=0.0)(x, t)
        torch.testing.assert_close(both, got - model.field(said, guidance=1.0, contrast=0.0)(x, t), atol=1e-5, rtol=1e-5)


def test_generate_draws_some_of_the_noise_anew():
    model, said = video_model(), ["a red circle", "a red circle"]
    made = model.generate(said, torch.Generator().manual_seed(5), fresh=1.0)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        noise = torch.randn(2, 4, *TINY.grid, generator=draw)
        want = model.autoencoder.decode(renoise(model.field(said), noise, times(3), 1.0, draw))
    torch.testing.assert_close(made, want)
    assert not torch.allclose(made, model.generate(said, torch.Generator().manual_seed(5)))


def test_each_caption_has_the_fresh_noise_of_its_world():
    model, said = video_model(), ["a red circle", "a large red"]  # the grammar cannot read the second
    model.fresh = {"shapes": 0.8, "story": 0.3}
    made = model.generate(said, torch.Generator().manual_seed(5))
    for i, fresh in enumerate((0.8, 0.0)):
        alone = model.generate(said, torch.Generator().manual_seed(5), fresh=fresh)
        torch.testing.assert_close(made[i], alone[i])


def test_generate_looks_at_its_film_again_with_half_the_guidance():
    model, said = video_model(), ["a red circle", "a red circle"]
    made = model.generate(said, torch.Generator().manual_seed(5), guidance=3.0, again=2)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        film = renoise(model.field(said, 3.0), torch.randn(2, 4, *TINY.grid, generator=draw), times(3), 0.0, draw)
        want = model.autoencoder.decode(look_again(model.field(said, 2.0), film, AGAIN_AT, 2, draw))
    torch.testing.assert_close(made, want)
    model.again = 2
    torch.testing.assert_close(model.generate(said, torch.Generator().manual_seed(5), guidance=3.0), made)


@pytest.mark.parametrize("how", [{"steps": 0}, {"guidance": float("nan")}, {"guidance": float("inf")},
                                 {"contrast": float("nan")}, {"fresh": 2.0}, {"again": -1}])
def test_ways_to_draw_that_cannot_be(how):
    with pytest.raises(ValueError, match="use"):
        video_model().generate(["a red circle"], torch.Generator(), **how)


def test_without_guidance_the_net_is_asked_once():
    model, count = video_model(), []
    model.transformer.register_forward_hook(lambda *_: count.append(1))
    model.generate(["a red circle"], torch.Generator().manual_seed(0), steps=4, guidance=1.0)
    assert len(count) == 4


def test_strange_and_missing_captions_are_refused():
    model = video_model()
    with pytest.raises(ValueError, match=r"circles.*circle"):
        model.generate(["a red circles"], torch.Generator())
    with pytest.raises(ValueError, match="no caption"):
        model.generate([], torch.Generator())


def test_saved_and_read_again_with_its_autoencoder(tmp_path):
    model = video_model()
    model.fresh, model.again = {"shapes": 0.5}, 2
    model.save_pretrained(tmp_path / "whole")
    read = FlowVideo.from_pretrained(tmp_path / "whole")
    assert (read.worlds, read.steps, read.guidance, read.again, read.config) == (("shapes",), 3, 2.0, 2, TINY)
    assert read.fresh == {"shapes": 0.5}
    films = [m.generate(["a large circle"], torch.Generator().manual_seed(1)) for m in (model, read)]
    assert torch.equal(*films)
    model.save_pretrained(tmp_path / "part", autoencoder=tmp_path / "whole" / "autoencoder", half=True)
    assert not (tmp_path / "part" / "autoencoder").exists()
    bytes_of = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("part", "whole")]
    assert bytes_of[0] < 0.6 * bytes_of[1]
    half = FlowVideo.from_pretrained(tmp_path / "part").generate(["a large circle"], torch.Generator().manual_seed(1))
    torch.testing.assert_close(half, films[0], atol=2e-2, rtol=0)


def test_the_autoencoder_is_not_trained():
    model = video_model()
    assert not any(name.startswith("autoencoder") or "_autoencoder" in name for name in model.state_dict())
    assert not any(p.requires_grad for p in model.autoencoder.parameters())


def test_weights_of_another_size_are_refused(tmp_path):
    video_model().save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace('"width": 24', '"width": 32'))
    with pytest.raises(ValueError, match="another model"):
        FlowVideo.from_pretrained(tmp_path)


@pytest.mark.parametrize("dial", ["contrast", "fresh"])
def test_a_dial_that_is_not_said_for_each_world_is_refused(dial, tmp_path):
    video_model().save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace(f'"{dial}": {{}}', f'"{dial}": 0.75'))
    with pytest.raises(ValueError, match=rf"{dial} 0\.75: give a number for each world"):
        FlowVideo.from_pretrained(tmp_path)
