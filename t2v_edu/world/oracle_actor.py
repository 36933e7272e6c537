"""Chapter 01 · reading a clip: one actor in its cell, from the film's difference to the place."""

from __future__ import annotations

from dataclasses import dataclass

from t2v_edu.world.motion import RADIUS
from t2v_edu.world.oracle_ground import Cell, Choice, Pixels, coverage, find_color
from t2v_edu.world.oracle_look import LookFit, align, fit_still, fit_turn, follow_actor
from t2v_edu.world.oracle_path import PathFit, Track
from t2v_edu.world.oracle_story import read_puppet
from t2v_edu.world.scene import CAST, PAINTS, STORY

ATTRIBUTES = ("kind", "color", "size", "action", "direction", "speed")
EXACT = 0.06  # an actor that leaves no more than this unexplained is what it looks like


@dataclass(frozen=True)
class ActorReading:
    """One actor: its six attributes, the share of its look that stays unexplained (1 where there is none), and how far it
    comes closer to its cell's edge than an actor of its size and action can, as a share of the cell's side."""

    choices: dict[str, Choice]
    residual: float
    oversteps: float = 0.0


NOBODY = ActorReading({name: Choice(None, 0.0) for name in ATTRIBUTES}, 1.0)


def read_actor(difference: Pixels, picture: Pixels, cell: Cell, kinds: tuple[str, ...]) -> ActorReading:
    """Read one actor, as whatever it resembles most. Arguments as for `read_outline`, any kinds."""
    plain = tuple(k for k in kinds if k not in STORY)
    found = read_outline(difference, picture, cell, plain) if plain else NOBODY
    if len(plain) < len(kinds) and found.residual > EXACT:
        puppet = read_puppet(difference, picture, cell, kinds)
        if puppet is not None and puppet.residual < found.residual:
            found = ActorReading(puppet.choices, puppet.residual)
    return found


def read_outline(difference: Pixels, picture: Pixels, cell: Cell, plain: tuple[str, ...]) -> ActorReading:
    """Read a shape or a digit.

    Args:
        difference: (T, H, W, 3) levels above the place, of a part of the frame that holds the cell.
        picture: (H, W, 3) the place there.
        cell: where the actor lives, in pixels of that part.
        plain: the kinds it may be.
    """
    color, seen_color = find_color(difference, picture, PAINTS)
    if color.name is None:
        return NOBODY
    share = coverage(difference, picture, seen_color)
    spinner = next((k for k in plain if "spins" in CAST[k].actions), plain[0])
    found = follow_actor(share, cell, (spinner,))
    if found is None:
        return NOBODY
    share, seen, (path,) = found
    looks = align(share, seen, path.scale, cell)
    look = (fit_turn if path.best[0] == "spins" else fit_still)(looks, plain, cell)
    return ActorReading({"color": color, **_attributes(path, look)}, look.residual, _oversteps(seen, path, look))


def _oversteps(seen: Track, path: PathFit, look: LookFit) -> float:
    """`motion.poses` keeps a margin to the edge; a fifth of it is left to centroids that are not the outline's origin."""
    margin = 0.8 * RADIUS[look.best[1]] * max(float(path.scale.max()), 1.2 if path.best[0] == "spins" else 1.0)
    nearest = min(float(v) for at in (seen.x, seen.y) for v in (at.min(), 1.0 - at.max()))
    return max(0.0, margin - nearest)


def _attributes(path: PathFit, look: LookFit) -> dict[str, Choice]:
    spins = path.best[0] == "spins"
    direction, speed = (look.direction, look.speed) if spins else (path.direction, path.speed)
    if path.action.name is None or (spins and look.residual > 1.0):
        direction, speed = Choice(None, direction.confidence), Choice(None, speed.confidence)
    return {"kind": look.kind, "size": look.size, "action": path.action, "direction": direction, "speed": speed}
