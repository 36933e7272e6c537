"""The command line: `t2v-edu generate "a large red circle moves left" -o film.mp4`, and what leads up to it.

Torch, PyAV and the rest are imported inside the commands, so that `--help` and every error come at once.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t2v_edu.errors import friendly

if TYPE_CHECKING:
    from t2v_edu.film import Film

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False,
                  help="A caption becomes a film: make films from captions, train and measure the models that do it.")


class ModelSize(StrEnum):
    """toy trains on a CPU in minutes, small is what ships, base wants a GPU."""

    toy = "toy"
    small = "small"
    base = "base"


class Device(StrEnum):
    """Where to compute; auto takes a GPU if there is one."""

    auto = "auto"
    cpu = "cpu"


Caption = Annotated[str, typer.Argument(help="What should be seen, in English or Chinese.", show_default=False)]
Output = Annotated[Path, typer.Option("--output", "-o", help="The film: .mp4, .webm, .gif, or .png (a strip of frames).")]
Seed = Annotated[int, typer.Option(help="Of what the caption leaves open. The same seed makes the same film.")]
Count = Annotated[int, typer.Option(help="How many films; several become a grid. Film i is what seed + i makes.")]
Pixels = Annotated[int, typer.Option("--size", help="Height of a film in pixels.")]
Model = Annotated[str | None, typer.Option(help="A name (see t2v-edu models) or a model folder; by default the best that "
                                                "knows the caption's world.", show_default=False)]
Rate = Annotated[float, typer.Option(help="Frames a second.")]


@app.command(epilog='[b]Examples[/b]\n\nt2v-edu generate "a large red circle moves left" -o film.mp4\n\n'
                    't2v-edu generate "红色的圆向左飘" -o film.gif --seed 7\n\n'
                    't2v-edu generate "the digit 7 bounces up and down" -o seven.webm --count 9')
@friendly
def generate(caption: Caption, output: Output = Path("film.mp4"), seed: Seed = 0, count: Count = 1, size: Pixels = 256,
             model: Model = None, fps: Rate = 8.0) -> None:
    """Make a film of a caption with a trained model."""
    from t2v_edu.film import mux

    mux.check_target(output)  # before any work is spent
    mux.check_rate(fps)
    _check_grid(count, size)
    from t2v_edu import pipeline
    from t2v_edu.film import upscale

    made = pipeline.generate(caption, model=model, seed=seed, count=count)
    _write([upscale(film, size) for film in made.frames], output, fps, made.caption)
    typer.echo(f"{output}: {made.caption!r} by the model {made.model}, seed {seed}")
    if made.prompt != made.caption:
        typer.echo(f"(said to the model in words it has learnt: {made.prompt!r})")


@app.command(epilog='[b]Examples[/b]\n\nt2v-edu draw "a young girl walks in the park" -o girl.mp4\n\n'
                    't2v-edu draw "一只猫在窗户旁边" -o cat.png --size 64')
@friendly
def draw(caption: Caption, output: Output = Path("film.mp4"), seed: Seed = 0, count: Count = 1, size: Pixels = 256,
         frames: Annotated[int, typer.Option(help="How many frames.")] = 16, fps: Rate = 8.0) -> None:
    """Draw a caption by the rules of the world, without any model: what the film should have looked like."""
    import numpy as np

    from t2v_edu.film import mux

    mux.check_target(output)
    mux.check_rate(fps)
    _check_grid(count, size)
    if seed < 0:
        raise ValueError(f"seed {seed} is out of range; choose a number from 0")
    from t2v_edu.world.captions import parse

    scene = parse(caption)
    from t2v_edu.world.render import render

    films = [render(scene, frames, size, size, np.random.default_rng(seed + i)) for i in range(count)]
    _write(films, output, fps, " ".join(caption.split()))
    typer.echo(f"{output}: {caption!r} drawn by rules, seed {seed}")


def _check_grid(count: int, size: int) -> None:
    """Refuse what no player shows and no memory holds.

    Raises:
        ValueError: no film, too many, or together larger than H.264 allows.
    """
    if not 1 <= count <= 64:
        raise ValueError(f"{count} films are out of range; choose 1 to 64")
    side = math.ceil(math.sqrt(count)) * size
    if side > 4096:
        raise ValueError(f"{count} film(s) of size {size} make a picture of {side} pixels, and 4096 are possible; "
                         "choose a smaller --size or --count")


def _write(films: list[Film], output: Path, fps: float, title: str) -> None:
    """One film as it is, several as a grid; as pictures, a row of frames for each."""
    from t2v_edu.film import grid, strip, write_film

    if output.suffix.lower() == ".png":
        frames = grid([strip(film) for film in films], columns=1)
    else:
        frames = films[0] if len(films) == 1 else grid(films)
    write_film(frames, output, fps=fps, title=title)


@app.command(epilog="[b]Examples[/b]\n\nt2v-edu film data/screenplays/girl_en.md -o girl.mp4\n\n"
                    "t2v-edu film script.md -o film.mp4 --work shots --subtitles film.srt")
@friendly
def film(
    script: Annotated[Path, typer.Argument(help="The screenplay: shots with captions, seconds, narration; see chapter 16.",
                                           show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The film: .mp4 with sound.")] = Path("film.mp4"),
    work: Annotated[Path | None, typer.Option(help="Keep finished shots in this folder, also when the film is there.",
                                              show_default=False)] = None,
    voice: Annotated[bool | None, typer.Option("--voice/--no-voice", help="Speak the narration, or leave it to the subtitles.",
                                               show_default=False)] = None,
    size: Annotated[int | None, typer.Option(help="Side of the picture in pixels, instead of what the screenplay says.",
                                             show_default=False)] = None,
    subtitles: Annotated[Path | None, typer.Option(help="Write them as a file, too: .vtt or .srt.", show_default=False)] = None,
) -> None:
    """Make a film of a screenplay: picture, narration, music, subtitles."""
    from t2v_edu import production

    def tell(done: int, total: int, name: str, state: str) -> None:
        typer.echo(f"shot {done} of {total}: {name} ({state})", err=True)

    made = production.make(script, output, work=work, voice=voice, size=size, subtitles=subtitles, progress=tell)
    typer.echo(f"{output}: {made.play.title!r}, {len(made.takes)} shots, {made.seconds:.2f} s")


@app.command(epilog="[b]Examples[/b]\n\nt2v-edu models\n\nt2v-edu models --folder runs")
@friendly
def models(folder: Annotated[Path | None, typer.Option(help="Where to look; by default at the models that ship.",
                                                       show_default=False)] = None) -> None:
    """Show the trained models that are there: what they can draw, how big they are, how well they do."""
    from rich.console import Console
    from rich.table import Table

    from t2v_edu import shelf

    if folder is not None and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a folder; give one that holds model folders, such as runs")
    found = shelf.cards(folder)
    if not found:
        typer.echo(f"no models in {str(folder or shelf.MODELS)!r}; train one: t2v-edu train --world shapes --out runs/shapes")
        return
    table = Table("model", "can draw", "film", "weights", "all correct on held-out combinations", box=None, pad_edge=False)
    for card in found:
        score = ", ".join(f"{world} {share:.1%}" for world, share in card.scores.items()) or "not evaluated"
        table.add_row(card.name, ", ".join(card.worlds) or "its own clips", card.film, card.weight, score)
    Console().print(table)


@app.command(epilog="[b]Examples[/b]\n\nt2v-edu train --world shapes --size toy --out runs/shapes\n\n"
                    "t2v-edu train --data my_clips --size toy --out runs/mine\n\n"
                    "t2v-edu train --out runs/shapes --resume --steps 20000\n\n"
                    "accelerate launch -m t2v_edu train --world story --size base --out runs/story")
@friendly
def train(
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoints, samples, the model.", show_default=False)],
    world: Annotated[str, typer.Option(help="World to train for: shapes, digits, story, pairs or all.")] = "shapes",
    data: Annotated[Path | None, typer.Option(help="A folder of clips with captions, or of shards, instead of a world.",
                                              show_default=False)] = None,
    size: Annotated[ModelSize, typer.Option(help="toy: CPU, minutes; small: what ships; base: GPU.")] = ModelSize.toy,
    steps: Annotated[int | None, typer.Option(help="How many; --resume keeps what was planned.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(help="Clips a step and process, a multiple of 4.", show_default=False)] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate of the generator.", show_default=False)] = None,
    init: Annotated[Path | None, typer.Option(help="Start from this trained model.", show_default=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder, as it was set up.")] = False,
    device: Annotated[Device, typer.Option(help="auto takes a GPU if there is one.")] = Device.auto,
    seed: Annotated[int, typer.Option(help="Of weights, noise and the order of the clips.")] = 0,
) -> None:
    """Train a model on a world, on a folder of clips, or on shards. Ctrl-C saves; --resume goes on."""
    from t2v_edu.training.config import TrainConfig
    from t2v_edu.world.scene import WORLDS

    if data is not None and not data.is_dir():
        raise ValueError(f"{str(data)!r} is not a folder; give one that holds clips with captions.jsonl, or shards")
    if world not in WORLDS:
        raise ValueError(f"unknown world {world!r}; choose one of: {', '.join(WORLDS)}")
    if resume and not (out / "run.json").is_file():
        raise ValueError(f"{str(out)!r} holds no run to go on with; leave --resume out to begin one")
    _check_folder(out)
    config = TrainConfig(world=None if data else world, data=str(data) if data else None, size=size.value, seed=seed)
    if steps is None and resume:
        steps = TrainConfig.load(out / "run.json").steps
    config = replace(config, steps=config.steps if steps is None else steps, batch=config.batch if batch is None else batch,
                     lr=config.lr if lr is None else lr)  # what is not said is for the recipe to choose
    from t2v_edu.training import recipes

    try:
        recipes.train(config, out, resume=resume, device=device.value, init=init)
    except KeyboardInterrupt:  # the run has been saved, and said so
        raise typer.Exit(130) from None
    typer.echo(f"{out}: trained; make a film with: t2v-edu generate \"…\" --model {out}")


def _check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to, before any work is spent.

    Raises:
        OSError: a file stands in its way, or the nearest folder that exists is not writable.
    """
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not there.is_dir():
        raise NotADirectoryError(f"{str(there)!r} is a file, not a folder; choose another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"the folder {str(there)!r} cannot be written to; choose another, or change its permissions")


@app.command(epilog="[b]Examples[/b]\n\nt2v-edu evaluate shapes\n\n"
                    "t2v-edu evaluate runs/shapes --clips 2000 --json report.json --picture table.png")
@friendly
def evaluate(
    model: Annotated[str, typer.Argument(help="Name of a model (see `t2v-edu models`) or a model folder.", show_default=False)],
    world: Annotated[str | None, typer.Option(help="Which of its worlds; the first if left out.", show_default=False)] = None,
    clips: Annotated[int, typer.Option(help="Films for each line of the table.")] = 1000,
    json: Annotated[Path | None, typer.Option(help="Write the table as JSON, too.", show_default=False)] = None,
    picture: Annotated[Path | None, typer.Option(help="Write it as a picture, too: .png or .svg.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of captions and films.")] = 0,
) -> None:
    """Measure how often a model's films show what their captions say, with the world's own reader."""
    from json import dumps

    from t2v_edu.world.scene import WORLDS

    if clips < 1:
        raise ValueError(f"{clips} clips are out of range; choose 1 or more")
    for folder in {path.parent for path in (json, picture) if path is not None}:
        if not folder.is_dir():
            raise ValueError(f"the folder {str(folder)!r} does not exist; create it (mkdir -p {folder}) or choose another")
    if picture is not None and picture.suffix.lower() not in (".png", ".svg"):
        raise ValueError(f"{str(picture)!r}: a picture can be written as .png or .svg")
    from t2v_edu import pipeline, shelf

    card = shelf.find(model)
    if not card.worlds:
        raise ValueError(f"{model!r} was trained on a folder of clips; only films of a world can be read: {', '.join(WORLDS)}")
    world = card.worlds[0] if world is None else world
    if world not in card.worlds:
        raise ValueError(f"{model!r} was not trained for the world {world!r}; choose one of: {', '.join(card.worlds)}")
    from t2v_edu.evaluation.report import evaluate as measure
    from t2v_edu.film.mux import write_whole

    table = measure(pipeline.painter(pipeline.load(card.path), worlds=card.worlds), world, clips=clips, seed=seed)
    typer.echo(table.text())
    if json is not None:
        write_whole((dumps(table.as_dict(), indent=1) + "\n").encode(), json)
    if picture is not None:
        table.picture(picture)


@app.command(epilog="[b]Examples[/b]\n\nt2v-edu shards --world shapes --count 10000 -o shards/shapes\n\n"
                    "t2v-edu shards --world story --frames 16 --size 64 --count 2000 -o shards/story")
@friendly
def shards(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder; made if missing.", show_default=False)],
    world: Annotated[str, typer.Option(help="World to draw from: shapes, digits, story, pairs or all.")] = "shapes",
    count: Annotated[int, typer.Option(help="How many clips.")] = 10_000,
    per_shard: Annotated[int, typer.Option(help="How many in one file.")] = 1000,
    frames: Annotated[int, typer.Option(help="Frames of a clip.")] = 16,
    size: Annotated[int, typer.Option(help="Height and width in pixels.")] = 32,
    split: Annotated[str, typer.Option(help="seen (for training), held_out, sync_draw or all.")] = "seen",
    seed: Annotated[int, typer.Option(help="Of the stream.")] = 0,
) -> None:
    """Write clips of a world with their captions as WebDataset shards, to train from on many machines."""
    from rich.console import Console
    from rich.progress import Progress

    from t2v_edu.datasets import WorldStream
    from t2v_edu.shards import write_shards

    _check_folder(output)
    source = WorldStream(world, frames=frames, size=size, split=split)
    with Progress(transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("clips", total=count)
        write_shards(source, output, count, per_shard=per_shard, seed=seed,
                     progress=lambda done, total: bar.update(task, completed=done, total=total))
    typer.echo(f"{output}: {count} clips of the world {world}")
