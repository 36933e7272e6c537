"""Files that players play: their streams are read back by FFmpeg and by Chromium, and failures leave nothing behind."""

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from t2v_edu.film import read_film, show, strip, upscale, write_film
from t2v_edu.film.mux import SUFFIXES, encode

RED, GREEN, BLUE = (228, 38, 44), (40, 175, 70), (45, 95, 235)


def disc(frames: int = 16, size: int = 64) -> np.ndarray:
    """A red disc that travels right over black."""
    y, x = np.mgrid[:size, :size] / size
    film = np.full((frames, size, size, 3), 16, np.uint8)
    for t in range(frames):
        film[t][(y - 0.5) ** 2 + (x - 0.25 - 0.5 * t / frames) ** 2 < 0.03] = RED
    return film


def traffic(size: int = 64) -> np.ndarray:
    """Four frames each of red, green and blue."""
    return np.repeat(np.array([RED, GREEN, BLUE], np.uint8), 4, axis=0)[:, None, None].repeat(size, 1).repeat(size, 2)


def noise(size: int = 256) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (16, size, size, 3), dtype=np.uint8)


def test_mp4_is_h264_as_players_want_it(tmp_path: Path) -> None:
    path = write_film(disc(), tmp_path / "film.mp4", fps=8, title="红色的圆向右飘")
    with av.open(str(path)) as container:
        (stream,) = container.streams
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 64, 64)
        assert (stream.average_rate, stream.frames, container.duration) == (8, 16, 2_000_000)
        assert (context.colorspace, context.color_primaries, context.color_range) == (1, 1, 1)
        assert container.metadata["title"] == "红色的圆向右飘"
    contents = [name for name in boxes(path.read_bytes()) if name != "free"]
    assert contents == ["ftyp", "moov", "mdat"]  # the index in front: plays while it loads


@pytest.mark.parametrize("frames", [1, 2, 500])
def test_the_index_stays_in_front_at_any_length(frames: int) -> None:
    data = encode(disc(frames, 32), ".mp4", title="t" * 3000)
    order = list(boxes(data))
    assert order.index("moov") < order.index("mdat")


def boxes(data: bytes) -> Iterator[str]:
    """Names of the top-level boxes of an MP4, which must fill it exactly."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        assert size >= 8
        yield data[at + 4 : at + 8].decode()
        at += size
    assert at == len(data)


@pytest.mark.parametrize("suffix,mean,largest", [(".mp4", 2.5, 130), (".webm", 3.0, 140), (".gif", 1.0, 10)])
def test_what_is_decoded_is_what_was_written(tmp_path: Path, suffix: str, mean: float, largest: int) -> None:
    film = upscale(disc(size=32), 128)
    back = read_film(write_film(film, tmp_path / f"film{suffix}"))
    assert back.shape == film.shape
    error = np.abs(back.astype(int) - film)
    assert error.mean() < mean and error.max() < largest  # the largest where halved chroma meets the rim of the disc
    middle = np.abs(back[8, 64, 64].astype(int) - RED)
    assert middle.max() <= 4  # flat colours survive: nobody mixed up RGB and BGR, or the range


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("height,width", [(33, 47), (1, 1), (17, 64)])
def test_odd_sizes_are_padded_to_even_ones(tmp_path: Path, suffix: str, height: int, width: int) -> None:
    film = np.full((3, height, width, 3), BLUE, np.uint8)
    back = read_film(write_film(film, tmp_path / f"odd{suffix}"))
    assert back.shape == (3, height + height % 2, width + width % 2, 3)
    assert np.abs(back.astype(int) - BLUE).max() <= 6  # the padding repeats the edge, it is not black


def test_gif_loops_for_ever_in_time(tmp_path: Path) -> None:
    with Image.open(write_film(disc(), tmp_path / "film.gif", fps=8)) as picture:
        assert picture.n_frames == 16 and picture.info["loop"] == 0
        durations = []
        for i in range(16):
            picture.seek(i)
            durations.append(picture.info["duration"])
    assert sum(durations) == 2000 and set(durations) <= {120, 130}  # hundredths of a second
    with Image.open(write_film(disc(), tmp_path / "fast.gif", fps=60)) as picture:
        assert picture.info["duration"] == 20  # browsers would play 10 as 100


def test_a_gif_holds_what_stands_still_as_one_long_frame(tmp_path: Path) -> None:
    still = np.repeat(disc(2), 8, axis=0)  # 8 equal frames, then 8 others
    with Image.open(write_film(still, tmp_path / "film.gif", fps=8, title="静" * 200)) as picture:
        assert picture.n_frames == 2 and picture.info["duration"] == 1000
        assert picture.info["comment"].decode() == "静" * 200


def test_png_is_a_strip_of_eight_frames(tmp_path: Path) -> None:
    film = disc()
    with Image.open(write_film(film, tmp_path / "film.png", title="a red disc")) as picture:
        assert (np.asarray(picture) == strip(film, 8)[0]).all() and picture.info["Title"] == "a red disc"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_film_makes_the_same_bytes(suffix: str) -> None:
    script = ("import hashlib, numpy as np; from t2v_edu.film.mux import encode;"
              "film = np.random.default_rng(3).integers(0, 256, (6, 24, 40, 3), dtype=np.uint8);"
              f"print(hashlib.sha256(encode(film, {suffix!r}, title='x')).hexdigest())")
    runs = {subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1


@pytest.mark.parametrize("name", ["film.avi", "film", "film.mp4.txt", "film.MOV"])
def test_a_wrong_suffix_names_those_that_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"\.mp4, \.webm, \.gif, \.png"):
        write_film(disc(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_capital_suffix_works(tmp_path: Path) -> None:
    assert read_film(write_film(disc(2), tmp_path / "FILM.MP4")).shape == (2, 64, 64, 3)


@pytest.mark.parametrize("fps", [0, -1, 61, float("nan")])
def test_a_rate_out_of_range_is_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(ValueError, match="1 to 60"):
        write_film(disc(2), tmp_path / "film.mp4", fps=fps)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"mkdir -p {tmp_path}/no/where"):
        write_film(disc(2), tmp_path / "no" / "where" / "film.mp4")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_folders_place_and_a_folder_in_the_files(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        write_film(disc(2), tmp_path / "file" / "film.mp4")
    (tmp_path / "film.mp4").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_film(disc(2), tmp_path / "film.mp4")


def test_a_folder_without_write_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if os.geteuid() == 0:  # root may write everywhere; what the system says to others is put in its mouth
        monkeypatch.setattr(os, "access", lambda path, mode, **_: Path(path) != locked)
    with pytest.raises(PermissionError, match="cannot be written to"):
        write_film(disc(2), locked / "film.mp4")
    assert not list(locked.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full to play a full disk")
def test_a_full_disk_leaves_the_old_film_and_nothing_half_written(tmp_path: Path) -> None:
    target = tmp_path / "film.mp4"
    target.write_bytes(b"the film of yesterday")
    (tmp_path / f".film.{os.getpid()}.part").symlink_to("/dev/full")  # every write to it fails as on a full disk
    with pytest.raises(OSError, match=r"disk is full.*needs .* kB"):
        write_film(disc(), target)
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]
    assert target.read_bytes() == b"the film of yesterday"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of 64 kB cannot be mounted here: it takes root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_real_disk_that_fills_up(small_disk: Path) -> None:
    with pytest.raises(OSError, match="disk is full"):
        write_film(noise(), small_disk / "film.mp4")
    assert not list(small_disk.iterdir())
    write_film(disc(2), small_disk / "small.mp4")  # the room was given back
    assert [p.name for p in small_disk.iterdir()] == ["small.mp4"]


def test_a_real_disk_that_is_read_only(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(PermissionError, match="cannot be written to"):
        write_film(disc(2), small_disk / "film.mp4")


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("not a film")
    with pytest.raises(ValueError, match=r"film\.mp4' holds no video"):
        read_film(tmp_path / "film.mp4")
    with pytest.raises(FileNotFoundError):
        read_film(tmp_path / "other.mp4")


# --- In a page --------------------------------------------------------------------------------------------------------


def test_show_is_small_deterministic_and_says_what_it_shows() -> None:
    page = show(disc(size=32), alt='a red disc < "moves" right').data
    assert page == show(disc(size=32), alt='a red disc < "moves" right').data
    assert len(page) < 60_000 and 'aria-label="a red disc &lt; &quot;moves&quot; right"' in page
    assert all(word in page for word in ("loop", "muted", "playsinline", "controls", "data:video/mp4;base64,"))
    assert "<script" not in page and "http" not in page


def test_show_several_films_with_their_legends() -> None:
    page = show([disc(4), traffic()], alt=["a disc", "three colours"]).data
    assert page.count("<video") == 2 and page.count("<figcaption") == 2


def test_show_refuses_missing_texts_and_too_much() -> None:
    with pytest.raises(ValueError, match="alt is empty"):
        show(disc(4), alt=" ")
    with pytest.raises(ValueError, match="as many texts"):
        show([disc(4), disc(4)], alt="one")
    with pytest.raises(ValueError, match="300 kB"):
        show(noise(), alt="noise", width=256)


PLAY = """async (source) => {
  const video = document.createElement('video');
  video.muted = true; video.playsInline = true; video.src = source; document.body.append(video);
  await new Promise((done, fail) => { video.onloadeddata = done; video.onerror = () => fail(video.error.message); });
  const canvas = document.createElement('canvas'); canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const pen = canvas.getContext('2d');
  const colours = [];
  for (const time of [0.25, 0.75, 1.25]) {
    // `seeked` comes when the frame is decoded; on a busy machine a canvas may still be given none, so wait for one to be shown.
    await new Promise(done => { video.requestVideoFrameCallback(done); video.currentTime = time; });
    pen.drawImage(video, 0, 0); colours.push([...pen.getImageData(30, 30, 1, 1).data].slice(0, 3));
  }
  video.currentTime = 0; await video.play();
  await new Promise(done => setTimeout(done, 600));
  return {width: video.videoWidth, height: video.videoHeight, duration: video.duration, time: video.currentTime, colours};
}"""


@pytest.fixture(scope="module")
def page(chromium: Any) -> Any:
    """A page of Chromium in which every request to another machine fails."""
    return chromium.new_page()


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_chromium_plays_it_in_the_right_colours(page: Any, suffix: str) -> None:
    page.set_content("<title>film</title>")
    played = page.evaluate(PLAY, f"data:video/{suffix[1:]};base64," + base64.b64encode(encode(traffic(), suffix, fps=8)).decode())
    assert (played["width"], played["height"]) == (64, 64)
    assert played["duration"] == pytest.approx(1.5, abs=0.13) and 0.1 < played["time"] <= 1.5
    for shown, meant in zip(played["colours"], (RED, GREEN, BLUE), strict=True):
        # Without a graphics card Chromium rounds one factor of BT.709 down, which dims strong blue by 4 in 100.
        assert np.abs(np.subtract(shown, meant)).max() <= 10, played["colours"]


def test_what_show_makes_plays_by_itself_and_over_again(page: Any) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.set_content(f"<title>chapter</title>{show(traffic()[::2], alt='three colours', fps=8).data}")  # 0.75 s
    video = page.get_by_label("three colours")
    page.wait_for_function("document.querySelector('video').currentTime > 0.4", timeout=10_000)
    page.wait_for_function("document.querySelector('video').currentTime < 0.3", timeout=10_000)  # it began again
    assert video.evaluate("v => [v.paused, v.muted, v.loop, v.videoWidth, v.clientWidth]") == [False, True, True, 192, 192]
    assert not [url for url in requests if url.startswith("http")]
