"""Chapter 15 · the game of the music GAN, against tunes by rule; and its scores.

    python -m t2v_edu.training.music --out data/music
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from t2v_edu.evaluation.music import nearest, read_mood, read_tempo, variety
from t2v_edu.film.tunes import compose
from t2v_edu.losses.adversarial import GAMES
from t2v_edu.losses.penalties import r1_penalty
from t2v_edu.models.image_gan import matching_aware_d
from t2v_edu.models.music_gan import MOODS, TEMPOS, MusicGAN, MusicGANConfig, MusicJudge, codes
from t2v_edu.training.image_gan import slowing
from t2v_edu.weights import write_text

KINDS = [(mood, tempo) for mood in MOODS for tempo in TEMPOS]


@dataclass(frozen=True, eq=False)
class Tunes:
    """Rolls (N, 36, 48) uint8, N moods, N tempos."""

    rolls: NDArray[np.uint8]
    moods: list[str]
    tempos: list[str]

    def __len__(self) -> int:
        return len(self.moods)


def tunes(count: int, seed: int) -> Tunes:
    """So many phrases by rule, each kind as often as the others.

    Raises:
        ValueError: fewer than one.
    """
    if count < 1:
        raise ValueError(f"count {count}: use 1 or more")
    rng = np.random.default_rng(seed)
    kinds = [KINDS[i % len(KINDS)] for i in range(count)]
    rolls = np.stack([compose(mood, tempo, rng) for mood, tempo in kinds])
    return Tunes(rolls, [mood for mood, _ in kinds], [tempo for _, tempo in kinds])


@dataclass(frozen=True)
class MusicRules:
    """How the game is played.

    Args:
        game: a name in `losses.adversarial.GAMES`.
        steps: rounds, one update of each player in each.  batch: rolls of each kind.
        lr: Adam's rate for both; from the share `slow` of the steps on it falls to a tenth.
        gamma: weight of R1; it is asked for in every `every`-th round, that much heavier.
        keep: of the running mean of G's weights, per step.  seed: what weights, order and noise are drawn from.
    Raises:
        ValueError: an unknown game, no step, or fewer than two rolls: a wrong mood is a neighbour's.
    """

    game: str = "non_saturating"
    steps: int = 600
    batch: int = 32
    lr: float = 2e-3
    slow: float = 0.5
    gamma: float = 1.0
    every: int = 4
    keep: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        if self.game not in GAMES:
            raise ValueError(f"game {self.game!r}: choose one of {', '.join(GAMES)}")
        if self.steps < 1 or self.batch < 2:
            raise ValueError(f"steps {self.steps}, batch {self.batch}: use at least 1 step, and 2 rolls")


@dataclass(frozen=True)
class MusicPlayed:
    """What came of a game: the model with the mean of G's weights, its judge, the model at watched steps, losses (steps, 2)."""

    model: MusicGAN
    judge: MusicJudge
    moments: dict[int, MusicGAN]
    losses: Tensor


def play(data: Tunes, rules: MusicRules, config: MusicGANConfig | None = None, *, watch: Sequence[int] = ()) -> MusicPlayed:
    """Play for the tunes, from random weights.

    Raises:
        ValueError: a loss that is no finite number.
    """
    torch.manual_seed(rules.seed)
    draw = torch.Generator().manual_seed(rules.seed + 1)
    model = MusicGAN(config)
    judge, mean = MusicJudge(model.config), copy.deepcopy(model)
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), rules.lr, betas=(0.5, 0.99), fused=True) for net in (model, judge))
    rolls, asked = torch.from_numpy(data.rolls).float(), codes(data.moods, data.tempos)
    moments, losses = {}, []
    for step in range(rules.steps):
        if step in watch:
            moments[step] = copy.deepcopy(mean).eval()
        for optimizer in (opt_g, opt_d):
            optimizer.param_groups[0]["lr"] = rules.lr * slowing(step / rules.steps, rules.slow)
        rows = torch.randint(len(data), (rules.batch,), generator=draw)
        noise = torch.randn(2, rules.batch, model.config.noise, generator=draw)
        gamma = rules.gamma * rules.every if step % rules.every == 0 else 0.0
        made = model.generator(noise[0], asked[rows]).detach()
        loss_d = update_d(judge, opt_d, rolls[rows], asked[rows], made, rules.game, gamma)
        loss_g = update_g(model, judge, opt_g, noise[1], asked[rows], rules.game)
        if not (loss_d + loss_g).isfinite():
            raise ValueError(f"losses {loss_d.item()} and {loss_g.item()} in step {step}; use a smaller rate")
        losses.append(torch.stack([loss_d, loss_g]))
        keep = min(rules.keep, (step + 1) / (step + 11))  # a short memory at first
        with torch.no_grad():
            torch._foreach_lerp_(list(mean.parameters()), list(model.parameters()), 1 - keep)
    return MusicPlayed(mean.eval(), judge, moments, torch.stack(losses))


def update_d(
    judge: MusicJudge, optimizer: torch.optim.Optimizer, real: Tensor, code: Tensor, made: Tensor, game: str, gamma: float
) -> Tensor:
    """Real rolls up, made ones and wrong moods and tempos down, R1 where gamma is not 0; → L_D. `made` carries no graph of G."""
    real = real.requires_grad_(gamma > 0)
    heard = judge.look(real)
    right = judge.score(heard, code)
    loss = matching_aware_d(game, right, judge(made, code), judge.score(heard, others(code)))
    total = loss + gamma * r1_penalty(right, real) if gamma else loss
    optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def update_g(
    model: MusicGAN, judge: MusicJudge, optimizer: torch.optim.Optimizer, noise: Tensor, code: Tensor, game: str
) -> Tensor:
    """What G makes of noise (B, Z) and codes (B, 4), up; → L_G. The judge stays as it is."""
    judge.requires_grad_(False)
    loss = GAMES[game][1](judge(model.generator(noise, code), code))
    judge.requires_grad_(True)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def others(code: Tensor) -> Tensor:
    """Each code (B, 4) with its mood, its tempo, or both turned into the other one, a third of the rows each way."""
    which = torch.arange(len(code), device=code.device) % 3
    mood, tempo = code[:, [1, 0]], code[:, [3, 2]]
    changed = torch.stack([torch.cat([mood, code[:, 2:]], 1), torch.cat([code[:, :2], tempo], 1), torch.cat([mood, tempo], 1)])
    return changed[which, torch.arange(len(code))]


def scores(rolls: NDArray[np.uint8], moods: Sequence[str], tempos: Sequence[str]) -> dict[str, float]:
    """Shares whose mood and tempo are read as asked; a roll in which nothing can be read counts as wrong. And notes a phrase."""
    heard = [(_read(read_mood, roll), _read(read_tempo, roll)) for roll in rolls]
    mood = [m == asked for (m, _), asked in zip(heard, moods, strict=True)]
    tempo = [t == asked for (_, t), asked in zip(heard, tempos, strict=True)]
    both = [m and t for m, t in zip(mood, tempo, strict=True)]
    return {"mood": float(np.mean(mood)), "tempo": float(np.mean(tempo)), "both": float(np.mean(both)),
            "notes": float(rolls.sum((1, 2)).mean())}


def _read(reader: object, roll: NDArray[np.uint8]) -> str:
    assert callable(reader)
    try:
        return str(reader(roll))
    except ValueError:  # nothing, or everything at once: no key and no beat
        return ""


def report(model: MusicGAN, data: Tunes, *, count: int = 1000) -> dict[str, dict[str, float]]:
    """What the model makes, asked for each kind as often, beside new tunes by rule; and as if the opposite had been asked."""
    kinds = [KINDS[i % len(KINDS)] for i in range(count)]
    moods, tempos = [mood for mood, _ in kinds], [tempo for _, tempo in kinds]
    made = model.generate(moods, tempos, torch.Generator().manual_seed(0))
    fresh = tunes(count, seed=999).rolls
    table = {"made": scores(made, moods, tempos), "rule": scores(fresh, moods, tempos)}
    opposite = [MOODS[mood == MOODS[0]] for mood in moods], [TEMPOS[tempo == TEMPOS[0]] for tempo in tempos]
    table["made, held against the opposite"] = scores(made, *opposite)
    for name, rolls in (("made", made), ("rule", fresh)):
        table[name]["variety"] = float(np.mean([variety(rolls[i :: len(KINDS)]) for i in range(len(KINDS))]))
        table[name]["nearest of the training tunes"] = float(nearest(rolls, data.rolls).mean())
    return {name: {key: round(value, 3) for key, value in row.items()} for name, row in table.items()}


def main(out: str, steps: int) -> None:
    """Train what ships, and write it with its report."""
    data = tunes(4000, seed=15)
    model = play(data, MusicRules(steps=steps)).model
    model.save_pretrained(out)
    table = report(MusicGAN.from_pretrained(out), data)
    write_text(json.dumps(table, indent=1) + "\n", Path(out) / "report.json")
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=800)
    args = parser.parse_args()
    main(args.out, args.steps)
