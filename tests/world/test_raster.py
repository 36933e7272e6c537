"""Signed distances: against shapes whose distance and area are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from t2v_edu.world import raster

AXIS = (np.arange(400) + 0.5) / 200 - 1
X, Y = AXIS[None, :], AXIS[:, None]
PIXEL = 1 / 200


def area(distance: np.ndarray) -> float:
    return float(raster.coverage(distance, PIXEL).sum()) * PIXEL**2


def test_a_round_ellipse_and_a_capsule_of_one_point_are_a_disc() -> None:
    disc = np.hypot(X - 0.2, Y + 0.1) - 0.4
    np.testing.assert_allclose(raster.ellipse(X, Y, 0.2, -0.1, 0.4, 0.4, 1.0), disc, atol=1e-9)
    np.testing.assert_allclose(raster.capsule(X, Y, 0.2, -0.1, 0.2, -0.1, 0.4, 0.4), disc, atol=1e-9)


def test_areas_are_those_of_geometry() -> None:
    assert area(raster.ellipse(X, Y, 0.1, 0.0, 0.6, 0.3, 0.7)) == pytest.approx(np.pi * 0.6 * 0.3, rel=2e-3)
    assert area(raster.capsule(X, Y, -0.3, 0.0, 0.4, 0.0, 0.2, 0.2)) == pytest.approx(0.7 * 0.4 + np.pi * 0.04, rel=2e-3)
    triangle = np.array([[-0.5, 0.5], [0.5, 0.5], [0.0, -0.5]])
    assert area(raster.polygon(X, Y, triangle)) == pytest.approx(0.5, rel=2e-3)
    square = np.array([[-0.3, -0.3], [0.3, -0.3], [0.3, 0.3], [-0.3, 0.3]])
    assert area(raster.polygon(X, Y, square, 0.1)) == pytest.approx(0.36 + 4 * 0.6 * 0.1 + np.pi * 0.01, rel=2e-3)


def test_turns_are_clockwise_on_screen() -> None:
    """An ellipse lying along x, turned a quarter less a bit clockwise, points down and to the right."""
    inside = raster.ellipse(X, Y, 0.0, 0.0, 0.8, 0.1, np.pi / 4) < 0
    assert inside[300, 300]  # x = y = 0.5
    assert not inside[100, 300]


def test_a_hollow_polygon_has_its_distance_from_the_nearest_edge() -> None:
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    at = raster.polygon(np.array([0.0, 0.9, 0.8]), np.array([0.0, 0.0, 0.9]), square)
    np.testing.assert_allclose(at, [-0.5, 0.4, 0.5])
