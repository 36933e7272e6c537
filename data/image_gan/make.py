"""Chapter 09 · the shipped image GAN and the curve of few examples; commands and scores in README.md.

    python data/image_gan/make.py play         the game: ten minutes of one core
    python data/image_gan/make.py score        report.json
    python data/image_gan/make.py few          few.json: the model of shapes as it is, then eight runs with 100, 1,000 and 4,000
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from t2v_edu.evaluation.stills import agreement, read_stills
from t2v_edu.models.image_gan import SHIPPED, Discriminator, ImageGAN, ImageGANConfig
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.image_gan import Played, Rules, Stills, augmented, first_frames, from_pictures, play
from t2v_edu.weights import load_weights, write_text, write_weights
from t2v_edu.world.captions import say
from t2v_edu.world.scene import sample_scene

STEPS, COUNT = 12_000, 20_000
FEW_STEPS = 200
CONFIG = ImageGANConfig(width=16, noise=8)
LANGS = ("en", "zh")


def vocabulary() -> Tokenizer:
    """The words of both worlds, so that the model can later be taught digits."""
    rng = np.random.default_rng(90)
    scenes = [sample_scene(world, rng) for world in ("shapes", "digits") for _ in range(4000)]
    captions = [say(scene, lang, rng) for scene in scenes for lang in LANGS]
    return Tokenizer.fit(captions)


def known(stills: Stills, tokenizer: Tokenizer) -> Stills:
    """Without captions that hold a word of which the tokenizer knows nothing: jieba cuts a few in an odd place."""
    rows = [i for i, caption in enumerate(stills.captions) if not tokenizer.unknown(caption)]
    return Stills(stills.pictures[rows], [stills.captions[i] for i in rows], [stills.scenes[i] for i in rows])


def load(folder: Path) -> Played:
    """A model and its judge."""
    model = ImageGAN.from_pretrained(folder)
    judge = Discriminator(model.config)
    load_weights(judge, folder / "judge.safetensors")
    return Played(model, judge, {}, torch.zeros(0, 2))


def train() -> None:
    """The whole game; writes model and judge."""
    words = vocabulary()
    stills = known(first_frames(count=COUNT, seed=1, langs=LANGS), words)
    played = play(stills, Rules(steps=STEPS, seed=1, slow=0.4), CONFIG, tokenizer=words)
    played.model.worlds = ("shapes",)
    played.model.save_pretrained(SHIPPED)
    write_weights(played.judge, SHIPPED / "judge.safetensors")
    print(scores(played.model, first_frames(count=300, seed=99, langs=LANGS)))


def scores(model: ImageGAN, asked: Stills, world: str = "shapes", squint: int = 2) -> dict[str, float]:
    """Shares of pictures that show what their captions ask for."""
    asked = known(asked, model.tokenizer)
    made = from_pictures(model.generate(asked.captions, torch.Generator().manual_seed(0)))
    found = agreement(read_stills(made, world=world, squint=squint), asked.scenes)
    return {key: round(score.share, 3) for key, score in found.items()}


def score() -> None:
    """The shipped model: 500 captions of each split, and with the captions of others."""
    model, report = ImageGAN.from_pretrained(), {}
    for split in ("seen", "held_out"):
        asked = known(first_frames(count=500, seed=77, split=split, langs=LANGS), model.tokenizer)
        wrong = Stills(asked.pictures, asked.captions, asked.scenes[1:] + asked.scenes[:1])
        for squint in (0, 2):
            report[f"{split}, squint {squint}"] = scores(model, asked, squint=squint)
            report[f"{split}, squint {squint}, shuffled captions"] = scores(model, wrong, squint=squint)
            found = agreement(read_stills(asked.pictures, squint=squint), asked.scenes)
            report[f"{split}, squint {squint}, renderer"] = {key: score.share for key, score in found.items()}
    write_text(json.dumps(report, indent=1) + "\n", SHIPPED / "report.json")
    print(json.dumps(report, indent=1))


def few() -> None:
    """Few pictures of digits, three ways: alone, from the model of shapes, augmented. Goes on where it stopped."""
    start, asked = load(SHIPPED), first_frames("digits", count=500, seed=51)
    rules, words = Rules(steps=FEW_STEPS), start.model.tokenizer
    file = SHIPPED / "few.json"
    table = json.loads(file.read_text()) if file.is_file() else {}
    table["before"] = {"0": scores(start.model, asked, "digits")}
    write_text(json.dumps(table, indent=1) + "\n", file)
    for count in (100, 1000, 4000):
        stills = first_frames("digits", count=count, seed=50)
        ways = {
            "alone": lambda s=stills: play(s, rules, CONFIG, tokenizer=words),
            "transfer": lambda s=stills: play(s, rules, start=start),
            "augmented": lambda s=stills: play(augmented(s, 2000 // len(s), seed=0), rules, CONFIG, tokenizer=words),
        }
        for way, run in ways.items():
            table = json.loads(file.read_text()) if file.is_file() else {}
            if str(count) in table.get(way, {}) or (way == "augmented" and count > 1000):
                continue
            began = time.process_time()
            table.setdefault(way, {})[str(count)] = scores(run().model, asked, "digits")
            print(count, way, table[way][str(count)], f"{time.process_time() - began:.0f} s of one core", flush=True)
            write_text(json.dumps(table, indent=1) + "\n", file)


if __name__ == "__main__":
    torch.set_num_threads(1)
    jobs = {"play": train, "score": score, "few": few}
    if sys.argv[1:2] not in [[job] for job in jobs]:
        sys.exit(__doc__)
    jobs[sys.argv[1]]()
