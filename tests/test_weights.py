"""A model's folder: what is written is read back, and what is broken is named."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

import pytest
import torch
from torch import nn

from t2v_edu.weights import load_weights, read_card, save_model


def test_a_model_comes_back_with_its_card_and_its_numbers(tmp_path):
    torch.manual_seed(0)
    one, two = nn.Linear(3, 2), nn.Linear(3, 2)
    save_model(one, tmp_path / "new" / "folder", "line", config={"n": 3}, words=["红", "red"])
    card = read_card(tmp_path / "new" / "folder", "line")
    assert card == {"kind": "line", "config": {"n": 3}, "words": ["红", "red"]}
    load_weights(two, tmp_path / "new" / "folder" / "model.safetensors")
    assert torch.equal(one.weight, two.weight) and torch.equal(one.bias, two.bias)
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("text, message", [
    (None, "there is no model in .*save_pretrained"),
    ("{", "is no JSON"),
    ("[1]", "kind None, not 'line'"),
    (json.dumps({"kind": "circle"}), "kind 'circle', not 'line'"),
])  # fmt: skip
def test_a_card_that_cannot_be_used(tmp_path, text, message):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_card(tmp_path, "line")


@dataclass(frozen=True)
class Line:
    n: int = 1
    ends: tuple[int, ...] = (0, 1)


def test_a_config_is_the_dataclass_again_or_its_odd_field_is_named(tmp_path):
    save_model(nn.Linear(3, 2), tmp_path, "line", config=asdict(Line(5, (2, 3))))
    card = read_card(tmp_path, "line")
    assert card.config(Line) == Line(5, (2, 3))
    with pytest.raises(ValueError, match=r"config.json has no 'words'; copy or train"):
        card["words"]
    for config, odd in (({"n": 5}, "ends"), ({"n": 5, "ends": [1], "m": 2}, "m"), ([1], r"\[1\]")):
        save_model(nn.Linear(3, 2), tmp_path, "line", config=config)
        with pytest.raises(ValueError, match=rf"not the card of a Line \({odd}\)"):
            read_card(tmp_path, "line").config(Line)


@pytest.mark.parametrize("damage, message", [
    (lambda file: file.unlink(), "there is no weight file"),
    (lambda file: file.write_bytes(file.read_bytes()[:-5]), "truncated or not a safetensors file"),
    (lambda file: file.write_bytes(b"\x80\x04N."), "truncated or not a safetensors file"),
])  # fmt: skip
def test_weights_that_cannot_be_used(tmp_path, damage, message):
    save_model(nn.Linear(3, 2), tmp_path, "line")
    damage(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=message):
        load_weights(nn.Linear(3, 2), tmp_path / "model.safetensors")


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files is set as POSIX has it")
def test_a_disk_that_is_full_is_said_in_a_few_words(tmp_path):
    """The library's own error for it is no OSError; a child process with a limit on the size of files meets the real one."""
    child = ("import resource, signal, sys, torch; from pathlib import Path; from t2v_edu.weights import write_tensors\n"
             "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
             "try: write_tensors({'x': torch.zeros(1000)}, Path(sys.argv[1]))\n"
             "except OSError as error: print(error)")
    command = [sys.executable, "-c", child, str(tmp_path / "x.safetensors")]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "could not be written" in said.stdout and "disk full" in said.stdout


def test_weights_of_another_size(tmp_path):
    save_model(nn.Linear(3, 2), tmp_path, "line")
    with pytest.raises(ValueError, match=r"'weight' is \(2, 3\) in the file and \(2, 4\) in the model"):
        load_weights(nn.Linear(4, 2), tmp_path / "model.safetensors")
