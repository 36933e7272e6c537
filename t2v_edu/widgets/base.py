"""What all widgets share: one description, shown by a kernel through anywidget and without one by the site's script."""

from __future__ import annotations

import base64
import html
import io
import json
import os
from typing import Any, ClassVar

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image

STORED = "T2V_STATIC"  # set to 1 where outputs are run to be stored


class Widget(anywidget.AnyWidget):
    """A widget whose cell output also carries HTML: its state, and a picture for print, previews and pages without JavaScript.

    A subclass names its entry in `bundle.WIDGETS`, its settings (the traits that a learner moves: they are kept in the page's
    URL and put back by Reset), and says what its picture is.

    Where the environment has T2V_STATIC=1 the output is the HTML alone, the same bytes on every run, and no kernel is
    spoken to: so chapters are stored. Whoever runs the cell gets the live widget.
    """

    widget: ClassVar[str] = ""
    settings: ClassVar[tuple[str, ...]] = ()

    question = traitlets.Unicode("").tag(sync=True)
    answer = traitlets.Unicode("").tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.initial = {name: getattr(self, name) for name in self.settings}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """What stands in for the widget where it cannot live: (H, W, 3) and its text."""
        raise NotImplementedError

    def page_state(self) -> dict[str, Any]:
        """All that the page needs to show the widget; what JSON can hold."""
        return {"question": self.question, "answer": self.answer, "initial": self.initial,
                **{name: getattr(self, name) for name in self.settings}}

    def to_html(self) -> str:
        """The widget as HTML that `site_script()` brings to life."""
        state = json.dumps(self.page_state(), ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")
        pixels, text = self.picture()
        question = f"<p><strong>Before you move anything.</strong> {html.escape(self.question)}</p>" if self.question else ""
        return (
            f'<div data-t2v-widget="{self.widget}"><script type="application/json">{state}</script>{question}'
            f'<figure><img src="{png_address(pixels)}" alt="{html.escape(text)}" width="{pixels.shape[1]}">'
            f"<figcaption>{html.escape(text)}</figcaption></figure></div>"
        )

    def open(self) -> None:
        """Tell the kernel's other side about the widget, except where outputs are run to be stored."""
        if not is_stored():
            super().open()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        live = None if is_stored() else super()._repr_mimebundle_(**kwargs)
        twin = {"text/plain": f"{type(self).__name__}: {self.picture()[1]}", "text/html": self.to_html()}
        return {**(live[0] if live else {}), **twin}, {}


def is_stored() -> bool:
    """Whether outputs are being run to be stored."""
    return os.environ.get(STORED) == "1"


def png_address(pixels: NDArray[np.uint8]) -> str:
    """A picture (H, W, 3) as a data: address."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
