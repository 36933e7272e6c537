"""Chapter 15 · a music box whose pins can be lowered and whose crank can be turned, and what is read from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from t2v_edu.evaluation.music import key_of, pitch_classes, tempo_of
from t2v_edu.figures import COLORS, FAINT, FONT, INK, PAPER
from t2v_edu.film.tunes import BEAT, Roll, lowered
from t2v_edu.models.music_gan import PITCHES, STEPS
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

SLOWEST, FASTEST = 40, 240  # beats a minute that the crank makes
_QUESTION = ("The tune is in C major. Three notes part it from C minor: the third E, the sixth A, the seventh B. "
             "Lower one of them: which one alone makes it minor?")
_ANSWER = ("The third: it sounds in every tonic chord, and the two profiles differ most there. In about two tunes of three it is "
           "enough, and with the sixth in nearly all; the sixth or the seventh alone never are. Then turn the crank to 200: the "
           "pins are the same, and the reader hears half as many beats, as your foot would.")


class MusicBox(Widget):
    """The pins of a tune in C, with ticks that lower its third, sixth and seventh, and a crank for the tempo.

    Args:
        tunes: names and rolls (36, 48) with nothing between half beats, each with its tempo, "slow" or "fast".
        tune: which one at first.  third, sixth, seventh: whether that degree is lowered.
        beats: a minute, 40 to 240.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: no tune, one with pins between half beats or with none, a tune or a number that no dial has.
    """

    widget = "music_box"
    settings: ClassVar[tuple[str, ...]] = ("tune", "third", "sixth", "seventh", "beats")
    _esm = module("music_box")
    _css = site_css()

    tunes: Any = traitlets.List().tag(sync=True)
    tune, beats = (traitlets.Int().tag(sync=True) for _ in range(2))
    third, sixth, seventh = (traitlets.Bool(False).tag(sync=True) for _ in range(3))

    def __init__(self, tunes: Mapping[str, tuple[Roll, str]], tune: int = 0, *, third: bool = False, sixth: bool = False,
                 seventh: bool = False, beats: int = 100, question: str = _QUESTION, answer: str = _ANSWER) -> None:
        if not tunes or not 0 <= tune < len(tunes):
            raise ValueError(f"tune {tune}: there are {len(tunes)}, counted from 0")
        if not SLOWEST <= beats <= FASTEST:
            raise ValueError(f"beats {beats}: the crank makes {SLOWEST} to {FASTEST} a minute")
        drums = [_drum(name, roll, tempo) for name, (roll, tempo) in tunes.items()]
        super().__init__(tunes=drums, tune=tune, third=third, sixth=sixth, seventh=seventh, beats=beats, question=question,
                         answer=answer)

    def page_state(self) -> dict[str, Any]:
        """The settings, and the pins of all tunes."""
        return {**super().page_state(), "tunes": self.tunes}

    def roll(self) -> Roll:
        """The pins as they stand now, (36, half beats)."""
        drum = self.tunes[self.tune]
        roll: Roll = np.zeros((PITCHES, drum["halves"]), np.uint8)
        for row, at in drum["pins"]:
            roll[row, at] = 1
        return lowered(roll, third=self.third, sixth=self.sixth, seventh=self.seventh)

    def reads(self) -> tuple[str, float]:
        """The key and the beats a minute that are read from the pins."""
        roll = self.roll()
        return str(key_of(pitch_classes(roll))), tempo_of(roll.sum(0).astype(float), 30 / self.beats)

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The drum."""
        key, beats = self.reads()
        text = (f"The pins of a music box, {self.tunes[self.tune]['name']}; low notes below, time to the right. "
                f"Read from them: {key}, {beats:.0f} beats a minute; the crank makes {self.beats}")
        roll = self.roll()
        image = Image.new("RGB", (600, 200), PAPER)
        pen, wide = ImageDraw.Draw(image), 600 / roll.shape[1]
        for row in (12, 24):
            pen.line((0, 180 - 5 * row, 600, 180 - 5 * row), FAINT)
        for row, at in np.argwhere(roll).tolist():
            pen.rectangle((at * wide + 1, 176 - 5 * row, (at + 1) * wide - 2, 179 - 5 * row), COLORS["blue"])
        pen.text((4, 190), f"{key}, {beats:.0f} beats a minute", INK, ImageFont.truetype(str(FONT), 13), anchor="lm")
        return np.asarray(image), text


def _drum(name: str, roll: Roll, tempo: str) -> dict[str, Any]:
    """A tune as the page takes it: its pins, counted in half beats."""
    if tempo not in BEAT or roll.shape != (PITCHES, STEPS):
        raise ValueError(f"tune {name!r}: want a roll ({PITCHES}, {STEPS}) and slow or fast, not {roll.shape} and {tempo!r}")
    half = BEAT[tempo] // 2
    pins = np.argwhere(roll)
    if not len(pins) or (pins[:, 1] % half).any():
        raise ValueError(f"tune {name!r} has {len(pins)} pins, and they must all stand on half beats, every {half} steps")
    return {"name": name, "pins": [[int(row), int(at) // half] for row, at in pins], "halves": STEPS // half}
