"""The Keras text encoder against the torch one: forward, one step, both ways of carrying weights, padding."""

import keras
import numpy as np
import pytest
import torch
from keras import optimizers
from twins import arrays, furthest, one_bias, to_keras, to_torch

from t2v_edu.keras_mirror import weights
from t2v_edu.keras_mirror.parts import Adam
from t2v_edu.keras_mirror.text import TextEncoder
from t2v_edu.models.next_frames import one_bias as hold_second_bias
from t2v_edu.text.encoders import LSTMEncoder

pytestmark = pytest.mark.xdist_group("tensorflow")
IDS = np.array([[2, 3, 4, 2, 5], [3, 1, 0, 0, 0], [6, 0, 0, 0, 0]], "int32")  # lengths 5, 2 and 1


def twins(seed=0):
    torch.manual_seed(seed)
    ours, theirs = LSTMEncoder(7, 8), TextEncoder(7, 8)
    theirs(IDS)
    return ours, theirs


def both(ours, theirs):
    ids = torch.from_numpy(IDS)
    code = ours(ids, ids != 0)
    states, pooled = theirs(IDS)
    return (code.tokens.detach().numpy(), states.numpy()), (code.pooled.detach().numpy(), pooled.numpy())


@pytest.mark.parametrize("carry", [to_keras, lambda ours, theirs: to_torch(theirs, ours)], ids=["to Keras", "to PyTorch"])
def test_the_same_weights_give_the_same_codes(carry):
    ours, theirs = twins()
    assert np.abs(np.subtract(*both(ours, theirs)[1])).max() > 0.1  # before: two strangers
    carry(ours, theirs)
    for mine, other in both(ours, theirs):
        np.testing.assert_allclose(other, mine, atol=1e-5)


def test_there_and_back_every_weight_is_what_it_was():
    ours, theirs = twins()
    before = one_bias(arrays(ours))
    to_keras(ours, theirs)
    to_torch(theirs, ours)
    after = one_bias(arrays(ours))
    assert before.keys() == after.keys() and all(np.array_equal(before[k], after[k]) for k in before)


def steps_apart(ours, theirs, rate=0.1):
    """How far the twins are from each other after one step of plain gradient descent on a sum of squares."""
    import tensorflow as tf

    to_keras(ours, theirs)
    target = np.random.default_rng(0).normal(size=(3, 8))
    descent = torch.optim.SGD([p for p in ours.parameters() if p.requires_grad], rate)
    ids = torch.from_numpy(IDS)
    loss = (ours(ids, ids != 0).pooled - torch.from_numpy(target)).square().sum()
    loss.backward()
    descent.step()
    with tf.GradientTape() as tape:
        mirrored = tf.reduce_sum((theirs(IDS)[1] - target) ** 2)
    slopes = [tf.convert_to_tensor(g) for g in tape.gradient(mirrored, theirs.trainable_variables)]
    optimizers.SGD(rate).apply(slopes, theirs.trainable_variables)
    assert abs(loss.item() - float(mirrored)) < 1e-10
    return furthest(ours, theirs)


def test_one_step_moves_every_weight_alike(double):
    ours, theirs = twins()
    hold_second_bias(ours.lstm)
    assert steps_apart(ours, theirs)[0] < 1e-12


def test_two_biases_that_both_learn_go_twice_as_far(double):
    ours, theirs = twins()
    before = one_bias(arrays(ours))
    apart, where = steps_apart(ours, theirs)
    assert "bias_ih" in where and apart > 1e-4
    after, mirrored = one_bias(arrays(ours)), weights.state(theirs)
    for name in (k for k in before if "bias_ih" in k):
        np.testing.assert_allclose(after[name] - before[name], 2 * (mirrored[name] - before[name]), atol=1e-12)


def test_a_repeated_words_rows_are_added_before_they_are_squared():
    """Word 1 twice, with gradients 1 and 2: Adam's second moment is (1 − β₂)·3², not (1 − β₂)·(1² + 2²)."""
    import tensorflow as tf

    table, adam = keras.Variable(np.zeros((3, 1), "float32")), Adam(1.0, beta_2=0.99)
    adam.apply([tf.IndexedSlices(tf.constant([[1.0], [2.0], [4.0]]), tf.constant([1, 1, 0]), tf.constant([3, 1]))], [table])
    np.testing.assert_allclose(np.ravel(adam._velocities[0]), [0.16, 0.09, 0.0], rtol=1e-5)
    np.testing.assert_allclose(np.ravel(table), [-1, -1, 0], rtol=1e-5)


def test_padding_changes_nothing():
    _, theirs = twins()
    longer = np.pad(IDS, ((0, 0), (0, 4)))
    np.testing.assert_allclose(theirs(longer)[1], theirs(IDS)[1], atol=1e-6)
    assert not np.any(theirs(longer)[0][:, 5:])


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match=r"even.*7"):
        TextEncoder(5, 7)


def test_weights_of_another_model_are_refused_and_change_nothing():
    ours, theirs = twins()
    before = weights.state(theirs)
    with pytest.raises(ValueError, match=r"embed.weight.*\(9, 8\).*\(7, 8\)"):
        to_keras(LSTMEncoder(9, 8), theirs)
    with pytest.raises(ValueError, match=r"2 arrays.*project.weight.*None"):
        weights.load_state(theirs, {k: v for k, v in arrays(ours).items() if not k.startswith("project")})
    assert all(np.array_equal(before[k], v) for k, v in weights.state(theirs).items())


def test_a_layer_without_weights_is_named():
    with pytest.raises(ValueError, match="'embed' has no weights yet"):
        weights.state(TextEncoder(7, 8))
