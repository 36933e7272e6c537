"""The one place where the two forms of a video meet: uint8 films (T, H, W, 3) and float tensors (B, C, T, H, W) in [-1, 1]."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(frames: NDArray[np.uint8]) -> Tensor:
    """Films to the tensor that models take.

    Args:
        frames: uint8, (T, H, W, 3) or (B, T, H, W, 3), RGB.
    Returns:
        float32 (B, 3, T, H, W) in [-1, 1]; one film becomes a batch of one.
    Raises:
        ValueError: another rank, dtype or number of channels.
    """
    if frames.dtype != np.uint8 or frames.ndim not in (4, 5) or frames.shape[-1] != 3:
        raise ValueError(f"want uint8 frames (T, H, W, 3) or (B, T, H, W, 3), not {frames.dtype} {frames.shape}")
    batch = frames if frames.ndim == 5 else frames[None]
    return torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 4, 1, 2, 3).float().div_(127.5).sub_(1.0)


def to_frames(video: Tensor) -> NDArray[np.uint8]:
    """The inverse of `to_tensor`, values outside [-1, 1] cut off.

    Args:
        video: (B, 3, T, H, W) in [-1, 1].
    Returns:
        uint8 (B, T, H, W, 3).
    """
    if video.ndim != 5 or video.shape[1] != 3:
        raise ValueError(f"want a video (B, 3, T, H, W), not {tuple(video.shape)}")
    scaled = video.detach().float().clamp(-1.0, 1.0).add(1.0).mul(127.5).round()
    frames: NDArray[np.uint8] = scaled.to(torch.uint8).permute(0, 2, 3, 4, 1).contiguous().cpu().numpy()
    return frames
