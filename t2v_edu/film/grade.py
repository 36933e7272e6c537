"""Chapter 16 · colour grading: white balance and curves · Land & McCann 1971; Fritsch & Carlson 1980."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from t2v_edu.film.arrange import Film, check_film
from t2v_edu.film.light import TABLE, to_linear, to_srgb
from t2v_edu.film.lut import LOOKS, Lut, apply_lut, cube_text, grade, read_cube

__all__ = ["LOOKS", "Lut", "apply_lut", "balance", "cube_text", "curve", "gain_table", "grade", "gray_world", "read_cube", "tone",
           "white_patch"]

Floats = NDArray[np.float64]
Gains = Floats  # (3,) red, green, blue
Table = NDArray[np.uint8]  # (256,) or (256, 3): code → code


# --- White balance ----------------------------------------------------------------------------------------------------


def gray_world(film: Film) -> Gains:
    """The gains after which the film's mean light is grey: right where a film shows a bit of everything, green stays the same.

    Raises:
        ValueError: no film, or one that has no light in a channel.
    Source: Buchsbaum 1980.
    """
    check_film(film)
    return _to_gray(to_linear(film).reshape(-1, 3).mean(0, dtype=np.float64))


def white_patch(film: Film, share: float = 0.01) -> Gains:
    """The gains after which the brightest pixels are white: right where the film shows something white.

    Args:
        share: of the pixels that count as the brightest, above 0 to 1.
    Raises:
        ValueError: no film, a share out of range, or no light in a channel.
    Source: Land & McCann 1971.
    """
    check_film(film)
    if not 0 < share <= 1:
        raise ValueError(f"share {share} is out of range; choose above 0 to 1")
    light = to_linear(film).reshape(-1, 3)
    bright = light.sum(1)
    return _to_gray(light[bright >= np.quantile(bright, 1 - share)].mean(0, dtype=np.float64))


def _to_gray(mean: Gains) -> Gains:
    if mean.min() <= 0:
        raise ValueError(f"a channel of this film has no light (means {mean.round(4).tolist()}), and no gain can bring it back")
    gains: Gains = mean[1] / mean
    return gains


def balance(film: Film, gains: Sequence[float] | Gains) -> Film:
    """The film under another light: the light of each channel times its gain, as von Kries 1902 has the eye do it.

    Args:
        film: (T, H, W, 3) uint8.
        gains: red, green, blue, above 0; (1, 1, 1) changes nothing.
    Raises:
        ValueError: no film, or gains that are not three numbers above 0.
    """
    return tone(film, gain_table(gains))


def gain_table(gains: Sequence[float] | Gains) -> Table:
    """What `balance` does to every code, (256, 3)."""
    three = np.asarray(gains, float)
    if three.shape != (3,) or not np.isfinite(three).all() or three.min() <= 0:
        raise ValueError(f"gains are three numbers above 0 for red, green and blue, not {gains!r}")
    return to_srgb(TABLE[:, None] * three)


# --- Curves -----------------------------------------------------------------------------------------------------------


def curve(points: Sequence[tuple[float, float]]) -> Table:
    """A smooth curve through points, that never swings back between them: (256,) uint8, code → code.

    Args:
        points: (code in, code out), 0 to 255, two or more, the first numbers rising; before the first and after the last point
            the curve is flat.
    Raises:
        ValueError: too few points, out of range, or not rising.
    Source: Fritsch & Carlson 1980, with the slopes of Fritsch & Butland 1984.
    """
    knots = np.asarray(points, float)
    if knots.ndim != 2 or knots.shape[1:] != (2,) or len(knots) < 2 or not np.isfinite(knots).all():
        raise ValueError(f"a curve takes two or more points (in, out), not {points!r}")
    x, y = knots.T
    if (np.diff(x) <= 0).any() or knots.min() < 0 or knots.max() > 255:
        raise ValueError(f"the points of a curve lie in 0 to 255 and go to the right, one after another; got {points!r}")
    return np.asarray(np.rint(hermite(x, y, slopes(x, y), np.arange(256.0))), np.uint8)


def slopes(x: Floats, y: Floats) -> Floats:
    """Slopes at the points of a curve, (N,): nowhere so steep that it swings back, and flat at a top or bottom."""
    h, d = np.diff(x), np.diff(y) / np.diff(x)  # widths and secants
    m = np.zeros_like(x)
    rising = d[:-1] * d[1:] > 0  # elsewhere the inner point is a top or a bottom
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    both = np.where(rising, d[:-1] * d[1:], 1.0)
    m[1:-1] = np.where(rising, (w1 + w2) * both / np.where(rising, w1 * d[1:] + w2 * d[:-1], 1.0), 0.0)
    if len(x) == 2:
        return np.full(2, d[0])
    m[0], m[-1] = _end(h[0], h[1], d[0], d[1]), _end(h[-1], h[-2], d[-1], d[-2])
    return m


def _end(h0: float, h1: float, d0: float, d1: float) -> float:
    """The slope at an end: of the parabola through three points, kept from swinging back."""
    m = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    if m * d0 <= 0:
        return 0.0
    return 3 * d0 if d0 * d1 <= 0 and abs(m) > 3 * abs(d0) else m


def hermite(x: Floats, y: Floats, m: Floats, at: Floats) -> Floats:
    """The cubic pieces through (x, y) with slopes m, at some places."""
    at = np.clip(at, x[0], x[-1])
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    h = x[k + 1] - x[k]
    u = (at - x[k]) / h
    value: Floats = ((1 + 2 * u) * (1 - u) ** 2 * y[k] + u * (1 - u) ** 2 * h * m[k]
                                  + u**2 * (3 - 2 * u) * y[k + 1] + u**2 * (u - 1) * h * m[k + 1])
    return value


def tone(film: Film, table: Table) -> Film:
    """Every code of the film looked up in a table, (256,) for all channels or (256, 3) for each its own.

    Raises:
        ValueError: no film, or another table.
    """
    check_film(film)
    if table.dtype != np.uint8 or table.shape not in ((256,), (256, 3)):
        raise ValueError(f"a table is uint8 (256,) or (256, 3), not {table.dtype} {table.shape}")
    if table.ndim == 1:
        return table[film]
    graded = np.empty_like(film)
    for channel in range(3):
        graded[..., channel] = table[film[..., channel], channel]
    return graded
