"""What parity tests stand on: TensorFlow on one thread and silent, and both frameworks in double precision where asked for."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # the twins are compared on the processor

import keras
import pytest
import tensorflow as tf
import torch

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


@pytest.fixture
def double():
    """Numbers of 64 bits in both frameworks, so that only a difference of meaning can show, not one of rounding."""
    before = keras.config.floatx(), keras.config.dtype_policy(), torch.get_default_dtype()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    torch.set_default_dtype(torch.float64)
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])
    torch.set_default_dtype(before[2])
