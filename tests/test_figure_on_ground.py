"""The entry that knows figure and ground: films come apart exactly, a field is drawn where it should be, and it learns."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.figure_on_ground import CELLS, FORM, REACH, Outline, T, code, entry, numbers_of, put_together, take_apart
from t2v_edu.datasets import WorldStream
from t2v_edu.world.captions import parse
from t2v_edu.world.motion import Take, stage
from t2v_edu.world.render import RGB, render


def test_films_come_apart_and_together_again():
    frames = WorldStream("shapes", split="all").batch(40, seed=3, step=0).frames
    again = put_together(take_apart(frames))
    assert np.abs(again.astype(int) - frames).max() <= 1  # rounding


def test_what_is_measured_is_what_was_rendered():
    scene, take = parse("a large red circle circles slowly on cream"), Take(0.2, 0.7, 0.3)
    layers = take_apart(render(scene, takes=(take,))[None])
    poses = stage(scene, (take,), T)[0]
    np.testing.assert_allclose(layers.centres[0, :, 0], 32 * poses.x, atol=0.02)
    np.testing.assert_allclose(layers.centres[0, :, 1], 32 * poses.y, atol=0.02)
    np.testing.assert_allclose(255 * layers.figure[0], RGB["red"], atol=0.5)
    assert layers.alpha.min() == 0 and layers.alpha.max() == 1
    np.testing.assert_allclose(layers.alpha[0].sum((1, 2)), np.pi * (32 * poses.radius) ** 2, rtol=0.01)


@pytest.mark.parametrize("centre", [(16.0, 16.0), (9.3, 20.6), (22.75, 12.1)])
def test_a_field_is_drawn_around_its_centre(centre):
    """Positive inside a disc of six pixels: what is drawn has its area and its centre."""
    at = torch.linspace(-REACH, REACH, CELLS)
    disc = 6.0 - torch.hypot(at[:, None], at[None, :])
    outline = Outline()
    outline.net = nn.Sequential(nn.Linear(FORM + T, 1), nn.Linear(1, CELLS**2))
    for weights in outline.net.parameters():
        nn.init.zeros_(weights)
    outline.net[1].bias.data = 4 * disc.flatten()
    with torch.inference_mode():
        alpha = outline(torch.zeros(1, FORM), torch.tensor([3]), torch.tensor([centre])).sigmoid()[0].double()
    across, down = ((alpha.sum(axis) * (torch.arange(32) + 0.5)).sum() / alpha.sum() for axis in (0, 1))
    assert (across.item(), down.item()) == pytest.approx(centre, abs=0.05)
    assert alpha.sum().item() == pytest.approx(np.pi * 36, rel=0.03)


def test_the_parts_see_only_their_fields():
    red, blue = numbers_of([parse("a red star spins clockwise on black"), parse("a blue star spins clockwise on gray")])
    one, two = (code(numbers[None], painted=False) for numbers in (red, blue))
    assert torch.equal(one, two) and one.shape == (1, FORM) and one.sum() == 5
    assert not torch.equal(code(red[None], painted=True), code(blue[None], painted=True))


def test_a_short_run_paints_what_it_was_asked_for_in_part():
    """Minutes are needed for outlines; after seconds ground and color are right, and a film is the same for the same seed."""
    paint = next(entry(words=150, clips=300, colors=600, outlines=120, tracks=20))
    captions = ["a large red circle moves left on cream", "a large blue square moves right on black"]
    films = paint(captions, 1)
    assert films.shape == (2, 16, 32, 32, 3) and np.array_equal(films, paint(captions, 1))
    assert not np.array_equal(films, paint(captions, 2))
    corner = films[:, 0, 0, 0].astype(int)
    assert corner[0].min() > 150 and corner[1].max() < 80
    figure = [film[abs(film.astype(int) - film[0, 0, 0]).sum(-1) > 60].mean(0) for film in films]
    assert figure[0][0] > figure[0][2] and figure[1][2] > figure[1][0]
