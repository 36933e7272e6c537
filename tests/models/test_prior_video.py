"""The caption's own normal distribution of latents: its likelihood, what it can learn, and what it cannot."""

import pytest
import torch

from t2v_edu.models.flow_transformer import FlowConfig
from t2v_edu.models.prior_video import PriorVideo
from t2v_edu.models.video_autoencoder import VideoAutoencoder, VideoAutoencoderConfig
from t2v_edu.text.tokenizer import Tokenizer

SIZE = FlowConfig(frames=4, size=16, latent=4, text=16, width=24, heads=2)
CODER = VideoAutoencoderConfig(latent=4, fine_in=8, coarse=12, fine_out=8, blocks=(1, 1, 1, 1))
RED, BLUE = "a red circle", "a blue star"


def model():
    torch.manual_seed(0)
    return PriorVideo(SIZE, Tokenizer.fit([RED, BLUE]), VideoAutoencoder(CODER))


def test_the_loss_is_the_normal_density():
    m, latents = model(), torch.randn(2, 4, 1, 2, 2)
    mean, log_variance = m.moments([RED, BLUE])
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    want = -normal.log_prob(latents).flatten(1).mean(1) - 0.5 * torch.log(torch.tensor(2 * torch.pi))
    torch.testing.assert_close(m.loss([RED, BLUE], latents), want)


def test_it_learns_mean_and_spread_of_each_caption_but_no_agreement_between_numbers():
    """Blue's latents are all +1 or all −1: each number's mean is 0 and its deviation 1, but the draws do not agree."""
    m, draw = model(), torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(m.parameters(), 1e-2)
    for _ in range(300):
        sign = torch.randint(0, 2, (16, 1, 1, 1, 1), generator=draw) * 2.0 - 1
        latents = torch.cat([torch.full((16, 4, 1, 2, 2), 2.0), sign.expand(-1, 4, 1, 2, 2)])
        latents = latents + 0.1 * torch.randn(latents.shape, generator=draw)
        loss = m.loss([RED] * 16 + [BLUE] * 16, latents).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    mean, log_variance = m.moments([RED, BLUE])
    assert (mean[0] - 2).abs().max() < 0.3 and mean[1].abs().max() < 0.5
    deviation = (0.5 * log_variance).exp()
    assert deviation[0].max() < 0.5 and (deviation[1] - 1).abs().max() < 0.3
    drawn = mean[1] + deviation[1] * torch.randn(200, 4, 1, 2, 2, generator=draw)
    assert (drawn > 0).flatten(1).all(1).float().mean() < 0.05  # all of one sign, as every real one: hardly ever


def test_films_come_from_the_generator_alone():
    m = model()
    a, b, c = (m.generate([RED, BLUE], torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert a.shape == (2, 3, 4, 16, 16) and torch.equal(a, b) and not torch.equal(a, c)
    with pytest.raises(ValueError, match="green"):
        m.generate(["a green circle"], torch.Generator())
