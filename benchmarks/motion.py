"""Seconds that the motion of a 640×272 frame takes: block matching by three searches, our flows beside OpenCV's."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.common import Line, seconds
from t2v_edu.vision.motion import METHODS, match_blocks
from t2v_edu.vision.optical_flow import dis, farneback, horn_schunck, lucas_kanade

HEIGHT, WIDTH, GOAL = 272, 640, 0.5


def frames() -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Two grey frames of clouds; from the first to the second the left half goes (5, -3) pixels and the right half (-2, 1)."""
    noise = np.random.default_rng(0).normal(0, 1, (HEIGHT + 32, WIDTH + 32)).astype(np.float32)
    clouds = sum(cv2.GaussianBlur(noise, (0, 0), s) * s for s in (1.5, 4.0, 12.0))
    clouds = cv2.normalize(clouds, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    first = clouds[16:-16, 16:-16]
    second = first.copy()
    second[:, : WIDTH // 2] = clouds[19 : 19 + HEIGHT, 11 : 11 + WIDTH // 2]
    second[:, WIDTH // 2 :] = clouds[15 : 15 + HEIGHT, 18 + WIDTH // 2 : 18 + WIDTH]
    return first, second


def measure() -> list[Line]:
    """One thread does the work, OpenCV's too."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    a, b = frames()
    lines = []
    for method in METHODS:
        took = seconds(lambda method=method: match_blocks(a, b, method=method), at_least=0.5)
        goal = GOAL if method == "diamond" else None
        per_block = match_blocks(a, b, method=method).comparisons / (HEIGHT // 16 * WIDTH // 16)
        how = f"{WIDTH}×{HEIGHT}, blocks of 16, ±7 pixels; {per_block:.0f} comparisons a block"
        lines.append(Line(f"block matching, {method}", took, "s", goal, least=False, how=how))
    theirs = {f.__name__: seconds(lambda f=f: f(a, b), at_least=0.5) for f in (farneback, dis)}
    for flow in (lucas_kanade, horn_schunck):
        took = seconds(lambda flow=flow: flow(a, b), at_least=0.5)
        lines.append(Line(f"optical flow, our {flow.__name__}", took, "s", how=f"{WIDTH}×{HEIGHT}, three levels"))
        for name, other in theirs.items():
            how = f"{other:.3f} s for OpenCV's, one thread each, same run"
            lines.append(Line(f"our {flow.__name__} ÷ OpenCV's {name}", took / other, "times as long", how=how))
    cv2.setNumThreads(threads)
    return lines
