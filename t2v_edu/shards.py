"""Chapter 18 · clips in WebDataset shards: a few large files that many machines can stream from · webdataset.

A folder of shards holds `shard-000000.tar`, `shard-000001.tar`, ... and `index.json`. In a shard, sample 000000042 is
`000000042.png` (the frames one below the other, lossless), `000000042.txt` (the caption, UTF-8) and `000000042.json` (how
many frames, and the scene where the world made it). Any WebDataset reader can stream them; nothing in them is a pickle.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from t2v_edu.datasets import Clip, FiniteSource, Frames, Source, WorldStream
from t2v_edu.world.scene import Actor, Scene

FORMAT = "t2v_edu shards 1"
PARTS = ("json", "png", "txt")


def write_shards(
    source: Source | str,
    folder: str | Path,
    count: int,
    *,
    per_shard: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write the first `count` clips of a source's stream as shards.

    Each file appears under its name only when it is whole, the index last: a write that was cut short leaves a folder that
    `ShardFolder` refuses and a second write completes. The same arguments write the same bytes.

    Args:
        source: what to take clips from, or the name of a world.
        folder: where to; made if missing.
        count, per_shard: clips in all and in each shard, the last one excepted.
        seed: of the stream.
        progress: called with (clips done, clips in all) after each shard.
    Returns:
        The folder.
    Raises:
        ValueError: a count below 1, a folder that has shards already, or that is a file.
    """
    source = WorldStream(source) if isinstance(source, str) else source
    folder = Path(folder)
    if count < 1 or per_shard < 1:
        raise ValueError(f"count {count} and per_shard {per_shard} must be 1 or more")
    if (folder / "index.json").exists():
        raise ValueError(f"{str(folder)!r} has shards already; remove them or choose another folder")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file, not a folder")
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for number, first in enumerate(range(0, count, per_shard)):
        indices = range(first, min(first + per_shard, count))
        path = folder / f"shard-{number:06d}.tar"
        _write_shard(path, ((i, source.clip(seed, i)) for i in indices))
        shards.append({"name": path.name, "count": len(indices), "bytes": path.stat().st_size})
        if progress is not None:
            progress(indices.stop, count)
    index = {"format": FORMAT, "count": count, "frames": source.frames, "size": source.size, "seed": seed, "shards": shards}
    with _whole(folder / "index.json") as file:
        file.write(json.dumps(index, indent=1).encode())
    return folder


def _write_shard(path: Path, clips: Iterator[tuple[int, Clip]]) -> None:
    from webdataset import TarWriter  # slow to import, and only writing needs it

    # The file is opened here, not by webdataset, which takes a path with a colon for an address.
    with _whole(path) as file, TarWriter(file, encoder=False, mtime=0) as tar:
        for index, clip in clips:
            tar.write({"__key__": f"{index:09d}", **encode_clip(clip)})


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes its name when it is complete, and leaves nothing behind when it is not."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as part:
        try:
            yield cast(IO[bytes], part)
            part.flush()
            os.chmod(part.name, 0o644)
            part.close()
            os.replace(part.name, path)
        except BaseException:
            part.close()
            Path(part.name).unlink(missing_ok=True)
            raise


# --- One clip as bytes ------------------------------------------------------------------------------------------------


def encode_clip(clip: Clip) -> dict[str, bytes]:
    """A clip as the files of a sample: png, txt and json."""
    picture = io.BytesIO()
    strip = clip.frames.reshape(-1, clip.frames.shape[2], 3)  # (T·H, W, 3)
    Image.fromarray(strip).save(picture, "PNG", compress_level=6)
    facts = {"frames": len(clip.frames), "scene": None if clip.scene is None else asdict(clip.scene)}
    return {
        "png": picture.getvalue(),
        "txt": clip.caption.encode(),
        "json": json.dumps(facts).encode(),
    }


def decode_clip(sample: dict[str, bytes]) -> Clip:
    """The inverse of `encode_clip`: the same frames, caption and scene."""
    facts = json.loads(sample["json"])
    with Image.open(io.BytesIO(sample["png"]), formats=["PNG"]) as image:
        strip = np.asarray(image.convert("RGB"))
    frames: Frames = strip.reshape(facts["frames"], -1, strip.shape[1], 3)
    return Clip(frames, sample["txt"].decode(), _scene(facts["scene"]))


def _scene(facts: dict[str, Any] | None) -> Scene | None:
    if facts is None:
        return None
    return Scene(tuple(Actor(**a) for a in facts["actors"]), facts["place"], facts["relation"])


# --- Reading ----------------------------------------------------------------------------------------------------------


class ShardFolder(FiniteSource):
    """Shards that `write_shards` wrote. Each pass takes the shards in a new order and, within each, its clips in a new order.

    `folder.read(i)` is clip i of the stream that was written. A process reads only the clips that it uses.

    Raises:
        ValueError: no such folder, no or an unknown index, a shard that is missing, cut short or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        index = _read_index(self.path)
        super().__init__(index["frames"], index["size"])
        self._names = [shard["name"] for shard in index["shards"]]
        counts = [shard["count"] for shard in index["shards"]]
        self._starts = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))  # of each shard, and the end
        for shard in index["shards"]:
            _check_shard(self.path / shard["name"], shard["bytes"])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def clip(self, seed: int, index: int) -> Clip:
        epoch, position = divmod(index, len(self))
        return self.read(int(self.order(seed, epoch)[position]))

    def read(self, number: int) -> Clip:
        """Clip `number`, 0 ... len(self) − 1, in the order they were written.

        Raises:
            IndexError: there is no such clip.
            ValueError: its shard is damaged.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"no clip {number}; there are {len(self)}")
        path = self.path / self._names[int(np.searchsorted(self._starts, number, side="right")) - 1]
        try:
            places = _contents(path, path.stat().st_mtime_ns)[f"{number:09d}"]
            with path.open("rb") as file:
                return decode_clip({part: _slice(file, *places[part]) for part in PARTS})
        except (tarfile.TarError, KeyError, OSError, SyntaxError, ValueError) as error:
            problem = f"{str(path)!r} is damaged ({error})"
            raise ValueError(f"clip {number} cannot be read: {problem}; write or copy it again") from error

    def _shuffled(self, seed: int, epoch: int) -> NDArray[np.int64]:
        rng = np.random.default_rng([seed, epoch, len(self)])
        shards = rng.permutation(len(self._names))
        return np.concatenate([rng.permutation(np.arange(self._starts[s], self._starts[s + 1])) for s in shards])


def _slice(file: IO[bytes], offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


@lru_cache(maxsize=64)
def _contents(path: Path, written: int) -> dict[str, dict[str, tuple[int, int]]]:
    """Where in a shard each sample's parts lie: {key: {part: (offset, length)}}; `written` tells a new file from an old one."""
    places: dict[str, dict[str, tuple[int, int]]] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            key, _, part = member.name.partition(".")
            places.setdefault(key, {})[part] = member.offset_data, member.size
    return places


def _read_index(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a folder")
    file = folder / "index.json"
    if not file.is_file():
        problem = "it has no shards, or their writing was cut short"
        raise ValueError(f"{str(folder)!r} has no index.json: {problem}; write them (again) with t2v-edu shards")
    try:
        index = json.loads(file.read_bytes())
        whole = index["format"] == FORMAT and index["count"] == sum(s["count"] for s in index["shards"]) > 0
        whole = whole and all(re.fullmatch(r"shard-\d{6,}\.tar", s["name"]) and s["count"] > 0 for s in index["shards"])
        whole = whole and index["frames"] > 0 and index["size"] > 0
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{str(file)!r} is damaged ({error!r}); write the shards again") from error
    if not whole:
        raise ValueError(f"{str(file)!r} has format {index['format']!r}, not a whole {FORMAT!r}; write the shards again")
    return cast(dict[str, Any], index)


def _check_shard(path: Path, length: int) -> None:
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is missing; index.json names it: write or copy it again")
    found = path.stat().st_size
    if found != length:
        problem = f"has {found} bytes, index.json says {length}: it was cut short or changed"
        raise ValueError(f"{str(path)!r} {problem}; write or copy it again")
