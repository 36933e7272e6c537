"""Chapter 09 · a generator that draws in the page: words from menus, a dial for the noise, twelve pictures of one caption."""

from __future__ import annotations

import base64
import copy
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from torch import Tensor

from t2v_edu.film.arrange import grid
from t2v_edu.models.image_gan import Generator, ImageGAN
from t2v_edu.video import to_frames
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

SHEET = 12  # pictures shown at a time
SHEETS = 4
SLOTS = {
    "size": ("small", "medium sized", "large"),
    "color": ("red", "orange", "yellow", "green", "blue", "purple", "white"),
    "kind": ("circle", "square", "triangle", "star", "cross", "heart"),
    "way": ("right", "left", "up", "down"),
    "place": ("black", "gray", "cream"),
}
TEMPLATE = ("a", "size", "color", "kind", "moves", "way", "on", "a", "place", "background")
FIRST = {"size": "large", "color": "red", "kind": "circle", "way": "right", "place": "gray"}

_QUESTION = "Turn the noise down to 0. How many different pictures of one caption are left?"
_ANSWER = (
    "One: a generator whose only input is the text makes one picture for each text. All that a caption leaves open, here where "
    "the actor stands, has to come from the noise. Beyond 1, the dial asks for noise that training hardly ever drew."
)


def pack(weight: Tensor) -> dict[str, Any]:
    """A tensor as bytes: each row of the first axis as whole numbers from −127 to 127 and a scale."""
    rows = weight.detach().float().reshape(len(weight), -1)
    scale = rows.abs().amax(1).clamp(min=1e-12) / 127
    levels = (rows / scale[:, None]).round().to(torch.int8).numpy()
    return {"shape": list(weight.shape), "scale": [float(s) for s in scale.numpy().astype(np.float32)],
            "data": base64.b64encode(levels.tobytes()).decode()}


def unpack(packed: dict[str, Any]) -> Tensor:
    """The tensor that `pack` made bytes of, to within half a step of its scale."""
    levels = np.frombuffer(base64.b64decode(packed["data"]), np.int8).reshape(packed["shape"][0], -1)
    values = levels.astype(np.float32) * np.asarray(packed["scale"], np.float32)[:, None]
    return torch.from_numpy(values).reshape(packed["shape"])


def pack_generator(generator: Generator) -> dict[str, Any]:
    """All weights, in the shape of the net."""

    def layer(name: str) -> dict[str, Any]:
        part = generator.get_submodule(name)
        return {key: pack(weight) for key, weight in part.named_parameters()}

    told = generator.config.tell_g == "modulation"
    up = [{"conv": layer(f"up.{i}.conv"), **({"modulate": layer(f"up.{i}.modulate.linear")} if told else {})}
          for i in range(len(generator.up))]
    return {"seed": layer("seed"), "up": up, "paint": layer("paint")}


def through_bytes(generator: Generator) -> Generator:
    """A copy with the weights that the page has."""
    other = copy.deepcopy(generator)
    other.load_state_dict({name: unpack(pack(weight)) for name, weight in generator.state_dict().items()})
    return other


class DrawingBoard(Widget):
    """A caption of words from menus, and the pictures that a generator makes of it and of some noise.

    Args:
        model: whose words and generator are put into the page, as bytes.
        strength: tenths that the noise is multiplied by, 0 to 15.
        question, answer: to think about before moving anything; empty for none.
        choice: the word that each menu shows at first, by the names of `SLOTS`.
    Raises:
        ValueError: a model that does not know the words, a choice that no menu has, a strength out of range.
    """

    widget = "drawing_board"
    settings: ClassVar[tuple[str, ...]] = (*SLOTS, "strength", "sheet")
    _esm = module("drawing_board")
    _css = site_css()

    side = traitlets.Int().tag(sync=True)
    net: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    vectors: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    norm: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    slots: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    template: traitlets.List[Any] = traitlets.List().tag(sync=True)
    noises: traitlets.List[Any] = traitlets.List().tag(sync=True)
    size, color, kind, way, place = (traitlets.Unicode().tag(sync=True) for _ in range(5))
    strength, sheet = traitlets.Int().tag(sync=True), traitlets.Int().tag(sync=True)

    def __init__(self, model: ImageGAN, *, strength: int = 10, question: str = _QUESTION, answer: str = _ANSWER,
                 **choice: str) -> None:
        choice = {**FIRST, **choice}
        for slot, word in choice.items():
            if word not in SLOTS.get(slot, ()):
                raise ValueError(f"{slot} {word!r}: choose of {SLOTS}")
        if not 0 <= strength <= 15:
            raise ValueError(f"strength {strength}: the dial goes from 0 to 15 tenths")
        known = sorted({part for words in (*SLOTS.values(), TEMPLATE) for word in words if word not in SLOTS
                        for part in word.split()})
        if strange := model.tokenizer.unknown(" ".join(known)):
            raise ValueError(f"the model never saw {', '.join(strange)}; give one trained for the world 'shapes' in English")
        table = model.words.embed.weight.detach()
        ids = {word: model.tokenizer.words.index(word) for word in known}
        z = torch.randn(SHEET * SHEETS, model.config.noise, generator=torch.Generator().manual_seed(0))
        super().__init__(
            side=model.config.size, net=pack_generator(model.generator), strength=strength, question=question,
            vectors={word: _rounded(table[i]) for word, i in ids.items()}, noises=[_rounded(row) for row in z],
            norm={"weight": _rounded(model.words.norm.weight), "bias": _rounded(model.words.norm.bias)},
            slots={slot: list(words) for slot, words in SLOTS.items()}, template=list(TEMPLATE),
            answer=answer, **choice,
        )
        self._generator, self._words = through_bytes(model.generator), model.words

    def caption(self) -> str:
        """What the menus say."""
        return " ".join(getattr(self, word) if word in SLOTS else word for word in self.template)

    def pictures(self) -> Tensor:
        """What the board shows: (12, 3, H, W) in [-1, 1]."""
        mean = torch.tensor([self.vectors[word] for word in self.caption().split()]).mean(0)
        weight, bias = torch.tensor(self.norm["weight"]), torch.tensor(self.norm["bias"])
        code = torch.nn.functional.layer_norm(mean, mean.shape, weight, bias)
        z = torch.tensor(self.noises[self.sheet * SHEET : (self.sheet + 1) * SHEET]) * (self.strength / 10)
        with torch.no_grad():
            made: Tensor = self._generator(z, code.expand(len(z), -1))
        return made

    def page_state(self) -> dict[str, Any]:
        fixed = ("side", "net", "vectors", "norm", "slots", "template", "noises")
        return {**super().page_state(), **{name: getattr(self, name) for name in fixed}}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """The twelve pictures in two rows."""
        films = list(to_frames(self.pictures()[:, :, None]))
        sheet = grid(films, columns=SHEET // 2)[0]
        text = f"Twelve pictures that a generator made of the caption “{self.caption()}”"
        return np.kron(sheet, np.ones((3, 3, 1), np.uint8)), text


def _rounded(row: Tensor) -> list[float]:
    return [round(v, 4) for v in row.detach().tolist()]
