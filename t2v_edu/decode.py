"""Chapter 02 · any video file as frames: a steady frame rate, upright, square and small · PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData
from numpy.typing import NDArray
from PIL import Image

LONGEST = 600.0  # seconds; what comes later in a file is not read


class UnreadableVideo(ValueError):
    """A file that is no video, or one that does not decode to its end."""


def decode(path: Path, *, fps: float, size: int, seconds: float = LONGEST) -> NDArray[np.uint8]:
    """A video file at a steady rate, as small square frames.

    Args:
        path: any container and codec that FFmpeg knows; sound is ignored, a rotation or mirror flag is obeyed.
        fps: frames per second of the result; at each moment the frame that a player would show.
        size: height and width of the result in pixels: the largest centred square, aspect kept, scaled with anti-aliasing.
        seconds: how much of it; what comes later is not read.
    Returns:
        (N, size, size, 3) uint8 sRGB, N ≥ 1, at most the first so many seconds.
    Raises:
        UnreadableVideo: no video stream, no frame, or damaged data anywhere in it; the message gives the reason.
    """
    squares: list[NDArray[np.uint8]] = []
    try:
        for frame, aspect, times in _steady(path, fps, seconds):
            squares += [_square(frame, aspect, size)] * times
    except (av.error.FFmpegError, OSError) as error:
        raise UnreadableVideo(f"does not decode: {getattr(error, 'strerror', None) or error}") from error
    if not squares:
        raise UnreadableVideo("has no frames")
    return np.stack(squares)


def _steady(path: Path, fps: float, longest: float) -> Iterator[tuple[av.VideoFrame, float, int]]:
    """Frames with their pixels' aspect ratio and how often each is shown when the video plays at `fps` (0 times: left out)."""
    # Local files only: a playlist must not make the decoder fetch what it names. Titles in an unknown encoding are no error.
    with av.open(str(path), options={"protocol_whitelist": "file"}, metadata_errors="ignore") as container:
        if not container.streams.video:
            raise UnreadableVideo("has no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        aspect = float(stream.sample_aspect_ratio or 1) or 1.0
        begin, now, shown = None, 0.0, 0
        previous: av.VideoFrame | None = None
        for frame in container.decode(stream):
            then = now
            # Raw streams carry no times; then frames follow each other at the file's own rate.
            clock = now + 1 / rate if previous is not None else 0.0
            if frame.pts is not None and frame.time_base is not None:
                at = float(frame.pts * frame.time_base)
                begin = at if begin is None else begin
                clock = at - begin
            now = max(then, clock)
            if previous is not None:
                times = _ticks(min(now, longest), fps) - shown
                shown += times
                yield previous, aspect, times
            previous = frame
            if now >= longest:
                return
        if previous is not None:
            yield previous, aspect, max(_ticks(min(now + 1 / rate, longest), fps) - shown, 0 if shown else 1)


def _ticks(until: float, fps: float) -> int:
    """How many of the moments 0, 1/fps, 2/fps, ... lie before `until`; a frame that is late by a hair is not late."""
    return int(np.ceil(until * fps - 0.05))


def _square(frame: av.VideoFrame, aspect: float, size: int) -> NDArray[np.uint8]:
    """The centred square of a frame, upright: (size, size, 3). `aspect` is a pixel's width over its height."""
    image = frame.to_ndarray(format="rgb24")
    matrix = cast(SideData | None, frame.side_data.get("DISPLAYMATRIX"))
    side = min(frame.width * aspect, frame.height)
    half_width, half_height = side / aspect / 2, side / 2
    x, y = frame.width / 2, frame.height / 2
    box = (x - half_width, y - half_height, x + half_width, y + half_height)
    small = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC, box=box))
    # A square stays square however it is turned, so turning the small one does.
    return small if matrix is None else upright(small, np.frombuffer(bytes(matrix), np.int32).astype(np.int64))


def upright(image: NDArray[np.uint8], matrix: NDArray[np.int64]) -> NDArray[np.uint8]:
    """An image (H, W, 3) turned and mirrored as a file's display matrix says, to the nearest quarter turn.

    Args:
        matrix: the nine numbers a b u c d v x y w of the MP4 standard: a stored point (p, q), y down, is shown at
            (a·p + c·q, b·p + d·q).
    Source: ISO/IEC 14496-12, 6.2.2.
    """
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, a, d = image.swapaxes(0, 1), c, b
    image = image[:, ::-1] if a < 0 else image
    image = image[::-1] if d < 0 else image
    return np.ascontiguousarray(image)
