"""Greedy and beam search against a list of all sentences, and against a fork in the road worked by hand."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.models.search import Said, beam, greedy

END, START = 0, 1


def chain(table):
    """A step whose next symbol depends on the last one alone: row of a table of log-probabilities."""
    return lambda last, state: (table[last], (state[0] + 1,))


def nothing(rows=1):
    return (torch.zeros(rows, 1),)


def test_a_fork_where_the_likelier_road_leads_to_the_less_likely_sentence():
    # from the start: a 0.6, b 0.4; after a the end has 0.5, c 0.5; after b the end is certain
    a, b, c = 2, 3, 4
    p = torch.zeros(5, 5)
    p[START, a], p[START, b] = 0.6, 0.4
    p[a, END], p[a, c], p[b, END], p[c, END] = 0.5, 0.5, 1.0, 1.0
    step = chain(p.log())
    assert greedy(step, nothing(), torch.tensor([START])) == [Said((a,), pytest.approx(math.log(0.3)))]
    found = beam(step, nothing(), START, width=2)
    assert [s.ids for s in found] == [(b,), (a,)]
    assert [math.exp(s.log_prob) for s in found] == pytest.approx([0.4, 0.3])
    assert [s.ids for s in beam(step, nothing(), START, width=3)] == [(b,), (a,), (a, c)]


@given(st.integers(0, 10_000), st.integers(2, 4))
def test_a_wide_beam_finds_the_best_of_all_sentences(seed, symbols):
    longest = 4
    table = torch.randn(symbols + 1, symbols + 1, generator=torch.Generator().manual_seed(seed)).mul(2).log_softmax(1)
    table[:, START] = -torch.inf
    every = []
    for length in range(longest):
        for ids in itertools.product([i for i in range(symbols + 1) if i not in (END, START)], repeat=length):
            path = [START, *ids, END]
            every.append(Said(ids, sum(table[a, b].item() for a, b in itertools.pairwise(path))))
    best = max(every, key=lambda s: s.log_prob)
    wide = beam(chain(table), nothing(), START, width=(symbols + 1) ** longest, longest=40)
    assert wide[0].log_prob >= best.log_prob - 1e-5
    if len(wide[0].ids) < longest:
        assert wide[0].ids == best.ids and wide[0].log_prob == pytest.approx(best.log_prob, abs=1e-5)
    narrow = beam(chain(table), nothing(), START, width=1, longest=9)
    one = greedy(chain(table), nothing(), torch.tensor([START]), longest=9)
    assert narrow[0].ids == one[0].ids and narrow[0].log_prob == pytest.approx(one[0].log_prob, abs=1e-5)


def test_states_follow_their_sentence():
    """After n symbols only symbol n + 1 is likely, and the state alone knows n: it must be picked with the row."""
    def step(last, state):
        at = state[0].long()[:, 0] + 2
        logits = torch.full((len(last), 7), -9.0)
        logits[torch.arange(len(last)), at.clamp(max=6)] = 0.0
        logits[at > 5, END] = 9.0
        return logits.log_softmax(1), (state[0] + 1,)

    assert greedy(step, nothing(2), torch.tensor([START, START]))[1].ids == (2, 3, 4, 5)
    assert beam(step, nothing(), START, width=3)[0].ids == (2, 3, 4, 5)


def test_rows_of_a_batch_end_when_they_end():
    p = torch.zeros(4, 4)
    p[1, 2], p[2, 3], p[3, 0] = 1.0, 1.0, 1.0
    assert [s.ids for s in greedy(chain(p.log()), nothing(3), torch.tensor([1, 2, 3]))] == [(2, 3), (3,), ()]
    assert greedy(chain(p.log()), nothing(), torch.tensor([1]), longest=1)[0].ids == (2,)
    assert beam(chain(p.log()), nothing(), 1, longest=1)[0].ids == (2,)


@pytest.mark.parametrize("width, longest", [(0, 5), (3, 0)])
def test_no_beam_and_no_length_are_refused(width, longest):
    with pytest.raises(ValueError, match=f"a beam of {width} over {longest}"):
        beam(chain(torch.zeros(2, 2)), nothing(), 1, width=width, longest=longest)
