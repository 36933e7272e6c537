"""Chapter 10 · the frame scrubber: films that a run made at several moments, its curves, and a slider over the moments."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image

from t2v_edu.film.arrange import strip
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

LIMIT = 300_000  # bytes of pictures in one page

WEBP_SIDE = 16_383  # pixels, the format's limit

Frames = bytes | NDArray[np.uint8]


class FrameScrubber(Widget):
    """Pictures or films made at several moments, one at a time or beside the last, with a slider, and curves under it.

    Args:
        frames: one for each moment: a film (T, H, W, 3) uint8, a picture (H, W, 3) uint8, or a picture's file; all alike.
        labels: what each moment is called ("step 200").
        alt: what is to be seen, in words; the label is added to it.
        curves: lines to draw under the slider, name → values at equal distances from the first moment to the last.
        fps: of the films, frames a second.
        quality: of the pictures, 1 to 99 (WebP), or 100 for every pixel as it was.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: no moments, not as many labels as moments, moments of different shapes, no alt, or more than 300 kB.
    """

    widget = "frame_scrubber"
    settings: ClassVar[tuple[str, ...]] = ("step", "compare")
    _data: ClassVar[tuple[str, ...]] = ("strips", "labels", "alt", "curves", "width", "height", "frames", "fps")
    _esm = module("frame_scrubber")
    _css = site_css()

    step = traitlets.Int(-1, min=-1).tag(sync=True)  # where the learner stopped; -1 while it plays
    compare = traitlets.Bool(True).tag(sync=True)
    strips = traitlets.List(traitlets.Unicode()).tag(sync=True)  # a moment's frames side by side, WebP in base64
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    curves = traitlets.Dict().tag(sync=True)
    width, height, frames = (traitlets.Int().tag(sync=True) for _ in range(3))
    fps = traitlets.Float(8.0).tag(sync=True)

    def __init__(self, frames: Sequence[Frames], labels: Sequence[str], alt: str, *,
                 curves: Mapping[str, Sequence[float]] | None = None, fps: float = 8.0, quality: int = 80,
                 question: str = "", answer: str = "") -> None:
        films = [_as_film(one) for one in frames]
        _check(films, labels, alt)
        count, height, width = films[0].shape[:3]
        strips = [_to_webp(strip(film, count, border=0)[0], quality) for film in films]
        if sum(map(len, strips)) > LIMIT:
            raise ValueError(f"the pictures take {sum(map(len, strips)) // 1000} kB and {LIMIT // 1000} kB are allowed; "
                             "show fewer moments, smaller or shorter films, or a lower quality")
        self._last = films[-1]
        super().__init__(strips=strips, labels=[str(label) for label in labels], alt=alt,
                         width=width, height=height, frames=count,
                         curves={name: [_finite(v) for v in values] for name, values in (curves or {}).items()},
                         fps=fps, question=question, answer=answer)

    def page_state(self) -> dict[str, Any]:
        return {**super().page_state(), **{name: getattr(self, name) for name in self._data}}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The last moment: up to eight of its frames side by side."""
        return strip(self._last, 8)[0], f"{self.alt}, {self.labels[-1]}"


def _as_film(one: Frames) -> NDArray[np.uint8]:
    """A moment as (T, H, W, 3)."""
    pixels = np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) if isinstance(one, bytes) else one
    return pixels[None] if pixels.ndim == 3 else pixels


def _check(films: list[NDArray[np.uint8]], labels: Sequence[str], alt: str) -> None:
    if not films or len(films) != len(labels):
        raise ValueError(f"{len(films)} moment(s) and {len(labels)} label(s): give at least one moment, and one label to each")
    shapes = sorted({film.shape for film in films})
    if len(shapes) > 1:
        raise ValueError(f"the moments differ in shape: {', '.join(map(str, shapes))}; make them alike")
    if not alt.strip():
        raise ValueError("alt is empty; say in words what is to be seen")


def _finite(value: float) -> float | None:
    """JSON has no word for infinity."""
    return round(float(value), 4) if np.isfinite(value) else None


def _to_webp(pixels: NDArray[np.uint8], quality: int) -> str:
    """Stored twice as large: WebP keeps one colour for each 2×2 pixels, and would smear small films; at 100, as they are."""
    file = io.BytesIO()
    if quality < 100 and 2 * pixels.shape[1] <= WEBP_SIDE:
        pixels = pixels.repeat(2, axis=0).repeat(2, axis=1)
    Image.fromarray(pixels).save(file, "WEBP", quality=quality, method=6, lossless=quality == 100)
    return base64.b64encode(file.getvalue()).decode()
