"""The stabiliser: where a figure is, what moving it does to a film and what not, and which films it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from t2v_edu.models.flow_transformer import FlowConfig
from t2v_edu.models.flow_video import FlowVideo
from t2v_edu.models.stabiliser import FARTHEST, Stabiliser, StabiliserConfig, around, centroid, settle, stands_out
from t2v_edu.models.video_autoencoder import VideoAutoencoder, VideoAutoencoderConfig
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.stabiliser import places
from t2v_edu.video import to_tensor
from t2v_edu.world.motion import Take, stage
from t2v_edu.world.render import render
from t2v_edu.world.scene import Actor, Scene

SMALL = StabiliserConfig(frames=8, text=16, channels=4, width=12)
FLOW = FlowConfig(frames=8, size=16, latent=4, text=16, width=24, heads=2, depth=2, fine=12, ends=1)
CODER = VideoAutoencoderConfig(latent=4, fine_in=8, coarse=12, fine_out=8, blocks=(1, 1, 1, 1))
SAID = ["a red circle moves left", "a brown dog sits on the grass"]
CIRCLE = Scene((Actor("circle", "red", "medium", "moves", "right", "fast"),), "black")


def film(scene=CIRCLE, frames=8, size=32, take=None):
    return to_tensor(render(scene, frames, size, size, takes=(take or Take(),)))


def seen(video, scene=CIRCLE):
    return stands_out(video, places([scene], video.shape[-1]))


def stabiliser(seed=0):
    torch.manual_seed(seed)
    return Stabiliser(SMALL, ("shapes",)).eval()


def flow(**parts):
    torch.manual_seed(0)
    model = FlowVideo(FLOW, Tokenizer.fit(SAID), VideoAutoencoder(CODER), ("shapes", "story"), steps=2, **parts)
    torch.nn.init.normal_(model.transformer.velocity.weight)
    return model.eval()


def test_the_centroid_of_a_block_of_pixels():
    figure = torch.zeros(1, 1, 8, 16)
    figure[0, 0, 2:4, 4:8] = 0.7
    torch.testing.assert_close(centroid(figure), torch.tensor([[[6 / 16], [3 / 8]]]))
    assert torch.isfinite(centroid(torch.zeros(1, 2, 8, 8))).all()


def test_the_path_of_a_film_is_the_path_of_its_actor():
    at, = stage(CIRCLE, (Take(),), 8)
    path = centroid(seen(film()))[0].numpy()
    np.testing.assert_allclose(path, np.stack([at.x, at.y]), atol=0.02 / 32)


def test_what_stands_out_is_the_distance_of_colours():
    place, video = torch.full((1, 3, 1, 2, 2), -1.0), torch.full((1, 3, 1, 2, 2), -1.0)
    video[0, :, 0, 0, 0] = torch.tensor([0.0, 1.0, 1.0])
    video[0, :, 0, 0, 1] += 0.015  # too little to see
    torch.testing.assert_close(stands_out(video, place), torch.tensor([[[[3.0, 0.0], [0.0, 0.0]]]]))


def test_near_is_one_on_the_figure_and_beside_it_and_nothing_far_off():
    figure = torch.zeros(1, 1, 15, 15)
    figure[0, 0, 7, 7] = 0.4
    near = around(figure)[0, 0]
    assert (near[6:9, 6:9] == 1).all() and near[7, 9] > 0.5 and (near[7, [3, 11]] == 0).all() and (near[3, :] == 0).all()
    assert not around(torch.zeros(1, 1, 8, 8)).any()


@pytest.mark.parametrize("pixels", [(0.0, 0.0), (2.0, -1.0), (0.4, 0.3), (-0.75, 1.2)])
def test_a_figure_is_moved_by_just_so_much(pixels):
    video = film()
    figure = seen(video)
    shift = torch.tensor(pixels)[None, :, None].expand(1, 2, 8) / 32
    moved = seen(settle(video, shift, around(figure)))
    torch.testing.assert_close(centroid(moved) - centroid(figure), shift, atol=0.01 / 32, rtol=0)


def test_whole_pixels_move_as_they_are_and_none_leave_all_as_it_is():
    video = film()
    near = around(seen(video))
    still, moved = (settle(video, torch.full((1, 2, 8), k / 32), near) for k in (0.0, 2.0))
    torch.testing.assert_close(still, video, atol=1e-4, rtol=0)
    torch.testing.assert_close(moved[..., 2:, 2:], video[..., :-2, :-2], atol=1e-4, rtol=0)


def test_what_lies_behind_is_the_same_in_every_frame():
    torch.manual_seed(0)
    video = film()
    near = around(seen(video))
    noisy = video + 0.05 * torch.randn(video.shape)
    out = settle(noisy, torch.zeros(1, 2, 8), near)
    free = near.amax(1) == 0  # where the figure never comes
    assert free.sum() > 200
    behind = out.permute(0, 3, 4, 1, 2)[free]  # (N, 3, T)
    assert behind.std(-1).max() < 1e-5
    torch.testing.assert_close(behind[..., 0], noisy.permute(0, 3, 4, 1, 2)[free].mean(-1))


def test_what_a_figure_never_leaves_free_stays_the_figure():
    video, near = torch.rand(1, 3, 4, 8, 8) * 2 - 1, torch.ones(1, 4, 8, 8)
    torch.testing.assert_close(settle(video, torch.zeros(1, 2, 4), near), video)


def test_a_path_is_answered_about_its_own_centre():
    model = stabiliser()
    path, code = torch.rand(3, 2, 8), torch.randn(3, 16)
    wanted = model.paths(path, code)
    torch.testing.assert_close(wanted.mean(-1), path.mean(-1))
    there = torch.tensor([0.3, -0.1])[None, :, None]
    torch.testing.assert_close(model.paths(path + there, code), wanted + there)
    assert (wanted - model.paths(path, torch.randn(3, 16))).abs().max() > 1e-3


def test_a_figure_is_moved_where_the_answer_says_unless_that_is_another_film():
    model, video, code = stabiliser(), film(), torch.zeros(1, 16)
    model.figure = seen
    before = centroid(seen(video))
    wobble = torch.tensor([1.0, -1.0]).repeat(4)  # right, left, right, left

    def moved(most):
        model.paths.forward = lambda path, _: path + most * wobble
        return (centroid(seen(model(video, code))) - before)[0]

    for most in (0.02, FARTHEST / 2**0.5):
        torch.testing.assert_close(moved(most), (most * wobble).expand(2, -1), atol=5e-4, rtol=0)
    assert moved(1.5 * FARTHEST / 2**0.5).abs().max() < 0.8 * FARTHEST
    assert moved(2 * FARTHEST).abs().max() < 5e-4


def test_films_and_codes_that_do_not_fit_are_refused():
    model = stabiliser()
    for video, code in ((film(frames=4), torch.zeros(1, 16)), (film(), torch.zeros(2, 16)), (film(), torch.zeros(1, 15)),
                        (film()[0], torch.zeros(1, 16))):
        with pytest.raises(ValueError, match=r"takes videos \(B, 3, 8, H, W\) with codes \(B, 16\)"):
            model(video, code)
    for name in ("frames", "text", "channels", "width"):
        with pytest.raises(ValueError, match=f"{name}=0"):
            replace(SMALL, **{name: 0})


def test_saved_and_read_again(tmp_path):
    model, code = stabiliser(), torch.randn(1, 16)
    model.save_pretrained(tmp_path)
    again = Stabiliser.from_pretrained(tmp_path)
    assert (again.worlds, again.config) == (("shapes",), SMALL)
    assert torch.equal(again(film(), code), model(film(), code))
    (tmp_path / "config.json").write_text((tmp_path / "config.json").read_text().replace('"width": 12', '"width": 13'))
    with pytest.raises(ValueError, match="another model"):
        Stabiliser.from_pretrained(tmp_path)


def test_a_flow_lets_it_mend_the_films_of_its_worlds_alone():
    model, mender = flow(), stabiliser()
    plain = model.generate(SAID, torch.Generator().manual_seed(1))
    model.mend_with(mender)
    mended = model.generate(SAID, torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(mended[:1], mender(plain[:1], model.encode(SAID[:1]).pooled))
    assert (mended[0] - plain[0]).abs().max() > 0.01
    assert torch.equal(mended[1], plain[1])  # a story, which it has not learned
    assert torch.equal(model.generate(SAID, torch.Generator().manual_seed(1), stabilise=False), plain)
    assert torch.equal(model.settle(plain[1:], SAID[1:]), plain[1:])


def test_a_flow_is_saved_with_its_stabiliser(tmp_path):
    model = flow(stabiliser=stabiliser())
    model.save_pretrained(tmp_path / "whole")
    model.save_pretrained(tmp_path / "part", autoencoder=tmp_path / "whole" / "autoencoder",
                          stabiliser=tmp_path / "whole" / "stabiliser")
    assert not (tmp_path / "part" / "stabiliser").exists()
    films = [m.generate(SAID, torch.Generator().manual_seed(1))
             for m in (model, FlowVideo.from_pretrained(tmp_path / "whole"), FlowVideo.from_pretrained(tmp_path / "part"))]
    assert torch.equal(films[0], films[1]) and torch.equal(films[0], films[2])
    assert not any("stabiliser" in name for name in model.state_dict())
    assert not any(p.requires_grad for p in model.stabiliser.parameters())


def test_a_stabiliser_for_other_films_or_other_words_is_refused():
    for odd in ({"frames": 16}, {"text": 8}):
        with pytest.raises(ValueError, match="the transformer 8 and 16"):
            flow(stabiliser=Stabiliser(replace(SMALL, **odd)))
