"""Chapter 12 · a window on a flow: points between noise and three bells, two samplers, a label and guidance."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from t2v_edu.figures import COLORS, FAINT, INK, PAPER
from t2v_edu.losses.flow import euler, heun
from t2v_edu.models.toy_flow import MixtureFlow, even_noise, three_bells, walk
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

MOMENTS, VIEW, POINTS, EXACT = 50, 3.2, 60, 64
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
SOLVERS = {"euler": euler, "heun": heun}
ASK = ("A straight line leads from every noise point to every data point, and the field is their mean. Are the ways of the "
       "points straight? Where do they bend?")
TELL = (
    "They bend: where many lines cross, only their mean can be followed, and it turns as it becomes clear which bell a point is "
    "bound for. At first all are drawn to the middle of the data. Euler's long steps miss the bends and end in the wrong place; "
    "Heun looks at both ends of a step. Guidance bends the ways more, so that the same steps err more."
)


class FlowField(Widget):
    """Sixty points on their way from noise to three bells A, B and C, by a sampler's steps; and how far off they end.

    Args:
        solver: "euler" or "heun".
        steps: one of `STEPS`.
        label: 0, 1 or 2 for A, B and C; 3 for any.
        guidance: 0 to 8, by halves; without a label it does nothing.
        at: the moment at first, 0 (noise) to 50 (data); −1 plays.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: a value that no dial has.
    """

    widget = "flow_field"
    settings: ClassVar[tuple[str, ...]] = ("solver", "steps", "label", "guidance", "at")
    _esm = module("flow_field")
    _css = site_css()

    solver = traitlets.Unicode().tag(sync=True)
    steps, label = (traitlets.Int().tag(sync=True) for _ in range(2))
    guidance = traitlets.Float().tag(sync=True)
    at = traitlets.Int(min=-1, max=MOMENTS).tag(sync=True)

    def __init__(self, solver: str = "euler", steps: int = 4, label: int = 3, guidance: float = 1.0, *, at: int = MOMENTS,
                 question: str = ASK, answer: str = TELL) -> None:
        if solver not in SOLVERS or steps not in STEPS:
            raise ValueError(f"solver {solver!r}, {steps} steps: choose {' or '.join(SOLVERS)}, and one of {STEPS}")
        if label not in range(4) or guidance not in np.arange(0, 8.5, 0.5) or not -1 <= at <= MOMENTS:
            raise ValueError(f"label {label}, guidance {guidance}, at {at}: the dials have labels 0 to 3, guidance 0 to 8 by "
                             f"halves, and moments −1 to {MOMENTS}")
        super().__init__(solver=solver, steps=steps, label=label, guidance=float(guidance), at=at, question=question,
                         answer=answer)

    @property
    def flow(self) -> MixtureFlow:
        """The exact flow that is shown."""
        return three_bells()

    def field(self, x: Tensor, t: Tensor) -> Tensor:
        """The velocity that the dials stand for."""
        flow = self.flow
        return flow.velocity(x, t) if self.label == flow.none else flow.guided(x, t, self.label, self.guidance)

    def found(self) -> tuple[Tensor, float, float]:
        """All stops (steps + 1, 60, 2); how far the ends are off on average; the share of ends that lie where they should."""
        noise = even_noise(POINTS)
        way = walk(SOLVERS[self.solver], self.field, noise, self.steps)
        exact = walk(heun, self.field, noise, EXACT)[-1]
        return way, float((way[-1] - exact).norm(dim=1).mean()), float(self.flow.right(way[-1], self.label).double().mean())

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The ways of all points."""
        way, off, right = self.found()
        label = "" if self.label == 3 else f", label {'ABC'[self.label]} with guidance {self.guidance:g}"
        text = (f"The ways of sixty points from noise to three bells, {self.steps} steps of {self.solver.capitalize()}'s{label}; "
                f"their ends are off by {off:.3f} on average, {round(100 * right)}% lie where they should")
        image = Image.new("RGB", (1200, 1200), PAPER)
        pen = ImageDraw.Draw(image)
        scale = 600 / VIEW
        for x, y in self.flow.data.centres.tolist():
            for r in (2, 1):
                radius = r * self.flow.data.spread * scale
                at = (600 + scale * x, 600 - scale * y)
                pen.ellipse((at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius), outline=FAINT, width=4)
        for line in (600 + scale * way.clamp(-VIEW, VIEW) * torch.tensor([1.0, -1.0])).transpose(0, 1).tolist():
            pen.line([tuple(p) for p in line], COLORS["blue"], 2)
            x, y = line[-1]
            pen.ellipse((x - 9, y - 9, x + 9, y + 9), COLORS["vermilion"], INK, 1)
        return np.asarray(image.resize((400, 400), Image.Resampling.LANCZOS)), text
