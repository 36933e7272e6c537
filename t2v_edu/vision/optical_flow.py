"""Chapter 02 · optical flow, written to be read · Lucas & Kanade 1981; Horn & Schunck 1981; beside two of OpenCV's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.vision.warp import AnyFrame, Floats, Flow, Gray, check_flow, check_pair, grid_of, luma, sample, warp

Refine = Callable[[Gray, Gray, Flow], Flow]  # first, second, a flow that is nearly right → one that is better


def derivatives(first: AnyFrame, second: AnyFrame) -> tuple[Floats, Floats, Floats]:
    """How brightness changes across (I_x), down (I_y) and in time (I_t), in levels a pixel and levels a frame.

    Across and down: half the difference of the two neighbours, in the mean of both frames; at the edge it goes on as it is.

    Args:
        first, second: (H, W) or (H, W, 3), of one shape.
    Returns:
        Three arrays (H, W).
    Raises:
        ValueError: frames that do not go together.
    """
    check_pair(first, second)
    a, b = luma(first), luma(second)
    mean = np.pad((a + b) / 2, 1, mode="edge")
    i_x: Floats = (mean[1:-1, 2:] - mean[1:-1, :-2]) / 2
    i_y: Floats = (mean[2:, 1:-1] - mean[:-2, 1:-1]) / 2
    i_t: Floats = b - a
    return i_x, i_y, i_t


def window_sum(values: Floats, window: int) -> Floats:
    """The sum over a window × window square (odd) around each pixel of (H, W), beyond the edge nothing."""
    half = window // 2
    table = np.pad(values.astype(np.float64), ((half + 1, half), (half + 1, half))).cumsum(0).cumsum(1)
    total = table[window:, window:] - table[:-window, window:] - table[window:, :-window] + table[:-window, :-window]
    summed: Floats = total.astype(np.float32)
    return summed


def texture(frame: AnyFrame, window: int = 9) -> tuple[Floats, Floats]:
    """What a window around each pixel can tell of motion: the eigenvalues λ_1 ≥ λ_2 of its matrix ∑ ∇I ∇Iᵀ, each (H, W).

    Both large: a corner, motion is known. One small: an edge, only motion across it is. Both small: flat, nothing is.

    Source: Shi & Tomasi 1994.
    """
    _check_window(window)
    i_x, i_y, _ = derivatives(frame, frame)
    a, b, c = (window_sum(product, window) for product in (i_x * i_x, i_x * i_y, i_y * i_y))
    middle, spread = (a + c) / 2, np.hypot((a - c) / 2, b)
    return middle + spread, np.maximum(middle - spread, 0.0)


def lucas_kanade(first: AnyFrame, second: AnyFrame, *, window: int = 9, levels: int = 3, repeats: int = 3,
                 trust: float = 1.0) -> Flow:
    """Where each pixel of the first frame is in the second: one vector for each window, by least squares.

    Args:
        first, second: (H, W) or (H, W, 3), of one shape; uint8, or float in 0 to 255.
        window: side of the square that moves as one piece, odd, 3 or more.
        levels: of the pyramid; each halves the frame, so that motion of about 2^levels pixels is found.
        repeats: on each level, warp by what is known and estimate what is left.
        trust: strength of texture (squared levels a pixel) below which a direction keeps its old value.
    Returns:
        float32 (H, W, 2), pixels.
    Raises:
        ValueError: frames that do not go together, or a setting out of range.
    """
    _check_window(window)

    def refine(a: Gray, b: Gray, flow: Flow) -> Flow:
        left = window_flow(*derivatives(a, warp(b, flow)), window, trust)
        flow = flow + np.clip(left, -2, 2)  # the equation is only good for small steps
        return np.stack([_median(flow[..., k]) for k in (0, 1)], -1)

    return _coarse_to_fine(first, second, refine, levels, repeats)


def window_flow(i_x: Floats, i_y: Floats, i_t: Floats, window: int = 9, trust: float = 0.0) -> Flow:
    """The one vector (u, v) of each window that makes ∑ (I_x u + I_y v + I_t)² least, by Cramer's rule for its 2×2 system.

    Args:
        i_x, i_y, i_t: (H, W), from `derivatives`.
        window, trust: as in `lucas_kanade`.
    Returns:
        (H, W, 2), pixels; 0 where a window knows nothing and trust is 0.
    """
    _check_window(window)
    xx, xy, yy, xt, yt = (window_sum(p, window) for p in (i_x * i_x, i_x * i_y, i_y * i_y, i_x * i_t, i_y * i_t))
    xx, yy = xx + trust * window, yy + trust * window  # where there is no texture: stay
    det = xx * yy - xy * xy
    solvable = det > 1e-6 * xx * yy
    det = np.where(solvable, det, 1.0)
    u, v = (xy * yt - yy * xt) / det, (xy * xt - xx * yt) / det
    return np.where(solvable[..., None], np.stack([u, v], -1), np.float32(0)).astype(np.float32)


def horn_schunck(first: AnyFrame, second: AnyFrame, *, alpha: float = 15.0, iterations: int = 60, levels: int = 3,
                 repeats: int = 3) -> Flow:
    """Where each pixel of the first frame is in the second: the flow that explains the change and is smooth.

    Makes ∑ (I_x u + I_y v + I_t)² + α² (|∇u|² + |∇v|²) small by Jacobi's method.

    Args:
        first, second: (H, W) or (H, W, 3), of one shape; uint8, or float in 0 to 255.
        alpha: weight of smoothness, above 0, in levels a pixel.
        iterations: of Jacobi's method, each time the frame is warped; smoothness spreads by a pixel in each.
        levels, repeats: as in `lucas_kanade`; 1 and 1 is the method as it was published.
    Returns:
        float32 (H, W, 2), pixels.
    Raises:
        ValueError: frames that do not go together, or a setting out of range.
    """
    if not alpha > 0 or iterations < 1:
        raise ValueError(f"alpha must be above 0 and iterations at least 1, not {alpha} and {iterations}")

    def refine(a: Gray, b: Gray, flow: Flow) -> Flow:
        i_x, i_y, i_t = derivatives(a, warp(b, flow))
        i_t = i_t - i_x * flow[..., 0] - i_y * flow[..., 1]  # the unknown is all of the flow, for all of it is to be smooth
        return relax(i_x, i_y, i_t, flow, alpha, iterations)

    return _coarse_to_fine(first, second, refine, levels, repeats)


def relax(i_x: Floats, i_y: Floats, i_t: Floats, flow: Flow, alpha: float, iterations: int) -> Flow:
    """Jacobi's method: each vector from its neighbours' mean, corrected towards I_x u + I_y v + I_t = 0.

    Source: Horn & Schunck 1981, section 12.
    """
    u, v = flow[..., 0], flow[..., 1]
    weight = 1 / (alpha**2 + i_x**2 + i_y**2)
    for _ in range(iterations):
        u_mean, v_mean = _neighbours(u), _neighbours(v)
        miss = (i_x * u_mean + i_y * v_mean + i_t) * weight
        u, v = u_mean - i_x * miss, v_mean - i_y * miss
    return np.stack([u, v], -1)


def _neighbours(u: Floats) -> Floats:
    """The mean of the eight neighbours, corners half as heavy; beyond the edge it goes on as it is."""
    p = np.pad(u, 1, mode="edge")
    rows = p[:-2] + p[2:]
    sides = rows[:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]
    mean: Floats = sides * np.float32(1 / 6) + (rows[:, :-2] + rows[:, 2:]) * np.float32(1 / 12)
    return mean


def _median(u: Floats) -> Floats:
    """The median of each pixel and its eight neighbours: a lone wild vector goes, an edge stays."""
    p = np.pad(u, 1, mode="edge")
    height, width = u.shape
    around = np.stack([p[j : j + height, i : i + width] for j in range(3) for i in range(3)])
    middle: Floats = np.partition(around, 4, axis=0)[4]
    return middle


# --- From coarse to fine ------------------------------------------------------------------------------------------------


def _coarse_to_fine(first: AnyFrame, second: AnyFrame, refine: Refine, levels: int, repeats: int) -> Flow:
    """A step of five pixels is one of little more than one in a frame a quarter as wide: begin there."""
    check_pair(first, second)
    if levels < 1 or repeats < 1:
        raise ValueError(f"levels and repeats must be at least 1, not {levels} and {repeats}")
    pyramid = [(luma(first), luma(second))]
    while len(pyramid) < levels and min(pyramid[-1][0].shape) >= 16:
        a, b = pyramid[-1]
        pyramid.append((_halve(a), _halve(b)))
    flow = np.zeros((*pyramid[-1][0].shape, 2), np.float32)
    for a, b in reversed(pyramid):
        if flow.shape[:2] != a.shape:
            x, y = grid_of(a)
            flow = 2 * sample(flow, x / 2, y / 2)
        for _ in range(repeats):
            flow = refine(a, b, flow)
    return flow


def _halve(frame: Gray) -> Gray:
    """Blurred by [1 4 6 4 1]/16 both ways, then every second pixel. Burt & Adelson 1983."""
    p = np.pad(frame, 2, mode="edge")
    p = (p[:-4] + 4 * p[1:-3] + 6 * p[2:-2] + 4 * p[3:-1] + p[4:])[::2] / 16
    return (p[:, :-4] + 4 * p[:, 1:-3] + 6 * p[:, 2:-2] + 4 * p[:, 3:-1] + p[:, 4:])[:, ::2] / 16


def _check_window(window: int) -> None:
    if window < 3 or window % 2 == 0:
        raise ValueError(f"window {window} has no middle; choose an odd number, 3 or more")


# --- Other people's ----------------------------------------------------------------------------------------------------


def farneback(first: AnyFrame, second: AnyFrame, *, window: int = 15) -> Flow:
    """Farnebäck's flow by OpenCV: neighbourhoods as quadratic polynomials, compared. Farnebäck 2003.

    Args and result as `lucas_kanade`.
    """
    cv2, a, b = _for_opencv(first, second)
    return np.asarray(cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, window, 3, 5, 1.2, 0), np.float32)


def dis(first: AnyFrame, second: AnyFrame) -> Flow:
    """DIS by OpenCV: patches by inverse search, then refined as a whole. Kroeger et al. 2016.

    Args and result as `lucas_kanade`; frames of at least 32 × 32 pixels.
    """
    cv2, a, b = _for_opencv(first, second)
    if min(a.shape) < 32:
        raise ValueError(f"DIS wants frames of at least 32×32 pixels, not {a.shape}; enlarge them, or use farneback")
    return np.asarray(cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(a, b, None), np.float32)


def _for_opencv(first: AnyFrame, second: AnyFrame) -> tuple[Any, NDArray[np.uint8], NDArray[np.uint8]]:
    """OpenCV, and both frames' brightness as it wants them."""
    check_pair(first, second)
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("this estimator is OpenCV's: install opencv-python-headless", name="cv2") from error
    a, b = (np.clip(np.rint(luma(frame)), 0, 255).astype(np.uint8) for frame in (first, second))
    return cv2, a, b


def endpoint_error(flow: AnyFrame, truth: AnyFrame, where: NDArray[np.bool_] | None = None) -> float:
    """How far, in pixels, the ends of the arrows lie from where they should be: the mean of |flow − truth|.

    Args:
        flow, truth: (H, W, 2).
        where: (H, W) bool, the pixels that count; all if left out.
    Raises:
        ValueError: shapes that differ, or no pixel that counts.
    Source: Otte & Nagel 1994; Baker et al. 2011.
    """
    if flow.shape != truth.shape:
        raise ValueError(f"a flow {flow.shape} cannot be held against a truth {truth.shape}")
    check_flow(flow, flow[..., 0])
    distance = np.hypot(*np.moveaxis(flow.astype(np.float64) - truth, -1, 0))
    if where is None:
        return float(distance.mean())
    if where.shape != distance.shape or where.dtype != np.bool_ or not where.any():
        raise ValueError(f"`where` chooses pixels of {distance.shape}, at least one; got {where.dtype} {where.shape}")
    return float(distance[where].mean())
