"""Chapter 10 · how the video GAN is trained: data, model and losses joined, the two updates in plain sight."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from t2v_edu.datasets import Batch, Source, WorldStream
from t2v_edu.losses.adversarial import GAMES, r1_penalty
from t2v_edu.losses.reconstruction import corners, gaussian_kl, where
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.video_critics import SIZES, Discriminator, Posterior
from t2v_edu.models.video_gan import VideoGAN
from t2v_edu.text.encoders import Listener, TextCode
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.checkpoint import checkpoints
from t2v_edu.training.config import TrainConfig
from t2v_edu.training.loop import Workers, keep_freed_memory, run, seed_everything
from t2v_edu.training.sources import Worlds, captioned_scenes, captions_of, open_source
from t2v_edu.video import to_frames, to_tensor
from t2v_edu.world.scene import Scene


class VideoGANTrainee:
    """Generator, its text encoder and the posterior in one optimiser; the discriminator in the other."""

    def __init__(self, model: VideoGAN, config: TrainConfig, workers: Workers) -> None:
        self.config, self.workers = config, workers
        self.model = model.to(workers.device).train()
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.posterior = Posterior(model.config).to(workers.device)
        self.discriminator = Discriminator(model.config).to(workers.device)
        self.maker = nn.ModuleList([self.model, self.posterior])
        self.modules: dict[str, nn.Module] = {
            "model": self.model, "average": self.average, "posterior": self.posterior, "discriminator": self.discriminator,
        }  # fmt: skip
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "maker": torch.optim.Adam(self.maker.parameters(), config.lr, betas=(0.9, 0.99)),
            "discriminator": torch.optim.Adam(self.discriminator.parameters(), config.critic_lr, betas=(0.5, 0.99)),
        }
        self.show: list[str] = []  # captions of the sample films
        self.d_loss, self.g_loss = GAMES[config.game]

    def warm_up(self, source: Source) -> None:
        """Teach the text encoder what words mean before any pixel is drawn."""
        if self.config.warm_up and isinstance(source, WorldStream):
            teach_words(self.model, source, self.config.warm_up, seed=self.config.seed)
            self.average.load_state_dict(self.model.state_dict())

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """One update of the discriminator, one of the generator."""
        c, w = self.config, self.workers
        generator = w.generator(c.seed, step)
        real = to_tensor(batch.frames).to(w.device)  # (B, 3, T, H, W)
        frames = torch.randperm(real.shape[2], generator=generator)[:4].to(w.device)  # the stills that D looks at
        playing = c.adversary > 0 and step >= c.critic_start
        for group in self.optimizers["maker"].param_groups:
            group["lr"] = c.lr * min(1.0, (step + 1) / 100) * (1 - 0.95 * step / c.steps)
        self.model.generator.early = step < c.turn_all
        with w.autocast():
            text = self.model.encode(batch.captions)
            mean, log_var = self.posterior(real, text.pooled)
            own = mean + w.noise(tuple(mean.shape), generator) * (0.5 * log_var).exp()  # z ~ q(z | video, caption)
            half = text[::2] if playing else text[:0]  # every second caption is also filmed from free noise, for D to judge
            free = w.noise((len(half.pooled), mean.shape[1]), generator)
            free = self.model.generator.draw(free, half.pooled)  # z ~ p(z | caption)
            made = self.model.generator(torch.cat([own, free]), torch.cat([text.pooled, half.pooled]))
            rebuilt, fake = made[: len(real)], made[len(real) :]
        numbers = self.update_discriminator(real, fake.detach(), text.detach(), half.detach(), frames, step) if playing else {}
        kl = gaussian_kl(mean, log_var, self.model.generator.prior(text.pooled)).mean()
        price = c.kl_at(step) * kl + c.turning * self.model.generator.turn(text.pooled).square().mean()
        numbers |= {"KL": kl.item()} | self.update_generator(real, rebuilt, fake, half.detach(), price, frames, step)
        self.update_average(step)
        return numbers

    def update_discriminator(
        self, real: Tensor, fake: Tensor, text: TextCode, half: TextCode, frames: Tensor, step: int
    ) -> dict[str, float]:
        """Real clips with their captions up; made clips, and real clips with a neighbour's caption, down."""
        c, d = self.config, self.discriminator
        with self.workers.autocast():
            seen = d.look(real, frames)
            right, wrong = d.score(seen, text), d.score(seen, text.swap())
            invented = d.score(d.look(fake, frames), half)
            loss = 0.5 * (self.d_loss(right, invented) + self.d_loss(right, wrong))
        numbers = {
            "L_D": loss.item(),
            "D(real)": right.mean().item(),
            "D(made)": invented.mean().item(),
            "D(wrong)": wrong.mean().item(),
        }
        if c.r1 and step % c.r1_every == 0:
            some = real[::4].clone().requires_grad_()
            score = d.score(d.look(some, frames), text[::4])
            loss = loss + c.r1_every * c.r1 * r1_penalty(score, some)
        self.optimizers["discriminator"].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.workers.mean_gradients(d)
        self.optimizers["discriminator"].step()
        return numbers

    def update_generator(
        self, real: Tensor, rebuilt: Tensor, fake: Tensor, half: TextCode, price: Tensor, frames: Tensor, step: int
    ) -> dict[str, float]:
        """Rebuild real clips from their own noise, at a price for noise and turning, and please the discriminator."""
        c, d = self.config, self.discriminator
        off = rebuilt.float() - real
        plain = off.square().mean()
        off = torch.cat([c.opening * off[:, :, :1], off[:, :, 1:]], 2)
        squared, absolute = off.square().mean(), off.abs().mean()
        backdrop = corners(real)
        apart = (where(rebuilt.float(), backdrop) - where(real, backdrop)).square().mean()
        loss = c.reconstruction * (squared + 0.1 * absolute) + c.where * apart + price
        numbers = {"MSE": plain.item(), "where": apart.item()}
        if c.adversary > 0 and step >= c.critic_start:
            d.requires_grad_(False)
            with self.workers.autocast():
                adversarial = self.g_loss(d.score(d.look(fake, frames), half))
            d.requires_grad_(True)
            loss = loss + c.adversary * adversarial
            numbers["L_G"] = adversarial.item()
        self.optimizers["maker"].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if step < c.turn_start:
            self.model.generator.turn.zero_grad()
        self.workers.mean_gradients(self.maker)
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizers["maker"].step()
        return numbers

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        """Move the averaged weights toward the current ones; faster in the beginning, when there is little to remember."""
        decay = min(self.config.ema, step / (step + 20))
        for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)

    def sample(self) -> NDArray[np.uint8]:
        """The averaged model's clips of four captions, side by side, always from the same noise."""
        from t2v_edu.film.arrange import grid

        video = self.average.generate(self.show, torch.Generator().manual_seed(0))
        return grid(list(to_frames(video)), columns=len(self.show))

    def save(self, path: Path) -> None:
        """Write the averaged model."""
        self.average.save_pretrained(path)


def teach_words(model: Listener, source: WorldStream | Worlds, steps: int, *, seed: int = 0) -> float:
    """Train the text encoder to tell a caption's attributes by linear heads, which are then thrown away.

    A stand-in, a quarter of a minute long, for the pretrained text encoder of a large system.

    Returns:
        share of attributes told right in the last batch.
    """
    fields = ("kind", "color", "size", "action", "direction", "speed", "place")
    stream = captioned_scenes(source, seed + 1)
    values: dict[str, dict[str, int]] = {f: {} for f in fields}
    device, width = model.device, model.text.embed.embedding_dim
    heads = nn.ModuleDict({f: nn.Linear(width, 32) for f in fields}).to(device)
    optimizer = torch.optim.Adam([*model.text.parameters(), *heads.parameters()], lr=3e-3)
    right = 0.0
    for _ in range(steps):
        pairs = [next(stream) for _ in range(128)]
        pooled = model.encode([caption for caption, _ in pairs]).pooled
        loss, right = torch.zeros((), device=device), 0.0
        for f in fields:
            target = torch.tensor([values[f].setdefault(_attribute(s, f), len(values[f])) for _, s in pairs], device=device)
            logits = heads[f](pooled)
            loss = loss + F.cross_entropy(logits, target)
            right += (logits.argmax(1) == target).float().mean().item() / len(fields)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return right


def _attribute(scene: Scene, field: str) -> str:
    return scene.place if field == "place" else str(getattr(scene.actors[0], field))


def known_captions(model: VideoGAN | FlowVideo, source: Source, *, seed: int, count: int = 4) -> list[str]:
    """Captions for the sample films; rare words that the vocabulary missed are passed over.

    Raises:
        ValueError: the model never saw a word of half of the captions or more; the words are named.
    """
    captions = source.batch(16 * count, seed=seed, step=0).captions
    strange = {caption: model.tokenizer.unknown(caption) for caption in captions}
    known = [caption for caption in captions if not strange[caption]]
    if len(known) < len(captions) / 2:
        words = ", ".join(dict.fromkeys(word for found in strange.values() for word in found))
        raise ValueError(f"the model to start from never saw these words of the data: {words}; train without it")
    return known[:count]


def train(
    config: TrainConfig, out: str | Path, *, resume: bool = False, device: str = "auto", init: str | Path | None = None
) -> VideoGAN:
    """Train a video GAN; what `t2v-edu train` calls.

    Args:
        config: the run; with `resume` the one stored in `out` is used, except for `steps`.
        out: folder for checkpoints, samples, TensorBoard log and the model (`out/model`).
        device: "auto" or "cpu". Several GPUs or machines: start it by `accelerate launch -m t2v_edu train ...`.
        init: a trained model to start from, whose vocabulary knows the words.
    Returns:
        the averaged model.
    Raises:
        ValueError: data that cannot be read, a folder that holds another run, a loss that is not finite, a model to start
            from that was trained on other words.
    """
    out = Path(out)
    stored = out / "run.json"
    going_on = resume and bool(checkpoints(out))
    if going_on:
        config = replace(TrainConfig.load(stored), steps=config.steps)
        init = out / "model"  # for its vocabulary and sizes; the weights come from the checkpoint
    keep_freed_memory()
    workers = Workers(device)
    seed_everything(config.seed)
    source = open_source(config)
    if init:
        model = VideoGAN.from_pretrained(init)
    else:
        model = VideoGAN(SIZES[config.size], Tokenizer.fit(captions_of(source, config.seed)))
    model.worlds = (config.world,) if config.world else ()
    trainee = VideoGANTrainee(model, replace(config, warm_up=0) if init else config, workers)
    trainee.show = known_captions(model, source, seed=config.seed)
    out.mkdir(parents=True, exist_ok=True)
    if workers.rank == 0 and not checkpoints(out):
        config.save(stored)
    run(trainee, source, config, out, workers, resume=resume)
    return trainee.average
