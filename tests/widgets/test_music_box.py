"""The music box: its maths in Python and JavaScript, what it refuses, and its life in a browser."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.evaluation.music import key_fits, pitch_classes, read_mood, tempo_curve
from t2v_edu.film.tunes import BEAT, SCALES, compose, lowered
from t2v_edu.models.music_gan import MOODS, TEMPOS
from t2v_edu.widgets import MusicBox

TUNES = {f"{mood}, {tempo}": (compose(mood, tempo, np.random.default_rng(7)), tempo) for mood, tempo in product(MOODS, TEMPOS)}


class TestMaths:
    pytestmark: ClassVar = [needs_node]

    def test_keys_over_a_grid(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        counts = [*np.eye(12), *rng.integers(0, 9, (100, 12)).astype(float)]
        body, given = "return given.map(keyFits);", [c.tolist() for c in counts]
        got = run(tmp_path, body, given, sources=("music_math",), exports=("keyFits",))
        for ours, theirs in zip(counts, got, strict=True):
            np.testing.assert_allclose(theirs, key_fits(ours), rtol=0, atol=1e-12)

    def test_tempi_over_a_grid(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        cases = [(rng.integers(0, 5, n).astype(float), 30 / beats) for n, beats in product((8, 16, 24), (40, 77, 100, 120, 240))]
        given = [[onsets.tolist(), step] for onsets, step in cases]
        got = run(tmp_path, "return given.map(([o, s]) => tempoCurve(o, s).map((c) => [c.beats, c.score]));", given,
                  sources=("music_math",), exports=("tempoCurve",))
        for (onsets, step), theirs in zip(cases, got, strict=True):
            np.testing.assert_allclose(np.array(theirs).T, tempo_curve(onsets, step), rtol=0, atol=1e-9)

    def test_lowering_over_all_tunes_and_ticks(self, tmp_path: Path) -> None:
        boxes = [MusicBox({"it": tune}, third=a, sixth=b, seventh=c)
                 for tune in TUNES.values() for a, b, c in product((False, True), repeat=3)]
        given = [[box.tunes[0]["pins"], box.tunes[0]["halves"], box.third, box.sixth, box.seventh] for box in boxes]
        body = """return given.map(([pins, halves, a, b, c]) => {
            const low = lowerDegrees(pins, a, b, c);
            return [countPitches(low), countOnsets(low, halves)];
        });"""
        got = run(tmp_path, body, given, sources=("music_math",), exports=("lowerDegrees", "countPitches", "countOnsets"))
        for box, (pitches, onsets) in zip(boxes, got, strict=True):
            np.testing.assert_array_equal(pitches, pitch_classes(box.roll()))
            np.testing.assert_array_equal(onsets, box.roll().sum(0))


def test_all_three_lowered_make_the_minor_scale() -> None:
    for seed in range(10):
        roll = compose("glad", "slow", np.random.default_rng(seed))
        rows = np.nonzero(lowered(roll, third=True, sixth=True, seventh=True))[0]
        assert set((rows % 12).tolist()) <= set(SCALES["sad"]) and (lowered(roll) == roll).all()


def test_the_answer_is_true() -> None:
    """The third is enough in most tunes, with the sixth in nearly all; sixth or seventh alone are in none."""
    rng = np.random.default_rng(0)
    rolls = [compose("glad", tempo, rng) for tempo in TEMPOS for _ in range(40)]

    def minor(**degrees: bool) -> float:
        return float(np.mean([read_mood(lowered(roll, **degrees)) == "sad" for roll in rolls]))

    assert 0.5 < minor(third=True) < 0.75 and minor(third=True, sixth=True) > 0.95
    assert minor(sixth=True) == minor(seventh=True) == 0


def test_a_turned_crank_is_read_off_by_an_octave_at_the_ends() -> None:
    assert [round(MusicBox(TUNES, beats=b).reads()[1]) for b in (80, 100, 120, 200)] == [80, 100, 120, 100]


@pytest.mark.parametrize("call, told", [
    (lambda: MusicBox({}), "there are 0"), (lambda: MusicBox(TUNES, 4), "tune 4"),
    (lambda: MusicBox(TUNES, beats=300), "beats 300"),
    (lambda: MusicBox({"x": (np.zeros((36, 48), np.uint8), "slow")}), "0 pins"),
    (lambda: MusicBox({"x": (np.eye(36, 48, dtype=np.uint8), "fast")}), "half beats"),
    (lambda: MusicBox({"x": (np.zeros((36, 40), np.uint8), "slow")}), r"\(36, 40\)"),
])  # fmt: skip
def test_what_no_drum_has_is_refused(call: Callable[[], object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()


def test_its_picture_says_what_is_read() -> None:
    pixels, text = MusicBox(TUNES, 2).picture()
    assert pixels.shape == (200, 600, 3) and "C minor" in text and pixels.std() > 5
    assert len(MusicBox(TUNES).to_html()) < 20_000
    assert BEAT == {"slow": 6, "fast": 4}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("music"), [MusicBox(TUNES)]).as_uri()


class TestInTheBrowser:
    def told(self, t: Tab) -> str:
        return str(t.page.locator(".t2v-music p[role=status]").text_content())

    def test_it_reads_what_python_reads(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        key, beats = MusicBox(TUNES).reads()
        assert f"{key} (fit" in self.told(t) and f"{beats:.0f} beats" in self.told(t)
        t.page.get_by_role("checkbox", name="lower the third").check()
        t.page.wait_for_function("location.hash.includes('w1.third=true')")
        assert f"{MusicBox(TUNES, third=True).reads()[0]} (fit" in self.told(t) and t.page.locator(".t2v-pin-low").count() > 3
        crank = t.page.get_by_role("slider", name="Crank")
        crank.focus()
        t.page.keyboard.press("End")
        t.page.wait_for_function("location.hash.includes('w1.beats=240')")
        assert f"{MusicBox(TUNES, third=True, beats=240).reads()[1]:.0f} beats a minute. The crank makes 240" in self.told(t)
        t.menu("Tune").select_option("3")
        t.page.wait_for_function("location.hash.includes('w1.tune=3')")
        assert MusicBox(TUNES, 3, third=True).reads()[0] in self.told(t)
        t.page.get_by_role("button", name="Reset").click()
        t.page.wait_for_function("location.hash === ''")
        assert f"{key} (fit" in self.told(t)
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_it_plays_and_stops_without_a_request(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(page)
        t.page.get_by_role("button", name="Listen").click()
        t.page.get_by_role("button", name="Stop").click()
        t.page.get_by_role("button", name="Listen").wait_for()
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_nonsense_in_the_link_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = tab().open(f"{page}#w1.tune=99&w1.beats=-5&w1.third=perhaps")
        assert "The crank makes 40" in self.told(t) and "NaN" not in t.page.content()
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = tab(viewport={"width": width, "height": 900}).open(page)
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
