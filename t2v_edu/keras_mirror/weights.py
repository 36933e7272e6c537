"""Chapter 11 · weights from PyTorch to Keras and back, as plain NumPy arrays under PyTorch's names.

| layer | PyTorch | Keras |
| --- | --- | --- |
| linear | weight (out, in) | kernel (in, out) |
| convolution | weight (out, in, H, W) | kernel (H, W, in, out) |
| transposed convolution | weight (in, out, H, W) | kernel (H, W, out, in) |
| LSTM | gates i, f, g, o in rows; two biases | gates i, f, c, o in columns; one bias, their sum |
| batch norm | weight, bias, running_mean, running_var | gamma, beta, moving_mean, moving_variance |

Twins have attributes of the same names, so the name of a layer's place in the model is the name of its weights in a state dict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def state(model: keras.layers.Layer) -> Arrays:
    """All weights of a built Keras model, as its PyTorch twin's `load_state_dict` wants them (through torch.from_numpy).

    Raises:
        ValueError: a layer that has not been built yet.
    """
    return {f"{place}{name}": array for place, layer in _leaves(model) for name, array in _to_torch(place, layer).items()}


def load_state(model: keras.layers.Layer, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Fill a built Keras model from its PyTorch twin's state dict, given as NumPy arrays.

    Raises:
        ValueError: names or shapes that are not the model's; the first is named, and nothing is changed.
    """
    own = state(model)
    wrong = [k for k in own if k not in arrays or arrays[k].shape != own[k].shape] + [k for k in arrays if k not in own]
    if wrong:
        have, want = (d[wrong[0]].shape if wrong[0] in d else None for d in (arrays, own))
        raise ValueError(f"these are another model's weights: {len(wrong)} arrays differ, {wrong[0]!r} is {have}, "
                         f"and {want} in the model")
    for place, layer in _leaves(model):
        layer.set_weights(_to_keras(layer, {k.removeprefix(place): v for k, v in arrays.items() if k.startswith(place)}))


def _leaves(layer: keras.layers.Layer, place: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """Every layer that has weights of its own, with the name of its place, a dot behind it."""
    if isinstance(layer, _LEAVES):
        yield place, layer
        return
    for name, value in vars(layer).items():
        if name.startswith("_"):
            continue
        if isinstance(value, keras.layers.Layer):
            yield from _leaves(value, f"{place}{name}.")
        elif isinstance(value, list):
            for i, part in enumerate(value):
                if isinstance(part, keras.layers.Layer):
                    yield from _leaves(part, f"{place}{name}.{i}.")


_LEAVES = (
    keras.layers.Dense, keras.layers.Embedding, keras.layers.LayerNormalization, keras.layers.BatchNormalization,
    keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose,
    keras.layers.LSTM, keras.layers.Bidirectional,
)  # fmt: skip


def _to_torch(place: str, layer: keras.layers.Layer) -> Arrays:
    if not layer.built:
        raise ValueError(f"layer {place.rstrip('.')!r} has no weights yet; call the model once on an example")
    if isinstance(layer, keras.layers.Bidirectional):
        back = {f"{k}_reverse": v for k, v in _to_torch(place, layer.backward_layer).items()}
        return {**_to_torch(place, layer.forward_layer), **back}
    weights = [np.asarray(w) for w in layer.get_weights()]
    if isinstance(layer, keras.layers.LSTM):
        kernel, recurrent, bias = weights
        return {"weight_ih_l0": _turned(kernel), "weight_hh_l0": _turned(recurrent), "bias_ih_l0": bias,
                "bias_hh_l0": np.zeros_like(bias)}  # fmt: skip
    if isinstance(layer, keras.layers.BatchNormalization):
        names = ("weight", "bias", "running_mean", "running_var")
        return {**dict(zip(names, weights, strict=True)), "num_batches_tracked": np.zeros((), np.int64)}
    if not isinstance(layer, keras.layers.LayerNormalization | keras.layers.Embedding):
        weights[0] = _turned(weights[0])
    return dict(zip(("weight", "bias"), weights, strict=False))


def _to_keras(layer: keras.layers.Layer, arrays: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    if isinstance(layer, keras.layers.Bidirectional):
        back = {k.removesuffix("_reverse"): v for k, v in arrays.items() if k.endswith("_reverse")}
        return _to_keras(layer.forward_layer, arrays) + _to_keras(layer.backward_layer, back)
    if isinstance(layer, keras.layers.LSTM):
        return [_turned_back(arrays["weight_ih_l0"]), _turned_back(arrays["weight_hh_l0"]),
                arrays["bias_ih_l0"] + arrays["bias_hh_l0"]]  # fmt: skip
    if isinstance(layer, keras.layers.BatchNormalization):
        return [arrays[k] for k in ("weight", "bias", "running_mean", "running_var")]
    weights = [arrays[k] for k in ("weight", "bias") if k in arrays]
    if not isinstance(layer, keras.layers.LayerNormalization | keras.layers.Embedding):
        weights[0] = _turned_back(weights[0])
    return weights


def _turned(kernel: NDArray[Any]) -> NDArray[Any]:
    """(..., a, b) → (b, a, ...): Keras keeps channels last, PyTorch first; the window's axes keep their order."""
    window = range(kernel.ndim - 2)
    return np.ascontiguousarray(kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *window))


def _turned_back(weight: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(weight.transpose(*range(2, weight.ndim), 1, 0))
