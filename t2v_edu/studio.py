"""Chapter 16 · the pictures of one shot, from wherever the screenplay says: the world, a model, a clip, a photo, a card."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from t2v_edu import pipeline
from t2v_edu.film import lut
from t2v_edu.film.arrange import Film, upscale
from t2v_edu.film.composite import Cutout, actor_color, as_film, clean_plate, composite, cut_out, key
from t2v_edu.film.resample import double_rate
from t2v_edu.film.shots import CLIPS, Screenplay, Shot
from t2v_edu.film.titles import check_glyphs, title_card
from t2v_edu.world.captions import detect_language, parse, say
from t2v_edu.world.places import place_picture
from t2v_edu.world.render import LARGEST, render
from t2v_edu.world.scene import PLACES, Scene

ZOOM = 0.12  # how far a still picture comes nearer in the course of its shot
Earlier = Callable[[str], Film]


def check(play: Screenplay, shot: Shot, frames: int) -> None:
    """Refuse a shot that cannot be filmed, before any work is spent.

    Raises:
        ScriptError: what is wrong, with the line it stands in.
    """
    kind = shot.picture.kind
    attempts: list[tuple[str, Callable[[], object]]] = []
    if kind in ("world", "model"):
        attempts.append(("caption", lambda: parse(shot.caption)))
        attempts.append(("place" if shot.place else "caption", lambda: scene_of(shot)))
    if kind == "model":
        attempts.append(("picture", lambda: pipeline.plan(prompt_of(shot), shot.picture.name or None)))
    if kind == "title":
        attempts.append(("caption", lambda: check_glyphs(shot.caption or play.title)))
    if kind in ("clip", "photo"):
        attempts.append(("picture", lambda: _check_file(play, shot.picture.name, frames)))
    if shot.background and kind not in ("world", "model"):
        raise play.error(shot, "background", f"a background goes behind what the world or a model draws, not behind a {kind}")
    if shot.background and shot.background not in PLACES:
        attempts.append(("background", lambda: _check_file(play, shot.background, frames)))
    if shot.grade:
        attempts.append(("grade", lambda: grade(np.zeros((1, 1, 1, 3), np.uint8), shot.grade, play.path.parent)))
    for line, attempt in attempts:
        try:
            attempt()
        except (ValueError, OSError) as error:
            raise play.error(shot, line, str(error)) from error


def shoot(play: Screenplay, shot: Shot, frames: int, earlier: Earlier) -> Film:
    """The pictures of a shot, graded.

    Args:
        frames: how many.
        earlier: the pictures of a shot before it, by name.
    Returns:
        (frames, size, size, 3) uint8.
    """
    kind, name = shot.picture
    if kind == "title":
        film = title_card(shot.caption or play.title, height=play.size, width=play.size, frames=frames)
    elif kind == "shot":
        film = lengthen(earlier(name), frames)
    elif kind in ("clip", "photo"):
        film = read(name, play.size, frames, play.fps)
    elif shot.background:
        behind, moves = _behind(shot.background, play, frames)
        film = composite(_cutout(shot, frames, play.size), behind, track=moves)
    elif kind == "model":
        film = upscale(lengthen(_dream(shot), frames), play.size)
    else:
        side = min(play.size, LARGEST)
        film = upscale(render(scene_of(shot), frames, side, side, np.random.default_rng(shot.seed)), play.size)
    return grade(film, shot.grade, play.path.parent) if shot.grade else film


# --- The world and the models -----------------------------------------------------------------------------------------


def scene_of(shot: Shot) -> Scene:
    """What the shot's caption says, in the shot's place."""
    scene = parse(shot.caption)
    return replace(scene, place=shot.place) if shot.place else scene


def prompt_of(shot: Shot) -> str:
    """The caption for a model: the shot's own, or, in another place, one that says so."""
    return say(scene_of(shot), detect_language(shot.caption)) if shot.place else shot.caption


def _dream(shot: Shot) -> Film:
    return pipeline.generate(prompt_of(shot), model=shot.picture.name or None, seed=shot.seed).frames[0]


def _cutout(shot: Shot, frames: int, size: int) -> Cutout:
    """The shot's actors alone: exactly where the world draws them, by a key where a model does."""
    if shot.picture.kind == "world":
        side = min(size, LARGEST)
        return cut_out(scene_of(shot), frames, side, side, np.random.default_rng(shot.seed))
    film = upscale(lengthen(_dream(shot), frames), min(size, LARGEST))
    plate = clean_plate(film, plain=True)
    return key(film, plate, color=actor_color(film, plate))


# --- Files ------------------------------------------------------------------------------------------------------------


def read(path: str, size: int, frames: int, fps: float) -> Film:
    """The first frames of a clip, or a photo that comes slowly nearer: (frames, size, size, 3)."""
    if Path(path).suffix.lower() in CLIPS:
        from t2v_edu.decode import decode

        return decode(Path(path), fps=fps, size=size, seconds=frames / fps)[:frames]
    photo = _photo(path)
    made = np.empty((frames, size, size, 3), np.uint8)
    for t in range(frames):
        made[t] = _nearer(photo, size, 1 + ZOOM * t / max(1, frames - 1))
    return made


def _photo(path: str) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def _nearer(photo: Image.Image, size: int, zoom: float) -> NDArray[np.uint8]:
    """The centred square of a photo, seen through a lens that shows 1/zoom of it."""
    half = min(photo.size) / 2 / zoom
    x, y = photo.width / 2, photo.height / 2
    box = (x - half, y - half, x + half, y + half)
    return np.asarray(photo.resize((size, size), Image.Resampling.BICUBIC, box=box))


def _behind(background: str, play: Screenplay, frames: int) -> tuple[Film, NDArray[np.float64] | None]:
    """A background as a film, and how its camera moves; None where it stands still, or leaves the actor behind."""
    if background in PLACES:
        picture = (place_picture(background, play.size, play.size) + 0.5).astype(np.uint8)
        return as_film(picture, frames), None
    film = read(background, play.size, frames, play.fps)
    if Path(background).suffix.lower() not in CLIPS:
        return film, None
    from t2v_edu.film.camera import follow, stays_in_view

    track = follow(film)
    return film, track if stays_in_view(track, play.size, play.size) else None  # rather adrift than out of the picture


def _check_file(play: Screenplay, path: str, frames: int) -> None:
    """Refuse a file that shows nothing, or a clip that ends before the shot does."""
    if Path(path).suffix.lower() not in CLIPS:
        try:
            _photo(path)
        except OSError as error:
            raise ValueError(f"{path!r} holds no picture that can be read: {error}") from error
        return
    from t2v_edu.decode import UnreadableVideo, decode

    try:
        there = len(decode(Path(path), fps=play.fps, size=8, seconds=frames / play.fps))  # small: only their number is wanted
    except UnreadableVideo as error:
        raise ValueError(f"{path!r} {error}") from error
    if there < frames:
        short = math.floor(100 * there / play.fps) / 100
        raise ValueError(f"{path!r} lasts {short:g} s and the shot needs {frames / play.fps:.2f} s, what it shares with the next "
                         "one included; take a longer clip or a shorter shot")


def grade(film: Film, how: str, folder: Path) -> Film:
    """The film in a look by name (`lut.LOOKS`), or by a .cube table beside the screenplay."""
    if how.lower().endswith(".cube"):
        if not (folder / how).is_file():
            raise ValueError(f"there is no file {how!r} beside the screenplay")
        return lut.apply_lut(film, lut.read_cube(folder / how))
    return lut.grade(film, how)


def lengthen(film: Film, frames: int) -> Film:
    """The film slowed down, or sped up, to so many frames: new ones come from the motion between its own."""
    while 1 < len(film) < frames:
        film = double_rate(film)
    chosen: Film = film[np.linspace(0, len(film) - 1, frames).round().astype(int)]
    return chosen
