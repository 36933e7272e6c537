"""The round trip's losses: by hand, and who gets a gradient from which."""

import pytest
import torch

from t2v_edu.losses.cycle import cycle_loss, text_cycle, video_cycle

FILMS = torch.tensor([[1.0, 2.0], [3.0, 5.0]])


def test_the_way_of_text_by_hand():
    film = {"a": FILMS[0], "b": FILMS[1]}
    heard = []

    def log_prob(video, captions):
        heard.append(list(captions))
        return -video.sum(1)  # 3 and 8 nats

    made = text_cycle(["a", "b"], lambda captions: torch.stack([film[c] for c in captions]), log_prob, ["甲", "乙"])
    assert made.item() == pytest.approx(5.5) and heard == [["甲", "乙"]]
    text_cycle(["a", "b"], lambda captions: FILMS, log_prob)
    assert heard[1] == ["a", "b"]


def test_the_way_of_video_by_hand():
    # φ sums each film; told both are "x", which is filmed as (0, 1): ½ · mean((3 − 1)², (8 − 1)²)
    loss = video_cycle(FILMS, lambda video: ["x"] * len(video), lambda told: torch.tensor([[0.0, 1.0]] * len(told)),
                       lambda video: video.sum(1, keepdim=True))
    assert loss.item() == pytest.approx(0.5 * (4 + 49) / 2)


def test_only_the_film_made_again_gets_a_gradient():
    video, weight, eye = FILMS.clone().requires_grad_(), torch.tensor(2.0, requires_grad=True), torch.ones(2, requires_grad=True)
    asked = []

    def caption(film):
        asked.append(torch.is_grad_enabled())
        return ["x", "y"]

    loss = video_cycle(video, caption, lambda told: weight * torch.ones(2, 2), lambda film: film * eye)
    loss.backward()
    assert asked == [False] and video.grad is None and weight.grad is not None
    # ∂/∂w ½·mean((w − v)²) = mean(w − v)
    assert weight.grad.item() == pytest.approx((2 - FILMS).mean().item())


def test_text_gradients_reach_both_sides():
    g, d = torch.tensor(1.5, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    s = torch.tensor([1.0, -2.0])
    text_cycle(["1", "-2"], lambda c: g * s, lambda film, c: -0.5 * (s - d * film) ** 2).backward()
    off = (1 - 0.75) * 2.5  # mean of s² is 2.5
    assert g.grad.item() == pytest.approx(-0.5 * off) and d.grad.item() == pytest.approx(-1.5 * off)


def test_the_sum_and_its_weights():
    loss = cycle_loss(torch.tensor(2.0), torch.tensor(0.3), lambda_text=0.5, lambda_video=10.0)
    assert loss.total.item() == pytest.approx(4.0) and loss.text.item() == 2.0 and loss.video.item() == pytest.approx(0.3)


@pytest.mark.parametrize("weights, told", [((-1.0, 0.0), "lambda_text -1.0"), ((0.0, float("inf")), "lambda_video inf"),
                                           ((float("nan"), 0.0), "lambda_text nan")])
def test_bad_weights_are_refused(weights, told):
    with pytest.raises(ValueError, match=told):
        cycle_loss(torch.tensor(1.0), torch.tensor(1.0), lambda_text=weights[0], lambda_video=weights[1])


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"2 films \(2, 2\) need as many captions, not 1"):
        video_cycle(FILMS, lambda v: ["x"], lambda t: FILMS, lambda v: v)
    with pytest.raises(ValueError, match=r"log-probabilities \(1,\), not \(2, 2\)"):
        text_cycle(["a"], lambda c: FILMS, lambda v, c: v)
    with pytest.raises(ValueError, match="at least one caption"):
        text_cycle([], lambda c: FILMS, lambda v, c: v)
    with pytest.raises(ValueError, match=r"two scalars, not \(2,\) and \(\)"):
        cycle_loss(torch.ones(2), torch.tensor(1.0), lambda_text=1, lambda_video=1)
