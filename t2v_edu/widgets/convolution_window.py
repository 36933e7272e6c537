"""Chapter 05 · a window that slides over a small picture: kernel, stride, padding, dilation, and the map that comes of them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray

from t2v_edu.vision.convolution import FILTERS, convolve, max_pool, simple_kernel
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

LARGEST = "largest"  # max pooling: the one operation here that is no sum
MOST = {"kernel": (1, 7), "stride": (1, 4), "padding": (0, 3), "dilation": (1, 4)}

_QUESTION = "The picture has 28 × 28 pixels. With which stride does a 3 × 3 window give a map of half the side, 14 × 14?"
_ANSWER = (
    "With stride 2 and padding 1: (28 + 2 − 2 − 1) / 2 + 1 = 14.5, rounded down 14. With stride 2 alone the last column is never "
    "reached: (28 − 2 − 1) / 2 + 1 = 13.5, so 13."
)


def slide(picture: NDArray[np.floating[Any]], what: str, kernel: int, stride: int, padding: int,
          dilation: int) -> NDArray[np.float64] | None:
    """The map (H', W') that a simple kernel, or the largest number of each window, makes of a picture (H, W).

    None where the window does not fit. Max pooling pads by half its window at most.
    """
    if what == LARGEST:
        padding = min(padding, kernel // 2)
    if dilation * (kernel - 1) + 1 > min(picture.shape) + 2 * padding:
        return None
    x = torch.from_numpy(np.array(picture, np.float64))[None, None]
    if what == LARGEST:
        y = max_pool(x, kernel, stride=stride, padding=padding, dilation=dilation)
    else:
        weight = simple_kernel(what, kernel).double()[None, None]
        y = convolve(x, weight, stride=stride, padding=padding, dilation=dilation)
    made: NDArray[np.float64] = y[0, 0].numpy()
    return made


class ConvolutionWindow(Widget):
    """Dials for a window that slides over a picture; beside it its map, below the formula for the map's size with the numbers in.

    Args:
        picture: (H, W) with H = W from 4 to 32, values 0 to 1.
        alt: what the picture shows, in words.
        what: one of `FILTERS`, or "largest" for max pooling.
        kernel, stride, padding, dilation: where the dials stand at first.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: another shape or range, no alt, an operation or a number that no dial has.
    """

    widget = "convolution_window"
    settings: ClassVar[tuple[str, ...]] = ("what", "kernel", "stride", "padding", "dilation", "place")
    _esm = module("convolution_window")
    _css = site_css()

    pixels: traitlets.List[Any] = traitlets.List().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    what = traitlets.Unicode().tag(sync=True)
    kernel, stride, padding, dilation, place = (traitlets.Int().tag(sync=True) for _ in range(5))

    def __init__(self, picture: NDArray[np.floating[Any]], alt: str, *, what: str = "left to right", kernel: int = 3,
                 stride: int = 1, padding: int = 0, dilation: int = 1, question: str = _QUESTION, answer: str = _ANSWER) -> None:
        dials = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        _check(picture, alt, what, dials)
        pixels = [[round(float(v), 3) for v in row] for row in picture]
        side = len(made) if (made := slide(picture, what, **dials)) is not None else 0
        middle = (side // 2) * (side + 1)  # where the window stands at first
        super().__init__(pixels=pixels, alt=alt, what=what, place=middle, question=question, answer=answer, **dials)

    def map(self) -> NDArray[np.float64] | None:
        """The map (H', W') that the dials stand for; None where the window does not fit."""
        return slide(np.array(self.pixels), self.what, self.kernel, self.stride, self.padding, self.dilation)

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), "pixels": self.pixels, "alt": self.alt}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The picture and the map side by side."""
        left, made = np.array(self.pixels), self.map()
        right = np.zeros((1, 1)) if made is None else made
        signed = self.what not in ("mean", "centre", LARGEST)
        grays = [left, (right + 1) / 2 if signed else right]
        big = [np.kron(np.clip(g, 0, 1) * 255, np.ones((8, 8))) for g in grays]
        sheet = np.full((max(len(b) for b in big), sum(b.shape[1] for b in big) + 16), 251.0)
        sheet[: len(big[0]), : big[0].shape[1]] = big[0]
        sheet[: len(big[1]), big[0].shape[1] + 16 :] = big[1]
        size = "no map: the window does not fit" if made is None else f"the map {made.shape[0]} × {made.shape[1]}"
        text = (f"{self.alt}, {left.shape[0]} × {left.shape[1]} pixels; beside it what the operation {self.what!r} makes of it "
                f"with kernel {self.kernel}, stride {self.stride}, padding {self.padding}, dilation {self.dilation}: {size}")
        return np.repeat(sheet[:, :, None], 3, 2).round().astype(np.uint8), text


def _check(picture: NDArray[np.floating[Any]], alt: str, what: str, dials: dict[str, int]) -> None:
    if picture.ndim != 2 or picture.shape[0] != picture.shape[1] or not 4 <= len(picture) <= 32:
        raise ValueError(f"want a square picture (H, W) of 4 to 32 pixels a side, not {picture.shape}")
    if not np.isfinite(picture).all() or picture.min() < 0 or picture.max() > 1:
        raise ValueError(f"want values from 0 to 1, not from {picture.min()} to {picture.max()}")
    if not alt.strip():
        raise ValueError("alt is empty; say in words what the picture shows")
    if what not in (*FILTERS, LARGEST):
        raise ValueError(f"operation {what!r}: choose one of {', '.join((*FILTERS, LARGEST))}")
    for name, value in dials.items():
        low, high = MOST[name]
        if not low <= value <= high:
            raise ValueError(f"{name} {value}: the dial goes from {low} to {high}")
