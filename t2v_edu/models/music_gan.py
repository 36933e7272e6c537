"""Chapter 15 · music as a picture, pitch × time, and a GAN that is told its mood and its tempo.

Piano rolls made by convolutional GANs: Yang et al. 2017, arXiv:1703.10847 (MidiNet); Dong et al. 2018, arXiv:1709.06298
(MuseGAN). Notes are there or not: Dong & Yang 2018, arXiv:1804.09399 (binary neurons); the gradient through them: Bengio et
al. 2013, arXiv:1308.3432 (straight-through).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.layers import Modulate
from t2v_edu.paths import DATA
from t2v_edu.weights import load_weights, read_card, save_model

SHIPPED = DATA / "music"
MOODS = ("glad", "sad")  # major, minor
TEMPOS = ("slow", "fast")
PITCHES, STEPS = 36, 48  # three octaves; six seconds in eighths of a second
COARSE = STEPS // 4  # steps of the coarsest feature map
CODE = len(MOODS) + len(TEMPOS)


@dataclass(frozen=True)
class MusicGANConfig:
    """Sizes of a music GAN.

    Args:
        noise: Z, numbers in z.  width: channels of every feature map.
        binary: whether a note is there or not (straight-through), or may be there by half (a sigmoid).
    Raises:
        ValueError: a number below 1.
    """

    noise: int = 32
    width: int = 64
    binary: bool = True

    def __post_init__(self) -> None:
        if min(self.noise, self.width) < 1:
            raise ValueError(f"noise {self.noise}, width {self.width}: use 1 or more")


def codes(moods: Sequence[str], tempos: Sequence[str]) -> Tensor:
    """Moods and tempos as ones and zeros (B, 4): glad, sad, slow, fast.

    Raises:
        ValueError: none, not as many of one as of the other, or an unknown word.
    """
    if not moods or len(moods) != len(tempos):
        raise ValueError(f"give as many moods as tempos, at least one, not {len(moods)} and {len(tempos)}")
    for words, known in ((moods, MOODS), (tempos, TEMPOS)):
        for word in words:
            if word not in known:
                raise ValueError(f"{word!r}: choose one of {', '.join(known)}")
    pairs = zip(moods, tempos, strict=True)
    return torch.tensor([[float(word in pair) for word in (*MOODS, *TEMPOS)] for pair in pairs])


def pins(logits: Tensor) -> Tensor:
    """There or not: 1 where the logit is above 0, else 0; backwards as if it were the sigmoid ("straight-through").

    A step has no slope, so that no gradient would come through; the sigmoid's slope points the same way.
    """
    soft = logits.sigmoid()
    return (logits > 0).to(soft) + soft - soft.detach()


class TimeBlock(nn.Module):
    """Twice as many steps: a transposed convolution over time, modulation by the code, leaky ReLU."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(channels, channels, 4, 2, 1)
        self.modulate = Modulate(code, channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """x (B, C, T), code (B, D) → (B, C, 2T)."""
        x = self.conv(x)
        return F.leaky_relu(self.modulate(x[:, :, None], code)[:, :, 0], 0.2)


class MusicGenerator(nn.Module):
    """Noise, mood and tempo to a roll. Pitches are channels: C is not a shifted D, but a place of its own in the key."""

    def __init__(self, config: MusicGANConfig) -> None:
        super().__init__()
        self.config = config
        code = config.noise + CODE
        self.seed = nn.Linear(code, config.width * COARSE)
        self.up = nn.ModuleList(TimeBlock(config.width, code) for _ in range(2))
        self.write = nn.Conv1d(config.width, PITCHES, 3, padding=1)

    def forward(self, noise: Tensor, code: Tensor) -> Tensor:
        """noise (B, Z), code (B, 4) → rolls (B, 36, 48), zeros and ones, or between them where the config is not binary."""
        code = torch.cat([noise, code], 1)  # (B, Z + 4)
        x = F.leaky_relu(self.seed(code), 0.2).reshape(len(code), -1, COARSE)  # (B, C, 12)
        for block in self.up:
            x = block(x, code)  # (B, C, 48) at the end
        logits: Tensor = self.write(x)  # (B, 36, 48)
        return pins(logits) if self.config.binary else logits.sigmoid()


class MusicJudge(nn.Module):
    """How much a roll is like those it was shown, and how well it fits mood and tempo: one score."""

    def __init__(self, config: MusicGANConfig) -> None:
        super().__init__()
        w = config.width
        self.down = nn.ModuleList(nn.Conv1d(a, w, 4, 2, 1) for a in (PITCHES, w, w))
        self.think = nn.Linear(w * (STEPS // 8) + PITCHES, 2 * w)
        self.real = nn.Linear(2 * w, 1)
        self.fit = nn.Linear(CODE, 2 * w)

    def look(self, roll: Tensor) -> Tensor:
        """rolls (B, 36, 48) → what was heard (B, F): all that needs no code. How often each pitch came, which says the key, is
        handed on as it is, in quarters, so that it is as large as the other features; in forty-eighths it gets lost."""
        x = roll
        for conv in self.down:
            x = F.leaky_relu(conv(x), 0.2)  # (B, C, 6) at the end
        heard = torch.cat([x.flatten(1), roll.sum(2) / 4], 1)
        return F.leaky_relu(self.think(heard), 0.2)

    def score(self, heard: Tensor, code: Tensor) -> Tensor:
        """What was heard (B, F), under codes (B, 4) → scores (B,)."""
        score: Tensor = self.real(heard)[:, 0] + (heard * self.fit(code)).sum(1) / heard.shape[1] ** 0.5
        return score

    def forward(self, roll: Tensor, code: Tensor) -> Tensor:
        """rolls (B, 36, 48), codes (B, 4) → scores (B,), higher for real."""
        return self.score(self.look(roll), code)


class MusicGAN(nn.Module):
    """Moods and tempos to phrases of six seconds."""

    kind = "music_gan"

    def __init__(self, config: MusicGANConfig | None = None) -> None:
        super().__init__()
        self.config = config or MusicGANConfig()
        self.generator = MusicGenerator(self.config)

    @torch.no_grad()
    def generate(self, moods: Sequence[str], tempos: Sequence[str], generator: torch.Generator) -> NDArray[np.uint8]:
        """One phrase for each mood and tempo.

        Args:
            moods: B words of "glad", "sad".  tempos: B words of "slow", "fast".  generator: source of the noise.
        Returns:
            (B, 36, 48) uint8, 1 where a note begins; row 0 is the C below middle C, a step an eighth of a second.
        Raises:
            ValueError: as `codes`.
        """
        code = codes(moods, tempos)
        made = self.generator(torch.randn(len(code), self.config.noise, generator=generator), code)
        rolls: NDArray[np.uint8] = (made > 0.5).numpy().astype(np.uint8)
        return rolls

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder, as float16."""
        save_model(self, path, self.kind, half=True, config=asdict(self.config))

    @classmethod
    def from_pretrained(cls, path: str | Path = SHIPPED) -> MusicGAN:
        """Load a model from a folder, the shipped one if none is named.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        card = read_card(path, cls.kind)
        model = cls(card.config(MusicGANConfig))
        load_weights(model, Path(path) / "model.safetensors")
        return model.eval()
