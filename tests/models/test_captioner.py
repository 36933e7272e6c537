"""The captioner: its probabilities against PyTorch's own cell and a softmax by hand, its captions, what it refuses."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from t2v_edu.datasets import WorldStream
from t2v_edu.models.captioner import Captioner, CaptionerConfig
from t2v_edu.models.glimpse import patches
from t2v_edu.models.narrator import split
from t2v_edu.training.captioner import fit, plain_captions
from t2v_edu.video import to_tensor

CAPTIONS = ["a red circle moves left", "一个红色的圆形向左移动", "a blue star"]


def tiny(cell: str = "gru", glimpses: int = 2) -> Captioner:
    torch.manual_seed(1)
    return Captioner.fit(CAPTIONS, CaptionerConfig("2+1d", 2, glimpses, cell, 6, 10)).eval()


def films(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, 8, 16, 16, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)


@pytest.mark.parametrize("cell, glimpses", [("gru", 0), ("lstm", 3)])
@torch.no_grad()
def test_its_probability_is_that_of_the_formula(cell: str, glimpses: int) -> None:
    """PyTorch's cell, one symbol after the other, attention spelled out."""
    model, video = tiny(cell, glimpses), films()
    own = nn.GRUCell(6, 10) if cell == "gru" else nn.LSTMCell(6, 10)
    own.load_state_dict(model.narrator.cell.state_dict())
    symbols, found = model.narrator.symbols, model.log_prob(video, CAPTIONS)
    for film, caption, log_prob in zip(video, CAPTIONS, found, strict=True):
        maps = model.film.maps(film[None])[-1][0]  # (D, T, H, W)
        notes = []
        for t, y, x in itertools.product(*map(range, maps.shape[1:])):
            here = [2 * (i + 0.5) / n - 1 for i, n in zip((t, y, x), maps.shape[1:], strict=True)]
            notes.append(F.relu(model.note(torch.cat([maps[:, t, y, x], torch.tensor(here)]))))
        if model.glimpse is not None:
            seen = patches(film[None], glimpses)
            for pixels, place in zip(seen.pixels[0], seen.places[0], strict=True):
                notes.append(F.relu(model.glimpse.note(torch.cat([model.glimpse.net(pixels[None])[0], place]))))
        memory = torch.stack(notes)  # (N, hidden)
        first = torch.tanh(model.begin(memory.mean(0, keepdim=True)))
        state = first if cell == "gru" else tuple(first.chunk(2, 1))
        total, last = 0.0, "<zh>" if caption[0] == "一" else "<en>"
        for symbol in [*split(caption), "<end>"]:
            state = own(model.narrator.embed(torch.tensor([symbols.index(last)])), state)
            h = state if cell == "gru" else state[0]
            weights = F.softmax(model.key(memory) @ model.query(h)[0] / 10**0.5, 0)
            logits = model.narrator.out(torch.tanh(model.mix(torch.cat([h, (weights @ memory)[None]], 1))))[0]
            total += F.log_softmax(logits, 0)[symbols.index(symbol)].item()
            last = symbol
        assert log_prob.item() == pytest.approx(total, abs=1e-4)


@torch.no_grad()
def test_padding_and_neighbours_change_nothing() -> None:
    model, video = tiny(), films()
    alone = [model.log_prob(video[i : i + 1], [c]).item() for i, c in enumerate(CAPTIONS)]
    assert model.log_prob(video, CAPTIONS).tolist() == pytest.approx(alone, abs=1e-5)
    symbols = sum(len(split(c)) + 1 for c in CAPTIONS)
    assert model.loss(video, CAPTIONS).item() == pytest.approx(-sum(alone) / symbols, abs=1e-5)
    said = model.describe(video, "zh", longest=6)
    assert said == [model.describe(film[None], "zh", longest=6)[0] for film in video]


@torch.no_grad()
def test_a_beams_probability_is_the_captions_own() -> None:
    model, video = tiny(), films(1)
    allowed = torch.ones(len(model.narrator.symbols), dtype=torch.bool)
    allowed[[model.narrator.symbols.index(start) for start in ("<en>", "<zh>")]] = False  # neither can come in a sentence
    caption = "a star"
    ids, targets, _ = model.narrator.encode([caption])
    p = model(video, ids)[0][:, allowed].log_softmax(-1)
    wanted = sum(p[i, int(allowed[:t].sum())].item() for i, t in enumerate(targets[0].tolist()))
    every = model.candidates(video, "en", width=4000, longest=3)
    assert {model.spell(s): s.log_prob for s in every}[caption] == pytest.approx(wanted, abs=1e-4)
    best = model.candidates(video, "en", width=4, longest=8)
    assert [s.log_prob for s in best] == sorted((s.log_prob for s in best), reverse=True)
    assert model.describe(video, "en", width=4, longest=8) == [model.spell(best[0])]


@torch.no_grad()
def test_where_it_looks_is_a_distribution_over_the_film() -> None:
    wide, close = tiny(glimpses=2).look(films(1), CAPTIONS[0])
    assert wide.shape == (len(split(CAPTIONS[0])) + 1, 2, 2, 2) and close.shape == (6, 2)
    assert (wide.sum((1, 2, 3)) + close.sum(1)).tolist() == pytest.approx([1.0] * 6, abs=1e-5)
    wide, close = tiny(glimpses=0).look(films(1), CAPTIONS[0])
    assert wide.sum((1, 2, 3)).tolist() == pytest.approx([1.0] * 6, abs=1e-5) and close.shape == (6, 0)


def disc(x: float, y: float, radius: float, size: int = 64) -> torch.Tensor:
    """A white disc on grey, the same in 8 frames; x, y and radius in [-1, 1] coordinates."""
    axis = (2 * torch.arange(size) + 1) / size - 1
    off = (axis[None] - x) ** 2 + (axis[:, None] - y) ** 2
    frame = torch.where(off < radius**2, torch.tensor(0.9), torch.tensor(-0.2))
    return frame.expand(1, 3, 8, size, size).clone()


def test_a_closer_look_finds_the_place_and_brings_it_to_one_size() -> None:
    small, large = patches(disc(0.4, -0.5, 0.15), 4), patches(disc(-0.2, 0.3, 0.45), 4)
    for seen, wanted in ((small, (0.4, -0.5, 0.15)), (large, (-0.2, 0.3, 0.45))):
        time, y, x, spread = seen.places[0].T
        assert time.tolist() == [-0.625, -0.125, 0.375, 0.875]  # frames 1, 3, 5, 7 of 8
        assert x.tolist() == pytest.approx([wanted[0]] * 4, abs=0.03) and y.tolist() == pytest.approx([wanted[1]] * 4, abs=0.03)
        assert spread.tolist() == pytest.approx([wanted[2] / 2**0.5] * 4, rel=0.1)
    assert (small.pixels - large.pixels)[:, :, 3].abs().mean() < 0.08  # the same silhouette
    assert small.pixels[..., 3, 8, 8].min() > 0.9 and small.pixels[..., 3, 0, 0].max() < 0.05


def test_a_closer_look_at_nothing_is_a_number() -> None:
    video = torch.full((1, 3, 8, 16, 16), 0.3, requires_grad=True)
    seen = patches(video, 2)
    assert seen.pixels.isfinite().all() and seen.places.isfinite().all()


def test_gradients_reach_the_film() -> None:
    video = films().requires_grad_()
    tiny().log_prob(video, CAPTIONS).sum().backward()
    assert video.grad is not None and bool((video.grad.flatten(1).abs().sum(1) > 0).all())
    plain = disc(0.4, -0.5, 0.15, 16).requires_grad_()  # all but the disc is exactly the background
    tiny().log_prob(plain, CAPTIONS[:1]).sum().backward()
    assert plain.grad is not None and bool(plain.grad.isfinite().all())


def test_it_learns_two_films_by_heart() -> None:
    stream = WorldStream("shapes", frames=8, size=16)
    clips = stream.batch(2, seed=3, step=0)
    torch.manual_seed(0)
    captions = [c for lang in ("en", "zh") for c in plain_captions(clips.scenes, lang)]
    model = Captioner.fit(captions, CaptionerConfig("frames", 4, 2, "gru", 16, 32))
    history = fit(model, [clips] * 60, steps=60, lr=2e-2)
    assert history[-1] < 0.1 < history[0]
    video = to_tensor(clips.frames)
    for lang in ("en", "zh"):
        assert model.describe(video, lang) == plain_captions(clips.scenes, lang) == model.describe(video, lang, width=3)


def test_saved_and_loaded_it_says_the_same(tmp_path: Path) -> None:
    model, video = tiny(), films()
    model.save_pretrained(tmp_path / "m")
    again = Captioner.from_pretrained(tmp_path / "m")
    torch.testing.assert_close(again.log_prob(video, CAPTIONS), model.log_prob(video, CAPTIONS))
    model.save_pretrained(tmp_path / "h", half=True)
    half = Captioner.from_pretrained(tmp_path / "h")
    assert half.narrator.symbols == model.narrator.symbols
    torch.testing.assert_close(half.log_prob(video, CAPTIONS), model.log_prob(video, CAPTIONS), atol=0.05, rtol=0.01)


def test_what_does_not_fit_is_refused() -> None:
    model, video = tiny(), films()
    for call, told in (
        (lambda: model.loss(video, CAPTIONS[:2]), r"3 films \(3, 3, 8, 16, 16\)"),
        (lambda: model.loss(video, "a star"), "3 films"),
        (lambda: model.loss(video, ["a green star", *CAPTIONS[:2]]), "'green'"), (lambda: model.describe(video, "fr"), "'fr'"),
        (lambda: model.candidates(video), "one film at a time"), (lambda: model.describe(video[:, :, 0]), r"\(3, 3, 16, 16\)"),
        (lambda: model.describe(video, width=0), "a beam of 0"), (lambda: CaptionerConfig(cell="rnm"), "'rnm'"),
        (lambda: CaptionerConfig(film="4d"), "'4d'"), (lambda: CaptionerConfig(glimpses=-1), "glimpses -1"),
        (lambda: Captioner.from_pretrained("nowhere"), "no model in 'nowhere'"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=told):
            call()
