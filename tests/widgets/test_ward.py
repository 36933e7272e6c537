"""The ward: its games in Python and JavaScript, what its measurements decide, and its life in a browser."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from node import needs_node, run
from pages import Tab, write_page

from t2v_edu.clinic.ward import DIAGNOSES, FRICTION, PATIENTS, PROBES, TURNS, Game, course, losses, probes, pulls, turn
from t2v_edu.losses.adversarial import non_saturating_d, non_saturating_g
from t2v_edu.widgets import Ward

STATES = [Game(theta, psi, b) for theta in (-3.0, -1.0, 0.4, 1.0) for psi in (-2.0, 0.0, 0.7, 5.0) for b in (-1.0, 0.0, 3.0)]


@needs_node
def test_every_game_is_the_same_in_javascript(tmp_path: Path) -> None:
    cases = [[bug, [g.theta, g.psi, g.b]] for bug in DIAGNOSES for g in STATES]
    body = """return given.map(([bug, [theta, psi, b]]) => {
        const p = wardPulls(bug, { theta, psi, b });
        return [p.dPsi, p.dB, p.gPsi, p.gB, p.dTheta, p.gTheta, ...wardLosses(bug, psi + b, psi * theta + b)];
    });"""
    got = run(tmp_path, body, cases, sources=("ward_math",), exports=("wardPulls", "wardLosses"))
    for (bug, (theta, psi, b)), theirs in zip(cases, got, strict=True):
        p = pulls(bug, Game(theta, psi, b))
        ours = [p.d_on_psi, p.d_on_b, p.g_on_psi, p.g_on_b, p.d_on_theta, p.g_on_theta, *losses(bug, psi + b, psi * theta + b)]
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-12)


@needs_node
def test_courses_and_probes_are_the_same_in_javascript(tmp_path: Path) -> None:
    got = run(tmp_path, "return given.map((bug) => [wardCourse(bug), wardProbes(bug)]);", list(PATIENTS), sources=("ward_math",),
              exports=("wardCourse", "wardProbes"))
    for bug, (rows, found) in zip(PATIENTS, got, strict=True):
        np.testing.assert_allclose(rows, course(bug), rtol=0, atol=1e-9)
        np.testing.assert_allclose(found, probes(bug), rtol=0, atol=1e-12)


class TestGames:
    @pytest.mark.parametrize("bug", DIAGNOSES)
    def test_gradients_are_autograd_s_of_the_program_it_stands_for(self, bug: str) -> None:
        """Each mistake written as PyTorch code with that mistake."""
        for g in STATES:
            theta, psi, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (g.theta, g.psi, g.b))

            def d(x: Any, psi: Any = psi, b: Any = b) -> Any:
                score = (psi * x + b).reshape(1)
                return score.sigmoid() if bug == "twice" else score

            one = torch.ones(1, dtype=torch.float64)
            seen = theta if bug == "cancels" else theta.detach()
            loss_d = F.softplus(-d(one)).mean() + (F.softplus(-d(seen)) if bug == "labels" else F.softplus(d(seen))).mean()
            loss_g = (F.softplus(d(theta)) if bug == "flees" else F.softplus(-d(theta))).mean()
            assert (loss_d.item(), loss_g.item()) == pytest.approx(losses(bug, g.psi + g.b, g.psi * g.theta + g.b))
            d_psi, d_b, d_theta = torch.autograd.grad(loss_d + FRICTION / 2 * psi**2, (psi, b, theta), allow_unused=True)
            g_psi, g_b, g_theta = torch.autograd.grad(loss_g, (psi, b, theta))
            p = pulls(bug, g)
            learns, leaks = bug != "frozen", bug in ("shared", "cancels")
            assert (p.d_on_psi, p.d_on_b) == pytest.approx((learns * d_psi.item(), learns * d_b.item()))
            assert (p.g_on_psi, p.g_on_b) == pytest.approx((leaks * g_psi.item(), leaks * g_b.item()))
            assert p.g_on_theta == pytest.approx(g_theta.item())
            assert p.d_on_theta == pytest.approx(0.0 if d_theta is None else d_theta.item())

    def test_a_healthy_game_is_that_of_chapter_08_and_arrives(self) -> None:
        real, made = torch.tensor([0.3]), torch.tensor([-1.2])
        wanted = non_saturating_d(real, made).item(), non_saturating_g(made).item()
        assert losses("healthy", 0.3, -1.2) == pytest.approx(wanted, abs=1e-6)
        assert course("healthy")[-1][2] == pytest.approx(1.0, abs=0.05)
        assert course("healthy")[-1][0] == pytest.approx(math.log(4), abs=0.01)

    def test_who_is_sick_shows_it(self) -> None:
        """None of the others is both where it should be and at log 4."""
        for bug in set(DIAGNOSES) - {"healthy"}:
            loss_d, _, theta = course(bug)[-1]
            assert abs(theta - 1) > 0.2 or abs(loss_d - math.log(4)) > 0.1, bug

    def test_the_probes_tell_all_apart(self) -> None:
        signs = {bug: (round(pays, 2), leak > 1e-9, learn > 1e-9, round(rise, 3)) for bug, (pays, leak, learn, rise)
                 in ((bug, probes(bug)) for bug in DIAGNOSES)}
        assert len(set(signs.values())) == len(DIAGNOSES)
        assert signs["twice"][0] == 1.01 and signs["flees"][3] == -signs["healthy"][3] and signs["cancels"][3] == 0

    def test_an_unknown_diagnosis_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"no diagnosis 'flu'; there are healthy"):
            losses("flu", 0, 0)

    def test_a_turn_by_hand(self) -> None:
        """From θ = −1, ψ = b = 0: D moves by 0.3 · (½ + ½, ½ − ½), then G by 0.3 · σ(0.3) · 0.3."""
        after = turn("healthy", Game())
        assert (after.psi, after.b) == pytest.approx((0.3, 0.0))
        assert after.theta == pytest.approx(-1 + 0.3 * 0.3 / (1 + math.exp(-0.3)))


def test_its_picture_tells_what_was_measured() -> None:
    pixels, text = Ward().picture()
    assert pixels.dtype == np.uint8 and text.endswith("Nothing measured yet.")
    assert text.startswith(f"Patient 1 after {TURNS} turns")
    assert f"{PROBES[0]}: 1.006" in Ward(measured=1).told() and PROBES[1] not in Ward(measured=1).told()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("site"), [Ward()]).as_uri()


def shown(t: Tab, url: str) -> Tab:
    t.page.goto(url)
    t.page.wait_for_selector(".t2v-ward-probes")
    return t


class TestInABrowser:
    def test_measuring_and_guessing(self, tab: Callable[..., Tab], page: str) -> None:
        t = shown(tab(), page)
        values = t.page.locator(".t2v-ward-probes output")
        assert values.all_text_contents() == ["?"] * 4
        t.page.get_by_label(PROBES[0]).check()
        t.page.wait_for_function("location.hash.includes('w1.measured=1')")
        assert values.all_text_contents() == ["1.006", "?", "?", "?"]
        choose = t.page.get_by_role("combobox", name="Your diagnosis")
        choose.select_option("healthy")
        t.page.get_by_text("No. Which measurement").wait_for()
        choose.select_option("twice")
        t.page.get_by_text(f"Right: {DIAGNOSES['twice']}.").wait_for()
        t.page.get_by_role("combobox", name="Patient").select_option("6")
        t.page.wait_for_function("location.hash.includes('w1.patient=6')")
        assert values.all_text_contents() == ["?"] * 4
        assert f"L_D {course('flees')[-1][0]:.3f}" in t.page.locator(".t2v-ward p[role=status]").first.text_content()
        t.page.get_by_role("button", name="Reset").click()
        t.page.wait_for_function("location.hash === ''")
        t.is_clean(page.rsplit("/pages", 1)[0])

    def test_nonsense_in_the_address_shows_something(self, tab: Callable[..., Tab], page: str) -> None:
        t = shown(tab(), f"{page}#w1.patient=99&w1.measured=1e9&w1.guess=flu")
        assert t.page.get_by_role("combobox", name="Patient").input_value() == "6"
        t.is_clean(page.rsplit("/pages", 1)[0])

    @pytest.mark.parametrize("width", [400, 800])
    def test_nothing_sticks_out_and_all_is_named(self, tab: Callable[..., Tab], page: str, width: int) -> None:
        t = shown(tab(viewport={"width": width, "height": 900}), page)
        assert t.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        unnamed = "es => es.filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim()).length"
        assert t.page.eval_on_selector_all("select, input, button", unnamed) == 0
