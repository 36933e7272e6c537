"""Chapter 11 · the ward: seven small games, six of them sick; look at their curves, measure, and name what ails them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.clinic.ward import DIAGNOSES, PATIENTS, PROBES, TURNS, course, probes
from t2v_edu.figures import COLORS, FONT, INK, PAPER
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

ALL = 2 ** len(PROBES) - 1
_QUESTION = "One of the seven is well. Can you tell which from the losses alone? Write down your guess, then measure."
_ANSWER = (
    "Hardly. The lowest losses belong to the sickest games, and a healthy one rests at log 4 = 1.386 and log 2 = 0.693, "
    "where a game that never moved stands as well. Two or three measurements decide each of them."
)


class Ward(Widget):
    """A patient's curves, four measurements that stay hidden until they are asked for, and a diagnosis to try.

    Args:
        patient: the bed, 0 to 6.
        measured: which of the four measurements are taken, one bit each, 0 to 15.
        guess: a name in `clinic.ward.DIAGNOSES`, or "" for none yet.
        question, answer: to think about before moving anything; empty for none.
    """

    widget = "ward"
    settings: ClassVar[tuple[str, ...]] = ("patient", "measured", "guess")
    _esm = module("ward")
    _css = site_css()

    patient = traitlets.Int(0, min=0, max=len(PATIENTS) - 1).tag(sync=True)
    measured = traitlets.Int(0, min=0, max=ALL).tag(sync=True)
    guess = traitlets.Enum(["", *DIAGNOSES], "").tag(sync=True)
    beds = traitlets.List(list(PATIENTS)).tag(sync=True)
    diagnoses = traitlets.List([list(pair) for pair in DIAGNOSES.items()]).tag(sync=True)
    probes = traitlets.List(list(PROBES)).tag(sync=True)

    def __init__(self, patient: int = 0, *, measured: int = 0, guess: str = "", question: str = _QUESTION,
                 answer: str = _ANSWER) -> None:
        super().__init__(patient=patient, measured=measured, guess=guess, question=question, answer=answer)

    def page_state(self) -> dict[str, Any]:
        """With the tables of beds, diagnoses and probes."""
        return {**super().page_state(), "beds": self.beds, "diagnoses": self.diagnoses, "probes": self.probes}

    def told(self) -> str:
        """What the curves of the patient end in, and what was measured."""
        bug = PATIENTS[self.patient]
        loss_d, loss_g, theta = course(bug)[-1]
        taken = [self.measured >> i & 1 for i in range(len(PROBES))]
        found = [f"{name}: {value:.3f}" for name, value, on in zip(PROBES, probes(bug), taken, strict=True) if on]
        return (f"Patient {self.patient + 1} after {TURNS} turns: L_D {loss_d:.3f}, L_G {loss_g:.3f}, the made point at "
                f"{theta:.2f}, the real one at 1. " + ("; ".join(found) or "Nothing measured yet") + ".")

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The two losses over the turns."""
        image = Image.new("RGB", (620, 190), PAPER)
        pen, font = ImageDraw.Draw(image), ImageFont.truetype(str(FONT), 14)
        rows = np.array(course(PATIENTS[self.patient]))
        for column, (name, color) in enumerate((("L_D", "blue"), ("L_G", "vermilion"))):
            points = [(10 + 7 * t, 165 - 75 * min(value, 2.0)) for t, value in enumerate(rows[:, column])]
            pen.line(points, fill=COLORS[color], width=3 - column)
            pen.text((points[-1][0] + 6, points[-1][1]), name, INK, font, anchor="lm")
        pen.line((10, 165, 590, 165), fill=INK)
        return np.asarray(image), self.told()
