"""Chapter 10 · a folder of real clips with captions, as something to train on."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from t2v_edu.datasets import Clip, FiniteSource, clip_rng
from t2v_edu.decode import UnreadableVideo, decode

CAPTION_FILES = ("captions.jsonl", "captions.csv")
_JSON_EXAMPLE = '{"video": "cat.mp4", "caption": "a cat sits beside the window"}'
_CSV_EXAMPLE = 'video,caption / cat.mp4,"a cat sits beside the window"'
_CACHE_FORMAT = 1  # part of every cache key: raise it when `decode` changes what it makes


@dataclass(frozen=True)
class Entry:
    """One line of a captions file: the video, which exists, what it shows, and the line's number."""

    path: Path
    caption: str
    line: int


class ClipFolder(FiniteSource):
    """A folder of videos with `captions.jsonl` or `captions.csv`, decoded once and kept as small uint8 arrays.

    Args:
        path: the folder. `captions.jsonl` has a line `{"video": "cat.mp4", "caption": "a cat sits"}` per clip,
            `captions.csv` a header `video,caption` and a row per clip; videos are named relative to the folder.
        frames, size, fps: clips are windows (frames, size, size, 3) of the video at `fps` frames per second, beginning
            anywhere. A video that is shorter than a window starts over until the window is full, so that what moves left
            still moves left.
        cache: where decoded videos are kept; None is `t2v_edu/clips` in the user's cache folder. A damaged or
            outdated file there is made anew.
        progress: called with (videos done, videos in all) after each.
    Attributes:
        skipped: (file name, reason) of each video that does not decode; each is warned of as well.
    Raises:
        ValueError: no such folder, no captions file or two, a line that is broken (named by its number), a caption
            that is empty, a video that is missing or lies outside the folder, no video that decodes.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        frames: int = 16,
        size: int = 32,
        fps: float = 8,
        cache: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__(frames, size)
        if not fps > 0:
            raise ValueError(f"fps {fps} must be above 0, for example 8")
        self.path, self.fps = Path(path), fps
        self.skipped: list[tuple[str, str]] = []
        entries = read_captions(self.path)
        videos = self._decode_all(list(dict.fromkeys(e.path for e in entries)), Path(cache or default_cache()), progress)
        self.entries = [e for e in entries if e.path in videos]
        self._videos = [videos[e.path] for e in self.entries]
        if not self.entries:
            raise ValueError(f"no clip in {str(self.path)!r} can be used: " + "; ".join(f"{n} {why}" for n, why in self.skipped))

    def _decode_all(
        self, paths: list[Path], cache: Path, progress: Callable[[int, int], None] | None
    ) -> dict[Path, NDArray[np.uint8]]:
        videos = {}
        for done, path in enumerate(paths, 1):
            try:
                videos[path] = cached_video(path, fps=self.fps, size=self.size, cache=cache)
            except (UnreadableVideo, PermissionError) as error:
                name = path.relative_to(self.path.resolve()).as_posix()
                reason = str(error) if isinstance(error, UnreadableVideo) else "may not be read"
                self.skipped.append((name, reason))
                warnings.warn(f"skipped {name}: it {reason}", stacklevel=3)
            if progress is not None:
                progress(done, len(paths))
        return videos

    def __len__(self) -> int:
        return len(self.entries)

    def clip(self, seed: int, index: int) -> Clip:
        epoch, position = divmod(index, len(self))
        chosen = int(self.order(seed, epoch)[position])
        video = self._videos[chosen]
        room = len(video) - self.frames
        start = int(clip_rng(seed, index).integers(room + 1)) if room > 0 else 0
        shown = np.arange(start, start + self.frames) % len(video)
        return Clip(np.asarray(video[shown]), self.entries[chosen].caption)


# --- Captions files ---------------------------------------------------------------------------------------------------


def read_captions(folder: Path) -> list[Entry]:
    """The lines of a folder's captions file, each with a video that exists. See `ClipFolder` for format and errors."""
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a folder; give one that holds videos and {' or '.join(CAPTION_FILES)}")
    found = [name for name in CAPTION_FILES if (folder / name).is_file()]
    if not found:
        raise ValueError(
            f"no captions in {str(folder)!r}: put a captions.jsonl there, with a line like {_JSON_EXAMPLE} per video, "
            f"or a captions.csv, like {_CSV_EXAMPLE}"
        )
    if len(found) == 2:
        raise ValueError(f"{str(folder)!r} has both {' and '.join(found)}; keep one of them")
    file = folder / found[0]
    try:
        text = file.read_bytes().decode("utf-8-sig")  # with or without the mark that spreadsheets put first
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(file)!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    rows = _jsonl_rows(text, file) if file.suffix == ".jsonl" else _csv_rows(text, file)
    entries = [_entry(folder, file, line, video, caption) for line, video, caption in rows]
    if not entries:
        raise ValueError(f"{str(file)!r} is empty; it needs a line for each video, like {_example(file)}")
    return entries


def _jsonl_rows(text: str, file: Path) -> Iterator[tuple[int, object, object]]:
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines, which breaks inside a caption at U+2028
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise _broken(file, number, f"is no JSON ({error})") from error
        if not isinstance(row, dict) or not {"video", "caption"} <= row.keys():
            raise _broken(file, number, "lacks a video or a caption")
        yield number, row["video"], row["caption"]


def _csv_rows(text: str, file: Path) -> Iterator[tuple[int, object, object]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        number = reader.line_num + 1  # where the row begins: a quoted caption may go over several lines
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken(file, number, f"is no CSV ({error})") from error
        if not any(field.strip() for field in row):
            continue
        if header is None:
            header = [field.strip().lower() for field in row]
            if not {"video", "caption"} <= set(header):
                raise _broken(file, number, f"is {','.join(row)!r}, not a header that names the columns video and caption")
        elif len(row) != len(header):
            raise _broken(file, number, f"has {len(row)} fields, the header {len(header)}; quote a caption that has commas in it")
        else:
            yield number, row[header.index("video")], row[header.index("caption")]


def _entry(folder: Path, file: Path, line: int, video: object, caption: object) -> Entry:
    if not isinstance(video, str) or not video.strip() or "\0" in video:
        raise _broken(file, line, f"names no video but {video!r}")
    if not isinstance(caption, str) or not caption.strip():
        raise _broken(file, line, f"has no caption for {video!r} but {caption!r}")
    path = folder.resolve() / video
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _broken(file, line, f"names {video!r}, which lies outside the folder")
    if not os.path.isfile(path):
        # The same letters may be stored as one code point or as two: a folder packed on a Mac has two.
        wanted = unicodedata.normalize("NFC", path.name)
        twins = [p for p in path.parent.glob("*") if unicodedata.normalize("NFC", p.name) == wanted]
        if not twins:
            raise _broken(file, line, f"names {video!r}, which is not in the folder")
        path = twins[0]
    return Entry(path.resolve(), caption.strip(), line)


def _broken(file: Path, line: int, problem: str) -> ValueError:
    return ValueError(f"line {line} of {str(file)!r} {problem}; a line should be like {_example(file)}")


def _example(file: Path) -> str:
    return _JSON_EXAMPLE if file.suffix == ".jsonl" else _CSV_EXAMPLE


# --- Cache ------------------------------------------------------------------------------------------------------------


def default_cache() -> Path:
    """The user's cache folder for decoded videos: $XDG_CACHE_HOME or ~/.cache, and in it t2v_edu/clips."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "t2v_edu" / "clips"


def cached_video(path: Path, *, fps: float, size: int, cache: Path) -> NDArray[np.uint8]:
    """`decode(path)`, from the cache where it is there: (N, size, size, 3) uint8, mapped from the file and not loaded.

    A cache that cannot be written to is warned of, and the video kept in memory.

    Raises:
        UnreadableVideo: the video does not decode.
    """
    file = cache / f"{_fingerprint(path, fps, size)}.npy"
    kept = _load(file, size)
    if kept is not None:
        return kept
    video = decode(path, fps=fps, size=size)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _store(video, file)
    except OSError as error:
        problem = f"cannot write to {str(cache)!r} ({error.strerror})"
        warnings.warn(f"{path.name} will be decoded again next time: {problem}", stacklevel=2)
        return video
    kept = _load(file, size)
    return video if kept is None else kept


def _fingerprint(path: Path, fps: float, size: int) -> str:
    """Changes with the file's length, time, beginning or end, and with what is made of it; not with where it lies."""
    info = path.stat()
    with path.open("rb") as file:
        head = file.read(65536)
        file.seek(max(0, info.st_size - 65536))
        tail = file.read()
    facts = f"{_CACHE_FORMAT} {info.st_size} {info.st_mtime_ns} {float(fps)} {size} ".encode()
    return hashlib.sha256(facts + head + tail).hexdigest()[:32]


def _load(file: Path, size: int) -> NDArray[np.uint8] | None:
    """A cached video, or None where there is none or it is damaged."""
    try:
        video = np.lib.format.open_memmap(file, mode="r")  # refuses pickles
    except (OSError, ValueError, EOFError):
        return None
    whole = video.dtype == np.uint8 and video.ndim == 4 and video.shape[1:] == (size, size, 3) and len(video) > 0
    return video if whole else None


def _store(video: NDArray[np.uint8], file: Path) -> None:
    """Written beside its place and then renamed: another process never sees half of it."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", suffix=".part", delete=False) as part:
        try:
            np.save(part, video, allow_pickle=False)
            part.close()
            os.replace(part.name, file)
        except BaseException:
            part.close()
            Path(part.name).unlink(missing_ok=True)
            raise
