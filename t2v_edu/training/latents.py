"""Chapter 12 · clips as latents, computed once: what a flow transformer is trained on."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from t2v_edu.datasets import Clip, FiniteSource, Shared, Shuffled, Source, WorldStream, clip_rng
from t2v_edu.models.video_autoencoder import VideoAutoencoder
from t2v_edu.training.sources import Worlds
from t2v_edu.video import to_tensor
from t2v_edu.weights import read_tensors, write_tensors
from t2v_edu.world.scene import Scene

WAY_OUT = ("decoder.", "up.", "pixels.", "edges.")  # of the autoencoder: another one draws the same latents


@dataclass(frozen=True, eq=False)
class LatentBatch:
    """Latents (B, D, T', H', W') float32 with B captions, and scenes where the world made the clips."""

    latents: Tensor
    captions: list[str]
    scenes: list[Scene] | None

    def __len__(self) -> int:
        return len(self.captions)


class LatentClips(Shared, Shuffled):
    """Clips of a source as an autoencoder codes them, in a new order on each pass; of a world also told in new words.

    Args:
        latents: (N, D, T', H', W'), kept in 16 bits.
        captions, scenes: of each clip; scenes are None for clips that no world made.
        streams: of the worlds, by turns, that can tell the scenes anew.
    """

    def __init__(self, latents: Tensor, captions: Sequence[str], scenes: Sequence[Scene | None],
                 streams: Sequence[WorldStream] = ()) -> None:
        self.latents, self.captions, self.scenes, self.streams = latents.half(), list(captions), list(scenes), tuple(streams)

    def __len__(self) -> int:
        return len(self.captions)

    def batches(self, batch_size: int, *, seed: int, start: int = 0) -> Iterator[LatentBatch]:
        """Batches number `start`, `start` + 1, ... without end; batch i is a pure function of (seed, i)."""
        for step in itertools.count(start):
            first = self.first(batch_size, step)
            picked = [int(self.order(seed, i // len(self))[i % len(self)]) for i in range(first, first + batch_size)]
            captions = [self._tell(i, clip_rng(seed, first + k, purpose=2)) for k, i in enumerate(picked)]
            scenes = [s for i in picked if (s := self.scenes[i]) is not None]
            yield LatentBatch(self.latents[picked].float(), captions, scenes if len(scenes) == len(picked) else None)

    def _tell(self, index: int, rng: np.random.Generator) -> str:
        scene = self.scenes[index]
        if scene is None or not self.streams:
            return self.captions[index]
        return self.streams[index % len(self.streams)].tell(scene, rng)


@torch.no_grad()
def latent_clips(source: Source, autoencoder: VideoAutoencoder, count: int, *, seed: int, cache: Path | None = None,
                 batch: int = 32, report: bool = False) -> LatentClips:
    """Code the first `count` clips of a source (all of a finite one).

    Args:
        cache: a safetensors file for clips of worlds; where it holds these of this autoencoder, nothing is computed again.
        report: print how far it is.
    Raises:
        ValueError: a source without clips, a cache that is damaged, or one for clips that no world made.
    """
    count = len(source) if isinstance(source, FiniteSource) else count
    if count < 1:
        raise ValueError(f"{count} clips: use 1 or more")
    streams = source.streams if isinstance(source, Worlds) else [source] if isinstance(source, WorldStream) else []
    if cache is not None and not streams:
        raise ValueError(f"a cache cannot tell one {type(source).__name__} from another; leave it out, or give a world's stream")
    key = _key(streams, autoencoder, count, seed)
    stored = read_tensors(cache) if cache is not None and cache.is_file() else {}
    known = stored["latents"] if bytes(stored.get("key", torch.zeros(0, dtype=torch.uint8)).tolist()).decode() == key else None
    device = autoencoder.mean.device
    coded, captions, scenes = [], [], []
    for first in range(0, count, batch):
        several = [_clip(source, streams, seed, i, picture=known is None) for i in range(first, min(count, first + batch))]
        captions += [clip.caption for clip in several]
        scenes += [clip.scene for clip in several]
        if known is None:
            coded.append(autoencoder.encode(to_tensor(np.stack([clip.frames for clip in several])).to(device)).half().cpu())
            if report and first // batch % 50 == 0:
                print(f"coded {first + len(several)} of {count} clips", flush=True)
    latents = torch.cat(coded).contiguous() if known is None else known
    if cache is not None and known is None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_tensors({"latents": latents, "key": torch.tensor(list(key.encode()), dtype=torch.uint8)}, cache)
    return LatentClips(latents, captions, scenes, streams)


def _clip(source: Source, streams: Sequence[WorldStream], seed: int, index: int, *, picture: bool) -> Clip:
    if picture or not streams:
        return source.clip(seed, index)
    return streams[index % len(streams)].clip(seed, index, picture=False)


def _key(streams: Sequence[WorldStream], autoencoder: VideoAutoencoder, count: int, seed: int) -> str:
    """What the latents depend on, in a few letters."""
    digest = hashlib.sha256()
    for name, tensor in autoencoder.state_dict().items():
        if not name.startswith(WAY_OUT):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    names = [[stream.world, stream.split, stream.frames, stream.size, *stream.only] for stream in streams]
    return json.dumps([names, count, seed, digest.hexdigest()[:16]])
