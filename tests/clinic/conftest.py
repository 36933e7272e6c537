"""What the clinic's tests stand on: Keras on TensorFlow, silent, on the processor, on one thread."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import pytest


@pytest.fixture(scope="session")
def keras():
    """Keras 3; TensorFlow is loaded by the first test that asks."""
    tf = pytest.importorskip("tensorflow", reason="the Keras forms need TensorFlow: pip install 't2v-edu[keras]'")
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return pytest.importorskip("keras")
