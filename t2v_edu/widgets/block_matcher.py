"""Chapter 02 · the block matcher: block size, search range and way of searching over two frames."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from t2v_edu.vision.motion import METHODS, BlockMotion, compensate, energy, match_blocks, residual
from t2v_edu.vision.warp import AnyFrame, check_pair, luma
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

BLOCKS, REACH, LARGEST = (4, 8, 16, 32), 16, 160  # pixels
_ZOOM = 3
_QUESTION = (
    "Blocks may be large or small, and the search near or far. What happens to the residual, to the number of comparisons and to "
    "the arrows when you halve the blocks, and when you double the range?"
)
_ANSWER = (
    "Who looks everywhere finds at least as good a match in a wider range: every old place is still there. The comparisons grow "
    "with its square. Halved blocks fit at least as well too, but need four times as many vectors, and a small block finds "
    "places that resemble it by chance: the arrows scatter. Diamonds look at about a tenth of the places and do nearly as well."
)


class BlockMatcher(Widget):
    """Two frames; the second is foretold from blocks of the first. Arrows, prediction, residual, and what they cost.

    Args:
        first, second: (H, W) or (H, W, 3) uint8, of one shape, 32 to 160 pixels a side; only brightness is shown.
        block: 4, 8, 16 or 32 pixels.
        search: 1 to 16 pixels.
        method: a name in `t2v_edu.vision.motion.METHODS`.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: frames that do not go together or do not fit, or a setting that is not offered.
    """

    widget = "block_matcher"
    settings: ClassVar[tuple[str, ...]] = ("block", "search", "method")
    _esm = module("block_matcher")
    _css = site_css()

    block = traitlets.Int(16).tag(sync=True)
    search = traitlets.Int(7).tag(sync=True)
    method = traitlets.Unicode("exhaustive").tag(sync=True)
    frames = traitlets.List(traitlets.Unicode()).tag(sync=True)  # brightness row by row, a byte each, in base64
    width, height = (traitlets.Int().tag(sync=True) for _ in range(2))

    def __init__(self, first: AnyFrame, second: AnyFrame, *, block: int = 16, search: int = 7, method: str = "exhaustive",
                 question: str = _QUESTION, answer: str = _ANSWER) -> None:
        check_pair(first, second)
        if first.dtype != np.uint8 or not all(32 <= side <= LARGEST for side in first.shape[:2]):
            raise ValueError(f"want frames of uint8, 32 to {LARGEST} pixels a side, not {first.dtype} {first.shape}")
        if block not in BLOCKS or not 1 <= search <= REACH or method not in METHODS:
            raise ValueError(f"offered are blocks {BLOCKS}, search 1 to {REACH}, and {', '.join(METHODS)}, "
                             f"not {block}, {search} and {method!r}")
        self._pair = [luma(frame).astype(np.uint8) for frame in (first, second)]
        super().__init__(frames=[base64.b64encode(frame.tobytes()).decode() for frame in self._pair], width=first.shape[1],
                         height=first.shape[0], block=block, search=search, method=method, question=question, answer=answer)

    @property
    def motion(self) -> BlockMotion:
        """What is found with the settings as they are."""
        return match_blocks(self._pair[1], self._pair[0], block=self.block, search=self.search, method=self.method)

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), **{name: getattr(self, name) for name in ("frames", "width", "height")}}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The second frame with its vectors, the prediction, and what it lacks, side by side."""
        motion, (first, second) = self.motion, self._pair
        prediction = compensate(first, motion)
        lacks = residual(second, prediction)
        shown = [second, prediction, np.clip(128 + lacks, 0, 255).astype(np.uint8)]
        gap = np.full((self.height, 2), 255, np.uint8)
        wide = np.concatenate([shown[0], gap, shown[1], gap, shown[2]], axis=1).repeat(_ZOOM, 0).repeat(_ZOOM, 1)
        image = Image.fromarray(wide).convert("RGB")
        pen = ImageDraw.Draw(image)
        for row, column in np.argwhere(motion.vectors.any(-1)):
            x, y = (column + 0.5) * self.block * _ZOOM, (row + 0.5) * self.block * _ZOOM
            dx, dy = motion.vectors[row, column] * _ZOOM
            pen.line((x, y, x + dx, y + dy), fill=(255, 255, 255), width=4)
            pen.line((x, y, x + dx, y + dy), fill=(0, 114, 178), width=2)
            pen.ellipse((x + dx - 3, y + dy - 3, x + dx + 3, y + dy + 3), fill=(0, 114, 178), outline=(255, 255, 255))
        text = (f"A frame with the vectors of its blocks of {self.block} pixels, its prediction from the frame before, and what "
                f"that lacks: {motion.comparisons} comparisons, residual energy {energy(lacks):.1f}, "
                f"without motion {energy(residual(second, first)):.1f}")
        return np.asarray(image), text
