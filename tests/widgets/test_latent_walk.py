"""The latent walk: one decoder in Python and JavaScript, and alive in the browser from a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.losses.reconstruction import latent_kl
from t2v_edu.models.autoencoder import AutoencoderConfig, FrameVAE
from t2v_edu.widgets import LatentWalk
from t2v_edu.widgets.latent_walk import pack, rounded

MATHS: dict[str, Any] = {"sources": ("latent_math",), "exports": ("unpackWeights", "decodeLatents", "codeOnTheWay")}


def vae(latents: int = 10, size: int = 16, width: int = 3) -> FrameVAE:
    torch.manual_seed(0)
    return FrameVAE(AutoencoderConfig(latents, size, width)).eval()


def frames(count: int = 3, size: int = 16) -> torch.Tensor:
    return 2 * torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1)) - 1


def walk(**more: Any) -> LatentWalk:
    return LatentWalk(vae(), frames(), ["one", "two", "three"], **more)


@needs_node
@pytest.mark.parametrize(("latents", "size", "width"), [(10, 16, 3), (2, 32, 2), (1, 8, 1), (5, 24, 4)])
def test_the_decoders_agree(tmp_path: Path, latents: int, size: int, width: int) -> None:
    model = vae(latents, size, width)
    z = 2 * torch.randn(12, latents, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    given = {"weights": pack(model.decoder.double()), "z": z.tolist(), "size": size}
    body = "const p = unpackWeights(given.weights); return given.z.map((z) => Array.from(decodeLatents(p, z, given.size)));"
    got = np.array(run(tmp_path, body, given, **MATHS))
    with torch.no_grad():
        ours = rounded(model.decoder)(z).flatten(1).numpy()
        exact = model.decoder(z).flatten(1).numpy()
    assert ours.std() > 0.05
    np.testing.assert_allclose(got, ours, rtol=0, atol=1e-12)
    assert np.abs(ours - exact).max() < 2e-3  # what the rounding of the weights does


@needs_node
def test_the_codes_on_the_way_agree(tmp_path: Path) -> None:
    widget = walk(start=2, end=1)
    settings = [{"way": way, "shift0": a, "shift3": b} for way in (0, 7, 20) for a in (-4.0, 0.0, 1.4) for b in (0.0, 2.2)]
    body = """return given.settings.map((s) => codeOnTheWay(given.from, given.to, s.way / 20, given.dials,
        given.dials.map((_, i) => s[`shift${i}`] ?? 0)));"""
    given = {"settings": settings, "from": widget.codes[2], "to": widget.codes[1], "dials": widget.dials}
    got = run(tmp_path, body, given, **MATHS)
    for setting, theirs in zip(settings, got, strict=True):
        for name, value in setting.items():
            setattr(widget, name, value)
        np.testing.assert_allclose(theirs, widget.code(), rtol=0, atol=1e-5, err_msg=str(setting))


def test_dials_are_for_the_loudest_latents_and_the_quietest() -> None:
    widget = walk()
    with torch.no_grad():
        cost = latent_kl(*vae().posterior(frames()))
    order = cost.argsort(descending=True).tolist()
    assert widget.dials == [*order[:7], order[9]] and len(widget.nats) == 8
    assert widget.nats == sorted(widget.nats, reverse=True)
    assert len(LatentWalk(vae(2), frames(), ["a", "b", "c"]).dials) == 2


def test_its_picture_shows_the_way_and_a_dial() -> None:
    widget = walk()
    pixels, text = widget.picture()
    assert pixels.shape == (2 * 20 * 3, 5 * 20 * 3, 3) and "from one to two" in text
    first = pixels[6 : 18 * 3 : 3, 6 : 18 * 3 : 3]
    np.testing.assert_array_equal(first, widget.paint(torch.tensor(widget.codes[0])))


@pytest.mark.parametrize(("arguments", "complaint"), [
    ({"frames": frames(1), "names": ["one"]}, "1 frames and 1 names"), ({"names": ["one"]}, "3 frames and 1 names"),
    ({"end": 3}, "end 3: the frames are numbered 0 to 2"), ({"frames": frames(3, 8)}, r"\(3, 3, 8, 8\)"),
])  # fmt: skip
def test_what_it_cannot_show_is_quoted(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        LatentWalk(**{"model": vae(), "frames": frames(), "names": ["one", "two", "three"], **arguments})


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("walk"), [walk()])


def test_it_lives_from_a_file(tab: Callable[..., Tab], page: Path) -> None:
    t = tab()
    t.page.goto(page.as_uri())
    t.page.wait_for_selector(".t2v-formula")
    screens = [f".t2v-screen:nth-child({i}) canvas" for i in (1, 2, 3)]
    before = [t.picture(screen) for screen in screens]
    assert len(set(before)) == 3
    t.page.get_by_role("slider", name="the way").focus()
    t.page.keyboard.press("Home")
    t.page.wait_for_function("location.hash.includes('w1.way=0')")
    assert t.picture(screens[1]) == before[0]
    t.page.keyboard.press("End")
    t.page.wait_for_function("location.hash.includes('w1.way=20')")
    assert t.picture(screens[1]) == before[2]
    loudest = walk().dials[0]
    t.page.get_by_role("slider", name=f"z{loudest + 1},").focus()
    t.page.keyboard.press("End")
    t.page.wait_for_function("location.hash.includes('w1.shift0=4')")
    assert t.picture(screens[1]) != before[2] and t.picture(screens[2]) == before[2]
    t.menu("To").select_option("2")
    t.page.wait_for_function("location.hash.includes('w1.end=2')")
    assert t.picture(screens[2]) not in before
    t.page.get_by_role("button", name="Reset").click()
    t.page.wait_for_function("location.hash === ''")
    assert [t.picture(screen) for screen in screens] == before
    assert t.page.locator("[aria-live=polite]").count() == 1
    t.is_clean(page.parent.parent.as_uri())
