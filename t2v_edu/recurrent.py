"""Chapter 06 · cells that remember: RNN, GRU, LSTM and ConvLSTM · Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, ...]  # what a cell carries from step to step; the first tensor is h, which is also its output


class Cell(nn.Module):
    """One step of a recurrence. Parameters are named, ordered and initialised as in PyTorch's cells, so state dicts load.

    Args:
        inputs: features of x.
        hidden: features of h.
    A subclass says how many `blocks` of `hidden` rows its matrices stack, how many tensors its state has, and the step itself.
    """

    blocks, states, rank = 1, 1, 3  # rank of a sequence: (B, T, inputs)

    def __init__(self, inputs: int, hidden: int, kernel: tuple[int, ...] = ()) -> None:
        super().__init__()
        if inputs < 1 or hidden < 1:
            raise ValueError(f"a cell needs at least one input and one hidden feature, got inputs={inputs}, hidden={hidden}")
        self.inputs, self.hidden = inputs, hidden
        rows = self.blocks * hidden
        self.weight_ih = nn.Parameter(torch.empty(rows, inputs, *kernel))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden, *kernel))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))
        bound = self.weight_hh[0].numel() ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def start(self, x: Tensor) -> State:
        """A state of zeros for one step's input x (B, inputs, …)."""
        return tuple(x.new_zeros(len(x), self.hidden, *x.shape[2:]) for _ in range(self.states))

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """One step: x (B, inputs) and the state before → the state after."""
        raise NotImplementedError


class RNNCell(Cell):
    """h' = tanh(W_ih·x + b_ih + W_hh·h + b_hh). Source: Elman 1990; equals nn.RNNCell."""

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """x (B, inputs), state (h,) with h (B, hidden) → (h',)."""
        (h,) = state or self.start(x)
        return (torch.tanh(F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)),)


class GRUGates(NamedTuple):
    """Of one GRU step, each (B, hidden): reset r and update z in (0, 1), the proposal n in (−1, 1)."""

    r: Tensor
    z: Tensor
    n: Tensor


class GRUCell(Cell):
    """h' = (1 − z)·n + z·h: z near 1 keeps the old state. Source: Cho et al. 2014, arXiv:1406.1078; equals nn.GRUCell."""

    blocks = 3

    def gates(self, x: Tensor, state: State | None = None) -> GRUGates:
        """The gates that this x and state open. As in PyTorch, r acts after the matrix W_hn, not before it."""
        (h,) = state or self.start(x)
        x_r, x_z, x_n = F.linear(x, self.weight_ih, self.bias_ih).chunk(3, 1)
        h_r, h_z, h_n = F.linear(h, self.weight_hh, self.bias_hh).chunk(3, 1)
        r = torch.sigmoid(x_r + h_r)
        return GRUGates(r, torch.sigmoid(x_z + h_z), torch.tanh(x_n + r * h_n))

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """x (B, inputs), state (h,) with h (B, hidden) → (h',)."""
        (h,) = state or self.start(x)
        _, z, n = self.gates(x, (h,))
        return ((1 - z) * n + z * h,)


class LSTMGates(NamedTuple):
    """Of one LSTM step, each (B, hidden, …): input i, forget f and output o in (0, 1), the proposal g in (−1, 1)."""

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor


class LSTMCell(Cell):
    """c' = f·c + i·g, h' = o·tanh(c'). Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000 (f); equals nn.LSTMCell."""

    blocks, states = 4, 2

    def gates(self, x: Tensor, state: State | None = None) -> LSTMGates:
        """The gates that this x and state open."""
        h, _ = state or self.start(x)
        i, f, g, o = self.summed(x, h).chunk(4, 1)
        return LSTMGates(torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o))

    def summed(self, x: Tensor, h: Tensor) -> Tensor:
        """What the four gates squash, (B, 4·hidden, …)."""
        return F.linear(x, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """x (B, inputs, …), state (h, c), each (B, hidden, …) → (h', c')."""
        h, c = state or self.start(x)
        i, f, g, o = self.gates(x, (h, c))
        c = f * c + i * g
        return o * torch.tanh(c), c


class ConvLSTMCell(LSTMCell):
    """An LSTM whose states are maps and whose matrices are convolutions: the same step at every pixel.

    Args:
        inputs, hidden: channels of x and of h.
        kernel: odd side of the window; a thing may move by kernel // 2 pixels a step and still be seen.
    Source: Shi et al. 2015, arXiv:1506.04214, equation 3 without its peepholes.
    """

    rank = 5  # (B, T, inputs, H, W)

    def __init__(self, inputs: int, hidden: int, kernel: int = 3) -> None:
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"a kernel of side {kernel} has no middle pixel; take an odd side such as 3 or 5")
        super().__init__(inputs, hidden, (kernel, kernel))

    def summed(self, x: Tensor, h: Tensor) -> Tensor:
        """x (B, inputs, H, W) and h (B, hidden, H, W) → (B, 4·hidden, H, W)."""
        pad = self.weight_ih.shape[-1] // 2
        return F.conv2d(x, self.weight_ih, self.bias_ih, padding=pad) + F.conv2d(h, self.weight_hh, self.bias_hh, padding=pad)


def over_time(
    cell: Cell,
    x: Tensor,
    state: State | None = None,
    *,
    mask: Tensor | None = None,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """Run a cell over a sequence; where the mask is False the state waits and the output is zero.

    So a padded sequence gives the same outputs and the same last state as the unpadded one, in both directions.

    Args:
        x: (B, T, inputs), or (B, T, inputs, H, W) for a ConvLSTM.
        state: before the first step; zeros if None.
        mask: (B, T) bool, True at real steps; or `lengths` (B,), how many steps of each row are real.
        reverse: from the last step to the first; outputs stay in the order of x.
    Returns:
        h of every step (B, T, hidden, …), and the state after the last step.
    Raises:
        ValueError: wrong rank, dtype or number of features, or a row without a single step.
    """
    _check_sequence(cell, x)
    mask = _mask(x, mask, lengths)
    state = cell.start(x[:, 0]) if state is None else state
    outputs: list[Tensor] = []
    order = range(x.shape[1])
    for t in reversed(order) if reverse else order:
        after = cell(x[:, t], state)
        if mask is not None:
            real = mask[:, t].reshape(-1, *[1] * (x.dim() - 2))
            after = tuple(torch.where(real, new, old) for new, old in zip(after, state, strict=True))
            outputs.append(torch.where(real, after[0], torch.zeros_like(after[0])))
        else:
            outputs.append(after[0])
        state = after
    return torch.stack(outputs[::-1] if reverse else outputs, 1), state


def influence(cell: Cell, x: Tensor, state: State | None = None) -> Tensor:
    """How strongly the last output still depends on the state before each step: ‖∂h_T/∂s_t‖, the largest singular value.

    This is what back-propagation through time multiplies a gradient by on its way back. Where it vanishes nothing can be learned
    about what happened then; where it explodes a step of training goes anywhere.

    Args:
        x: (1, T, inputs), one sequence.
    Returns:
        (T,): number t is for the state before step t, of all its tensors (for an LSTM h and c).
    Source: Bengio et al. 1994; Pascanu et al. 2013, arXiv:1211.5063.
    """
    _check_sequence(cell, x)
    if len(x) != 1 or cell.rank != 3:
        raise ValueError(f"influence takes one sequence of vectors (1, T, inputs), got shape {tuple(x.shape)}")
    current = tuple(s.detach().requires_grad_() for s in (state or cell.start(x[:, 0])))
    states: list[Tensor] = []
    for t in range(x.shape[1]):
        states += current
        current = cell(x[:, t], current)
    rows = [torch.autograd.grad(value, states, retain_graph=True) for value in current[0][0]]  # one row for each of h_T
    whole = torch.stack([torch.cat(row, 1)[0] for row in rows])  # (hidden, T · states · hidden)
    norms: Tensor = torch.linalg.matrix_norm(whole.reshape(cell.hidden, x.shape[1], -1).transpose(0, 1), 2)
    return norms


def _check_sequence(cell: Cell, x: Tensor) -> None:
    wanted = "(B, T, inputs)" if cell.rank == 3 else "(B, T, inputs, H, W)"
    got = tuple(x.shape)
    if x.dim() != cell.rank:
        raise ValueError(f"{type(cell).__name__} runs over {wanted}, got a tensor of shape {got}")
    if not x.is_floating_point():
        raise ValueError(f"a cell takes floats, got {x.dtype} of shape {got}; embed ids, or scale pixels to [-1, 1]")
    if x.shape[2] != cell.inputs:
        raise ValueError(f"this {type(cell).__name__} takes {cell.inputs} features at a step, got {x.shape[2]} in shape {got}")
    if x.shape[0] == 0 or x.shape[1] == 0:
        raise ValueError(f"an empty sequence: shape {got} has no step to run over")


def _mask(x: Tensor, mask: Tensor | None, lengths: Tensor | None) -> Tensor | None:
    batch, steps = x.shape[:2]
    if mask is not None and lengths is not None:
        raise ValueError("give a mask or lengths, not both")
    if lengths is not None:
        if lengths.shape != (batch,) or lengths.is_floating_point():
            raise ValueError(f"lengths must be {batch} whole numbers, got {lengths.dtype} of shape {tuple(lengths.shape)}")
        if int(lengths.min()) < 1 or int(lengths.max()) > steps:
            raise ValueError(f"lengths must lie between 1 and {steps}, got {lengths.tolist()}")
        return torch.arange(steps, device=x.device) < lengths.to(x.device)[:, None]
    if mask is not None:
        if mask.shape != (batch, steps) or mask.dtype != torch.bool:
            raise ValueError(f"the mask must be bool of shape {(batch, steps)}, got {mask.dtype} of shape {tuple(mask.shape)}")
        if not bool(mask.any(1).all()):
            row = int((~mask.any(1)).nonzero()[0])
            raise ValueError(f"row {row} of the mask {tuple(mask.shape)} has no step: an empty sentence")
    return mask


def cell_of(layer: nn.RNNBase, number: int = 0, *, reverse: bool = False) -> Cell:
    """A cell with a copy of the weights of one layer (and direction) of nn.RNN, nn.GRU or nn.LSTM.

    Raises:
        ValueError: a layer without biases, with a projection, or with a nonlinearity other than tanh.
    """
    kinds: dict[str, type[Cell]] = {"RNN_TANH": RNNCell, "GRU": GRUCell, "LSTM": LSTMCell}
    if layer.mode not in kinds or not layer.bias or layer.proj_size:
        raise ValueError(f"needs a tanh RNN, a GRU or an LSTM with biases and no projection, got {layer}")
    suffix = f"_l{number}" + "_reverse" * reverse
    weights = {name: getattr(layer, name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    cell = kinds[layer.mode](weights["weight_ih"].shape[1], layer.hidden_size).to(weights["weight_ih"])
    cell.load_state_dict(weights)
    return cell
