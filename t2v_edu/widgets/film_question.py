"""Chapter 14 · a comment asks a film of three shots: where attention looks, what it finds, how the viewer feels."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import COLORS, FAINT, FONT, INK, PAPER
from t2v_edu.models.fusion import ByHand, fuse_by_hand
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

ACTORS = ("red circle", "blue star", "green cross", "yellow heart")  # the last one is in no shot
SHOTS, STEPS = len(ACTORS) - 1, 16
_QUESTION = ("β is 0: every shot has the weight ⅓. The circle goes left, as this viewer hopes. What will the mean over the shots "
             "say, glad or sad?")
_ANSWER = ("Sad, with 0.79: the two others go right, and the mean is their majority. At β = 3 the circle has nine tenths of "
           "the weight and the viewer is glad. Now choose the yellow heart: no β lets the look say that it found nobody.")


class FilmQuestion(Widget):
    """Three shots with a way each, a comment put together from menus, and the sharpness of the look.

    Args:
        asked: whom the comment is about, the number of a shot from 0; 3 for somebody who is not in the film.
        hopes, left: whether it hopes or fears, and that it goes left or right.
        ways: where the shots' actors go, one bit each, 1 for right.
        sharpness: 0 to 16, twice β.
        question, answer: to think about before moving anything; empty for none.
    """

    widget = "film_question"
    settings: ClassVar[tuple[str, ...]] = ("asked", "hopes", "left", "ways", "sharpness")
    _esm = module("film_question")
    _css = site_css()

    asked = traitlets.Int(0, min=0, max=SHOTS).tag(sync=True)
    hopes = traitlets.Bool(True).tag(sync=True)
    left = traitlets.Bool(True).tag(sync=True)
    ways = traitlets.Int(6, min=0, max=2**SHOTS - 1).tag(sync=True)
    sharpness = traitlets.Int(0, min=0, max=STEPS).tag(sync=True)
    actors = traitlets.List(list(ACTORS)).tag(sync=True)

    def __init__(self, asked: int = 0, *, hopes: bool = True, left: bool = True, ways: int = 6, sharpness: int = 0,
                 question: str = _QUESTION, answer: str = _ANSWER) -> None:
        super().__init__(asked=asked, hopes=hopes, left=left, ways=ways, sharpness=sharpness, question=question, answer=answer)

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), "actors": self.actors}

    def fused(self) -> ByHand:
        """What the widget shows."""
        fits = torch.tensor([float(i == self.asked) for i in range(SHOTS)], dtype=torch.float64)
        return fuse_by_hand(fits, torch.tensor(self._ways()), -1.0 if self.hopes == self.left else 1.0, self.sharpness / 2)

    def _ways(self) -> list[float]:
        return [2.0 * (self.ways >> i & 1) - 1 for i in range(SHOTS)]

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The shots side by side, an arrow each, and their weights as bars."""
        weights, found, glad = self.fused()
        image = Image.new("RGB", (620, 150), PAPER)
        pen, font = ImageDraw.Draw(image), ImageFont.truetype(str(FONT), 16)
        told = []
        for i, (name, way, share) in enumerate(zip(ACTORS, self._ways(), weights.tolist(), strict=False)):
            x, goes = 12 + 202 * i, "goes right →" if way > 0 else "← goes left"
            pen.rectangle((x, 12, x + 190, 92), outline=INK if i == self.asked else FAINT, width=3 if i == self.asked else 1)
            pen.text((x + 95, 38), name, INK, font, anchor="mm")
            pen.text((x + 95, 66), goes, INK, font, anchor="mm")
            pen.rectangle((x, 100, x + 190 * share, 112), fill=COLORS["sky"])
            pen.text((x, 130), f"weight {share:.2f}", INK, font, anchor="lm")
            told.append(f"{name} {'right' if way > 0 else 'left'}, weight {share:.2f}")
        comment = f"“I {'hope' if self.hopes else 'fear'} that the {ACTORS[self.asked]} goes {'left' if self.left else 'right'}.”"
        return np.asarray(image), f"{comment} The shots: {'; '.join(told)}. Found {found:.2f}: glad with probability {glad:.2f}"
