"""Chapter 15 · tunes by rule: a music box's pins as a picture, pitch × time, and what a mood and a tempo mean in it.

What a music GAN learns from here is written by rules that are known, so that what it makes can be checked. A phrase lasts six
seconds and is written down as a music box's drum has it: a pin where a note begins, in the row of its pitch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from t2v_edu.models.music_gan import MOODS, PITCHES, STEPS, TEMPOS

Roll = NDArray[np.uint8]  # (PITCHES, T): 1 where a note begins; row 0 is the lowest pitch

LOWEST = 48  # MIDI number of row 0: the C below middle C
STEP = 0.125  # seconds
BEAT = {"slow": 6, "fast": 4}  # steps from one beat to the next: 80 and 120 beats a minute
SCALES = {"glad": (0, 2, 4, 5, 7, 9, 11), "sad": (0, 2, 3, 5, 7, 8, 10)}  # major and natural minor, semitones above the tonic
PROGRESSIONS = {  # degrees of the scale, 0 the tonic; a chord lasts two beats, so a slow phrase has four and a fast one six
    "slow": ((0, 3, 4, 0), (0, 5, 4, 0), (0, 1, 4, 0), (0, 3, 0, 0), (0, 0, 4, 0)),
    "fast": ((0, 3, 0, 5, 4, 0), (0, 4, 5, 3, 4, 0), (0, 5, 3, 0, 4, 0), (0, 3, 4, 0, 4, 0), (0, 0, 3, 3, 4, 0)),
}
SOFT = 5  # the second degree of a minor scale carries a diminished chord; the sixth stands in for it
TOP, BOTTOM = 35, 16  # rows between which the tune runs, two octaves and a half above the lowest
HALF_BEATS = 0.4  # how often the tune has a note between two beats


def check_mood(mood: str, tempo: str) -> None:
    """Refuse a mood or a tempo that no music was made for.

    Raises:
        ValueError: it is quoted, with those that exist.
    """
    for name, value, known in (("mood", mood, MOODS), ("tempo", tempo, TEMPOS)):
        if value not in known:
            raise ValueError(f"{name} {value!r}: choose one of {', '.join(known)}")


def chord(degree: int, mood: str) -> tuple[int, int, int]:
    """Root, third and fifth on a degree of the scale, in semitones above the tonic, the root in 0 to 11.

    The chord on the fifth degree of a minor scale gets its major third, as in most minor music: it leads home.
    """
    scale = SCALES[mood]
    root, third, fifth = (scale[(degree + k) % 7] + 12 * ((degree + k) // 7) for k in (0, 2, 4))
    return root, third + int(mood == "sad" and degree == 4), fifth


def compose(mood: str, tempo: str, rng: np.random.Generator) -> Roll:
    """One phrase in C: chords below, a tune of chord notes on the beats and passing notes between them above.

    Args:
        mood: "glad" (major) or "sad" (minor).  tempo: "slow" (80 beats a minute) or "fast" (120).
        rng: decides on chords, accompaniment and tune.
    Returns:
        (36, 48) uint8.
    Raises:
        ValueError: another mood or tempo.
    """
    check_mood(mood, tempo)
    roll: Roll = np.zeros((PITCHES, STEPS), np.uint8)
    progressions = PROGRESSIONS[tempo]
    degrees = [SOFT if mood == "sad" and d == 1 else d for d in progressions[int(rng.integers(len(progressions)))]]
    chords = [chord(degree, mood) for degree in degrees]
    style, beat = int(rng.integers(3)), BEAT[tempo]
    for number, notes in enumerate(chords):
        _accompany(roll[:, 2 * beat * number : 2 * beat * (number + 1)], notes, beat, style)
    _sing(roll, chords, mood, beat, rng)
    return roll


def lowered(roll: Roll, *, third: bool = False, sixth: bool = False, seventh: bool = False) -> Roll:
    """A roll in C major with its E, A and B a semitone lower, where asked; all three make it C minor.

    Args:
        roll: (P, T), row 0 a C.
    """
    out = roll.copy()
    for asked, note in ((third, 4), (sixth, 9), (seventh, 11)):
        if asked:
            out[note - 1 :: 12] = np.maximum(out[note - 1 :: 12], out[note::12])
            out[note::12] = 0
    return out


def _accompany(part: Roll, notes: tuple[int, int, int], beat: int, style: int) -> None:
    """Two beats of one chord: together, low and high in turn, or broken into half beats."""
    root, third, fifth = notes
    if style == 0:
        part[[root, third, fifth], 0] = part[[root, root + 12], beat] = 1
    elif style == 1:
        part[[root, root + 12], 0] = part[[third, fifth], beat] = 1
    else:
        for row, at in ((root, 0), (fifth, beat // 2), (third, beat), (root + 12, beat + beat // 2)):
            part[row, at] = 1


def _sing(roll: Roll, chords: list[tuple[int, int, int]], mood: str, beat: int, rng: np.random.Generator) -> None:
    """A tune that leaves home, walks in small steps over the chords, and comes back at the last one."""
    rows = np.arange(BOTTOM, TOP + 1)
    scale = rows[np.isin(rows % 12, SCALES[mood])]
    place = int(rng.choice([20, 24, 28]))
    beats = STEPS // beat
    for number in range(beats - 1):
        at_home = number in (0, beats - 2)
        fits = rows[np.isin(rows % 12, [0] if at_home else np.array(chords[number // 2]) % 12)]
        place = int(rng.choice(_nearest(fits, place, 1 if at_home else 3)))
        roll[place, number * beat] = 1
        if number < beats - 2 and rng.random() < HALF_BEATS:
            passing = int(rng.choice(_nearest(scale[scale != place], place, 2)))
            roll[passing, number * beat + beat // 2] = 1
            place = passing


def _nearest(rows: NDArray[np.int64], place: int, count: int = 3) -> NDArray[np.int64]:
    """The rows nearest to a place."""
    return rows[np.argsort(np.abs(rows - place), kind="stable")[:count]]
