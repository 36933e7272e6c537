"""Chapter 01 · from a scene to a film: anti-aliased drawing by rule, any size, any number of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from t2v_edu.world.motion import Poses, Take, sample_take, stage
from t2v_edu.world.outlines import GRID, REACH, field
from t2v_edu.world.places import place_picture
from t2v_edu.world.scene import STORY, Actor, Scene
from t2v_edu.world.sprites import paint_puppet

RGB: dict[str, tuple[int, int, int]] = {
    "red": (228, 38, 44),
    "orange": (255, 140, 0),
    "yellow": (250, 225, 50),
    "green": (40, 175, 70),
    "blue": (45, 95, 235),
    "purple": (160, 60, 200),
    "white": (245, 245, 245),
    "brown": (139, 84, 42),
}
SMALLEST, LARGEST = 16, 256


def render(
    scene: Scene,
    frames: int = 16,
    height: int = 32,
    width: int = 32,
    rng: np.random.Generator | None = None,
    *,
    takes: tuple[Take, ...] | None = None,
) -> NDArray[np.uint8]:
    """Film a scene.

    Args:
        frames: T, at least 1; a clip always shows the whole action, so more frames make it smoother, not longer.
        height, width: 16 to 256 pixels.
        rng: draws what the scene leaves open (start, phase, handwriting); None puts everything in the middle.
        takes: that same choice made by hand, one `Take` an actor.
    Returns:
        uint8 (T, H, W, 3), RGB.
    Raises:
        ValueError: frames or size out of range, a wrong number of takes.
    """
    if frames < 1:
        raise ValueError(f"frames must be at least 1, not {frames}")
    if not (SMALLEST <= height <= LARGEST and SMALLEST <= width <= LARGEST):
        raise ValueError(f"height and width must be {SMALLEST} to {LARGEST} pixels, not {height}×{width}")
    if takes is None:
        takes = tuple(Take() if rng is None else sample_take(rng) for _ in scene.actors)
    if len(takes) != len(scene.actors):
        raise ValueError(f"{len(takes)} take(s) for {len(scene.actors)} actor(s): give one each")
    canvas = np.empty((frames, height, width, 3), dtype=np.float32)
    canvas[:] = place_picture(scene.place, height, width)
    for actor, take, pose in zip(scene.actors, takes, stage(scene, takes, frames), strict=True):
        paint_actor(canvas, actor, take, pose)
    canvas += 0.5
    return canvas.astype(np.uint8)


def paint_actor(canvas: NDArray[np.float32], actor: Actor, take: Take, pose: Poses) -> None:
    """Draw one actor over a canvas (T, H, W, 3), 0 to 255, in place."""
    height, width = canvas.shape[1:3]
    x, y, radius = pose.x * width, pose.y * height, pose.radius * min(height, width)
    color = RGB[actor.color]
    if actor.kind in STORY:
        paint_puppet(canvas, actor.kind, actor.action, pose.gait, color, x, y, radius, actor.direction == "left")
    else:
        paint_outline(canvas, field(actor.kind, take.hand), np.asarray(color, np.float32), x, y, radius, pose.angle)


def paint_outline(
    canvas: NDArray[np.float32],
    table: NDArray[np.float32],
    color: NDArray[np.float32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    radius: NDArray[np.float64],
    angle: NDArray[np.float64],
) -> None:
    """Draw a distance field over a canvas (T, H, W, 3) in place; x, y, radius in pixels and angle in radians, each (T,).

    A pixel's share of the actor is its distance to the outline, in pixels, plus one half, cut off at 0 and 1.
    """
    frames, height, width = canvas.shape[:3]
    reach = float(radius.max()) * 1.2 + 1.0
    side = int(np.ceil(2 * reach)) + 1
    left, top = np.floor(x - reach).astype(int), np.floor(y - reach).astype(int)
    span = np.arange(side)
    dx = ((left[:, None] + span + 0.5 - x[:, None]) / radius[:, None]).astype(np.float32)[:, None, :]  # (T, 1, P)
    dy = ((top[:, None] + span + 0.5 - y[:, None]) / radius[:, None]).astype(np.float32)[:, :, None]  # (T, P, 1)
    if angle.any():
        cos, sin = np.cos(angle).astype(np.float32)[:, None, None], np.sin(angle).astype(np.float32)[:, None, None]
        dx, dy = cos * dx + sin * dy, cos * dy - sin * dx
    alpha = _sample(table, dx, dy)
    alpha *= radius.astype(np.float32)[:, None, None]
    if radius.min() < 4.0:  # pixels near so small an outline lie beyond the table: add their way to it
        beyond = np.hypot(np.maximum(np.abs(dx) - REACH, 0.0), np.maximum(np.abs(dy) - REACH, 0.0))
        alpha -= (beyond * radius[:, None, None]).astype(np.float32)
    alpha += 0.5
    np.clip(alpha, 0.0, 1.0, out=alpha)
    for t in range(frames):
        x0, x1 = max(left[t], 0), min(left[t] + side, width)
        y0, y1 = max(top[t], 0), min(top[t] + side, height)
        if x0 < x1 and y0 < y1:
            share = alpha[t, y0 - top[t] : y1 - top[t], x0 - left[t] : x1 - left[t], None]
            patch = canvas[t, y0:y1, x0:x1]
            patch += share * (color - patch)


def _sample(table: NDArray[np.float32], dx: NDArray[np.float32], dy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear look-up of a field at offsets in radii; the offsets broadcast against each other."""
    scale = np.float32((GRID - 1) / (2 * REACH))
    col = np.clip((dx + np.float32(REACH)) * scale, 0, GRID - 1.001)
    row = np.clip((dy + np.float32(REACH)) * scale, 0, GRID - 1.001)
    c, r = col.astype(np.int32), row.astype(np.int32)
    fc, fr = col - c, row - r
    flat, at = table.ravel(), r * GRID + c
    upper = flat[at] + fc * (flat[at + 1] - flat[at])
    lower = flat[at + GRID] + fc * (flat[at + GRID + 1] - flat[at + GRID])
    out: NDArray[np.float32] = upper + fr * (lower - upper)
    return out
