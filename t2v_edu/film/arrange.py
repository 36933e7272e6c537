"""Chapter 16 · arranging clips: strips, grids, enlargements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Film = NDArray[np.uint8]  # (T, H, W, 3), sRGB
BORDER = 128  # mid-grey: seen beside a white page, a dark page, and every plain place of the world


def check_film(frames: Film) -> None:
    """Refuse what is no film.

    Raises:
        ValueError: not uint8, not (T, H, W, 3), or empty; the message says how to convert.
    """
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        got = getattr(frames, "dtype", type(frames).__name__)
        raise ValueError(f"a film is a NumPy array of uint8, not {got}; t2v_edu.video.to_frames makes one of a tensor")
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ValueError(f"a film has the shape (T, H, W, 3) with T, H, W at least 1, not {frames.shape}")


def strip(frames: Film, count: int = 8, *, border: int | None = None) -> Film:
    """A row of frames, evenly spaced in time, the first and the last among them.

    Args:
        frames: (T, H, W, 3) uint8.
        count: at most so many; fewer where the film is shorter.
        border: pixels between two frames; by default a sixteenth of the height, at least one.
    Returns:
        (1, H, n·W + (n-1)·border, 3) uint8: a film of one frame.
    """
    check_film(frames)
    if count < 1:
        raise ValueError(f"a strip has at least one frame, not {count}")
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return grid([frames[i : i + 1] for i in chosen], columns=len(chosen), border=border)


def check_one_size(films: Sequence[Film], what: str, mend: str, *, part: str = "film") -> None:
    """Whether films can be put together: at least one, each a film, all of one height and width.

    Raises:
        ValueError: they cannot; says of `what`, made of which `part`s, and what would mend it.
    """
    if not len(films):
        raise ValueError(f"{what} needs at least one {part}, and got none")
    for film in films:
        check_film(film)
    sizes = sorted({film.shape[1:3] for film in films})
    if len(sizes) > 1:
        raise ValueError(f"{what} needs {part}s of one size, not (height, width) {', '.join(map(str, sizes))}; {mend}")


def grid(films: Sequence[Film], columns: int | None = None, *, border: int | None = None) -> Film:
    """Several films playing side by side, row by row; a shorter one waits on its last frame.

    Args:
        films: each (T, H, W, 3) uint8, all of one height and width.
        columns: films in a row; by default as square as the count allows.
        border: pixels between two films; by default a sixteenth of their height, at least one.
    Returns:
        (T, rows·H + ..., columns·W + ..., 3) uint8, T the longest.
    Raises:
        ValueError: no films, films of different sizes, or less than one column.
    """
    check_one_size(films, "a grid", "use upscale")
    columns = math.ceil(math.sqrt(len(films))) if columns is None else columns
    if columns < 1:
        raise ValueError(f"a grid has at least one column, not {columns}")
    columns = min(columns, len(films))
    height, width = films[0].shape[1:3]
    gap = max(1, height // 16) if border is None else border
    rows = math.ceil(len(films) / columns)
    length = max(map(len, films))
    canvas = np.full((length, rows * (height + gap) - gap, columns * (width + gap) - gap, 3), BORDER, np.uint8)
    for i, film in enumerate(films):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        canvas[: len(film), top : top + height, left : left + width] = film
        canvas[len(film) :, top : top + height, left : left + width] = film[-1]
    return canvas


def upscale(frames: Film, size: int, *, smooth: bool = True) -> Film:
    """The film with its short side brought to `size` pixels.

    Args:
        frames: (T, H, W, 3) uint8.
        size: pixels of the short side, 8 to 2048.
        smooth: bicubic; otherwise nearest neighbour, which shows the pixels that a model made as they are.
    Returns:
        (T, H', W', 3) uint8, in the same proportions.
    Raises:
        ValueError: a size out of range.
    """
    check_film(frames)
    if not 8 <= size <= 2048:
        raise ValueError(f"size {size} is out of range; choose 8 to 2048 pixels")
    height, width = frames.shape[1:3]
    scale = size / min(height, width)
    new = (max(1, round(width * scale)), max(1, round(height * scale)))
    if new == (width, height):
        return frames
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return np.stack([np.asarray(Image.fromarray(frame).resize(new, method)) for frame in frames])
