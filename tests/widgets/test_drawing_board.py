"""The drawing board: the page's generator draws what torch draws, and it is alive in the browser from a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.models.image_gan import ImageGAN, ImageGANConfig
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.widgets import DrawingBoard
from t2v_edu.widgets.drawing_board import SLOTS, TEMPLATE, pack, pack_generator, through_bytes, unpack

CONFIG = ImageGANConfig(size=32, text=6, noise=4, width=4)


def model(**changes: Any) -> ImageGAN:
    torch.manual_seed(0)
    gan = ImageGAN(dataclasses.replace(CONFIG, **changes), Tokenizer.fit([" ".join(w) for w in (*SLOTS.values(), TEMPLATE)]))
    with torch.no_grad():
        for weight in gan.parameters():  # nothing at zero, as after some training
            weight.add_(0.2 * torch.randn_like(weight))
    return gan.eval()


def test_bytes_keep_every_weight_to_half_a_step() -> None:
    noise, sizes = torch.Generator().manual_seed(0), torch.tensor([1e-6, 0.1, 1, 10, 0])
    weight = torch.randn(5, 3, 4, 4, generator=noise) * sizes.view(5, 1, 1, 1)
    step = weight.abs().amax((1, 2, 3), keepdim=True) / 127
    assert ((unpack(pack(weight)) - weight).abs() <= 0.501 * step + 1e-12).all()


@needs_node
@pytest.mark.parametrize("change", [{}, {"tell_g": "concat"}, {"size": 16}])
def test_the_page_draws_what_torch_draws(change: dict[str, Any], tmp_path: Path) -> None:
    gan = model(**change)
    noise, text = (torch.randn(5, n, generator=torch.Generator().manual_seed(n)) for n in (4, 6))
    body = """const deep = (n) => ("data" in n ? unpack(n) : Array.isArray(n) ? n.map(deep)
        : Object.fromEntries(Object.entries(n).map(([k, p]) => [k, deep(p)])));
    const net = deep(given.net);
    return given.noise.map((z, i) => Array.from(makePicture(net, z, given.text[i])));"""
    given = {"net": pack_generator(gan.generator), "noise": noise.tolist(), "text": text.tolist()}
    got = run(tmp_path, body, given, sources=("picture_math",), exports=("unpack", "makePicture"))
    with torch.no_grad():
        ours = through_bytes(gan.generator)(noise, text)
    np.testing.assert_allclose(np.array(got), ours.flatten(1).numpy(), atol=2e-5)
    assert ours.std() > 0.1


@needs_node
def test_the_page_reads_what_torch_reads(tmp_path: Path) -> None:
    gan = model()
    captions = ["a red circle", "a large blue star moves left on a gray background"]
    table, words = gan.words.embed.weight.tolist(), gan.tokenizer.words
    given = {"captions": [[table[words.index(w)] for w in c.split()] for c in captions],
             "norm": {"weight": gan.words.norm.weight.tolist(), "bias": gan.words.norm.bias.tolist()}}
    got = run(tmp_path, "return given.captions.map((c) => captionCode(c, given.norm));", given,
              sources=("picture_math",), exports=("captionCode",))
    with torch.no_grad():
        np.testing.assert_allclose(np.array(got), gan.encode(captions).numpy(), atol=1e-5)


def test_its_picture_is_what_the_model_draws() -> None:
    gan = model()
    widget = DrawingBoard(gan, color="blue")
    pixels, text = widget.picture()
    assert pixels.shape == (3 * 66, 3 * 202, 3) and "large blue circle moves right on a gray background" in text
    noise = torch.tensor(widget.noises[:12])
    with torch.no_grad():
        exact = gan.generator(noise, gan.encode([widget.caption()]).expand(12, -1))
    assert (widget.pictures() - exact).abs().max() < 0.15  # bytes for weights
    still = DrawingBoard(gan, strength=0).pictures()
    assert (still - still[:1]).abs().max() < 1e-6


@pytest.mark.parametrize(("arguments", "complaint"), [
    ({"color": "brown"}, "color 'brown'"), ({"mood": "happy"}, "mood 'happy'"), ({"strength": 40}, "strength 40"),
])  # fmt: skip
def test_what_it_cannot_show_is_quoted(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        DrawingBoard(model(), **arguments)


def test_a_model_without_the_words_is_refused() -> None:
    with pytest.raises(ValueError, match="never saw a, background, black"):
        DrawingBoard(ImageGAN(CONFIG, Tokenizer.fit(["un cercle rouge"])))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("board")
    write_page(root, [DrawingBoard(model())])
    return root


def test_it_lives_from_a_file(tab: Callable[..., Tab], page: Path) -> None:
    t = tab()
    t.page.goto((page / "pages" / "index.html").as_uri())
    t.page.wait_for_selector(".t2v-board canvas")
    first, second = (f".t2v-board canvas:nth-child({i})" for i in (1, 2))
    before = t.picture(first)
    assert before != t.picture(second)
    t.menu("color").select_option("blue")
    t.page.wait_for_function("document.querySelector('.t2v-formula').textContent.includes('blue circle')")
    assert t.picture(first) != before
    t.page.get_by_role("slider", name="strength of the noise").focus()
    t.page.keyboard.press("Home")
    t.page.wait_for_function("document.querySelectorAll('.t2v-formula')[1].textContent.includes('mean: 0.000')")
    assert t.picture(first) == t.picture(second)
    t.page.wait_for_function("location.hash.includes('w1.color=blue') && location.hash.includes('w1.strength=0')")
    t.page.get_by_role("button", name="Other noise").click()
    t.page.wait_for_function("location.hash.includes('w1.sheet=1')")
    t.page.get_by_role("button", name="Reset").click()
    t.page.wait_for_function("location.hash === ''")
    assert t.picture(first) == before
    assert t.page.locator("[aria-live=polite]").count() == 1
    t.is_clean(page.as_uri())
