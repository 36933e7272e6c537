"""Chapter 16 · following a camera: the shift, turn and zoom from frame to frame · Lucas & Kanade 1981; Bergen et al. 1992."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.film.arrange import Film, check_film
from t2v_edu.film.composite import Track, chain
from t2v_edu.film.resample import is_cut
from t2v_edu.vision.warp import AnyFrame, Gray, check_pair, luma, sample

Floats = NDArray[np.floating[Any]]

STILL = np.array([[1.0, 0, 0], [0, 1, 0]])
SMALLEST = 16  # pixels of the coarsest frame's short side
ROUNDS = 12  # of Gauss and Newton's method on each level
VOTERS = 6000  # pixels, about, that are asked on each level
CAP = 24.0  # levels: no pixel disagrees more than this, so that what moves by itself does not outshout the place
_OVERLAP = 0.6  # of the key frame, below which a new one is taken


def follow(background: Film) -> Track:
    """Where the points of the first frame are in each frame, as the camera pans, zooms and turns.

    Every frame is matched with the one before, and then once more with a key frame further back, so that small errors do not
    add up. At a cut another place begins, and with it another track: there the map is the identity again. What moves by itself
    in the film is outvoted as long as it shows less structure than what stands.

    Args:
        background: (T, H, W, 3) uint8.
    Returns:
        (T, 2, 3): (x, y, 1) of frame 0 ↦ (x', y') of frame t, pixels; the first is the identity.
    """
    check_film(background)
    track = [STILL]
    key, base, way = 0, STILL, STILL  # the key frame; 0 → key; key → the last frame
    for t in range(1, len(background)):
        if is_cut(background[t - 1], background[t]):
            key, base, way = t, STILL, STILL
            track.append(STILL)
            continue
        way = chain(camera_step(background[t - 1], background[t]), way)
        inside = overlap(way, background.shape[1], background.shape[2])
        if inside > _OVERLAP / 2:
            way = refine(background[key], background[t], way)
        track.append(chain(way, base))
        if inside < _OVERLAP:
            key, base, way = t, track[-1], STILL
    return np.stack(track)


def stays_in_view(track: Track, height: int, width: int, *, margin: float = 0.15) -> bool:
    """Whether what stands in the middle of the first frame stays in the picture, that share of it away from its rim."""
    x, y = (track @ [(width - 1) / 2, (height - 1) / 2, 1]).T
    near, far = margin, 1 - margin
    return bool(((x >= near * width) & (x <= far * width) & (y >= near * height) & (y <= far * height)).all())


def camera_step(first: AnyFrame, second: AnyFrame) -> NDArray[np.float64]:
    """The shift, turn and zoom that takes the places of one frame to those of another, (2, 3).

    Begins in a small frame, with whichever whole shift agrees best there, and is refined from coarse to fine.

    Args:
        first, second: (H, W, 3) or (H, W), of one shape.
    """
    check_pair(first, second)
    small_1, small_2, halvings = luma(first), luma(second), 0
    while min(small_1.shape) >= 2 * SMALLEST:
        small_1, small_2, halvings = _halved(small_1), _halved(small_2), halvings + 1
    start = STILL.copy()
    start[:, 2] = [d * 2**halvings for d in best_shift(small_1, small_2)]
    return refine(first, second, start)


def best_shift(first: Gray, second: Gray) -> tuple[int, int]:
    """The whole shift (dx, dy), up to a quarter of the frame, after which most pixels agree; of equals the shortest."""
    height, width = first.shape
    reach = [(dx, dy) for dy in range(-(height // 4), height // 4 + 1) for dx in range(-(width // 4), width // 4 + 1)]

    def cost(step: tuple[int, int]) -> float:
        dx, dy = step
        a = first[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
        b = second[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)]
        return float(np.minimum(np.abs(a - b), CAP).mean())

    return min(sorted(reach, key=lambda d: d[0] ** 2 + d[1] ** 2), key=cost)


def refine(first: AnyFrame, second: AnyFrame, start: NDArray[Any]) -> NDArray[np.float64]:
    """A camera motion that is nearly right made right: ∑ w (I_2(M p) − I_1(p))² made small over shift, turn and zoom.

    Each round solves the linear equations of a small step, as Lucas and Kanade do for a window, here for the whole frame.
    The weights w, Cauchy's, take their vote from pixels that disagree with the rest.
    """
    pyramid = [(luma(first), luma(second))]
    while min(pyramid[-1][0].shape) >= 2 * SMALLEST:
        a, b = pyramid[-1]
        pyramid.append((_halved(a), _halved(b)))
    matrix = start.astype(np.float64)
    matrix[:, 2] /= 2 ** (len(pyramid) - 1)
    for level, (a, b) in enumerate(reversed(pyramid)):
        if level:
            matrix[:, 2] *= 2
        ours, theirs = (np.stack([frame, *np.gradient(frame)[::-1]], -1) for frame in (a, b))  # (H, W, 3): I, I_x, I_y
        y, x = np.nonzero(np.hypot(ours[..., 1], ours[..., 2]) > 1)  # flat pixels agree with everything
        few = slice(None, None, max(1, len(x) // VOTERS))
        for _ in range(ROUNDS if len(x) > 8 else 0):
            step = _newton(ours[y[few], x[few]], theirs, np.stack([x[few], y[few]]), matrix)
            matrix = chain(matrix, STILL + step)
            if np.abs(step).max() < 1e-3:
                break
    return matrix


def _newton(ours: Floats, theirs: Floats, places: Floats, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The small step [[s, −r, u], [r, s, v]] that brings a frame, pulled along the matrix, nearer to another.

    ours (N, 3): brightness and slopes (I, I_x, I_y) of the first frame at `places` (2, N), x and y; theirs (H, W, 3): of the
    second, everywhere.
    """
    to_x, to_y = matrix[:, :2] @ places + matrix[:, 2:]
    sure = (to_x >= 0) & (to_x <= theirs.shape[1] - 1) & (to_y >= 0) & (to_y <= theirs.shape[0] - 1)
    if sure.sum() < 8:
        return np.zeros((2, 3))
    pulled = sample(theirs, to_x[sure], to_y[sure])
    miss, (_, i_x, i_y) = pulled[:, 0] - ours[sure, 0], ((pulled + ours[sure]) / 2).T
    size = max(1.0, 1.5 * float(np.median(np.abs(miss))))
    w = 1 / (1 + (miss / size) ** 2)
    scale = max(theirs.shape) / 2  # pixels: so that all four unknowns are of one kind
    x, y = places[:, sure] / scale
    design = np.stack([i_x * x + i_y * y, i_y * x - i_x * y, i_x, i_y], -1)  # per zoom, turn, shift
    left = design.T @ (w[:, None] * design) + 1e-3 * np.eye(4)
    zoom, turn, u, v = -np.linalg.solve(left, design.T @ (w * miss))
    return np.array([[zoom / scale, -turn / scale, u], [turn / scale, zoom / scale, v]])


def overlap(matrix: NDArray[Any], height: int, width: int) -> float:
    """The share of a frame that a map takes to places within the frame."""
    y, x = np.mgrid[:height, :width]
    to_x, to_y = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return float(((to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)).mean())


def _halved(frame: Gray) -> Gray:
    """The mean of each 2 × 2 pixels; a place p is then at (p − ½)/2, which shifts and zooms below half a pixel's notice."""
    height, width = frame.shape
    cut = frame[: height // 2 * 2, : width // 2 * 2]
    small: Gray = cut.reshape(height // 2, 2, width // 2, 2).mean((1, 3), dtype=np.float32)
    return small
