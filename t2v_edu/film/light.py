"""Chapter 16 · what a code stands for: sRGB to light and back · IEC 61966-2-1:1999."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CODES = np.arange(256) / 255
TABLE = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)  # code → light
_SINGLE = TABLE.astype(np.float32)


def to_linear(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The light that codes stand for, 0 to 1: code 128 is about a fifth of the light of 255.

    Raises:
        ValueError: codes that are not uint8.
    """
    if codes.dtype != np.uint8:
        raise ValueError(f"codes are uint8, not {codes.dtype}")
    return _SINGLE[codes]


def to_srgb(light: NDArray[Any]) -> NDArray[np.uint8]:
    """The codes of light, 0 to 1; what is brighter than white or darker than black is cut off."""
    light = np.clip(light, 0, 1)
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * codes), np.uint8)
