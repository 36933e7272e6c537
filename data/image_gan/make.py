"""Chapter 09 · the shipped image GAN, what its rules bring, and the curve of few examples; commands and scores in README.md.

    python data/image_gan/make.py play         the game: half an hour of one core
    python data/image_gan/make.py score        report.json
    python data/image_gan/make.py ways         ways.json: short games by other rules
    python data/image_gan/make.py few          few.json: the model of shapes as it is, then ten runs with 100 to 4,000 digits
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from t2v_edu.evaluation.attributes import ks_distance
from t2v_edu.evaluation.stills import agreement, read_stills
from t2v_edu.models.image_gan import SHIPPED, Discriminator, ImageGAN, ImageGANConfig
from t2v_edu.text.tokenizer import Tokenizer
from t2v_edu.training.image_gan import Played, Rules, Stills, augmented, first_frame, first_frames, from_pictures, play
from t2v_edu.weights import load_weights, write_text, write_weights
from t2v_edu.world.captions import parse, say
from t2v_edu.world.scene import sample_scene

COUNT, SHORT_COUNT = 100_000, 20_000
CONFIG = ImageGANConfig(width=16, noise=8)
RULES = Rules("non_saturating", steps=52_000, lr=1.5e-3, beta=0.0, r1=1.0, keep=0.999, seed=1)
SHORT = replace(RULES, steps=12_000, r1=0.05)
WAYS = {
    "hinge": replace(SHORT, game="hinge", r1=0.0),
    "hinge, γ = 0.05": replace(SHORT, game="hinge"),
    "non-saturating": replace(SHORT, r1=0.0),
    "non-saturating, γ = 0.05": SHORT,
    "non-saturating, γ = 1": replace(SHORT, r1=1.0),
}
FEW = replace(RULES, steps=4000, seed=0)
LANGS = ("en", "zh")
FIXED = (
    "a large red circle moves right on a gray background", "a small blue star spins on a cream background",
    "a medium sized green square moves up on a black background", "a large yellow heart moves left on a gray background",
)  # fmt: skip


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
    played = play(stills, RULES, CONFIG, tokenizer=words)
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
    report["starts"] = starts(model)
    write_text(json.dumps(report, indent=1) + "\n", SHIPPED / "report.json")
    print(json.dumps(report, indent=1))


def starts(model: ImageGAN, count: int = 200) -> dict[str, float]:
    """How far the places of what is drawn for one caption are from the world's: mean Kolmogorov–Smirnov distance over `FIXED`, x
    and y, and "world": that of a second sample of its own."""
    rng, gaps = np.random.default_rng(0), {"model": [], "world": []}
    for caption in FIXED:
        world = [places([first_frame(parse(caption), model.config.size, rng) for _ in range(count)]) for _ in range(2)]
        made = places(from_pictures(model.generate([caption] * count, torch.Generator().manual_seed(3))))
        for who, points in ("model", made), ("world", world[1]):
            gaps[who] += [ks_distance(points[:, axis], world[0][:, axis]) for axis in (0, 1)]
    return {who: round(float(np.mean(each)), 3) for who, each in gaps.items()}


def places(pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """(N, 2) where an actor stands in the pictures that show one."""
    points = np.array([(reading.x, reading.y) for reading in read_stills(pictures, squint=2)])
    return points[~np.isnan(points[:, 0])]


def ways() -> None:
    """Short games by other rules, one after the other, on the same pictures. Goes on where it stopped."""
    words, file = vocabulary(), SHIPPED / "ways.json"
    stills = known(first_frames(count=SHORT_COUNT, seed=1, langs=LANGS), words)
    asked = known(first_frames(count=500, seed=78, split="held_out", langs=LANGS), words)
    table = json.loads(file.read_text()) if file.is_file() else {}
    for name, rules in WAYS.items():
        if table.get(name, {}).get("rules") == asdict(rules):
            continue
        model = play(stills, rules, CONFIG, tokenizer=words).model
        table[name] = {"squint 0": scores(model, asked, squint=0), "squint 2": scores(model, asked), "starts": starts(model),
                       "rules": asdict(rules)}
        print(name, table[name], flush=True)
        write_text(json.dumps(table, indent=1) + "\n", file)


def few() -> None:
    """Few pictures of digits, four ways: alone, from the model of shapes, augmented, both. Goes on where it stopped."""
    start, asked = load(SHIPPED), first_frames("digits", count=500, seed=51)
    rules, words = FEW, start.model.tokenizer
    file = SHIPPED / "few.json"
    table = json.loads(file.read_text()) if file.is_file() else {}
    table["before"] = {"0": scores(start.model, asked, "digits")}
    write_text(json.dumps(table, indent=1) + "\n", file)
    for count in (100, 1000, 4000):
        stills = first_frames("digits", count=count, seed=50)
        more = augmented(stills, 2000 // count, seed=0) if count < 2000 else stills
        ways = {
            "alone": lambda s=stills: play(s, rules, CONFIG, tokenizer=words),
            "transfer": lambda s=stills: play(s, rules, start=start),
            "augmented": lambda s=more: play(s, rules, CONFIG, tokenizer=words),
            "both": lambda s=more: play(s, rules, start=start),
        }
        for way, run in ways.items():
            if str(count) in table.get(way, {}) or (way in ("augmented", "both") and more is stills):
                continue
            began = time.process_time()
            table.setdefault(way, {})[str(count)] = scores(run().model, asked, "digits")
            print(count, way, table[way][str(count)], f"{time.process_time() - began:.0f} s of one core", flush=True)
            write_text(json.dumps(table, indent=1) + "\n", file)


if __name__ == "__main__":
    torch.set_num_threads(1)
    jobs = {"play": train, "score": score, "ways": ways, "few": few}
    if sys.argv[1:2] not in [[job] for job in jobs]:
        sys.exit(__doc__)
    jobs[sys.argv[1]]()
