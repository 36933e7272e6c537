"""Chapter 16 · look-up tables: a colour for every colour, by trilinear interpolation · the .cube format."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.film.arrange import Film, check_film

Colors = NDArray[Any]  # (..., 3), 0 to 1


@dataclass(frozen=True)
class Lut:
    """A colour for every colour: known on a lattice, in between by trilinear interpolation.

    Attributes:
        table: (N, N, N, 3) float32, red, green, blue in 0 to 1; the index goes by red, green, blue; N is 2 to 256.
        low, high: the colours at the first and the last point of the lattice.
        title: a name.
    Raises:
        ValueError: another shape, values that are not finite, or low not below high.
    """

    table: NDArray[np.float32]
    low: tuple[float, float, float] = (0.0, 0.0, 0.0)
    high: tuple[float, float, float] = (1.0, 1.0, 1.0)
    title: str = ""

    def __post_init__(self) -> None:
        n = len(self.table)
        if self.table.shape != (n, n, n, 3) or not 2 <= n <= 256:
            raise ValueError(f"a LUT has the shape (N, N, N, 3) with N from 2 to 256, not {self.table.shape}")
        if not np.isfinite(self.table).all() or any(a >= b for a, b in zip(self.low, self.high, strict=True)):
            raise ValueError(f"a LUT holds finite colours and its low {self.low} lies below its high {self.high}")

    @classmethod
    def of(cls, look: Callable[[Colors], Colors], size: int = 33, title: str = "") -> Lut:
        """The table of a function of colours (..., 3) in 0 to 1."""
        axis = np.linspace(0, 1, size)
        lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
        return cls(np.clip(look(lattice), 0, 1).astype(np.float32), title=title)


def apply_lut(film: Film, lut: Lut) -> Film:
    """Every colour of the film looked up: the eight lattice points around it, weighted by how near each is."""
    check_film(film)
    n = len(lut.table)
    codes = np.arange(256) / 255
    flat, graded = lut.table.reshape(-1, 3), np.empty_like(film)
    cell, share = np.empty((3, 256), np.int32), np.empty((3, 256), np.float32)
    for c in range(3):  # where a code lies along an axis of the lattice: there are only 256
        at = np.clip((codes - lut.low[c]) / (lut.high[c] - lut.low[c]), 0, 1) * (n - 1)
        cell[c] = np.minimum(at.astype(np.int32), n - 2)
        share[c] = at - cell[c]
    for t, frame in enumerate(film):
        red, green, blue = (cell[c][frame[..., c]] for c in range(3))
        corner = (red * n + green) * n + blue
        r, g, b = (share[c][frame[..., c]][..., None] for c in range(3))

        def along_blue(at: NDArray[np.int32], b: NDArray[np.float32] = b) -> NDArray[np.float32]:
            near = flat[at]
            near += b * (flat[at + 1] - near)
            return near

        low = along_blue(corner)
        low += g * (along_blue(corner + n) - low)
        high = along_blue(corner + n * n)
        high += g * (along_blue(corner + n * n + n) - high)
        low += r * (high - low)
        graded[t] = np.rint(np.clip(low, 0, 1) * 255)
    return graded


def read_cube(path: str | os.PathLike[str]) -> Lut:
    """A 3-D look-up table from a .cube file, red running fastest.

    Raises:
        ValueError: a line that is broken (named by its number), a table of one dimension, too few or too many colours.
        OSError: no such file.
    Source: Adobe, Cube LUT Specification 1.0, 2013.
    """
    name, size, rows = os.fspath(path), 0, []
    domain, title = {"DOMAIN_MIN": (0.0, 0.0, 0.0), "DOMAIN_MAX": (1.0, 1.0, 1.0)}, ""
    for number, line in enumerate(Path(path).read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            if words[0] == "TITLE":
                title = line.split(None, 1)[1].strip().strip('"')
            elif words[0] == "LUT_3D_SIZE":
                size = int(words[1])
            elif words[0] in domain:
                domain[words[0]] = _three(words[1:])
            elif words[0] == "LUT_1D_SIZE":
                raise ValueError("holds a table of one dimension; use curve for that")
            elif words[0][0].isdigit() or words[0][0] in "+-.":
                rows.append(_three(words))
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {number} of {name!r}, {line.strip()[:40]!r}: {error}") from error
    if not 2 <= size <= 256 or len(rows) != size**3:
        raise ValueError(f"{name!r} has LUT_3D_SIZE {size} and {len(rows)} colours; wanted are a size from 2 to 256 and its cube")
    table = np.array(rows, np.float32).reshape(size, size, size, 3).transpose(2, 1, 0, 3)
    return Lut(np.ascontiguousarray(table), domain["DOMAIN_MIN"], domain["DOMAIN_MAX"], title)


def _three(words: Sequence[str]) -> tuple[float, float, float]:
    if len(words) != 3:
        raise ValueError(f"want three numbers, not {len(words)}")
    red, green, blue = map(float, words)
    return red, green, blue


def cube_text(lut: Lut) -> str:
    """The table as the text of a .cube file."""
    rows = lut.table.transpose(2, 1, 0, 3).reshape(-1, 3)
    head = [f'TITLE "{lut.title}"', f"LUT_3D_SIZE {len(lut.table)}", f"DOMAIN_MIN {' '.join(map(str, lut.low))}",
            f"DOMAIN_MAX {' '.join(map(str, lut.high))}"]
    return "\n".join(head + [f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rows]) + "\n"


# --- Looks ------------------------------------------------------------------------------------------------------------


def _gray(rgb: Colors) -> Colors:
    gray: Colors = (rgb @ np.array([0.2126, 0.7152, 0.0722]))[..., None]  # ITU-R BT.709
    return gray


def _warm(rgb: Colors) -> Colors:
    warm: Colors = rgb * np.array([1.06, 1.0, 0.88]) + np.array([0.03, 0.015, 0.0])
    return warm


def _cool(rgb: Colors) -> Colors:
    gray = _gray(rgb)
    cool: Colors = (0.75 * rgb + 0.25 * gray) * np.array([0.9, 0.97, 1.06])
    return cool


def _noir(rgb: Colors) -> Colors:
    gray = _gray(rgb)
    return np.repeat(gray * gray * (3 - 2 * gray), 3, -1)


def _faded(rgb: Colors) -> Colors:
    gray = _gray(rgb)
    faded: Colors = 0.12 + 0.8 * (0.6 * rgb + 0.4 * gray * np.array([1.06, 1.0, 0.86]))
    return faded


LOOKS: dict[str, Callable[[Colors], Colors]] = {"warm": _warm, "cool": _cool, "noir": _noir, "faded": _faded}


def grade(film: Film, look: str) -> Film:
    """The film in a named look: "warm", "cool", "noir" (black and white, strong contrast), "faded" (an old print).

    Raises:
        ValueError: no film, or another name.
    """
    if look not in LOOKS:
        raise ValueError(f"unknown look {look!r}; choose one of: {', '.join(LOOKS)}")
    return apply_lut(film, Lut.of(LOOKS[look], title=look))
