"""Feature nets: what each kind can and cannot see, counts of weights, saving and loading, and the encoder that ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.datasets import WorldStream
from t2v_edu.video import to_tensor
from t2v_edu.vision.convolution import receptive_field, seen_pixels
from t2v_edu.vision.features import (
    KINDS,
    SHIPPED,
    FeatureConfig,
    FeatureNet,
    ResidualBlock,
    convolution,
    doing,
    doings,
    features_of,
    middle_channels,
)
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render
from t2v_edu.world.scene import sample_scene


def net(kind: str, width: int = 4) -> FeatureNet:
    """A net with random weights and random statistics of its norms."""
    torch.manual_seed(0)
    made = FeatureNet(FeatureConfig(kind, width))
    for module in made.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return made.eval()


def video(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3)) * 2 - 1


def kernels(module: nn.Module) -> int:
    """Weights of the convolutions that differ between kinds."""
    blocks = module.blocks if isinstance(module, FeatureNet) else [module]
    convolutions = [m for b in blocks for part in (b.first, b.second) for m in part.modules() if isinstance(m, nn.Conv3d)]
    return sum(m.weight.numel() for m in convolutions)


@pytest.mark.parametrize("kind", KINDS)
def test_one_interface(kind: str) -> None:
    model = net(kind)
    x = video(2, 3, 8, 16, 24)
    assert model.features(x).shape == (2, model.width) == (2, 16)
    assert model(x).shape == (2, len(doings()))
    torch.testing.assert_close(model(x), model.features(x) @ model.head.weight.T + model.head.bias)
    sizes = [tuple(m.shape[2:]) for m in model.maps(x)]
    late = [(8, 8, 12), (8, 8, 12), (4, 4, 6), (2, 2, 3)]
    assert sizes == ([(8, *size[1:]) for size in late] if kind == "frames" else late)
    torch.testing.assert_close(features_of(model, x.repeat(3, 1, 1, 1, 1), batch=4), model.features(x).repeat(3, 1).detach())


def test_labels_are_what_actors_do() -> None:
    assert len(doings()) == 21
    assert doings(("moves", "grows")) == ("moves right", "moves left", "moves up", "moves down", "grows")
    assert doing(parse("a small red star spins counterclockwise")) == "spins counterclockwise"
    assert doing(parse("一只猫在窗户旁边")) == "sits"
    rng = np.random.default_rng(0)
    met = {doing(sample_scene(world, rng)) for world in ("shapes", "digits", "story") for _ in range(300)}
    assert met == set(doings())


@pytest.mark.parametrize(("channels", "middle"), [((64, 64), 144), ((64, 128), 230), ((16, 16), 36)])
def test_the_middle_width_is_the_papers(channels: tuple[int, int], middle: int) -> None:
    """64 → 64 has 144 in the table of Tran et al.'s own code; the others by the formula, by hand."""
    assert middle_channels(*channels) == middle


def test_factorised_nets_have_the_weights_of_whole_ones() -> None:
    whole, parts, frames = (kernels(net(kind, 16)) for kind in ("3d", "2+1d", "frames"))
    assert 0.97 * whole < parts <= whole
    assert 3 * frames == whole


def test_a_separable_kernel_is_its_two_halves() -> None:
    space, time = torch.randn(3, 3), torch.randn(3)
    x = video(1, 1, 6, 7, 8)
    whole = F.conv3d(x, (time[:, None, None] * space)[None, None], padding=1)
    halves = F.conv3d(F.conv3d(x, space[None, None, None], padding=(0, 1, 1)), time.view(1, 1, 3, 1, 1), padding=(1, 0, 0))
    torch.testing.assert_close(whole, halves, atol=1e-5, rtol=1e-5)


def test_only_a_net_that_looks_at_single_frames_is_blind_to_their_order() -> None:
    x = video(2, 3, 8, 16, 16)
    other = x[:, :, torch.randperm(8, generator=torch.Generator().manual_seed(0))]
    change = {kind: (net(kind).features(x) - net(kind).features(other)).abs().max().item() for kind in KINDS}
    assert change["frames"] < 1e-6
    assert min(change["3d"], change["2+1d"]) > 1e-4


@pytest.mark.parametrize(("kind", "field"), [("frames", 1), ("3d", 23), ("2+1d", 23)])
def test_how_far_each_kind_sees_in_time(kind: str, field: int) -> None:
    """Two convolutions a block, halved in time before the second and the third: by arithmetic, and by the gradient."""
    t = 1 if kind == "frames" else 3
    s = 1 if kind == "frames" else 2
    p = t // 2
    steps = [(t, 1, p, 1), (t, 1, p, 1), (t, s, p, 1), (t, 1, p, 1), (t, s, p, 1), (t, 1, p, 1)]
    assert receptive_field(steps).size == field
    model = net(kind)
    seen = seen_pixels(lambda x: model.maps(x)[-1], (3, 40, 8, 8), (20 if kind == "frames" else 5, 0, 0)).sum((1, 2))
    touched = seen.nonzero().flatten()
    assert touched.max() - touched.min() + 1 == field
    assert touched.min() == receptive_field(steps).start + (20 if kind == "frames" else 5 * 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_that_adds_nothing_passes_its_input_on(kind: str) -> None:
    block = ResidualBlock(kind, 4, 4, 1)
    nn.init.zeros_(block.norms[1].weight)
    x = video(2, 4, 4, 6, 6).abs()
    torch.testing.assert_close(block(x), x)


def test_gradients_reach_every_weight() -> None:
    for kind in KINDS:
        model = net(kind).train()
        model(video(4, 3, 8, 16, 16)).square().sum().backward()
        assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_saved_net_comes_back(tmp_path: Path) -> None:
    model = net("2+1d")
    model.save_pretrained(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    again = FeatureNet.from_pretrained(tmp_path)
    assert again.config == model.config
    assert not again.training
    torch.testing.assert_close(again(video(1, 3, 8, 16, 16)), model(video(1, 3, 8, 16, 16)), atol=0, rtol=0)


def test_what_is_no_saved_net_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no model in .*nowhere"):
        FeatureNet.from_pretrained(tmp_path / "nowhere")
    net("3d").save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="truncated"):
        FeatureNet.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"kind": "video_gan", "config": {}}')
    with pytest.raises(ValueError, match="'video_gan', not 'feature_net'"):
        FeatureNet.from_pretrained(tmp_path)


@pytest.mark.parametrize(("call", "complaint"), [
    (lambda: net("3d")(video(3, 8, 16, 16)), r"\(3, 8, 16, 16\)"),
    (lambda: net("3d")(video(2, 1, 8, 16, 16)), r"\(2, 1, 8, 16, 16\)"),
    (lambda: net("frames").features(video(2, 3, 0, 16, 16)), r"\(2, 3, 0, 16, 16\)"),
    (lambda: net("2+1d")(torch.zeros(1, 3, 8, 16, 16, dtype=torch.uint8)), r"uint8 \(1, 3, 8, 16, 16\)"),
    (lambda: features_of(net("3d"), video(0, 3, 8, 16, 16)), r"\(0, 3, 8, 16, 16\)"),
    (lambda: net("4d"), "'4d'"),
    (lambda: FeatureConfig(width=0), "width 0"),
    (lambda: FeatureConfig(labels=("a", "a")), "each once"),
])  # fmt: skip
def test_bad_input_is_quoted(call: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        call()


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_thins_what_it_sees(kind: str) -> None:
    y = convolution(kind, 2, 5, stride=2)(video(1, 2, 8, 8, 8))
    assert y.shape == (1, 5, 8 if kind == "frames" else 4, 4, 4)


# --- The encoder that ships --------------------------------------------------------------------------------------------


def test_the_shipped_encoder_is_small_and_says_how_good_it_is() -> None:
    assert (SHIPPED / "model.safetensors").stat().st_size < 2_000_000
    report = json.loads((SHIPPED / "report.json").read_text(encoding="utf-8"))
    assert set(report["accuracy of doing"]) == {"seen", "held_out"}
    assert all(0 < share <= 1 for split in report["accuracy of doing"].values() for share in split.values())


@pytest.mark.parametrize("world", ["shapes", "digits", "story"])
def test_the_shipped_encoder_is_as_good_as_its_report_says(world: str) -> None:
    report = json.loads((SHIPPED / "report.json").read_text(encoding="utf-8"))
    said = report["accuracy of doing"]["held_out"][world]
    batch = WorldStream(world, split="held_out").batch(60, seed=77, step=0)
    assert batch.scenes is not None
    encoder = FeatureNet.from_pretrained()
    with torch.no_grad():
        numbers = encoder(to_tensor(batch.frames)).argmax(1).tolist()
    right = sum(encoder.config.labels[n] == doing(scene) for n, scene in zip(numbers, batch.scenes, strict=True)) / 60
    assert right > said - 4 * max(0.1 * said * (1 - said), 0.01) ** 0.5 / 60**0.5 - 0.05


def test_the_shipped_encoder_tells_a_film_from_the_same_film_backwards() -> None:
    encoder = FeatureNet.from_pretrained()
    for caption in ("a large blue square moves left", "a medium yellow heart moves up", "a large red circle grows"):
        film = render(parse(caption))
        both = torch.cat([to_tensor(film), to_tensor(film[::-1])])
        with torch.no_grad():
            forth, back = (encoder.config.labels[n] for n in encoder(both).argmax(1))
        assert forth == doing(parse(caption))
        assert (forth, back) in {("moves left", "moves right"), ("moves up", "moves down"), ("grows", "shrinks")}
