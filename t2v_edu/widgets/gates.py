"""Chapter 06 · how long a cell remembers: one number of memory in an RNN, a GRU or an LSTM, under dials for its gates."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.figures import COLORS, FONT, INK, PAPER
from t2v_edu.recurrent import Cell, GRUCell, LSTMCell, RNNCell
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

HALF = 0.5 + 1e-9  # one half, rounding forgiven
STEPS, PULSE, MOST = 60, 4, 24  # steps that are run; when the event comes; the dials go from -MOST / 4 to MOST / 4
KINDS: dict[str, type[Cell]] = {"rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}
_QUESTION = "An LSTM's forget gate stands at 0.5. After how many steps is half of a memory gone? And at 0.95?"
_ANSWER = (
    "At 0.5 after one step: each step multiplies the memory by the gate. At 0.95 after 14, because 0.95¹⁴ ≈ 0.49; in general "
    "after ln ½ / ln f. A plain RNN has no such dial: its one weight is to keep the memory and to react to what is new."
)


class Gates(Widget):
    """Something happens at step 4; how long does the memory know? Dials for what keeps it and for what lets new things in.

    Args:
        kind: "rnn", "gru" or "lstm".
        keep: the dial of the forget gate (LSTM), the update gate (GRU) or the weight (RNN), -24 to 24.
        write: the dial of the input gate (LSTM alone), -24 to 24.
        noise: whether small disturbances come in after the event.
        question, answer: to think about before moving anything; empty for none.
    """

    widget = "gates"
    settings: ClassVar[tuple[str, ...]] = ("kind", "keep", "write", "noise")
    _esm = module("gates")
    _css = site_css()

    kind = traitlets.Enum(list(KINDS), "lstm").tag(sync=True)
    keep = traitlets.Int(4, min=-MOST, max=MOST).tag(sync=True)
    write = traitlets.Int(-12, min=-MOST, max=MOST).tag(sync=True)
    noise = traitlets.Bool(False).tag(sync=True)

    def __init__(self, kind: str = "lstm", *, keep: int = 4, write: int = -12, noise: bool = False,
                 question: str = _QUESTION, answer: str = _ANSWER) -> None:
        super().__init__(kind=kind, keep=keep, write=write, noise=noise, question=question, answer=answer)

    def memory(self) -> NDArray[np.float64]:
        """(STEPS,): what the widget draws."""
        return memory_of(one_number_cell(self.kind, self.keep, self.write), events(self.noise))

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The memory over time, as bars."""
        memory = self.memory()
        half = half_life(memory)
        lasts = f"falls to half after {half} step{'s' * (half > 1)}" if half else "does not fall to half in the steps shown"
        return _drawn(memory), f"The memory of one {self.kind.upper()} cell of an event at step {PULSE}: it {lasts}"


def one_number_cell(kind: str, keep: int, write: int) -> Cell:
    """The cell behind the widget, with one input and one hidden number.

    RNN: tanh(w·h + 2·x), w = 1 + keep / 24. GRU: z = σ(keep / 4 − 6·x). LSTM: f = σ(keep / 4),
    i = σ(6·x + write / 4). Nothing but the RNN looks at its own h.
    """
    cell = KINDS[kind](1, 1).double()
    keep_, write_ = keep / 4, write / 4
    weights: dict[str, tuple[list[float], list[float], list[float]]] = {  # weight_ih, weight_hh, bias
        "rnn": ([2.0], [1 + keep / MOST], [0.0]),
        "gru": ([0.0, -6.0, 2.0], [0.0, 0.0, 0.0], [0.0, keep_, 0.0]),
        "lstm": ([6.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0], [write_, keep_, 0.0, 6.0]),
    }
    w_ih, w_hh, bias = (torch.tensor(values, dtype=torch.float64) for values in weights[kind])
    cell.load_state_dict({"weight_ih": w_ih[:, None], "weight_hh": w_hh[:, None], "bias_ih": bias,
                          "bias_hh": torch.zeros_like(bias)})
    return cell


def events(noise: bool) -> NDArray[np.float64]:
    """(STEPS,): nothing, then 1 at step PULSE, then nothing again, or small ups and downs."""
    t = np.arange(STEPS)
    x = np.where(t > PULSE, 0.3 * np.sin(0.9 * (t - PULSE)), 0.0) * noise
    x[PULSE] = 1.0
    return x


def memory_of(cell: Cell, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a cell with one hidden number remembers after each of the inputs (T,): c of an LSTM, else h."""
    state, kept = cell.start(torch.zeros(1, 1, dtype=torch.float64)), []
    with torch.no_grad():
        for value in x:
            state = cell(torch.full((1, 1), value, dtype=torch.float64), state)
            kept.append(float(state[-1]))
    return np.array(kept)


def half_life(memory: NDArray[np.float64]) -> int | None:
    """Steps after the event until the memory is down to half of what it was then; None if that does not come."""
    below = np.flatnonzero(np.abs(memory[PULSE:]) <= HALF * abs(memory[PULSE]))
    return int(below[0]) if len(below) else None


def _drawn(memory: NDArray[np.float64]) -> NDArray[np.uint8]:
    image = Image.new("RGB", (620, 190), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.truetype(str(FONT), 14)
    high = max(1.0, float(np.abs(memory).max()))
    for t, value in enumerate(memory):
        x = 10 + 10 * t
        pen.rectangle((x, min(85, 85 - 75 * value / high), x + 7, max(85, 85 - 75 * value / high)), fill=COLORS["sky"])
    pen.line((10, 85, 610, 85), fill=INK)
    pen.text((10 + 10 * PULSE, 172), f"↑ the event, at step {PULSE}", INK, font, anchor="lm")
    return np.asarray(image)
