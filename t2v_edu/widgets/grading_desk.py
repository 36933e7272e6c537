"""Chapter 16 · a desk for one picture: alpha, gains and a curve, and what they do to one pixel."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray

from t2v_edu.film.composite import Cutout, over
from t2v_edu.film.grade import balance, curve, tone
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

SIDES = (16, 128)  # pixels
RANGES = {"opacity": (0, 100), "red": (50, 200), "blue": (50, 200), "middle": (64, 192)}  # percent, percent, percent, code
MIXES = ("codes", "light")
_ZOOM = 4
_QUESTION = (
    "The actor is to be half transparent. Will mixing the light, instead of the codes that the file stores, make the mixture of "
    "a bright and a dark pixel brighter or darker?"
)
_ANSWER = (
    "Brighter. Code 128 stands for about a fifth of the light of code 255, so half of the light is a code well above the middle, "
    "188. Set the opacity to 50 and change what is mixed. The gains work on light, too: twice the light of code 128 is code 176, "
    "not 255."
)


class GradingDesk(Widget):
    """An actor over a place, then white balance, then a curve; a pixel to point at shows the sums.

    Args:
        front: a cut-out of one frame, 16 to 128 pixels a side.
        background: (H, W, 3) uint8, of its size.
        alt: what the picture shows, in words.
        opacity: percent, 0 to 100. red, blue: gains in percent, 50 to 200. middle: the code that 128 becomes, 64 to 192.
        mix: "codes" or "light".
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: pictures that do not go together or do not fit, no alt, a setting that no dial has.
    """

    widget = "grading_desk"
    settings: ClassVar[tuple[str, ...]] = ("opacity", "red", "blue", "middle", "mix", "place")
    _esm = module("grading_desk")
    _css = site_css()

    front, alpha, back, alt, mix = (traitlets.Unicode().tag(sync=True) for _ in range(5))  # bytes row by row, in base64
    width, height, opacity, red, blue, middle, place = (traitlets.Int().tag(sync=True) for _ in range(7))

    def __init__(self, front: Cutout, background: NDArray[np.uint8], alt: str, *, opacity: int = 100, red: int = 100,
                 blue: int = 100, middle: int = 128, mix: str = "codes", question: str = _QUESTION,
                 answer: str = _ANSWER) -> None:
        height, width = front.alpha.shape[1:]
        if len(front.alpha) != 1 or not all(SIDES[0] <= side <= SIDES[1] for side in (height, width)):
            raise ValueError(f"want a cut-out of one frame, {SIDES[0]} to {SIDES[1]} pixels a side, not {front.alpha.shape}")
        if not alt.strip():
            raise ValueError("alt is empty; say in words what the picture shows")
        dials = {"opacity": opacity, "red": red, "blue": blue, "middle": middle}
        for name, value in dials.items():
            if not RANGES[name][0] <= value <= RANGES[name][1]:
                raise ValueError(f"{name} {value}: the dial goes from {RANGES[name][0]} to {RANGES[name][1]}")
        if mix not in MIXES:
            raise ValueError(f"mix {mix!r}: choose one of: {', '.join(MIXES)}")
        over(front, background)  # refuses a background that does not fit
        shares = np.rint(255 * front.alpha[0]).astype(np.uint8)
        half = 1 - np.abs(shares / 127.5 - 1)  # a pixel at an edge, where front and back differ in red
        edge = int(np.argmax(half * np.abs(front.color[0, ..., 0].astype(float) - background[..., 0])))
        self._front, self._back = Cutout(front.color, (shares[None] / 255).astype(np.float32)), background
        super().__init__(front=_packed(front.color[0]), alpha=_packed(shares), back=_packed(background), alt=alt, width=width,
                         height=height, mix=mix, place=edge, question=question, answer=answer, **dials)

    def result(self) -> NDArray[np.uint8]:
        """What the desk shows, (H, W, 3)."""
        laid = over(self._front, self._back, opacity=self.opacity / 100, linear=self.mix == "light")
        balanced = balance(laid, (self.red / 100, 1.0, self.blue / 100))
        graded: NDArray[np.uint8] = tone(balanced, curve([(0, 0), (128, self.middle), (255, 255)]))[0]
        return graded

    def page_state(self) -> dict[str, Any]:
        fixed = ("front", "alpha", "back", "alt", "width", "height")
        return {**super().page_state(), **{name: getattr(self, name) for name in fixed}}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The result, enlarged."""
        text = (f"{self.alt}; opacity {self.opacity} %, {self.mix} mixed, gains {self.red / 100:.2f} for red and "
                f"{self.blue / 100:.2f} for blue, 128 becomes {self.middle}")
        return self.result().repeat(_ZOOM, 0).repeat(_ZOOM, 1), text


def _packed(values: NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
