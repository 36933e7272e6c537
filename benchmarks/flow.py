"""What a film by flow costs: looks at the net, seconds a clip, and how far off a sampler ends for the same number of looks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.common import Line, seconds
from t2v_edu import shelf
from t2v_edu.losses.flow import Field, euler, heun, times
from t2v_edu.models.flow_transformer import SIZES
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.toy_flow import three_bells
from t2v_edu.models.video_autoencoder import VideoAutoencoder
from t2v_edu.text.tokenizer import Tokenizer

GOAL = 1.0
CAPTION = "a large red circle moves left"
LOOKS = 24
Solver = Callable[[Field, Tensor, Tensor], Tensor]


def shipped_or_new() -> tuple[FlowVideo, str]:
    """A flow model that ships and is no student; where none ships yet, an untrained one, which takes as long."""
    for card in shelf.cards():
        if card.config.get("kind") == FlowVideo.kind and card.config["guidance"] != 1:
            return FlowVideo.from_pretrained(card.path), f"the model {card.name}"
    return FlowVideo(SIZES["small"], Tokenizer(CAPTION.split()), VideoAutoencoder()), "an untrained model of size small"


def ends(solver: Solver, steps: int) -> float:
    """Mean distance from the true ends, on the exact field of three bells."""
    noise = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    field = three_bells().velocity
    exact = heun(field, noise, times(400).double())
    return float((solver(field, noise, times(steps).double()) - exact).norm(dim=1).mean())


def measure() -> list[Line]:
    """One clip by each sampler, then errors on points."""
    model, which = shipped_or_new()
    noise, coder = model.noise(1, torch.Generator().manual_seed(0)), model.autoencoder

    def clip(solver: Solver, steps: int, guidance: float) -> float:
        def film() -> Tensor:
            with torch.inference_mode():
                return coder.decode(solver(model.field([CAPTION], guidance, 0.0), noise, times(steps)))

        return seconds(film)

    decoding = seconds(lambda: coder.decode(noise))
    video = coder.decode(noise)
    with torch.inference_mode():
        mending = seconds(lambda: model.settle(video, [CAPTION]))
    guided, plain = clip(euler, LOOKS, 2.0), clip(euler, LOOKS, 1.0)
    second, student = clip(heun, LOOKS // 2, 2.0), clip(euler, 4, 1.0)
    quick = FlowVideo.from_pretrained("flow-fast")
    whole = seconds(lambda: quick.generate([CAPTION], torch.Generator().manual_seed(0)))
    many = seconds(lambda: model.generate([CAPTION] * 32, torch.Generator().manual_seed(0)))
    first_order, second_order = ends(euler, LOOKS), ends(heun, LOOKS // 2)
    return [
        Line(f"one clip, {LOOKS} Euler steps with guidance", guided, "s", how=f"{2 * LOOKS} looks as {LOOKS} pairs; {which}"),
        Line("the same without guidance", plain / guided, "× that", how=f"{LOOKS} looks"),
        Line(f"the same with {LOOKS // 2} Heun steps and guidance", second / guided, "× that", how=f"{2 * LOOKS} looks"),
        Line("one clip, 4 Euler steps without guidance, as a student samples", student, "s", GOAL, least=False, how="4 looks"),
        Line("the same, as a share of the guided one", student / guided, "× that"),
        Line("one clip by the student that ships, from its caption to its film", whole, "s", GOAL, least=False,
             how="the model flow-fast; 4 looks, decoder, stabiliser"),
        Line("of which the decoder", decoding, "s"),
        Line("what the stabiliser of the shipped model takes", mending, "s"),
        Line("32 clips at once, as the model samples by itself", 32 / many, "clips/s",
             how=f"{model.steps} steps, guidance {model.guidance:g}, {model.again} looks again, stabilised"),
        Line(f"off the true end, Heun against Euler at {LOOKS} looks", second_order / first_order, "× Euler's",
             how=f"exact field of three bells, 2,000 points; Euler is off by {first_order:.4f}, Heun by {second_order:.4f}"),
    ]
