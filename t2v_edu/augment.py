"""Chapter 09 · more pairs from the same clips: what is done to the film is done to its caption."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from t2v_edu.datasets import Clip, Frames, Source, clip_rng
from t2v_edu.world.captions import detect_language, say
from t2v_edu.world.places import place_picture
from t2v_edu.world.render import RGB
from t2v_edu.world.scene import CAST, PLAIN_PLACES, STORY, Scene, in_split
from t2v_edu.world.transform import mirror, recolor, swap_words
from t2v_edu.world.transform import reverse as reverse_scene

ZOOM, SHIFT = 0.05, 0.04  # most that a crop does, as shares of the frame: less than lies between two sizes
ONE_WAY = ("spins", "zigzags")  # in the world these begin upright and downwards; backwards they would end so
_PURPOSE = 1  # of the generator: another one than the clip itself was drawn with


def augment(
    clip: Clip, rng: np.random.Generator, *, crop: float = 0.5, flip: float = 0.5, color: float = 0.5, reverse: float = 0.5
) -> Clip:
    """A changed film with a caption that is true of it.

    Each change comes with its probability, 0 to 1 (True is always), and only where film and caption can go together: a
    mirrored 7 is no digit, a mirrored park no park of the world, a walk that runs backwards no walk. A scene that training
    may see never becomes a held-out one. A clip without a scene is cropped and mirrored only.

    Args:
        clip: (T, H, W, 3) uint8 with caption, and scene if there is one.
        crop: cut and scale by up to 5 %, moved by up to 4 % of the frame; no actor is cut.
        flip: left becomes right, in the caption too.
        color: one actor is repainted, on plain places.
        reverse: time runs backwards: what moved left moves right, what grew shrinks.
    """
    wanted = rng.random(4) < (reverse, flip, color, crop)
    said = clip
    for apply, change in zip(wanted, (reversed_in_time, mirrored, repainted, cropped), strict=True):
        if apply:
            said = change(said, rng)
    if said.scene is None or said.scene == clip.scene:
        return said
    return replace(said, caption=say(said.scene, detect_language(clip.caption), rng))


class Augmented(Source):
    """Another source's clips, augmented; every pass over a folder changes them in another way. Arguments as of `augment`."""

    def __init__(self, source: Source, *, crop: float = 0.5, flip: float = 0.5, color: float = 0.5, reverse: float = 0.5) -> None:
        super().__init__(source.frames, source.size)
        self.source, self.rank, self.world_size = source, source.rank, source.world_size
        self.chances = {"crop": crop, "flip": flip, "color": color, "reverse": reverse}
        for name, chance in self.chances.items():
            if not 0 <= chance <= 1:
                raise ValueError(f"{name} {chance} is no probability; use 0 to 1")

    def clip(self, seed: int, index: int) -> Clip:
        return augment(self.source.clip(seed, index), clip_rng(seed, index, _PURPOSE), **self.chances)


# --- The four changes; each returns the clip as it is where it cannot be done. Captions are said anew by `augment`. ---------


def reversed_in_time(clip: Clip, rng: np.random.Generator) -> Clip:
    """The film backwards, with the scene that it then shows."""
    if clip.scene is None or any(a.action in ONE_WAY for a in clip.scene.actors):
        return clip
    return _with(clip, reverse_scene(clip.scene), clip.frames[::-1])


def mirrored(clip: Clip, rng: np.random.Generator) -> Clip:
    """Left and right exchanged, in the scene or, where there is none, in the caption's words."""
    if clip.scene is None:
        return Clip(np.ascontiguousarray(clip.frames[:, :, ::-1]), swap_words(clip.caption))
    if clip.scene.place not in PLAIN_PLACES:
        return clip  # the park the other way round is no place of the world
    return _with(clip, mirror(clip.scene), clip.frames[:, :, ::-1])


def repainted(clip: Clip, rng: np.random.Generator) -> Clip:
    """One actor in another colour that suits it.

    A pixel is a mixture ground + α·(paint − ground). α is found by projection, and α·(new − old) added: edges keep their shade.
    """
    scene = clip.scene
    if scene is None or scene.place not in PLAIN_PLACES or any(a.kind in STORY for a in scene.actors):
        return clip
    which = int(rng.integers(len(scene.actors)))
    old = scene.actors[which].color
    new = [c for c in CAST[scene.actors[which].kind].colors if c != old]
    changed = recolor(scene, which, new[int(rng.integers(len(new)))])
    if changed is None:
        return clip
    ground, before, after = _ground(scene), _paint(old), _paint(changed.actors[which].color)
    film = clip.frames.astype(np.float32)
    part = film[_cell(scene, which, film.shape)]  # a view: (T, h, w, 3)
    alpha = (part - ground) @ (before - ground) / np.square(before - ground).sum()
    part += np.clip(alpha, 0, 1)[..., None] * (after - before)
    return _with(clip, changed, (np.clip(film, 0, 255) + 0.5).astype(np.uint8))


def cropped(clip: Clip, rng: np.random.Generator) -> Clip:
    """A window of nearly the whole frame, scaled to the frame's size.

    On a plain place the window may reach outside, where the place goes on; of a real film it lies inside. A picture of a place
    is left as it is.
    """
    zoom, right, down = rng.uniform(-1, 1, 3)
    _, height, width, _ = clip.frames.shape
    if clip.scene is None:
        side = 1 - ZOOM * (1 + zoom)
        x, y = (1 - side) * (1 + right) / 2, (1 - side) * (1 + down) / 2
        return replace(clip, frames=_scaled(clip.frames, (x * width, y * height, (x + side) * width, (y + side) * height)))
    if clip.scene.place not in PLAIN_PLACES:
        return clip
    ground = _ground(clip.scene)
    side, (y, x) = _window(clip, ground, 1 + ZOOM * zoom, (SHIFT * down, SHIFT * right))
    pad = int(np.ceil((ZOOM + SHIFT) * max(height, width))) + 1
    wide = np.empty((len(clip.frames), height + 2 * pad, width + 2 * pad, 3), np.uint8)
    wide[:] = (ground + 0.5).astype(np.uint8)
    wide[:, pad:-pad, pad:-pad] = clip.frames
    box = (pad + x * width, pad + y * height, pad + (x + side) * width, pad + (y + side) * height)
    return replace(clip, frames=_scaled(wide, box, (height, width)))


# --- Pieces -----------------------------------------------------------------------------------------------------------


def _with(clip: Clip, scene: Scene | None, frames: Frames) -> Clip:
    """The clip with a new scene and film, or as it was if there is no such scene or training would then see what is held out."""
    if clip.scene is None or scene is None or (in_split(clip.scene, "seen") and not in_split(scene, "seen")):
        return clip
    return Clip(np.ascontiguousarray(frames), clip.caption, scene)


def _ground(scene: Scene) -> NDArray[np.float32]:
    """The colour (3,) of a plain place."""
    ground: NDArray[np.float32] = np.asarray(place_picture(scene.place, 16, 16), np.float32)[0, 0]
    return ground


def _paint(color: str) -> NDArray[np.float32]:
    return np.asarray(RGB[color], np.float32)


def _cell(scene: Scene, which: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The part of the film (T, H, W, 3) that belongs to one actor."""
    if scene.relation is None:
        return (slice(None),)
    axis = 2 if scene.relation == "left_of" else 1
    middle = shape[axis] // 2
    return (slice(None),) * axis + (slice(middle) if which == 0 else slice(middle, None),)


def _window(
    clip: Clip, ground: NDArray[np.float32], side: float, shift: tuple[float, float]
) -> tuple[float, tuple[float, float]]:
    """Side and corner (y, x) of the window nearest to the wanted one, in shares of the frame, that cuts no actor.

    Two actors also stay on their own sides of its middle: there the relation is read.
    """
    assert clip.scene is not None
    shown = np.abs(clip.frames - ground).max(-1).max(0) > 24  # (H, W)
    halves = [shown[_cell(clip.scene, i, (1, *shown.shape))[1:]] for i in range(len(clip.scene.actors))]
    corner = []
    for axis in (0, 1):
        start, end = _span(shown.any(1 - axis))
        side = max(side, end - start)
        low, high = end - side, start
        if (clip.scene.relation, axis) in (("above", 0), ("left_of", 1)):
            low = max(low, _span(halves[0].any(1 - axis))[1] / 2 - side / 2)
            high = min(high, 0.5 + _span(halves[1].any(1 - axis))[0] / 2 - side / 2)
        corner.append((low, high))
    if any(low > high for low, high in corner):
        return 1.0, (0.0, 0.0)
    y, x = (float(np.clip((1 - side) / 2 + s, low, high)) for s, (low, high) in zip(shift, corner, strict=True))
    return side, (y, x)


def _span(row: NDArray[np.bool_]) -> tuple[float, float]:
    """Where what is set in a row begins and ends, as shares of its length."""
    at = np.flatnonzero(row)
    return (float(at[0] / len(row)), float((at[-1] + 1) / len(row))) if len(at) else (0.5, 0.5)


def _scaled(frames: Frames, box: tuple[float, float, float, float], shape: tuple[int, int] | None = None) -> Frames:
    """The box (left, top, right, bottom, in pixels, fractions allowed) of every frame, scaled to (H, W)."""
    height, width = shape or frames.shape[1:3]
    return np.stack([
        np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC, box=box)) for frame in frames
    ])
