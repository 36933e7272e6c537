"""Chapter 10 · a caption becomes a film: read it, choose a model that knows its world, and let that model dream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from t2v_edu import shelf
from t2v_edu.film.arrange import Film
from t2v_edu.world.captions import detect_language, parse, say
from t2v_edu.world.scene import Scene

if TYPE_CHECKING:
    import torch

MAX_COUNT = 64
MAX_SEED = 2**63 - 1
EXAMPLE = "a large red circle moves left"


Painter = Callable[[Sequence[str], int], NDArray[np.uint8]]


class CaptionedVideoModel(Protocol):
    """What the pipeline asks of a model: films for captions, their noise from the generator alone."""

    def generate(self, captions: Sequence[str], generator: torch.Generator) -> torch.Tensor:
        """(B, C, T, H, W) in [-1, 1], one for each caption."""
        ...


@dataclass(frozen=True)
class Generated:
    """Films of one caption.

    Attributes:
        frames: (T, H, W, 3) uint8 each; film number i is the one that seed + i makes.
        caption: as it was read, spaces evened out.
        scene: its meaning; None for a model trained on a folder of clips, whose captions have no grammar.
        model: name of the model that made them.
        seed: of the first.
        prompt: the words that the model was given: the caption, or its meaning said in words that the model has learnt.
    """

    frames: list[Film]
    caption: str
    scene: Scene | None
    model: str
    seed: int
    prompt: str


def generate(caption: str, *, model: str | Path | CaptionedVideoModel | None = None, seed: int = 0, count: int = 1) -> Generated:
    """Films of what a caption says. The same caption, model and seed make the same films.

    Args:
        caption: English or Chinese.
        model: name of a model that ships, a model folder, or a loaded model; by default the best that knows the caption's world.
        seed: of the first film, 0 or more; the next has the next seed.
        count: how many films, 1 to 64.
    Raises:
        ValueError: a caption that cannot be read or that the model was not trained for, a model that is not there or is
            damaged, a seed or count out of range. The message says what would do.
    """
    if not 1 <= count <= MAX_COUNT:
        raise ValueError(f"{count} films are out of range; choose 1 to {MAX_COUNT}")
    if not 0 <= seed <= MAX_SEED - count:
        raise ValueError(f"seed {seed} is out of range; choose a number from 0 to 2^63 - {count + 1}")
    if model is None or isinstance(model, str | Path):
        caption, scene, card = plan(caption, model)
        name, drawer = card.name, load(card.path)
    else:
        caption, scene, name, drawer = _tidy(caption), None, type(model).__name__, model
    prompt = _reword(drawer, caption, scene)
    return Generated(_dream(drawer, prompt, seed, count), caption, scene, name, seed, prompt)


def plan(caption: str, model: str | Path | None = None) -> tuple[str, Scene | None, shelf.ModelCard]:
    """What `generate` would do, before any model is loaded: the caption as read, its scene, and the model for it.

    Raises:
        ValueError: as `generate`, for captions and models.
    """
    caption = _tidy(caption)
    card = None if model is None else shelf.find(model)
    if card is not None and not card.worlds:
        return caption, None, card  # trained on somebody's clips: its own vocabulary decides, when it is loaded
    scene, lang = parse(caption), detect_language(caption)
    if card is None:
        return caption, scene, shelf.choose_model(scene, lang)
    shelf.check_knows(card, scene, lang)
    return caption, scene, card


def load(path: Path) -> CaptionedVideoModel:
    """The model of a folder.

    Raises:
        ValueError: a folder that is damaged or holds another kind of model; the message says what to do.
    """
    from t2v_edu.models.flow_video import FlowVideo
    from t2v_edu.models.video_gan import VideoGAN

    kind = shelf.read_card(path).config.get("kind")
    try:
        return FlowVideo.from_pretrained(path) if kind == FlowVideo.kind else VideoGAN.from_pretrained(path)
    except (TypeError, AttributeError) as error:  # settings of another type
        file = str(path / "config.json")
        raise ValueError(f"the settings in {file!r} do not describe a model ({type(error).__name__}: {error}); "
                         "copy the folder again, or train the model again: t2v-edu train --help") from error


def painter(model: CaptionedVideoModel, *, worlds: Sequence[str] = (), batch: int = 32) -> Painter:
    """A model as evaluation sees it: captions and a seed in, films out, just as `generate` would make them.

    Args:
        model: a loaded model.
        worlds: what it was trained for; then words that it never learnt are said in words that it did.
        batch: films at a time.
    Returns:
        function of B captions and a seed, to (B, T, H, W, 3) uint8; the same arguments give the same films.
    """
    def paint(captions: Sequence[str], seed: int) -> NDArray[np.uint8]:
        import torch

        from t2v_edu.video import to_frames

        noise = torch.Generator().manual_seed(seed)
        prompts = [_reword(model, caption, parse(caption) if worlds else None) for caption in captions]
        with torch.inference_mode():
            parts = [model.generate(prompts[i : i + batch], generator=noise) for i in range(0, len(prompts), batch)]
        return np.concatenate([to_frames(part) for part in parts])

    return paint


def _tidy(caption: str) -> str:
    if not isinstance(caption, str):
        raise ValueError(f"a caption is text, not {type(caption).__name__} {caption!r}; for example {EXAMPLE!r}")
    tidy = " ".join(caption.split())
    if not tidy:
        raise ValueError(f"the caption is empty; say who does what, for example {EXAMPLE!r}")
    if len(tidy) > 2000:
        raise ValueError(f"the caption has {len(tidy):,} characters ({len(tidy.split()):,} words); one sentence is enough, "
                         f"for example {EXAMPLE!r}")
    return tidy


def _reword(model: CaptionedVideoModel, caption: str, scene: Scene | None) -> str:
    """The caption, unless a word of it was not in the model's lessons: then its meaning in the plainest words."""
    tokenizer = getattr(model, "tokenizer", None)
    if scene is None or tokenizer is None or not tokenizer.unknown(caption):
        return caption
    return say(scene, detect_language(caption))


def _dream(model: CaptionedVideoModel, caption: str, seed: int, count: int) -> list[Film]:
    import torch

    from t2v_edu.video import to_frames

    films: list[Film] = []
    for i in range(count):  # one by one, so that film i does not depend on how many there are
        with torch.inference_mode():
            video = model.generate([caption], generator=torch.Generator().manual_seed(seed + i))
        films.append(to_frames(video)[0])
    return films
