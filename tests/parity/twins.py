"""Carrying weights and pictures between the frameworks, for tests."""

from __future__ import annotations

import numpy as np
import torch

from t2v_edu.keras_mirror import weights


def to_keras(module, mirror):
    """Give a Keras model its torch twin's weights."""
    weights.load_state(mirror, arrays(module))


def to_torch(mirror, module):
    """Give a torch module its Keras twin's weights; strict, so that not one is missing or left over."""
    module.load_state_dict({k: torch.from_numpy(v) for k, v in weights.state(mirror).items()})


def arrays(module):
    """A state dict as NumPy arrays."""
    return {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}


def one_bias(state):
    """LSTMs' two biases as their sum, which alone means something; counters of batches left out."""
    state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    for name in [k for k in state if "bias_ih" in k]:
        state[name] = state[name] + state.pop(name.replace("bias_ih", "bias_hh"))
    return state


def furthest(module, mirror):
    """The largest difference of any weight, and where."""
    ours, theirs = one_bias(arrays(module)), one_bias(weights.state(mirror))
    assert ours.keys() == theirs.keys()
    return max((float(np.abs(ours[k] - theirs[k]).max()), k) for k in ours)


def last(x):
    """A torch tensor (B, C, ...) with its channels last, as NumPy."""
    return x.detach().movedim(1, -1).contiguous().numpy()
