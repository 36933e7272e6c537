"""Chapter 09 · first frames to train on, and the game played for them: two updates, and a running mean of the generator."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from t2v_edu.augment import cropped, mirrored, repainted
from t2v_edu.datasets import Clip, clip_rng
from t2v_edu.evaluation.stills import is_plain
from t2v_edu.losses.adversarial import GAMES
from t2v_edu.losses.penalties import r1_penalty
from t2v_edu.models.image_gan import Discriminator, ImageGAN, ImageGANConfig, matching_aware_d
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.video import to_frames, to_tensor
from t2v_edu.world.captions import detect_language, say
from t2v_edu.world.lexicon import Language
from t2v_edu.world.motion import Poses, sample_take, stage
from t2v_edu.world.places import place_picture
from t2v_edu.world.render import paint_actor
from t2v_edu.world.scene import Scene, sample_scene

FRAMES = 16  # of the clips whose first frames are taken


@dataclass(frozen=True, eq=False)
class Stills:
    """Pictures (N, H, W, 3) uint8, N captions, N scenes."""

    pictures: NDArray[np.uint8]
    captions: list[str]
    scenes: list[Scene]

    def __len__(self) -> int:
        return len(self.captions)

    def __getitem__(self, rows: slice) -> Stills:
        return Stills(self.pictures[rows], self.captions[rows], self.scenes[rows])

    def __add__(self, other: Stills) -> Stills:
        return Stills(np.concatenate([self.pictures, other.pictures]), self.captions + other.captions, self.scenes + other.scenes)


def first_frame(scene: Scene, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The first frame (size, size, 3) of `render(scene, 16, size, size, rng)`, without drawing the others."""
    takes = tuple(sample_take(rng) for _ in scene.actors)
    canvas = np.asarray(place_picture(scene.place, size, size), np.float32)[None].copy()  # (1, H, W, 3)
    for actor, take, pose in zip(scene.actors, takes, stage(scene, takes, FRAMES), strict=True):
        paint_actor(canvas, actor, take, Poses(pose.x[:1], pose.y[:1], pose.radius[:1], pose.angle[:1], pose.gait[:1]))
    picture: NDArray[np.uint8] = (canvas[0] + 0.5).astype(np.uint8)
    return picture


def first_frames(
    world: str = "shapes", *, count: int, seed: int, split: str = "seen", langs: Sequence[Language] = ("en",), size: int = 32
) -> Stills:
    """The first frames of a `WorldStream`'s clips, in order, without those that grow or shrink: see `describe_still`.

    Args:
        world: "shapes" or "digits".  split, langs, size: as of the stream.
        count: N.  seed: the stream's.
    Raises:
        ValueError: a world or split that does not exist, a count below 1.
    """
    if count < 1:
        raise ValueError(f"count {count}: use 1 or more")
    pictures: list[NDArray[np.uint8]] = []
    captions: list[str] = []
    scenes: list[Scene] = []
    index = 0
    while len(scenes) < count:
        rng = clip_rng(seed, index)
        scene = sample_scene(world, rng, split)
        caption = say(scene, langs[int(rng.integers(len(langs)))], rng)
        index += 1
        if is_plain(scene):
            pictures.append(first_frame(scene, size, rng))
            captions.append(caption)
            scenes.append(scene)
    return Stills(np.stack(pictures), captions, scenes)


def augmented(stills: Stills, copies: int, seed: int) -> Stills:
    """Every picture `copies` times, each time shifted, mirrored or repainted in its own way, with a caption that is true of it.

    What a caption says is known here, so it can be said anew: other words for the same scene are an augmentation too.
    """
    pictures, captions, scenes = [], [], []
    for i in range(copies * len(stills)):
        rng, row = clip_rng(seed, i), i % len(stills)
        clip = Clip(stills.pictures[row][None], stills.captions[row], stills.scenes[row])
        for change, wanted in zip((mirrored, repainted, cropped), rng.random(3) < 0.5, strict=True):
            clip = change(clip, rng) if wanted else clip
        assert clip.scene is not None
        pictures.append(clip.frames[0])
        captions.append(say(clip.scene, detect_language(clip.caption), rng))
        scenes.append(clip.scene)
    return Stills(np.stack(pictures), captions, scenes)


def to_pictures(stills: Stills, rows: Tensor | slice = slice(None)) -> Tensor:
    """All pictures, or those of some rows, as models take them: (N, 3, H, W) in [-1, 1]."""
    return to_tensor(stills.pictures[rows][:, None])[:, :, 0].contiguous()


def from_pictures(pictures: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) in [-1, 1] → uint8 (N, H, W, 3); values outside are cut off."""
    return to_frames(pictures[:, :, None])[:, 0]


@dataclass(frozen=True)
class Rules:
    """How a game is played.

    Args:
        game: a name in `losses.adversarial.GAMES`.
        steps: rounds, one update of each player in each.  batch: pictures of each kind.
        lr: Adam's rate for both; after the share `slow` of the steps it falls to a tenth, on a cosine.  beta: Adam's β₁.
        words: how many times that rate the words have. Each is in few captions and is one of a dozen in their mean, so it
            is moved seldom and by little, while the weights of V that read it hurry ahead.
        wrong: whether the judge is shown wrong captions.
        r1: γ, what the slope of its score costs the judge at real pictures (`losses.penalties.r1_penalty`); 0: nothing.
        keep: of the running mean of G's weights, per step, at its end; what `play` returns is that mean.
        seed: what weights, order and noise are drawn from.
    """

    game: str = "hinge"
    steps: int = 800
    batch: int = 32
    lr: float = 2e-3
    slow: float = 0.5
    beta: float = 0.5
    words: float = 20.0
    wrong: bool = True
    r1: float = 0.0
    keep: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        if self.game not in GAMES:
            raise ValueError(f"game {self.game!r}: choose one of {', '.join(GAMES)}")
        if self.steps < 1 or self.batch < 2:
            raise ValueError(f"steps {self.steps}, batch {self.batch}: use at least 1 step, and 2 pictures: a wrong caption is "
                             "a neighbour's")
        if not 0 <= self.r1 < math.inf:
            raise ValueError(f"r1 {self.r1}: use 0 (no penalty) or more")


class Game:
    """Two players, their optimisers, and the running mean of one of them.

    The words belong to the judge: they are learned from what it needs to tell right captions from wrong ones, and G takes them as
    they are. A judge that is told nothing leaves them as they were drawn.

    Args:
        model: whose words and generator are trained, in place.  rules: see there.  judge: a new one if left out.
    """

    def __init__(self, model: ImageGAN, rules: Rules, judge: Discriminator | None = None) -> None:
        self.model, self.rules = model, rules
        self.judge = Discriminator(model.config) if judge is None else judge
        self.mean = copy.deepcopy(model.generator)
        betas = (rules.beta, 0.99)
        self.opt_g = torch.optim.Adam(model.generator.parameters(), rules.lr, betas=betas, fused=True)
        shares = ((self.judge, 1.0), (model.words, rules.words))
        parts = [{"params": list(part.parameters()), "lr": times * rules.lr, "times": times} for part, times in shares]
        self.opt_d = torch.optim.Adam(parts, betas=betas, fused=True)
        self.step = 0

    def update_d(self, real: Tensor, made: Tensor, text: Tensor) -> Tensor:
        """Real pictures up, made ones and wrong captions down; → L_D. `made` (B, 3, H, W) carries no graph of G."""
        real = real.detach().requires_grad_(self.rules.r1 > 0)
        seen = self.judge.look(real)  # once for both captions
        right, fake = self.judge.score(seen, text), self.judge(made, text)
        if self.rules.wrong:
            loss = matching_aware_d(self.rules.game, right, fake, self.judge.score(seen, text.roll(1, 0)))
        else:
            loss = GAMES[self.rules.game][0](right, fake)
        if self.rules.r1:
            loss = loss + self.rules.r1 * r1_penalty(right, real)
        return self._descend(self.opt_d, loss, "D's loss")

    def update_g(self, noise: Tensor, text: Tensor) -> Tensor:
        """What G makes of the noise (B, Z) and the captions (B, D), up; → L_G. The judge stays as it is."""
        self.judge.requires_grad_(False)
        loss = GAMES[self.rules.game][1](self.judge(self.model.generator(noise, text), text))
        self.judge.requires_grad_(True)
        return self._descend(self.opt_g, loss, "G's loss")

    def round(self, real: Tensor, ids: Tensor, mask: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """One update of each player, and of the mean; → L_D, L_G."""
        for group in (*self.opt_d.param_groups, *self.opt_g.param_groups):
            group["lr"] = group.get("times", 1.0) * self.rules.lr * slowing(self.step / self.rules.steps, self.rules.slow)
        shape = len(real), self.model.config.noise
        text = self.model.words(ids, mask)
        with torch.no_grad():
            made = self.model.generator(torch.randn(shape, generator=draw), text)
        loss_d = self.update_d(real, made, text)
        loss_g = self.update_g(torch.randn(shape, generator=draw), self.model.words(ids, mask).detach())
        self.step += 1
        keep = min(self.rules.keep, self.step / (self.step + 10))  # a short memory at first
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.model.generator.parameters()), 1 - keep)
        return loss_d, loss_g

    def result(self) -> ImageGAN:
        """A copy of the model as it is now, with the mean in G's place."""
        model = copy.deepcopy(self.model)
        model.generator = copy.deepcopy(self.mean)
        return model.eval()

    def _descend(self, optimizer: torch.optim.Optimizer, loss: Tensor, name: str) -> Tensor:
        if not loss.isfinite():
            raise ValueError(f"{name} is {loss.item()} in step {self.step}; use a smaller rate, or look for NaN in the pictures")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach()


def slowing(share: float, start: float) -> float:
    """What the rate is multiplied by when so much of the run is over: 1 until `start`, then down to 0.1 on half a cosine."""
    return 1.0 if share <= start else 0.55 + 0.45 * math.cos(math.pi * (share - start) / (1 - start))


@dataclass(frozen=True)
class Played:
    """What came of a game.

    Args:
        model: words and the mean of G, ready to draw.  judge: as it ended.
        moments: the model as it was at each step that was watched.
        losses: (steps, 2): L_D and L_G.
    """

    model: ImageGAN
    judge: Discriminator
    moments: dict[int, ImageGAN]
    losses: Tensor


def play(
    stills: Stills,
    rules: Rules,
    config: ImageGANConfig | None = None,
    *,
    start: Played | None = None,
    tokenizer: Tokenizer | None = None,
    watch: Sequence[int] = (),
) -> Played:
    """Play for pictures and captions, from random weights or on from where another game ended.

    Args:
        stills: what to learn; fewer than a batch is fine, they are drawn with repetition.  rules: how.
        config: sizes of a new model.  tokenizer: of a new model, for captions that come later; of these captions if left out.
        start: a game whose model and judge are copied and trained on; its words have to be the captions'.
        watch: steps before which the model is copied.
    Raises:
        ValueError: a loss that is no finite number; a word that the model to start from has never seen.
    """
    torch.manual_seed(rules.seed)
    draw = torch.Generator().manual_seed(rules.seed + 1)
    if start is None:
        model = ImageGAN(config or ImageGANConfig(), tokenizer or Tokenizer.fit(stills.captions))
        game = Game(model, rules)
    else:
        game = Game(copy.deepcopy(start.model).train(), rules, copy.deepcopy(start.judge))
    strange = {word for caption in stills.captions for word in game.model.tokenizer.unknown(caption)}
    if strange:
        raise ValueError(f"the model's vocabulary lacks {len(strange)} word(s) of the captions: {', '.join(sorted(strange)[:5])}")
    ids, mask = game.model.tokenizer.encode(stills.captions)
    moments, losses = {}, []
    for step in range(rules.steps):
        if step in watch:
            moments[step] = game.result()
        rows = torch.randint(len(stills), (rules.batch,), generator=draw)
        losses.append(torch.stack(game.round(to_pictures(stills, rows), ids[rows], mask[rows], draw)))
    return Played(game.result(), game.judge, moments, torch.stack(losses))
