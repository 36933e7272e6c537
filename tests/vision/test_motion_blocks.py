"""Block matching, compensation and frames in between: against loops, by hand, on the world's true motion, and on real clips."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2v_edu.vision.motion import METHODS, compensate, energy, in_between, match_blocks, residual
from t2v_edu.vision.optical_flow import endpoint_error, horn_schunck, lucas_kanade
from t2v_edu.vision.warp import luma, sample, warp
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render
from t2v_edu.world.truth import true_motion


def cloudy(seed, height=64, width=80, blur=2.0):
    """A random smooth picture, 0 to 255: cosines of random waves no shorter than a few pixels, summed exactly at any place."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(0, 1 / (3 * blur), (60, 2))
    phases, y_x = rng.uniform(0, 2 * np.pi, 60), np.mgrid[:height, :width].astype(float)

    def at(dx=0.0, dy=0.0):
        angle = np.tensordot(waves, y_x - np.array([dy, dx]).reshape(2, 1, 1), 1) + phases[:, None, None]
        return np.cos(angle).sum(0) * 9 + 127

    return at


def by_loops(frame, reference, block, search):
    """The best cost of every block, one comparison after another; frames a multiple of the block."""
    height, width = frame.shape
    wide = np.pad(reference, search, mode="edge").astype(int)
    costs = np.zeros((height // block, width // block))
    for r, c in np.ndindex(*costs.shape):
        piece = frame[r * block : (r + 1) * block, c * block : (c + 1) * block].astype(int)
        costs[r, c] = min(
            abs(piece - wide[r * block + j : (r + 1) * block + j, c * block + i : (c + 1) * block + i]).sum()
            for j in range(2 * search + 1) for i in range(2 * search + 1)
        )
    return costs


@given(seed=st.integers(0, 1000), block=st.sampled_from([2, 4, 8]), search=st.integers(0, 4))
def test_exhaustive_search_finds_the_least_there_is(seed, block, search):
    rng = np.random.default_rng(seed)
    frame, reference = rng.integers(0, 256, (2, 16, 24), dtype=np.uint8)
    motion = match_blocks(frame, reference, block=block, search=search, method="exhaustive")
    np.testing.assert_array_equal(motion.costs, by_loops(frame, reference, block, search))
    assert motion.comparisons == motion.costs.size * (2 * search + 1) ** 2
    assert np.abs(motion.vectors).max(initial=0) <= search


@given(seed=st.integers(0, 1000), method=st.sampled_from(sorted(METHODS)), block=st.integers(1, 9), search=st.integers(0, 9),
       size=st.tuples(st.integers(9, 20), st.integers(9, 20)), color=st.booleans())
def test_no_search_is_worse_than_standing_still_or_better_than_exhaustive(seed, method, block, search, size, color):
    frame, reference = np.random.default_rng(seed).integers(0, 256, (2, *size, *(3,) * color), dtype=np.uint8)
    motion = match_blocks(frame, reference, block=block, search=search, method=method)
    best = match_blocks(frame, reference, block=block, search=search, method="exhaustive")
    still = match_blocks(frame, reference, block=block, search=0, method=method)
    assert (best.costs <= motion.costs).all() and (motion.costs <= still.costs).all()
    assert motion.comparisons <= best.comparisons
    assert motion.flow().shape == (*size, 2)
    prediction = compensate(reference, motion)
    assert prediction.shape == reference.shape and prediction.dtype == reference.dtype
    if size[0] % block == size[1] % block == 0 and not color:
        assert np.abs(residual(frame, prediction)).sum() == motion.costs.sum()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [(3, 0), (-4, 2), (5, -6), (1, 1)])
def test_a_picture_that_was_pushed_is_found_where_it_went(method, shift):
    wide = np.rint(cloudy(3, 96, 112)()).astype(np.uint8)
    dx, dy = shift
    first, second = wide[16:80, 16:96], wide[16 - dy : 80 - dy, 16 - dx : 96 - dx]
    motion = match_blocks(first, second, block=16, search=7, method=method)
    inner = motion.vectors[1:-1, 1:-1]
    share = (inner == shift).all(-1).mean()
    assert share == 1 if method == "exhaustive" else share > 0.6, motion.vectors


def test_how_many_places_each_search_looks_at():
    """±7 pixels: 15² everywhere, 9 + 8 + 8 in three steps, 9 + 4 for a diamond that stays; by hand."""
    flat = np.full((32, 32), 100, np.uint8)
    looked = {m: match_blocks(flat, flat, block=16, method=m).comparisons / 4 for m in METHODS}
    assert looked == {"exhaustive": 225, "three_step": 25, "diamond": 13}


def test_a_flat_block_stays():
    frame, reference = np.full((2, 24, 24), 7, np.uint8)
    for method in METHODS:
        assert not match_blocks(frame, reference, block=8, method=method).vectors.any()


def test_a_bright_pixel_by_hand():
    """It stands at (2, 1) in the frame and at (4, 2) in the reference: the first block's vector is (2, 1)."""
    frame, reference = np.zeros((2, 8, 8), np.uint8)
    frame[1, 2], reference[2, 4] = 200, 200
    motion = match_blocks(frame, reference, block=4, search=2, method="exhaustive")
    assert motion.vectors[0, 0].tolist() == [2, 1]
    assert motion.costs[0, 0] == 0
    assert energy(residual(frame, reference)) == 2 * 200**2 / 64
    assert energy(residual(frame, compensate(reference, motion))) == motion.costs[0, 1] ** 2 / 64
    assert motion.costs[0, 1] == 200 or motion.vectors[0, 1].any()


def test_warping_by_whole_pixels_is_indexing_and_a_ramp_is_exact_between_them():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)
    flow = np.zeros((9, 11, 2), np.float32)
    flow[:] = (2, -1)
    np.testing.assert_array_equal(warp(frame, flow)[1:, :-2], frame[:-1, 2:])
    y, x = np.mgrid[:9, :11].astype(np.float32)
    places = rng.uniform(0, 8, (2, 40))
    np.testing.assert_allclose(sample(3 * x - 2 * y, *places), 3 * places[0] - 2 * places[1], atol=1e-4)
    assert np.array_equal(luma(np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])), [[76, 150, 29]])


# --- On the world ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["exhaustive", "diamond"])
@pytest.mark.parametrize("caption", ["a red star moves right", "the digit 5 moves left", "a cat walks beside the window"])
def test_block_vectors_are_nearer_the_true_motion_than_none(method, caption):
    scene = parse(caption)
    film, truth = render(scene, 16, 96, 96), true_motion(scene, 16, 96, 96)
    moved = truth.actor[:-1] & ~truth.occluded
    errors = [endpoint_error(match_blocks(film[t], film[t + 1], block=8, method=method).flow(), truth.flow[t], moved[t])
              for t in range(0, 15, 4)]
    still = [endpoint_error(np.zeros_like(truth.flow[t]), truth.flow[t], moved[t]) for t in range(0, 15, 4)]
    assert np.mean(errors) < 0.8 * np.mean(still)


@pytest.mark.parametrize(("caption", "frames"), [("a red star moves right", 9), ("a yellow square spins", 9),
                                                 ("the digit 5 moves left", 9), ("a puppy runs on the grass", 16)])
@pytest.mark.parametrize("estimate", [lucas_kanade, horn_schunck])
def test_frames_in_between_beat_fading(caption, frames, estimate):
    """The renderer knows the frame in between; error in squared levels."""
    film = render(parse(caption), 2 * frames - 1, 96, 96)
    ours, faded = [], []
    for t in range(1, len(film) - 1, 4):
        first, true, second = film[t - 1 : t + 2]
        made = in_between(first, second, estimate(first, second), estimate(second, first))
        assert made.dtype == np.uint8
        ours.append(energy(residual(true, made)))
        faded.append(energy(residual(true, np.rint((first.astype(float) + second) / 2).astype(np.uint8))))
    assert np.mean(ours) < 0.85 * np.mean(faded)


def test_frames_in_between_from_the_true_flow():
    """With true motion both ways, what is in front moves and what is uncovered comes from the frame that shows it."""
    scene = parse("a large red square moves right")
    film = render(scene, 17, 96, 96)
    truth = true_motion(scene, 9, 96, 96)
    back = np.where(truth.actor[1:, ..., None], -truth.flow[0][truth.actor[0]][0], 0).astype(np.float32)
    for t in (0, 4, 7):
        made = in_between(film[2 * t], film[2 * t + 2], truth.flow[t], back[t])
        faded = (film[2 * t].astype(float) + film[2 * t + 2]) / 2
        assert energy(residual(film[2 * t + 1], made)) < 0.1 * energy(residual(film[2 * t + 1].astype(float), faded))


def test_the_two_ends_of_in_between_are_the_frames():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 256, (2, 20, 24, 3), dtype=np.uint8)
    none = np.zeros((20, 24, 2), np.float32)
    assert np.array_equal(in_between(first, second, none, none, 0.0), first)
    assert np.array_equal(in_between(first, second, none, none, 1.0), second)
    assert np.array_equal(in_between(first, first, none, none, 0.3), first)


# --- On real clips ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bikes.mp4", "bunny.mp4", "cockatoo.mp4", "pancake.mkv"])
def test_compensation_lowers_the_residual_energy_of_real_clips(clips, name):
    with av.open(str(clips / name)) as container:
        frames = []
        for i, frame in enumerate(container.decode(video=0)):
            if i in (60, 62):
                frames.append(frame.reformat(width=640, height=272).to_ndarray(format="rgb24"))
            if i == 62:
                break
    reference, frame = frames
    plain = energy(residual(frame, reference))
    for method in METHODS:
        motion = match_blocks(frame, reference, block=16, method=method)
        assert energy(residual(frame, compensate(reference, motion))) < 0.9 * plain, method
        assert motion.comparisons / motion.costs.size <= {"exhaustive": 225, "three_step": 25, "diamond": 60}[method]


# --- Bad input ----------------------------------------------------------------------------------------------------------------

GRAY = np.zeros((16, 16), np.uint8)
FLOW = np.zeros((16, 16, 2), np.float32)


@pytest.mark.parametrize(("frame", "reference", "message"), [
    (GRAY, np.zeros((16, 8), np.uint8), r"not \(16, 16\) and \(16, 8\)"),
    (GRAY, np.zeros((16, 16, 3), np.uint8), r"not \(16, 16\) and \(16, 16, 3\)"),
    (np.zeros((4, 16, 16, 3), np.uint8), GRAY, r"not \(4, 16, 16, 3\); take one frame"),
    (GRAY, np.zeros((16, 16, 4), np.uint8), r"not \(16, 16, 4\)"),
    (np.zeros((0, 16), np.uint8), GRAY, r"not \(0, 16\)"),
    (GRAY.astype(np.int64), GRAY, r"not int64 \(16, 16\)"),
    (GRAY > 0, GRAY, r"not bool \(16, 16\)"),
    ([[0, 1]], GRAY, "not list"),
    (GRAY, np.full((16, 16), np.nan), r"\(16, 16\) holds values that are not finite"),
])
def test_frames_that_do_not_go_together(frame, reference, message):
    for call in (match_blocks, residual, lambda a, b: in_between(a, b, FLOW, FLOW), lucas_kanade, horn_schunck):
        with pytest.raises(ValueError, match=message):
            call(frame, reference)


@pytest.mark.parametrize(("settings", "message"), [
    ({"block": 17}, r"block 17 does not fit a frame of shape \(16, 16\)"),
    ({"block": 0}, "block 0"),
    ({"search": -1}, "search -1"),
    ({"search": 65}, "search 65"),
    ({"method": "spiral"}, "'spiral'; choose one of: exhaustive, three_step, diamond"),
])
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        match_blocks(GRAY, GRAY, **settings)


def test_what_does_not_fit_the_motion():
    motion = match_blocks(GRAY, GRAY, block=8)
    with pytest.raises(ValueError, match=r"\(16, 16\), and the reference has \(16, 8, 3\)"):
        compensate(np.zeros((16, 8, 3), np.uint8), motion)
    with pytest.raises(ValueError, match=r"shape \(16, 16\) wants a flow of floats \(16, 16, 2\), not float32 \(16, 16\)"):
        warp(GRAY, FLOW[..., 0])
    with pytest.raises(ValueError, match=r"not int64 \(16, 16, 2\)"):
        in_between(GRAY, GRAY, FLOW.astype(np.int64), FLOW)
    with pytest.raises(ValueError, match="not finite"):
        in_between(GRAY, GRAY, FLOW, FLOW + np.inf)
    with pytest.raises(ValueError, match=r"share 1\.5"):
        in_between(GRAY, GRAY, FLOW, FLOW, 1.5)
