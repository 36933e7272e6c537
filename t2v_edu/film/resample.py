"""Chapter 16 · more frames and more pixels: rate doubled by motion, size by filters and back-projection · Irani & Peleg 1991."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from t2v_edu.film.arrange import Film, check_film
from t2v_edu.vision.motion import in_between
from t2v_edu.vision.optical_flow import dis, lucas_kanade
from t2v_edu.vision.warp import AnyFrame, Flow

FILTERS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
           "lanczos": Image.Resampling.LANCZOS}
LARGEST = 2048  # pixels
CUT = 12.0  # levels: frames that differ more than this on the average, even after motion, are two shots


def flow_between(first: AnyFrame, second: AnyFrame) -> Flow:
    """The flow that film work uses: DIS, or Lucas–Kanade for frames that are too small for it."""
    return dis(first, second) if min(first.shape[:2]) >= 32 else lucas_kanade(first, second)


def double_rate(film: Film) -> Film:
    """A frame put in between any two, made from their motion; the film's own frames stay as they are.

    Across a cut there is no motion: there the frame before is shown again.

    Args:
        film: (T, H, W, 3) uint8.
    Returns:
        (2T − 1, H, W, 3) uint8: frame 2t is frame t of the film.
    """
    check_film(film)
    doubled = np.empty((2 * len(film) - 1, *film.shape[1:]), np.uint8)
    doubled[::2] = film
    for t, (first, second) in enumerate(pairwise(film)):
        doubled[2 * t + 1] = first if np.array_equal(first, second) or is_cut(first, second) else halfway(first, second)
    return doubled


def halfway(first: AnyFrame, second: AnyFrame) -> AnyFrame:
    """The frame midway between two, by the motion from each to the other."""
    return in_between(first, second, flow_between(first, second), flow_between(second, first))


def is_cut(first: AnyFrame, second: AnyFrame) -> bool:
    """Whether two frames (H, W, 3) show different shots, judged in small: each pixel may look for itself among its neighbours."""
    a, b = (np.asarray(Image.fromarray(frame).resize((16, 16), Image.Resampling.BOX), np.float32) for frame in (first, second))
    wide = np.pad(b, ((2, 2), (2, 2), (0, 0)), mode="edge")
    apart = [np.abs(a - wide[y : y + 16, x : x + 16]).mean(-1) for y in range(5) for x in range(5)]
    return float(np.min(apart, axis=0).mean()) > CUT


def fit(film: Film, height: int, width: int) -> Film:
    """The film scaled until it covers a frame of another shape, and what stands over cut off at both sides.

    Args:
        film: (T, H, W, 3) uint8.
        height, width: 1 to 2048 pixels.
    Returns:
        (T, height, width, 3) uint8.
    Raises:
        ValueError: no film, or a size out of range.
    """
    check_film(film)
    _check_size(height, width)
    h, w = film.shape[1:3]
    if (h, w) == (height, width):
        return film
    scale = max(height / h, width / w)
    left, top = (w - width / scale) / 2, (h - height / scale) / 2
    box = (max(0.0, left), max(0.0, top), min(w, w - left), min(h, h - top))
    way = Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(frame).resize((width, height), way, box=box)) for frame in film])


def enlarge(film: Film, height: int, width: int, *, method: str = "lanczos", rounds: int = 0) -> Film:
    """The film with more pixels. No filter adds detail; the rounds at least lose none.

    Args:
        film: (T, H, W, 3) uint8.
        height, width: pixels, not less than the film's, up to 2048.
        method: "nearest" (pixels as squares), "bilinear" (soft), "bicubic" or "lanczos" (sharp, with faint rings).
        rounds: of back-projection: shrink the result, see what is missing against the film, add that, enlarged, to the result.
    Returns:
        (T, height, width, 3) uint8.
    Raises:
        ValueError: a size out of range or below the film's, another method, or negative rounds.
    """
    check_film(film)
    _check_size(height, width)
    if method not in FILTERS:
        raise ValueError(f"unknown method {method!r}; choose one of: {', '.join(FILTERS)}")
    h, w = film.shape[1:3]
    if height < h or width < w or rounds < 0:
        raise ValueError(f"enlarge makes {h} × {w} pixels more, in 0 or more rounds; not {height} × {width} in {rounds}: use fit")
    large = np.empty((len(film), height, width, 3), np.uint8)
    for t, frame in enumerate(film):
        planes = [_resize(frame[..., c].astype(np.float32), height, width, method) for c in range(3)]
        for c, plane in enumerate(planes):
            for _ in range(rounds):
                lacks = frame[..., c] - _resize(plane, h, w, "box")
                plane += _resize(lacks, height, width, method)
            large[t, ..., c] = np.clip(np.rint(plane), 0, 255)
    return large


def _resize(plane: NDArray[np.float32], height: int, width: int, method: str) -> NDArray[np.float32]:
    way = Image.Resampling.BOX if method == "box" else FILTERS[method]
    return np.array(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), way), np.float32)


def _check_size(height: int, width: int) -> None:
    if not (1 <= height <= LARGEST and 1 <= width <= LARGEST):
        raise ValueError(f"{height} × {width} pixels is out of range; choose 1 to {LARGEST} for each")
