"""The narrator against closed forms: uniform, fixed and learned distributions, the world's exact entropy and its parser."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.models.narrator import (
    Narrator,
    NarratorConfig,
    breadth,
    cross_entropy,
    is_grammatical,
    join,
    next_probabilities,
    scene_probabilities,
    split,
)
from t2v_edu.world.captions import say
from t2v_edu.world.scene import sample_scene


def captions(count: int, seed: int = 0, world: str = "story", varied: bool = True) -> list[str]:
    rng = np.random.default_rng(seed)
    langs = [("en", "zh")[i % 2] for i in range(count)]
    return [say(sample_scene(world, rng, "seen"), lang, rng if varied else None) for lang in langs]


@pytest.mark.parametrize("unit", ["word", "character"])
def test_symbols_join_to_the_caption_again(unit: str) -> None:
    for caption in captions(400, world="all") + captions(200):
        back = join(split(caption, unit), unit)
        assert back.replace("-", " ") == caption.replace("-", " ") if unit == "character" else is_grammatical(back), caption


def test_symbols_by_hand() -> None:
    assert split("a girl in Paris, the puppy 7") == ["a", "girl", "in", "Paris", ",", "the", "puppy", "7"]
    assert split("一个小狗，在 草地上") == ["一", "个", "小", "狗", "，", "在", "草", "地", "上"]
    assert join(["a", "girl", ",", "a", "7"]) == "a girl, a 7"
    assert join(["在", "草", "地", "上", "，", "7"]) == "在草地上，7"


LOGITS = torch.tensor([1.0, 2.0, 5.0]).log()


@pytest.mark.parametrize(
    ("temperature", "top_k", "expected"),
    [
        (1, None, [1 / 8, 2 / 8, 5 / 8]),
        (0.5, None, [1 / 30, 4 / 30, 25 / 30]),  # at one half every probability is squared
        (1, 2, [0, 2 / 7, 5 / 7]),
        (0.5, 2, [0, 4 / 29, 25 / 29]),
        (1, 1, [0, 0, 1]),
        (0, None, [0, 0, 1]),
        (1, 99, [1 / 8, 2 / 8, 5 / 8]),
        (1e9, None, [1 / 3] * 3),
    ],
)
def test_temperature_and_top_k_by_hand(temperature: float, top_k: int | None, expected: list[float]) -> None:
    assert next_probabilities(LOGITS, temperature, top_k).tolist() == pytest.approx(expected, abs=1e-6)


@given(
    logits=st.lists(st.floats(-30, 30), min_size=1, max_size=12),
    temperature=st.floats(0.05, 20),
    top_k=st.none() | st.integers(1, 14),
)
def test_temperature_and_top_k_against_numpy(logits: list[float], temperature: float, top_k: int | None) -> None:
    kept = sorted(range(len(logits)), key=lambda i: (-logits[i], i))[:top_k]
    weights = np.zeros(len(logits))
    weights[kept] = np.exp((np.array(logits)[kept] - max(logits)) / temperature)
    ours = next_probabilities(torch.tensor(logits, dtype=torch.float64), temperature, top_k)
    np.testing.assert_allclose(ours.numpy(), weights / weights.sum(), atol=1e-12)


def test_breadth_by_hand() -> None:
    rows = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0], [1, 0, 0, 0]])
    assert breadth(rows).tolist() == pytest.approx([4, 2, 1])


def test_nothing_overflows() -> None:
    p = next_probabilities(torch.tensor([1e4, 0.0, -1e4]), 0.01)
    assert p.tolist() == [1, 0, 0]


def test_cross_entropy_by_its_definition_and_padding_costs_nothing() -> None:
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[1, 4, 0], [2, 0, 0]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    x = logits.double().numpy()
    logs = x - np.log(np.exp(x).sum(-1, keepdims=True))
    wanted = -(logs[0, 0, 1] + logs[0, 1, 4] + logs[0, 2, 0] + logs[1, 0, 2] + logs[1, 1, 0]) / 5
    assert cross_entropy(logits, targets, mask).item() == pytest.approx(wanted, abs=1e-6)
    narrator = Narrator.fit(captions(50))
    short, long = "a cat sits", "a large orange puppy runs left quickly in the park"
    n = [len(split(c)) + 1 for c in (short, long)]
    alone = [narrator.loss([c]).item() for c in (short, long)]
    assert narrator.loss([short, long]).item() == pytest.approx((n[0] * alone[0] + n[1] * alone[1]) / sum(n), abs=1e-5)


@pytest.mark.parametrize("unit", ["word", "character"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_perplexity_of_distributions_that_are_known(unit: str, cell: str) -> None:
    torch.manual_seed(0)
    said = captions(60)
    narrator = Narrator.fit(said, NarratorConfig(unit, cell, 8, 8))
    torch.nn.init.zeros_(narrator.out.weight)
    torch.nn.init.zeros_(narrator.out.bias)
    size = len(narrator.symbols)
    assert narrator.perplexity(said) == pytest.approx(size, rel=1e-4)  # torn among all symbols
    counts = Counter(s for c in said for s in (*split(c, unit), "<end>"))
    total = sum(counts.values())
    share = torch.tensor([(counts[s] or 0.5) / total for s in narrator.symbols])
    with torch.no_grad():
        narrator.out.bias.copy_(share.log())
    share = share / share.sum()  # the softmax divides by what was given to the two starts, which never come
    entropy = -sum(c / total * math.log(share[narrator.symbols.index(s)]) for s, c in counts.items())
    assert narrator.perplexity(said) == pytest.approx(math.exp(entropy), rel=1e-4)


def train(narrator: Narrator, said: list[str], steps: int, batch: int = 64) -> None:
    optimiser = torch.optim.Adam(narrator.parameters(), 1e-2)
    draw = torch.Generator().manual_seed(0)
    for _ in range(steps):
        loss = narrator.loss([said[i] for i in torch.randint(len(said), (batch,), generator=draw).tolist()])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(narrator.parameters(), 1.0)
        optimiser.step()


def test_it_learns_a_small_language_to_its_closed_form() -> None:
    """Four captions, equally likely, of two symbols that matter: ln 4 nats for 5 symbols and the end."""
    torch.manual_seed(0)
    said = [f"a {color} {kind} moves left" for color in ("red", "blue") for kind in ("star", "heart")]
    narrator = Narrator.fit(said, NarratorConfig(width=8, hidden=16))
    train(narrator, said, 120, batch=16)
    best = math.exp(math.log(4) / 6)
    assert best <= narrator.perplexity(said) < 1.02 * best
    made = Counter(narrator.generate(400, generator=torch.Generator().manual_seed(1)))
    assert set(said) <= set(made)
    assert all(abs(made[s] - 100) < 50 for s in said)  # ±50 is more than five deviations


@pytest.mark.parametrize("world", ["digits", "story"])
def test_scene_probabilities_are_the_streams_own(world: str) -> None:
    p = scene_probabilities(world, "seen")
    assert sum(p.values()) == pytest.approx(1)
    rng, n = np.random.default_rng(0), 4000
    drawn = [sample_scene(world, rng, "seen") for _ in range(n)]
    assert set(drawn) <= set(p)
    for slot in ("kind", "action", "color", "size", "speed", "direction"):
        seen = Counter(getattr(s.actors[0], slot) for s in drawn)
        for value in seen:
            share = sum(v for s, v in p.items() if getattr(s.actors[0], slot) == value)
            assert abs(seen[value] / n - share) < 4.5 * math.sqrt(share * (1 - share) / n) + 1e-12, (slot, value)


def test_samples_are_grammatical_at_a_rate_and_no_narrator_beats_the_worlds_entropy() -> None:
    torch.manual_seed(0)
    said = captions(4000, varied=False)
    narrator = Narrator.fit(said, NarratorConfig(width=32, hidden=96))
    babble = narrator.generate(50, generator=torch.Generator().manual_seed(0))
    train(narrator, said, 120)
    p = scene_probabilities("story", "seen")
    entropy = -sum(v * math.log(v) for v in p.values())
    fresh = captions(300, seed=9, varied=False)
    _, _, mask = narrator.encode(fresh)
    nats = math.log(narrator.perplexity(fresh)) * mask.sum().item() / len(fresh)
    assert entropy - 0.3 < nats < entropy + 2  # 300 captions know their mean to about ± 0.1
    for lang in ("en", "zh"):
        rate = np.mean([is_grammatical(c) for c in narrator.generate(200, lang, generator=torch.Generator().manual_seed(1))])
        print(f"grammatical {lang}: {rate:.2f}")
        assert rate > 0.7
    assert np.mean([is_grammatical(c) for c in babble]) < 0.1


def test_the_same_generator_writes_the_same_and_a_beginning_is_kept() -> None:
    torch.manual_seed(0)
    narrator = Narrator.fit(captions(200))
    first, second, other = (narrator.generate(5, "zh", generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert first == second != other
    assert all(c.startswith("a puppy") for c in narrator.generate(5, beginning="a puppy", longest=9))
    assert len(set(narrator.generate(4, temperature=0, longest=9))) == 1
    assert all(len(split(c)) <= 6 for c in narrator.generate(9, longest=6) if c)
    assert narrator.next_logits("a puppy").shape == (len(narrator.symbols),)
    assert not any("<" in c for c in narrator.generate(50, longest=30))


def test_a_saved_narrator_writes_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    narrator = Narrator.fit(captions(60), NarratorConfig("character", "gru", 8, 12))
    narrator.save_pretrained(tmp_path / "narrator")
    again = Narrator.from_pretrained(tmp_path / "narrator")
    assert again.config == narrator.config and again.symbols == narrator.symbols
    one, other = (n.generate(3, "zh", longest=20, generator=torch.Generator().manual_seed(0)) for n in (narrator, again))
    assert one == other
    with pytest.raises(ValueError, match=r"there is no model in .*nowhere"):
        Narrator.from_pretrained(tmp_path / "nowhere")


def test_symbols_do_not_depend_on_the_order_of_the_data() -> None:
    said = captions(50)
    assert Narrator.fit(said).symbols == Narrator.fit(said[::-1]).symbols


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n: n.encode([]), r"one or more captions, got \[\]"),
        (lambda n: n.encode("a cat sits"), "takes a list.*a cat sits"),
        (lambda n: n.encode(["  "]), "'  ' is empty"),
        (lambda n: n.encode(["привет, мир"]), "'привет, мир' is in neither English nor Chinese"),
        (lambda n: n.encode(["a dragon sits"]), "'dragon' in 'a dragon sits'"),
        (lambda n: n.generate(1, "fr"), "'fr'.*en, zh"),
        (lambda n: n.generate(0), "count must be at least 1, got 0"),
        (lambda n: n.generate(1, temperature=-1), "negative, got -1"),
        (lambda n: n.generate(1, temperature=math.nan), "got nan"),
        (lambda n: n.generate(1, top_k=0), "at least 1, got 0"),
        (lambda n: n(torch.zeros(2, 3, 4, dtype=torch.int64)), r"\(2, 3, 4, 48\)"),
        (lambda n: NarratorConfig(unit="letter"), "'letter'.*word, character"),
        (lambda n: NarratorConfig(cell="cnn"), "'cnn'.*rnn, gru, lstm"),
        (lambda n: NarratorConfig(hidden=0), "at least 1, not 48 and 0"),
        (lambda n: scene_probabilities("pairs"), "'pairs'.*shapes, digits, story"),
        (lambda n: scene_probabilities("mars"), "'mars'"),
    ],
)
def test_bad_input_is_quoted(call: Any, words: str) -> None:
    narrator = Narrator.fit(captions(40))
    with pytest.raises(ValueError, match=words):
        call(narrator)
