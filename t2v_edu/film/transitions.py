"""Chapter 16 · from shot to shot: the cut, the cross-fade, and fading in and out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from t2v_edu.film.arrange import Film, check_film, check_one_size

RGB = tuple[int, int, int]


def cut(*shots: Film) -> Film:
    """One shot after another: (ΣT, H, W, 3).

    Raises:
        ValueError: no shot, or shots of different sizes.
    """
    check_one_size(shots, "a cut", "use resample.fit", part="shot")
    return np.concatenate(shots)


def cross_fade(first: Film, second: Film, frames: int) -> Film:
    """The first shot's end mixed with the second's beginning: the film is `frames` shorter than both together.

    In frame k of the n mixed ones the second has the share (k + 1)/(n + 1), so that none of them is a shot's own frame.

    Args:
        first, second: (T, H, W, 3) uint8, of one size.
        frames: n, 0 to the shorter shot's length; 0 is a cut.
    Raises:
        ValueError: shots of different sizes, or more frames than a shot has.
    """
    check_one_size((first, second), "a cross-fade", "use resample.fit", part="shot")
    if not 0 <= frames <= min(len(first), len(second)):
        raise ValueError(f"a cross-fade of {frames} frames does not fit shots of {len(first)} and {len(second)} frames")
    share = (np.arange(1, frames + 1, dtype=np.float32) / (frames + 1))[:, None, None, None]
    mixed = np.rint((1 - share) * first[len(first) - frames :] + share * second[:frames]).astype(np.uint8)
    return np.concatenate([first[: len(first) - frames], mixed, second[frames:]])


def fade_in(film: Film, frames: int, *, color: RGB = (0, 0, 0)) -> Film:
    """The film rising out of a colour: frame 0 is that colour, frame `frames` the film's own.

    Raises:
        ValueError: no film, or a fade longer than the film.
    """
    check_film(film)
    if not 0 <= frames <= len(film):
        raise ValueError(f"a fade of {frames} frames does not fit a film of {len(film)}")
    share = (np.arange(frames, dtype=np.float32) / max(frames, 1))[:, None, None, None]
    faded = film.copy()
    faded[:frames] = np.rint(share * film[:frames] + (1 - share) * np.array(color, np.float32))
    return faded


def fade_out(film: Film, frames: int, *, color: RGB = (0, 0, 0)) -> Film:
    """The film sinking into a colour, which is its last frame: `fade_in` backwards."""
    return fade_in(film[::-1], frames, color=color)[::-1].copy()


def edit(shots: Sequence[Film], overlaps: Sequence[int] | int = 0) -> Film:
    """All shots as one film, each gap with its own cross-fade.

    Args:
        shots: each (T, H, W, 3) uint8.
        overlaps: frames mixed between neighbours, one number a gap or one for all; 0 is a cut.
    Raises:
        ValueError: no shots, sizes that differ, not one overlap a gap, or one that does not fit.
    """
    check_one_size(shots, "a cut", "use resample.fit", part="shot")
    gaps = [overlaps] * (len(shots) - 1) if isinstance(overlaps, int) else list(overlaps)
    starts([len(shot) for shot in shots], gaps)  # refuses what does not fit
    film = shots[0]
    for shot, gap in zip(shots[1:], gaps, strict=True):
        film = cross_fade(film, shot, gap)
    return film


def starts(lengths: Sequence[int], overlaps: Sequence[int] | int = 0) -> list[int]:
    """The frame at which each shot begins in the film that `edit` makes, and after them the length of the whole.

    Raises:
        ValueError: as `edit`.
    """
    gaps = [overlaps] * (len(lengths) - 1) if isinstance(overlaps, int) else list(overlaps)
    if not lengths or len(gaps) != len(lengths) - 1:
        raise ValueError(f"{len(lengths)} shots have {max(0, len(lengths) - 1)} gaps, and {len(gaps)} overlaps were given")
    for k, length in enumerate(lengths):
        taken = (gaps[k - 1] if k else 0) + (gaps[k] if k < len(gaps) else 0)
        if min(gaps, default=0) < 0 or taken > length:
            raise ValueError(f"shot {k + 1} has {length} frames, and the cross-fades around it take {taken}; make them shorter")
    begins = [0]
    for length, gap in zip(lengths, [*gaps, 0], strict=True):
        begins.append(begins[-1] + length - gap)
    return begins
