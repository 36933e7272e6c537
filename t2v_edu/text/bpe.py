"""Chapter 03 · byte-pair encoding: pieces between letters and words · Gage 1994; Sennrich et al. 2016, arXiv:1508.07909.

Begin with the 256 bytes. Find the two neighbours that stand together most often, make one piece of them, and again. What is
frequent becomes one piece; what is rare stays in several; and since every text is bytes, nothing is unknown.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Self

Pair = tuple[int, int]
BYTES = 256
_CHUNKS = re.compile(r" ?\w+| ?[^\w\s]+|\s+")  # a word takes the space before it along; every character is in some chunk


def chunks(text: str) -> list[str]:
    """A text cut where no piece may reach across: words, punctuation, spaces. Joined again they are the text."""
    return _CHUNKS.findall(text)


def count_pairs(words: dict[tuple[int, ...], int]) -> Counter[Pair]:
    """How often each two pieces stand side by side; `words` are rows of pieces with their counts."""
    pairs: Counter[Pair] = Counter()
    for pieces, count in words.items():
        for pair in pairwise(pieces):
            pairs[pair] += count
    return pairs


def merge(pieces: Sequence[int], pair: Pair, new: int) -> tuple[int, ...]:
    """Every `pair` in a row of pieces replaced by `new`, from the left: in aaa the first two a go together."""
    out: list[int] = []
    for piece in pieces:
        if out and (out[-1], piece) == pair:
            out[-1] = new
        else:
            out.append(piece)
    return tuple(out)


class BytePairs:
    """Turns texts into pieces and back. Pieces 0 to 255 are the bytes; piece 256 + i is merge number i.

    Args:
        merges: pairs of pieces, in the order in which they were learnt.
    Raises:
        ValueError: a merge of a piece that does not exist yet.
    """

    def __init__(self, merges: Iterable[Pair]) -> None:
        self.merges = tuple((int(a), int(b)) for a, b in merges)
        self.pieces = [bytes([i]) for i in range(BYTES)]
        for i, (a, b) in enumerate(self.merges):
            if not 0 <= min(a, b) <= max(a, b) < len(self.pieces):
                raise ValueError(f"merge {i} joins {(a, b)}, and there are only the pieces 0 to {len(self.pieces) - 1} by then")
            self.pieces.append(self.pieces[a] + self.pieces[b])
        self._rank = {pair: i for i, pair in enumerate(self.merges)}
        self._encode_chunk = lru_cache(maxsize=100_000)(self._merge_chunk)

    @classmethod
    def train(cls, texts: Iterable[str], merges: int) -> Self:
        """The `merges` most frequent pairs of some texts, each counted after those before it were merged.

        Of pairs that are equally frequent the one with the smaller pieces comes first. It stops early where no pair occurs twice.

        Raises:
            ValueError: no text at all, or a negative number of merges.
        """
        counts = Counter(chunk for text in texts for chunk in chunks(text))
        if not counts or merges < 0:
            raise ValueError(f"{len(counts)} different words and {merges} merges: give some text, and 0 merges or more")
        words = {tuple(chunk.encode()): count for chunk, count in counts.items()}
        learnt: list[Pair] = []
        while len(learnt) < merges and (pairs := count_pairs(words)):
            best = min(pairs, key=lambda pair: (-pairs[pair], pair))
            if pairs[best] < 2:
                break
            words = {merge(pieces, best, BYTES + len(learnt)): count for pieces, count in words.items()}
            learnt.append(best)
        return cls(learnt)

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """The pieces of a text; an empty text has none."""
        return [piece for chunk in chunks(text) for piece in self._encode_chunk(chunk)]

    def _merge_chunk(self, chunk: str) -> tuple[int, ...]:
        pieces = tuple(chunk.encode())
        while len(pieces) > 1:
            first = min(pairwise(pieces), key=lambda pair: self._rank.get(pair, len(self.merges)))
            if first not in self._rank:
                break
            pieces = merge(pieces, first, BYTES + self._rank[first])
        return pieces

    def decode(self, pieces: Sequence[int]) -> str:
        """The text of some pieces; half a character becomes �.

        Raises:
            ValueError: a piece that does not exist.
        """
        wrong = [piece for piece in pieces if not 0 <= piece < len(self)]
        if wrong:
            raise ValueError(f"piece {wrong[0]} does not exist; they go from 0 to {len(self) - 1}")
        return b"".join(self.pieces[piece] for piece in pieces).decode(errors="replace")

    def split(self, text: str) -> list[str]:
        """The pieces of a text as one can read them; a byte that is no character by itself is written <e7>."""
        return [_readable(self.pieces[piece]) for piece in self.encode(text)]

    def save(self, path: str | Path) -> None:
        """Write the merges as JSON."""
        Path(path).write_text(json.dumps(self.merges) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What `save` wrote."""
        return cls(tuple(pair) for pair in json.loads(Path(path).read_text(encoding="utf-8")))


def _readable(piece: bytes) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "".join(f"<{byte:02x}>" for byte in piece)
