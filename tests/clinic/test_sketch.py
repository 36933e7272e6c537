"""The sketch has the mistakes that chapter 11 says; the exam is right about known models; the chapter shows this very code."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest

from t2v_edu.clinic import CASES, listing, sketch
from t2v_edu.clinic.sketch import examine

CHAPTER = Path(__file__).parents[2] / "chapters" / "11_spot_the_bug.ipynb"
CAPTIONS = [f"a {size} {color} circle moves {way}" for size in ("small", "large") for color in ("red", "blue", "green")
            for way in ("left", "right")]  # fmt: skip
NAMES = [f"clip_{i:04}/frame_00.png clip_{i:04}/frame_01.png" for i in range(len(CAPTIONS))]


@pytest.fixture(scope="module")
def trained(keras):
    """The sketch on twelve captions, eight by eight pixels: generator, discriminator, its weights before, ids, losses, output."""
    keras.utils.set_random_seed(0)
    tokenizer, text, video = sketch.tokenised(CAPTIONS, NAMES)
    G = sketch.sketched_generator(len(tokenizer.word_index) + 1, 3, 8)
    D = sketch.sketched_discriminator(3, 8)
    before = [np.asarray(w).copy() for w in D.weights]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        history = sketch.sketched_fit(G, D, text, video, 12)
    return G, D, before, text, video, history.history["loss"], told.getvalue()


class TestSketch:
    def test_it_runs_and_its_loss_falls(self, trained) -> None:
        *_, losses, _ = trained
        assert losses[-1] < 0.8 * losses[0]

    def test_the_video_lstm_reads_one_row_of_zeros(self, trained) -> None:
        _, _, _, text, video, *_ = trained
        assert len(np.unique(text, axis=0)) == len(CAPTIONS) and not video.any()

    def test_d_learns_from_g_and_from_nobody_else(self, trained) -> None:
        _, D, before, *_ = trained
        assert max(np.abs(np.asarray(w) - old).max() for w, old in zip(D.weights, before, strict=True)) > 1e-3

    def test_its_films_never_go_below_zero_and_have_no_noise(self, trained) -> None:
        G, _, _, text, video, *_ = trained
        once, twice = (np.asarray(G([text, video])) for _ in range(2))
        assert once.min() == 0 and np.array_equal(once, twice)

    def test_the_epochs_are_told(self, trained) -> None:
        *_, losses, told = trained
        assert told.splitlines() == [f"epoch {i + 1}: loss {loss:.3f}" for i, loss in enumerate(losses)]


class TestExam:
    rng = np.random.default_rng(0)
    after = rng.uniform(-1, 1, (10, 4, 5, 5)).astype(np.float32)
    last = rng.uniform(-1, 1, (10, 5, 5)).astype(np.float32)

    def test_who_knows_the_answers(self) -> None:
        """It draws what came, looks at first frames alone, and judges by them."""
        fits = lambda film, captions: -np.square(film - self.after[captions]).mean((1, 2, 3))  # noqa: E731
        report = examine(lambda captions, first, seed: self.after[first], fits, self.last, self.after)
        other = np.abs(np.roll(self.after, -1, 0) - self.after).mean()
        assert report["squared error"] == report["change with another caption"] == report["change with other noise"] == 0
        assert report["change with other first frames"] == pytest.approx(other)
        assert report["D puts real above made"] == 0  # they are the same
        assert report["D puts right caption above wrong"] == 1

    def test_who_freezes_the_last_frame(self) -> None:
        frozen = np.repeat(self.last[:, None], 4, 1)
        report = examine(lambda captions, first, seed: frozen + seed, lambda film, captions: film.mean((1, 2, 3)) * 0, self.last,
                         self.after)
        assert report["squared error"] == pytest.approx(report["the same of the last frame, frozen"])
        assert report["change with other noise"] == 1 and report["D puts right caption above wrong"] == 0


@pytest.fixture(scope="module")
def page() -> str:
    """All code of the chapter."""
    cells = nbformat.read(CHAPTER, as_version=4).cells
    return "\n\n\n".join(cell.source for cell in cells if cell.cell_type == "code")


class TestChapter:
    """What a reader runs in chapter 11 is what is tested here, to the letter."""

    @pytest.mark.parametrize("name", CASES)
    def test_shows_every_wrong_program_and_its_mend(self, page: str, name: str) -> None:
        for program in CASES[name].wrong:
            assert listing(program) in page
        assert f'mend("{name}")' in page

    @pytest.mark.parametrize("part", ["tokenised", "sketched_generator", "sketched_discriminator", "sketched_fit"])
    def test_shows_the_sketch(self, page: str, part: str) -> None:
        assert listing(getattr(sketch, part)) in page
        assert f"LENGTH = {sketch.LENGTH}" in page
