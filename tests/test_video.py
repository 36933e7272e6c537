"""The converter between the two forms of a video."""

import numpy as np
import pytest
import torch

from t2v_edu.video import to_frames, to_tensor


def test_every_value_of_a_byte_comes_back():
    film = np.arange(256, dtype=np.uint8).repeat(3).reshape(4, 8, 8, 3)
    assert np.array_equal(to_frames(to_tensor(film))[0], film)


def test_axes_range_and_channels():
    film = np.zeros((5, 2, 3, 3), np.uint8)
    film[4, 1, 2] = (255, 51, 0)
    video = to_tensor(film)
    assert video.shape == (1, 3, 5, 2, 3) and video.dtype == torch.float32
    assert video[0, :, 4, 1, 2].tolist() == pytest.approx([1.0, -0.6, -1.0])
    assert video[0, :, 0].eq(-1).all()


def test_batches_and_films_that_are_views():
    films = np.random.default_rng(0).integers(0, 256, (2, 6, 4, 4, 3), dtype=np.uint8)
    assert to_tensor(films).shape == (2, 3, 6, 4, 4)
    backwards = films[:, ::-1]
    assert np.array_equal(to_frames(to_tensor(backwards)), backwards)


def test_the_film_itself_is_not_written_to():
    film = np.full((4, 2, 2, 3), 9, np.uint8)
    to_tensor(film).zero_()
    assert (film == 9).all()


def test_values_outside_are_cut_off_not_wrapped():
    video = torch.tensor([-3.0, -1.0, 0.0, 1.0, 7.0]).expand(1, 3, 1, 1, 5)
    assert to_frames(video)[0, 0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("wrong", [np.zeros((4, 2, 2, 3)), np.zeros((2, 2, 3), np.uint8), np.zeros((4, 2, 2, 4), np.uint8)])
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match="want uint8 frames"):
        to_tensor(wrong)


@pytest.mark.parametrize("shape", [(3, 4, 8, 8), (1, 4, 4, 8, 8)])
def test_other_tensors_are_refused(shape):
    with pytest.raises(ValueError, match="want a video"):
        to_frames(torch.zeros(shape))
