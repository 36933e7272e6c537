"""Chapter 12 · what the flow is compared with: the same decoder, with latents drawn from a normal distribution for each caption.

A variational autoencoder whose prior hears the caption: p(z | caption) has a mean and a deviation for every number of the
latents, and no number knows of the others. Where a caption leaves something open, each latent vector decides for itself, and
the film falls apart; that is what a flow, or any prior that sees all latents at once, is for.

Source: Sohn et al. 2015, "Learning Structured Output Representation using Deep Conditional Generative Models" (conditional VAE).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from t2v_edu.layers import two_layers
from t2v_edu.models.flow_transformer import FlowConfig
from t2v_edu.models.video_autoencoder import VideoAutoencoder
from t2v_edu.text.encoders import Listener
from t2v_edu.text.tokenizer import Tokenizer


class PriorVideo(Listener):
    """Captions to videos by one draw of latents from N(mean(caption), deviation(caption)²).

    Args:
        config: sizes, as the flow's; its width is that of the hidden layer here, times four.
        tokenizer: the vocabulary.
        autoencoder: trained and frozen.
    """

    def __init__(self, config: FlowConfig, tokenizer: Tokenizer, autoencoder: VideoAutoencoder) -> None:
        super().__init__(tokenizer, config.text)
        self.config = config
        self.prior = two_layers(config.text, 4 * config.width, 2 * config.latent * math.prod(config.grid), small=True)
        self._autoencoder = [autoencoder.eval().requires_grad_(False)]  # in a list: not among the weights that are trained

    def moments(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, D, T', H', W') of the latents."""
        both = self.prior(self.encode(captions).pooled).reshape(-1, 2, self.config.latent, *self.config.grid)
        mean, log_variance = both.unbind(1)
        return mean, log_variance.clamp(-8.0, 4.0)

    def loss(self, captions: Sequence[str], latents: Tensor) -> Tensor:
        """(B,) negative log-likelihood of latents (B, D, T', H', W'), nats per number, without the constant ½·log 2π."""
        mean, log_variance = self.moments(captions)
        return 0.5 * ((latents - mean).square() / log_variance.exp() + log_variance).flatten(1).mean(1)

    @torch.no_grad()
    def generate(self, captions: Sequence[str], generator: torch.Generator) -> Tensor:
        """One video (B, 3, T, H, W) in [-1, 1] for each caption.  Raises: as `FlowVideo.generate`."""
        self.tokenizer.check(captions)
        mean, log_variance = self.moments(captions)
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        video: Tensor = self._autoencoder[0].to(mean.device).decode(mean + noise * (0.5 * log_variance).exp())
        return video
