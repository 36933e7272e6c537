"""The command line as a user meets it: what it writes, what it says, and what it leaves behind when something is wrong."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stand_in import StandIn, model_folder
from typer.testing import CliRunner, Result

from t2v_edu import pipeline, shelf
from t2v_edu.cli import app
from t2v_edu.film import mux, read_film

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, with one stand-in model on the shelf."""
    model_folder(tmp_path / "models", "shapes", ["shapes"], 0.75)
    monkeypatch.setattr(shelf, "MODELS", tmp_path / "models")
    monkeypatch.setattr(pipeline, "load", lambda path: StandIn())
    model_folder(tmp_path, "clips", [])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def left() -> list[str]:
    """Files in the current folder, hidden ones too."""
    return sorted(p.name for p in Path().rglob("*"))


def refused(result: Result, *words: str) -> None:
    """Exit code 2, the words on stderr in one panel, nothing on stdout, no traceback, no file."""
    assert result.exit_code == 2, result.output
    said = " ".join(result.stderr.replace("│", " ").split())
    assert all(word in said for word in words), said
    assert result.stderr.count("╭") == 1 and "Traceback" not in result.output and not result.stdout
    assert left() == []


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_generate_writes_a_film(run: Run, suffix: str) -> None:
    result = run("generate", "a large red circle moves left", "-o", f"film{suffix}", "--seed", 4)
    assert result.exit_code == 0, result.output
    assert "by the model shapes" in result.stdout and left() == [f"film{suffix}"]
    assert read_film(f"film{suffix}").shape == (8, 256, 256, 3)


def test_generate_writes_a_strip_of_pictures(run: Run) -> None:
    assert run("generate", "a circle", "-o", "film.png", "--size", 32).exit_code == 0
    with Image.open("film.png") as picture:
        assert picture.size == (8 * 32 + 7 * 2, 32) and picture.info["Title"] == "a circle"


def test_count_makes_a_grid_and_a_strip_for_each(run: Run) -> None:
    assert run("generate", "a circle", "--count", 4, "--size", 64).exit_code == 0
    assert read_film("film.mp4").shape == (8, 2 * 64 + 4, 2 * 64 + 4, 3)
    assert run("generate", "a circle", "--count", 3, "--size", 32, "-o", "film.png").exit_code == 0
    with Image.open("film.png") as picture:
        assert picture.size == (8 * 32 + 7 * 2, 3 * 32 + 2 * 2)


def test_the_same_seed_makes_the_same_file(run: Run) -> None:
    for name, seed in (("a.mp4", 1), ("b.mp4", 1), ("c.mp4", 2)):
        assert run("generate", "红色的圆向左飘", "-o", name, "--seed", seed).exit_code == 0
    a, b, c = (Path(name).read_bytes() for name in ("a.mp4", "b.mp4", "c.mp4"))
    assert a == b != c


def test_draw_follows_the_rules_without_a_model(run: Run) -> None:
    assert run("draw", "a red circle on black moves right", "-o", "film.mp4", "--size", 64).exit_code == 0
    film = read_film("film.mp4").astype(int)
    red = (film[..., 0] - film[..., 1]).clip(0)
    across = (red.sum((1, 2, 3)) if red.ndim == 4 else (red * np.arange(64)).sum((1, 2)) / red.sum((1, 2)))
    assert film.shape == (16, 64, 64, 3) and across[-1] - across[0] == pytest.approx(0.3 * 64, abs=2)


def test_models_lists_what_is_there(run: Run) -> None:
    result = run("models")
    assert result.exit_code == 0 and all(word in result.stdout for word in ("shapes", "8×32×32", "75.0%"))


# --- Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["generate", "draw"])
@pytest.mark.parametrize("caption,words", [
    ("", ["empty", "a large red circle moves left"]),
    ("   ", ["empty"]),
    ("a red circl moves left", ["circl", "circle"]),
    ("word " * 10_000, ["10"]),
    ("🦊 jumps", ["🦊"]),
    ("红色的龙", ["龙"]),
])
def test_bad_captions(run: Run, command: str, caption: str, words: list[str]) -> None:
    refused(run(command, caption, "-o", "film.mp4"), *words)


def test_a_caption_of_another_world(run: Run) -> None:
    refused(run("generate", "a red circle to the left of a blue square"), "two actors",
            "t2v-edu train --world pairs", "t2v-edu draw")


@pytest.mark.parametrize("output,words", [
    ("film.avi", [".avi", ".mp4, .webm, .gif, .png"]),
    ("film", ["no suffix", ".mp4"]),
    ("no/such/film.mp4", ["no/such", "does not exist", "mkdir -p no/such"]),
    ("/dev/null/film.mp4", ["/dev/null", "not a folder"]),
    ("/proc/film.mp4", ["/proc"]),
])
@pytest.mark.parametrize("command", ["generate", "draw"])
def test_bad_outputs(run: Run, command: str, output: str, words: list[str]) -> None:
    refused(run(command, "a red circle", "-o", output), *words)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to play a full disk")
def test_a_full_disk(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path(f".film.{os.getpid()}.part").symlink_to("/dev/full")
    refused(run("generate", "a red circle", "-o", "film.mp4"), "disk is full", "free some space")


def test_a_wrong_place_is_told_before_the_work_is_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "generate", lambda *_, **__: pytest.fail("the model was run for nothing"))
    refused(run("generate", "a red circle", "-o", "nowhere/film.mp4"), "nowhere")
    refused(run("generate", "a red circle", "--fps", "0"), "1 to 60")


@pytest.mark.parametrize("options,words", [
    (["--size", 4], ["size 4", "8 to 2048"]), (["--size", 3000], ["8 to 2048"]),
    (["--size", 2048, "--count", 9], ["6144 pixels", "4096", "smaller --size or --count"]), (["--count", 0], ["1 to 64"]),
    (["--count", 65], ["1 to 64"]), (["--seed", -1], ["seed -1"]), (["--fps", 100], ["1 to 60"]),
    (["--model", "nope"], ["nope", "these are here: shapes"]), (["--model", "/dev/null"], ["/dev/null", "not a model folder"]),
])
def test_options_out_of_range(run: Run, options: list[object], words: list[str]) -> None:
    refused(run("generate", "a red circle", *options), *words)


@pytest.mark.parametrize("arguments", [["generate"], ["generate", "a", "b"], ["generate", "a circle", "--seed", "x"], ["generat"],
                                       ["train", "--size", "huge", "--out", "x"]])
def test_usage_errors_are_exit_code_2_too(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 and "Traceback" not in result.output and left() == []


def test_a_mistake_of_the_program_is_not_dressed_up_as_the_users(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(mux, "write_film", broken)
    monkeypatch.setattr("t2v_edu.film.write_film", broken)
    result = run("generate", "a red circle")
    assert isinstance(result.exception, AssertionError)


@pytest.mark.parametrize("arguments,words", [
    (["shards", "-o", "out", "--world", "shape"], ["shape", "shapes"]),
    (["shards", "-o", "out", "--count", 0], ["count 0"]),
    (["shards", "-o", "out", "--split", "test"], ["test", "held_out"]),
    (["evaluate", "nope"], ["nope", "shapes"]),
    (["evaluate", "shapes", "--clips", 0], ["1 or more"]),
    (["evaluate", "shapes", "--world", "story"], ["'story'", "shapes"]),
    (["evaluate", "../clips"], ["folder of clips", "shapes, digits"]),
    (["evaluate", "shapes", "--json", "no/report.json"], ["mkdir -p no"]),
    (["evaluate", "shapes", "--picture", "table.bmp"], [".png or .svg"]),
    (["models", "--folder", "nowhere"], ["nowhere"]),
    (["shards", "-o", "/dev/null/out"], ["/dev/null", "not a folder"]),
    (["train", "--out", "run", "--steps", 0], ["steps 0", "1 or more"]),
    (["train", "--out", "run", "--batch", 6], ["batch 6", "multiple of 4"]),
    (["train", "--out", "run", "--world", "shape"], ["shape", "shapes, digits"]),
    (["train", "--out", "run", "--resume"], ["run", "leave --resume out"]),
    (["train", "--out", "/dev/null/run"], ["/dev/null", "not a folder"]),
    (["train", "--out", "run", "--data", "nowhere"], ["nowhere", "captions.jsonl"]),
])
def test_bad_input_to_the_other_commands(run: Run, arguments: list[object], words: list[str]) -> None:
    refused(run(*arguments), *words)


def test_training_options_arrive(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from t2v_edu.training import recipes
    from t2v_edu.training.config import TrainConfig

    calls: list[tuple[TrainConfig, Path, bool]] = []
    monkeypatch.setattr(recipes, "train", lambda config, out, *, resume, device, init: calls.append((config, out, resume)))
    assert run("train", "--world", "digits", "--size", "small", "--steps", 9, "--seed", 3, "--out", "run").exit_code == 0
    assert calls.pop() == (TrainConfig(world="digits", size="small", steps=9, seed=3), Path("run"), False)
    Path("run").mkdir()
    TrainConfig(world="digits", steps=1234).save(Path("run/run.json"))
    assert run("train", "--out", "run", "--resume").exit_code == 0
    config, _, resume = calls.pop()
    assert (config.steps, resume) == (1234, True)


def test_ctrl_c_ends_training_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from t2v_edu.training import recipes

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recipes, "train", interrupted)
    result = run("train", "--out", "run")
    assert result.exit_code == 130 and not result.output


@pytest.mark.parametrize("name,contents,words", [
    (None, "", ["no captions", "captions.jsonl"]),
    ("captions.jsonl", '{"video": "a.mp4", "caption": "a"}\n{"video": "a.mp4"\n', ["line 2", "captions.jsonl"]),
    ("captions.jsonl", '{"video": "a.mp4", "caption": "a"}\n\n{"video": "b.mp4", "caption": "b"}\n', ["line 3", "b.mp4"]),
    ("captions.csv", "video,caption\na.mp4,a\na.mp4\n", ["line 3", "captions.csv"]),
])
def test_clip_folders_without_good_captions(run: Run, tmp_path: Path, name: str | None, contents: str, words: list[str]) -> None:
    clips = tmp_path / "mine"
    clips.mkdir()
    mux.write_film(np.zeros((20, 32, 32, 3), np.uint8), clips / "a.mp4")
    if name:
        (clips / name).write_text(contents)
    refused(run("train", "--data", clips, "--out", "run"), *words)


def test_shards_are_written(run: Run) -> None:
    from t2v_edu.shards import ShardFolder

    result = run("shards", "--world", "shapes", "--count", 7, "--per-shard", 4, "-o", "out")
    assert result.exit_code == 0, result.output
    assert len(ShardFolder("out")) == 7 and "7 clips of the world shapes" in result.stdout


# --- As a process -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["generate"], ["draw"], ["film"], ["models"], ["train"], ["evaluate"], ["shards"]])
def test_help_has_examples(run: Run, arguments: list[str]) -> None:
    result = run(*arguments, "--help")
    assert result.exit_code == 0
    if arguments:
        assert "Examples" in result.stdout and result.stdout.count(f"t2v-edu {arguments[0]} ") >= 2


def test_help_and_errors_load_nothing_heavy() -> None:
    script = ("import sys; from typer.testing import CliRunner; from t2v_edu.cli import app; run = CliRunner().invoke;"
              "assert run(app, ['--help']).exit_code == 0;"
              "assert run(app, ['generate', 'a dragon', '-o', '/tmp/never.mp4']).exit_code == 2;"
              "print([m for m in ('torch', 'av', 'matplotlib', 'jieba', 'tensorflow', 'IPython') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("caption", ["a large red circle moves left", "红色的圆向左飘"])
def test_the_first_film_needs_no_library_of_figures_or_notebooks(tmp_path: Path, caption: str) -> None:
    """How long it takes is measured in benchmarks/generation.py; here, that nothing is loaded that only costs time."""
    if not shelf.cards():
        pytest.skip("no trained model ships yet")
    heavy = ("matplotlib", "tensorflow", "IPython", "ipywidgets", "tensorboard")
    script = ("import sys; from typer.testing import CliRunner; from t2v_edu.cli import app;"
              "assert CliRunner().invoke(app, ['generate', *sys.argv[1:]]).exit_code == 0;"
              f"print([m for m in {heavy} if m in sys.modules])")
    film = tmp_path / "film.mp4"
    done = subprocess.run([sys.executable, "-c", script, caption, "-o", str(film)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]" and film.stat().st_size > 0
