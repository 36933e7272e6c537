"""Chapter 13 · films to captions: a 3-D residual net and a closer look see, a recurrent cell writes, attention joins them.

An encoder and a decoder: Vinyals et al. 2015, arXiv:1411.4555; a look at the picture for every word: Xu et al. 2015,
arXiv:1502.03044; over the moments of a film: Yao et al. 2015, arXiv:1502.08029. The look comes after the cell's step, as in Luong
et al. 2015, arXiv:1508.04025, so that a whole caption is scored in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.layers import attention
from t2v_edu.models.glimpse import Glimpse, Patches, patches
from t2v_edu.models.narrator import CELLS, STARTS, Narrator, NarratorConfig, cross_entropy, join, split
from t2v_edu.models.search import Said, Step, beam, greedy
from t2v_edu.paths import DATA
from t2v_edu.recurrent import State, over_time
from t2v_edu.vision.features import FeatureConfig, FeatureNet
from t2v_edu.weights import load_weights, read_card, save_model
from t2v_edu.world.lexicon import LANGUAGES

SHIPPED = DATA / "captioner"


@dataclass(frozen=True)
class CaptionerConfig:
    """Sizes of a captioner.

    Args:
        film: kind of the encoder's convolutions, see `FeatureConfig`.  channels: of its first block.
        glimpses: how many closer looks are taken at each film; 0 for none.
        cell: "rnn", "gru" or "lstm".
        width: numbers in the vector of a symbol.  hidden: in h, and in what is remembered of each place and moment of the film.
    Raises:
        ValueError: a kind or cell that does not exist, a size below 1.
    """

    film: str = "3d"
    channels: int = 16
    glimpses: int = 8
    cell: str = "gru"
    width: int = 48
    hidden: int = 128

    def __post_init__(self) -> None:
        FeatureConfig(self.film, self.channels)
        if self.glimpses < 0:
            raise ValueError(f"glimpses {self.glimpses}: use 0 or more")
        self.words()

    def words(self) -> NarratorConfig:
        """The sizes of its half that writes."""
        return NarratorConfig("word", self.cell, self.width, self.hidden)


class Seen(NamedTuple):
    """What the eyes make of B films before anything is noted: maps (B, D, T', H', W'), and patches if there are closer looks."""

    maps: Tensor
    patches: Patches | None

    def of(self, rows: Tensor) -> Seen:
        """What they make of some of the films."""
        return Seen(self.maps[rows], self.patches and Patches(self.patches.pixels[rows], self.patches.places[rows]))


class Captioner(nn.Module):
    """p(caption | film) = Π p(symbol | the symbols before it, film).

    Args:
        config: sizes.  symbols: what it can write.  worlds: the named worlds it was trained for.
    """

    kind = "captioner"

    def __init__(self, config: CaptionerConfig, symbols: Iterable[str], worlds: Sequence[str] = ()) -> None:
        super().__init__()
        self.config, self.worlds = config, tuple(worlds)
        self.film = FeatureNet(FeatureConfig(config.film, config.channels))
        self.narrator = Narrator(config.words(), symbols)
        self.note = nn.Linear(self.film.width + 3, config.hidden)
        self.glimpse = Glimpse(config.hidden) if config.glimpses else None
        self.begin = nn.Linear(config.hidden, CELLS[config.cell].states * config.hidden)
        self.query, self.key = (nn.Linear(config.hidden, config.hidden, bias=False) for _ in range(2))
        self.mix = nn.Linear(2 * config.hidden, config.hidden)

    @classmethod
    def fit(cls, captions: Iterable[str], config: CaptionerConfig | None = None, worlds: Sequence[str] = ()) -> Self:
        """An untrained captioner that knows every symbol of the captions."""
        return cls(config or CaptionerConfig(), (symbol for caption in captions for symbol in split(caption)), worlds)

    def see(self, video: Tensor) -> Seen:
        """What the eyes make of films (B, 3, T, H, W) in [-1, 1]; of this only `film` learns."""
        count = self.config.glimpses
        return Seen(self.film.maps(video)[-1], patches(video, count) if count else None)

    def take_notes(self, seen: Seen) -> Tensor:
        """What was seen → (B, N, hidden), a note for each place and moment, T'·H'·W' of them, then one for each closer look.

        Attention knows no order: each note is told its own moment and place, three numbers from -1 to 1.
        """
        maps = seen.maps
        axes = [(2 * torch.arange(n, device=maps.device) + 1) / n - 1 for n in maps.shape[2:]]  # the cells' middles
        here = torch.stack(torch.meshgrid(*axes, indexing="ij")).expand(len(maps), -1, -1, -1, -1)  # (B, 3, T', H', W')
        notes = F.relu(self.note(torch.cat([maps, here], 1).flatten(2).mT))  # (B, T'·H'·W', hidden)
        if self.glimpse is None or seen.patches is None:
            return notes
        return torch.cat([notes, self.glimpse(seen.patches)], 1)

    def remember(self, video: Tensor) -> Tensor:
        """Films to notes in one go: video (B, 3, T, H, W) in [-1, 1] → (B, N, hidden)."""
        return self.take_notes(self.see(video))

    def start(self, notes: Tensor) -> State:
        """The cell's state before the first symbol: a first impression, the mean of the notes."""
        return tuple(torch.tanh(self.begin(notes.mean(1))).chunk(CELLS[self.config.cell].states, 1))

    def read(self, h: Tensor, notes: Tensor) -> tuple[Tensor, Tensor]:
        """h (B, L, hidden) and the notes (B, N, hidden) → logits (B, L, V), and how much was looked at each note (B, L, N)."""
        seen, weights = attention(self.query(h), self.key(notes), notes)  # (B, L, hidden)
        both = torch.tanh(self.mix(torch.cat([h, seen], -1)))
        return self.narrator.out(both), weights

    def forward(self, video: Tensor, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits of the symbol after each: video (B, 3, T, H, W), ids (B, L) → (B, L, V)."""
        return self.tell(self.remember(video), ids, mask)

    def tell(self, notes: Tensor, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """The same from the notes (B, N, hidden), so that a film needs to be looked at once for captions in two languages."""
        h, _ = over_time(self.narrator.cell, self.narrator.embed(ids), self.start(notes), mask=mask)  # (B, L, hidden)
        return self.read(h, notes)[0]

    def loss(self, video: Tensor, captions: Sequence[str]) -> Tensor:
        """Cross-entropy of B captions under B films, nats a symbol, the end of each included; a scalar.

        Raises:
            ValueError: another number of captions than films, or a symbol that training never had.
        """
        ids, targets, mask = self._encode(video, captions)
        return cross_entropy(self(video, ids, mask), targets, mask)

    def log_prob(self, video: Tensor, captions: Sequence[str]) -> Tensor:
        """ln p(caption | film), (B,) nats, the end included; gradients reach the film.  Raises: as `loss`."""
        ids, targets, mask = self._encode(video, captions)
        chosen: Tensor = self(video, ids, mask).log_softmax(-1).gather(-1, targets.unsqueeze(-1))[..., 0]  # (B, L)
        return (chosen * mask).sum(1)

    @torch.no_grad()
    def describe(self, video: Tensor, lang: str = "en", *, width: int = 1, longest: int = 60) -> list[str]:
        """A caption for each of B films.

        Args:
            video: (B, 3, T, H, W) in [-1, 1].  lang: "en" or "zh".
            width: of the beam; 1 takes the likeliest symbol each time.
        Raises:
            ValueError: no film, an unknown language, a width below 1.
        """
        if width == 1:
            notes = self.remember(video)
            first = torch.full((len(video),), self._first(lang), device=video.device)
            found = greedy(self._step(notes), self.start(notes), first, longest=longest)
        else:
            found = [self.candidates(film[None], lang, width=width, longest=longest)[0] for film in video]
        return [self.spell(said) for said in found]

    @torch.no_grad()
    def candidates(self, video: Tensor, lang: str = "en", *, width: int = 4, longest: int = 60) -> list[Said]:
        """What a beam finds for one film (1, 3, T, H, W): the best sentences as ids, each with ln p, best first; see `spell`."""
        notes = self.remember(video)
        if len(notes) != 1:
            raise ValueError(f"a beam searches for one film at a time (1, 3, T, H, W), not {tuple(video.shape)}")

        def step(last: Tensor, state: State) -> tuple[Tensor, State]:
            return self._step(notes.expand(len(last), -1, -1))(last, state)

        return beam(step, self.start(notes), self._first(lang), width=width, longest=longest)

    def spell(self, said: Said) -> str:
        """The caption that ids stand for."""
        return join([self.narrator.symbols[i] for i in said.ids])

    @torch.no_grad()
    def look(self, video: Tensor, caption: str) -> tuple[Tensor, Tensor]:
        """Where it looked for each symbol of one film's caption, and for its end: at the film (L, T', H', W') and at the closer
        looks (L, M); for each symbol both together sum to 1."""
        ids, _, _ = self._encode(video, [caption])
        notes = self.remember(video)
        h, _ = over_time(self.narrator.cell, self.narrator.embed(ids), self.start(notes))
        _, weights = self.read(h, notes)  # (1, L, N)
        shape = self.film.maps(video)[-1].shape[2:]
        wide, close = weights[0].split([shape.numel(), weights.shape[-1] - shape.numel()], 1)  # type: ignore[no-untyped-call]
        return wide.reshape(-1, *shape), close

    def save_pretrained(self, path: str | Path, *, half: bool = False) -> None:
        """Write `config.json` and `model.safetensors` into a folder; `half` stores 16 bits a number."""
        card = {"worlds": self.worlds, "config": asdict(self.config), "symbols": self.narrator.symbols}
        save_model(self, path, self.kind, half=half, **card)

    @classmethod
    def from_pretrained(cls, path: str | Path = SHIPPED) -> Self:
        """Load a captioner from a folder, the shipped one if none is named.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        card = read_card(path, cls.kind)
        model = cls(card.config(CaptionerConfig), card["symbols"], card["worlds"])
        load_weights(model, Path(path) / "model.safetensors")
        return model.eval()

    def _encode(self, video: Tensor, captions: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        if isinstance(captions, str) or len(captions) != len(video):
            raise ValueError(f"{len(video)} films {tuple(video.shape)} need as many captions in a list, not {captions!r}")
        ids, targets, mask = (x.to(video.device) for x in self.narrator.encode(captions))
        return ids, targets, mask

    def _first(self, lang: str) -> int:
        if lang not in LANGUAGES:
            raise ValueError(f"unknown language {lang!r}; choose one of: {', '.join(LANGUAGES)}")
        return self.narrator.symbols.index(STARTS[lang])

    def _step(self, notes: Tensor) -> Step:
        starts = [self.narrator.symbols.index(start) for start in STARTS.values()]

        def step(last: Tensor, state: State) -> tuple[Tensor, State]:
            state = self.narrator.cell(self.narrator.embed(last), state)
            logits = self.read(state[0][:, None], notes)[0][:, 0]  # (N, V)
            logits[:, starts] = -torch.inf  # a start can only come at the start
            return logits.log_softmax(-1), state

        return step
