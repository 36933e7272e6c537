"""Players for sound in a page."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from t2v_edu.film.listen import listen, mp3
from t2v_edu.film.synth import RATE, Note, play

SOUND = play([Note(0, 1, 69)], 1.5)


def test_an_mp3_holds_what_was_put_in():
    with av.open(io.BytesIO(mp3(SOUND)), "r") as container:
        stream = container.streams.audio[0]
        assert stream.rate == RATE and stream.channels == 2
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], 1)
    assert len(SOUND) <= heard.shape[1] < len(SOUND) + 5000  # padded to whole frames
    spectrum = np.abs(np.fft.rfft(heard[0, :RATE]))
    assert int(spectrum.argmax()) == pytest.approx(440, abs=1)


def test_the_page_is_the_same_every_time_and_says_what_is_heard():
    page = listen([SOUND, SOUND], alt=["a string", "again & <again>"]).data
    assert page == listen([SOUND, SOUND], alt=["a string", "again & <again>"]).data
    assert page.count("<audio controls") == 2 and "autoplay" not in page and "http" not in page
    assert 'aria-label="again &amp; &lt;again&gt;"' in page


@pytest.mark.parametrize("call, told", [
    (lambda: listen(SOUND, alt=""), "as many texts"), (lambda: listen([SOUND], alt=["a", "b"]), "as many texts"),
    (lambda: listen(np.zeros(100), alt="x"), r"\(100,\)"), (lambda: listen(np.full((9, 2), np.nan), alt="x"), "finite"),
    (lambda: listen(np.random.default_rng(0).uniform(-1, 1, (60 * RATE, 2)), alt="x"), "kB are allowed"),
])  # fmt: skip
def test_what_cannot_be_played_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
