"""Attention, its heads, the block and the positions: against torch's own, closed forms and one case worked by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from t2v_edu.layers import MultiHeadAttention, TransformerBlock, attention, sinusoids


def close(a, b, atol=1e-6):
    torch.testing.assert_close(a, b, atol=atol, rtol=0)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def some_mask(seed, *shape):
    """Random, but at least one key for each query."""
    mask = drawn(seed, *shape) > 0
    mask[..., 0] |= ~mask.any(-1)
    return mask


def test_three_keys_of_two_dimensions_by_hand():
    """Scores 0, √2·ln 2, √2·ln 5 over √2: the exponentials are 1, 2 and 5, the weights eighths."""
    q = torch.tensor([[1.0, 0.0]])
    k = torch.tensor([[0.0, 3.0], [math.sqrt(2) * math.log(2), -1.0], [math.sqrt(2) * math.log(5), 7.0]])
    v = torch.tensor([[8.0, 0.0], [0.0, 8.0], [16.0, 8.0]])
    seen, weights = attention(q, k, v)
    close(weights, torch.tensor([[1 / 8, 2 / 8, 5 / 8]]))
    close(seen, torch.tensor([[(8 + 5 * 16) / 8, (2 * 8 + 5 * 8) / 8]]), 1e-5)
    seen, weights = attention(q, k, v, torch.tensor([True, True, False]))
    close(weights, torch.tensor([[1 / 3, 2 / 3, 0.0]]))
    close(seen, torch.tensor([[8 / 3, 16 / 3]]))


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 6), st.integers(1, 9), st.integers(1, 8), st.booleans())
def test_attention_is_torchs(seed, batch, queries, keys, width, masked):
    q, k, v = drawn(seed, batch, queries, width), drawn(seed + 1, batch, keys, width), drawn(seed + 2, batch, keys, 3)
    mask = drawn(seed + 3, batch, queries, keys) > -0.3 if masked else None  # a query may well be left without a key
    seen, weights = attention(q, k, v, mask)
    close(seen, F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
    sums = weights.sum(-1)
    close(sums, torch.ones_like(sums) if mask is None else mask.any(-1).to(sums))
    scaled = attention(q, k, v, mask, scale=0.7)[0]
    close(scaled, F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.7))


def test_a_query_without_a_key_gets_nothing_and_a_clean_gradient():
    q, k, v = (drawn(i, 2, 3).requires_grad_() for i in range(3))
    seen, weights = attention(q, k, v, torch.tensor([[False, False], [True, True]]))
    assert not seen[0].any() and not weights[0].any() and weights[1].sum().item() == pytest.approx(1)
    seen.sum().backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v))


def test_masked_keys_get_no_gradient_and_their_values_do_not_matter():
    q, k, v = drawn(0, 1, 4), drawn(1, 3, 4).requires_grad_(), drawn(2, 3, 4).requires_grad_()
    mask = torch.tensor([True, True, False])
    seen, _ = attention(q, k, v, mask)
    seen.square().sum().backward()
    assert k.grad[:2].any() and not k.grad[2].any() and not v.grad[2].any()
    other = torch.cat([v[:2], torch.full((1, 4), 1e9)])
    close(attention(q, k, other, mask)[0], seen)


def test_the_scale_keeps_the_variance_of_scores_at_one():
    q, k = drawn(0, 4000, 1, 256), drawn(1, 4000, 1, 256)
    plain = (q @ k.mT).flatten()
    assert plain.var().item() == pytest.approx(256, rel=0.1)
    assert (plain / 16).var().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("q, k, v", [((4,), (3, 4), (3, 2)), ((1, 4), (3, 5), (3, 2)), ((1, 4), (3, 4), (2, 2))])
def test_attention_refuses_shapes_that_do_not_fit(q, k, v):
    with pytest.raises(ValueError, match=r"q \(.*k \(.*v \("):
        attention(torch.zeros(q), torch.zeros(k), torch.zeros(v))


def test_attention_refuses_a_mask_of_numbers():
    """An additive mask of zeros and −∞, read as truth values, would turn everything around."""
    with pytest.raises(ValueError, match=r"float32 \(1, 3\)"):
        attention(torch.zeros(1, 4), torch.zeros(3, 4), torch.zeros(3, 4), torch.zeros(1, 3))


def theirs(ours):
    """torch's multi-head attention with our weights."""
    width = ours.out.in_features
    layer = nn.MultiheadAttention(width, ours.heads, batch_first=True)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        layer.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
        layer.out_proj.load_state_dict(ours.out.state_dict())
    return layer


@given(st.integers(0, 10**6), st.sampled_from([(4, 1), (4, 2), (12, 3), (16, 4)]), st.integers(1, 5), st.integers(1, 7))
def test_multi_head_attention_is_torchs(seed, size, queries, keys):
    torch.manual_seed(seed)
    ours = MultiHeadAttention(*size)
    x, context, mask = drawn(seed, 2, queries, size[0]), drawn(seed + 1, 2, keys, size[0]), some_mask(seed + 2, 2, keys)
    seen, weights = ours.look(x, context, mask[:, None, None])
    want, want_weights = theirs(ours)(x, context, context, key_padding_mask=~mask, average_attn_weights=False)
    close(seen, want)
    close(weights, want_weights)
    close(ours(x, context, mask[:, None, None]), want)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="10 cannot be parted into 4"):
        MultiHeadAttention(10, 4)


@given(st.integers(0, 10**6), st.integers(1, 6))
def test_the_block_is_torchs_encoder_layer_with_the_norms_first(seed, length):
    torch.manual_seed(seed)
    ours = TransformerBlock(8, 2, 20)
    layer = nn.TransformerEncoderLayer(8, 2, 20, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    layer.self_attn = theirs(ours.look)
    pairs = ((layer.norm1, ours.norm_look), (layer.norm2, ours.norm_think), (layer.linear1, ours.think[0]),
             (layer.linear2, ours.think[2]))
    for their, our in pairs:
        nn.init.normal_(our.weight), nn.init.normal_(our.bias)
        their.load_state_dict(our.state_dict())
    ours, layer = ours.double(), layer.double()  # numbers of any size come out, and single precision keeps six digits of them
    x, mask = drawn(seed, 2, length, 8).double(), some_mask(seed + 1, 2, length)
    close(ours(x, mask[:, None, None])[mask], layer(x, src_key_padding_mask=~mask)[mask], 1e-11)


def test_without_positions_attention_does_not_know_the_order():
    """Permute the words, and every word's vector comes out the same, in its new place."""
    block, x, order = TransformerBlock(8, 2), drawn(0, 1, 5, 8), torch.tensor([3, 0, 4, 1, 2])
    close(block(x[:, order]), block(x)[:, order])


def test_sinusoids_are_the_formula():
    waves = sinusoids(torch.arange(50), 8)
    for place in (0, 1, 49):
        for i in range(4):
            angle = place / 10_000 ** (2 * i / 8)
            assert waves[place, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert waves[place, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)
    with pytest.raises(ValueError, match="not 7"):
        sinusoids(torch.arange(3), 7)


def test_products_of_sinusoids_depend_on_the_distance_alone():
    waves = sinusoids(torch.arange(20), 16)
    products = waves @ waves.T
    for step in (1, 5):
        close(products.diagonal(step), products[0, step].expand(20 - step), 1e-5)
