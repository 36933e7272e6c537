"""Our convolution by matrix products against PyTorch's own, in the same run and with the same threads."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from benchmarks.common import Line, seconds
from t2v_edu.vision.convolution import convolve

GOAL = 10.0  # times as long as torch.nn.functional.conv2d, at most
CASES = {  # (B, C, H, W), (O, C, k, k), stride
    "a batch of frames": ((16, 3, 32, 32), (32, 3, 3, 3), 1),
    "a middle layer": ((16, 32, 16, 16), (64, 32, 3, 3), 1),
    "a layer that halves": ((16, 32, 32, 32), (64, 32, 3, 3), 2),
    "one 28×28 image, 3×3": ((1, 1, 28, 28), (8, 1, 3, 3), 1),
}


def measure() -> list[Line]:
    """A line for each case: the ratio of the two times, taken in turns so that a busy machine slows both."""
    lines = []
    for name, (shape, filters, stride) in CASES.items():
        x, weight, bias = torch.randn(shape), torch.randn(filters), torch.randn(filters[0])

        def ours(x: torch.Tensor = x, w: torch.Tensor = weight, b: torch.Tensor = bias, s: int = stride) -> torch.Tensor:
            return convolve(x, w, b, stride=s, padding=1)

        def theirs(x: torch.Tensor = x, w: torch.Tensor = weight, b: torch.Tensor = bias, s: int = stride) -> torch.Tensor:
            return F.conv2d(x, w, b, stride=s, padding=1)

        torch.testing.assert_close(ours(), theirs(), atol=1e-3, rtol=1e-4)
        best = [(seconds(ours, at_least=0.2, repeats=1), seconds(theirs, at_least=0.2, repeats=1)) for _ in range(5)]
        ratio = min(a for a, _ in best) / min(b for _, b in best)
        how = f"{'×'.join(map(str, shape))}, filters {'×'.join(map(str, filters))}, stride {stride}"
        lines.append(Line(f"convolution by im2col, {name}", ratio, "times conv2d's time", GOAL, least=False, how=how))
    return lines
