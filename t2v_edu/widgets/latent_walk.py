"""Chapter 07 · a walk through the codes of a frame VAE: a way between two pictures, and a dial for single latents."""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from torch import Tensor

from t2v_edu.losses.reconstruction import latent_kl
from t2v_edu.models.autoencoder import Decoder, FrameVAE
from t2v_edu.widgets.base import Widget
from t2v_edu.widgets.bundle import module, site_css

DIALS, WAY_STEPS, FARTHEST = 8, 20, 4.0

_QUESTION = (
    "Some latents cost many nats, the last dial hardly any. Turn each from end to end: which changes most, and what does the "
    "last one do?"
)
_ANSWER = (
    "The costly ones change what fills many pixels, the background and the colour; most others bend the outline. The last one "
    "does little, or nothing at 0 nats: where a latent says nothing, the decoder has learned not to listen. Hardly any dial "
    "changes one thing alone, for nothing in the loss asks for that."
)


class LatentWalk(Widget):
    """Two pictures and what the decoder paints between them, under dials for the loudest latents and for the quietest one.

    The page has the decoder itself, its weights rounded to 16 bits: it paints any code, not only prepared ones.

    Args:
        model: a VAE; only small ones suit a page (39,000 weights in the decoder weigh 100 kB).
        frames: (N, 3, S, S) in [-1, 1], two or more to start from.
        names: what they show, in words.
        start, end: which of them at first.
        question, answer: to think about before moving anything; empty for none.
    Raises:
        ValueError: fewer than two frames, names that do not fit them, a start or end that is none of them.
    """

    widget = "latent_walk"
    settings: ClassVar[tuple[str, ...]] = ("start", "end", "way", *(f"shift{i}" for i in range(DIALS)))
    _esm = module("latent_walk")
    _css = site_css()

    start, end, way = (traitlets.Int().tag(sync=True) for _ in range(3))
    shift0, shift1, shift2, shift3, shift4, shift5, shift6, shift7 = (traitlets.Float(0.0).tag(sync=True) for _ in range(DIALS))
    size = traitlets.Int().tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    codes: traitlets.List[Any] = traitlets.List().tag(sync=True)  # (N, Z)
    dials = traitlets.List(traitlets.Int()).tag(sync=True)  # which latents have one
    nats = traitlets.List(traitlets.Float()).tag(sync=True)  # what these cost
    weights = traitlets.Dict().tag(sync=True)

    def __init__(self, model: FrameVAE, frames: Tensor, names: Sequence[str], *, start: int = 0, end: int = 1,
                 question: str = _QUESTION, answer: str = _ANSWER) -> None:
        if len(frames) < 2 or len(names) != len(frames):
            raise ValueError(f"{len(frames)} frames and {len(names)} names: want two or more frames, and a name for each")
        if not (0 <= start < len(frames) and 0 <= end < len(frames)):
            raise ValueError(f"start {start}, end {end}: the frames are numbered 0 to {len(frames) - 1}")
        with torch.no_grad():
            mean, log_var = model.posterior(frames)
        cost = latent_kl(mean, log_var)
        loud = cost.argsort(descending=True).tolist()
        dials = loud if len(loud) <= DIALS else [*loud[: DIALS - 1], loud[-1]]
        super().__init__(
            start=start, end=end, way=WAY_STEPS // 2, size=model.config.size, names=list(names), dials=dials,
            nats=[round(float(cost[k]), 2) for k in dials], codes=[[round(v, 3) for v in code] for code in mean.tolist()],
            weights=pack(model.decoder), question=question, answer=answer)  # fmt: skip
        self._decoder = rounded(model.decoder)

    def code(self) -> Tensor:
        """The latents (Z,) that the dials stand for."""
        codes = torch.tensor(self.codes)
        z: Tensor = torch.lerp(codes[self.start], codes[self.end], self.way / WAY_STEPS)
        for i, k in enumerate(self.dials):
            z[k] += getattr(self, f"shift{i}")
        return z

    @torch.no_grad()
    def paint(self, z: Tensor) -> NDArray[np.uint8]:
        """A code (Z,) as a picture (S, S, 3)."""
        frame = self._decoder(z[None])[0].clamp(-1, 1)
        pixels: NDArray[np.uint8] = ((frame + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
        return pixels

    def page_state(self) -> dict[str, Any]:
        carried = ("size", "names", "codes", "dials", "nats", "weights")
        return {**super().page_state(), **{name: getattr(self, name) for name in carried}}

    def picture(self) -> tuple[NDArray[np.uint8], str]:
        """Five pictures on the way, and below them the loudest latent from −2 to 2."""
        codes, loudest = torch.tensor(self.codes), self.dials[0]
        ways = [torch.lerp(codes[self.start], codes[self.end], i / 4) for i in range(5)]
        turned = [self.code() for _ in range(5)]
        for z, value in zip(turned, (-2.0, -1.0, 0.0, 1.0, 2.0), strict=True):
            z[loudest] = value
        rows = [np.concatenate([np.pad(self.paint(z), ((2, 2), (2, 2), (0, 0)), constant_values=251) for z in row], 1)
                for row in (ways, turned)]
        text = (f"Above: from {self.names[self.start]} to {self.names[self.end]} in five steps. Below: the same with the latent "
                f"z{loudest + 1}, which costs {self.nats[0]:.1f} nats, turned from −2 to 2")
        return np.concatenate(rows).repeat(3, 0).repeat(3, 1), text


def pack(decoder: Decoder) -> dict[str, dict[str, Any]]:
    """Weights for a page: each tensor as whole numbers of 16 bits in base64, and the scale to multiply them by."""
    packed = {}
    for name, tensor in decoder.state_dict().items():
        scale = max(float(tensor.abs().max()), 1e-12) / 32767
        whole = (tensor.double() / scale).round().numpy().astype("<i2")
        packed[name] = {"scale": scale, "data": base64.b64encode(whole.tobytes()).decode()}
    return packed


def rounded(decoder: Decoder) -> Decoder:
    """A copy of a decoder with the weights that a page gets, to the precision of its own."""
    other, packed = copy.deepcopy(decoder), pack(decoder)
    for name, weight in other.state_dict().items():
        entry = packed[name]
        whole = np.frombuffer(base64.b64decode(entry["data"]), "<i2").astype(np.float64)
        weight.copy_(torch.from_numpy(whole * entry["scale"]).reshape(weight.shape))
    return other
