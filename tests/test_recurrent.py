"""The cells against PyTorch's own, against closed forms and against an independent loop."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from t2v_edu.recurrent import Cell, ConvLSTMCell, GRUCell, LSTMCell, RNNCell, State, cell_of, influence, over_time

PAIRS = [(RNNCell, nn.RNNCell, nn.RNN), (GRUCell, nn.GRUCell, nn.GRU), (LSTMCell, nn.LSTMCell, nn.LSTM)]


def sequence(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("ours", "theirs", "_layer"), PAIRS)
@settings(deadline=None, max_examples=25)
@given(batch=st.integers(1, 4), inputs=st.integers(1, 6), hidden=st.integers(1, 7), seed=st.integers(0, 10**6))
def test_a_step_equals_pytorchs_with_its_state_dict(
    ours: type[Cell], theirs: type, _layer: type, batch: int, inputs: int, hidden: int, seed: int
) -> None:
    torch.manual_seed(seed)
    reference = theirs(inputs, hidden)
    cell = ours(inputs, hidden)
    cell.load_state_dict(reference.state_dict())  # names and shapes are the same, or this raises
    x = sequence(seed, batch, inputs)
    state = tuple(sequence(seed + 1 + k, batch, hidden) for k in range(cell.states))
    expected = reference(x, state if cell.states == 2 else state[0])
    expected = expected if cell.states == 2 else (expected,)
    for mine, other in zip(cell(x, state), expected, strict=True):
        assert torch.allclose(mine, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("ours", "_cell", "layer"), PAIRS)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_padded_batch_equals_pytorchs_packed_one(ours: type[Cell], _cell: type, layer: type, reverse: bool) -> None:
    torch.manual_seed(3)
    reference = layer(4, 5, num_layers=2, batch_first=True, bidirectional=True)
    lengths = torch.tensor([6, 2, 1])
    x = sequence(1, 3, 6, 4)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    below = layer(4, 5, batch_first=True, bidirectional=True)  # layer 0 alone, to see what layer 1 gets
    below.load_state_dict({k: v for k, v in reference.state_dict().items() if "_l0" in k})
    outputs, last = below(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
    cell = cell_of(reference, 0, reverse=reverse)
    assert type(cell) is ours
    h, state = over_time(cell, x, lengths=lengths, reverse=reverse)
    part = slice(5, 10) if reverse else slice(0, 5)
    assert torch.allclose(h, expected[..., part], rtol=0, atol=1e-6)
    last = last if isinstance(last, tuple) else (last,)
    for mine, other in zip(state, last, strict=True):
        assert torch.allclose(mine, other[int(reverse)], rtol=0, atol=1e-6)
    second = cell_of(reference, 1)
    assert second.inputs == 10 and torch.equal(second.weight_ih, reference.weight_ih_l1)


@pytest.mark.parametrize("kind", [RNNCell, GRUCell, LSTMCell])
@settings(deadline=None, max_examples=25)
@given(length=st.integers(1, 5), padding=st.integers(0, 4), reverse=st.booleans(), seed=st.integers(0, 10**6))
def test_padding_changes_nothing(kind: type[Cell], length: int, padding: int, reverse: bool, seed: int) -> None:
    cell = kind(3, 4)
    x = sequence(seed, 2, length + padding, 3)
    mask = torch.arange(length + padding).expand(2, -1) < length
    padded, last = over_time(cell, x, mask=mask, reverse=reverse)
    alone, expected = over_time(cell, x[:, :length], reverse=reverse)
    assert torch.allclose(padded[:, :length], alone, rtol=0, atol=1e-6)
    assert not padded[:, length:].any()
    for mine, other in zip(last, expected, strict=True):
        assert torch.allclose(mine, other, rtol=0, atol=1e-6)


def test_a_gap_in_the_mask_is_skipped() -> None:
    cell, x = GRUCell(2, 3), sequence(0, 1, 4, 2)
    mask = torch.tensor([[True, False, True, True]])
    _, (h,) = over_time(cell, x, mask=mask)
    _, (expected,) = over_time(cell, x[:, [0, 2, 3]])
    assert torch.allclose(h, expected, rtol=0, atol=1e-6)


def test_three_steps_by_hand() -> None:
    cell = RNNCell(1, 1)
    with torch.no_grad():
        for parameter, value in zip(cell.parameters(), (0.5, 0.8, 0.1, 0.0), strict=True):
            parameter.fill_(value)
    h, _ = over_time(cell, torch.tensor([[[1.0], [0.0], [0.0]]]))
    first = math.tanh(0.5 + 0.1)
    second = math.tanh(0.8 * first + 0.1)
    assert h.flatten().tolist() == pytest.approx([first, second, math.tanh(0.8 * second + 0.1)], abs=1e-6)


def test_gates_at_their_ends() -> None:
    """A forget gate of 1 and an input gate of 0 keep c for ever; a GRU with z = 1 keeps h."""
    lstm, gru = LSTMCell(2, 3), GRUCell(2, 3)
    with torch.no_grad():
        lstm.bias_ih[:3] = -100  # i
        lstm.bias_ih[3:6] = 100  # f
        gru.bias_ih[3:6] = 100  # z
    c = sequence(0, 1, 3)
    _, (_, kept) = over_time(lstm, sequence(1, 1, 50, 2), (torch.zeros(1, 3), c))
    assert torch.equal(kept, c)
    _, (h,) = over_time(gru, sequence(1, 1, 50, 2), (c,))
    assert torch.equal(h, c)
    assert torch.equal(lstm.gates(sequence(1, 1, 2)).f, torch.ones(1, 3))


@pytest.mark.parametrize("kernel", [1, 3])
def test_conv_lstm_at_one_pixel_is_an_lstm(kernel: int) -> None:
    cell, reference = ConvLSTMCell(3, 4, kernel), nn.LSTMCell(3, 4)
    middle = kernel // 2  # at one pixel only the middle tap sees the image, the rest sees padding
    cell.load_state_dict(
        reference.state_dict() | {"weight_ih": cell.weight_ih.detach(), "weight_hh": cell.weight_hh.detach()}
    )
    with torch.no_grad():
        reference.weight_ih.copy_(cell.weight_ih[:, :, middle, middle])
        reference.weight_hh.copy_(cell.weight_hh[:, :, middle, middle])
    x, h, c = sequence(0, 2, 3), sequence(1, 2, 4), sequence(2, 2, 4)
    ours = cell(x[:, :, None, None], (h[:, :, None, None], c[:, :, None, None]))
    for mine, other in zip(ours, reference(x, (h, c)), strict=True):
        assert torch.allclose(mine[:, :, 0, 0], other, rtol=0, atol=1e-6)


def test_conv_lstm_equals_a_loop_over_pixels() -> None:
    """Every pixel: an LSTM cell on its 3×3 neighbourhood, laid out as one long vector, zeros outside the picture."""
    cell = ConvLSTMCell(2, 3)
    x = sequence(0, 1, 4, 2, 5, 6)
    h_map, c_map = torch.zeros(3, 5, 6), torch.zeros(3, 5, 6)
    for t in range(4):
        new_h, new_c = torch.zeros(3, 5, 6), torch.zeros(3, 5, 6)
        for row in range(5):
            for column in range(6):
                total = cell.bias_ih + cell.bias_hh
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        if 0 <= row + dy < 5 and 0 <= column + dx < 6:
                            total = total + cell.weight_ih[:, :, dy + 1, dx + 1] @ x[0, t, :, row + dy, column + dx]
                            total = total + cell.weight_hh[:, :, dy + 1, dx + 1] @ h_map[:, row + dy, column + dx]
                i, f, g, o = total.detach().reshape(4, 3)
                c = f.sigmoid() * c_map[:, row, column] + i.sigmoid() * g.tanh()
                new_h[:, row, column], new_c[:, row, column] = o.sigmoid() * c.tanh(), c
        h_map, c_map = new_h, new_c
    h, (last, c_last) = over_time(cell, x)
    assert h.shape == (1, 4, 3, 5, 6)
    assert torch.allclose(last[0], h_map, rtol=0, atol=1e-6) and torch.allclose(c_last[0], c_map, rtol=0, atol=1e-6)


def test_gradients_against_finite_differences() -> None:
    cell = LSTMCell(2, 2).double()
    x = sequence(0, 2, 3, 2).double().requires_grad_()
    lengths = torch.tensor([3, 2])
    assert torch.autograd.gradcheck(lambda x: over_time(cell, x, lengths=lengths)[0], (x,))
    loss = over_time(cell, x, lengths=lengths)[0].sum()
    assert not torch.autograd.grad(loss, x)[0][1, 2].any()  # no gradient reaches padding


class LinearCell(Cell):
    """h' = W·h + U·x, whose Jacobian over k steps is W to the k."""

    def forward(self, x: Tensor, state: State | None = None) -> State:
        (h,) = state or self.start(x)
        return (h @ self.weight_hh.T + x @ self.weight_ih.T,)


def test_influence_of_a_linear_recurrence_is_a_power_of_its_matrix() -> None:
    cell = LinearCell(2, 5)
    measured = influence(cell, sequence(0, 1, 6, 2))
    power = torch.eye(5)
    for t in reversed(range(6)):
        power = power @ cell.weight_hh.detach()
        assert measured[t].item() == pytest.approx(torch.linalg.svdvals(power)[0].item(), rel=1e-4)
    with torch.no_grad():  # an orthogonal matrix times 0.9: exactly 0.9 to the k
        cell.weight_hh.copy_(0.9 * torch.linalg.qr(sequence(1, 5, 5))[0])
    assert influence(cell, sequence(0, 1, 6, 2)).tolist() == pytest.approx([0.9**k for k in range(6, 0, -1)], rel=1e-4)


def test_influence_of_an_lstm_that_only_forgets_is_the_product_of_its_forget_gates() -> None:
    cell, x = LSTMCell(1, 1), sequence(0, 1, 8, 1)
    torch.nn.init.zeros_(cell.weight_hh)
    _, (_, c) = over_time(cell, x)
    gates = [cell.gates(x[:, t]) for t in range(8)]  # without W_hh they see x alone
    end = gates[-1].o.item() * (1 - math.tanh(c.item()) ** 2)
    expected = [end * math.prod(g.f.item() for g in gates[t:]) for t in range(8)]
    assert influence(cell, x).tolist() == pytest.approx(expected, rel=1e-5)


def test_influence_of_a_gru_against_finite_differences() -> None:
    cell, x, h = GRUCell(2, 3).double(), sequence(0, 1, 4, 2).double(), sequence(1, 1, 3).double()
    columns = []
    for k in range(3):
        step = torch.zeros(1, 3, dtype=torch.float64)
        step[0, k] = 1e-5
        up, down = (over_time(cell, x, (h + s,))[1][0][0] for s in (step, -step))
        columns.append((up - down) / 2e-5)
    expected = torch.linalg.svdvals(torch.stack(columns, 1))[0].item()
    assert influence(cell, x, (h,))[0].item() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match=r"one sequence of vectors.*\(2, 4, 2\)"):
        influence(GRUCell(2, 3), torch.zeros(2, 4, 2))


@pytest.mark.parametrize(
    ("x", "arguments", "words"),
    [
        (torch.zeros(2, 3), {}, r"\(B, T, inputs\).*\(2, 3\)"),
        (torch.zeros(2, 3, 4, dtype=torch.int64), {}, r"int64.*\(2, 3, 4\)"),
        (torch.zeros(2, 3, 5), {}, r"takes 4 features.*\(2, 3, 5\)"),
        (torch.zeros(2, 0, 4), {}, r"empty sequence.*\(2, 0, 4\)"),
        (torch.zeros(2, 3, 4), {"mask": torch.ones(2, 4, dtype=torch.bool)}, r"\(2, 3\).*\(2, 4\)"),
        (torch.zeros(2, 3, 4), {"mask": torch.ones(2, 3)}, "bool.*float32"),
        (torch.zeros(2, 3, 4), {"mask": torch.tensor([[True] * 3, [False] * 3])}, "row 1 .*empty sentence"),
        (torch.zeros(2, 3, 4), {"lengths": torch.tensor([3, 0])}, r"between 1 and 3.*\[3, 0\]"),
        (torch.zeros(2, 3, 4), {"lengths": torch.tensor([3.0, 1.0])}, "whole numbers.*float32"),
        (
            torch.zeros(2, 3, 4),
            {"lengths": torch.tensor([3, 1]), "mask": torch.ones(2, 3, dtype=torch.bool)},
            "not both",
        ),
    ],
)
def test_bad_sequences_are_told_what_came(x: Tensor, arguments: dict[str, Tensor], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        over_time(LSTMCell(4, 2), x, **arguments)


def test_bad_cells_and_layers_are_told_what_came() -> None:
    with pytest.raises(ValueError, match=r"inputs=0, hidden=3"):
        RNNCell(0, 3)
    with pytest.raises(ValueError, match="side 4 has no middle"):
        ConvLSTMCell(1, 1, 4)
    with pytest.raises(ValueError, match=r"ConvLSTMCell runs over \(B, T, inputs, H, W\).*\(1, 2, 3\)"):
        over_time(ConvLSTMCell(3, 1), torch.zeros(1, 2, 3))
    for layer in (nn.RNN(2, 3, nonlinearity="relu"), nn.GRU(2, 3, bias=False), nn.LSTM(2, 3, proj_size=1)):
        with pytest.raises(ValueError, match="tanh RNN, a GRU or an LSTM with biases"):
            cell_of(layer)
