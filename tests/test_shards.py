"""Shards: what is read back is what was written, and what is damaged says so."""

import json
import tarfile

import numpy as np
import pytest
import webdataset

from t2v_edu.datasets import Clip, Source, WorldStream
from t2v_edu.shards import ShardFolder, decode_clip, encode_clip, write_shards


class Noise(Source):
    """Clips without a scene, oblong so that height and width cannot be confused."""

    def clip(self, seed, index):
        rng = np.random.default_rng([seed, index])
        return Clip(rng.integers(0, 256, (self.frames, self.size, self.size + 4, 3), dtype=np.uint8), f"雪 № {index}\n“snow”")


def same(a, b):
    alike = a.frames.dtype == b.frames.dtype and np.array_equal(a.frames, b.frames)
    return alike and a.caption == b.caption and a.scene == b.scene


@pytest.fixture
def shards(tmp_path):
    return write_shards(Noise(3, 16), tmp_path / "ünï shards: 1%", 25, per_shard=10, seed=4)


@pytest.mark.parametrize("world", ["shapes", "digits", "pairs"])
def test_read_back_the_same(tmp_path, world):
    source = WorldStream(world)
    folder = ShardFolder(write_shards(world, tmp_path, 30, per_shard=20, seed=9))
    assert len(folder) == 30 and (folder.frames, folder.size) == (16, 32)
    assert all(same(folder.read(i), source.clip(9, i)) for i in range(30))


def test_clips_without_a_scene_and_of_any_shape(shards):
    folder = ShardFolder(shards)
    assert all(same(folder.read(i), Noise(3, 16).clip(4, i)) for i in range(25))
    assert folder.batch(4, seed=0, step=0).scenes is None


def test_files_are_whole_named_in_order_and_repeatable(shards, tmp_path):
    names = sorted(p.name for p in shards.iterdir())
    assert names == ["index.json", "shard-000000.tar", "shard-000001.tar", "shard-000002.tar"]
    again = write_shards(Noise(3, 16), tmp_path / "again", 25, per_shard=10, seed=4)
    assert all((again / n).read_bytes() == (shards / n).read_bytes() for n in names)


def test_webdatasets_own_reader_streams_them(shards):
    urls = [f"file:{shards / f'shard-{n:06d}.tar'}" for n in range(3)]
    with_pickles_off = webdataset.WebDataset(urls, shardshuffle=False, handler=webdataset.reraise_exception)
    samples = list(with_pickles_off)
    assert [s["__key__"] for s in samples] == [f"{i:09d}" for i in range(25)]
    assert all(same(decode_clip(s), Noise(3, 16).clip(4, i)) for i, s in enumerate(samples))


def test_there_is_no_pickle_in_them(shards):
    with tarfile.open(shards / "shard-000000.tar") as tar:
        assert {n.split(".", 1)[1] for n in tar.getnames()} == {"json", "png", "txt"}


def test_each_pass_takes_every_clip_once_in_a_new_order(shards):
    folder = ShardFolder(shards)
    passes = [[folder.clip(0, 25 * e + i).caption for i in range(25)] for e in range(3)]
    everything = sorted(folder.read(i).caption for i in range(25))
    assert all(sorted(p) == everything for p in passes)
    assert passes[0] != passes[1] != passes[2] != passes[0] and passes[0] != everything
    assert passes[0] != [folder.clip(1, i).caption for i in range(25)]


def test_shards_are_taken_one_after_the_other(shards):
    order = ShardFolder(shards).order(3, 0) // 10
    assert (np.diff(order) != 0).sum() == 2


def test_resumed_and_divided_streams_see_the_same(shards):
    whole = ShardFolder(shards).batches(6, seed=2)
    first = [next(whole) for _ in range(6)]
    resumed = ShardFolder(shards).batches(6, seed=2, start=3)
    assert [next(resumed).captions for _ in range(3)] == [b.captions for b in first[3:]]
    halves = [ShardFolder(shards).shard(rank, 2).batches(3, seed=2) for rank in (0, 1)]
    for batch in first:
        parts = [next(half) for half in halves]
        assert parts[0].captions + parts[1].captions == batch.captions
        np.testing.assert_array_equal(np.concatenate([p.frames for p in parts]), batch.frames)


def test_a_clip_as_bytes_and_back():
    clip = WorldStream("pairs").clip(0, 0)
    assert clip.scene is not None and same(decode_clip(encode_clip(clip)), clip)


def test_a_write_cut_short_leaves_nothing_half_written(tmp_path):
    class Fails(Noise):
        def clip(self, seed, index):
            if index == 15:
                raise RuntimeError("power cut")
            return super().clip(seed, index)

    with pytest.raises(RuntimeError, match="power cut"):
        write_shards(Fails(3, 16), tmp_path, 25, per_shard=10)
    assert [p.name for p in tmp_path.iterdir()] == ["shard-000000.tar"]
    with pytest.raises(ValueError, match=r"has no index\.json.*cut short"):
        ShardFolder(tmp_path)
    assert len(ShardFolder(write_shards(Noise(3, 16), tmp_path, 25, per_shard=10))) == 25


def test_workers_read_shards_as_one_process_does(shards):
    here, ahead = ShardFolder(shards).batches(4, seed=1), ShardFolder(shards).batches(4, seed=1, workers=2)
    assert all(next(here).captions == next(ahead).captions for _ in range(8))


def test_wrong_arguments(shards, tmp_path):
    with pytest.raises(ValueError, match="has shards already"):
        write_shards(Noise(3, 16), shards, 5)
    with pytest.raises(ValueError, match="count 0"):
        write_shards(Noise(3, 16), tmp_path / "x", 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        write_shards(Noise(3, 16), tmp_path / "file", 1)
    with pytest.raises(ValueError, match="'rivers'"):
        write_shards("rivers", tmp_path / "x", 1)
    assert not (tmp_path / "x").exists()
    with pytest.raises(IndexError, match="no clip 25"):
        ShardFolder(shards).read(25)


def test_what_is_no_folder_of_shards(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        ShardFolder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"has no index\.json"):
        ShardFolder(tmp_path)


def test_a_shard_that_was_cut_short_or_lost(shards):
    path = shards / "shard-000001.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:-2000])
    lengths = rf"has {len(whole) - 2000} bytes, index\.json says {len(whole)}"
    with pytest.raises(ValueError, match=rf"shard-000001\.tar' {lengths}: it was cut short"):
        ShardFolder(shards)
    path.unlink()
    with pytest.raises(ValueError, match=r"shard-000001\.tar' is missing"):
        ShardFolder(shards)


@pytest.mark.parametrize("damage", ["headers", "pictures", "zeros"])
def test_a_shard_that_is_damaged_inside(shards, damage):
    path = shards / "shard-000000.tar"
    data = bytearray(path.read_bytes())
    if damage == "headers":
        data[:512] = bytes(range(256)) * 2
    elif damage == "zeros":
        data[:] = bytes(len(data))
    else:
        data = bytearray(bytes(data).replace(b"IDAT", b"XXXX"))
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"clip 0 cannot be read: .*shard-000000\.tar' is damaged"):
        ShardFolder(shards).read(0)


@pytest.mark.parametrize(("change", "message"), [
    ({"format": "other 7"}, "format 'other 7'"),
    ({"count": 24}, "not a whole"),
    ({"shards": []}, "not a whole"),
    ({"shards": [{"name": "../../secret.tar", "count": 25, "bytes": 1}]}, "not a whole"),
    ({"shards": 3}, "is damaged"),
    ({"size": None}, "is damaged"),
])
def test_an_index_that_is_damaged(shards, change, message):
    index = json.loads((shards / "index.json").read_text())
    (shards / "index.json").write_text(json.dumps(index | change))
    with pytest.raises(ValueError, match=message):
        ShardFolder(shards)
    (shards / "index.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        ShardFolder(shards)
