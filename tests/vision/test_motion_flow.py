"""Optical flow: against known motion, OpenCV on the same frames, a linear system solved outright, and the world's truth."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_motion_blocks import cloudy

from t2v_edu.vision.optical_flow import (
    derivatives,
    dis,
    endpoint_error,
    farneback,
    horn_schunck,
    lucas_kanade,
    relax,
    texture,
    window_sum,
)
from t2v_edu.vision.warp import luma
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render
from t2v_edu.world.truth import true_motion

OURS = {"lucas_kanade": lucas_kanade, "horn_schunck": horn_schunck}
THEIRS = {"farneback": farneback, "dis": dis}
INNER = (slice(10, -10), slice(10, -10))


@pytest.mark.parametrize("estimate", [*OURS.values(), *THEIRS.values()], ids=[*OURS, *THEIRS])
@pytest.mark.parametrize("shift", [(0.5, 0.25), (-1.3, 0.8), (2.4, -3.1), (4.5, 1.0)])
def test_a_picture_that_was_pushed_by_parts_of_a_pixel(estimate, shift):
    at = cloudy(7, blur=3.0)
    flow = estimate(at().astype(np.float32), at(*shift).astype(np.float32))
    wanted = np.broadcast_to(np.float32(shift), flow.shape)
    assert flow.dtype == np.float32
    assert endpoint_error(flow[INNER], wanted[INNER]) < (0.15 if estimate in OURS.values() else 0.3)


def test_lucas_kanade_agrees_with_opencvs_at_its_corners():
    scene = parse("a girl walks in the park")
    film = render(scene, 16, 96, 96)
    a, b = (luma(f).astype(np.uint8) for f in film[4:6])
    points = cv2.goodFeaturesToTrack(a, 30, 0.05, 4)
    theirs, found, error = cv2.calcOpticalFlowPyrLK(a, b, points, None, winSize=(9, 9), maxLevel=2)
    good = (found.ravel() == 1) & (error.ravel() < 8)
    x, y = points[good, 0].astype(int).T
    ours, theirs = lucas_kanade(a, b, window=9, levels=3, repeats=5)[y, x], (theirs - points)[good, 0]
    assert good.sum() >= 15
    assert np.median(np.hypot(*(ours - theirs).T)) < 0.15


def test_texture_is_opencvs_least_eigenvalue():
    """OpenCV sums 3×3 windows of Sobel's derivatives; along a blurred frame both are the same but for scale."""
    frame = cloudy(5, blur=3.0)().astype(np.float32)
    ours = texture(frame, window=9)[1]
    theirs = cv2.cornerMinEigenVal(frame, 9)
    assert np.corrcoef(ours[INNER].ravel(), theirs[INNER].ravel())[0, 1] > 0.98


@given(seed=st.integers(0, 100), window=st.sampled_from([3, 5, 9]))
def test_window_sums_are_opencvs_box_filter(seed, window):
    values = np.random.default_rng(seed).normal(0, 50, (12, 17)).astype(np.float32)
    theirs = cv2.boxFilter(values, -1, (window, window), normalize=False, borderType=cv2.BORDER_CONSTANT)
    np.testing.assert_allclose(window_sum(values, window), theirs, atol=1e-2)


@settings(max_examples=5)
@given(seed=st.integers(0, 100))
def test_horn_schuncks_fixed_point_solves_its_equations(seed):
    """The Euler–Lagrange equations of a small frame as one matrix, built term by term and solved outright."""
    rng = np.random.default_rng(seed)
    height, width, alpha = 6, 7, 3.0
    i_x, i_y, i_t = rng.normal(0, 4, (3, height, width)).astype(np.float64)
    n = height * width
    matrix, right = np.zeros((2 * n, 2 * n)), np.zeros(2 * n)
    for j, i in np.ndindex(height, width):
        k = j * width + i
        for part, (own, other) in enumerate(((i_x, i_y), (i_y, i_x))):
            row = part * n + k
            matrix[row, row] += own[j, i] ** 2 + alpha**2
            matrix[row, (1 - part) * n + k] += own[j, i] * other[j, i]
            right[row] = -own[j, i] * i_t[j, i]
            for dj, di in np.ndindex(3, 3):
                if (dj, di) != (1, 1):
                    weight = 1 / 6 if 1 in (dj, di) else 1 / 12
                    at = np.clip(j + dj - 1, 0, height - 1) * width + np.clip(i + di - 1, 0, width - 1)
                    matrix[row, part * n + at] -= alpha**2 * weight
    solved = np.linalg.solve(matrix, right).reshape(2, height, width)
    ours = relax(i_x, i_y, i_t, np.zeros((height, width, 2)), alpha, 1000)
    np.testing.assert_allclose(np.moveaxis(ours, -1, 0), solved, atol=1e-6)


def test_one_window_by_hand():
    """I = 2x + x·y about a point, moved by (1, 0) a frame: ∑I_x², ∑I_xI_y, ... and their solution with pencil."""
    y, x = np.mgrid[-2:3, -2:3].astype(np.float32)
    first, second = 100 + 20 * x + 4 * x * y, 100 + 20 * (x - 1) + 4 * (x - 1) * y
    i_x, i_y, i_t = (d[1:-1, 1:-1] for d in derivatives(first, second))
    np.testing.assert_allclose(i_x, (20 + 4 * y)[1:-1, 1:-1])
    np.testing.assert_allclose(i_y, (4 * x - 2)[1:-1, 1:-1])
    np.testing.assert_allclose(i_t, -(20 + 4 * y)[1:-1, 1:-1])
    flow = lucas_kanade(first, second, window=3, levels=1, repeats=1, trust=0.0)
    np.testing.assert_allclose(flow[2, 2], (1, 0), atol=1e-5)


def test_the_aperture_problem():
    """A long edge moves right and down; only the part across it can be seen, and both methods find just that part."""
    y, x = np.mgrid[:64, :64].astype(float)

    def edge(dx, dy):
        return (127 + 90 * np.tanh(((x - dx - 32) - (y - dy - 32)) / 6)).astype(np.float32)  # along the diagonal

    true, normal = np.array([1.0, 0.0]), np.array([0.5, -0.5])  # the part of (1, 0) across the diagonal
    window = (slice(26, 38), slice(26, 38))
    for estimate in OURS.values():
        seen = estimate(edge(0, 0), edge(*true), levels=1, repeats=1)[window].reshape(-1, 2).mean(0)
        assert np.hypot(*(seen - normal)) < 0.1
        assert np.hypot(*(seen - true)) > 0.5
    big, small = texture(edge(0, 0))
    assert (small[window] < 1e-3 * big[window]).all()


# --- On the world --------------------------------------------------------------------------------------------------------

CAPTIONS = ("a red star moves right", "the digit 5 moves left", "a large blue heart grows", "a girl walks in the park",
            "a puppy runs on the grass", "a cat walks beside the window")


@lru_cache
def filmed(caption):
    """A film, and its truth."""
    scene = parse(caption)
    return render(scene, 16, 96, 96), true_motion(scene, 16, 96, 96)


@lru_cache
def errors(estimate, caption):
    """Endpoint errors on what the actor shows in both frames, in pixels, the estimator's and of no motion at all."""
    film, truth = filmed(caption)
    seen = truth.actor[:-1] & ~truth.occluded
    ours = [endpoint_error(estimate(film[t], film[t + 1]), truth.flow[t], seen[t]) for t in (1, 6, 11)]
    none = [endpoint_error(np.zeros_like(truth.flow[t]), truth.flow[t], seen[t]) for t in (1, 6, 11)]
    return np.mean(ours), np.mean(none)


@pytest.mark.parametrize("caption", CAPTIONS)
@pytest.mark.parametrize("name", [*OURS, *THEIRS])
def test_every_estimator_is_nearer_the_true_motion_than_none(name, caption):
    error, none = errors({**OURS, **THEIRS}[name], caption)
    assert error < 0.85 * none


@pytest.mark.parametrize("name", OURS)
def test_ours_are_no_worse_than_one_and_a_half_of_opencvs(name):
    ours = np.mean([errors(OURS[name], caption)[0] for caption in CAPTIONS])
    theirs = {n: np.mean([errors(estimate, caption)[0] for caption in CAPTIONS]) for n, estimate in THEIRS.items()}
    assert ours < 1.5 * min(theirs.values()), (ours, theirs)


def test_occlusion_is_where_flows_fail():
    film, truth = filmed("a girl runs in the park")
    for estimate in (lucas_kanade, dis):
        flow = estimate(film[5], film[6])
        hidden = truth.occluded[5] & ~truth.actor[5]  # the place: it stands still, and is about to be covered
        ring = ~truth.actor[5] & ~hidden
        assert endpoint_error(flow, truth.flow[5], hidden) > 2 * endpoint_error(flow, truth.flow[5], ring)


# --- Errors --------------------------------------------------------------------------------------------------------------


def test_endpoint_error_by_hand():
    flow, truth = np.zeros((1, 2, 2), np.float32), np.array([[[3, 4], [0, 1]]], np.float32)
    assert endpoint_error(flow, truth) == 3
    assert endpoint_error(flow, truth, np.array([[True, False]])) == 5
    with pytest.raises(ValueError, match=r"\(1, 2, 2\) cannot be held against a truth \(1, 1, 2\)"):
        endpoint_error(flow, truth[:, :1])
    with pytest.raises(ValueError, match="at least one; got bool"):
        endpoint_error(flow, truth, np.zeros((1, 2), bool))


@pytest.mark.parametrize(("call", "message"), [
    (lambda a: lucas_kanade(a, a, window=4), "window 4"),
    (lambda a: texture(a, 1), "window 1"),
    (lambda a: horn_schunck(a, a, alpha=0), "not 0 and 60"),
    (lambda a: horn_schunck(a, a, iterations=0), "not 15.0 and 0"),
    (lambda a: lucas_kanade(a, a, levels=0), "not 0 and 3"),
    (lambda a: dis(a, a), r"32×32 pixels, not \(16, 16\)"),
    (lambda a: farneback(a, a[:8]), r"not \(16, 16\) and \(8, 16\)"),
])
def test_settings_out_of_range(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros((16, 16), np.uint8))
