"""What describing a film costs: greedy and beam search, and what the round trip adds to a generator's step."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.common import Line, seconds
from t2v_edu.datasets import WorldStream
from t2v_edu.models.captioner import Captioner
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.training.cycle import CyclePlan, RoundTrip, standardised
from t2v_edu.video import to_tensor
from t2v_edu.vision.features import FeatureNet

BATCH = 16


def measure() -> list[Line]:
    """Captions a second, and turns of the round trip as multiples of making the films alone."""
    captioner, gan = Captioner.from_pretrained(), VideoGAN.from_pretrained("shapes")
    clips = WorldStream("shapes").batch(BATCH, seed=0, step=0)
    video, phi = to_tensor(clips.frames), standardised(FeatureNet.from_pretrained(), "shapes")

    def made_and_back() -> None:  # a generator's step without any judge: the films and their gradients
        gan.zero_grad()
        plain.film(clips.captions, torch.Generator().manual_seed(0)).square().mean().backward()  # type: ignore[no-untyped-call]

    def turn(text: float, film: float) -> Callable[[], object]:
        trip = RoundTrip(gan, captioner, phi, CyclePlan(text, film, batch=BATCH, lr=0.0, lr_captioner=0.0))
        return lambda: trip.turn_generator(clips, torch.Generator().manual_seed(0), "en")

    plain = RoundTrip(gan, captioner, phi, CyclePlan(batch=BATCH))
    greedy, beam = seconds(lambda: captioner.describe(video)), seconds(lambda: captioner.describe(video[:4], width=4))
    alone = seconds(made_and_back)
    how = f"{BATCH} films of 16×32×32 a step"
    return [
        Line("captions, greedy", BATCH / greedy, "films/s", how=f"{BATCH} films of 16×32×32 at once"),
        Line("captions, beam of 4", (beam / 4) / (greedy / BATCH), "× greedy's time a film"),
        Line("generator's step without a judge", alone, "s", how=how),
        Line("with L_text", seconds(turn(1.0, 0.0)) / alone, "× that"),
        Line("with L_video", seconds(turn(0.0, 1.0)) / alone, "× that"),
        Line("with both", seconds(turn(1.0, 1.0)) / alone, "× that"),
    ]
