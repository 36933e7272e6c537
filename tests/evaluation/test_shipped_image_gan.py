"""The shipped image GAN draws what captions ask for in both languages, nearly as variously as the world, and nothing else."""

import numpy as np
import torch

from t2v_edu.evaluation.attributes import ks_distance
from t2v_edu.evaluation.stills import agreement, read_stills
from t2v_edu.models.image_gan import SHIPPED, Discriminator, ImageGAN
from t2v_edu.training.image_gan import first_frame, first_frames, from_pictures, to_pictures
from t2v_edu.weights import load_weights
from t2v_edu.world.captions import parse


def test_the_shipped_model_uses_its_captions():
    model = ImageGAN.from_pretrained()
    for lang in "en", "zh":
        asked = first_frames(count=90, seed=1234, split="held_out", langs=(lang,))
        rows = [i for i, caption in enumerate(asked.captions) if not model.tokenizer.unknown(caption)]
        captions, scenes = [asked.captions[i] for i in rows], [asked.scenes[i] for i in rows]
        readings = read_stills(from_pictures(model.generate(captions, torch.Generator().manual_seed(0))), squint=2)
        right, shuffled = agreement(readings, scenes), agreement(readings, scenes[1:] + scenes[:1])
        # report.json has 1.00, 1.00 and 0.92 on held-out captions; chance is a third, a seventh and a sixth
        assert right["place"].share > 0.95 and right["color"].share > 0.95 and right["kind"].share > 0.8
        assert shuffled["place"].share < 0.55 and shuffled["color"].share < 0.3 and shuffled["kind"].share < 0.25


def test_one_caption_gives_many_places():
    """Where circles of one caption stand, against the world's: 200 of each stay below 0.14 by luck alone, 19 times in 20."""
    model, rng = ImageGAN.from_pretrained(), np.random.default_rng(7)
    caption = "a large red circle moves right on a gray background"
    world = read_stills([first_frame(parse(caption), 32, rng) for _ in range(200)])
    made = read_stills(from_pictures(model.generate([caption] * 200, torch.Generator().manual_seed(7))))
    gaps = [ks_distance(*(np.array([getattr(r, axis) for r in heap if r.x == r.x]) for heap in (made, world))) for axis in "xy"]
    assert np.mean(gaps) < 0.25, gaps  # report.json has 0.13 over four captions


def test_its_judge_hears_the_caption():
    model = ImageGAN.from_pretrained()
    judge = Discriminator(model.config)
    load_weights(judge, SHIPPED / "judge.safetensors")
    batch = first_frames(count=64, seed=4321)
    with torch.no_grad():
        text = model.encode(batch.captions)
        gap = judge(to_pictures(batch), text) - judge(to_pictures(batch), text.roll(1, 0))
    assert gap.mean() > 1 and (gap > 0).float().mean() > 0.8
