"""Chapter 12 · Muon: a step of equal length in every direction that a weight matrix has.

The momentum U·S·Vᵀ of a matrix becomes nearly U·Vᵀ before it is subtracted: directions in which the gradient is rare move as
fast as those in which it is strong.

`torch.optim.Muon` is the same, except that it always computes in bfloat16, for which many processors have no instructions, and
that it takes no convolutions.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the length of a step: Liu et al. 2025,
"Muon is Scalable for LLM Training", arXiv:2502.16982.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Nearly the U·Vᵀ of the matrix (N, M) = U·S·Vᵀ: singular values between about 0.7 and 1.2.

    A polynomial of odd degree, applied `steps` times, acts on the singular values alone and drives them towards 1.
    """
    x: Tensor = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / x.norm().clamp_min(1e-7)  # no singular value is above 1
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class Muon(torch.optim.Optimizer):
    """The optimiser for weights of hidden layers.

    Args:
        params: matrices (N, M), or kernels of convolutions (N, ...), which count as (N, product of the rest).
        lr: as one would choose it for AdamW: a step is scaled to the usual length of one of AdamW's.
        momentum: decay of the mean of gradients (Nesterov's form).
        weight_decay: share of the weights, times lr, that each step takes off.
        rank, count: which of how many processes with the same gradients this is: each turns a part of the matrices.
        bf16: turn them in bfloat16: nearly the same directions, sooner where the processor has it.
    Raises:
        ValueError: a parameter with fewer than two axes.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float = 1e-3, *, momentum: float = 0.95,
                 weight_decay: float = 0.01, rank: int = 0, count: int = 1, bf16: bool = False) -> None:
        some, self.rank, self.count, self.bf16 = list(params), rank, count, bf16
        for p in some:
            if p.ndim < 2:
                raise ValueError(f"Muon turns matrices, and {tuple(p.shape)} is none; give it to AdamW")
        super().__init__(some, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update from the gradients that are there; a closure that computes them is not called."""
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            turned = []
            for i, p in enumerate(moved):
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                mean.lerp_(p.grad, 1 - group["momentum"])
                way = torch.lerp(p.grad, mean, group["momentum"]).flatten(1)
                turned.append(self._turn(way) if i % self.count == self.rank else torch.zeros_like(way))
            for p, way in zip(moved, self._sum(turned), strict=True):
                length = 0.2 * math.sqrt(max(way.shape))  # the root mean square of one of AdamW's steps is about 0.2
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(way.view_as(p), alpha=-group["lr"] * length)

    def _turn(self, way: Tensor) -> Tensor:
        return orthogonal(way.bfloat16()).to(way.dtype) if self.bf16 else orthogonal(way)

    def _sum(self, parts: list[Tensor]) -> list[Tensor]:
        """Matrices summed over processes: all but one of which has zeros."""
        if self.count == 1:
            return parts
        flat = torch.cat([part.flatten() for part in parts])
        torch.distributed.all_reduce(flat)
        pieces = torch.split(flat, [part.numel() for part in parts])
        return [piece.view_as(part) for piece, part in zip(pieces, parts, strict=True)]


def muon_and_adamw(model: nn.Module, hidden: Iterable[nn.Module], lr: float, *, rank: int = 0,
                   count: int = 1, bf16: bool = False) -> dict[str, torch.optim.Optimizer]:
    """Two optimisers with nothing in common: Muon for matrices and kernels of the hidden layers, AdamW for the model's rest."""
    turned = [p for layer in hidden for p in layer.parameters() if p.ndim >= 2]
    there = {id(p) for p in turned}
    rest = [p for p in model.parameters() if id(p) not in there]
    return {"hidden": Muon(turned, lr, rank=rank, count=count, bf16=bf16),
            "others": torch.optim.AdamW(rest, lr, betas=(0.9, 0.98), weight_decay=0.01)}


def set_rate(optimizers: Iterable[torch.optim.Optimizer], lr: float) -> None:
    """Give all groups of all optimisers a learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = lr
