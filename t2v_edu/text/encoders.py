"""Chapter 04 · what a sentence says, as vectors: an LSTM encoder behind the `TextCode` that every video model takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TextCode:
    """An encoded batch of captions: tokens (B, L, D), pooled (B, D), mask (B, L) with True at words."""

    tokens: Tensor
    pooled: Tensor
    mask: Tensor

    def detach(self) -> TextCode:
        """The same code, through which no gradient flows."""
        return TextCode(self.tokens.detach(), self.pooled.detach(), self.mask)

    def swap(self) -> TextCode:
        """Neighbours' captions exchanged: every clip of an even batch gets a wrong one (unless two are the same)."""
        order = torch.arange(len(self.pooled), device=self.pooled.device) ^ 1
        return self[order]

    def __getitem__(self, rows: slice | Tensor) -> TextCode:
        """The code of some of the captions."""
        return TextCode(self.tokens[rows], self.pooled[rows], self.mask[rows])


class LSTMEncoder(nn.Module):
    """Embedding and bidirectional LSTM; the pooled code is the mean over words, so padding changes nothing.

    Args:
        vocabulary: number of ids, padding (0) included.
        width: D, even.
    Source: Hochreiter & Schmidhuber 1997; Graves & Schmidhuber 2005.
    """

    def __init__(self, vocabulary: int, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)
        self.project = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor, mask: Tensor) -> TextCode:
        """Encode ids (B, L) with mask (B, L)."""
        lengths = mask.sum(1).cpu()
        x = self.embed(ids)  # (B, L, D)
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1])
        share = mask.unsqueeze(-1).to(states.dtype)  # (B, L, 1)
        pooled = (states * share).sum(1) / share.sum(1)  # (B, D)
        return TextCode(states, self.norm(self.project(pooled)), mask)
