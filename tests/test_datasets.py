"""Training data: the same batches every time, the same however it is divided, and nothing that was held out."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from t2v_edu.datasets import Batch, WorldStream, clip_rng
from t2v_edu.world.captions import detect_language, parse
from t2v_edu.world.scene import WORLDS, in_split, is_held_out, is_sync_draw


def same(a, b):
    return a.captions == b.captions and a.scenes == b.scenes and np.array_equal(a.frames, b.frames)


def take(stream, count):
    return list(itertools.islice(stream, count))


def test_a_batch_has_films_captions_and_scenes():
    batch = next(WorldStream("shapes", frames=8, size=24).batches(5, seed=0))
    assert isinstance(batch, Batch) and len(batch) == 5
    assert batch.frames.shape == (5, 8, 24, 24, 3) and batch.frames.dtype == np.uint8
    assert batch.scenes is not None and len(batch.scenes) == len(batch.captions) == 5
    assert [parse(c) for c in batch.captions] == batch.scenes


def test_a_stream_repeats_from_its_seed_and_resumes_at_any_step():
    first = take(WorldStream("all").batches(4, seed=3), 6)
    resumed = take(WorldStream("all").batches(4, seed=3, start=2), 4)
    assert all(same(a, b) for a, b in zip(first[2:], resumed, strict=True))
    assert len({tuple(b.captions) for b in first}) == 6
    assert not same(first[0], next(WorldStream("all").batches(4, seed=4)))


def test_the_global_generator_is_neither_used_nor_touched():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = next(WorldStream("digits").batches(4, seed=3))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert same(first, next(WorldStream("digits").batches(4, seed=3)))


@pytest.mark.parametrize("world_size", [2, 4])
def test_processes_together_see_what_one_would(world_size):
    source = WorldStream("shapes")
    whole = take(source.batches(8, seed=5), 3)
    parts = [take(source.shard(rank, world_size).batches(8 // world_size, seed=5), 3) for rank in range(world_size)]
    for step, batch in enumerate(whole):
        assert [c for part in parts for c in part[step].captions] == batch.captions
        np.testing.assert_array_equal(np.concatenate([part[step].frames for part in parts]), batch.frames)
    assert (source.rank, source.world_size) == (0, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_background_workers_change_nothing(workers):
    source = WorldStream("shapes")
    here, ahead = source.batches(4, seed=6, start=5), source.batches(4, seed=6, start=5, workers=workers)
    assert all(same(next(here), next(ahead)) for _ in range(7))


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_held_out_combinations_never_leak_into_training(world, monkeypatch):
    monkeypatch.setattr("t2v_edu.datasets.render", lambda *_: np.zeros((16, 32, 32, 3), np.uint8))  # only scenes matter here
    source = WorldStream(world)
    scenes = [source.clip(0, i).scene for i in range(4000)]
    assert not any(is_held_out(s) or is_sync_draw(s) for s in scenes)
    held_out = WorldStream(world, split="held_out")
    assert all(in_split(held_out.clip(0, i).scene, "held_out") for i in range(300))


def test_every_color_of_every_shape_is_still_seen(monkeypatch):
    monkeypatch.setattr("t2v_edu.datasets.render", lambda *_: np.zeros((16, 32, 32, 3), np.uint8))
    source = WorldStream("shapes")
    seen = {(a.kind, a.color) for i in range(4000) for a in source.clip(0, i).scene.actors}
    assert len(seen) == 6 * 7


@pytest.mark.parametrize("langs", [("en",), ("zh",), ("en", "zh")])
def test_captions_come_in_the_languages_asked_for(langs):
    batch = next(WorldStream("shapes", langs=langs).batches(60, seed=0))
    spoken = [detect_language(c) for c in batch.captions]
    assert set(spoken) == set(langs) and all(spoken.count(lang) > 15 for lang in langs)


def test_only_actors_of_whom_the_words_hold_are_drawn():
    stream = WorldStream("digits", only=("circles", "bounces"))
    done = [stream.clip(0, i, picture=False).scene.actors[0].action for i in range(200)]
    assert set(done) == {"circles", "bounces"} and min(done.count(a) for a in set(done)) > 50
    both = [WorldStream("shapes", only=("spins", "star", "cross")).clip(0, i, picture=False).scene.actors[0] for i in range(50)]
    assert {(a.kind, a.action) for a in both} == {("star", "spins"), ("cross", "spins")} and len({a.color for a in both}) > 3


def test_rare_actors_are_found_in_the_end():
    rare = WorldStream("digits", only=("9", "bounces", "small", "fast"))  # eight scenes in ten thousand
    found = [rare.clip(0, i, picture=False).scene.actors[0] for i in range(12)]
    assert {(a.kind, a.action, a.size, a.speed) for a in found} == {("9", "bounces", "small", "fast")}


@pytest.mark.parametrize(("arguments", "message"), [
    ({"world": "story", "only": ("spins",)}, "'story' none begins with an actor that is: spins"),
    ({"only": ("spins", "stars")}, "'stars': no kind"),
    ({"world": "rivers"}, "'rivers'.*shapes"),
    ({"split": "unseen"}, "'unseen'.*held_out"),
    ({"langs": ("fr",)}, r"\('fr',\).*zh"),
    ({"langs": "en"}, r"'en': give a tuple"),
    ({"langs": ()}, "give a tuple"),
    ({"frames": 0}, "frames 0"),
    ({"size": 8}, "16"),
    ({"wording": "loud"}, "loud"),
])
def test_wrong_settings_are_refused_at_once(arguments, message):
    with pytest.raises(ValueError, match=message):
        WorldStream(**arguments)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"batch_size": 0, "seed": 0}, "batch_size 0"),
    ({"batch_size": 1, "seed": -1}, "seed -1"),
    ({"batch_size": 1, "seed": 0, "start": -2}, "start -2"),
    ({"batch_size": 1, "seed": 0, "workers": -2}, "workers -2"),
])
def test_wrong_streams_are_refused_before_the_first_batch(arguments, message):
    with pytest.raises(ValueError, match=message):
        WorldStream().batches(**arguments)


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_ranks_that_do_not_exist(rank, world_size):
    with pytest.raises(ValueError, match=f"rank {rank} of {world_size}"):
        WorldStream().shard(rank, world_size)


def test_generators_of_different_clips_and_purposes_differ():
    drawn = {float(clip_rng(*key).random()) for key in itertools.product(range(5), range(5), range(3))}
    assert len(drawn) == 75


def test_importing_is_light():
    code = "import sys, t2v_edu.datasets; print({'torch', 'av', 'webdataset', 'tensorflow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
