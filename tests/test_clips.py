"""Real clips: whatever lies in a user's folder is read right, or named in a message that says what would do."""

import json
import os
import unicodedata
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from t2v_edu.clips import ClipFolder, default_cache
from t2v_edu.decode import UnreadableVideo, decode

REAL = Path(__file__).resolve().parents[2] / "shared" / "clips"
RED, GREEN, BLUE, GRAY = (220, 30, 30), (30, 200, 30), (30, 30, 220), (128, 128, 128)


def corners(height=96, width=96):
    """A picture with four colours in its four corners, so that turns and mirrors show."""
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2, : width // 2], image[: height // 2, width // 2 :] = RED, GREEN
    image[height // 2 :, : width // 2], image[height // 2 :, width // 2 :] = BLUE, GRAY
    return image


def shade(k):
    """A picture whose brightness says which one it is."""
    return np.full((64, 64, 3), 10 * k, np.uint8)


def film(path, images, *, rate=10, codec="libx264", pixels="yuv420p", times=None, turn=None, sound=False, aspect=None):
    """Write a video. `times` are the frames' own times in milliseconds, `turn` is (degrees, hflip, vflip)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        if turn is not None:
            stream.set_display_rotation(turn[0], hflip=turn[1], vflip=turn[2])
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        voice = container.add_stream("aac", rate=16000) if sound else None
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice is not None:
            tone = (np.sin(np.arange(16000) / 10) * 0.3).astype(np.float32)[None]
            samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            samples.sample_rate = 16000
            container.mux(voice.encode(samples))
            container.mux(voice.encode())
    return path


def brightness(frames):
    return frames.reshape(len(frames), -1).mean(1)


def folder_of(tmp_path, names, **kwargs):
    """A folder with a video per name, each captioned with its name."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in names:
        film(folder / name, [shade(k) for k in range(1, 21)], **kwargs)
    lines = [json.dumps({"video": n, "caption": f"it is {n}"}, ensure_ascii=False) for n in names]
    (folder / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


# --- Decoding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [(False, False), (True, False), (False, True)], ids=["plain", "hflip", "vflip"])
def test_rotation_and_mirror_flags_are_obeyed(tmp_path, degrees, mirror):
    path = film(tmp_path / "a.mp4", [corners()] * 5, turn=(degrees, *mirror))
    expected = np.rot90(corners(), degrees // 90)
    expected = expected[:, ::-1] if mirror[0] else expected
    expected = expected[::-1] if mirror[1] else expected
    shown = decode(path, fps=10, size=32)[0]
    assert np.abs(shown[4::24, 4::24].astype(int) - expected[12::72, 12::72]).max() < 30
    assert decode(path, fps=10, size=32).shape == (5, 32, 32, 3)


@pytest.mark.parametrize(("height", "width"), [(96, 96), (64, 128), (130, 70)])
def test_the_centred_square_is_kept(tmp_path, height, width):
    image = np.zeros((height, width, 3), np.uint8)
    ys, xs = np.mgrid[:height, :width]
    image[np.hypot(ys - (height - 1) / 2, xs - (width - 1) / 2) < 25] = 255
    shown = decode(film(tmp_path / "a.mp4", [image] * 3), fps=10, size=32)[0].mean(2)
    scale = 32 / min(height, width)
    ys, xs = np.nonzero(shown > 128)
    assert abs(ys.mean() - 15.5) < 0.5 and abs(xs.mean() - 15.5) < 0.5
    assert abs(np.ptp(ys) - 50 * scale) < 2 and abs(np.ptp(xs) - 50 * scale) < 2  # a disc stays a disc


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    image = np.zeros((96, 96, 3), np.uint8)
    ys, xs = np.mgrid[:96, :96]
    image[np.hypot(ys - 47.5, 2 * (xs - 47.5)) < 30] = 255  # stored half as wide as it is shown
    path = film(tmp_path / "a.mkv", [image] * 3, aspect=Fraction(2, 1))
    ys, xs = np.nonzero(decode(path, fps=10, size=48)[0].mean(2) > 128)
    assert abs(np.ptp(xs) - np.ptp(ys)) <= 2


def test_shrinking_does_not_alias(tmp_path):
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    shown = decode(film(tmp_path / "a.mkv", [stripes] * 2, codec="ffv1", pixels="bgr0"), fps=10, size=32)
    assert np.abs(shown.astype(int) - 127).max() < 8


@pytest.mark.parametrize(("rate", "fps", "expected"), [
    (10, 10, range(1, 21)),
    (20, 10, range(1, 21, 2)),
    (10, 20, [k for k in range(1, 21) for _ in range(2)]),
    (Fraction(30000, 1001), 10, range(1, 21, 3)),  # NTSC: each third frame comes 0.1 ms late
])
def test_frame_rates_become_one(tmp_path, rate, fps, expected):
    path = film(tmp_path / "a.mp4", [shade(k) for k in range(1, 21)], rate=rate)
    shown = np.round(brightness(decode(path, fps=fps, size=16)) / 10)
    np.testing.assert_array_equal(shown, list(expected))


def test_variable_frame_times_are_kept(tmp_path):
    path = film(tmp_path / "a.mkv", [shade(k) for k in (1, 5, 9, 13)], times=[0, 100, 500, 600])
    shown = np.round(brightness(decode(path, fps=10, size=16)) / 10)
    np.testing.assert_array_equal(shown[:7], [1, 5, 5, 5, 5, 9, 13])


@pytest.mark.parametrize(("name", "options"), [
    ("a.gif", {"codec": "gif", "pixels": "rgb8"}),
    ("a.webm", {"codec": "libvpx-vp9"}),
    ("a.mkv", {"codec": "ffv1", "pixels": "bgr0"}),
    ("a.avi", {"codec": "mpeg4"}),
    ("a.mov", {"codec": "libx264", "pixels": "yuv444p"}),
    ("sound.mp4", {"sound": True}),
    ("a.h264", {}),  # no container: no times
])
def test_containers_and_codecs(tmp_path, name, options):
    shown = decode(film(tmp_path / name, [corners()] * 20, **options), fps=5, size=16)
    assert shown.shape[1:] == (16, 16, 3) and shown.dtype == np.uint8 and len(shown) >= (4 if name.endswith("h264") else 10)
    assert np.abs(shown[0, 4::8, 4::8].astype(int) - corners()[24::48, 24::48]).max() < 45


def test_what_is_no_video_is_unreadable(tmp_path):
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    whole = film(tmp_path / "whole.mp4", [shade(k) for k in range(20)]).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as container:
        voice = container.add_stream("aac", rate=16000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 16000
        container.mux(voice.encode(samples))
        container.mux(voice.encode())
    for name in ("noise.mp4", "empty.mp4", "cut.mp4"):
        with pytest.raises(UnreadableVideo, match="does not decode"):
            decode(tmp_path / name, fps=8, size=16)
    with pytest.raises(UnreadableVideo, match="no video stream"):
        decode(tmp_path / "sound.m4a", fps=8, size=16)


# --- The folder -------------------------------------------------------------------------------------------------------


def test_every_clip_once_a_pass_and_the_same_again(tmp_path):
    folder = folder_of(tmp_path, [f"{k}.mp4" for k in range(6)])
    source = ClipFolder(folder, frames=4, size=16, cache=tmp_path / "cache")
    again = ClipFolder(folder, frames=4, size=16, cache=tmp_path / "cache")
    stream, resumed = source.batches(3, seed=1), again.batches(3, seed=1, start=2)
    passes = [next(stream) for _ in range(4)]
    assert passes[0].frames.shape == (3, 4, 16, 16, 3) and passes[0].frames.dtype == np.uint8 and passes[0].scenes is None
    for first, second in ((0, 1), (2, 3)):
        assert sorted(passes[first].captions + passes[second].captions) == [f"it is {k}.mp4" for k in range(6)]
    for batch in passes[2:]:
        other = next(resumed)
        assert other.captions == batch.captions
        np.testing.assert_array_equal(other.frames, batch.frames)


def test_windows_begin_anywhere_and_keep_the_order_of_time(tmp_path):
    source = ClipFolder(folder_of(tmp_path, ["a.mp4"]), frames=8, size=16, fps=10, cache=tmp_path / "cache")
    shown = [np.round(brightness(source.clip(0, i).frames) / 10) for i in range(100)]
    assert all((np.diff(s) == 1).all() for s in shown)
    assert {int(s[0]) for s in shown} == set(range(1, 14))


def test_a_short_clip_starts_over(tmp_path):
    source = ClipFolder(folder_of(tmp_path, ["a.mp4"]), frames=24, size=16, fps=5, cache=tmp_path / "cache")
    shown = np.round(brightness(source.clip(0, 0).frames) / 10)
    np.testing.assert_array_equal(shown, (list(range(1, 21, 2)) * 3)[:24])


def test_the_cache_is_used_and_mended(tmp_path):
    folder, cache = folder_of(tmp_path, ["a.mp4"]), tmp_path / "cache"
    first = ClipFolder(folder, frames=4, size=16, cache=cache).clip(0, 0).frames
    (kept,) = cache.iterdir()
    assert kept.suffix == ".npy" and np.load(kept, allow_pickle=False).dtype == np.uint8
    np.save(kept, 255 - np.load(kept))
    np.testing.assert_array_equal(ClipFolder(folder, frames=4, size=16, cache=cache).clip(0, 0).frames, 255 - first)
    whole = kept.read_bytes()
    for damaged in (b"", b"nonsense", whole[:-1000], whole[:50], bytes(len(whole))):
        kept.unlink()
        kept.write_bytes(damaged)
        np.testing.assert_array_equal(ClipFolder(folder, frames=4, size=16, cache=cache).clip(0, 0).frames, first)
    kept.unlink()
    np.save(kept, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.testing.assert_array_equal(ClipFolder(folder, frames=4, size=16, cache=cache).clip(0, 0).frames, first)
    assert [p.name for p in cache.iterdir()] == [kept.name]


def test_the_cache_knows_another_video_size_and_rate(tmp_path):
    folder, cache = folder_of(tmp_path, ["a.mp4"]), tmp_path / "cache"
    ClipFolder(folder, frames=4, size=16, cache=cache)
    ClipFolder(folder, frames=4, size=24, cache=cache)
    ClipFolder(folder, frames=4, size=16, fps=4, cache=cache)
    assert len(list(cache.iterdir())) == 3
    film(folder / "a.mp4", [shade(20)] * 20)
    assert ClipFolder(folder, frames=4, size=16, cache=cache).clip(0, 0).frames.mean() > 190


def test_a_cache_that_cannot_be_written_to_is_warned_of(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="a.mp4 will be decoded again next time"):
        source = ClipFolder(folder_of(tmp_path, ["a.mp4"]), frames=4, size=16, cache=tmp_path / "file")
    assert source.clip(0, 0).frames.shape == (4, 16, 16, 3)


def test_without_a_cache_the_users_own_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    ClipFolder(folder_of(tmp_path, ["a.mp4"]), frames=4, size=16)
    assert len(list(default_cache().glob("*.npy"))) == 1 and default_cache() == tmp_path / "home" / "t2v_edu" / "clips"


def test_unicode_names_and_a_spreadsheets_csv(tmp_path):
    folder = folder_of(tmp_path, ["一只猫.mp4", "größe, klein.mp4", "b.mp4"])
    (folder / "captions.jsonl").unlink()
    (folder / "captions.csv").write_bytes(
        "\ufeffcaption,video,note\r\n一只猫在窗户旁边,一只猫.mp4,\r\n"
        '"she says ""hello"", and\nwaves","größe, klein.mp4",x\r\n\r\n'.encode()
    )
    source = ClipFolder(folder, frames=4, size=16, cache=tmp_path / "cache")
    assert [e.caption for e in source.entries] == ["一只猫在窗户旁边", 'she says "hello", and\nwaves']


def test_a_name_is_found_however_its_letters_are_stored(tmp_path):
    folder = folder_of(tmp_path, [unicodedata.normalize("NFD", "für.mp4")])
    line = json.dumps({"video": unicodedata.normalize("NFC", "für.mp4"), "caption": "x"}, ensure_ascii=False)
    (folder / "captions.jsonl").write_text(line, encoding="utf-8")
    assert len(ClipFolder(folder, frames=4, size=16, cache=tmp_path / "cache")) == 1


def test_several_captions_for_a_video_and_videos_in_folders(tmp_path):
    folder = folder_of(tmp_path, ["a.mp4"])
    (folder / "inner").mkdir()
    (folder / "a.mp4").rename(folder / "inner" / "a.mp4")
    lines = [json.dumps({"video": "inner/a.mp4", "caption": c, "more": [1]}) for c in ("one", "two")]
    (folder / "captions.jsonl").write_text("\n\n".join(lines) + "\n")
    assert len(ClipFolder(folder, frames=4, size=16, cache=tmp_path / "cache")) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 1


# --- What is wrong with a folder is said -----------------------------------------------------------------------------


def test_a_damaged_video_is_named_and_the_rest_kept(tmp_path):
    folder = folder_of(tmp_path, ["a.mp4", "b.mp4", "c.mp4"])
    (folder / "b.mp4").write_bytes((folder / "b.mp4").read_bytes()[:500])
    with pytest.warns(UserWarning, match=r"skipped b\.mp4: it does not decode") as caught:
        source = ClipFolder(folder, frames=4, size=16, cache=tmp_path / "cache")
    assert len(caught) == 1 and caught[0].filename == __file__
    assert len(source) == 2 and [name for name, _ in source.skipped] == ["b.mp4"] and "Invalid data" in source.skipped[0][1]
    (folder / "captions.jsonl").write_text('{"video": "b.mp4", "caption": "x"}')
    with pytest.warns(UserWarning), pytest.raises(ValueError, match=r"no clip in .* can be used: b\.mp4 does not decode"):
        ClipFolder(folder, frames=4, size=16, cache=tmp_path / "cache")


def test_a_folder_that_is_none_or_has_no_captions(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere' is not a folder.*captions\.jsonl or captions\.csv"):
        ClipFolder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r'captions\.jsonl.*\{"video": .*captions\.csv'):
        ClipFolder(tmp_path)
    for name in ("captions.jsonl", "captions.csv"):
        (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match=r"both captions.jsonl and captions.csv"):
        ClipFolder(tmp_path)


GOOD = '{"video": "a.mp4", "caption": "x"}\n'


@pytest.mark.parametrize(("text", "message"), [
    ("", "is empty"),
    ("\n \n", "is empty"),
    (GOOD + "\n{broken\n", r"line 3 of .* is no JSON"),
    (GOOD + '["a.mp4", "x"]', r"line 2 of .* lacks a video or a caption"),
    ('{"video": "a.mp4"}', r"line 1 of .* lacks a video or a caption"),
    ('{"video": "a.mp4", "caption": "  "}', r"line 1 of .* has no caption for 'a.mp4'"),
    ('{"video": "a.mp4", "caption": null}', r"line 1 of .* has no caption for 'a.mp4'"),
    ('{"video": 7, "caption": "x"}', r"line 1 of .* names no video but 7"),
    (GOOD + '{"video": "b.mp4", "caption": "x"}', r"line 2 of .* names 'b.mp4', which is not in the folder"),
    ('{"video": "../a.mp4", "caption": "x"}', r"line 1 of .* names '../a.mp4', which lies outside the folder"),
    ('{"video": "/etc/passwd", "caption": "x"}', r"line 1 of .* which lies outside the folder"),
    ('{"video": "a\\u0000.mp4", "caption": "x"}', r"line 1 of .* names no video"),
    ('{"video": "%s.mp4", "caption": "x"}' % ("a" * 5000), r"line 1 of .* which is not in the folder"),
])
def test_broken_jsonl_is_named_by_its_line(tmp_path, text, message):
    (tmp_path / "clips").mkdir()
    for place in (tmp_path, tmp_path / "clips"):
        (place / "a.mp4").write_bytes(b"")
    (tmp_path / "clips" / "captions.jsonl").write_text(text)
    with pytest.raises(ValueError, match=message):
        ClipFolder(tmp_path / "clips", cache=tmp_path / "cache")


@pytest.mark.parametrize(("text", "message"), [
    ("", "is empty"),
    ("video,caption\n", "is empty"),
    ("a.mp4,x\n", r"line 1 of .* is 'a.mp4,x', not a header"),
    ("video;caption\na.mp4;x\n", r"line 1 of .* is 'video;caption', not a header"),
    ("video,caption\na.mp4,x,y\n", r"line 2 of .* has 3 fields, the header 2; quote a caption"),
    ('video,caption\na.mp4,"x\ny"\na.mp4,\n', r"line 4 of .* has no caption for 'a.mp4'"),
    ('video,caption\na.mp4,"x\n', r"line 2 of .* is no CSV"),
])
def test_broken_csv_is_named_by_its_line(tmp_path, text, message):
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "captions.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        ClipFolder(tmp_path, cache=tmp_path / "cache")


def test_captions_that_are_not_utf8(tmp_path):
    (tmp_path / "captions.jsonl").write_bytes('{"video": "a.mp4", "caption": "größer"}'.encode("latin-1"))
    with pytest.raises(ValueError, match="is not UTF-8"):
        ClipFolder(tmp_path)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no symbolic links")
def test_a_link_does_not_lead_out_of_the_folder(tmp_path):
    folder = folder_of(tmp_path, ["a.mp4"])
    (tmp_path / "secret.mp4").write_bytes(b"")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "captions.jsonl").write_text('{"video": "link.mp4", "caption": "x"}')
    with pytest.raises(ValueError, match="outside the folder"):
        ClipFolder(folder)


# --- Other people's videos --------------------------------------------------------------------------------------------


@pytest.fixture
def real():
    if not (REAL / "captions.jsonl").is_file():
        pytest.skip(f"the real clips are not at {REAL}")
    return REAL


def test_real_clips_load_and_the_corrupted_one_is_named(real, tmp_path):
    with pytest.warns(UserWarning, match=r"skipped corrupted\.mp4") as caught:
        source = ClipFolder(real, cache=tmp_path)
    assert len(caught) == 1 and [name for name, _ in source.skipped] == ["corrupted.mp4"]
    assert len(source) == 5
    batch = next(source.batches(5, seed=0))
    assert batch.frames.shape == (5, 16, 32, 32, 3) and len(set(batch.captions)) == 5
    moving = np.abs(np.diff(batch.frames.astype(int), axis=1)).mean((1, 2, 3, 4))
    assert batch.frames.std((1, 2, 3, 4)).min() > 10 and moving.min() > 0.3
    with warnings.catch_warnings(action="ignore"):
        assert next(ClipFolder(real, cache=tmp_path).batches(5, seed=0)).captions == batch.captions
