"""Chapter 18 · what a run is: every choice that changes its numbers, validated before the first step."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any


def at_least_one(plan: object, *names: str) -> None:
    """Refuse a run's numbers below 1.

    Raises:
        ValueError: the first of them, by its name.
    """
    for name in names:
        if getattr(plan, name) < 1:
            raise ValueError(f"{name} {getattr(plan, name)}: use 1 or more")


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Args:
        world: a named world to train on; or `data`: a folder of clips or of shards.
        size: "toy", "small" or "base".
        steps, batch: updates of the generator; clips per update and process, a multiple of 4.
        lr, critic_lr: learning rates of generator and discriminator; the first decays to a twentieth.
        game: the adversarial losses, "hinge" or "non_saturating".
        adversary: weight of the generator's adversarial loss.  critic_start: the step from which it counts.
        reconstruction: weight of the squared error of clips rebuilt from their own noise; 0 trains by the game alone.
        where: weight of the squared distance between the centres (and spreads) of a clip and its rebuilt self.
        opening: factor on the first frame's error; that frame shows upright what later frames turn.
        turn_start: the step from which cut-outs may turn; before there are forms, turning only smears them into discs.
        turn_all: the step from which all frames say how fast; before it the first few do, where no turn can be mistaken.
        turning: weight of the squared rate at which they turn, so that nothing turns without a reason.
        kl: weight of KL(q(z | video, caption) ‖ p(z | caption)) beside it: pairs of a step and the weight from that step on.
            Cheap noise lets the model learn to see; dear noise then leaves to the caption what the caption says.
        r1, r1_every: weight γ of the gradient penalty, and how often it is taken.
        ema: decay of the averaged weights, which are what is saved.
        warm_up: steps in which the text encoder alone learns to tell captions apart (worlds only).
        evaluate_every, save_every: steps between sample films and between checkpoints.
        keep: how many checkpoints stay.
        seed: everything random follows from it.
    """

    world: str | None = "shapes"
    data: str | None = None
    size: str = "small"
    steps: int = 9500
    batch: int = 16
    lr: float = 1e-3
    critic_lr: float = 4e-4
    game: str = "hinge"
    adversary: float = 0.1
    critic_start: int = 8000
    reconstruction: float = 50.0
    where: float = 30.0
    opening: float = 2.0
    turn_start: int = 1500
    turn_all: int = 9500
    turning: float = 0.01
    kl: tuple[tuple[int, float], ...] = ((0, 1e-3), (2000, 5e-3), (5000, 1e-2))
    r1: float = 0.01
    r1_every: int = 8
    ema: float = 0.998
    warm_up: int = 300
    evaluate_every: int = 500
    save_every: int = 500
    keep: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.world is None) == (self.data is None):
            raise ValueError(f"train on a world or on a data folder, one of the two: world={self.world!r}, data={self.data!r}")
        if self.size not in ("toy", "small", "base"):
            raise ValueError(f"size {self.size!r}: choose toy, small or base")
        if self.game not in ("hinge", "non_saturating"):
            raise ValueError(f"game {self.game!r}: choose hinge or non_saturating")
        if self.batch < 4 or self.batch % 4:
            raise ValueError(f"batch {self.batch}: use a multiple of 4")
        at_least_one(self, "steps", "r1_every", "evaluate_every", "save_every", "keep")
        for name in (
            "lr",
            "critic_lr",
            "adversary",
            "reconstruction",
            "where",
            "opening",
            "turn_start",
            "turn_all",
            "turning",
            "r1",
            "warm_up",
            "seed",
            "critic_start",
        ):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} {getattr(self, name)} is negative or not finite; use 0 or more")
        if not self.kl or self.kl[0][0] != 0 or any(weight < 0 for _, weight in self.kl):
            raise ValueError(f"kl {self.kl}: give pairs (step, weight ≥ 0), the first for step 0")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema {self.ema}: use 0 (no averaging) up to, not including, 1")

    def kl_at(self, step: int) -> float:
        """The weight of the KL term in a step."""
        return next(weight for start, weight in reversed(self.kl) if step >= start)

    def save(self, path: Path) -> None:
        """Write the configuration as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        """Read a configuration; fields that it does not have keep their defaults."""
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = {f.name: stored[f.name] for f in fields(cls) if f.name in stored}
        if "kl" in known:
            known["kl"] = tuple((int(step), float(weight)) for step, weight in known["kl"])
        return cls(**known)
