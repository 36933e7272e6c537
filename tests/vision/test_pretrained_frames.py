"""A pretrained ResNet behind the call of our own nets, with a tiny random one saved to disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from t2v_edu.vision.pretrained import IMAGENET_MEAN, IMAGENET_STD, PretrainedFrames

transformers = pytest.importorskip("transformers", reason="the optional extra 'pretrained' is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ResNet of two stages with random weights."""
    torch.manual_seed(0)
    config = transformers.ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic")
    path = tmp_path_factory.mktemp("resnet")
    transformers.ResNetModel(config).eval().save_pretrained(path)
    return path


def films(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_it_is_the_mean_of_the_nets_own_features(folder: Path) -> None:
    video = films(2, 3, 5, 32, 32)
    ours = PretrainedFrames.from_pretrained(folder, size=32, local_only=True).features(video)
    model = transformers.ResNetModel.from_pretrained(folder).eval()
    for film, feature in zip(video.numpy(), ours, strict=True):
        frames = [((film[:, t] + 1) / 2 - np.array(IMAGENET_MEAN)[:, None, None]) / np.array(IMAGENET_STD)[:, None, None]
                  for t in range(5)]
        each = [model(torch.tensor(frame, dtype=torch.float32)[None]).pooler_output[0, :, 0, 0] for frame in frames]
        torch.testing.assert_close(feature, torch.stack(each).mean(0))
    assert ours.shape == (2, 8)


def test_frames_are_scaled_as_pillow_scales_them(folder: Path) -> None:
    ramp = np.linspace(0, 255, 48 * 40 * 3).reshape(48, 40, 3).round().astype(np.uint8)
    net = PretrainedFrames.from_pretrained(folder, size=16, local_only=True)
    video = torch.tensor(ramp / 127.5 - 1, dtype=torch.float32).permute(2, 0, 1)[None, :, None]
    ours = net.pixels(video)[0].permute(1, 2, 0).numpy() * IMAGENET_STD + IMAGENET_MEAN
    pillow = np.asarray(Image.fromarray(ramp).resize((16, 16), Image.Resampling.BILINEAR)) / 255
    np.testing.assert_allclose(ours, pillow, atol=1.5 / 255)


def test_it_is_blind_to_the_order_of_frames(folder: Path) -> None:
    net, video = PretrainedFrames.from_pretrained(folder, size=32), films(1, 3, 6, 20, 20)
    torch.testing.assert_close(net.features(video), net.features(video.flip(2)))


def test_frozen_or_fine_tuned(folder: Path) -> None:
    frozen = PretrainedFrames.from_pretrained(folder, size=32)
    assert not frozen.features(films(1, 3, 2, 32, 32)).requires_grad
    tuned = PretrainedFrames.from_pretrained(folder, size=32, frozen=False)
    tuned.features(films(1, 3, 2, 32, 32)).sum().backward()
    assert tuned.backbone.embedder.embedder.convolution.weight.grad.any()


@pytest.mark.parametrize("shape", [(3, 4, 8, 8), (1, 1, 4, 8, 8), (1, 3, 0, 8, 8)])
def test_bad_input_is_quoted(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
        PretrainedFrames.from_pretrained(folder).features(films(*shape))


def test_bytes_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        PretrainedFrames.from_pretrained(folder).features(torch.zeros(1, 3, 2, 8, 8, dtype=torch.uint8))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no model in .*nowhere"):
        PretrainedFrames.from_pretrained(tmp_path / "nowhere")


def test_a_name_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match=r"cannot load 'someone/resnet-of-nobody'.*machine with a network"):
        PretrainedFrames.from_pretrained("someone/resnet-of-nobody", local_only=True)


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    torch.save(transformers.ResNetModel.from_pretrained(folder).state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        PretrainedFrames.from_pretrained(tmp_path, local_only=True)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    config = transformers.BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    transformers.BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="type 'bert'"):
        PretrainedFrames.from_pretrained(tmp_path, local_only=True)


def test_without_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"t2v-edu\[pretrained\]"):
        PretrainedFrames.from_pretrained(folder)


def test_importing_the_module_loads_no_library() -> None:
    code = "import sys, t2v_edu.vision.pretrained, t2v_edu.vision.features; print('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
