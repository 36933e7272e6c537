"""Films inside a notebook or a page: no file beside it, no script, no request."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from t2v_edu.film.arrange import Film, check_film, upscale
from t2v_edu.film.mux import encode

if TYPE_CHECKING:
    from IPython.display import HTML

LIMIT = 300_000  # bytes of page; a chapter is at most 1.5 MB in all


def show(films: Film | Sequence[Film], *, alt: str | Sequence[str], fps: float = 8.0, width: int = 192) -> HTML:
    """One film, or several side by side, as the output of a cell: they loop, are silent, and have a pause button.

    The same frames always make the same bytes, so that running a notebook again changes nothing in it.

    Args:
        films: (T, H, W, 3) uint8, or several such (or one (B, T, H, W, 3)).
        alt: what is to be seen, in words, for those who cannot see it; one for each film. Several films show it as a legend.
        fps: frames a second.
        width: of the picture in the page, in CSS pixels; small films are enlarged smoothly to about that.
    Raises:
        ValueError: not as many texts as films, an empty text, or more than 300 kB of page.
    """
    from IPython.display import HTML

    several = not (hasattr(films, "ndim") and films.ndim == 4)
    clips: list[Film] = list(films) if several else [films]  # type: ignore[list-item]
    texts = [alt] if isinstance(alt, str) else list(alt)
    if len(texts) != len(clips):
        raise ValueError(f"{len(clips)} film(s) need as many texts in alt, not {len(texts)}")
    if not all(text.strip() for text in texts):
        raise ValueError("alt is empty; say in words what the film shows")
    figures = [_figure(clip, text, fps, width, legend=several) for clip, text in zip(clips, texts, strict=True)]
    page = '<div style="display:flex;flex-wrap:wrap;gap:12px">' + "".join(figures) + "</div>"
    if len(page) > LIMIT:
        raise ValueError(f"the films take {len(page) // 1000} kB of page and {LIMIT // 1000} kB are allowed; "
                         "show fewer, shorter or smaller ones")
    return HTML(page)  # type: ignore[no-untyped-call]


def _figure(clip: Film, alt: str, fps: float, width: int, *, legend: bool) -> str:
    check_film(clip)
    height, wide = clip.shape[1:3]
    if wide < width:
        clip = upscale(clip, max(8, round(min(height, wide) * width / wide)))
    code = base64.b64encode(encode(clip, ".mp4", fps=fps)).decode()
    text = html.escape(alt, quote=True)
    video = (f'<video autoplay loop muted playsinline controls width="{width}" aria-label="{text}" title="{text}" '
             f'src="data:video/mp4;base64,{code}">{text}</video>')
    note = f'<figcaption style="font-size:.85em;max-width:{width}px">{text}</figcaption>' if legend else ""
    return f'<figure style="margin:0">{video}{note}</figure>'
