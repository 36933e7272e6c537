"""Chapter 13 · there and back: caption → film → caption, and film → caption → film · after Zhu et al. 2017, arXiv:1703.10593.

The two ways round are of different kinds and have different units: a caption comes back as a probability (nats), a film as its
features (a squared distance). To take a film from a sentence means nothing; two losses may be added, each with its weight λ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from t2v_edu.losses.reconstruction import half_squared_error

Film = Callable[[Sequence[str]], Tensor]  # B captions to films (B, 3, T, H, W), with their own noise
Caption = Callable[[Tensor], Sequence[str]]  # films to B captions
LogProb = Callable[[Tensor, Sequence[str]], Tensor]  # films and captions to ln p(caption | film), (B,)
Features = Callable[[Tensor], Tensor]  # films to (B, D)


def text_cycle(captions: Sequence[str], film: Film, log_prob: LogProb, said: Sequence[str] | None = None) -> Tensor:
    """L_text = −ln p(caption | film(caption)), the mean over B captions, a scalar in nats.

    Does the film tell what it was made of?

    Gradients reach both the one who films and the one who reads; whose turn it is, the caller's optimiser says.

    Args:
        captions: B that are filmed.
        said: B in which they are asked back, if in other words than they are filmed.
    Raises:
        ValueError: no caption, or not one log-probability for each.
    Source: as a loss for a generator: Qiao et al. 2019, "MirrorGAN", arXiv:1903.05854.
    """
    if not len(captions):
        raise ValueError("a cycle needs at least one caption, and got none")
    log_p = log_prob(film(captions), captions if said is None else said)
    if log_p.shape != (len(captions),):
        raise ValueError(f"{len(captions)} captions need log-probabilities ({len(captions)},), not {tuple(log_p.shape)}")
    return -log_p.mean()


def video_cycle(video: Tensor, caption: Caption, film: Film, features: Features) -> Tensor:
    """L_video = ½(φ(video) − φ(film(caption(video))))², the mean over B films and the numbers of φ, a scalar.

    Features, not pixels: a caption leaves open where the actor starts, and two films that both fit it may share no pixel. Only
    the film that is made again gets a gradient: none passes through words.

    Args:
        video: (B, 3, T, H, W).  features: φ, which should not see what captions leave open.
    Raises:
        ValueError: not one caption for each film.
    """
    with torch.no_grad():
        told, wanted = caption(video), features(video)
    if len(told) != len(video):
        raise ValueError(f"{len(video)} films {tuple(video.shape)} need as many captions, not {len(told)}")
    return half_squared_error(features(film(told)), wanted)


@dataclass(frozen=True)
class CycleLoss:
    """total = λ_text·text + λ_video·video, scalars."""

    total: Tensor
    text: Tensor
    video: Tensor


def cycle_loss(text: Tensor, video: Tensor, *, lambda_text: float, lambda_video: float) -> CycleLoss:
    """L = λ_text·L_text + λ_video·L_video of two scalars.

    Raises:
        ValueError: a loss that is no scalar, a λ that is negative or no number.
    """
    for name, weight in (("lambda_text", lambda_text), ("lambda_video", lambda_video)):
        if not 0 <= weight < float("inf"):
            raise ValueError(f"{name} {weight}: a weight is a finite number, 0 or more")
    if text.ndim or video.ndim:
        raise ValueError(f"want two scalars, not {tuple(text.shape)} and {tuple(video.shape)}")
    return CycleLoss(lambda_text * text + lambda_video * video, text, video)
