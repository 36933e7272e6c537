"""PSNR and SSIM against closed forms, OpenCV and TensorFlow; denoising and sharpening by what they are for."""

import math
import sys

import cv2
import numpy as np
import pytest

from t2v_edu.film.restore import DENOISERS, denoise, psnr, sharpen, ssim
from t2v_edu.world.captions import parse
from t2v_edu.world.render import render


def film(frames: int = 5, side: int = 64) -> np.ndarray:
    return render(parse("a young girl walks slowly in the park"), frames, side, side)


def noisy(clean: np.ndarray, sigma: float = 20.0, seed: int = 0) -> np.ndarray:
    return np.clip(np.rint(clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8)


# --- How good ---------------------------------------------------------------------------------------------------------


def test_psnr_by_hand_and_as_opencv_has_it() -> None:
    """Off by 5 everywhere: 10 log10(65025 / 25) = 34.15 dB."""
    a = np.full((2, 8, 8, 3), 100, np.uint8)
    assert psnr(a, a + np.uint8(5)) == pytest.approx(34.1514, abs=1e-4)
    assert psnr(a, a) == math.inf
    b = noisy(film())
    assert psnr(b, film()) == pytest.approx(cv2.PSNR(b.reshape(-1, 64, 3), film().reshape(-1, 64, 3)), abs=1e-9)


def test_ssim_of_two_plain_grounds_is_its_first_factor() -> None:
    """Nothing varies, so only the means speak: (2·100·110 + C_1)/(100² + 110² + C_1), C_1 = 2.55²."""
    a, b = (np.full((1, 16, 16, 3), value, np.uint8) for value in (100, 110))
    c_1 = 2.55**2
    assert ssim(a, b) == pytest.approx((22000 + c_1) / (22100 + c_1), abs=1e-12) and ssim(a, a) == 1


def test_ssim_of_a_negative_is_below_nought_and_of_noise_about_nought() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 1, 64, 64, 3), dtype=np.uint8)
    assert ssim(a, 255 - a) < -0.8 and abs(ssim(a, b)) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [2, 15, 60])
def test_ssim_is_tensorflows(sigma: float) -> None:
    tf = sys.modules.get("tensorflow") or pytest.importorskip("tensorflow", reason="TensorFlow is the reference here")
    clean = film(2)
    theirs = tf.image.ssim(noisy(clean, sigma), clean, max_val=255).numpy().mean()
    assert ssim(noisy(clean, sigma), clean) == pytest.approx(theirs, abs=2e-4)
    assert psnr(noisy(clean[:1], sigma), clean[:1]) == pytest.approx(
        float(tf.image.psnr(noisy(clean[:1], sigma), clean[:1], max_val=255).numpy()[0]), abs=1e-3)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"\(5, 64, 64, 3\) and \(4, 64, 64, 3\)"):
        psnr(film(), film(4))
    with pytest.raises(ValueError, match=r"windows of 11 × 11 .* \(8, 8\)"):
        ssim(film()[:, :8, :8], film()[:, :8, :8])


# --- Denoising and sharpening -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", DENOISERS)
def test_every_denoiser_brings_the_film_nearer_to_the_clean_one(method: str) -> None:
    clean = film()
    made = denoise(noisy(clean), method, strength=20)
    assert made.shape == clean.shape and made.dtype == np.uint8
    assert psnr(made, clean) > psnr(noisy(clean), clean) + 1.5 and ssim(made, clean) > ssim(noisy(clean), clean)


def test_averaging_five_frames_that_stand_still_gains_seven_decibels() -> None:
    """The mean of n independent noises has a variance n times less: 10 log10(5) = 6.99 dB, in the middle of five frames.

    Less where a neighbour fits badly and weighs less; more where it is pulled from between pixels, which averages, too.
    """
    still = np.full((5, 64, 64, 3), 120, np.uint8)
    made = denoise(noisy(still, 4), "motion", strength=4)
    gained = psnr(made[2:3], still[2:3]) - psnr(noisy(still, 4)[2:3], still[2:3])
    assert 5.5 < gained < 8.5


def test_a_median_takes_specks_and_a_gaussian_smears_them() -> None:
    clean = film(1)
    specked = clean.copy()
    at = np.random.default_rng(0).random(clean.shape[:3]) < 0.03
    specked[at] = 255
    assert psnr(denoise(specked, "median"), clean) > psnr(denoise(specked, "gaussian"), clean) + 2


def test_sharpening_brings_back_what_a_blur_took_and_leaves_plain_ground_alone() -> None:
    clean = film(1)
    soft = np.stack([cv2.GaussianBlur(f, (0, 0), 1.0) for f in clean])
    assert psnr(sharpen(soft, 0.8, radius=1.0), clean) > psnr(soft, clean) + 0.5
    plain = np.full((1, 9, 9, 3), 77, np.uint8)
    assert (sharpen(plain, 3) == plain).all() and (sharpen(clean, 0) == clean).all()


def test_unsharp_masking_by_hand() -> None:
    """At an edge the blurred picture lies between, so the light side gets lighter and the dark side darker."""
    step = np.zeros((1, 9, 12, 3), np.uint8) + np.uint8(100)
    step[:, :, 6:] = 150
    made = sharpen(step, 1.0, radius=1.0)[0, 4, :, 0].astype(int)
    assert made[5] < 100 and made[6] > 150 and made[0] == 100 and made[11] == 150
    assert made[5] + made[6] == pytest.approx(250, abs=1)  # as much on either side


@pytest.mark.parametrize(("call", "message"), [
    (lambda f: denoise(f, "magic"), "'magic'; choose one of: gaussian"), (lambda f: denoise(f, strength=0), "strength 0"),
    (lambda f: sharpen(f, 9), "amount 9"), (lambda f: sharpen(f, radius=0), "radius 0"),
    (lambda f: sharpen(f.astype(np.float32)), "float32"),
])
def test_settings_that_cannot_be(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(film(1))
