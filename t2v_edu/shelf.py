"""Which trained models are there, what each of them can draw, and which one a scene is for. Loads no model and no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2v_edu.paths import DATA
from t2v_edu.world.captions import CaptionError, say
from t2v_edu.world.lexicon import Language, name_of
from t2v_edu.world.scene import CAST, PLAIN_PLACES, WORLDS, Scene, actor, unmarked_place, worlds_of

MODELS = DATA / "models"


@dataclass(frozen=True)
class ModelCard:
    """What a model folder says about itself.

    Attributes:
        name: of the folder.
        path: the folder, with `config.json` and the weights.
        worlds: names of the worlds it was trained for; none if it was trained on a folder of clips.
        config: the contents of `config.json`.
        reports: world → what `t2v-edu evaluate` measured there: the contents of `report.json`, and of `report_WORLD.json` for
            further worlds; {} where it was not evaluated yet.
    """

    name: str
    path: Path
    worlds: tuple[str, ...]
    config: dict[str, Any]
    reports: dict[str, dict[str, Any]]

    @property
    def scores(self) -> dict[str, float]:
        """World → share of clips with every attribute as asked, on held-out combinations, where it was evaluated."""
        shares = {world: _shares(report).get("held_out") for world, report in self.reports.items()}
        return {world: share for world, share in shares.items() if share is not None}

    def score_for(self, scene: Scene) -> float:
        """Its mean score over all splits of the narrowest world that both know; 0 if that was not evaluated.

        Whoever writes a caption may ask for anything, so each way of asking that was measured counts.
        """
        shares = next((found for world in worlds_of(scene) if (found := _shares(self.reports.get(world, {})))), {})
        return sum(shares.values()) / max(1, len(shares))

    @property
    def film(self) -> str:
        """Frames × height × width of its films."""
        size = _search(self.config, "size")
        return f"{_search(self.config, 'frames')}×{size}×{size}"

    @property
    def weight(self) -> str:
        """Megabytes of its weights."""
        return f"{sum(p.stat().st_size for p in self.path.glob('*.safetensors')) / 1e6:.1f} MB"

    def knows(self, scene: Scene) -> bool:
        """Whether it was trained for scenes like this one."""
        return any(WORLDS[world].knows(scene) for world in self.worlds if world in WORLDS)


def _shares(report: dict[str, Any]) -> dict[str, float]:
    """Split → share of its clips with every attribute as asked."""
    shares = {name: split.get("all", {}).get("share") for name, split in report.get("splits", {}).items()}
    return {name: float(share) for name, share in shares.items() if isinstance(share, int | float)}


def _search(config: dict[str, Any], key: str) -> object:
    """A setting, wherever in the nested settings it stands; "?" if nowhere."""
    if key in config and not isinstance(config[key], dict):
        return config[key]
    return next((found for part in config.values() if isinstance(part, dict) and (found := _search(part, key)) != "?"), "?")


class NoModelError(ValueError):
    """No model can draw what the caption asks for; the message, in the caption's language, says which words and what would do."""


def read_card(path: Path) -> ModelCard:
    """The card of a model folder, or of the folder of a run, whose model lies in `model`.

    Raises:
        ValueError: no folder, no `config.json` in it, or one that is no JSON object.
    """
    folder = path / "model" if (path / "model" / "config.json").is_file() else path
    file = folder / "config.json"
    if not path.exists():
        raise ValueError(f"there is no model {str(path)!r}; {_choices()}")
    if not file.is_file():
        raise ValueError(f"{str(path)!r} is not a model folder: it holds no config.json; {_choices()}")
    config = _read_json(file)
    found = [_read_json(file) for file in sorted(folder.glob("report*.json"))]
    worlds = config.get("worlds", [])
    if not isinstance(worlds, list) or not all(isinstance(world, str) for world in worlds):
        raise ValueError(f"{str(file)!r} says worlds {worlds!r}; it should be a list of names such as [\"shapes\"]")
    return ModelCard(path.resolve().name, folder, tuple(worlds), config,
                     {str(report.get("world", *worlds[:1])): report for report in found})


def _read_json(file: Path) -> dict[str, Any]:
    try:
        contents = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{str(file)!r} is no JSON ({error}); the folder is damaged, copy or train the model again") from error
    if not isinstance(contents, dict):
        raise ValueError(f"{str(file)!r} holds no JSON object; the folder is damaged, copy or train the model again")
    return contents


def cards(folder: Path | None = None) -> list[ModelCard]:
    """All models of a folder of model folders or runs (by default those that ship), the best mean score first."""
    folder = MODELS if folder is None else folder
    files = sorted([*folder.glob("*/config.json"), *folder.glob("*/model/config.json")])
    found = [read_card(folder / file.relative_to(folder).parts[0]) for file in files]
    return sorted(found, key=lambda card: (-sum(card.scores.values()) / max(1, len(card.scores)), card.name))


def find(model: str | Path) -> ModelCard:
    """The model of a name that ships, or of a folder.

    Raises:
        ValueError: neither; the message names those that are there.
    """
    by_name = MODELS / str(model)
    if Path(model).name == str(model) and (by_name / "config.json").is_file():
        return read_card(by_name)
    path = Path(model)
    if path.is_file():
        raise ValueError(f"{str(model)!r} is a file; give the folder that it lies in")
    return read_card(path)


def choose_model(scene: Scene, lang: Language = "en") -> ModelCard:
    """The best model that ships among those whose world knows the scene.

    Raises:
        NoModelError: none does.
    """
    shelf = cards()
    known = [card for card in shelf if card.knows(scene)]
    if not known:
        raise NoModelError(_explain(scene, shelf, lang))
    return max(known, key=lambda card: card.score_for(scene))


def check_knows(card: ModelCard, scene: Scene, lang: Language = "en") -> None:
    """Refuse a scene that a model was not trained for.

    Raises:
        NoModelError: the model has worlds, and the scene is in none of them.
    """
    if card.worlds and not card.knows(scene):
        raise NoModelError(_explain(scene, [card], lang))


# --- What to say --------------------------------------------------------------------------------------------------------

_REMEDY = {
    "en": 'train {one}: t2v-edu train --world {world}, or draw the caption by rules: t2v-edu draw "…"',
    "zh": "可以训练一个：t2v-edu train --world {world}，或者按规则画出来：t2v-edu draw “……”",
}
_NONE = {"en": "there is no trained model here yet; ", "zh": "这里还没有训练好的模型；"}
_STRANGE = {
    "en": 'no model here can draw: {words}; what it could draw is, for example, "{example}"; ',
    "zh": "这里的模型都画不出：{words}；可以画的例如“{example}”；",
}
_PAIR = {"en": "two actors at once", "zh": "两个角色"}
_LONE = {"en": "an actor alone", "zh": "单独一个角色"}


def _explain(scene: Scene, shelf: list[ModelCard], lang: Language) -> str:
    worlds = [name for card in shelf for name in card.worlds if name in WORLDS]
    names = worlds_of(scene)
    world = names[0] if names else "all"
    remedy = _REMEDY[lang].format(world=world, one="one" if not worlds else "one that can")
    if not worlds:
        return _NONE[lang] + remedy
    joint = ", " if lang == "en" else "、"
    words = joint.join(dict.fromkeys(_strange_words(scene, worlds, lang)))
    return _STRANGE[lang].format(words=words, example=_example(worlds[0], lang)) + remedy


def _strange_words(scene: Scene, worlds: list[str], lang: Language) -> list[str]:
    """The words of a scene that stand in the way, seen from the world that lacks the fewest of them."""
    kinds = [name_of(lang, "kind", a.kind) for a in scene.actors]
    place = name_of(lang, "place", scene.place)
    number = _PAIR[lang] if len(kinds) == 2 else _LONE[lang]

    def lacking(name: str) -> list[str]:
        world = WORLDS[name]
        strange = [word for word, a in zip(kinds, scene.actors, strict=True) if a.kind not in world.kinds]
        strange += [place] * (scene.place not in world.places) + [number] * (len(kinds) not in world.actors)
        return strange or [f"{kinds[0]} + {place}"]  # each of them it knows, but not together

    return min(map(lacking, worlds), key=len)


def _example(world: str, lang: Language) -> str:
    kinds = WORLDS[world].kinds
    first = actor(kinds[0])
    if 1 in WORLDS[world].actors:
        return say(Scene((first,), unmarked_place(first)), lang)
    second = actor(kinds[1], color=CAST[kinds[1]].colors[1])
    return say(Scene((first, second), PLAIN_PLACES[0], "left_of"), lang)


def _choices() -> str:
    names = ", ".join(card.name for card in cards())
    return f"these are here: {names}" if names else "none ships yet; t2v-edu train makes one"


__all__ = ["CaptionError", "ModelCard", "NoModelError", "cards", "check_knows", "choose_model", "find", "read_card"]
