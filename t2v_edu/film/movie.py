"""Chapter 16 · picture, sound and subtitles in one file: H.264, AAC and timed text in MP4."""

from __future__ import annotations

import base64
import html
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from t2v_edu.film.arrange import Film, check_film
from t2v_edu.film.mux import check_rate, check_target, video_frame, video_stream, write_whole
from t2v_edu.film.sound import RATE, check_sound
from t2v_edu.film.subtitles import Cue

if TYPE_CHECKING:
    from IPython.display import HTML

BITS = 160_000  # of sound a second
LIMIT = 300_000  # bytes of a film in a page
LANGUAGES = {"en": "eng", "zh": "chi"}  # ISO 639-2, as containers name them


def write_movie(frames: Film | Iterable[Film], sound: NDArray[np.float32], path: str | Path, *, fps: float = 16.0,
                title: str = "", cues: Sequence[Cue] = (), language: str = "en", crf: int = 18, bits: int = BITS) -> Path:
    """Write a film with sound as MP4. Either the whole file appears under its name, or nothing does.

    Args:
        frames: (T, H, W, 3) uint8, or parts of such a film, one after the other, so that a long film need not fit into memory;
            parts may go on for ten seconds after the sound.
        sound: float32 (S, 2) at `RATE`, in [-1, 1]; cut, or filled with silence, to the length of the pictures.
        path: .mp4.
        fps: frames a second, 1 to 60.
        title: stored in the file.
        cues: subtitles, as a track that a player may show.
        language: of the cues and of the sound: "en" or "zh".
        crf: of the picture: 18 looks like the original, 28 is coarse and a third of the size.
        bits: of sound, a second.
    Returns:
        The path.
    Raises:
        ValueError: another suffix, no film, no such sound, a rate out of range.
        OSError: as `mux.write_film`.
    """
    target = Path(path)
    check_target(target)
    if target.suffix.lower() != ".mp4":
        raise ValueError(f"{str(target)!r}: a film with sound can be written as .mp4")
    write_whole(encode_movie(frames, sound, fps=fps, title=title, cues=cues, language=language, crf=crf, bits=bits), target)
    return target


def encode_movie(frames: Film | Iterable[Film], sound: NDArray[np.float32], *, fps: float = 16.0, title: str = "",
                 cues: Sequence[Cue] = (), language: str = "en", crf: int = 18, bits: int = BITS) -> bytes:
    """The bytes of the file that `write_movie` writes, the same bytes every time."""
    import av

    check_rate(fps)
    check_sound(sound)
    if len(sound) and not float(np.abs(sound).max()) <= 1:
        raise ValueError(f"sound lies in [-1, 1]; this one reaches {np.abs(sound).max():.2f}; sound.normalise brings it there")
    pictures = _pictures(frames)
    first = next(pictures, None)
    if first is None:
        raise ValueError("a film needs at least one frame, and got none")
    rate = Fraction(fps).limit_denominator(1000)
    size = max(len(frames) if isinstance(frames, np.ndarray) else 0, int((len(sound) / RATE + 10) * fps))
    buffer = io.BytesIO()
    # Room for the index in front (see mux): 32 bytes a frame, 32 a packet of sound, 64 a subtitle.
    room = 4096 + len(title.encode()) + 32 * size + len(sound) // 16 + 64 * len(cues)
    with av.open(buffer, "w", format="mp4", options={"moov_size": str(room), "fflags": "+bitexact"}) as container:
        if title:
            container.metadata["title"] = title
        codec = {"crf": str(crf), "preset": "medium", "profile": "high", "bf": "0", "x264-params": "threads=1"}
        video = video_stream(container, "libx264", first.shape[:2], rate, codec)
        video.codec_context.gop_size = round(4 * fps)  # a whole picture every four seconds, to jump to
        audio = _AudioTrack(container, sound, language, bits)
        text = _text_track(container, language) if cues else None
        count = 0
        for count, picture in enumerate(itertools.chain([first], pictures), 1):
            container.mux(video.encode(video_frame(picture, count - 1, video)))
            if count > size:
                raise ValueError(f"the pictures go on for more than ten seconds after the sound of {len(sound) / RATE:g} s")
            audio.write(count / rate)  # side by side, so that a player need not jump about in the file
        container.mux(video.encode(None))
        audio.close(count / rate)
        for cue in cues if text is not None else ():
            container.mux(_text_packet(cue, text))
    return buffer.getvalue()


def show_movie(movie: bytes | str | Path, *, alt: str, width: int = 256) -> HTML:
    """A film with sound as the output of a cell: it waits until somebody starts it.

    Args:
        movie: an MP4 file, or its bytes.
        alt: what is to be seen and heard, in words.
        width: of the picture in the page, in CSS pixels.
    Raises:
        ValueError: an empty text, or a film of more than 300 kB.
    """
    from IPython.display import HTML

    data = movie if isinstance(movie, bytes) else Path(movie).read_bytes()
    if not alt.strip():
        raise ValueError("alt is empty; say in words what the film shows")
    if len(data) > LIMIT:
        raise ValueError(f"the film takes {len(data) // 1000} kB and {LIMIT // 1000} kB are allowed in a page; make it smaller")
    text = html.escape(alt, quote=True)
    return HTML(f'<video controls playsinline preload="metadata" width="{width}" aria-label="{text}" title="{text}" '
                f'src="data:video/mp4;base64,{base64.b64encode(data).decode()}">{text}</video>')  # type: ignore[no-untyped-call]


def _pictures(frames: Film | Iterable[Film]) -> Iterator[NDArray[np.uint8]]:
    """One picture after the other, all of one size."""
    size: tuple[int, ...] | None = None
    for part in [frames] if isinstance(frames, np.ndarray) else frames:
        check_film(part)
        size = size or part.shape[1:3]
        if part.shape[1:3] != size:
            raise ValueError(f"the parts of a film have one size, not {size} and {part.shape[1:3]}; use upscale")
        yield from part


class _AudioTrack:
    """AAC, fed as far as the pictures have come."""

    def __init__(self, container: Any, sound: NDArray[np.float32], language: str, bits: int) -> None:
        from av.audio.stream import AudioStream

        self.container, self.sound, self.at = container, sound, 0
        self.stream = cast(AudioStream, container.add_stream("aac", rate=RATE, layout="stereo"))
        self.stream.codec_context.bit_rate = bits
        self.stream.codec_context.time_base = Fraction(1, RATE)
        self.stream.metadata["language"] = LANGUAGES.get(language, "und")

    def write(self, until: Fraction) -> None:
        """All samples before a moment, in seconds; silence where the sound has ended."""
        import av

        end = round(until * RATE)
        part = self.sound[self.at : end]
        part = np.pad(part, ((0, end - self.at - len(part)), (0, 0)))
        if len(part):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part.T), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, self.at, Fraction(1, RATE)
            self.container.mux(self.stream.encode(frame))
            self.at = end

    def close(self, until: Fraction) -> None:
        self.write(until)
        self.container.mux(self.stream.encode(None))


# --- Timed text -------------------------------------------------------------------------------------------------------

_STYLE = (b"[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Sans,18\n"
          b"[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n")


def _text_track(container: Any, language: str) -> Any:
    stream = container.add_stream("mov_text")
    stream.codec_context.subtitle_header = _STYLE
    stream.codec_context.time_base = Fraction(1, 1000)
    stream.metadata["language"] = LANGUAGES.get(language, "und")
    return stream


def _text_packet(cue: Cue, stream: Any) -> Any:
    """A cue as a sample of timed text: two bytes that say how long the text is, then the text (3GPP TS 26.245, 5.17)."""
    import av

    text = cue.text.encode()
    packet = av.Packet(len(text).to_bytes(2, "big") + text)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = round(1000 * cue.start)
    packet.duration = round(1000 * cue.end) - round(1000 * cue.start)
    return packet
