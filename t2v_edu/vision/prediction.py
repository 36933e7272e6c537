"""Chapter 06 · predicting the next frames: a ConvLSTM and two honest baselines · Shi et al. 2015, arXiv:1506.04214."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.datasets import clip_rng
from t2v_edu.recurrent import ConvLSTMCell, State
from t2v_edu.world.motion import poses, sample_take
from t2v_edu.world.render import render
from t2v_edu.world.scene import Scene, sample_scene

PERIOD = 24  # frames of the whole bounce; a clip is the beginning of it


class BouncingClips(NamedTuple):
    """Films of bouncing digits, (B, 1, T, H, W) in [-1, 1], and where the digit's centre is, (B, T, 2) as (x, y) in pixels."""

    video: Tensor
    path: NDArray[np.float64]


def bouncing_clips(count: int, seed: int, split: str = "seen", *, frames: int = 16, size: int = 32) -> BouncingClips:
    """Digits of the world `digits` that bounce on black, in grey: what a pixel's brightest colour is.

    Args:
        split: "seen" to train on; "sync_draw" to test: there each digit bounces in the direction that it never has in "seen".
        frames: T, at most 24, in which a slow digit bounces once, a normal one twice, a fast one three times.
    Raises:
        ValueError: no clips, or a length out of range.
    """
    if count < 1 or not 2 <= frames <= PERIOD:
        raise ValueError(f"{count} clip(s) of {frames} frames: ask for one or more, of 2 to {PERIOD} frames")
    films = np.empty((count, frames, size, size), np.uint8)
    path = np.empty((count, frames, 2))
    for i in range(count):
        rng = clip_rng(seed, i)
        scene, take = _bounce(rng, split), sample_take(rng)
        films[i] = render(scene, PERIOD, size, size, takes=(take,))[:frames].max(-1)
        pose = poses(scene.actors[0], take, PERIOD)
        path[i] = size * np.stack([pose.x, pose.y], -1)[:frames]
    return BouncingClips(torch.from_numpy(films)[:, None].float() / 127.5 - 1, path)


def _bounce(rng: np.random.Generator, split: str) -> Scene:
    while True:
        scene = sample_scene("digits", rng, split)
        if scene.actors[0].action == "bounces" and scene.place == "black":
            return scene


def turned(path: NDArray[np.float64], seen: int) -> NDArray[np.bool_]:
    """Of each frame from number `seen` on, whether the digit has by then turned round, (B, T − seen).

    Its way from frame t − 1 to t points against the way into the last frame that was seen.
    """
    steps = np.diff(path, axis=1)  # (B, T − 1, 2)
    along: NDArray[np.float64] = (steps[:, seen - 1 :] * steps[:, seen - 2 : seen - 1]).sum(-1)
    return np.logical_or.accumulate(along < 0, axis=1)


class NextFrame(nn.Module):
    """Predicts a film's next frame from all before it, and more by feeding its own predictions back in.

    A frame is cut into patches, a ConvLSTM carries a state for each of them, and a convolution reads off what changes. It starts
    as the first baseline: the last layer is zero, so that an untrained net repeats the frame.

    Args:
        channels: of a frame.
        patch: side of a patch; height and width must be multiples of it.
        hidden: channels of the state.
        kernel: side of the window, in patches, that a patch's next state looks at.
    """

    def __init__(self, channels: int = 1, patch: int = 4, hidden: int = 64, kernel: int = 3) -> None:
        super().__init__()
        self.channels, self.patch = channels, patch
        self.cell = ConvLSTMCell(channels * patch**2, hidden, kernel)
        self.out = nn.Conv2d(hidden, channels * patch**2, kernel, padding=kernel // 2)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.cell.bias_ih[hidden : 2 * hidden] += 1.0  # forget gates begin open, see the chapter

    def forward(self, video: Tensor, ahead: int = 1) -> Tensor:
        """Predictions of frames 1 ... T − 1 + ahead, each from the frames before it; from number T on from its own.

        Args:
            video: (B, C, T, H, W) in [-1, 1].
        Returns:
            (B, C, T − 1 + ahead, H, W), not cut off at -1 and 1.
        Raises:
            ValueError: wrong rank, dtype or number of channels, a side that the patches do not divide, ahead below 1.
        """
        check_video(video, ahead)
        channels, side = video.shape[1], self.patch
        if channels != self.channels or video.shape[-1] % side or video.shape[-2] % side:
            raise ValueError(f"needs {self.channels} channel(s) and sides that {side} divides, got shape {tuple(video.shape)}")
        state: State | None = None
        made: list[Tensor] = []
        for t in range(video.shape[2] + ahead - 1):
            frame = video[:, :, t] if t < video.shape[2] else made[-1]  # (B, C, H, W)
            state = self.cell(F.pixel_unshuffle(frame, side), state)  # maps of (H / patch, W / patch)
            made.append(frame + F.pixel_shuffle(self.out(state[0]), side))
        return torch.stack(made, 2)

    @torch.no_grad()
    def predict(self, video: Tensor, ahead: int) -> Tensor:
        """The `ahead` frames after a film's last: (B, C, T, H, W) → (B, C, ahead, H, W), in [-1, 1]."""
        made: Tensor = self(video, ahead)[:, :, -ahead:]
        return made.clamp(-1, 1)


def repeat_last(video: Tensor, ahead: int) -> Tensor:
    """The baseline that everything stays as it is: (B, C, T, H, W) → (B, C, ahead, H, W)."""
    check_video(video, ahead)
    return video[:, :, -1:].expand(-1, -1, ahead, -1, -1).clone()


def constant_velocity(video: Tensor, ahead: int) -> Tensor:
    """The baseline that everything goes on as it goes: the last frame, shifted by 1, 2, ... times the last shift."""
    check_video(video, ahead, least=2)
    before, last = video[:, :, -2], video[:, :, -1]
    shift = estimate_shift(before, last)
    return torch.stack([translate(last, k * shift) for k in range(1, ahead + 1)], 2)


def estimate_shift(before: Tensor, after: Tensor, reach: int = 8) -> Tensor:
    """By how much a picture moved as a whole: the best of all whole shifts up to `reach`, refined by a parabola.

    Block matching with the frame as its one block. Beyond the edge the picture is taken to go on as at its edge.

    Args:
        before, after: (B, C, H, W).
    Returns:
        (B, 2), pixels to the right and down.
    Raises:
        ValueError: frames of unequal size, or of another rank than 4.
    """
    if before.shape != after.shape or before.dim() != 4:
        raise ValueError(f"needs two frames (B, C, H, W) of one size, got {tuple(before.shape)} and {tuple(after.shape)}")
    height, width = before.shape[2:]
    wide = F.pad(before, (reach,) * 4, mode="replicate")
    side = 2 * reach + 1
    windows = [wide[:, :, side - 1 - dy : side - 1 - dy + height, side - 1 - dx : side - 1 - dx + width]
               for dy in range(side) for dx in range(side)]  # fmt: skip
    errors = torch.stack([(w - after).square().mean((1, 2, 3)) for w in windows], 1)  # (B, side²)
    best = errors.argmin(1)
    y, x = (best // side).clamp(1, side - 2), (best % side).clamp(1, side - 2)
    grid, row = errors.reshape(-1, side, side), torch.arange(len(before))
    middle = grid[row, y, x]
    fine_x = _lowest(grid[row, y, x - 1], middle, grid[row, y, x + 1])
    fine_y = _lowest(grid[row, y - 1, x], middle, grid[row, y + 1, x])
    return torch.stack([x - reach + fine_x, y - reach + fine_y], 1)


def _lowest(left: Tensor, middle: Tensor, right: Tensor) -> Tensor:
    """Where the parabola through three neighbouring errors is lowest, -1/2 to 1/2 from the middle; 0 where they are level."""
    bend = left - 2 * middle + right
    return torch.where(bend > 1e-9, 0.5 * (left - right) / bend.clamp(min=1e-9), torch.zeros_like(bend)).clamp(-0.5, 0.5)


def translate(frame: Tensor, shift: Tensor) -> Tensor:
    """A frame (B, C, H, W) moved by (B, 2) pixels to the right and down, between pixels by bilinear interpolation."""
    height, width = frame.shape[2:]
    theta = torch.eye(2, 3).repeat(len(frame), 1, 1)
    theta[:, :, 2] = -2 * shift / torch.tensor([width, height])  # a window looks from the frame to the picture
    where = F.affine_grid(theta, list(frame.shape), align_corners=False)
    return F.grid_sample(frame, where, padding_mode="border", align_corners=False)


def squared_error(made: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of each frame: two videos (B, C, T, H, W) → (B, T).

    Raises:
        ValueError: videos of different shape.
    """
    if made.shape != truth.shape or made.dim() != 5:
        raise ValueError(f"needs two videos (B, C, T, H, W) of one shape, got {tuple(made.shape)} and {tuple(truth.shape)}")
    return (made - truth).square().mean((1, 3, 4))


def check_video(video: Tensor, ahead: int = 1, least: int = 1) -> None:
    """Refuse what is no video (B, C, T, H, W) of floats with `least` frames, and fewer than one frame to predict."""
    shape = tuple(video.shape)
    if video.dim() != 5:
        raise ValueError(f"a video is (B, C, T, H, W), got a tensor of shape {shape}")
    if not video.is_floating_point():
        raise ValueError(f"a video holds floats in [-1, 1], got {video.dtype} of shape {shape}; t2v_edu.video.to_tensor converts")
    if video.shape[2] < least:
        raise ValueError(f"needs {least} or more frames to go on from, got {video.shape[2]} in shape {shape}")
    if ahead < 1:
        raise ValueError(f"ahead must be 1 or more frames, got {ahead}")
