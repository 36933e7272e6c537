"""Chapter 11 · what models with a training step of their own share: rules and chance that are saved, losses that are reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from t2v_edu.keras_mirror.parts import Mirror, Tensor


class OwnStep(Mirror):
    """A model that `fit` trains by the `train_step` of a subclass.

    Args:
        reports: names of the losses that `fit` shows, each as its mean over the epoch.
    """

    def __init__(self, name: str | None, reports: Sequence[str], **sizes: Any) -> None:
        super().__init__(name, **sizes)
        self.means = [keras.metrics.Mean(name=each) for each in reports]
        self.drawn = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="drawn")

    def play_by(self, optimizers: dict[str, keras.optimizers.Optimizer], rules: dict[str, Any], **more: Any) -> None:
        """The end of a subclass's `compile`: the first optimiser becomes `self.optimizer`; rules are plain values."""
        super().compile(optimizer=next(iter(optimizers.values())), **{"jit_compile": False, **more})
        self.optimizers, self.rules = optimizers, rules  # Keras saves what optimisers remember, too

    def get_compile_config(self) -> dict[str, Any] | None:
        """What compiles it again; nothing if it has not been compiled."""
        if not self.compiled:
            return None
        return {**{k: keras.saving.serialize_keras_object(v) for k, v in self.optimizers.items()}, **self.rules}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Called by `keras.saving.load_model`."""
        made = {k: keras.saving.deserialize_keras_object(v) for k, v in config.items() if k.startswith("optimizer")}
        self.compile(**{**config, **made})

    def seeds(self, count: int) -> list[Tensor]:
        """Seeds for TensorFlow's stateless generators, new ones at each call; where they stand is saved with the weights.

        A `keras.random.SeedGenerator` would not be: a loaded model would begin with the same noise again.
        """
        seeds = [tf.stack([self.drawn.value, i]) for i in range(count)]
        self.drawn.assign_add(1)
        return seeds

    def report(self, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """Take a step's losses into the means, and say how they stand."""
        for mean, value in zip(self.means, values, strict=True):
            mean.update_state(value)
        return {mean.name: mean.result() for mean in self.means}


def descend(tape: tf.GradientTape, loss: Tensor, name: str, *who: tuple[Any, Sequence[Any]]) -> None:
    """One step down a loss that was computed under the tape, by one or more pairs of an optimiser and its variables.

    Raises:
        tf.errors.InvalidArgumentError: a loss that is no finite number; nothing is changed then.
    """
    finite = tf.debugging.check_numerics(loss, f"{name}; look at the batch for NaN, or take a smaller rate")
    with tf.control_dependencies([finite]):
        for (optimizer, variables), slopes in zip(who, tape.gradient(loss, [variables for _, variables in who]), strict=True):
            # A weight that the rules leave out has no slope. An embedding's comes as rows, one for each word read, and Keras'
            # Adam (3.15) would square a repeated word's rows one by one before it adds them; dense, they are added first.
            dense = [ops.zeros_like(v) if s is None else tf.convert_to_tensor(s) for s, v in zip(slopes, variables, strict=True)]
            optimizer.apply(dense, variables)
