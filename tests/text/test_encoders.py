"""The LSTM encoder: what padding must not change, and what training must."""

import torch

from t2v_edu.text.encoders import LSTMEncoder, TextCode
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
