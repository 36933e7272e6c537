"""Chapter 02 · what all motion work stands on: brightness, sampling between pixels, pulling a frame along a flow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]  # float32 throughout
Gray = Floats  # (H, W), 0 to 255
Flow = Floats  # (H, W, 2), pixels: x to the right, y down
AnyFrame = NDArray[Any]

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601: how bright red, green and blue look


def luma(frame: AnyFrame) -> Gray:
    """The brightness of a frame.

    Args:
        frame: (H, W) or (H, W, 3), RGB; uint8, or float in 0 to 255.
    Returns:
        (H, W) float32, 0 to 255; of uint8 frames whole numbers, as a video codec has them, so that sums of them are exact.
    Raises:
        ValueError: another rank, type or number of channels, an empty frame, or a value that is not finite.
    """
    check_frame(frame)
    bright = frame @ LUMA if frame.ndim == 3 else frame
    gray: Gray = np.asarray(np.floor(bright + 0.5) if frame.dtype == np.uint8 else bright, np.float32)
    return gray


def check_frame(frame: AnyFrame) -> None:
    """Refuse what is no frame.

    Raises:
        ValueError: as `luma`.
    """
    if not isinstance(frame, np.ndarray) or not (frame.dtype == np.uint8 or np.issubdtype(frame.dtype, np.floating)):
        got = f"{frame.dtype} {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ValueError(f"a frame is a NumPy array of uint8, or of floats from 0 to 255, not {got}")
    if frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[2] != 3) or 0 in frame.shape:
        raise ValueError(f"a frame has the shape (H, W) or (H, W, 3), not {frame.shape}; take one frame of a film: film[t]")
    if frame.dtype != np.uint8 and not np.isfinite(frame).all():
        raise ValueError(f"a frame of shape {frame.shape} holds values that are not finite; clean it first")


def check_pair(first: AnyFrame, second: AnyFrame) -> None:
    """Refuse two frames that cannot be compared.

    Raises:
        ValueError: one is no frame, or their shapes differ.
    """
    check_frame(first)
    check_frame(second)
    if first.shape != second.shape:
        raise ValueError(f"two frames of one film have one shape, not {first.shape} and {second.shape}; resize or crop one")


def check_flow(flow: AnyFrame, frame: AnyFrame) -> None:
    """Refuse a flow that does not belong to a frame.

    Raises:
        ValueError: no vector (dx, dy) for each of the frame's pixels, or no floats, or not finite.
    """
    if not isinstance(flow, np.ndarray) or flow.shape != (*frame.shape[:2], 2) or not np.issubdtype(flow.dtype, np.floating):
        got = f"{flow.dtype} {flow.shape}" if isinstance(flow, np.ndarray) else type(flow).__name__
        raise ValueError(f"a frame of shape {frame.shape} wants a flow of floats {(*frame.shape[:2], 2)}, not {got}")
    if not np.isfinite(flow).all():
        raise ValueError(f"a flow of shape {flow.shape} holds vectors that are not finite")


def sample(frame: AnyFrame, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float32]:
    """A frame's values at places between pixels, bilinear; beyond its edge the edge goes on.

    Args:
        frame: (H, W) or (H, W, C).
        x, y: places, of one shape S; the pixel in column i and row j is at (i, j).
    Returns:
        S or S + (C,), float32.
    """
    height, width = frame.shape[:2]
    x, y = np.clip(x, 0, width - 1).astype(np.float32), np.clip(y, 0, height - 1).astype(np.float32)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = x - left.astype(np.float32), y - top.astype(np.float32)
    values = frame.astype(np.float32, copy=False)
    if frame.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    upper = values[top, left] * (1 - fx) + values[top, right] * fx
    lower = values[below, left] * (1 - fx) + values[below, right] * fx
    mixed: NDArray[np.float32] = upper * (1 - fy) + lower * fy
    return mixed


def grid_of(frame: AnyFrame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Column and row of every pixel, each (H, W)."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    return x, y


def warp(frame: AnyFrame, flow: AnyFrame) -> NDArray[np.float32]:
    """Pull a frame along a flow: the value at p is the frame's value at p + flow(p).

    With the flow from frame 0 to frame 1, `warp(frame_1, flow)` looks like frame 0, wherever frame 1 still shows it.

    Args:
        frame: (H, W) or (H, W, 3).
        flow: (H, W, 2).
    Returns:
        float32, the frame's shape.
    Raises:
        ValueError: no frame, or a flow of another size.
    """
    check_frame(frame)
    check_flow(flow, frame)
    x, y = grid_of(frame)
    return sample(frame, x + flow[..., 0], y + flow[..., 1])
