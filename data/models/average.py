"""Average the weights of flow models that were trained one from another, into one that may be better than each: see README.md.

    python data/models/average.py runs/mean runs/flow-hard/model runs/flow-odd/model

Source: Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization", arXiv:1803.05407; Wortsman
et al. 2022, "Model soups", arXiv:2203.05482.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from t2v_edu.models.flow_video import FlowVideo


def main(out: Path, folders: list[Path]) -> None:
    models = [FlowVideo.from_pretrained(folder) for folder in folders]
    average = models[-1]  # its words, its autoencoder, and how it samples
    strange = [folder for folder, model in zip(folders, models, strict=True) if model.config != average.config
               or model.tokenizer.words != average.tokenizer.words]
    if strange:
        raise SystemExit(f"{', '.join(map(str, strange))}: another size, or other words, than {folders[-1]}")
    states = [model.state_dict() for model in models]
    average.load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    average.save_pretrained(out)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit("usage: python data/models/average.py OUT MODEL MODEL...")
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
