"""Clips as latents: coded once, told anew, the same ones in every run."""

import itertools

import pytest
import torch

from t2v_edu.datasets import FiniteSource, WorldStream
from t2v_edu.models.video_autoencoder import VideoAutoencoder, VideoAutoencoderConfig
from t2v_edu.training.latents import LatentClips, latent_clips
from t2v_edu.training.sources import Worlds
from t2v_edu.video import to_tensor
from t2v_edu.world.captions import parse

TINY = VideoAutoencoderConfig(latent=4, fine_in=8, coarse=12, fine_out=8, blocks=(1, 1, 1, 1))
WORLDS = Worlds(("shapes", "story"), frames=4, size=16)


def coder(seed=0):
    torch.manual_seed(seed)
    return VideoAutoencoder(TINY).eval()


def first(clips, count, batch=4, **keys):
    return list(itertools.islice(clips.batches(batch, seed=3, **keys), count))


def test_latents_are_those_of_the_clips():
    clips = latent_clips(WORLDS, coder(), 6, seed=1, batch=4)
    for i in (0, 3, 5):
        clip = WORLDS.clip(1, i)
        want = coder().encode(to_tensor(clip.frames))[0]
        torch.testing.assert_close(clips.latents[i].float(), want, atol=2e-3, rtol=1e-3)
        assert (clips.scenes[i], clips.captions[i]) == (clip.scene, clip.caption)


def test_each_pass_takes_every_clip_once_in_a_new_order():
    clips = latent_clips(WORLDS, coder(), 8, seed=1)
    batches = first(clips, 4)
    passes = [torch.cat([b.latents for b in batches[i : i + 2]]) for i in (0, 2)]
    for several in passes:
        sums = [sorted(x.float().flatten(1).sum(1).tolist()) for x in (several, clips.latents)]
        assert sums[0] == pytest.approx(sums[1])
    assert not torch.equal(*passes)


def test_captions_are_told_anew_and_stay_true():
    clips = latent_clips(WORLDS, coder(), 4, seed=1)
    told = [{} for _ in range(2)]
    for k, batch in enumerate(first(clips, 2)):
        for caption, scene in zip(batch.captions, batch.scenes, strict=True):
            assert parse(caption) == scene
            told[k][scene] = caption
    assert told[0].keys() == told[1].keys() and told[0] != told[1]


def test_a_later_start_and_several_processes_see_the_same():
    clips = latent_clips(WORLDS, coder(), 12, seed=1)
    whole = first(clips, 3, batch=4)
    late = first(clips, 1, batch=4, start=2)[0]
    assert torch.equal(late.latents, whole[2].latents) and late.captions == whole[2].captions
    halves = [first(clips.shard(rank, 2), 3, batch=2) for rank in (0, 1)]
    assert torch.equal(torch.cat([halves[0][1].latents, halves[1][1].latents]), whole[1].latents)
    assert halves[0][1].captions + halves[1][1].captions == whole[1].captions


def test_the_cache_is_used_only_for_what_it_holds(tmp_path):
    cache = tmp_path / "latents.safetensors"
    made = latent_clips(WORLDS, coder(), 4, seed=1, cache=cache)
    model = coder()
    model.moments = None  # not to be asked
    again = latent_clips(WORLDS, model, 4, seed=1, cache=cache)
    assert torch.equal(made.latents, again.latents) and made.captions == again.captions and made.scenes == again.scenes
    with torch.no_grad():  # another way out, and another way in
        model.up.weight.add_(1), model.edges.paint.bias.add_(1)
        assert torch.equal(latent_clips(WORLDS, model, 4, seed=1, cache=cache).latents, made.latents)
        model.down.weight.add_(1)
        with pytest.raises(TypeError):
            latent_clips(WORLDS, model, 4, seed=1, cache=cache)
    other = latent_clips(WORLDS, coder(7), 4, seed=1, cache=cache)
    assert not torch.equal(made.latents, other.latents)


def test_the_cache_of_another_seed_or_size_is_not_taken(tmp_path):
    cache = tmp_path / "latents.safetensors"
    latent_clips(WORLDS, coder(), 4, seed=1, cache=cache)
    again = latent_clips(WORLDS, coder(), 4, seed=2, cache=cache)
    assert torch.equal(again.latents, latent_clips(WORLDS, coder(), 4, seed=2).latents)
    longer = latent_clips(Worlds(("shapes", "story"), frames=8, size=16), coder(), 4, seed=2, cache=cache)
    assert longer.latents.shape[2] == 2


def test_turns_of_some_words_alone():
    worlds = Worlds(("shapes", "story", "shapes:bounces,spins", "digits:moves", "story"), frames=4, size=16)
    assert worlds.names == ("shapes", "story", "digits")
    assert [(s.world, s.only) for s in worlds.streams] == [
        ("shapes", ()), ("story", ()), ("shapes", ("bounces", "spins")), ("digits", ("moves",)), ("story", ())]
    clips = latent_clips(worlds, coder(), 25, seed=1)
    assert {scene.actors[0].action for scene in clips.scenes[2::5]} <= {"bounces", "spins"}
    assert {scene.actors[0].action for scene in clips.scenes[3::5]} == {"moves"}


@pytest.mark.parametrize(("names", "told"), [((), "no world"), (("shpes",), "shpes"), (("digits:spins",), "digits.*spins"),
                                             (("shapes:",), "'': no kind")])
def test_turns_that_cannot_be_are_refused(names, told):
    with pytest.raises(ValueError, match=told):
        Worlds(names, frames=4, size=16)


def test_a_cache_of_the_plain_worlds_is_not_taken_for_one_with_other_turns(tmp_path):
    plain, more = (Worlds(names, frames=4, size=16) for names in (("shapes",), ("shapes:spins",)))
    made = latent_clips(plain, coder(), 4, seed=1, cache=tmp_path / "latents.safetensors")
    assert not torch.equal(latent_clips(more, coder(), 4, seed=1, cache=tmp_path / "latents.safetensors").latents, made.latents)


def test_a_cache_of_one_split_is_not_taken_for_another(tmp_path):
    seen, other = (Worlds(("shapes",), frames=4, size=16, split=split) for split in ("seen", "held_out"))
    made = latent_clips(seen, coder(), 4, seed=1, cache=tmp_path / "latents.safetensors")
    assert not torch.equal(latent_clips(other, coder(), 4, seed=1, cache=tmp_path / "latents.safetensors").latents, made.latents)


def test_clips_that_no_world_made_are_not_cached(tmp_path):
    class Two(FiniteSource):
        def __len__(self):
            return 2

        def clip(self, seed, index):
            return WORLDS.clip(seed, index)

    assert len(latent_clips(Two(4, 16), coder(), 9, seed=1)) == 2
    with pytest.raises(ValueError, match="cannot tell one Two from another"):
        latent_clips(Two(4, 16), coder(), 9, seed=1, cache=tmp_path / "latents.safetensors")


def test_clips_without_scenes_keep_their_captions():
    clips = LatentClips(torch.zeros(2, 4, 1, 2, 2), ["one", "two"], [None, None])
    batch = first(clips, 1, batch=2)[0]
    assert sorted(batch.captions) == ["one", "two"] and batch.scenes is None


def test_no_clips_are_refused():
    with pytest.raises(ValueError, match="0 clips"):
        latent_clips(WorldStream("shapes", frames=4, size=16), coder(), 0, seed=0)
