"""Chapter 05 · convolution and pooling, as the sums they are and as matrix products · LeCun et al. 1998, Proc. IEEE 86(11)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

Size = int | Sequence[int]  # one number for every axis, or one an axis


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many places along one axis a window can stand: ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1.

    Args:
        size: n, pixels.  kernel: k, numbers in the window.  stride: s, pixels from one place to the next.
        padding: p, pixels of border added on each side.  dilation: d, pixels from one number of the window to the next.
    Raises:
        ValueError: a size, kernel, stride or dilation below 1, a negative padding, or a window longer than the padded axis.
    """
    for name, value, least in (("size", size, 1), ("kernel", kernel, 1), ("stride", stride, 1), ("padding", padding, 0),
                               ("dilation", dilation, 1)):
        if value < least:
            raise ValueError(f"{name} {value} is too small; use {least} or more")
    span = dilation * (kernel - 1) + 1  # pixels from the first number of the window to the last
    if span > size + 2 * padding:
        raise ValueError(f"a window of {kernel} with dilation {dilation} spans {span} pixels and does not fit into "
                         f"{size} pixels with padding {padding}; use a smaller window or more padding")
    return (size + 2 * padding - span) // stride + 1


# --- The sums, to be read -------------------------------------------------------------------------------------------------


def convolve_loops(image: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0,
                   dilation: int = 1) -> Tensor:
    """What `torch.nn.functional.conv2d` computes, one number at a time.

    y[o, i, j] = b[o] + Σ_c Σ_u Σ_v w[o, c, u, v] · x[c, s·i + d·u − p, s·j + d·v − p], and x is 0 outside the image. The
    sum runs over all channels of the input: each filter is as deep as the image. The kernel is not turned round: in
    mathematics this is a cross-correlation, see `turned`.

    Args:
        image: x (C, H, W).  weight: w (O, C, k, k).  bias: b (O,).
    Returns:
        y (O, H', W'), with `output_size` for H' and W'.
    Raises:
        ValueError: shapes or types that do not go together.
    """
    _check(image[None] if image.ndim == 3 else image, weight, bias, 1)
    out, channels, tall, wide = weight.shape
    x = pad(image, [padding] * 4)  # (C, H + 2p, W + 2p)
    rows = output_size(image.shape[1], tall, stride, padding, dilation)
    columns = output_size(image.shape[2], wide, stride, padding, dilation)
    y = torch.zeros(out, rows, columns, dtype=image.dtype)
    for o, i, j in itertools.product(range(out), range(rows), range(columns)):
        total = torch.zeros((), dtype=image.dtype) if bias is None else bias[o]
        for c, u, v in itertools.product(range(channels), range(tall), range(wide)):
            total = total + weight[o, c, u, v] * x[c, stride * i + dilation * u, stride * j + dilation * v]
        y[o, i, j] = total
    return y


def pool_loops(image: Tensor, kernel: int, how: Callable[[Tensor], Tensor], *, stride: int | None = None) -> Tensor:
    """y[c, i, j] = how of the window x[c, s·i … s·i + k − 1, s·j … s·j + k − 1]; each channel for itself.

    Args:
        image: x (C, H, W).  kernel: k, the window's side.  how: torch.amax or torch.mean.
        stride: s; the window's side if left out.
    Returns:
        (C, H', W').
    """
    stride = kernel if stride is None else stride
    channels, rows, columns = image.shape[0], *(output_size(n, kernel, stride) for n in image.shape[1:])
    y = torch.zeros(channels, rows, columns, dtype=image.dtype)
    for c, i, j in itertools.product(range(channels), range(rows), range(columns)):
        y[c, i, j] = how(image[c, stride * i : stride * i + kernel, stride * j : stride * j + kernel])
    return y


# --- The same as matrix products ------------------------------------------------------------------------------------------


def windows(x: Tensor, kernel: Size, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1, fill: float = 0.0) -> Tensor:
    """Every window of a batch of signals, images or films, without copying one for each: a view with strides of its own.

    One step in the output is `stride` steps in memory, one step inside a window is `dilation` steps.

    Args:
        x: (B, C, *sizes) with one, two or three axes after the channels.  fill: what the border is made of.
    Returns:
        (B, C, *outputs, *kernel). The numbers of overlapping windows are the same numbers: read, do not write.
    """
    axes = x.ndim - 2
    if axes not in (1, 2, 3):
        raise ValueError(f"want (B, C, …) with one to three axes more, not {tuple(x.shape)}; add the axes B and C if they lack")
    k, s, p, d = (_each(value, axes, name) for name, value in
                  (("kernel", kernel), ("stride", stride), ("padding", padding), ("dilation", dilation)))
    outputs = [output_size(*of_axis) for of_axis in zip(x.shape[2:], k, s, p, d, strict=True)]
    if any(p):
        x = pad(x, [n for side in reversed(p) for n in (side, side)], value=fill)
    x = x.contiguous()
    steps = x.stride()[2:]
    outer, inner = ([a * b for a, b in zip(steps, by, strict=True)] for by in (s, d))
    return x.as_strided((*x.shape[:2], *outputs, *k), (*x.stride()[:2], *outer, *inner))


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: Size = 1, padding: Size = 0, dilation: Size = 1,
             groups: int = 1) -> Tensor:
    """Convolution in one, two or three dimensions as a matrix product: filters (O, C·k·k) times windows (C·k·k, H'·W').

    Args:
        x: (B, C, *sizes).  weight: (O, C / groups, *kernel).  bias: (O,).
        groups: parts that the channels are divided into; each part of the filters sees its part of the channels alone.
    Returns:
        (B, O, *outputs), as torch.nn.functional.conv1d, conv2d and conv3d.
    Raises:
        ValueError: shapes or types that do not go together.
    Source: Chellapilla, Puri & Simard 2006, "High Performance Convolutional Neural Networks for Document Processing".
    """
    _check(x, weight, bias, groups)
    axes = weight.ndim - 2
    seen = windows(x, weight.shape[2:], stride=stride, padding=padding, dilation=dilation)  # (B, C, *outputs, *kernel)
    outputs = seen.shape[2 : 2 + axes]
    columns = seen.permute(0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))  # (B, C, *kernel, *outputs)
    columns = columns.reshape(len(x), groups, -1, math.prod(outputs))  # (B, groups, C/groups·k·k, H'·W'): a copy of every window
    y = weight.view(groups, len(weight) // groups, -1) @ columns  # (B, groups, O/groups, H'·W')
    y = y.view(len(x), len(weight), *outputs)
    return y if bias is None else y + bias.view(-1, *[1] * axes)


def turned(weight: Tensor) -> Tensor:
    """Kernels (O, C, *kernel) turned round on all their axes: what makes a convolution of a cross-correlation, and back."""
    return weight.flip(tuple(range(2, weight.ndim)))


def max_pool(x: Tensor, kernel: Size, *, stride: Size | None = None, padding: Size = 0, dilation: Size = 1) -> Tensor:
    """The largest number of each window, (B, C, *sizes) → (B, C, *outputs); the border never wins."""
    _check_pool(x, kernel, padding)
    seen = windows(x, kernel, stride=kernel if stride is None else stride, padding=padding, dilation=dilation, fill=-math.inf)
    return seen.flatten(x.ndim).amax(-1)


def average_pool(x: Tensor, kernel: Size, *, stride: Size | None = None, padding: Size = 0) -> Tensor:
    """The mean of each window, (B, C, *sizes) → (B, C, *outputs); the border counts as zeros."""
    _check_pool(x, kernel, padding)
    return windows(x, kernel, stride=kernel if stride is None else stride, padding=padding).flatten(x.ndim).mean(-1)


FILTERS = ("mean", "left to right", "top to bottom", "centre")


def simple_kernel(name: str, size: int) -> Tensor:
    """A kernel (size, size) that one can foresee: the mean of its window; the mean of its right (lower) side less that of its
    left (upper) side; or its middle alone. Values from 0 to 1 give values from -1 to 1.

    Raises:
        ValueError: a name that is none of `FILTERS`, a size below 1.
    """
    if name not in FILTERS or size < 1:
        raise ValueError(f"filter {name!r} of size {size}: choose one of {', '.join(FILTERS)}, and a size of 1 or more")
    if name == "mean":
        return torch.full((size, size), 1 / size**2)
    if name == "centre":
        return (torch.arange(size * size) == size // 2 * (size + 1)).float().view(size, size)
    side = (torch.arange(size) - (size - 1) / 2).sign() / max(1, size // 2 * size)  # left −, right +, the middle column 0
    row = side.expand(size, size)
    return row.contiguous() if name == "left to right" else row.T.contiguous()


# --- What an output sees ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """What one number of a feature map sees along one axis: number i sees `size` pixels, the first of which is
    `start + i · step`; pixels below 0 lie in the border."""

    size: int
    step: int
    start: int


def receptive_field(layers: Sequence[tuple[int, int, int, int]]) -> Field:
    """What a stack of layers sees, by arithmetic: each layer reaches d(k − 1) of its input's steps further.

    Args:
        layers: (kernel, stride, padding, dilation) of each, the first layer first.
    Source: Dumoulin & Visin 2016, arXiv:1603.07285; Araujo, Norris & Sim 2019, doi:10.23915/distill.00021.
    """
    size, step, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        output_size(10**9, kernel, stride, padding, dilation)  # refuses what no layer can be
        size += dilation * (kernel - 1) * step
        start -= padding * step
        step *= stride
    return Field(size, step, start)


def seen_pixels(net: Callable[[Tensor], Tensor], shape: Sequence[int], place: Sequence[int]) -> Tensor:
    """The gradient of one number of a feature map with respect to a random picture: not 0 exactly where that number looks.

    Args:
        net: (1, C, *sizes) → (1, O, *outputs).  shape: (C, *sizes).  place: of the number, one index an axis.
    Returns:
        |∂ Σ_o y[o, place] / ∂x| summed over channels, (*sizes).
    """
    x = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    y = net(x)
    if y.ndim - 2 != len(place):
        raise ValueError(f"place {tuple(place)} has {len(place)} indices and the feature map is {tuple(y.shape)}; "
                         f"give {y.ndim - 2}")
    (gradient,) = torch.autograd.grad(y[0].movedim(0, -1)[tuple(place)].sum(), x)
    return gradient[0].abs().sum(0)


# --- Refusals ---------------------------------------------------------------------------------------------------------------


def _each(value: Size, axes: int, name: str) -> list[int]:
    """One number an axis."""
    every = [value] * axes if isinstance(value, int) else list(value)
    if len(every) != axes:
        raise ValueError(f"{name} {tuple(every)} has {len(every)} numbers for {axes} axes; give one number, or {axes}")
    return every


def _check(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if weight.ndim not in (3, 4, 5) or x.ndim != weight.ndim:
        raise ValueError(f"an input {tuple(x.shape)} does not go with filters {tuple(weight.shape)}; "
                         "want (B, C, *sizes) and (O, C, *kernel) with the same one to three axes after the channels")
    if not x.is_floating_point() or x.dtype != weight.dtype:
        raise ValueError(f"an input of {x.dtype} does not go with filters of {weight.dtype}; make both float32")
    if groups < 1 or x.shape[1] != groups * weight.shape[1] or len(weight) % groups:
        raise ValueError(f"filters {tuple(weight.shape)} in {groups} group(s) do not see {x.shape[1]} channels of an input "
                         f"{tuple(x.shape)}; want filters (O, {x.shape[1]} / groups, …), with groups a divisor of O")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"a bias {tuple(bias.shape)} does not go with {len(weight)} filters; want ({len(weight)},)")


def _check_pool(x: Tensor, kernel: Size, padding: Size) -> None:
    if not x.is_floating_point():
        raise ValueError(f"want an input of floating-point numbers to pool, not {x.dtype} {tuple(x.shape)}")
    axes = max(x.ndim - 2, 1)
    for k, p in zip(_each(kernel, axes, "kernel"), _each(padding, axes, "padding"), strict=True):
        if 2 * p > k:
            raise ValueError(f"padding {p} for a window of {k}: some windows would lie in the border alone; use at most {k // 2}")
