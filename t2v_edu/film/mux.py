"""Chapter 16 · frames to a file: H.264 in MP4, VP9 in WebM, GIF, and a strip of pictures."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from t2v_edu.film.arrange import Film, check_film, strip

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SUFFIXES = (".mp4", ".webm", ".gif", ".png")
STRIP_FRAMES = 8


def write_film(frames: Film, path: str | os.PathLike[str], *, fps: float = 8.0, title: str = "") -> Path:
    """Write a film; the suffix says how. Either the whole file appears under its name, or nothing does.

    Args:
        frames: (T, H, W, 3) uint8.
        path: .mp4 (H.264, yuv420p, index in front, plays in QuickTime and browsers), .webm (VP9), .gif (loops, at most
            50 frames a second, what stands still as one long frame), .png (up to 8 frames in a row). Odd sizes gain a row or
            column in .mp4 and .webm, which their chroma needs.
        fps: frames a second, 1 to 60.
        title: stored in the file; the caption, say.
    Returns:
        The path.
    Raises:
        ValueError: no film, another suffix, a rate out of range.
        OSError: the folder is missing or cannot be written to, or the disk is full; the message says which.
    """
    target = Path(path)
    check_target(target)
    write_whole(encode(frames, target.suffix.lower(), fps=fps, title=title), target)
    return target


def check_target(path: str | os.PathLike[str]) -> None:
    """Refuse a place that no film can be written to, before any work is spent on making it.

    Raises:
        ValueError: the suffix is none of those that work.
        OSError: the folder is missing or not writable, or a folder bears the name.
    """
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        what = f"ends in {target.suffix!r}" if target.suffix else "has no suffix"
        raise ValueError(f"{str(target)!r} {what}; a film can be written as {', '.join(SUFFIXES)}")
    folder = target.parent
    if not folder.exists():
        raise FileNotFoundError(f"the folder {str(folder)!r} does not exist; create it (mkdir -p {folder}) or choose another")
    if not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is a file, not a folder; choose another place for the film")
    if target.is_dir():
        raise IsADirectoryError(f"{str(target)!r} is a folder; choose another name for the film")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"the folder {str(folder)!r} cannot be written to; choose another, or change its permissions")


def check_rate(fps: float) -> None:
    """Refuse a rate that players do not keep.

    Raises:
        ValueError: not between 1 and 60 frames a second.
    """
    if not 1 <= fps <= 60:
        raise ValueError(f"{fps} frames a second is out of range; choose 1 to 60")


def encode(frames: Film, suffix: str, *, fps: float = 8.0, title: str = "") -> bytes:
    """The bytes of the file that `write_film` writes, the same bytes every time."""
    check_film(frames)
    check_rate(fps)
    encoders: dict[str, Callable[[Film, float, str], bytes]] = {
        ".mp4": _encode_mp4, ".webm": _encode_webm, ".gif": _encode_gif, ".png": _encode_png}
    return encoders[suffix](frames, fps, title)


def read_film(path: str | os.PathLike[str]) -> Film:
    """All frames of a video file, (T, H, W, 3) uint8.

    Raises:
        ValueError: the file holds no video that can be decoded.
    """
    import av

    try:
        with av.open(os.fspath(path)) as container:
            frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    except (av.error.FFmpegError, IndexError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{os.fspath(path)!r} holds no video that can be read: {error}") from error
    if not frames:
        raise ValueError(f"{os.fspath(path)!r} holds no frames")
    return np.stack(frames)


def write_whole(data: bytes, target: Path) -> None:
    """Write a file under a temporary name in the same folder, then rename: nobody ever sees half of it.

    Raises:
        OSError: the disk is full or the folder cannot be written to; the message says which.
    """
    part = target.with_name(f".{target.stem[:80]}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # some disks report that they are full only here
        os.replace(part, target)
    except OSError as error:
        raise _explain(error, target, len(data)) from error
    finally:
        part.unlink(missing_ok=True)


def _explain(error: OSError, target: Path, size: int) -> OSError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why = f"the disk is full: {str(target)!r} needs {size // 1024 + 1} kB; free some space or choose another folder"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        why = f"the folder {str(target.parent)!r} cannot be written to ({error.strerror}); choose another"
    else:
        why = f"could not write {str(target)!r}: {error.strerror}"
    return OSError(error.errno, why)


# --- Containers -------------------------------------------------------------------------------------------------------


def _encode_mp4(frames: Film, fps: float, title: str) -> bytes:
    # moov_size reserves room for the index in front of the pictures, so that playing starts before all is loaded; unlike
    # "faststart" it needs no second pass over a file on disk. An index takes about 900 bytes, the title, and 24 bytes a frame.
    container = {"moov_size": str(2048 + len(title.encode()) + 32 * len(frames)), "fflags": "+bitexact", "use_editlist": "0"}
    codec = {"crf": "16", "preset": "slow", "profile": "high", "bf": "0", "x264-params": "threads=1"}
    return _encode_video(frames, fps, title, "mp4", "libx264", container, codec)


def _encode_webm(frames: Film, fps: float, title: str) -> bytes:
    codec = {"crf": "20", "b": "0", "deadline": "good", "cpu-used": "2", "threads": "1", "auto-alt-ref": "0"}
    return _encode_video(frames, fps, title, "webm", "libvpx-vp9", {"fflags": "+bitexact"}, codec)


def _encode_video(frames: Film, fps: float, title: str, form: str, codec: str,
                  container_options: dict[str, str], codec_options: dict[str, str]) -> bytes:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form, options=container_options) as container:
        if title:
            container.metadata["title"] = title
        stream = video_stream(container, codec, frames.shape[1:3], Fraction(fps).limit_denominator(1000), codec_options)
        for i, picture in enumerate(frames):
            container.mux(stream.encode(video_frame(picture, i, stream)))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def video_stream(container: OutputContainer, codec: str, size: tuple[int, ...], rate: Fraction,
                 options: dict[str, str]) -> VideoStream:
    """A stream for pictures of a size (height, width), said in full: colours, range, clock, one thread."""
    from av.video.stream import VideoStream

    stream = cast(VideoStream, container.add_stream(codec, rate=rate, options=options))
    context = stream.codec_context
    context.height, context.width = (side + side % 2 for side in size)  # halved chroma needs even sizes
    context.pix_fmt, context.time_base = "yuv420p", 1 / rate
    context.gop_size = 16
    context.thread_count = 1  # the bytes must not depend on how many cores wrote them
    # Said, not left to guess: players disagree on what untagged small films mean.
    context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1  # BT.709, limited
    return stream


def video_frame(picture: NDArray[np.uint8], number: int, stream: VideoStream) -> VideoFrame:
    """A picture (H, W, 3) as frame `number` of a stream; an odd side gains a copy of its last row or column."""
    import av

    padded = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(padded, format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", interpolation="LANCZOS")
    frame.pts, frame.time_base = number, stream.codec_context.time_base
    return frame


def _encode_gif(frames: Film, fps: float, title: str) -> bytes:
    # One palette for the whole film: with one a frame, still places would shimmer.
    step = max(1, len(frames) // 16)
    sample = Image.fromarray(np.concatenate(list(frames[::step]), axis=0))
    palette = sample.quantize(256, method=Image.Quantize.MEDIANCUT)
    pictures = [Image.fromarray(f).quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
    # GIF counts in hundredths of a second, and browsers take anything below two of them for ten.
    ends = [round(100 * (i + 1) / min(fps, 50)) * 10 for i in range(len(frames))]
    durations = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, disposal=1,
                     optimize=False, comment=title.encode())
    return buffer.getvalue()


def _encode_png(frames: Film, fps: float, title: str) -> bytes:
    notes = PngImagePlugin.PngInfo()
    if title:
        notes.add_itxt("Title", title)
    buffer = io.BytesIO()
    Image.fromarray(strip(frames, STRIP_FRAMES)[0]).save(buffer, "PNG", optimize=True, pnginfo=notes)
    return buffer.getvalue()
