"""Training the flow, its student and the autoencoder: what a step changes, what a run leaves behind, what stops it."""

import copy
import functools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from t2v_edu.losses.flow import flow_matching_loss, interpolate
from t2v_edu.models.flow_transformer import FlowConfig
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.video_autoencoder import VideoAutoencoder, VideoAutoencoderConfig
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.autoencoder import AutoencoderPlan, AutoencoderTrainee, moving
from t2v_edu.training.checkpoint import checkpoints
from t2v_edu.training.flow import FlowPlan, FlowTrainee, StudentTrainee, train_flow
from t2v_edu.training.latents import latent_clips
from t2v_edu.training.loop import Workers, run
from t2v_edu.training.sources import Worlds, captioned_scenes
from t2v_edu.video import to_tensor

SIZE = FlowConfig(frames=4, size=16, latent=4, text=16, width=24, heads=2, depth=2, fine=12, ends=1)
CODER = VideoAutoencoderConfig(latent=4, fine_in=8, coarse=12, fine_out=8, blocks=(1, 1, 1, 1))
SOURCE = Worlds(("shapes",), frames=4, size=16)
PLAN = FlowPlan(worlds=("shapes",), steps=8, batch=4, clips=8, warm_up=0, evaluate_every=100, save_every=2, lr=3e-3)


def model(seed=0):
    torch.manual_seed(seed)
    words = Tokenizer.fit(caption for (caption, _), _ in zip(captioned_scenes(SOURCE, 0), range(2000), strict=False))
    return FlowVideo(SIZE, words, VideoAutoencoder(CODER), ("shapes",), steps=2)


def clips(count=8):
    return latent_clips(SOURCE, VideoAutoencoder(CODER), count, seed=0)


def trainee(plan=PLAN):
    t = FlowTrainee(model(), plan, Workers("cpu"))
    t.show = ["a red circle moves left"]
    return t


def test_a_step_moves_the_whole_transformer_and_neither_words_nor_autoencoder():
    t = trainee(replace(PLAN, drop=0.5))
    before = {k: v.clone() for k, v in t.model.state_dict().items()}
    coder = copy.deepcopy(t.model.autoencoder.state_dict())
    for step, batch in zip(range(4), clips().batches(4, seed=0), strict=False):  # the last layer opens first
        t.step(batch, step)
    still = [k for k, v in t.model.state_dict().items() if torch.equal(v, before[k])]
    assert still == [k for k in before if k.startswith("text.")]
    assert all(torch.equal(v, coder[k]) for k, v in t.model.autoencoder.state_dict().items())


def test_it_learns_a_few_clips_by_heart():
    t = trainee(replace(PLAN, steps=160, drop=0.0, lr=1e-2))
    few = clips(4)
    losses = [t.step(batch, step)["loss"] for step, batch in zip(range(160), few.batches(4, seed=0), strict=False)]
    assert np.mean(losses[-40:]) < 0.7 * np.mean(losses[:20])


def test_the_loss_is_flow_matching_with_some_captions_left_out():
    t = trainee(replace(PLAN, drop=1.0))
    data, noise = torch.randn(4, 4, 1, 2, 2), torch.randn(4, 4, 1, 2, 2)
    torch.nn.init.normal_(t.model.transformer.velocity.weight)
    torch.nn.init.normal_(t.model.transformer.steer[1].weight)
    a = t.loss(["a red circle moves left"] * 4, data, noise, torch.Generator().manual_seed(0))
    b = t.loss(["a blue star spins"] * 4, data, noise, torch.Generator().manual_seed(0))
    torch.testing.assert_close(a, b)  # every caption was left out
    t.plan = replace(PLAN, drop=0.0, mean_time=0.7)
    a = t.loss(["a red circle moves left"] * 4, data, noise, torch.Generator().manual_seed(0))
    g = torch.Generator().manual_seed(0)
    at = torch.sigmoid(0.7 + torch.randn(4, generator=g))
    said = t.model.encode(["a red circle moves left"] * 4)
    torch.testing.assert_close(a, flow_matching_loss(lambda x, s: t.model.transformer(x, s, said), data, noise, at))


def test_a_compiled_step_is_the_plain_one(monkeypatch):
    """With a back end that writes no machine code: what is left is the padding of captions, which must change nothing."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    torch.manual_seed(3)
    whole = model()
    for p in whole.parameters():
        torch.nn.init.normal_(p, std=0.1)
    some, after = clips(), []
    for compiled in (False, True):
        t = FlowTrainee(copy.deepcopy(whole), replace(PLAN, lr=1e-3), Workers("cpu"), compiled=compiled)
        for step, batch in zip(range(2), some.batches(4, seed=0), strict=False):
            t.step(batch, step)
        after.append(t.model.state_dict())
    for name, tensor in after[0].items():
        torch.testing.assert_close(after[1][name], tensor, atol=1e-5, rtol=1e-5, msg=name)


def test_a_step_in_bfloat16_is_nearly_the_plain_one(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})  # others imitate it: slow, but the same
    torch.manual_seed(3)
    whole = model()
    for p in whole.parameters():
        torch.nn.init.normal_(p, std=0.1)
    some, losses, moved = clips(), [], []
    for bf16 in (False, True):
        t = FlowTrainee(copy.deepcopy(whole), replace(PLAN, lr=1e-3), Workers("cpu", bf16=bf16))
        losses.append(t.step(next(some.batches(4, seed=0)), 200)["loss"])
        assert all(p.dtype == torch.float32 for p in t.model.parameters())
        moved.append(torch.cat([(p - q).flatten() for p, q in zip(t.model.parameters(), whole.parameters(), strict=True)]))
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.02)
    assert torch.cosine_similarity(*moved, dim=0) > 0.9


def test_a_run_leaves_a_model_and_goes_on_to_the_same_weights(tmp_path):
    whole = trainee()
    run(whole, clips(), PLAN, tmp_path / "whole", Workers("cpu"))
    again = FlowVideo.from_pretrained(tmp_path / "whole" / "model")
    films = [m.generate(["a red circle moves left"], torch.Generator().manual_seed(0)) for m in (whole.average, again)]
    assert torch.equal(*films)

    class Killed(FlowTrainee):
        def step(self, batch, step):
            if step == 5:
                raise RuntimeError("killed")
            return super().step(batch, step)

    part = Killed(model(), PLAN, Workers("cpu"))
    with pytest.raises(RuntimeError, match="killed"):
        run(part, clips(), PLAN, tmp_path / "part", Workers("cpu"))
    rest = trainee()
    run(rest, clips(), PLAN, tmp_path / "part", Workers("cpu"), resume=True)
    for name, tensor in rest.model.state_dict().items():
        torch.testing.assert_close(tensor, whole.model.state_dict()[name], msg=name)


def test_a_run_may_start_with_a_trained_model(tmp_path):
    """Its words stay, and after one step of a rate near zero it is still itself, whatever the plan says of size and warm-up."""
    begun = model(seed=3)
    before = copy.deepcopy(begun.state_dict())
    plan = replace(PLAN, worlds=("shapes", "shapes:spins"), steps=1, warm_up=5, lr=1e-9)
    average = train_flow(plan, tmp_path / "run", begun.autoencoder, start=begun, device="cpu")
    assert average.worlds == ("shapes",) and average.config == SIZE
    for name, tensor in FlowVideo.from_pretrained(tmp_path / "run" / "model").state_dict().items():
        torch.testing.assert_close(tensor, before[name], atol=1e-6, rtol=0, msg=name)


def test_worlds_with_strange_words_are_refused_before_the_first_step(tmp_path):
    with pytest.raises(ValueError, match=r"never saw these words of the data: .*puppy"):
        train_flow(replace(PLAN, worlds=("story",)), tmp_path / "run", model().autoencoder, start=model(), device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_as_what_it_began(tmp_path):
    """A decoder's run as a whole autoencoder's would move the latents; a student's as a flow's would unlearn its few looks."""
    plan = AutoencoderPlan(worlds=("shapes",), steps=1, batch=2, frames=4)
    kinds = {"decoder": AutoencoderTrainee(VideoAutoencoder(CODER), replace(plan, decoder=True), Workers("cpu")),
             "autoencoder": AutoencoderTrainee(VideoAutoencoder(CODER), plan, Workers("cpu"))}
    source = Worlds(("shapes",))
    run(kinds["decoder"], source, plan, tmp_path / "coder", Workers("cpu"))
    with pytest.raises(ValueError, match=r"another kind \(decoder, not autoencoder\)"):
        run(kinds["autoencoder"], source, replace(plan, steps=2), tmp_path / "coder", Workers("cpu"), resume=True)
    run(kinds["decoder"], source, replace(plan, steps=2), tmp_path / "coder", Workers("cpu"), resume=True)
    assert StudentTrainee.recipe != FlowTrainee.recipe


def test_the_average_is_a_running_mean():
    t, batch = trainee(), next(clips().batches(4, seed=0))
    t.step(batch, 0)
    first = copy.deepcopy(t.model.transformer.state_dict())
    t.step(batch, 1)
    for name, tensor in t.average.transformer.named_parameters():
        now = t.model.transformer.state_dict()[name]
        torch.testing.assert_close(tensor.data, first[name] / 21 + now * 20 / 21, msg=name)


def test_a_nan_in_a_batch_stops_the_run_and_leaves_the_last_good_checkpoint(tmp_path):
    some = clips()
    t = trainee()
    run(t, some, replace(PLAN, steps=4), tmp_path, Workers("cpu"))
    some.latents[:] = math.nan
    with pytest.raises(ValueError, match=r"step 4: loss is not a finite number.*step-00000004"):
        run(trainee(), some, PLAN, tmp_path, Workers("cpu"), resume=True)
    assert checkpoints(tmp_path)[-1].name == "step-00000004"


def test_the_student_learns_the_mean_velocity_of_a_piece():
    """With the teacher's own weights and one step within a piece, student and teacher agree: the loss is 0."""
    teacher = model()
    torch.manual_seed(2)
    for p in teacher.transformer.parameters():
        torch.nn.init.normal_(p, std=0.1)
    teacher.guidance = 1.0
    data, noise = torch.randn(2, 4, 1, 2, 2), torch.randn(2, 4, 1, 2, 2)
    said = ["a red circle moves left"] * 2
    alike = StudentTrainee(teacher, replace(PLAN, within=1), Workers("cpu"))
    assert alike.loss(said, data, noise, torch.Generator().manual_seed(0)).max() < 1e-10
    teacher.contrast = {"shapes": 0.5}  # the student learns that, too
    t = StudentTrainee(teacher, replace(PLAN, within=4, looks=2), Workers("cpu"))
    assert (t.model.steps, t.model.guidance, t.model.contrast) == (2, 1.0, {})
    g = torch.Generator().manual_seed(3)
    at = int(torch.randint(2, (), generator=g)) / 2
    start = interpolate(noise, data, torch.full((2,), at))
    x = start
    field = teacher.field(said)
    for k in range(4):
        x = x + 0.125 * field(x, torch.full((2,), at + 0.125 * k))
    want = ((field(start, torch.full((2,), at)) - (x - start) / 0.5) ** 2).flatten(1).mean(1)
    torch.testing.assert_close(t.loss(said, data, noise, torch.Generator().manual_seed(3)), want)


def test_a_student_of_a_contrasted_teacher_may_learn_in_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    teacher = model()
    torch.manual_seed(2)
    for p in teacher.transformer.parameters():
        torch.nn.init.normal_(p, std=0.1)
    teacher.contrast = {"shapes": 0.5}
    batch = next(clips().batches(4, seed=0))
    plain, short = (StudentTrainee(copy.deepcopy(teacher), PLAN, Workers("cpu", bf16=bf16)).step(batch, 0)["loss"]
                    for bf16 in (False, True))
    assert plain != short and short == pytest.approx(plain, rel=0.05)


def test_the_student_comes_closer_and_the_teacher_stays():
    teacher = model()
    torch.manual_seed(2)
    for p in teacher.transformer.parameters():
        torch.nn.init.normal_(p, std=0.1)
    before = copy.deepcopy(teacher.state_dict())
    t = StudentTrainee(teacher, replace(PLAN, steps=60, looks=1, lr=3e-3), Workers("cpu"))
    losses = [t.step(batch, step)["loss"] for step, batch in zip(range(60), clips().batches(4, seed=0), strict=False)]
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:10])
    assert all(torch.equal(v, before[k]) for k, v in teacher.state_dict().items())


def test_the_autoencoder_learns_and_standardises(tmp_path):
    plan = AutoencoderPlan(worlds=("shapes",), steps=100, batch=4, frames=4, evaluate_every=100, save_every=100, lr=5e-3)
    torch.manual_seed(0)
    t = AutoencoderTrainee(VideoAutoencoder(CODER), plan, Workers("cpu"))
    history = run(t, Worlds(("shapes",)), plan, tmp_path, Workers("cpu"))
    assert np.mean(history["MSE"][-10:]) < 0.5 * history["MSE"][0]
    made = VideoAutoencoder.from_pretrained(tmp_path / "model")
    assert (made.deviation != 1).all() and (tmp_path / "samples" / "step-00000100.mp4").stat().st_size > 1000


def test_what_moves_is_where_a_film_leaves_what_it_shows_most_of_the_time():
    film = torch.full((1, 3, 8, 4, 4), -0.5)
    film[0, 1, 2, 3, 0] = 0.5  # one pixel lights up in one frame
    film[0, :, :, 0, 3] += 0.05 * torch.linspace(-1, 1, 8)  # and one flickers a little
    found = moving(film)
    assert found.shape == (1, 1, 8, 4, 4) and found.nonzero().tolist() == [[0, 0, 2, 3, 0]]


def test_what_moves_counts_more():
    batch = Worlds(("shapes",), frames=4, size=16).batch(4, seed=0, step=0)
    plan = AutoencoderPlan(worlds=("shapes",), steps=10, batch=4, frames=4)
    plain, more = (AutoencoderTrainee(VideoAutoencoder(CODER), replace(plan, motion=m), Workers("cpu")) for m in (0.0, 4.0))
    more.model.load_state_dict(plain.model.state_dict())
    video = to_tensor(batch.frames)
    a, b = plain.step(batch, 0), more.step(batch, 0)
    assert a["MSE"] < b["MSE"] < 5 * a["MSE"] and 0 < moving(video).mean() < 0.5


def test_noise_takes_each_clips_latents_off_by_another_share_of_their_deviation():
    batch = Worlds(("shapes",), frames=4, size=16).batch(4, seed=0, step=0)
    plan = AutoencoderPlan(worlds=("shapes",), steps=10, batch=4, frames=4)
    drawn = []
    for noise in (0.0, 0.5):
        torch.manual_seed(0)
        t = AutoencoderTrainee(VideoAutoencoder(CODER), replace(plan, noise=noise), Workers("cpu"))
        t.model.deviation.copy_(torch.arange(1.0, 5.0))
        t.model.decoder.register_forward_pre_hook(lambda _, seen: drawn.append(seen[0].detach()))
        t.step(batch, 0)
    off = (drawn[1] - drawn[0]) / torch.arange(1.0, 5.0)  # (4, 1, 2, 2, 4), in deviations
    share = off.square().flatten(1).mean(1).sqrt()
    assert len({round(float(s), 4) for s in share}) == 4 and 0 < share.min() and share.max() < 0.5 * 1.6  # of 16 numbers each


def test_a_decoder_alone_leaves_the_latents_as_they_are(tmp_path):
    start = AutoencoderPlan(worlds=("shapes",), steps=40, batch=4, frames=4, evaluate_every=100, save_every=100, lr=5e-3)
    torch.manual_seed(0)
    t = AutoencoderTrainee(VideoAutoencoder(CODER), start, Workers("cpu"))
    run(t, Worlds(("shapes",)), start, tmp_path / "whole", Workers("cpu"))
    before = VideoAutoencoder.from_pretrained(tmp_path / "whole" / "model")
    plan = replace(start, decoder=True, seed=1)
    t = AutoencoderTrainee(VideoAutoencoder.from_pretrained(tmp_path / "whole" / "model"), plan, Workers("cpu"))
    history = run(t, Worlds(("shapes",)), plan, tmp_path / "decoder", Workers("cpu"))
    after = VideoAutoencoder.from_pretrained(tmp_path / "decoder" / "model")
    video = to_tensor(Worlds(("shapes",), frames=4, size=16).batch(4, seed=5, step=0).frames)
    latents = before.encode(video)
    assert torch.equal(after.encode(video), latents) and not torch.equal(after.decode(latents), before.decode(latents))
    assert np.mean(history["MSE"][-10:]) < np.mean(history["MSE"][:10])


@pytest.mark.parametrize("make, told", [
    (lambda: FlowPlan(batch=0), "batch 0"), (lambda: FlowPlan(looks=0), "looks 0"), (lambda: FlowPlan(size="huge"), "'huge'"),
    (lambda: FlowPlan(drop=1.5), "drop 1.5"), (lambda: FlowPlan(mean_time=math.inf), "mean time inf"),
    (lambda: AutoencoderPlan(steps=0), "steps 0"),
    (lambda: AutoencoderPlan(frames=6), "frames 6"), (lambda: AutoencoderPlan(frames=20), "frames 20"),
    (lambda: AutoencoderPlan(lr=math.nan), "lr nan"), (lambda: AutoencoderPlan(kl=-1.0), "kl -1"),
])  # fmt: skip
def test_plans_that_cannot_be_are_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_rates_rise_stay_and_fall():
    plan = FlowPlan(steps=1000, lr=1.0, fall=0.4)
    assert [round(plan.rate(s), 3) for s in (0, 49, 99, 300, 600, 800, 999)] == [0.01, 0.5, 1, 1, 1, 0.5, 0.003]
