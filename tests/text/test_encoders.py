"""Text encoders: what padding must not change, what training must, and that they are what torch has by these names."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from t2v_edu.recurrent import cell_of, over_time
from t2v_edu.text.encoders import ENCODERS, LSTMEncoder, TextCode
from t2v_edu.text.tokenizer import Tokenizer


def encoder(width=16):
    torch.manual_seed(0)
    return LSTMEncoder(9, width)


def test_shapes():
    ids = torch.tensor([[2, 3, 4, 0], [5, 0, 0, 0]])
    code = encoder()(ids, ids != 0)
    assert code.tokens.shape == (2, 4, 16) and code.pooled.shape == (2, 16) and code.mask.shape == (2, 4)
    torch.testing.assert_close(code.pooled.mean(1), torch.zeros(2), atol=1e-6, rtol=0)  # normalised: no caption is louder
    torch.testing.assert_close(code.pooled.var(1, unbiased=False), torch.ones(2), atol=1e-2, rtol=0)


def test_a_padded_caption_has_the_code_of_the_unpadded():
    model = encoder()
    alone = torch.tensor([[2, 3, 4]])
    padded = torch.tensor([[2, 3, 4, 0, 0, 0], [5, 6, 7, 8, 2, 3]])
    one, two = model(alone, alone != 0), model(padded, padded != 0)
    torch.testing.assert_close(two.pooled[0], one.pooled[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(two.tokens[0, :3], one.tokens[0], atol=1e-6, rtol=0)
    assert not two.tokens[0, 3:].any()  # nothing is said where no word stands


def test_the_recurrence_is_the_one_of_the_paper():
    """The forward half of the states, step by step from the equations of Hochreiter and Schmidhuber (gates i, f, g, o)."""
    model, ids = encoder(), torch.tensor([[2, 5, 3]])
    w, u = model.lstm.weight_ih_l0, model.lstm.weight_hh_l0
    bias = model.lstm.bias_ih_l0 + model.lstm.bias_hh_l0
    h = c = torch.zeros(8)
    states = []
    for x in model.embed(ids)[0]:
        i, f, g, o = (w @ x + u @ h + bias).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    code = model(ids, ids != 0)
    torch.testing.assert_close(code.tokens[0, :, :8], torch.stack(states))
    mean = model.project(code.tokens[0].mean(0))
    torch.testing.assert_close(code.pooled[0], (mean - mean.mean()) / (mean.var(unbiased=False) + 1e-5).sqrt())


def test_order_matters():
    model, ids = encoder(), torch.tensor([[2, 3, 4], [4, 3, 2]])
    code = model(ids, ids != 0)
    assert (code.pooled[0] - code.pooled[1]).abs().max() > 1e-3


def test_gradients_reach_the_words_that_were_said_and_no_others():
    model, ids = encoder(), torch.tensor([[2, 3, 0]])
    model(ids, ids != 0).pooled.square().matmul(torch.arange(16.0)).sum().backward()
    touched = model.embed.weight.grad.abs().sum(1) > 0
    assert touched.tolist() == [False, False, True, True, False, False, False, False, False]


def test_swap_gives_each_clip_its_neighbours_caption_in_every_part():
    ids, mask = Tokenizer(list("abcd")).encode(["a", "b c", "c", "d"])
    code = encoder()(ids, mask)
    swapped = code.swap()
    for part, other in ((code.pooled, swapped.pooled), (code.tokens, swapped.tokens), (code.mask, swapped.mask)):
        assert torch.equal(other, part[[1, 0, 3, 2]])
    assert torch.equal(swapped.swap().pooled, code.pooled)


def test_detached_codes_have_no_gradient_and_rows_can_be_taken():
    ids = torch.tensor([[2, 3], [4, 0]])
    code = encoder()(ids, ids != 0)
    assert code.pooled.requires_grad and not code.detach().pooled.requires_grad and not code.detach().tokens.requires_grad
    last = code[1:]
    assert isinstance(last, TextCode) and torch.equal(last.pooled, code.pooled[1:]) and torch.equal(last.mask, code.mask[1:])


# --- All encoders ------------------------------------------------------------------------------------------------------

VOCABULARY, WIDTH = 9, 8
sentences = st.lists(st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=7), min_size=1, max_size=4)
every = pytest.mark.parametrize("name", ENCODERS)


def build(name):
    torch.manual_seed(0)
    return ENCODERS[name](VOCABULARY, WIDTH).eval()


def padded(rows, extra=0, filler=0):
    """ids and mask of rows of words; behind each stand `filler`s up to the longest and `extra` more."""
    length = max(map(len, rows)) + extra
    ids = torch.tensor([row + [filler] * (length - len(row)) for row in rows])
    return ids, torch.tensor([[i < len(row) for i in range(length)] for row in rows])


@every
@given(rows=sentences, extra=st.integers(0, 5), filler=st.integers(0, VOCABULARY - 1))
def test_neither_padding_nor_neighbours_change_a_code(name, rows, extra, filler):
    """Whatever stands behind the end, and however much of it."""
    model = build(name)
    batch = model(*padded(rows, extra, filler))
    for i, row in enumerate(rows):
        alone = model(*padded([row]))
        torch.testing.assert_close(batch.pooled[i], alone.pooled[0], atol=2e-6, rtol=0)
        torch.testing.assert_close(batch.tokens[i, : len(row)], alone.tokens[0], atol=2e-6, rtol=0)
        assert not batch.tokens[i, len(row) :].any()


@every
def test_shapes_and_norm_are_the_same_for_all(name):
    ids, mask = padded([[2, 3, 4], [5]])
    code = build(name)(ids, mask)
    assert code.tokens.shape == (2, 3, WIDTH) and code.pooled.shape == (2, WIDTH) and torch.equal(code.mask, mask)
    torch.testing.assert_close(code.pooled.mean(1), torch.zeros(2), atol=1e-6, rtol=0)


@every
def test_every_encoder_hears_the_order(name):
    """One word exchanged for another changes the code, and so does their order alone."""
    code = build(name)(*padded([[2, 3, 4], [4, 3, 2], [2, 3, 5]]))
    assert (code.pooled[0] - code.pooled[1]).abs().max() > 1e-3
    assert (code.pooled[0] - code.pooled[2]).abs().max() > 1e-3


@every
def test_every_parameter_learns_and_the_padding_word_does_not(name):
    model = build(name)
    code = model(*padded([[2, 3], [4, 5, 6]]))
    (code.pooled[:, 0].sum() + code.tokens[..., 0].square().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert not model.embed.weight.grad[[0, 1, 7, 8]].any()


@every
@pytest.mark.parametrize("ids, mask, told", [
    (torch.zeros(3, dtype=torch.int64), torch.ones(3, dtype=torch.bool), r"\(B, L\).*int64 \(3,\)"),
    (torch.ones(1, 2, 3, dtype=torch.int64), torch.ones(1, 2, 3, dtype=torch.bool), r"\(1, 2, 3\)"),
    (torch.ones(1, 3), torch.ones(1, 3, dtype=torch.bool), r"torch.float32 \(1, 3\)"),
    (torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 4, dtype=torch.bool), r"bool mask \(1, 3\).*\(1, 4\)"),
    (torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 3), r"torch.float32 \(1, 3\)"),
    (torch.tensor([[1, 2], [0, 0]]), torch.tensor([[True, True], [False, False]]), r"sentence\(s\) \[1\]: .*at least one word"),
    (torch.zeros(0, 3, dtype=torch.int64), torch.zeros(0, 3, dtype=torch.bool), r"\(0, 3\).*none at all"),
    (torch.zeros(2, 0, dtype=torch.int64), torch.zeros(2, 0, dtype=torch.bool), r"\(2, 0\).*\[0, 1\]"),
    (torch.tensor([[0, 1]]), torch.tensor([[False, True]]), r"\(1, 2\): a word stands after padding"),
    (torch.tensor([[1, 9]]), torch.tensor([[True, True]]), r"from 1 to 9, the vocabulary from 0 to 8"),
])  # fmt: skip
def test_every_encoder_says_what_is_wrong(name, ids, mask, told):
    with pytest.raises(ValueError, match=told):
        build(name)(ids, mask)


@every
def test_the_width_must_be_even(name):
    with pytest.raises(ValueError, match="not 7"):
        ENCODERS[name](9, 7)


@pytest.mark.parametrize("name, layer", [("rnn", "rnn"), ("lstm", "lstm")])
@given(rows=sentences)
def test_the_recurrent_encoders_are_our_own_cells_run_both_ways(name, layer, rows):
    """recurrent.py is written step by step; torch's packed layers are not. Both read only the words."""
    model = build(name)
    ids, mask = padded(rows, extra=1)
    there, back = (cell_of(getattr(model, layer), reverse=way) for way in (False, True))
    with torch.no_grad():
        x = model.embed(ids)
        states = torch.cat([over_time(there, x, mask=mask)[0], over_time(back, x, mask=mask, reverse=True)[0]], 2)
        torch.testing.assert_close(model(ids, mask).tokens, states, atol=1e-6, rtol=0)


def test_our_lstm_is_torchs_forwards_and_backwards():
    torch.manual_seed(3)
    layer, x = nn.LSTM(5, 7, batch_first=True), torch.randn(2, 11, 5)
    cell = cell_of(layer)
    states, (h, c) = over_time(cell, x)
    theirs, (their_h, their_c) = layer(x)
    for ours, other in ((states, theirs), (h, their_h[0]), (c, their_c[0])):
        torch.testing.assert_close(ours, other, atol=1e-6, rtol=0)
    states.square().sum().backward(), theirs.square().sum().backward()
    for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        torch.testing.assert_close(getattr(cell, part).grad, getattr(layer, f"{part}_l0").grad, atol=1e-5, rtol=1e-5)


def test_the_transformer_encoder_is_torchs_stack():
    """nn.TransformerEncoder with the same weights, fed with embeddings and the waves of the formula."""
    model = build("transformer")
    layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    stack = nn.TransformerEncoder(layer, 2, model.last, enable_nested_tensor=False).eval()
    with torch.no_grad():
        for theirs, ours in zip(stack.layers, model.blocks, strict=True):
            look = ours.look
            theirs.self_attn.in_proj_weight.copy_(torch.cat([look.query.weight, look.key.weight, look.value.weight]))
            theirs.self_attn.in_proj_bias.copy_(torch.cat([look.query.bias, look.key.bias, look.value.bias]))
            for a, b in ((theirs.self_attn.out_proj, look.out), (theirs.linear1, ours.think[0]), (theirs.linear2, ours.think[2]),
                         (theirs.norm1, ours.norm_look), (theirs.norm2, ours.norm_think)):
                a.load_state_dict(b.state_dict())
        ids, mask = padded([[2, 3, 4, 5], [6, 7]])
        angle = torch.arange(4.0)[:, None] / 10_000 ** (torch.arange(0, WIDTH, 2) / WIDTH)
        waves = torch.stack([angle.sin(), angle.cos()], 2).reshape(4, WIDTH)
        states = stack(model.embed(ids) + waves, src_key_padding_mask=~mask)
        torch.testing.assert_close(model(ids, mask).tokens[mask], states[mask], atol=1e-5, rtol=0)


def test_the_names_and_the_order_of_the_lstms_parameters_are_what_shipped_weights_have():
    sizes = {name: tuple(p.shape) for name, p in LSTMEncoder(9, 8).named_parameters()}
    gates = {"weight_ih": (16, 8), "weight_hh": (16, 4), "bias_ih": (16,), "bias_hh": (16,)}
    lstm = {f"lstm.{part}_l0{way}": shape for way in ("", "_reverse") for part, shape in gates.items()}
    last = {"project.weight": (8, 8), "project.bias": (8,), "norm.weight": (8,), "norm.bias": (8,)}
    want = {"embed.weight": (9, 8), **lstm, **last}
    assert list(sizes.items()) == list(want.items())


def test_the_lstm_draws_its_first_weights_as_it_always_did():
    """Seeded runs depend on it: embedding, LSTM, projection, in this order, and nothing between."""
    torch.manual_seed(5)
    model = LSTMEncoder(9, 8)
    torch.manual_seed(5)
    embed, lstm, project = nn.Embedding(9, 8, padding_idx=0), nn.LSTM(8, 4, batch_first=True, bidirectional=True), nn.Linear(8, 8)
    for ours, theirs in ((model.embed, embed), (model.lstm, lstm), (model.project, project)):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(a, b)
