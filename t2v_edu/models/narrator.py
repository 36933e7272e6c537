"""Chapter 06 · a narrator that writes captions, one word or one character after the other · Graves 2013, arXiv:1308.0850."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.recurrent import Cell, GRUCell, LSTMCell, RNNCell, State, over_time
from t2v_edu.weights import load_weights, read_card, save_model
from t2v_edu.world.captions import detect_language, parse
from t2v_edu.world.lexicon import LANGUAGES
from t2v_edu.world.scene import CLASHES, WORLDS, Scene, all_actors, in_split

END = "<end>"
STARTS = {"en": "<en>", "zh": "<zh>"}  # the first symbol of a caption says its language
CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}
UNITS = ("word", "character")
_WORDS = re.compile(r"[\u3400-\u9fff]|[a-zA-Z]+|[^\s]")
_READABLE = re.compile(r"[a-zA-Z\u3400-\u9fff]")


@dataclass(frozen=True)
class NarratorConfig:
    """Sizes of a narrator.

    Args:
        unit: what it writes at a step: "word" (English words, Chinese characters, punctuation) or "character".
        cell: "rnn", "gru" or "lstm".
        width, hidden: numbers in the vector of a symbol and in h.
    Raises:
        ValueError: a unit or cell that does not exist, a size below 1.
    """

    unit: str = "word"
    cell: str = "lstm"
    width: int = 48
    hidden: int = 128

    def __post_init__(self) -> None:
        for name, value, known in (("unit", self.unit, UNITS), ("cell", self.cell, CELLS)):
            if value not in known:
                raise ValueError(f"{name} {value!r} does not exist; choose one of: {', '.join(known)}")
        if min(self.width, self.hidden) < 1:
            raise ValueError(f"width and hidden must be at least 1, not {self.width} and {self.hidden}")


def split(caption: str, unit: str = "word") -> list[str]:
    """The symbols of a caption; `join` puts them together again.

    Raises:
        ValueError: an empty caption, or one in neither English nor Chinese.
    """
    text = " ".join(caption.split())
    if not text:
        raise ValueError(f"the caption {caption!r} is empty; write at least one word")
    if not _READABLE.search(text):
        raise ValueError(f"the caption {caption!r} is in neither English nor Chinese")
    return list(text) if unit == "character" else _WORDS.findall(text)


def join(symbols: Sequence[str], unit: str = "word") -> str:
    """A caption of its symbols: English words get spaces between them, Chinese characters none."""
    if unit == "character":
        return "".join(symbols)
    text = ""
    for before, symbol in zip(["", *symbols], symbols, strict=False):
        english = bool(re.match("[a-zA-Z0-9]", symbol)) and bool(re.match("[a-zA-Z0-9,;]", before))
        text += " " * english + symbol
    return text


def next_probabilities(logits: Tensor, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
    """What the next symbol is drawn from: softmax(logits / temperature), all but the `top_k` likeliest struck out.

    Args:
        logits: (..., V).
        temperature: 1 leaves the distribution as it is, below 1 sharpens it; 0 puts everything on the likeliest symbol.
        top_k: how many symbols may come at all, None for all; of equals the one that comes first stays.
    Returns:
        (..., V), sums to 1.
    Raises:
        ValueError: a negative temperature, or fewer than one symbol.
    Source: Ackley et al. 1985 (temperature); Fan et al. 2018, arXiv:1805.04833 (top-k).
    """
    if not temperature >= 0:
        raise ValueError(f"the temperature must not be negative, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}; None keeps all {logits.shape[-1]}")
    if temperature == 0:
        top_k, temperature = 1, 1.0
    order = torch.argsort(logits, dim=-1, descending=True, stable=True)
    logits = (logits - logits.amax(-1, keepdim=True)) / temperature  # the largest is 0, so that exp cannot overflow
    if top_k is not None:
        logits = logits.scatter(-1, order[..., top_k:], -torch.inf)
    return logits.softmax(-1)


def breadth(probabilities: Tensor) -> Tensor:
    """Perplexity of a distribution (..., V): exp of its entropy, how many equally likely symbols are as hard to guess."""
    entropy: Tensor = torch.special.entr(probabilities).sum(-1)
    return entropy.exp()


def cross_entropy(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Mean of −ln p(target) over the real steps, in nats; exp of it is the perplexity.

    Args:
        logits: (B, L, V).
        targets, mask: (B, L), mask True at real steps.
    """
    chosen = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")  # (B, L)
    return chosen[mask].mean()


class Narrator(nn.Module):
    """p(caption) = Π p(symbol | the symbols before it): an embedding, a recurrent cell, a linear layer.

    Args:
        config: sizes.
        symbols: what it can write; sorted, so that ids do not depend on the order of the data.
    """

    kind = "narrator"

    def __init__(self, config: NarratorConfig, symbols: Iterable[str]) -> None:
        super().__init__()
        self.config = config
        self.symbols = (END, *STARTS.values(), *sorted(set(symbols) - {END, *STARTS.values()}))
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.embed = nn.Embedding(len(self.symbols), config.width)
        self.cell = CELLS[config.cell](config.width, config.hidden)
        self.out = nn.Linear(config.hidden, len(self.symbols))

    @classmethod
    def fit(cls, captions: Iterable[str], config: NarratorConfig | None = None) -> Self:
        """An untrained narrator that knows every symbol of the captions."""
        config = config or NarratorConfig()
        return cls(config, (symbol for caption in captions for symbol in split(caption, config.unit)))

    def encode(self, captions: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """What goes in, what should come out, and where: ids (B, L), the same one step on (B, L), mask (B, L) bool.

        Raises:
            ValueError: no captions, an empty one, one in neither language, or one with a symbol that training never had.
        """
        if not captions or isinstance(captions, str):
            raise ValueError(f"encode takes a list of one or more captions, got {captions!r}")
        rows = [[self._ids[STARTS[detect_language(c)]], *self._look_up(c), 0] for c in captions]
        length = max(map(len, rows)) - 1
        padded = torch.tensor([row + [0] * (length + 1 - len(row)) for row in rows])
        steps = torch.tensor([len(row) - 1 for row in rows])
        return padded[:, :-1], padded[:, 1:], torch.arange(length) < steps[:, None]

    def _look_up(self, caption: str) -> list[int]:
        symbols = split(caption, self.config.unit)
        strange = [s for s in symbols if s not in self._ids]
        if strange:
            raise ValueError(f"{strange[0]!r} in {caption!r} is none of this narrator's {len(self.symbols)} symbols")
        return [self._ids[s] for s in symbols]

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits of the symbol after each: ids (B, L) → (B, L, V)."""
        x = self.embed(ids)  # (B, L, width)
        h, _ = over_time(self.cell, x, mask=mask)  # (B, L, hidden)
        logits: Tensor = self.out(h)
        return logits  # (B, L, V)

    def loss(self, captions: Sequence[str]) -> Tensor:
        """Cross-entropy of the captions, nats a symbol, the end of each included."""
        ids, targets, mask = self.encode(captions)
        return cross_entropy(self(ids, mask), targets, mask)

    @torch.no_grad()
    def perplexity(self, captions: Sequence[str]) -> float:
        """exp of the cross-entropy: among how many equally likely symbols it is, on average, torn."""
        return float(self.loss(captions).exp())

    @torch.no_grad()
    def next_logits(self, beginning: str = "", lang: str = "en") -> Tensor:
        """Logits (V,) of what may follow the beginning of a caption."""
        _, logits = self._read(beginning, lang, 1)
        return logits[0]

    @torch.no_grad()
    def generate(
        self,
        count: int,
        lang: str = "en",
        *,
        beginning: str = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        longest: int = 80,
        generator: torch.Generator | None = None,
    ) -> list[str]:
        """Write captions, each symbol drawn from `next_probabilities` and fed back in, until the end symbol or `longest` symbols.

        Raises:
            ValueError: a language that it does not write, a beginning with strange words, a bad temperature or top_k.
        """
        state, logits = self._read(beginning, lang, count)
        starts = split(beginning, self.config.unit) if beginning else []
        written, open_ = [list(starts) for _ in range(count)], torch.ones(count, dtype=torch.bool)
        never = [self._ids[start] for start in STARTS.values()]  # a start can only come at the start
        for _ in range(longest):
            logits[:, never] = -torch.inf
            ids = torch.multinomial(next_probabilities(logits, temperature, top_k), 1, generator=generator)[:, 0]
            open_ &= ids != 0
            if not open_.any():
                break
            for row in open_.nonzero()[:, 0].tolist():
                written[row].append(self.symbols[int(ids[row])])
            state = self.cell(self.embed(ids), state)
            logits = self.out(state[0])
        return [join(symbols, self.config.unit) for symbols in written]

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder."""
        save_model(self, path, self.kind, config=asdict(self.config), symbols=self.symbols)

    @classmethod
    def from_pretrained(cls, path: str | Path) -> Self:
        """The narrator that `save_pretrained` wrote into a folder.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        card = read_card(path, cls.kind)
        narrator = cls(card.config(NarratorConfig), card["symbols"])
        load_weights(narrator, Path(path) / "model.safetensors")
        return narrator

    def _read(self, beginning: str, lang: str, count: int) -> tuple[State, Tensor]:
        """State and logits (count, V) after a beginning."""
        if lang not in LANGUAGES:
            raise ValueError(f"unknown language {lang!r}; choose one of: {', '.join(LANGUAGES)}")
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        ids = [self._ids[STARTS[lang]], *(self._look_up(beginning) if beginning else [])]
        h, state = over_time(self.cell, self.embed(torch.tensor([ids]).expand(count, -1)))
        return state, self.out(h[:, -1])


def is_grammatical(caption: str) -> bool:
    """Whether the world's own parser can read the caption."""
    try:
        parse(caption)
    except ValueError:
        return False
    return True


def scene_probabilities(world: str, split: str = "all") -> dict[Scene, float]:
    """How likely `sample_scene(world, rng, split)` draws each scene, in closed form; for worlds of one actor.

    Their entropy −Σ p ln p is what no narrator can fall below, in nats a caption: different scenes never share one.

    Raises:
        ValueError: an unknown world, or one with scenes of two actors, which are too many to list.
    """
    if world not in WORLDS or WORLDS[world].actors != (1,):
        one = ", ".join(name for name, w in WORLDS.items() if w.actors == (1,))
        raise ValueError(f"the scenes of {world!r} cannot be listed; choose one of: {one}")
    known, everyone = WORLDS[world], list(all_actors(WORLDS[world].kinds))
    choices = Counter((a.kind, a.action) for a in everyone)  # equally likely ways to do one action
    actions = Counter(kind for kind, _ in choices)  # equally likely actions of a kind
    weights: dict[Scene, float] = {}
    for place, a in product(known.places, everyone):
        if (a.color, place) in CLASHES:
            continue
        scene = Scene((a,), place)
        if known.knows(scene) and in_split(scene, split):
            weights[scene] = 1.0 / (actions[a.kind] * choices[a.kind, a.action])
    total = sum(weights.values())
    return {scene: weight / total for scene, weight in weights.items()}
