"""Chapter 15 · sound inside a notebook or a page: no file beside it, no script, no request."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.film.synth import RATE

if TYPE_CHECKING:
    from IPython.display import HTML

LIMIT = 300_000  # bytes of page; a chapter is at most 1.5 MB in all


def listen(sounds: NDArray[Any] | Sequence[NDArray[Any]], *, alt: str | Sequence[str]) -> HTML:
    """One sound, or several, each with a player and its words below it, as the output of a cell. Nothing starts by itself.

    Args:
        sounds: (S, 2) floats in [-1, 1] at 48 kHz, or several such.
        alt: what is to be heard, in words; one for each sound.
    Raises:
        ValueError: not as many texts as sounds, an empty text, no sound, or more than 300 kB of page.
    """
    from IPython.display import HTML

    clips = [sounds] if isinstance(sounds, np.ndarray) else list(sounds)
    texts = [alt] if isinstance(alt, str) else list(alt)
    if len(texts) != len(clips) or not all(text.strip() for text in texts):
        raise ValueError(f"{len(clips)} sound(s) need as many texts in alt, none of them empty, not {texts!r}")
    page = '<div style="display:flex;flex-wrap:wrap;gap:12px">' + "".join(map(_player, clips, texts)) + "</div>"
    if len(page) > LIMIT:
        raise ValueError(f"the sounds take {len(page) // 1000} kB of page and {LIMIT // 1000} kB are allowed; use fewer")
    return HTML(page)  # type: ignore[no-untyped-call]


def mp3(sound: NDArray[Any], bits: int = 48_000) -> bytes:
    """Sound (S, 2) in [-1, 1] at 48 kHz as an MP3 file of so many bits a second.

    Raises:
        ValueError: another shape, no sample, or samples that are no finite numbers.
    """
    import av

    if sound.ndim != 2 or sound.shape[1] != 2 or not len(sound) or not np.isfinite(sound).all():
        raise ValueError(f"sound is (S, 2) finite floats, S at least 1, not {sound.dtype} of shape {sound.shape}")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3", options={"fflags": "+bitexact", "write_xing": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=RATE)
        stream.bit_rate = bits
        samples = np.ascontiguousarray(np.clip(sound, -1, 1).T, np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _player(sound: NDArray[Any], alt: str) -> str:
    code, text = base64.b64encode(mp3(sound)).decode(), html.escape(alt, quote=True)
    audio = f'<audio controls preload="metadata" aria-label="{text}" src="data:audio/mpeg;base64,{code}">{text}</audio>'
    return f'<figure style="margin:0">{audio}<figcaption style="font-size:.85em;max-width:300px">{text}</figcaption></figure>'
