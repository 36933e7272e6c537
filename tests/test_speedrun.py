"""The race: who is good enough ends it, who is not runs out of time, and the table keeps the fastest first."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speedrun import Result, race, read_entry, record
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render


def perfect(captions, seed):
    rng = np.random.default_rng(seed)
    return np.stack([render(parse(caption), 16, 32, 32, rng) for caption in captions])


def blank(captions, seed):
    return np.zeros((len(captions), 16, 32, 32, 3), np.uint8)


def test_the_race_ends_with_the_first_entry_that_is_good_enough():
    told = []

    def entry():
        told.append((yield blank))
        yield perfect

    result = race(entry, clips=20, clock=iter(range(100)).__next__)
    assert result.finished and [share for _, share in result.reached] == [0.0, 1.0] and told == [0.0]
    assert [at for at, _ in result.reached] == [1, 2]


def test_the_clock_stops_for_nothing_and_ends_the_race():
    def entry():
        for _ in itertools.count():
            yield blank

    result = race(entry, clips=4, limit=30, clock=iter(range(0, 1000, 10)).__next__)
    assert not result.finished and result.seconds == 30 and len(result.reached) == 3


def test_an_entry_that_gives_up_is_told_so():
    def entry():
        yield blank

    with pytest.raises(ValueError, match=r"without 0\.95"):
        race(entry, clips=4)


def test_two_races_ask_for_different_clips():
    asked = []

    def entry():
        yield lambda captions, seed: asked.append(tuple(captions)) or perfect(captions, seed)

    for _ in range(2):
        race(entry, clips=8)
    assert asked[0] != asked[1]


def test_the_table_keeps_the_fastest_first(tmp_path):
    table = tmp_path / "records.md"
    for seconds in (1200.4, 900.0, 1500.0):
        record("mine.py", Result(seconds, ((seconds, 0.96),)), table)
    rows = [line for line in table.read_text().splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [int(row.split("|")[1]) for row in rows] == [900, 1200, 1500] and "| 0.960 | mine |" in rows[0]


def test_an_entry_is_a_name_or_a_file(tmp_path):
    (tmp_path / "mine.py").write_text("def entry():\n    yield 1\n")
    assert next(read_entry(str(tmp_path / "mine.py"))()) == 1
    assert read_entry("flow").__name__ == "flow"
    (tmp_path / "empty.py").write_text("")
    for name, message in (("nope", "no entry 'nope'"), (str(tmp_path / "empty.py"), "defines no function")):
        with pytest.raises(ValueError, match=message):
            read_entry(name)
    assert Path("benchmarks/speedrun.py").is_file()
