"""Chapter 16 · denoising and sharpening, and how good a picture is: PSNR and SSIM · Wang et al. 2004; Buades et al. 2005."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2v_edu.film.arrange import Film, check_film
from t2v_edu.film.resample import flow_between
from t2v_edu.vision.warp import warp

Floats = NDArray[np.floating[Any]]
WINDOW, SIGMA, K_1, K_2 = 11, 1.5, 0.01, 0.03  # of SSIM, as published


# --- How good ---------------------------------------------------------------------------------------------------------


def psnr(film: Film, truth: Film) -> float:
    """Peak signal-to-noise ratio in decibels, 10 log10(255² / mean squared error) over all frames; infinite where they agree.

    Raises:
        ValueError: no films, or shapes that differ.
    """
    _check_pair(film, truth)
    error = np.mean([np.mean(np.square(a.astype(np.float64) - b)) for a, b in zip(film, truth, strict=True)])
    return math.inf if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(film: Film, truth: Film) -> float:
    """Structural similarity, the mean over pixels, channels and frames: 1 where two films agree, about 0 for unrelated ones.

    In a window around each pixel, Gaussian (σ = 1.5, 11 × 11), it compares the means μ, the variances σ² and the covariance:
    (2μ_a μ_b + C_1)(2σ_ab + C_2) / ((μ_a² + μ_b² + C_1)(σ_a² + σ_b² + C_2)). Windows that leave the frame are left out.

    Raises:
        ValueError: no films, shapes that differ, or frames smaller than the window.
    Source: Wang et al. 2004.
    """
    _check_pair(film, truth)
    if min(film.shape[1:3]) < WINDOW:
        raise ValueError(f"SSIM looks through windows of {WINDOW} × {WINDOW} pixels, and the frames have {film.shape[1:3]}")
    c_1, c_2 = (K_1 * 255) ** 2, (K_2 * 255) ** 2
    values = []
    for frame_a, frame_b in zip(film, truth, strict=True):
        a, b = frame_a.astype(np.float64), frame_b.astype(np.float64)
        mu_a, mu_b = _windowed(a), _windowed(b)
        var_a, var_b, both = _windowed(a * a) - mu_a**2, _windowed(b * b) - mu_b**2, _windowed(a * b) - mu_a * mu_b
        like = (2 * mu_a * mu_b + c_1) * (2 * both + c_2) / ((mu_a**2 + mu_b**2 + c_1) * (var_a + var_b + c_2))
        values.append(like.mean())
    return float(np.mean(values))


def _windowed(values: Floats) -> Floats:
    """The weighted mean of the window around each pixel that has a whole one: (H, W, 3) → (H − 10, W − 10, 3)."""
    weight = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    weight /= weight.sum()
    height, width = (side - WINDOW + 1 for side in values.shape[:2])
    down = sum(w * values[k : k + height] for k, w in enumerate(weight))
    return np.asarray(sum(w * down[:, k : k + width] for k, w in enumerate(weight)))


def _check_pair(film: Film, truth: Film) -> None:
    check_film(film)
    check_film(truth)
    if film.shape != truth.shape:
        raise ValueError(f"films to compare have one shape, not {film.shape} and {truth.shape}")


# --- Denoising --------------------------------------------------------------------------------------------------------


def denoise(film: Film, method: str = "means", *, strength: float = 10.0) -> Film:
    """The film with less noise.

    Args:
        film: (T, H, W, 3) uint8.
        method: "gaussian" blurs, edges too; "median" takes specks away; "bilateral" averages neighbours of like colour;
            "means" averages places that look alike, wherever they are (non-local means, OpenCV); "motion" averages each frame
            with its four neighbours in time, pulled along their motion.
        strength: the noise's standard deviation, about, in levels, above 0 to 100.
    Returns:
        (T, H, W, 3) uint8.
    Raises:
        ValueError: no film, another method, a strength out of range.
    Source: Tomasi & Manduchi 1998 (bilateral); Buades, Coll & Morel 2005 (non-local means).
    """
    check_film(film)
    if method not in DENOISERS:
        raise ValueError(f"unknown method {method!r}; choose one of: {', '.join(DENOISERS)}")
    if not 0 < strength <= 100:
        raise ValueError(f"strength {strength} is out of range; choose above 0 to 100 levels")
    return DENOISERS[method](film, strength)


def _gaussian(film: Film, strength: float) -> Film:
    import cv2

    sigma = 0.5 + strength / 20  # pixels
    return np.stack([np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8) for frame in film])


def _median(film: Film, strength: float) -> Film:
    import cv2

    side = 3 if strength < 25 else 5
    return np.stack([np.asarray(cv2.medianBlur(np.ascontiguousarray(frame), side), np.uint8) for frame in film])


def _bilateral(film: Film, strength: float) -> Film:
    import cv2

    return np.stack([np.asarray(cv2.bilateralFilter(frame, 7, 3 * strength, 2.0), np.uint8) for frame in film])


def _means(film: Film, strength: float) -> Film:
    import cv2

    made = [cv2.fastNlMeansDenoisingColored(frame, None, strength, strength, 5, 15) for frame in film]
    return np.stack([np.asarray(frame, np.uint8) for frame in made])


def _motion(film: Film, strength: float) -> Film:
    """Neighbours in time, each pixel weighted by how well it fits: where motion was found wrongly, it does not."""
    smooth = _gaussian(film, strength)  # motion and fit are judged without the noise
    made = np.empty_like(film)
    for t, frame in enumerate(film):
        total, weights = frame.astype(np.float32), np.ones((*frame.shape[:2], 1), np.float32)
        for other in (t - 2, t - 1, t + 1, t + 2):
            if 0 <= other < len(film):
                flow = flow_between(smooth[t], smooth[other])
                off = np.abs(warp(smooth[other], flow) - smooth[t]).max(-1, keepdims=True)
                weight = np.exp(-((off / max(4.0, strength)) ** 2)).astype(np.float32)
                total += weight * warp(film[other], flow)
                weights += weight
        made[t] = np.clip(np.rint(total / weights), 0, 255)
    return made


DENOISERS: dict[str, Callable[[Film, float], Film]] = {
    "gaussian": _gaussian, "median": _median, "bilateral": _bilateral, "means": _means, "motion": _motion}


# --- Sharpening -------------------------------------------------------------------------------------------------------


def sharpen(film: Film, amount: float = 0.6, *, radius: float = 1.5) -> Film:
    """Unsharp masking: I + amount · (I − blurred I). Edges gain contrast, and so does noise.

    Args:
        film: (T, H, W, 3) uint8.
        amount: 0 (nothing) to 5.
        radius: of the blur, pixels, above 0 to 50.
    Raises:
        ValueError: no film, or a setting out of range.
    """
    import cv2

    check_film(film)
    if not 0 <= amount <= 5 or not 0 < radius <= 50:
        raise ValueError(f"amount {amount} goes from 0 to 5 and radius {radius} from above 0 to 50 pixels")
    made = np.empty_like(film)
    for t, frame in enumerate(film):
        sharp = frame.astype(np.float32)
        sharp += amount * (sharp - np.asarray(cv2.GaussianBlur(sharp, (0, 0), radius), np.float32))
        made[t] = np.clip(np.rint(sharp), 0, 255)
    return made
