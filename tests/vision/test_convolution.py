"""Convolution and pooling: the sums against the matrix products against PyTorch's own, examples by hand, wrong input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from t2v_edu.vision.convolution import (
    Field,
    average_pool,
    convolve,
    convolve_loops,
    max_pool,
    output_size,
    pool_loops,
    receptive_field,
    seen_pixels,
    simple_kernel,
    turned,
    windows,
)

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
MAX, AVERAGE = ({1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}, {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d})


@st.composite
def layers(draw: Any, most_axes: int = 3) -> tuple[Tensor, dict[str, list[int]], int, int]:
    """An input and the window of a layer that fits it, each axis with its own numbers; channels a group, filters a group."""
    axes = draw(st.integers(1, most_axes))
    each = {name: [draw(st.integers(low, high)) for _ in range(axes)]
            for name, low, high in (("kernel", 1, 4), ("stride", 1, 3), ("padding", 0, 3), ("dilation", 1, 3))}
    sizes = [max(1, draw(st.integers(0, 5)) + d * (k - 1) + 1 - 2 * p)
             for k, p, d in zip(each["kernel"], each["padding"], each["dilation"], strict=True)]
    groups, per_group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    x = torch.randn(draw(st.integers(1, 2)), groups * per_group, *sizes, generator=generator)
    return x, each, groups, draw(st.integers(1, 2))


@settings(max_examples=300)
@given(layers())
def test_convolution_is_pytorchs(given: tuple[Tensor, dict[str, list[int]], int, int]) -> None:
    x, each, groups, filters = given
    kernel, how = each["kernel"], {name: each[name] for name in ("stride", "padding", "dilation")}
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(groups * filters, x.shape[1] // groups, *kernel, generator=generator)
    bias = torch.randn(len(weight), generator=generator)
    theirs = CONV[len(kernel)](x, weight, bias, groups=groups, **{k: tuple(v) for k, v in how.items()})
    ours = convolve(x, weight, bias, groups=groups, **how)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert list(ours.shape[2:]) == [output_size(*of_axis) for of_axis in zip(x.shape[2:], *each.values(), strict=True)]


@settings(max_examples=60)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.booleans())
def test_the_sum_is_pytorchs(kernel: int, stride: int, padding: int, dilation: int, biased: bool) -> None:
    generator = torch.Generator().manual_seed(kernel + 10 * stride + 100 * padding)
    image, weight = torch.randn(2, 6, 5, generator=generator), torch.randn(2, 2, kernel, kernel, generator=generator)
    bias = torch.randn(2, generator=generator) if biased else None
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    theirs = F.conv2d(image[None], weight, bias, **how)[0]
    torch.testing.assert_close(convolve_loops(image, weight, bias, **how), theirs, atol=1e-5, rtol=1e-5)


@settings(max_examples=200)
@given(layers())
def test_pooling_is_pytorchs(given: tuple[Tensor, dict[str, list[int]], int, int]) -> None:
    x, each, _, _ = given
    kernel, stride, dilation = each["kernel"], each["stride"], each["dilation"]
    padding = [min(p, k // 2) for p, k in zip(each["padding"], kernel, strict=True)]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if all(s <= n + 2 * p for s, n, p in zip(spans, x.shape[2:], padding, strict=True)):
        theirs = MAX[len(kernel)](x, kernel, stride, padding, dilation)
        torch.testing.assert_close(max_pool(x, kernel, stride=stride, padding=padding, dilation=dilation), theirs)
    if all(k <= n for k, n in zip(kernel, x.shape[2:], strict=True)):  # avg_pool3d refuses others, padded or not
        theirs = AVERAGE[len(kernel)](x, kernel, stride, padding)
        torch.testing.assert_close(average_pool(x, kernel, stride=stride, padding=padding), theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("stride", [None, 1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_pooling_by_loops(kernel: int, stride: int | None) -> None:
    x = torch.randn(3, 7, 6)
    torch.testing.assert_close(pool_loops(x, kernel, torch.amax, stride=stride), F.max_pool2d(x, kernel, stride))
    torch.testing.assert_close(pool_loops(x, kernel, torch.mean, stride=stride), F.avg_pool2d(x, kernel, stride))


def test_a_28_by_28_picture_and_a_3_by_3_kernel_give_a_26_by_26_map() -> None:
    assert output_size(28, 3) == 26
    assert convolve(torch.randn(1, 1, 28, 28), torch.randn(8, 1, 3, 3)).shape == (1, 8, 26, 26)
    assert output_size(28, 3, padding=1) == 28
    assert output_size(28, 2, stride=2) == 14


def test_an_example_by_hand() -> None:
    """An edge between 0 and 1, looked at by the kernel (−1, 1): 1 where it is, 0 elsewhere; turned round, −1."""
    row, kernel = torch.tensor([[[0.0, 0, 1, 1, 1]]]), torch.tensor([[[-1.0, 1]]])
    assert convolve(row, kernel).tolist() == [[[0, 1, 0, 0]]]
    assert convolve(row, turned(kernel)).tolist() == [[[0, -1, 0, 0]]]


def test_all_channels_are_summed() -> None:
    image = torch.stack([torch.full((3, 3), value) for value in (1.0, 10.0, 100.0)])
    weight = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1).expand(1, 3, 3, 3).contiguous()
    assert convolve_loops(image, weight).item() == 9 * (1 + 20 + 300)


@settings(max_examples=40)
@given(st.integers(2, 9), st.integers(1, 5))
def test_a_turned_kernel_convolves_as_numpy_does(length: int, kernel: int) -> None:
    draw = np.random.default_rng(length * 10 + kernel)
    x, w = draw.normal(size=length + kernel), draw.normal(size=kernel)
    ours = convolve(torch.tensor(x)[None, None], turned(torch.tensor(w)[None, None]))[0, 0]
    np.testing.assert_allclose(ours.numpy(), np.convolve(x, w, "valid"), atol=1e-12)
    ours = convolve(torch.tensor(x)[None, None], torch.tensor(w)[None, None])[0, 0]
    np.testing.assert_allclose(ours.numpy(), np.correlate(x, w, "valid"), atol=1e-12)


def test_moving_the_picture_moves_the_map() -> None:
    x, weight = torch.randn(1, 2, 12, 12), torch.randn(3, 2, 3, 3)
    torch.testing.assert_close(convolve(x.roll(2, 3), weight)[..., 2:], convolve(x, weight)[..., :-2])


def test_windows_are_a_view_of_what_is_there() -> None:
    x = torch.arange(12.0).view(1, 1, 3, 4)
    seen = windows(x, 2)
    assert seen.data_ptr() == x.data_ptr()
    assert seen[0, 0, 1, 2].tolist() == [[6, 7], [10, 11]]
    assert windows(x, 2, stride=(1, 2), dilation=(2, 1))[0, 0, 0, 1].tolist() == [[2, 3], [10, 11]]


def test_gradients_flow_as_through_pytorchs() -> None:
    x, weight = torch.randn(2, 3, 7, 7, dtype=torch.double, requires_grad=True), torch.randn(4, 3, 3, 3, dtype=torch.double)
    ours = torch.autograd.grad(convolve(x, weight, stride=2, padding=1, dilation=2).square().sum(), x)[0]
    theirs = torch.autograd.grad(F.conv2d(x, weight, stride=2, padding=1, dilation=2).square().sum(), x)[0]
    torch.testing.assert_close(ours, theirs)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=4))
def test_the_receptive_field_is_where_the_gradient_is(stack: list[tuple[int, int, int, int]]) -> None:
    field = receptive_field(stack)
    net = nn.Sequential(*[nn.Conv1d(1, 1, k, s, p, d, bias=False) for k, s, p, d in stack]).double()
    for layer in net:
        layer.weight.data.fill_(1.0)  # no two ways may cancel
    length = field.size + 40 * field.step
    x = torch.zeros(1, 1, length, dtype=torch.double, requires_grad=True)
    y = net(x)
    place = y.shape[2] // 2
    gradient = torch.autograd.grad(y[0, 0, place], x)[0][0, 0]
    touched = gradient.nonzero().flatten()
    first = field.start + place * field.step
    assert (touched.min().item(), touched.max().item()) == (first, first + field.size - 1)


def test_seen_pixels_of_two_layers() -> None:
    stack = [(3, 1, 1, 1), (3, 2, 1, 1), (3, 1, 1, 1)]
    assert receptive_field(stack) == Field(size=9, step=2, start=-4)
    net = nn.Sequential(nn.Conv2d(1, 2, 3, 1, 1), nn.Conv2d(2, 2, 3, 2, 1), nn.Conv2d(2, 2, 3, 1, 1))
    where = seen_pixels(net, (1, 24, 24), (6, 5)).nonzero()
    assert where.amin(0).tolist() == [8, 6] and where.amax(0).tolist() == [16, 14]


@pytest.mark.parametrize(("call", "complaint"), [
    (lambda: convolve(torch.zeros(28, 28), torch.zeros(1, 1, 3, 3)), r"\(28, 28\)"),
    (lambda: convolve(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.zeros(1, 1, 3, 3)), "uint8"),
    (lambda: convolve(torch.zeros(1, 4, 8, 8), torch.zeros(2, 3, 3, 3)), r"\(2, 3, 3, 3\).*\(1, 4, 8, 8\)"),
    (lambda: convolve(torch.zeros(1, 4, 8, 8), torch.zeros(3, 2, 3, 3), groups=2), r"\(3, 2, 3, 3\) in 2 group"),
    (lambda: convolve(torch.zeros(1, 1, 8, 8), torch.zeros(2, 1, 3, 3), torch.zeros(3)), r"bias \(3,\)"),
    (lambda: convolve(torch.zeros(1, 1, 8, 8), torch.zeros(2, 1, 3, 3), stride=(1, 1, 1)), "3 numbers for 2 axes"),
    (lambda: convolve(torch.zeros(1, 1, 8, 8), torch.zeros(2, 1, 3, 3), dilation=4), "spans 9 pixels"),
    (lambda: convolve_loops(torch.zeros(8, 8), torch.zeros(2, 1, 3, 3)), r"\(8, 8\)"),
    (lambda: windows(torch.zeros(1, 1), 2), r"\(1, 1\)"),
    (lambda: max_pool(torch.zeros(1, 1, 8, 8), 2, padding=2), "padding 2 for a window of 2"),
    (lambda: max_pool(torch.zeros(1, 1, 8, 8, dtype=torch.long), 2), r"int64 \(1, 1, 8, 8\)"),
    (lambda: average_pool(torch.zeros(1, 8), 2), r"\(1, 8\)"),
    (lambda: output_size(0, 3), "size 0"),
    (lambda: output_size(8, 3, stride=0), "stride 0"),
    (lambda: output_size(8, 3, padding=-1), "padding -1"),
    (lambda: output_size(2, 3), "spans 3 pixels and does not fit into 2 pixels"),
    (lambda: receptive_field([(0, 1, 0, 1)]), "kernel 0"),
    (lambda: simple_kernel("blur", 3), "'blur' of size 3"),
    (lambda: seen_pixels(nn.Conv2d(1, 1, 3), (1, 8, 8), (1,)), r"\(1,\) has 1 indices"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_shape(call: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        call()


def test_the_border_never_wins() -> None:
    x = torch.full((1, 1, 4, 4), -5.0)
    assert max_pool(x, 3, stride=1, padding=1).eq(-5).all()
    assert math.isclose(average_pool(x, 3, stride=1, padding=1)[0, 0, 0, 0].item(), -5 * 4 / 9, rel_tol=1e-6)


def test_simple_kernels_by_hand() -> None:
    assert simple_kernel("mean", 2).tolist() == [[0.25, 0.25], [0.25, 0.25]]
    third = 1 / 3
    torch.testing.assert_close(simple_kernel("left to right", 3), torch.tensor([[-third, 0, third]] * 3))
    assert simple_kernel("top to bottom", 2).tolist() == [[-0.5, -0.5], [0.5, 0.5]]
    assert simple_kernel("centre", 3).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert not simple_kernel("left to right", 1).any()  # one pixel has no sides
