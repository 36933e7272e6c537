"""Every guard stops its wrong program and lets the mended one pass; and a guard that would stop nothing is found out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from t2v_edu.clinic import CASES, guards, listing, mend, mended, moved, wrong
from t2v_edu.clinic.measure import ids_in_a_new_process
from t2v_edu.losses.adversarial import non_saturating_d, non_saturating_g
from t2v_edu.losses.reconstruction import gaussian_kl
from t2v_edu.world.captions import parse
from t2v_edu.world.oracle import read

TORCH = [name for name, case in CASES.items() if not case.keras]
KERAS = [name for name, case in CASES.items() if case.keras]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class TestCases:
    @pytest.mark.parametrize("name", TORCH)
    def test_the_guard_stops_the_wrong_program_alone(self, name: str) -> None:
        case = CASES[name]
        with pytest.raises(AssertionError, match=r"\w"):
            case.guard(*case.wrong)
        case.guard(*case.mended)

    @pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
    @pytest.mark.parametrize("name", KERAS)
    def test_the_guard_stops_the_wrong_keras_program_alone(self, name: str, keras) -> None:
        case = CASES[name]
        keras.utils.set_random_seed(0)
        with pytest.raises(AssertionError, match=r"\w"):
            case.guard(*case.wrong)
        case.guard(*case.mended)

    def test_every_program_belongs_to_a_case(self) -> None:
        """No wrong program without a mend, no mend without a guard."""
        from t2v_edu.clinic import guards_keras, mended_keras, wrong_keras

        def programs(module):
            return {n for n, f in vars(module).items() if getattr(f, "__module__", "") == module.__name__}

        for keras_form, (w, m, g) in {False: (wrong, mended, guards), True: (wrong_keras, mended_keras, guards_keras)}.items():
            named = {n for case in CASES.values() if case.keras is keras_form for n in case.programs}
            first = {case.programs[0] for case in CASES.values() if case.keras is keras_form}
            assert programs(w) == programs(m) == named
            assert programs(g) - {"weights_of", "moved"} == first

    def test_at_least_ten_and_four_in_keras(self) -> None:
        assert len(TORCH) >= 10 and len(KERAS) >= 4

    def test_a_verdict_is_the_same_twice_and_leaves_the_seed_alone(self) -> None:
        case = CASES["gan_step"]
        torch.manual_seed(5)
        first = case.verdict(case.wrong)
        after = torch.rand(1)
        torch.manual_seed(5)
        assert torch.equal(after, torch.rand(1))
        assert first == case.verdict(case.wrong) and "G went " in first
        assert case.verdict(case.mended) == "passes"


class TestOtherMistakes:
    """The guards find more than the one mistake they were written for."""

    def test_colours_alone_or_the_order_alone(self) -> None:
        def blue_for_red(film, folder):
            mended.save_film(film[..., ::-1], folder)

        def nine_before_ten(film, folder):
            order = np.argsort([str(t) for t in range(len(film))])
            mended.save_film(film[order], folder)

        for save in blue_for_red, nine_before_ten:
            with pytest.raises(AssertionError, match="another film"):
                guards.save_film(save, mended.load_film)

    def test_a_clip_whose_caption_speaks_of_another(self) -> None:
        def shuffled(count):
            clips, captions = mended.captioned_clips(count)
            return clips, captions[1:] + captions[:1]

        with pytest.raises(AssertionError, match="does not show"):
            guards.captioned_clips(shuffled)

    def test_only_a_transpose_of_height_and_width(self) -> None:
        with pytest.raises(AssertionError):
            guards.channels_first(lambda frames: frames.permute(0, 4, 1, 3, 2))

    def test_a_kl_averaged_over_latents(self) -> None:
        def averaged(x, rebuilt, mean, log_var):
            return mended.vae_loss(x, rebuilt, mean, log_var)[0], -0.5 * (1 + log_var - mean**2 - log_var.exp()).mean()

        with pytest.raises(AssertionError, match="KL"):
            guards.vae_loss(averaged)

    def test_captions_that_only_d_reads(self) -> None:
        with pytest.raises(AssertionError, match="G's loss"):
            guards.judge_loss(mended.judge_loss, wrong.pupil_loss)

    def test_a_judge_of_single_frames_behind_noise_that_stays(self) -> None:
        with pytest.raises(AssertionError, match="backwards"):
            guards.film_noise(mended.film_noise, wrong.judge_film)

    def test_films_that_stand_still_or_are_all_alike(self) -> None:
        def frozen(count, frames, size):
            return torch.randn(count, 1, size).expand(-1, frames, -1)

        def alike(count, frames, size):
            return mended.film_noise(1, frames, size).expand(count, -1, -1)

        for noise, told in (frozen, "which frame"), (alike, "the same noise"):
            with pytest.raises(AssertionError, match=told):
                guards.film_noise(noise, mended.judge_film)

    def test_a_generator_that_flees(self) -> None:
        def fleeing(G, D, opt_g, opt_d, real, z):
            loss_g = F.softplus(D(G(z))).mean()  # trained towards "made"
            opt_g.zero_grad()
            loss_g.backward()
            opt_g.step()

        with pytest.raises(AssertionError, match="of its way"):
            guards.gan_step(fleeing)

    def test_a_sampler_with_the_right_path_and_the_wrong_time(self) -> None:
        with pytest.raises(AssertionError, match="away from the data"):
            guards.path(mended.path, lambda v, noise, steps: noise - v(noise, torch.ones(len(noise), 1)))

    def test_a_sampler_that_tells_the_network_the_time_from_the_wrong_end(self) -> None:
        with pytest.raises(AssertionError, match="time"):
            guards.path(mended.path, lambda v, noise, steps: mended.euler(lambda x, t: v(x, 1 - t), noise, steps))

    def test_a_norm_that_remembers_too_much(self) -> None:
        def hasty(channels):
            layer = mended.block(channels)
            layer[1].momentum = 0.8
            return layer

        with pytest.raises(AssertionError, match=r"remembers 0\.80"):
            guards.block(hasty)

    def test_half_of_the_error_is_gone(self) -> None:
        def halved(*args):
            rebuild, kl = mended.vae_loss(*args)
            return rebuild / 2, kl

        with pytest.raises(AssertionError, match=r"not 0\.75"):
            guards.vae_loss(halved)

    def test_a_discriminator_that_helps_the_generator(self) -> None:
        def helpful(G, D, opt_g, opt_d, real, z):
            for turn in range(2):
                fake = G(z)
                opt_g.zero_grad()
                opt_d.zero_grad()
                loss_g = F.softplus(-D(fake)).mean()
                if turn:
                    loss_g.backward()
                    opt_g.step()
                else:
                    (F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean() + loss_g).backward()
                    opt_d.step()

        with pytest.raises(AssertionError, match="D went"):
            guards.gan_step(helpful)

    def test_a_judge_that_never_meets_a_wrong_caption(self) -> None:
        def matched(D, real, fake, text):
            return F.softplus(-D(real, text)).mean() + F.softplus(D(fake, text)).mean()

        with pytest.raises(AssertionError, match="wrong caption"):
            guards.judge_loss(matched, mended.pupil_loss)

    def test_a_flow_whose_captions_are_all_dropped(self) -> None:
        def deaf(v, data, text, null, noise, t):
            return mended.flow_loss(v, data, null.expand_as(text), null, noise, t)

        with pytest.raises(AssertionError, match="captions get no"):
            guards.flow_loss(deaf)

    def test_signs_of_the_judge_and_of_its_pupil(self) -> None:
        def soft(score):
            return F.softplus(score).mean()

        judges = {
            "perfect D": lambda D, x, made, text: soft(-D(x, text)) + soft(-D(x, text.roll(1, 0))) + soft(D(made, text)),
            "scored down": lambda D, x, made, text: soft(-D(x, text)) + soft(D(x, text.roll(1, 0))),
        }
        for told, judge in judges.items():
            with pytest.raises(AssertionError, match=told):
                guards.judge_loss(judge, mended.pupil_loss)
        with pytest.raises(AssertionError, match="perfect D"):
            guards.judge_loss(lambda *game: mended.judge_loss(*game) + soft(-game[0](*game[2:])), mended.pupil_loss)
        with pytest.raises(AssertionError, match="convinces"):
            guards.judge_loss(mended.judge_loss, lambda D, made, text: soft(D(made, text)))

    @pytest.mark.parametrize("cleared", ["", "g"])
    def test_gradients_that_nobody_clears(self, cleared: str) -> None:
        def forgetful(G, D, opt_g, opt_d, real, z):
            fake = G(z)
            (F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()).backward()
            opt_d.step()
            if cleared:
                opt_g.zero_grad()
            F.softplus(-D(fake)).mean().backward()
            opt_g.step()

        with pytest.raises(AssertionError, match="of its way"):
            guards.gan_step(forgetful)

    @pytest.mark.parametrize("loss", [
        F.nll_loss, lambda logits, label: F.nll_loss(logits.log_softmax(0), label), F.multi_margin_loss,
        lambda logits, label: F.mse_loss(logits.softmax(1), F.one_hot(label, 7).float()),
    ])  # fmt: skip
    def test_losses_that_are_no_cross_entropy(self, loss) -> None:
        with pytest.raises(AssertionError, match=r"perfect answer|knows nothing"):
            guards.class_loss(loss)

    def test_a_residual_block_that_can_never_learn(self) -> None:
        class Still(mended.Residual):
            def __init__(self, width: int) -> None:
                super().__init__(width)
                for weight in self.f.parameters():
                    nn.init.zeros_(weight)

        with pytest.raises(AssertionError, match="will ever move"):
            guards.Residual(Still)

    def test_a_step_that_leaves_the_caption_out(self) -> None:
        with pytest.raises(AssertionError, match="with captions"):
            guards.captioned_step(lambda model, opt, x, text=None: mended.captioned_step(model, opt, x))

    def test_flows_that_point_back_drop_too_much_or_nothing(self) -> None:
        def back(v, data, text, null, noise, t):
            return mended.flow_loss(lambda *x: -v(*x), data, text, null, noise, t)

        def dropping(rows):
            def loss(v, data, text, null, noise, t):
                x_t = (1 - t) * noise + t * data
                told = torch.where((torch.arange(len(text)) % 8 < rows)[:, None], null, text + (0 if rows else null))
                return (v(x_t, t, told) - (data - noise)).square().mean()
            return loss

        for program, told in (back, "exact velocity"), (dropping(7), "are dropped"), (dropping(0), "are dropped"):
            with pytest.raises(AssertionError, match=told):
                guards.flow_loss(program)

    def test_keras_programs_that_are_wrong_in_another_way(self, keras) -> None:
        from keras import layers

        from t2v_edu.clinic import guards_keras

        def without_softmax(frames, width, classes):
            model = keras.Sequential([keras.Input((frames, width)), layers.GlobalAveragePooling1D(), layers.Dense(classes)])
            model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
            return model

        def rows_as_channels(frames, size):
            return keras.Sequential([keras.Input((frames, size, size)), layers.Permute((1, 3, 2)),
                                     layers.Conv2D(8, 3, padding="same"), layers.GlobalAveragePooling2D()])

        def within(words, size):
            ids = keras.Input((None,))
            text = layers.GlobalAveragePooling1D()(layers.Embedding(words, 8)(ids))
            noisy = layers.GaussianNoise(1.0)(text, training=True)
            return keras.Model(ids, layers.Reshape((size, size))(layers.Dense(size * size)(noisy)))

        def turns(real_is, g_wants):
            def programs(G, D):
                opts = keras.optimizers.Adam(), keras.optimizers.Adam()
                import tensorflow as tf

                def turn(opt, player, scores):
                    with tf.GradientTape() as tape:
                        loss = tf.reduce_mean(tf.nn.softplus(scores()))
                    opt.apply(tape.gradient(loss, player.trainable_variables), player.trainable_variables)
                    return loss

                return (lambda real, z: turn(opts[0], D, lambda: tf.concat([real_is * D(real), D(G(z))], 0)),
                        lambda z: turn(opts[1], G, lambda: g_wants * D(G(z))))
            return programs

        cases = (
            (guards_keras.frame_classifier, without_softmax, "perfect answer"),
            (guards_keras.clip_features, rows_as_channels, "moved"),
            (guards_keras.draw_code, lambda mean, log_var, noise: np.exp(0.5 * log_var) * noise, "mean"),
            (guards_keras.generator, within, "no input"),
            (guards_keras.turns, turns(1, -1), "perfect D"), (guards_keras.turns, turns(-1, 1), "convinces"),
        )  # fmt: skip
        guards_keras.turns(turns(-1, -1))
        for guard, program, told in cases:
            with pytest.raises(AssertionError, match=told):
                guard(program)

    def test_weights_that_nobody_owns(self) -> None:
        def without_d(G, D, lr):
            return torch.optim.Adam(G.parameters(), lr), torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr)

        with pytest.raises(AssertionError, match="no owner"):
            guards.players(without_d)


class TestMended:
    """The mended programs against the package's own functions, and against numbers worked out by hand."""

    def test_kl_is_the_package_s(self) -> None:
        mean, log_var = torch.randn(6, 4), torch.randn(6, 4)
        x = torch.randn(6, 10)
        rebuild, kl = mended.vae_loss(x, x + 2, mean, log_var)
        assert torch.allclose(kl, gaussian_kl(mean, log_var).mean(), atol=1e-5)
        assert rebuild.item() == pytest.approx(0.5 * 10 * 4)

    def test_softmax_twice_in_closed_form(self) -> None:
        """A sure and right answer of 7 still costs log(e + 6) − 1."""
        sure = wrong.class_loss(1000 * torch.eye(7), torch.arange(7))
        assert sure.item() == pytest.approx(np.log(np.e + 6) - 1, abs=1e-5)

    def test_gan_losses_are_the_package_s(self) -> None:
        D, G = nn.Linear(2, 1), nn.Linear(2, 2)
        real, z = torch.randn(9, 2), torch.randn(9, 2)
        opt = [torch.optim.SGD(m.parameters(), 0.0) for m in (G, D)]  # nobody moves
        with torch.no_grad():
            wanted = non_saturating_d(D(real), D(G(z))).item(), non_saturating_g(D(G(z))).item()
        assert mended.gan_step(G, D, *opt, real, z) == pytest.approx(wanted)

    def test_the_cancelled_gradient_in_closed_form(self) -> None:
        """Through one graph G gets 2σ(s) − 1 a score, and nothing where D cannot tell."""
        s = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)
        (F.softplus(s).sum() + F.softplus(-s).sum()).backward()
        assert s.grad is not None
        assert torch.allclose(s.grad, 2 * s.detach().sigmoid() - 1)
        assert s.grad[1] == 0

    def test_batch_norm_by_hand(self) -> None:
        """With 0.8 under the root, a signal of variance 0.2 comes out at 0.2 rather than at 1."""
        x = torch.tensor([-1.0, 1.0]).repeat(50)[:, None, None, None] * 0.2**0.5
        for program, variance in (wrong.block, 0.2), (mended.block, 1.0):
            norm = program(1)[1]
            assert norm(x).var(unbiased=False).item() == pytest.approx(variance, abs=1e-3)
        assert mended.block(1)[1].momentum == pytest.approx(1 - 0.8)

    def test_a_film_comes_back_as_it_was(self, tmp_path: Path) -> None:
        from t2v_edu.world.render import render

        film = render(parse("a large orange star moves right"))
        mended.save_film(film / 127.5 - 1, str(tmp_path))
        assert np.array_equal(mended.load_film(str(tmp_path)), film)
        assert sorted(p.name for p in tmp_path.iterdir())[2] == "frame_0002.png"

    def test_what_the_reader_sees_in_the_wrong_clips(self) -> None:
        """It sees what is drawn: a square that stands still under "spins"."""
        clips, captions = wrong.captioned_clips(8)
        still = [i for i, caption in enumerate(captions) if "moves" not in caption]
        assert len(still) == 4 and all((clips[i] == clips[i][:1]).all() for i in still)
        assert read(clips[0], world="shapes").attributes["color"] == "red"

    def test_euler_of_a_constant_velocity_is_exact(self) -> None:
        noise = torch.randn(4, 2)
        for steps in 1, 3, 10:
            assert torch.allclose(mended.euler(lambda x, t: torch.ones_like(x), noise, steps), noise + 1, atol=1e-6)


class TestMeasuring:
    def test_how_far_by_hand(self) -> None:
        layer = nn.Linear(2, 1)

        def three_and_four() -> None:
            with torch.no_grad():
                layer.weight += torch.tensor([[3.0, 4.0]])

        assert moved(layer, three_and_four) == pytest.approx(5.0, abs=1e-5)
        assert moved(layer, lambda: None) == 0

    def test_a_set_is_in_another_order_after_a_restart(self) -> None:
        captions = ["a red circle moves left quickly over the green grass"]
        assert ids_in_a_new_process(wrong.vocabulary, captions, 1) != ids_in_a_new_process(wrong.vocabulary, captions, 2)
        again = ids_in_a_new_process(wrong.vocabulary, captions, 1)
        assert list(again.items()) == list(ids_in_a_new_process(wrong.vocabulary, captions, 1).items())  # the seed is what counts
        sorted_ids = ids_in_a_new_process(mended.vocabulary, captions, 1)
        assert list(sorted_ids) == sorted(captions[0].split())

    def test_a_function_that_needs_more_than_itself_is_named(self) -> None:
        def needy(captions):
            return dict.fromkeys(captions, nowhere)  # noqa: F821

        with pytest.raises(ValueError, match=r"needy does not run on its own.*nowhere"):
            ids_in_a_new_process(needy, ["a"], 1)


class TestShowing:
    def test_a_listing_by_hand(self) -> None:
        def add(a: Tensor, b: int = 1, *, names: dict[str, int] | None = None) -> Tensor:
            """Add."""
            import numpy as np

            total: Tensor = a + b * np.pi  # type: ignore[assignment]
            return total  # the σ

        wanted = "def add(a, b=1, *, names=None):\n    total = a + b * np.pi\n    return total  # the σ"
        assert listing(add) == wanted

    @pytest.mark.parametrize("name", CASES)
    def test_listings_are_python_of_the_page_s_width(self, name: str) -> None:
        import ast

        for program in (*CASES[name].wrong, *CASES[name].mended, CASES[name].guard):
            text = listing(program)
            ast.parse(text)
            assert "->" not in text and '"""' not in text and "type: ignore" not in text
            assert max(map(len, text.splitlines())) <= 88

    def test_a_mend_says_what_changed(self) -> None:
        page = mend("class_loss")._repr_markdown_()
        assert "-    probabilities = logits.softmax(1)" in page and "+    return F.cross_entropy(logits, label)" in page
        assert "wrong  → AssertionError: a perfect answer costs 1.165" in page and "mended → passes" in page

    def test_an_unknown_case_names_the_known(self) -> None:
        with pytest.raises(ValueError, match=r"no case 'sofmax'; there are captioned_clips, .*path"):
            mend("sofmax")
