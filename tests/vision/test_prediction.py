"""Next-frame prediction: the baselines against closed forms, SciPy and the world's own truth; the net against its loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from t2v_edu.vision.prediction import (
    NextFrame,
    bouncing_clips,
    constant_velocity,
    estimate_shift,
    repeat_last,
    squared_error,
    translate,
    turned,
)


def noise(seed: int, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def blob(x: float, y: float, size: int = 32) -> Tensor:
    """A smooth bump, whose place is known in fractions of a pixel."""
    c = torch.arange(size) + 0.5
    return (2 * torch.exp(-((c - x) ** 2 + (c[:, None] - y) ** 2) / 18) - 1)[None, None]


@given(dx=st.floats(-6, 6), dy=st.floats(-6, 6))
def test_the_shift_of_a_smooth_bump_is_found_between_pixels(dx: float, dy: float) -> None:
    found = estimate_shift(blob(16, 16), blob(16 + dx, 16 + dy))[0]
    assert abs(found[0].item() - dx) < 0.1 and abs(found[1].item() - dy) < 0.1


def test_the_shift_of_a_digit_is_the_worlds_own() -> None:
    clips = bouncing_clips(24, 5)
    for t in (3, 9):
        found = estimate_shift(clips.video[:, :, t - 1], clips.video[:, :, t]).numpy()
        off = np.abs(found - (clips.path[:, t] - clips.path[:, t - 1]))
        assert off.mean() < 0.08 and off.max() < 0.35


@given(dx=st.floats(-5, 5), dy=st.floats(-5, 5), seed=st.integers(0, 99))
def test_translate_equals_scipys_shift(dx: float, dy: float, seed: int) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    frame = noise(seed, 1, 1, 12, 17)
    ours = translate(frame, torch.tensor([[dx, dy]]))[0, 0].numpy()
    theirs = ndimage.shift(frame[0, 0].numpy().astype(float), (dy, dx), order=1, mode="nearest")
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


@given(dx=st.integers(-2, 2), dy=st.integers(-2, 2))
def test_constant_velocity_is_exact_for_constant_velocity(dx: int, dy: int) -> None:
    patch = noise(0, 5, 5)
    video = torch.full((1, 1, 6, 32, 32), -1.0)
    for t in range(6):
        x, y = 13 + dx * (t - 2), 13 + dy * (t - 2)
        video[0, 0, t, y : y + 5, x : x + 5] = patch
    made = constant_velocity(video[:, :, :2], 4)
    assert torch.allclose(made, video[:, :, 2:], atol=1e-5)
    still = repeat_last(video[:, :, :2], 4)
    assert torch.equal(still, video[:, :, 1:2].expand_as(still))


def test_an_untrained_net_repeats_the_last_frame_whatever_its_state() -> None:
    net, video = NextFrame(hidden=6), noise(1, 2, 1, 4, 16, 20)
    assert torch.equal(net.predict(video, 3), repeat_last(video, 3))
    assert torch.equal(net(video)[:, :, :3], video[:, :, :3])


def stirred(channels: int = 1) -> NextFrame:
    """A net with something in every layer."""
    torch.manual_seed(0)
    net = NextFrame(channels, patch=2, hidden=5)
    torch.nn.init.normal_(net.out.weight, std=0.1)
    return net


def test_predictions_feed_on_themselves() -> None:
    net, video = stirred(3), noise(2, 2, 3, 4, 8, 6)
    whole = net(video, 3)
    assert whole.shape == (2, 3, 6, 8, 6)
    film = video
    for t in range(4, 7):  # one frame at a time, from the beginning each time
        assert torch.allclose(net(film)[:, :, -1], whole[:, :, t - 1], atol=1e-5)
        film = torch.cat([film, net(film)[:, :, -1:]], 2)
    assert torch.equal(net.predict(video, 3), whole[:, :, -3:].detach().clamp(-1, 1))


def test_a_prediction_never_sees_the_future() -> None:
    net, video = stirred(), noise(3, 1, 1, 6, 8, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(net(video)[:, :, 2].sum(), video)
    assert gradient[:, :, :3].abs().amax((0, 1, 3, 4)).gt(0).all()
    assert not gradient[:, :, 3:].any()


def test_a_short_training_beats_repeating_where_digits_move() -> None:
    clips = bouncing_clips(128, 1, frames=8, size=16).video
    torch.manual_seed(0)
    net = NextFrame(hidden=24)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for step in range(60):
        batch = clips[16 * (step % 8) : 16 * (step % 8) + 16]
        loss = squared_error(net(batch[:, :, :6], 2), batch[:, :, 1:]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    fresh = bouncing_clips(16, 2, frames=8, size=16).video
    still = squared_error(repeat_last(fresh[:, :, :6], 2), fresh[:, :, 6:]).mean()
    assert squared_error(net.predict(fresh[:, :, :6], 2), fresh[:, :, 6:]).mean() < 0.8 * still


def test_clips_are_what_they_say() -> None:
    clips = bouncing_clips(12, 3, frames=10, size=24)
    assert clips.video.shape == (12, 1, 10, 24, 24) and clips.path.shape == (12, 10, 2)
    assert clips.video.min() >= -1 and clips.video.max() <= 1
    light = (clips.video + 1).double()
    light = (light - light[..., :1, :1]).clamp(min=0)
    c = torch.arange(24) + 0.5
    middle = torch.stack([(light * c).sum((1, 3, 4)), (light * c[:, None]).sum((1, 3, 4))], -1) / light.sum((1, 3, 4))[..., None]
    np.testing.assert_allclose(np.diff(middle.numpy(), axis=1), np.diff(clips.path, axis=1), atol=0.1)
    assert torch.equal(clips.video, bouncing_clips(12, 3, frames=10, size=24).video)
    assert not torch.equal(clips.video, bouncing_clips(12, 4, frames=10, size=24).video)
    both = np.ptp(bouncing_clips(60, 0, "sync_draw").path, axis=1) > 0.5
    assert both.any(0).all() and (both.sum(1) == 1).all()  # some from side to side, some up and down, none askew


def test_turning_by_hand() -> None:
    there = np.array([[0, 0], [1, 0], [2, 0], [3, 0], [2, 0], [1, 0], [2, 0]], float)
    up = np.stack([np.zeros(7), np.arange(7.0)], -1)
    got = turned(np.stack([there, up]), seen=3)
    assert got.tolist() == [[False, True, True, True], [False] * 4]


def test_squared_error_by_hand() -> None:
    a, b = torch.zeros(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 2)
    b[0, 0, 1, 0, 0] = 2
    assert squared_error(a, b).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: repeat_last(torch.zeros(1, 3, 8, 8), 1), r"\(B, C, T, H, W\).*\(1, 3, 8, 8\)"),
        (lambda: repeat_last(torch.zeros(1, 1, 3, 8, 8, dtype=torch.uint8), 1), r"uint8.*\(1, 1, 3, 8, 8\)"),
        (lambda: constant_velocity(torch.zeros(1, 1, 1, 8, 8), 1), r"2 or more frames.*\(1, 1, 1, 8, 8\)"),
        (lambda: repeat_last(torch.zeros(1, 1, 3, 8, 8), 0), "ahead must be 1 or more frames, got 0"),
        (lambda: NextFrame()(torch.zeros(1, 3, 3, 8, 8)), r"1 channel.*\(1, 3, 3, 8, 8\)"),
        (lambda: NextFrame()(torch.zeros(1, 1, 3, 8, 10)), r"4 divides.*\(1, 1, 3, 8, 10\)"),
        (lambda: NextFrame()(torch.zeros(1, 1, 0, 8, 8)), r"1 or more frames.*\(1, 1, 0, 8, 8\)"),
        (lambda: estimate_shift(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 9)), r"\(1, 1, 8, 8\) and \(1, 1, 8, 9\)"),
        (lambda: squared_error(torch.zeros(1, 1, 2, 8, 8), torch.zeros(1, 1, 3, 8, 8)), r"\(1, 1, 2, 8, 8\) and \(1, 1, 3"),
        (lambda: bouncing_clips(0, 0), "0 clip"),
        (lambda: bouncing_clips(1, 0, frames=25), "of 25 frames"),
    ],
)
def test_bad_input_is_quoted(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
