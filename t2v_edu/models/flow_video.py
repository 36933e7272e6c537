"""Chapter 12 · caption → words → noise that flows to latents → film: the parts of a flow model, saved and loaded as one."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from t2v_edu.losses.flow import Field, guide, look_again, renoise, times
from t2v_edu.models.flow_transformer import FlowConfig, FlowTransformer
from t2v_edu.models.stabiliser import Stabiliser
from t2v_edu.models.video_autoencoder import VideoAutoencoder
from t2v_edu.text.encoders import Listener, TextCode, join
from t2v_edu.text.rivals import rivals, world_of
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.weights import load_weights, model_folder, read_card, save_model

AGAIN_AT = 0.5  # the time from which a finished film is looked at again


def by_world(dial: Mapping[str, float], captions: Sequence[str]) -> list[float]:
    """What a dial says for each caption's world; 0 where it says nothing, and for a caption that the grammar cannot read."""
    return [dial.get(world_of(caption) or "", 0.0) for caption in captions]


class FlowVideo(Listener):
    """Captions to videos by a flow in the latents of a video autoencoder.

    Args:
        config: sizes.
        tokenizer: its vocabulary travels with the weights.
        autoencoder: trained and frozen; its weights lie in a folder of their own.
        worlds: the named worlds it was trained for.
        steps, guidance: how `generate` samples. Each look asks the net once, and once more without caption where guidance
            is not 1.
        contrast: for captions of which worlds each look asks once more, about somebody else, and how far it goes away from that.
        fresh: how much of the noise each step draws anew, for captions of which worlds.
        again: how many more looks there are at a finished film, each through new noise and with half of what guidance adds; it
            becomes their mean.
        stabiliser: trained and frozen; mends the films of captions of its worlds.
    """

    kind = "flow_video"

    def __init__(self, config: FlowConfig, tokenizer: Tokenizer, autoencoder: VideoAutoencoder, worlds: Sequence[str] = (),
                 *, steps: int = 24, guidance: float = 2.0, contrast: Mapping[str, float] | None = None,
                 fresh: Mapping[str, float] | None = None, again: int = 0, stabiliser: Stabiliser | None = None) -> None:
        super().__init__(tokenizer, config.text)
        if autoencoder.config.latent != config.latent:
            raise ValueError(f"the autoencoder's latents have {autoencoder.config.latent} numbers, "
                             f"the transformer's {config.latent}")
        for name, dial in {"contrast": contrast, "fresh": fresh}.items():
            if not isinstance(dial or {}, Mapping):
                raise ValueError(f"{name} {dial!r}: give a number for each world, as {{'digits': 0.75}}")
        self.config, self.worlds = config, tuple(worlds)
        self.steps, self.guidance, self.again = steps, guidance, again
        self.contrast, self.fresh = dict(contrast or {}), dict(fresh or {})
        self.transformer = FlowTransformer(config)
        self._autoencoder = [autoencoder.eval().requires_grad_(False)]  # in a list: not among the weights that are trained
        self.mend_with(stabiliser)

    @property
    def autoencoder(self) -> VideoAutoencoder:
        """Between videos and latents, on the device of the other weights."""
        return self._autoencoder[0].to(self.device)

    @property
    def stabiliser(self) -> Stabiliser | None:
        """What mends the films, on the device of the other weights; None where nothing does."""
        return self._stabiliser[0].to(self.device) if self._stabiliser else None

    def mend_with(self, new: Stabiliser | None) -> None:
        """Take another stabiliser, or none: one that was trained beside these words, since it hears their codes.

        Raises:
            ValueError: one for films of another number of frames, or for codes of another width.
        """
        c = self.config
        if new is not None and (new.config.frames, new.config.text) != (c.frames, c.text):
            raise ValueError(f"the stabiliser takes {new.config.frames} frames and codes of {new.config.text} numbers, "
                             f"the transformer {c.frames} and {c.text}")
        self._stabiliser = [] if new is None else [new.eval().requires_grad_(False)]

    def field(self, captions: Sequence[str], guidance: float | None = None, contrast: float | None = None) -> Field:
        """The velocity field of B captions, for the samplers of losses/flow.py: (x, t) → velocity.

        Args:
            guidance, contrast: the model's own if left out; a number is for captions of every world.
        Raises:
            ValueError: guidance or contrast that is no finite number.
        """
        weight = self.guidance if guidance is None else guidance
        far = by_world(self.contrast, captions) if contrast is None else [contrast] * len(captions)
        if not all(map(math.isfinite, (weight, *far))):
            raise ValueError(f"guidance {weight}, contrast {contrast}: use finite numbers, 1 and 0 for none")
        told = self.encode(captions)
        every = torch.arange(len(captions), device=self.device)
        some = torch.tensor(far, device=self.device).nonzero().flatten()  # who is contrasted
        away = torch.tensor(far, device=self.device)[some][:, None, None, None, None]
        rows, codes = [every], [told]
        if weight != 1:
            rows.append(every)
            codes.append(self.transformer.forget(told, torch.ones_like(every, dtype=torch.bool)))
        if len(some):
            rows.append(some)
            codes.append(self.encode_rivals([captions[i] for i in some.tolist()]))
        row, code = torch.cat(rows), join(codes)

        def guided(x: Tensor, t: Tensor) -> Tensor:
            looks = self.transformer(x[row], t[row], code).to(x.dtype)  # under autocast in 16 bits, too few to subtract
            with_caption, *others = looks.split([len(r) for r in rows])
            velocity: Tensor = guide(with_caption, others[0], weight) if weight != 1 else with_caption
            return velocity.index_add(0, some, away * (with_caption[some] - others[-1])) if len(some) else velocity

        return guided

    def encode_rivals(self, captions: Sequence[str]) -> TextCode:
        """Each caption with who it is about left open: the mean code of its rivals; its own code if it has none."""
        return join([self.encode(rivals(caption) or [caption]).mean() for caption in captions])

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, D, T', H', W'), drawn on the CPU, so that every device makes the same films."""
        return torch.randn(count, self.config.latent, *self.config.grid, generator=generator).to(self.device)

    @torch.no_grad()
    def generate(self, captions: Sequence[str], generator: torch.Generator, *, steps: int | None = None,
                 guidance: float | None = None, contrast: float | None = None, fresh: float | None = None,
                 again: int | None = None, stabilise: bool = True) -> Tensor:
        """One video for each caption.

        Args:
            captions: B sentences made of the vocabulary's words.
            generator: source of all noise, on the CPU.
            steps, guidance, contrast, fresh, again: the model's own if left out; a number is for captions of every world.
            stabilise: let the stabiliser mend the films, where the model has one that knows the captions' world.
        Returns:
            (B, 3, T, H, W) in [-1, 1].
        Raises:
            ValueError: no caption, a caption without words, or a word that training never saw; its nearest known ones are named;
                no step; guidance or contrast that is no finite number; fresh noise outside 0 to 1; fewer than 0 looks.
        """
        self.tokenizer.check(captions)
        noise = self.noise(len(captions), generator)
        at = times(self.steps if steps is None else steps).to(self.device)
        anew = by_world(self.fresh, captions) if fresh is None else fresh
        latents = renoise(self.field(captions, guidance, contrast), noise, at, anew, generator)
        if looks := self.again if again is None else again:
            half = (1 + (self.guidance if guidance is None else guidance)) / 2  # between plain and guided: straighter ways
            latents = look_again(self.field(captions, half, contrast), latents, AGAIN_AT, looks, generator)
        video: Tensor = self.autoencoder.decode(latents)
        return self.settle(video, captions) if stabilise else video

    def settle(self, video: Tensor, captions: Sequence[str]) -> Tensor:
        """Films (B, 3, T, H, W) of B captions, those mended whose captions are of the stabiliser's worlds."""
        if self.stabiliser is None:
            return video
        known = [i for i, caption in enumerate(captions) if world_of(caption) in self.stabiliser.worlds]
        if not known:
            return video
        code = self.encode([captions[i] for i in known]).pooled
        return video.index_copy(0, torch.tensor(known, device=video.device), self.stabiliser(video[known], code))

    def save_pretrained(self, path: str | Path, *, autoencoder: str | Path | None = None,
                        stabiliser: str | Path | None = None, half: bool = False) -> None:
        """Write a folder that `from_pretrained` reads.

        Args:
            autoencoder, stabiliser: the folders where these lie already; by default they are written into folders inside.
            half: 16-bit numbers, for half the bytes.
        """
        folder = Path(path)
        parts: dict[str, VideoAutoencoder | Stabiliser] = {"autoencoder": self.autoencoder}
        if self.stabiliser is not None:
            parts["stabiliser"] = self.stabiliser
        lie = {"autoencoder": autoencoder, "stabiliser": stabiliser}
        at = {name: name if (there := lie[name]) is None else Path(os.path.relpath(there, folder)).as_posix() for name in parts}
        for name, part in parts.items():
            if lie[name] is None:
                part.save_pretrained(folder / name, half=half)
        save_model(self, folder, self.kind, half=half, worlds=self.worlds, config=asdict(self.config), **at,
                   steps=self.steps, guidance=self.guidance, contrast=self.contrast, fresh=self.fresh,
                   again=self.again, words=self.tokenizer.words)

    @classmethod
    def from_pretrained(cls, path_or_name: str | Path) -> FlowVideo:
        """Load a model from a folder, or a shipped one by its name.

        Raises:
            ValueError: no such model, another kind of model, weights that are truncated or do not fit.
        """
        folder = model_folder(path_or_name)
        card = read_card(folder, cls.kind)
        model = cls(card.config(FlowConfig), Tokenizer(card["words"]),
                    VideoAutoencoder.from_pretrained(folder / card["autoencoder"]), card["worlds"],
                    steps=card["steps"], guidance=card["guidance"], contrast=card["contrast"], fresh=card["fresh"],
                    again=card["again"],
                    stabiliser=Stabiliser.from_pretrained(folder / card["stabiliser"]) if "stabiliser" in card else None)
        load_weights(model, folder / "model.safetensors")
        return model.eval()
