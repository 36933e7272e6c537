"""Chapter 15 · a narrator that is given facts and writes a paragraph with each of them once · Wen et al. 2015, arXiv:1508.01745.

The narrator of chapter 06 wrote whatever was likely. This one writes sentences with slots, is told at each step which facts are
still to be said, and may open a slot only for one of them. Its vocabulary holds no number and no name: where a sentence needs
one, it can only come from the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from t2v_edu.models.narrator import END, STARTS, cross_entropy, next_probabilities
from t2v_edu.paths import DATA
from t2v_edu.recurrent import LSTMCell, over_time
from t2v_edu.text.facts import Fact
from t2v_edu.text.stories import SLOTS, STOPS, check_language, check_slots, realise
from t2v_edu.weights import load_weights, read_card, save_model
from t2v_edu.world.lexicon import Language

SHIPPED = DATA / "narrator"
LONGEST = 120  # symbols of a paragraph
_SLOT_SYMBOLS = [f"<{slot}>" for slot in SLOTS]


@dataclass(frozen=True)
class FactNarratorConfig:
    """Sizes: numbers in the vector of a symbol, and in h.

    Raises:
        ValueError: a size below 1.
    """

    width: int = 24
    hidden: int = 96

    def __post_init__(self) -> None:
        if min(self.width, self.hidden) < 1:
            raise ValueError(f"width and hidden must be at least 1, not {self.width} and {self.hidden}")


class FactNarrator(nn.Module):
    """p(paragraph | facts) = Π p(symbol | the symbols before it, the facts not yet said).

    Args:
        config: sizes.  symbols: what it can write besides the slots.
    Raises:
        ValueError: a symbol with a digit in it: numbers are the table's.
    """

    kind = "fact_narrator"

    def __init__(self, config: FactNarratorConfig, symbols: Iterable[str]) -> None:
        super().__init__()
        special = [END, *STARTS.values(), *_SLOT_SYMBOLS]
        self.config = config
        self.symbols = (*special, *sorted(set(symbols) - set(special)))
        for symbol in self.symbols:
            if any(c.isdigit() for c in symbol):
                raise ValueError(f"the symbol {symbol!r} holds a number; numbers come from the facts alone")
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.embed = nn.Embedding(len(self.symbols), config.width)
        self.cell = LSTMCell(config.width + len(SLOTS), config.hidden)
        self.out = nn.Linear(config.hidden, len(self.symbols))

    @classmethod
    def fit(cls, stories: Iterable[Sequence[str]], config: FactNarratorConfig | None = None) -> Self:
        """An untrained narrator that knows every symbol of the stories."""
        return cls(config or FactNarratorConfig(), (symbol for story in stories for symbol in story))

    def forward(self, ids: Tensor, left: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits of the symbol after each: ids (B, L), facts still to be said (B, L, 7) → (B, L, V)."""
        x = torch.cat([self.embed(ids), left], -1)  # (B, L, width + 7)
        h, _ = over_time(self.cell, x, mask=mask)  # (B, L, hidden)
        logits: Tensor = self.out(h)
        return logits

    def loss(self, stories: Sequence[Sequence[str]], languages: Sequence[str]) -> Tensor:
        """Cross-entropy of stories, nats a symbol, the end of each included."""
        starts = [self._ids[STARTS[language]] for language in languages]
        rows = [[start, *(self._ids[s] for s in story), 0] for start, story in zip(starts, stories, strict=True)]
        length = max(map(len, rows)) - 1
        padded = torch.tensor([row + [0] * (length + 1 - len(row)) for row in rows])
        mask = torch.arange(length) < torch.tensor([len(row) - 1 for row in rows])[:, None]
        ids, targets = padded[:, :-1], padded[:, 1:]
        return cross_entropy(self(ids, still_to_say(ids), mask), targets, mask)

    @torch.no_grad()
    def write(
        self, known: Sequence[str], language: str = "en", *, temperature: float = 0.7, guarded: bool = True,
        generator: torch.Generator | None = None,
    ) -> list[str]:
        """A paragraph as symbols.

        Args:
            known: slots of which there are facts.  language: "en" or "zh".
            temperature: as in `next_probabilities`.
            guarded: slots without a fact, or said already, cannot come, and it ends with the sentence in which the last was said.
            generator: source of the draws.
        Raises:
            ValueError: slots or a language that there are not, or no end within 120 symbols.
        """
        check_slots(known)
        check_language(language)
        left = torch.tensor([float(slot in known) for slot in SLOTS])
        symbol, state = self._ids[STARTS[language]], None
        written: list[str] = []
        never = torch.tensor([self._ids[start] for start in STARTS.values()])
        for _ in range(LONGEST):
            state = self.cell(torch.cat([self.embed.weight[symbol], left])[None], state)
            logits = self.out(state[0])[0]
            logits[never] = -torch.inf
            logits = guard(logits, left) if guarded else logits
            symbol = int(torch.multinomial(next_probabilities(logits, temperature), 1, generator=generator))
            if symbol == 0:
                return written
            written.append(self.symbols[symbol])
            if 3 <= symbol < 3 + len(SLOTS):
                left[symbol - 3] = 0.0
            if guarded and not left.any() and self.symbols[symbol] in STOPS:
                return written
        told = " ".join(written[:20])
        raise ValueError(f"no end within {LONGEST} symbols: {told} …; train it longer, or lower the temperature")

    def tell(
        self, facts: Sequence[Fact], language: Language = "en", *, temperature: float = 0.7,
        generator: torch.Generator | None = None,
    ) -> str:
        """A paragraph about facts, each said once, with their values as they stand in the table.

        Raises:
            ValueError: no thing among the facts, one that comes twice or that no sentence is about, an unknown language.
        """
        symbols = self.write([fact.what for fact in facts], language, temperature=temperature, generator=generator)
        return realise(symbols, facts, language)

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder, as float16."""
        save_model(self, path, self.kind, half=True, config=asdict(self.config), symbols=self.symbols)

    @classmethod
    def from_pretrained(cls, path: str | Path = SHIPPED) -> Self:
        """Load a narrator from a folder, the shipped one if none is named.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        card = read_card(path, cls.kind)
        narrator = cls(card.config(FactNarratorConfig), card["symbols"])
        load_weights(narrator, Path(path) / "model.safetensors")
        return narrator.eval()


def guard(logits: Tensor, left: Tensor) -> Tensor:
    """Logits (V,) with −∞ for the end (0) and for every slot (3 to 9) of which nothing is left to say, left (7,) being 0 there.

    The end needs no symbol: it comes with the sentence in which the last fact was said.
    """
    closed = torch.zeros_like(logits, dtype=torch.bool)
    closed[0] = True
    closed[3 : 3 + len(SLOTS)] = left == 0
    return logits.masked_fill(closed, -torch.inf)


def still_to_say(ids: Tensor) -> Tensor:
    """Which slots come at or after each next step, for ids (B, L) with the slots at 3 to 9 → (B, L, 7) of ones and zeros.

    At the start all slots of the story are still to be said; each is said when it goes in, from then on its entry is 0: the
    reading gate of the paper, made exact.
    """
    said = torch.nn.functional.one_hot(ids, max(int(ids.max()) + 1, 3 + len(SLOTS)))[..., 3 : 3 + len(SLOTS)]  # (B, L, 7)
    return (said.sum(1, keepdim=True) - said.cumsum(1)).clamp(0, 1).float()
