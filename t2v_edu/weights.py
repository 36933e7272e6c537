"""Weights in and out of safetensors files, with errors that say what is wrong; no pickle anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from t2v_edu.paths import DATA

T = TypeVar("T")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file.

    Raises:
        ValueError: the file is missing, truncated, or no safetensors file.
    """
    if not path.is_file():
        raise ValueError(f"there is no weight file {path}; give a folder that `save_pretrained` or `t2v-edu train` wrote")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is truncated or not a safetensors file ({error}); copy or train it again") from error


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill a module from a safetensors file.

    Raises:
        ValueError: as `read_tensors`, or tensors whose names or shapes are not the module's; the first few are named.
    """
    tensors, own = read_tensors(path), module.state_dict()
    wrong = [k for k in own if k not in tensors or tensors[k].shape != own[k].shape] + [k for k in tensors if k not in own]
    if wrong:
        k = wrong[0]
        have, want = (tuple(d[k].shape) if k in d else None for d in (tensors, own))
        raise ValueError(
            f"{path} holds another model: {len(wrong)} tensors differ, {k!r} is {have} in the file and {want} in the model"
        )
    module.load_state_dict(tensors)


def write_weights(module: nn.Module, path: Path, *, half: bool = False) -> None:
    """Write a module's tensors as safetensors, under a temporary name first, so that no half file bears the name.

    Args:
        half: as float16, for half the bytes; `load_weights` widens them again.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in module.state_dict().items()}
    if half:
        tensors = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    with _renamed_to(path) as temporary:
        write_tensors(tensors, temporary)


def write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a safetensors file.

    Raises:
        OSError: it could not be written, for example because the disk is full.
    """
    try:
        save_file(tensors, path)
    except SafetensorError as error:  # its own word for what everybody else calls OSError
        raise OSError(f"{path} could not be written ({error}); is the disk full?") from error


def write_text(text: str, path: Path) -> None:
    """Write a UTF-8 file in the same way."""
    with _renamed_to(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_model(module: nn.Module, path: str | Path, kind: str, *, half: bool = False, **card: Any) -> None:
    """Write a model into a folder: its weights (see `write_weights`), and `config.json` with what else builds it again.

    The folder is made if it is missing. The weights come first: a folder with a `config.json` is whole.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(module, folder / "model.safetensors", half=half)
    write_text(json.dumps({"kind": kind, **card}, ensure_ascii=False, indent=1) + "\n", folder / "config.json")


def model_folder(path_or_name: str | Path) -> Path:
    """A model's folder as given, or that of a shipped model by its name.

    Raises:
        ValueError: neither is there; the shipped ones are named.
    """
    folder = Path(path_or_name) if Path(path_or_name).is_dir() else DATA / "models" / str(path_or_name)
    if not (folder / "config.json").is_file():
        shipped = ", ".join(sorted(p.name for p in (DATA / "models").glob("*") if p.is_dir()))
        raise ValueError(f"there is no model {str(path_or_name)!r}; shipped are: {shipped}; or give a folder with a config.json")
    return folder


class Card(dict[str, Any]):
    """What `save_model` wrote into a `config.json`; an entry that is not there is an error that names it."""

    def __init__(self, file: Path, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self.file = file

    def __missing__(self, name: str) -> Any:
        raise ValueError(f"{self.file} has no {name!r}; copy or train the model again")

    def config(self, made_of: type[T]) -> T:
        """The entry "config" as the dataclass that it was, tuples again where JSON has lists.

        Raises:
            ValueError: it has other fields than the dataclass.
        """
        given = self["config"]
        wanted = {f.name for f in fields(made_of)}  # type: ignore[arg-type]
        if not isinstance(given, dict) or set(given) != wanted:
            odd = ", ".join(sorted(set(given) ^ wanted)) if isinstance(given, dict) else repr(given)
            raise ValueError(f"{self.file} is not the card of a {made_of.__name__} ({odd}); copy or train the model again")
        return made_of(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def read_card(path: str | Path, kind: str) -> Card:
    """What `save_model` wrote into `config.json`.

    Raises:
        ValueError: no such folder, no card in it, one that is no JSON object, or a model of another kind.
    """
    file = Path(path) / "config.json"
    if not file.is_file():
        raise ValueError(f"there is no model in {str(path)!r}; give a folder that `save_pretrained` wrote")
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} is no JSON ({error}); copy or train the model again") from error
    if not isinstance(card, dict) or card.get("kind") != kind:
        found = card.get("kind") if isinstance(card, dict) else None
        raise ValueError(f"{str(path)!r} holds a model of kind {found!r}, not {kind!r}; choose another folder")
    return Card(file, card)


@contextmanager
def _renamed_to(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
