"""Give a flow model another block in its middle, which at first changes nothing: used once, see README.md.

    python data/models/grow.py runs/flow/model runs/deeper

Source: Chen et al. 2016, "Net2Net", arXiv:1511.05641: a larger net begins as the same function.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from t2v_edu.models.flow_transformer import StreamBlock
from t2v_edu.models.flow_video import FlowVideo


def main(old: Path, new: Path) -> None:
    model = FlowVideo.from_pretrained(old)
    torch.manual_seed(0)
    net = model.transformer
    model.config = net.config = config = replace(model.config, depth=model.config.depth + 1)
    block = StreamBlock(config.width, config.heads, config.text)
    for last in (block.out, block.think[2]):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    net.blocks.append(block)
    model.save_pretrained(new)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
