"""What a film costs: ten seconds of 256×256 with narration, music and subtitles, from the command to the file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import Line, seconds
from t2v_edu import production, studio
from t2v_edu.film.movie import encode_movie
from t2v_edu.film.narration import engine
from t2v_edu.film.screenplay import read

GOAL = 30.0
SCRIPT = """# Ten seconds
- size: 256
- fps: 16
- voice: {voice}

## Walk
- caption: a young girl walks in the park
- seconds: 4
- narration: A young girl walks in the park.

## Balloon
- caption: a small red circle moves up
- picture: model shapes
- background: park
- seconds: 3
- mood: sad
- transition: cross 0.5

## Cat
- caption: a cat sits beside the window
- seconds: 3
- narration: A cat waits.
- grade: warm
- transition: fade 0.5
"""


def cold(script: Path, film: Path) -> float:
    """Seconds of one `t2v-edu film` in a new process."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "t2v_edu", "film", str(script), "-o", str(film)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    passed = time.perf_counter() - start
    assert film.stat().st_size > 0
    film.unlink()
    return passed


def measure(runs: int = 2) -> list[Line]:
    """The whole command in processes of its own; then its parts, beside drawing one shot by rule."""
    with tempfile.TemporaryDirectory() as name:
        script = Path(name) / "script.md"
        script.write_text(SCRIPT.format(voice="on" if engine() else "off"), encoding="utf-8")
        whole = min(cold(script, Path(name) / "film.mp4") for _ in range(runs))
        planned = production.plan(read(script))
    shots = [studio.shoot(planned.play, take.shot, take.frames + take.tail, lambda name: shots[0]) for take in planned.takes]
    sound, film = production.soundtrack(planned), list(production.cut(planned, shots.__getitem__))
    walk, balloon, _ = planned.takes

    def shooting(take: production.Take) -> float:
        return seconds(lambda: studio.shoot(planned.play, take.shot, 48, lambda name: shots[0]), repeats=2)

    drawn = shooting(walk)
    mixing = seconds(lambda: production.soundtrack(planned), repeats=2)
    encoding = seconds(lambda: encode_movie(film, sound, fps=16), repeats=2)
    spoken = "spoken" if engine() else "not spoken"
    how = f"{planned.seconds:g} s, 256×256, 16 frames a second, {spoken}; best of {runs} processes"
    return [
        Line("t2v-edu film, ten seconds", whole, "s", GOAL, least=False, how=how),
        Line("of which a second of film", whole / planned.seconds, "s"),
        Line("drawing three seconds by rule", drawn, "s", how="48 frames, the girl in the park"),
        Line("a model's actor over a place", shooting(balloon) / drawn, "× that", how="generated, slowed, cut out, laid over"),
        Line("music, narration and mix of all ten seconds", mixing / drawn, "× that"),
        Line("cutting and encoding all ten seconds", encoding / drawn, "× that"),
    ]
