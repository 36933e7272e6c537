"""Chapter 05 · features of frames from a ResNet that others trained on photographs, behind the call of our own nets.

An optional extra: pip install 't2v-edu[pretrained]'. ResNet: He et al. 2016, arXiv:1512.03385.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.vision.features import check_video

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the photographs' colours, from 0 to 1


class PretrainedFrames(nn.Module):
    """Each frame through a pretrained image net, averaged over time: like our "frames" net, and as blind to the order of frames.

    Args:
        backbone: a ResNet of `transformers`: what it returns has `pooler_output` (N, D, 1, 1).
        size: side in pixels that frames are scaled to, as the net was trained.
        mean, std: of each colour from 0 to 1, as the net was trained.
        frozen: whether its weights stay as they are.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, *, size: int = 224, mean: tuple[float, ...] = IMAGENET_MEAN,
                 std: tuple[float, ...] = IMAGENET_STD, frozen: bool = True) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"size {size}: use 1 or more")
        self.size = size
        self.backbone = backbone.eval().requires_grad_(not frozen)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def pixels(self, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) in [-1, 1] → what the net was trained on: (B·T, 3, size, size), each colour standardised.

        Raises:
            ValueError: no float tensor (B, 3, T, H, W).
        """
        check_video(video)
        frames = video.transpose(1, 2).flatten(0, 1)  # (B·T, 3, H, W)
        frames = F.interpolate(frames, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True)
        standard: Tensor = ((frames + 1) / 2 - self.mean) / self.std
        return standard

    def features(self, video: Tensor) -> Tensor:
        """video (B, 3, T, H, W) in [-1, 1] → (B, D)."""
        pooled = self.backbone(self.pixels(video)).pooler_output.flatten(1)  # (B·T, D)
        mean: Tensor = pooled.reshape(video.shape[0], video.shape[2], -1).mean(1)
        return mean

    forward = features

    @classmethod
    def from_pretrained(cls, path_or_name: str | Path, *, size: int = 224, frozen: bool = True,
                        local_only: bool = False) -> PretrainedFrames:
        """A ResNet from a folder, or by its name on the Hugging Face hub ("microsoft/resnet-18"); safetensors only, no pickle.

        Args:
            local_only: ask no network; a name is then looked up among what was downloaded before.
        Raises:
            ImportError: `transformers` is not installed.
            ValueError: no such folder, a name that cannot be had (no network, or not downloaded before), weights that are no
                safetensors file, or a model that is no ResNet.
        """
        backbone = _load(path_or_name, local_only)
        if getattr(backbone.config, "model_type", None) != "resnet":
            raise ValueError(f"{str(path_or_name)!r} is a model of type {getattr(backbone.config, 'model_type', None)!r}; "
                             "want a ResNet, such as 'microsoft/resnet-18'")
        return cls(backbone, size=size, frozen=frozen)


def _load(path_or_name: str | Path, local_only: bool) -> Any:
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise ImportError("pretrained nets need the library transformers: pip install 't2v-edu[pretrained]'") from error
    here = Path(path_or_name)
    if (here.is_absolute() or str(path_or_name).startswith(".")) and not (here / "config.json").is_file():
        raise ValueError(f"there is no model in {str(here)!r}; give a folder with config.json and model.safetensors")
    try:
        return AutoModel.from_pretrained(str(path_or_name), use_safetensors=True, local_files_only=local_only)
    except (OSError, RuntimeError) as error:  # what the library says when files are missing or the network is
        raise ValueError(
            f"cannot load {str(path_or_name)!r}: it is no folder with config.json and model.safetensors, and it could not be "
            "downloaded either; on a machine with a network run this once, then copy the folder that "
            f"AutoModel.from_pretrained(…).save_pretrained(folder) writes ({type(error).__name__})"
        ) from error
