"""Chapter 13 · how good a caption is: what it means, by the world's own parser, and how it sounds, by BLEU and CIDEr-D.

Only the first is a question of right and wrong. BLEU counts how many short runs of symbols stand in a reference too: Papineni et
al. 2002. CIDEr-D weighs them by how seldom they are: Vedantam et al. 2015, arXiv:1411.5726.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from t2v_edu.evaluation.attributes import Score, tally
from t2v_edu.models.narrator import split
from t2v_edu.world.captions import parse
from t2v_edu.world.lexicon import LANGUAGES
from t2v_edu.world.oracle import Reading, describe
from t2v_edu.world.scene import Scene

References = Sequence[Sequence[str]]  # for each caption one or more right ones

LONGEST = 4  # symbols in a run, in both scores
SIGMA = 6.0  # of CIDEr-D: by how many symbols a caption may be longer or shorter than its reference


def understood(caption: str) -> Reading:
    """What the parser makes of a caption, in the form in which the reader says what it makes of a film; no scene if it cannot."""
    try:
        scene = parse(caption)
    except ValueError:
        return Reading(None)
    return Reading(scene, dict(describe(scene)))


def scene_scores(captions: Sequence[str], scenes: Sequence[Scene]) -> dict[str, Score]:
    """How many captions mean what was to be seen: each attribute, and "all", the exact scene. What no parser reads is wrong.

    Raises:
        ValueError: no captions, or another number of them than scenes.
    """
    if not len(captions) or len(captions) != len(scenes):
        raise ValueError(f"want as many captions as scenes and at least one, not {len(captions)} and {len(scenes)}")
    return tally(zip(map(understood, captions), scenes, strict=True))


def bleu(captions: Sequence[str], references: References, lang: str = "en") -> float:
    """Corpus BLEU-4, 0 to 100, by sacrebleu with its tokenizer for the language ("13a" or "zh").

    Args:
        captions: N.  references: for each of them one or more; missing ones of a shorter list count for nothing.
    Raises:
        ValueError: numbers that do not fit, an unknown language.
    Source: Papineni et al. 2002, ACL; Post 2018, arXiv:1804.08771.
    """
    _check(captions, references)
    if lang not in LANGUAGES:
        raise ValueError(f"unknown language {lang!r}; choose one of: {', '.join(LANGUAGES)}")
    from sacrebleu.metrics.bleu import BLEU

    most = max(map(len, references))
    streams: list[Any] = [[r[j] if j < len(r) else None for r in references] for j in range(most)]
    score = BLEU(lowercase=True, tokenize="13a" if lang == "en" else "zh").corpus_score(list(captions), streams)
    return float(score.score)


def cider_d(captions: Sequence[str], references: References) -> list[float]:
    """CIDEr-D of every caption, 0 to 10:

        10/m · Σ_j e^{−(l(c) − l(s_j))² / 2σ²} · mean over n of min(g_n(c), g_n(s_j)) · g_n(s_j) / (‖g_n(c)‖ ‖g_n(s_j)‖)

    with m references s_j of caption c, l the number of symbols, σ = 6, n = 1 ... 4, and g_n(s) for each run ω of n symbols how
    often it stands in s times ln(N / d(ω)), d(ω) of the N films having it in a reference; d of a run that none has counts as 1.

    Runs that the references of all films have weigh nothing; with one film that is so of every run. Symbols are English words and
    Chinese characters; there is no stemming.

    Raises:
        ValueError: numbers that do not fit.
    Source: Vedantam et al. 2015, arXiv:1411.5726.
    """
    _check(captions, references)
    counted = [[_runs(s) for s in right] for right in references]
    films = Counter(run for right in counted for run in set().union(*right))  # d(ω)
    scores = []
    for caption, right in zip(captions, counted, strict=True):
        c = _runs(caption)
        each = [_similarity(c, s, films, len(references)) for s in right]
        scores.append(10 * sum(each) / len(each))
    return scores


Run = tuple[str, ...]


def _similarity(c: Counter[Run], s: Counter[Run], films: Counter[Run], count: int) -> float:
    total = 0.0
    for n in range(1, LONGEST + 1):
        g_c, g_s = ({w: k * math.log(count / max(1, films[w])) for w, k in x.items() if len(w) == n} for x in (c, s))
        norms = math.hypot(*g_c.values()) * math.hypot(*g_s.values())
        if norms:
            total += sum(min(g, g_s[w]) * g_s[w] for w, g in g_c.items() if w in g_s) / norms
    off = sum(k for w, k in c.items() if len(w) == 1) - sum(k for w, k in s.items() if len(w) == 1)
    return math.exp(-(off**2) / (2 * SIGMA**2)) * total / LONGEST


def _runs(sentence: str) -> Counter[Run]:
    symbols = split(sentence.lower()) if sentence.strip() else []
    return Counter(tuple(symbols[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(symbols) - n + 1))


def _check(captions: Sequence[str], references: References) -> None:
    if isinstance(captions, str) or not len(captions) or len(captions) != len(references):
        raise ValueError(f"want a list of captions and for each its references, not {len(captions)} and {len(references)}")
    for i, right in enumerate(references):
        if isinstance(right, str) or not len(right):
            raise ValueError(f"references {i} are {right!r}; give a list of one or more sentences")
