"""Skip-gram against gensim: words a second on the same corpus, with the same settings, both on one thread."""

from __future__ import annotations

from benchmarks.common import Line, seconds
from t2v_edu.text.corpora import bilingual_sentences
from t2v_edu.text.word2vec import SkipGramConfig, train

GOAL = 5
CONFIG = SkipGramConfig(width=100, window=5, negatives=5, epochs=3, subsample=1e-3, min_count=5)


def measure(count: int = 4000) -> list[Line]:
    """The same run by both, one after the other, in one process."""
    from gensim.models import Word2Vec  # a development tool, as in the tests

    sentences = bilingual_sentences(count)
    words = CONFIG.epochs * sum(map(len, sentences))
    ours = words / seconds(lambda: train(sentences, CONFIG), repeats=3)
    c = CONFIG
    theirs = words / seconds(lambda: Word2Vec(
        sentences, vector_size=c.width, window=c.window, negative=c.negatives, sg=1, min_count=c.min_count, epochs=c.epochs,
        alpha=c.rate, min_alpha=c.rate / 250, sample=c.subsample, ns_exponent=c.power, workers=1), repeats=3)  # fmt: skip
    how = (f"{words // c.epochs:,} words × {c.epochs} epochs of captions, width {c.width}, window {c.window}, "
           f"{c.negatives} negatives")
    return [
        Line("skip-gram, ours", ours, "words/s", how=how + f", batches of {c.batch}, one thread"),
        Line("skip-gram, gensim", theirs, "words/s", how="the same, one worker"),
        Line("gensim is so many times as fast", theirs / ours, "×", GOAL, least=False, how="the same run"),
    ]
