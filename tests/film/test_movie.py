"""The file itself: its streams, its length, and that a flash and a beep that belong together come together."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from t2v_edu.film import read_film
from t2v_edu.film.movie import encode_movie, show_movie, write_movie
from t2v_edu.film.sound import RATE, silence
from t2v_edu.film.subtitles import Cue

SYNC = 0.040  # seconds: below, nobody notices that lips and voice part
FLASHES = (0.5, 1.5, 2.25)  # seconds
CUES = [Cue(0.25, 1.0, "Flash one."), Cue(1.5, 2.5, "第二次闪光。\nTwo.")]


def clapper(fps: float = 16, seconds: float = 3.0, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A dark film that is white for a frame at each of FLASHES, and a beep that begins with each."""
    film = np.full((round(fps * seconds), size, size, 3), 16, np.uint8)
    sound = silence(seconds)
    beep = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE // 20) / RATE)
    for second in FLASHES:
        film[round(second * fps)] = 235
        at = round(second * RATE)
        sound[at : at + len(beep)] = beep[:, None]
    return film, sound


def onsets(wave: np.ndarray) -> np.ndarray:
    """Seconds at which something loud begins after at least a fifth of a second of quiet."""
    loud = np.flatnonzero(np.abs(wave) > 0.1)
    return loud[np.r_[True, np.diff(loud) > RATE // 5]] / RATE


def heard(path: Path) -> tuple[np.ndarray, float]:
    """The left channel, on the clock of the file, and its length in seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    start = float(frames[0].pts * frames[0].time_base)
    wave = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return np.r_[np.zeros(round(start * RATE)), wave], float(frames[-1].pts * frames[-1].time_base) + frames[-1].samples / RATE


@pytest.mark.parametrize("fps", [8, 16, 24, 29.97])
def test_streams_and_length(tmp_path: Path, fps: float) -> None:
    film, sound = clapper(fps)
    path = write_movie(film, sound, tmp_path / "film.mp4", fps=fps, title="闪光", cues=CUES, language="zh")
    seconds = len(film) / fps
    with av.open(str(path)) as container:
        video, audio, text = container.streams
        assert [s.codec_context.name for s in (video, audio, text)] == ["h264", "aac", "mov_text"]
        assert (audio.codec_context.sample_rate, audio.codec_context.layout.name) == (48_000, "stereo")
        assert video.codec_context.pix_fmt == "yuv420p" and video.frames == len(film)
        assert float(video.average_rate) == pytest.approx(fps, rel=1e-3)
        assert container.metadata["title"] == "闪光" and audio.metadata["language"] == text.metadata["language"] == "chi"
        for stream in (video, audio):
            assert abs(float(stream.duration * stream.time_base) - seconds) <= 1 / fps
        assert abs(container.duration / 1e6 - seconds) <= 1 / fps
        said = [(float(p.pts * p.time_base), float(p.duration * p.time_base), bytes(p)[2:].decode())
                for p in container.demux(text) if p.size > 2]
    assert said == [(c.start, c.end - c.start, c.text) for c in CUES]


def test_a_track_of_text_is_what_other_programs_read(tmp_path: Path) -> None:
    """FFmpeg's own decoder finds the words."""
    film, sound = clapper()
    path = write_movie(film, sound, tmp_path / "film.mp4", cues=CUES)
    with av.open(str(path)) as container:
        texts = [rect.ass.decode() for packet in container.demux(subtitles=0) if packet.size > 2 for rect in packet.decode()]
    assert [text.split(",", 8)[-1].replace("\\N", "\n") for text in texts] == [cue.text for cue in CUES]


def test_the_index_is_in_front(tmp_path: Path) -> None:
    film, sound = clapper()
    data = encode_movie(film, sound, cues=CUES)
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("fps", [8, 16, 30])
def test_sound_and_picture_come_together(tmp_path: Path, fps: float) -> None:
    path = write_movie(*clapper(fps), tmp_path / "film.mp4", fps=fps)
    with av.open(str(path)) as container:
        seen = [float(f.pts * f.time_base) for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 128]
    wave, _ = heard(path)
    assert len(seen) == len(onsets(wave)) == len(FLASHES)
    assert np.abs(np.array(seen) - onsets(wave)).max() < SYNC
    assert np.abs(np.array(seen) - FLASHES).max() <= 0.5 / fps + 1e-6


def test_a_short_sound_is_filled_and_a_long_one_cut(tmp_path: Path) -> None:
    film, sound = clapper()
    for given in (sound[: RATE // 2], np.concatenate([sound, sound])):
        path = write_movie(film, given, tmp_path / "film.mp4", fps=16)
        assert heard(path)[1] == pytest.approx(3.0, abs=1 / 16)


def test_a_film_in_parts_is_the_same_file() -> None:
    film, sound = clapper()
    whole = encode_movie(film, sound, cues=CUES)
    assert whole == encode_movie(iter([film[:7], film[7:30], film[30:]]), sound, cues=CUES)
    assert whole == encode_movie(film, sound, cues=CUES)


def test_pictures_survive(tmp_path: Path) -> None:
    film, sound = clapper()
    back = read_film(write_movie(film, sound, tmp_path / "film.mp4", fps=16))
    assert back.shape == film.shape and np.abs(back.astype(int) - film).mean() < 2


def test_bad_input_leaves_nothing(tmp_path: Path) -> None:
    film, sound = clapper()
    for arguments, words in [
        ((film, sound, tmp_path / "a.gif"), r"\.mp4"), ((film, sound[:, :1], tmp_path / "a.mp4"), r"float32 \(S, 2\)"),
        ((film, 3 * sound, tmp_path / "a.mp4"), r"reaches 1\.5"), ((film.astype(float), sound, tmp_path / "a.mp4"), "uint8"),
        (([], sound, tmp_path / "a.mp4"), "at least one frame"),
        (([film, film[:, :32]], sound, tmp_path / "a.mp4"), "one size"),
        (([film] * 9, sound, tmp_path / "a.mp4"), "ten seconds after the sound"),
    ]:
        with pytest.raises(ValueError, match=words):
            write_movie(*arguments)
    with pytest.raises(FileNotFoundError, match="mkdir"):
        write_movie(film, sound, tmp_path / "no" / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_a_film_in_a_page_waits_and_says_what_it_is() -> None:
    page = show_movie(encode_movie(*clapper()), alt='a "flash" & a beep').data
    assert 'aria-label="a &quot;flash&quot; &amp; a beep"' in page and "controls" in page and "autoplay" not in page
    with pytest.raises(ValueError, match="alt is empty"):
        show_movie(b"", alt=" ")
    with pytest.raises(ValueError, match="400 kB"):
        show_movie(bytes(400_000), alt="much")


PLAY = """async (source) => {
  const video = document.createElement('video');
  video.muted = true; video.playsInline = true; video.src = source; document.body.append(video);
  await new Promise((done, fail) => { video.onloadeddata = done; video.onerror = () => fail(video.error.message); });
  const canvas = document.createElement('canvas'); canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  const light = {};
  for (const time of TIMES) {
    await new Promise(done => { video.requestVideoFrameCallback(done); video.currentTime = time; });
    pen.drawImage(video, 0, 0); light[time] = pen.getImageData(30, 30, 1, 1).data[1];
  }
  const bytes = await (await fetch(source)).arrayBuffer();
  const sound = await new OfflineAudioContext(2, 48000, 48000).decodeAudioData(bytes);
  const wave = sound.getChannelData(0), starts = [];
  for (let i = 0, quiet = 9600; i < wave.length; i++) {
    if (Math.abs(wave[i]) <= 0.1) { quiet++; continue; }
    if (quiet >= 9600) starts.push(i / sound.sampleRate);
    quiet = 0;
  }
  await video.play();
  await new Promise(done => setTimeout(done, 600));
  return {duration: video.duration, light, starts, channels: sound.numberOfChannels, time: video.currentTime,
          heard: video.webkitAudioDecodedByteCount};
}"""


@pytest.fixture(scope="module")
def page(chromium: Any) -> Any:
    return chromium.new_page()


def test_chromium_plays_picture_and_sound_together(page: Any) -> None:
    fps = 16
    half = Fraction(1, 2 * fps)
    times = [float(Fraction(f) + shift) for f in FLASHES for shift in (-half, half, 3 * half)]  # before, in, after each flash
    page.set_content("<title>film</title>")
    source = "data:video/mp4;base64," + base64.b64encode(encode_movie(*clapper(fps), fps=fps, cues=CUES)).decode()
    played = page.evaluate(PLAY.replace("TIMES", str(times)), source)
    assert [value > 128 for value in played["light"].values()] == [False, True, False] * len(FLASHES), played["light"]
    assert played["duration"] == pytest.approx(3.0, abs=1 / fps) and played["channels"] == 2
    assert len(played["starts"]) == len(FLASHES) and np.abs(np.subtract(played["starts"], FLASHES)).max() < SYNC
    assert played["time"] > 0.1 and played["heard"] > 0
