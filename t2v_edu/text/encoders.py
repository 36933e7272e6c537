"""Chapter 04 · what a sentence says, as vectors: RNN, LSTM and transformer behind the `TextCode` that every video model takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.layers import TransformerBlock, sinusoids
from t2v_edu.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class TextCode:
    """An encoded batch of captions: tokens (B, L, D), pooled (B, D), mask (B, L) with True at words."""

    tokens: Tensor
    pooled: Tensor
    mask: Tensor

    def detach(self) -> TextCode:
        """The same code, through which no gradient flows."""
        return TextCode(self.tokens.detach(), self.pooled.detach(), self.mask)

    def padded(self, length: int) -> TextCode:
        """The same code with L filled up to `length`, for programs that are written for one shape."""
        more = length - self.mask.shape[1]
        return TextCode(F.pad(self.tokens, (0, 0, 0, more)), self.pooled, F.pad(self.mask, (0, more)))

    def swap(self) -> TextCode:
        """Neighbours' captions exchanged: every clip of an even batch gets a wrong one (unless two are the same)."""
        order = torch.arange(len(self.pooled), device=self.pooled.device) ^ 1
        return self[order]

    def mean(self) -> TextCode:
        """One code (B = 1) for all captions: words that stand in the same place are mixed."""
        share = self.mask.unsqueeze(-1).to(self.tokens.dtype)  # (B, L, 1)
        tokens = (self.tokens * share).sum(0) / share.sum(0).clamp_min(1)  # zeros where no caption has a word
        return TextCode(tokens[None], self.pooled.mean(0, True), self.mask.any(0, True))

    def __getitem__(self, rows: slice | Tensor) -> TextCode:
        """The code of some of the captions."""
        return TextCode(self.tokens[rows], self.pooled[rows], self.mask[rows])


def join(codes: Sequence[TextCode]) -> TextCode:
    """Codes of several batches as one, padded to the longest."""
    longest = max(code.mask.shape[1] for code in codes)
    padded = [code.padded(longest) for code in codes]
    return TextCode(*(torch.cat(part) for part in zip(*((c.tokens, c.pooled, c.mask) for c in padded), strict=True)))


def check_ids(ids: Tensor, mask: Tensor, vocabulary: int | None = None) -> None:
    """Whether ids and mask are a batch of sentences.

    Raises:
        ValueError: ids that are no whole numbers (B, L), or beyond the vocabulary; a mask of another shape or dtype; an empty
            sentence; padding before or between words.
    """
    if ids.ndim != 2 or ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"want ids (B, L) of whole numbers (torch.int64), not {ids.dtype} {tuple(ids.shape)}")
    if mask.shape != ids.shape or mask.dtype != torch.bool:
        raise ValueError(f"want a bool mask {tuple(ids.shape)} like the ids, not {mask.dtype} {tuple(mask.shape)}; try ids != 0")
    empty = (~mask.any(1)).nonzero().flatten().tolist() if ids.shape[1] else list(range(len(ids)))
    if empty or not len(ids):
        raise ValueError(f"ids {tuple(ids.shape)}: sentence(s) {empty or 'none at all'}: every sentence needs at least one word")
    if (mask[:, 1:] & ~mask[:, :-1]).any():
        raise ValueError(f"mask {tuple(mask.shape)}: a word stands after padding; padding goes to the end of each sentence")
    if vocabulary is not None and (int(ids.max()) >= vocabulary or int(ids.min()) < 0):
        raise ValueError(f"ids go from {int(ids.min())} to {int(ids.max())}, the vocabulary from 0 to {vocabulary - 1}: "
                         "encode with the tokenizer that the encoder was made for")


def mean_of_words(states: Tensor, mask: Tensor) -> Tensor:
    """Mean over the words alone: states (B, L, D), mask (B, L) → (B, D). Padding counts neither above nor below the line."""
    share = mask.unsqueeze(-1).to(states.dtype)  # (B, L, 1)
    return (states * share).sum(1) / share.sum(1)


def read_both_ways(layer: nn.RNNBase, x: Tensor, mask: Tensor) -> Tensor:
    """States (B, L, D) of a bidirectional layer over x (B, L, D); it starts and ends with each sentence's own words.

    Zeros at padding. Packed, so that the way back begins at the last word and not in the padding.
    """
    packed = nn.utils.rnn.pack_padded_sequence(x, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
    states, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=x.shape[1])
    return states


class RNNEncoder(nn.Module):
    """Embedding and bidirectional simple RNN; the pooled code is the mean over words, so padding changes nothing.

    Args:
        vocabulary: number of ids, padding (0) included.
        width: D, even.
    Source: Elman 1990; both ways: Schuster & Paliwal 1997.
    """

    layer: ClassVar[type[nn.RNN] | type[nn.LSTM]] = nn.RNN
    name = "rnn"  # of the layer, and of its weights in a file

    def __init__(self, vocabulary: int, width: int = 128) -> None:
        super().__init__()
        _check_width(width)
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.add_module(self.name, self.layer(width, width // 2, batch_first=True, bidirectional=True))
        self.project = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor, mask: Tensor) -> TextCode:
        """Encode ids (B, L) with mask (B, L)."""
        check_ids(ids, mask, self.embed.num_embeddings)
        states = read_both_ways(getattr(self, self.name), self.embed(ids), mask)  # (B, L, D)
        return TextCode(states, self.norm(self.project(mean_of_words(states, mask))), mask)


class LSTMEncoder(RNNEncoder):
    """The same with an LSTM, which forgets less. Source: Hochreiter & Schmidhuber 1997; Graves & Schmidhuber 2005."""

    layer = nn.LSTM
    name = "lstm"


class Listener(nn.Module):
    """A model that hears captions: a vocabulary, which travels with the weights, and an LSTM that reads.

    Args:
        tokenizer: the vocabulary.  width: D of the code.
    """

    def __init__(self, tokenizer: Tokenizer, width: int) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.text = LSTMEncoder(len(tokenizer), width)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.text.embed.weight.device

    def encode(self, captions: Sequence[str]) -> TextCode:
        """B captions to their code."""
        ids, mask = self.tokenizer.encode(captions)
        code: TextCode = self.text(ids.to(self.device), mask.to(self.device))
        return code


class TransformerEncoder(nn.Module):
    """Embedding, positions as waves, blocks of attention; no word looks at padding, and the pooled code is the mean over words.

    Args:
        vocabulary: number of ids, padding (0) included.
        width: D, even and a multiple of `heads`.
        heads, depth: of each block, and how many blocks.
    Source: Vaswani et al. 2017, the encoder, with the norms first.
    """

    def __init__(self, vocabulary: int, width: int = 128, *, heads: int = 4, depth: int = 2) -> None:
        super().__init__()
        _check_width(width)
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads) for _ in range(depth))
        self.last = nn.LayerNorm(width)
        self.project = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor, mask: Tensor) -> TextCode:
        """Encode ids (B, L) with mask (B, L)."""
        check_ids(ids, mask, self.embed.num_embeddings)
        place = torch.arange(ids.shape[1], device=ids.device)
        x = self.embed(ids) + sinusoids(place, self.embed.embedding_dim).to(self.embed.weight.dtype)  # (B, L, D)
        for block in self.blocks:
            x = block(x, mask[:, None, None])  # (B, L, D); the mask is about keys, one row for all heads and queries
        states = self.last(x) * mask.unsqueeze(-1)  # zeros at padding
        return TextCode(states, self.norm(self.project(mean_of_words(states, mask))), mask)


ENCODERS: dict[str, type[RNNEncoder] | type[TransformerEncoder]] = {
    "rnn": RNNEncoder, "lstm": LSTMEncoder, "transformer": TransformerEncoder,
}


def _check_width(width: int) -> None:
    if width < 2 or width % 2:
        raise ValueError(f"the width must be even, half for each direction or wave, not {width}")
