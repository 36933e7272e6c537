"""Chapter 09 · from a caption to a still picture: a DCGAN that is told what to draw, and a judge that is told what was asked.

DCGAN: Radford et al. 2016, arXiv:1511.06434. A caption beside noise, and real pictures with wrong captions: Reed et al. 2016,
arXiv:1605.05396. Concatenation: Mirza & Osindero 2014, arXiv:1411.1784. Projection: Miyato & Koyama 2018, arXiv:1802.05637.
Modulation: Perez et al. 2018, arXiv:1709.07871.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.layers import Modulate
from t2v_edu.losses.adversarial import GAMES
from t2v_edu.paths import DATA
from t2v_edu.text.encoders import check_ids, mean_of_words
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.weights import load_weights, read_card, save_model

SHIPPED = DATA / "image_gan"
TELL_G = ("concat", "modulation")
TELL_D = ("none", "concat", "projection")


@dataclass(frozen=True)
class ImageGANConfig:
    """Sizes of an image GAN, and how each player hears the caption.

    Args:
        size: H = W, 16, 32 or 64.
        text: D, width of the text code.  noise: Z, numbers in z.
        width: channels of the finest feature map; each coarser one has twice as many.
        tell_g: "concat" puts the code beside the noise; "modulation" also scales and shifts the feature maps after the first.
        tell_d: "none" hides the caption from the judge; "concat" lays the code beside its coarsest feature map; "projection" adds
            an inner product of features and code to its score.
    Raises:
        ValueError: a size or a way of telling that is none of these, or a number below 1.
    """

    size: int = 32
    text: int = 32
    noise: int = 16
    width: int = 16
    tell_g: str = "modulation"
    tell_d: str = "projection"

    def __post_init__(self) -> None:
        if self.size not in (16, 32, 64):
            raise ValueError(f"size must be 16, 32 or 64, not {self.size}")
        for name, known in (("tell_g", TELL_G), ("tell_d", TELL_D)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r}: choose one of {', '.join(known)}")
        for name in ("text", "noise", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: use 1 or more")

    @property
    def widths(self) -> list[int]:
        """Channels from the coarsest feature map, 4×4, to the finest, half the picture's side."""
        doublings = self.size.bit_length() - 3
        return [self.width * 2**i for i in reversed(range(doublings))]


class WordMean(nn.Module):
    """A caption as the mean of its words' vectors: order is lost, and no still picture of one actor depends on it.

    Args:
        vocabulary: number of ids, padding (0) included.
        width: D.
    """

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids (B, L) and mask (B, L), True at words → (B, D)."""
        check_ids(ids, mask, self.embed.num_embeddings)
        code: Tensor = self.norm(mean_of_words(self.embed(ids), mask))
        return code


class TransposedBlock(nn.Module):
    """Twice the side: a transposed convolution, modulation by the code where it is told that way, leaky ReLU."""

    def __init__(self, channels_in: int, channels_out: int, code: int | None) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1)
        self.modulate = None if code is None else Modulate(code, channels_out)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """x (B, C, H, W), code (B, D) → (B, C', 2H, 2W)."""
        x = self.conv(x)  # (B, C', 2H, 2W)
        return F.leaky_relu(x if self.modulate is None else self.modulate(x, code), 0.2)


class Generator(nn.Module):
    """Noise and caption to picture."""

    def __init__(self, config: ImageGANConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        code = config.noise + config.text
        self.seed = nn.Linear(code, widths[0] * 16)
        told = code if config.tell_g == "modulation" else None
        self.up = nn.ModuleList(TransposedBlock(a, b, told) for a, b in itertools.pairwise(widths))
        self.paint = nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1)

    def forward(self, noise: Tensor, text: Tensor) -> Tensor:
        """noise (B, Z), text code (B, D) → pictures (B, 3, H, W) in [-1, 1]."""
        code = torch.cat([noise, text], 1)  # (B, Z + D)
        x = F.leaky_relu(self.seed(code), 0.2).reshape(len(code), -1, 4, 4)  # (B, C, 4, 4)
        for block in self.up:
            x = block(x, code)  # (B, C, H / 2, W / 2) at the end
        return torch.tanh(self.paint(x))


class Discriminator(nn.Module):
    """How real a picture is and, where it is told the caption, how well it fits: one score.

    No batch normalisation: a score must depend on one picture and its caption alone, not on what else is in the batch.
    """

    def __init__(self, config: ImageGANConfig) -> None:
        super().__init__()
        widths = [3, *config.widths[::-1]]
        self.tell = config.tell_d
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in itertools.pairwise(widths))
        told = config.text if config.tell_d == "concat" else 0
        self.join = nn.Conv2d(widths[-1] + told, widths[-1], 3, padding=1)
        self.real = nn.Linear(widths[-1] * 16, 1)
        if config.tell_d == "projection":
            self.fit = nn.Linear(config.text, widths[-1] * 16)

    def look(self, picture: Tensor) -> Tensor:
        """pictures (B, 3, H, W) in [-1, 1] → feature maps (B, C, 4, 4): all that needs no caption."""
        for conv in self.down:
            picture = F.leaky_relu(conv(picture), 0.2)
        return picture

    def score(self, seen: Tensor, text: Tensor) -> Tensor:
        """What was seen (B, C, 4, 4) under the captions (B, D) → scores (B,)."""
        if self.tell == "concat":
            seen = torch.cat([seen, text[:, :, None, None].expand(-1, -1, 4, 4)], 1)  # (B, C + D, 4, 4)
        h = F.leaky_relu(self.join(seen), 0.2).flatten(1)  # (B, F)
        score: Tensor = self.real(h)[:, 0]
        if self.tell == "projection":
            score = score + (h * self.fit(text)).sum(1) / h.shape[1] ** 0.5
        return score

    def forward(self, picture: Tensor, text: Tensor) -> Tensor:
        """pictures (B, 3, H, W), text code (B, D) → scores (B,), higher for real."""
        return self.score(self.look(picture), text)


def matching_aware_d(game: str, right: Tensor, made: Tensor, wrong: Tensor) -> Tensor:
    """L_D = ½·L(right, made) + ½·L(right, wrong), a scalar: there are two kinds of false, and a good fake is only one of them.

    Args:
        game: a name in `losses.adversarial.GAMES`, whose D's loss L is.
        right: (B,) scores of real pictures under their captions.
        made: (B,) of made ones under the captions that they were made for.
        wrong: (B,) of real ones under captions of others.
    Raises:
        ValueError: an unknown game, or scores that its loss refuses.
    Source: Reed et al. 2016, algorithm 1.
    """
    if game not in GAMES:
        raise ValueError(f"game {game!r}: choose one of {', '.join(GAMES)}")
    loss = GAMES[game][0]
    return 0.5 * (loss(right, made) + loss(right, wrong))


class ImageGAN(nn.Module):
    """Captions to pictures: tokenizer, words and generator, saved and loaded as one.

    Args:
        config: sizes.  tokenizer: its vocabulary travels with the weights.  worlds: the named worlds it was trained for.
    """

    kind = "image_gan"

    def __init__(self, config: ImageGANConfig, tokenizer: Tokenizer, worlds: Sequence[str] = ()) -> None:
        super().__init__()
        self.config, self.tokenizer, self.worlds = config, tokenizer, tuple(worlds)
        self.words = WordMean(len(tokenizer), config.text)
        self.generator = Generator(config)

    def encode(self, captions: Sequence[str]) -> Tensor:
        """B captions to their code (B, D)."""
        code: Tensor = self.words(*self.tokenizer.encode(captions))
        return code

    @torch.no_grad()
    def generate(self, captions: Sequence[str], generator: torch.Generator) -> Tensor:
        """One picture for each caption.

        Args:
            captions: B sentences made of the vocabulary's words.
            generator: source of the noise.
        Returns:
            (B, 3, H, W) in [-1, 1].
        Raises:
            ValueError: no caption, a caption without words, or a word that training never saw; its nearest known ones are named.
        """
        self.tokenizer.check(captions)
        noise = torch.randn(len(captions), self.config.noise, generator=generator)
        pictures: Tensor = self.generator(noise, self.encode(captions))
        return pictures

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder."""
        save_model(self, path, self.kind, worlds=self.worlds, config=asdict(self.config), words=self.tokenizer.words)

    @classmethod
    def from_pretrained(cls, path: str | Path = SHIPPED) -> ImageGAN:
        """Load a model from a folder, the shipped one if none is named.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        card = read_card(path, cls.kind)
        model = cls(card.config(ImageGANConfig), Tokenizer(card["words"]), card["worlds"])
        load_weights(model, Path(path) / "model.safetensors")
        return model.eval()
