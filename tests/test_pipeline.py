"""From a caption to frames, with a stand-in for the model; then which model a caption is given to, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from stand_in import StandIn, model_folder

from t2v_edu import pipeline, shelf
from t2v_edu.models.flow_transformer import FlowConfig
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.video_autoencoder import VideoAutoencoder, VideoAutoencoderConfig
from t2v_edu.models.video_gan import VideoGAN, VideoGANConfig
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.world.captions import CaptionError, parse, say
from t2v_edu.world.scene import WORLDS, Scene, actor, sample_scene


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty shelf; whatever folder is put there loads as a stand-in."""
    monkeypatch.setattr(shelf, "MODELS", tmp_path / "models")
    monkeypatch.setattr(pipeline, "load", lambda path: StandIn())
    return tmp_path / "models"


def test_the_best_model_that_knows_the_scene_makes_the_film(models: Path) -> None:
    model_folder(models, "shapes", ["shapes"], 0.6)
    model_folder(models, "shapes-better", ["shapes"], 0.8)
    model_folder(models, "shapes-unmeasured", ["shapes"])
    model_folder(models, "digits", ["digits"], 0.9)
    made = pipeline.generate("a large red circle   moves\nleft", seed=5)
    assert (made.model, made.seed, made.caption) == ("shapes-better", 5, "a large red circle moves left")
    assert made.scene == Scene((actor("circle", "red", "large", "moves", "left"),), "black")
    (film,) = made.frames
    assert film.dtype == np.uint8 and film.shape == (8, 32, 32, 3)
    assert (np.diff(film[:, 0, 0].astype(int), axis=0) > 0).all()  # brighter in time: no axis was mixed up
    assert pipeline.generate("the digit 7 bounces").model == "digits"
    assert pipeline.generate("红色的圆向左飘").model == "shapes-better"


def test_a_model_of_several_worlds_is_chosen_where_it_is_the_best(models: Path) -> None:
    model_folder(models, "shapes", ["shapes"], 0.8)
    model_folder(models, "all-round", ["shapes", "digits", "story"], 0.7, 0.9)
    assert pipeline.generate("a red circle moves left").model == "shapes"
    assert pipeline.generate("the digit 7 bounces").model == "all-round"
    assert pipeline.generate("a cat sits by the window").model == "all-round"  # never measured there, but nobody else can
    assert shelf.find("all-round").scores == {"shapes": 0.7, "digits": 0.9}


def test_every_split_counts_where_a_model_is_chosen(models: Path) -> None:
    for name, held_out, sync_draw in (("a", 0.96, 0.6), ("b", 0.95, 0.9)):
        report = {"splits": {"held_out": {"all": {"share": held_out}}, "sync_draw": {"all": {"share": sync_draw}}}}
        (model_folder(models, name, ["digits"]) / "report.json").write_text(json.dumps(report))
    assert shelf.cards()[0].name == "a"  # listed by what it makes of held-out combinations
    assert pipeline.generate("the digit 7 bounces").model == "b"


def test_film_i_is_the_one_that_seed_plus_i_makes(models: Path) -> None:
    model_folder(models, "shapes", ["shapes"])
    four = pipeline.generate("a circle", seed=10, count=4).frames
    for i, film in enumerate(four):
        assert (film == pipeline.generate("a circle", seed=10 + i).frames[0]).all()
    assert len({film.tobytes() for film in four}) == 4


def test_the_global_random_state_is_left_alone(models: Path) -> None:
    model_folder(models, "shapes", ["shapes"])
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    pipeline.generate("a circle", seed=3)
    assert torch.equal(before[0], torch.get_rng_state()) and before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002


def test_a_loaded_model_is_used_as_it_is(models: Path) -> None:
    model = StandIn(frames=5)
    assert pipeline.generate("whatever it likes", model=model).frames[0].shape == (5, 32, 32, 3)
    assert model.asked == [["whatever it likes"]]


def test_a_folder_or_a_name_chooses_the_model(models: Path, tmp_path: Path) -> None:
    model_folder(models, "shapes", ["shapes"], 0.5)
    mine = model_folder(tmp_path / "runs", "mine", ["shapes"])
    assert pipeline.generate("a circle", model=mine).model == "mine"
    assert pipeline.generate("a circle", model=str(mine)).model == "mine"
    assert pipeline.generate("a circle", model="shapes").model == "shapes"


# --- Real models, untrained -----------------------------------------------------------------------------------------------


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf with two small untrained models, one of a world and one of a folder of clips."""
    torch.manual_seed(0)
    shapes = Tokenizer.fit([say(scene(i), lang) for i in range(300) for lang in ("en", "zh")])
    VideoGAN(TINY, shapes, ["shapes"]).save_pretrained(tmp_path / "models" / "shapes")
    VideoGAN(TINY, Tokenizer.fit(["waves at the beach", "clouds over the sea"])).save_pretrained(tmp_path / "models" / "clips")
    monkeypatch.setattr(shelf, "MODELS", tmp_path / "models")
    return tmp_path / "models"


TINY = VideoGANConfig(frames=8, size=16, text=16, noise=6, code=16, motion=8, width=8)


def scene(i: int) -> Scene:
    return sample_scene("shapes", np.random.default_rng(i))


def test_a_real_model_makes_films(real: Path) -> None:
    made = pipeline.generate("a large red circle moves left", count=2)
    assert [film.shape for film in made.frames] == [(8, 16, 16, 3)] * 2 and made.prompt == made.caption
    assert (pipeline.generate("a large red circle moves left", seed=1).frames[0] == made.frames[1]).all()


def test_a_flow_model_makes_films_too(real: Path) -> None:
    words = Tokenizer.fit([say(scene(i), lang) for i in range(300) for lang in ("en", "zh")])
    coder = VideoAutoencoder(VideoAutoencoderConfig(latent=4, fine_in=8, coarse=12, fine_out=8, blocks=(1, 1, 1, 1)))
    size = FlowConfig(frames=8, size=16, latent=4, text=16, width=24, heads=2, depth=1, fine=12, ends=1)
    FlowVideo(size, words, coder, ["shapes"], steps=2).save_pretrained(real / "flow")
    made = pipeline.generate("a large red circle moves left", model="flow", count=2)
    assert [film.shape for film in made.frames] == [(8, 16, 16, 3)] * 2 and made.model == "flow"
    (real / "flow" / "autoencoder" / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"autoencoder.model\.safetensors"):
        pipeline.generate("a large red circle moves left", model="flow")


def test_a_word_that_the_model_never_saw_is_said_in_words_that_it_did(real: Path) -> None:
    vocabulary = VideoGAN.from_pretrained(real / "shapes").tokenizer
    for caption in ("a crimson disc drifts leftward", "紅色的圓向左飄"):
        assert vocabulary.unknown(caption)
        made = pipeline.generate(caption)
        assert made.caption == caption and not vocabulary.unknown(made.prompt)
        assert parse(made.prompt) == parse(caption) == made.scene


def test_a_model_of_clips_takes_its_own_words_only(real: Path) -> None:
    made = pipeline.generate("waves over the sea", model="clips")
    assert made.scene is None and made.prompt == "waves over the sea"
    with pytest.raises(ValueError, match=r"'beech'.*beach"):
        pipeline.generate("waves at the beech", model="clips")
    with pytest.raises(ValueError, match="no words"):
        pipeline.generate("🌊🌊", model="clips")


def test_a_painter_makes_films_of_many_captions(real: Path) -> None:
    paint = pipeline.painter(VideoGAN.from_pretrained(real / "shapes"), worlds=["shapes"], batch=2)
    captions = ["a red circle", "a crimson disc drifts leftward", "一个圆", "a red circle", "a heart grows"]
    films = paint(captions, 7)
    assert films.shape == (5, 8, 16, 16, 3) and films.dtype == np.uint8
    assert (films == paint(captions, 7)).all() and (films != paint(captions, 8)).any()
    assert (films[0] != films[3]).any()  # what a caption leaves open differs from film to film


def weights(folder: Path) -> Path:
    return folder / "model.safetensors"


@pytest.mark.parametrize("damage,message", [
    (lambda f: weights(f).write_bytes(weights(f).read_bytes()[:-100]), "truncated"),
    (lambda f: weights(f).write_bytes(weights(f).read_bytes()[:5]), "truncated"),
    (lambda f: weights(f).write_bytes(b""), "truncated"),
    (lambda f: weights(f).write_bytes(b"PK\x03\x04 a pickle, say" * 50), "not a safetensors file"),
    (lambda f: weights(f).unlink(), "no weight file"),
    (lambda f: shutil.copy(weights(f.parent / "clips"), weights(f)), "another model"),
    (lambda f: save_file({"x": torch.zeros(3)}, weights(f)), "another model"),
    (lambda f: config(f, kind="captioner"), "kind 'captioner'"),
    (lambda f: config(f, config={"frames": 8}), "not the card of a VideoGANConfig"),
    (lambda f: config(f, words=None), "do not describe a model"),
])
def test_damaged_or_foreign_checkpoints_are_named(real: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(real / "shapes")
    with pytest.raises(ValueError, match=message) as caught:
        pipeline.generate("a circle", model="shapes")
    assert str(real / "shapes") in str(caught.value)


def config(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


# --- What no model can draw -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caption,words", [
    ("a puppy runs on the grass", ["puppy", "grass", "--world story"]),
    ("a red circle to the left of a blue square", ["two actors", "--world pairs"]),
    ("the digit 3 grows", ["digit 3", "--world digits"]),
    ("一只猫在窗户旁边", ["猫", "窗", "--world story", "画不出"]),
])
def test_the_words_that_no_model_can_draw_are_named(models: Path, caption: str, words: list[str]) -> None:
    model_folder(models, "shapes", ["shapes"], 0.9)
    with pytest.raises(shelf.NoModelError) as caught:
        pipeline.generate(caption)
    assert all(word in str(caught.value) for word in [*words, "t2v-edu draw"]), caught.value


@pytest.mark.parametrize("world", list(WORLDS))
@pytest.mark.parametrize("caption", ["a disc", "一个圆", "a cat sits beside the window", "a star above a heart", "the digit 4"])
def test_the_example_of_the_message_can_be_drawn(models: Path, world: str, caption: str) -> None:
    """Whatever is refused, the caption offered instead is one that the models know."""
    model_folder(models, "only", [world])
    if WORLDS[world].knows(parse(caption)):
        assert pipeline.generate(caption).model == "only"
        return
    with pytest.raises(shelf.NoModelError) as caught:
        pipeline.generate(caption)
    quote = str(caught.value).replace("“", '"').replace("”", '"').split('"')[1]
    assert WORLDS[world].knows(parse(quote)), caught.value


def test_a_model_that_was_named_must_know_the_scene(models: Path) -> None:
    model_folder(models, "shapes", ["shapes"], 0.9)
    model_folder(models, "digits", ["digits"], 0.9)
    with pytest.raises(shelf.NoModelError, match="circle"):
        pipeline.generate("a red circle", model="digits")


def test_without_any_model_the_message_says_how_to_make_one(models: Path) -> None:
    with pytest.raises(shelf.NoModelError, match="t2v-edu train --world digits"):
        pipeline.generate("the digit 7 bounces")
    with pytest.raises(ValueError, match="none ships yet"):
        pipeline.generate("a circle", model="shapes")


def test_models_from_a_folder_of_clips_are_never_chosen_unasked(models: Path) -> None:
    model_folder(models, "holidays", [], 0.99)
    with pytest.raises(shelf.NoModelError):
        pipeline.generate("a circle")
    assert pipeline.generate("waves at the beach", model="holidays").scene is None


# --- Bad captions, seeds, folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("caption,message", [
    ("", "caption is empty"), (" \n\t", "caption is empty"), ("word " * 10_000, "10,000 words"),
    ("圆" * 10_000, "10,000 characters"), ("a red circl", "circl.*circle"), ("🦊", "🦊"), ("a red 🔴 moves", "🔴"),
    ("红色的龙", "龙"), ("a circle\x00", "no word"),
    (None, "text, not NoneType"), (7, "text, not int"),
])
def test_bad_captions_are_refused_and_quoted(models: Path, caption: object, message: str) -> None:
    model_folder(models, "shapes", ["shapes"])
    with pytest.raises(ValueError, match=message):
        pipeline.generate(caption)  # type: ignore[arg-type]


def test_an_unknown_word_comes_as_a_caption_error_with_the_nearest(models: Path) -> None:
    with pytest.raises(CaptionError, match="square"):
        pipeline.generate("a red sqare moves left")


@pytest.mark.parametrize("arguments,message", [({"count": 0}, "1 to 64"), ({"count": 65}, "1 to 64"), ({"seed": -1}, "from 0"),
                                               ({"seed": 2**63}, "from 0"), ({"model": "nope"}, "these are here: shapes")])
def test_bad_arguments_name_what_would_do(models: Path, arguments: dict[str, object], message: str) -> None:
    model_folder(models, "shapes", ["shapes"])
    with pytest.raises(ValueError, match=message):
        pipeline.generate("a circle", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("contents,message", [("{", "no JSON"), ("[]", "no JSON object"), ("\udcff", "no JSON"),
                                              ('{"worlds": "shapes"}', "list of names")])
def test_a_damaged_config_is_named(models: Path, contents: str, message: str) -> None:
    folder = model_folder(models, "shapes", ["shapes"])
    (folder / "config.json").write_bytes(contents.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=message):
        pipeline.generate("a circle", model="shapes")


def test_a_file_is_not_a_model_folder(models: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="give the folder"):
        pipeline.generate("a circle", model=tmp_path / "model.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no config\.json"):
        pipeline.generate("a circle", model=tmp_path / "empty")
