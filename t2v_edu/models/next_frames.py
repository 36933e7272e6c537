"""Chapter 11 · text and first frames in, next frames out · Mathieu et al. 2016, arXiv:1511.05440; Finn et al. 2016.

A text LSTM reads the caption, a video LSTM the first frames; noise and both drive a third LSTM, one step for each frame to come.
A frame is the one before it, pushed aside by a small predicted kernel, and painted over where a mask says so: Finn et al. 2016,
arXiv:1605.07157. `keras_mirror.next_frames` is the same model in Keras, number for number.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.losses.adversarial import GAMES
from t2v_edu.losses.penalties import gradient_penalty
from t2v_edu.models.video_critics import Judge
from t2v_edu.text.encoders import LSTMEncoder
from t2v_edu.weights import load_weights, read_card, save_model


@dataclass(frozen=True)
class NextFramesConfig:
    """Sizes of the model; the Keras twin takes the same as keyword arguments.

    Args:
        words: the tokenizer's sorted vocabulary, padding first; it travels with the weights.
        seen, ahead: how many frames are given, how many are to come.  size: H = W, 8, 16, 32 or 64.
        text, state: width of the caption's code and of the LSTMs over frames.  noise: Z.
        width: channels of the finest maps.  reach: how many pixels a frame may be pushed in one step.
    """

    words: tuple[str, ...]
    seen: int = 2
    ahead: int = 6
    size: int = 16
    text: int = 32
    state: int = 64
    noise: int = 8
    width: int = 8
    reach: int = 3

    def __post_init__(self) -> None:
        if self.size not in (8, 16, 32, 64):
            raise ValueError(f"size must be 8, 16, 32 or 64, not {self.size}")
        for name in ("seen", "ahead", "text", "state", "noise", "width", "reach"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: use 1 or more")
        if self.reach >= self.size:
            raise ValueError(f"reach {self.reach} must be smaller than the picture's side, {self.size}")

    @property
    def widths(self) -> list[int]:
        """Channels of the maps from 4×4 up to size × size."""
        return [min(4, 2**i) * self.width for i in reversed(range(self.size.bit_length() - 2))]


class Generator(nn.Module):
    """Caption, first frames and noise → next frames."""

    shifts: Tensor

    def __init__(self, config: NextFramesConfig) -> None:
        super().__init__()
        c, widths = config, config.widths
        self.ahead = c.ahead
        self.text = LSTMEncoder(len(c.words), c.text)
        down = [3, *reversed(widths[:-1])]
        self.look = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in itertools.pairwise(down))
        self.code = nn.Linear(16 * down[-1], c.state)
        self.remember = nn.LSTM(c.state, c.state, batch_first=True)
        self.imagine = nn.LSTM(c.text + c.noise, c.state, batch_first=True)
        self.push = nn.Linear(c.state, 2 * (2 * c.reach + 1))
        self.canvas = nn.Linear(c.state, 16 * widths[0])
        self.paint = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths))
        self.last = nn.Conv2d(widths[-1] + 6, 6, 3, padding=1)
        self.register_buffer("shifts", shifts(c.size, c.reach), persistent=False)
        for lstm in (self.text.get_submodule("lstm"), self.remember, self.imagine):
            one_bias(lstm)
        start_still(self.push)

    def forward(self, ids: Tensor, first: Tensor, noise: Tensor) -> Tensor:
        """ids (B, L), first (B, 3, K, H, W), noise (B, Z) → the frames to come (B, 3, N, H, W) in [-1, 1]."""
        return self.go_on(self.text(ids, ids != 0).pooled, first, noise)

    def go_on(self, text: Tensor, first: Tensor, noise: Tensor) -> Tensor:
        """The same with the caption's code (B, D)."""
        x = first.transpose(1, 2).flatten(0, 1)  # (B·K, 3, H, W)
        for conv in self.look:
            x = F.leaky_relu(conv(x), 0.2)
        codes = self.code(x.flatten(1)).unflatten(0, (len(first), -1))  # (B, K, S)
        told = torch.cat([text, noise], 1)[:, None].expand(-1, self.ahead, -1)  # (B, N, D + Z)
        states, _ = self.imagine(told, self.remember(codes)[1])  # (B, N, S)
        return self.film(states, first[:, :, -1])

    def film(self, states: Tensor, frame: Tensor) -> Tensor:
        """What each state does to the frame before it: states (B, N, S), frame (B, 3, H, W) → (B, 3, N, H, W)."""
        taps = self.push(states).unflatten(2, (2, -1)).softmax(-1)  # (B, N, 2, 2R + 1), for y and for x
        rows, columns = torch.einsum("bndk,khw->dbnhw", taps, self.shifts)[:, :, :, None]  # (B, N, 1, H, H) each
        x = self.canvas(states).flatten(0, 1).unflatten(1, (-1, 4, 4))  # (B·N, C, 4, 4)
        for conv in self.paint:
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        maps = x.unflatten(0, states.shape[:2])  # (B, N, C, H, W)
        known, frames = frame, []
        for t in range(self.ahead):
            pushed = rows[:, t] @ frame @ columns[:, t].mT
            seen = self.last(torch.cat([maps[:, t], pushed, known], 1))  # (B, 6, H, W): 3 colours, 3 shares
            share = seen[:, 3:].softmax(1)
            frame = share[:, :1] * pushed + share[:, 1:2] * known + share[:, 2:] * seen[:, :3].tanh()
            frames.append(frame)
        return torch.stack(frames, 2)


def shifts(size: int, reach: int) -> Tensor:
    """All ways to push a row of pixels: (2R + 1, size, size) matrices, number k takes each pixel from k − R further on.

    Beyond the edge stands the edge's pixel.
    """
    from_where = torch.arange(size) + torch.arange(-reach, reach + 1)[:, None]  # (2R + 1, size)
    return F.one_hot(from_where.clamp(0, size - 1), size).to(torch.get_default_dtype())


class Discriminator(nn.Module):
    """A clip, all its frames side by side as channels, and a caption's code → how real it is and how well they fit."""

    def __init__(self, config: NextFramesConfig) -> None:
        super().__init__()
        widths = [3 * (config.seen + config.ahead), *(2 * w for w in reversed(config.widths[:-1]))]
        self.look = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in itertools.pairwise(widths))
        self.code = nn.Linear(16 * widths[-1], config.state)
        self.judge = Judge(config.state, config.text)

    def forward(self, clip: Tensor, text: Tensor) -> Tensor:
        """clip (B, 3, K + N, H, W), text (B, D) → raw scores (B,), no sigmoid."""
        score: Tensor = self.judge(self.features(clip), text)
        return score

    def features(self, clip: Tensor) -> Tensor:
        """What of a clip can be seen without its caption: (B, 3, K + N, H, W) → (B, S)."""
        x = clip.transpose(1, 2).flatten(1, 2)  # (B, 3·(K + N), H, W), frame after frame
        for conv in self.look:
            x = F.leaky_relu(conv(x), 0.2)
        return F.leaky_relu(self.code(x.flatten(1)), 0.2)


class NextFrames(nn.Module):
    """Generator (with its text encoder) and discriminator: two networks with nothing in common."""

    kind = "next_frames"

    def __init__(self, config: NextFramesConfig) -> None:
        super().__init__()
        self.config = config
        self.generator, self.discriminator = Generator(config), Discriminator(config)

    def forward(self, ids: Tensor, first: Tensor, noise: Tensor) -> Tensor:
        """The generator's frames, after what came was looked at.

        Raises:
            ValueError: first frames or noise of another shape, ids that are no sentences.
        """
        c = self.config
        if first.shape[1:] != (3, c.seen, c.size, c.size) or noise.shape != (len(first), c.noise) or len(ids) != len(first):
            raise ValueError(f"want ids (B, L), first frames (B, 3, {c.seen}, {c.size}, {c.size}) and noise (B, {c.noise}), not "
                             f"{tuple(ids.shape)}, {tuple(first.shape)} and {tuple(noise.shape)}")
        frames: Tensor = self.generator(ids, first, noise)
        return frames

    def save_pretrained(self, path: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder."""
        save_model(self, path, self.kind, config=asdict(self.config))

    @classmethod
    def from_pretrained(cls, path: str | Path) -> NextFrames:
        """Load a model from a folder.

        Raises:
            ValueError: no such folder, another kind of model, weights that are truncated or do not fit.
        """
        model = cls(read_card(path, cls.kind).config(NextFramesConfig))
        load_weights(model, Path(path) / "model.safetensors")
        return model.eval()


# --- Training: one update of D, one of G ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """The game, the weight λ of the critic's gradient penalty (Wasserstein alone), and that of G's distance from the true frames.

    Source of the last: Isola et al. 2017, arXiv:1611.07004, section 3.1.
    """

    game: str = "non_saturating"
    penalty: float = 10.0
    pixels: float = 50.0

    def __post_init__(self) -> None:
        if self.game not in GAMES:
            raise ValueError(f"game {self.game!r}: choose one of {', '.join(GAMES)}")


@dataclass(frozen=True, eq=False)
class Batch:
    """ids (B, L), first frames (B, 3, K, H, W), the frames that came after them (B, 3, N, H, W)."""

    ids: Tensor
    first: Tensor
    after: Tensor


@dataclass(frozen=True, eq=False)
class Chance:
    """All that a step draws: noise for D's fakes and for G's (B, Z), and where between real and fake D's slope is taken (B,)."""

    noise_d: Tensor
    noise_g: Tensor
    mix: Tensor

    @classmethod
    def draw(cls, batch: int, noise: int, generator: torch.Generator) -> Chance:
        """Fresh noise from N(0, 1), a fresh mix from U(0, 1)."""
        noise_d, noise_g = torch.randn(2, batch, noise, generator=generator)
        return cls(noise_d, noise_g, torch.rand(batch, generator=generator))


def cost_d(model: NextFrames, batch: Batch, chance: Chance, rules: Rules) -> Tensor:
    """L_D: the real clip with its caption against the made one, and against itself with a neighbour's caption; ½ each."""
    with torch.no_grad():  # G made it, and is not to learn from it now
        text = model.generator.text(batch.ids, batch.ids != 0).pooled
        made = model.generator.go_on(text, batch.first, chance.noise_d)
    real, fake = (torch.cat([batch.first, after], 2) for after in (batch.after, made))
    d, of_game = model.discriminator, GAMES[rules.game][0]
    seen = d.features(real)
    on_real, on_fake, on_wrong = d.judge(seen, text), d(fake, text), d.judge(seen, text.roll(1, 0))
    loss = 0.5 * of_game(on_real, on_fake) + 0.5 * of_game(on_real, on_wrong)
    if rules.game == "wasserstein":
        loss = loss + rules.penalty * gradient_penalty(lambda clip: d(clip, text), real, fake, chance.mix)
    return loss


def cost_g(model: NextFrames, batch: Batch, chance: Chance, rules: Rules) -> tuple[Tensor, Tensor]:
    """L_G and, alone, the mean squared difference from the true frames, which is a part of it."""
    text = model.generator.text(batch.ids, batch.ids != 0).pooled
    made = model.generator.go_on(text, batch.first, chance.noise_g)
    score = model.discriminator(torch.cat([batch.first, made], 2), text.detach())  # the words are not to flatter D
    pixels = (made - batch.after).square().mean()
    return GAMES[rules.game][1](score) + rules.pixels * pixels, pixels


def optimizers(model: NextFrames, lr_g: float = 1e-3, lr_d: float = 5e-4) -> tuple[torch.optim.Adam, torch.optim.Adam]:
    """G's Adam and D's: two, with nothing in common."""
    g, d = ([p for p in part.parameters() if p.requires_grad] for part in (model.generator, model.discriminator))
    return torch.optim.Adam(g, lr_g, betas=(0.5, 0.99)), torch.optim.Adam(d, lr_d, betas=(0.5, 0.99))


def train_step(
    model: NextFrames, optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer], batch: Batch, chance: Chance, rules: Rules
) -> Mapping[str, float]:
    """One update of D, then one of G; the losses before each.

    Raises:
        ValueError: a loss that is no finite number; nothing is updated by it.
    """
    for_g, for_d = optimizers
    loss_d = cost_d(model, batch, chance, rules)
    _descend(for_d, loss_d, "D's loss")
    model.discriminator.requires_grad_(False)  # G's loss runs through D, and changes nothing of it
    loss_g, pixels = cost_g(model, batch, chance, rules)
    model.discriminator.requires_grad_(True)
    _descend(for_g, loss_g, "G's loss")
    return {"loss_d": loss_d.item(), "loss_g": loss_g.item(), "pixels": pixels.item()}


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor, name: str) -> None:
    if not loss.isfinite():
        raise ValueError(f"{name} is {loss.item()}; look at the batch for NaN, or take a smaller learning rate")
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def one_bias(lstm: nn.Module) -> None:
    """Hold the second of PyTorch's two biases at 0, in place.

    Only their sum counts, but both learn, so that the sum goes twice as far in a step as Keras' one bias does.
    """
    for name, weight in lstm.named_parameters():
        if name.startswith("bias_hh"):
            nn.init.zeros_(weight)
            weight.requires_grad_(False)


def start_still(linear: nn.Linear) -> None:
    """Kernels that leave the frame nearly as it is: most of the weight in the middle, whatever the state."""
    nn.init.normal_(linear.weight, std=0.01)
    with torch.no_grad():
        linear.bias.zero_().view(2, -1)[:, linear.out_features // 4] = 2.0
