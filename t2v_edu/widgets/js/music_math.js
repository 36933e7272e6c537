// Key and beat of notes: the same as t2v_edu/evaluation/music.py and, for lowering, t2v_edu/film/tunes.py.
export const KEY_NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const KEY_PROFILES = [
  [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
  [6.33, 2.68, 3.52, 5.38, 2.6, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
];
const keyMean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Correlation of twelve counts with the profile of each key: [major, minor][tonic]. */
export function keyFits(counts) {
  const centred = (values) => { const m = keyMean(values); return values.map((v) => v - m); };
  const a = centred(counts), size = (v) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  return KEY_PROFILES.map((profile) => KEY_NAMES.map((_, tonic) => {
    const b = centred(KEY_NAMES.map((_, i) => profile[(i - tonic + 12) % 12]));
    return a.reduce((sum, x, i) => sum + x * b[i], 0) / (size(a) * size(b));
  }));
}

/** Beats a minute that could be, falling, and the score of each: autocorrelation under a bell over octaves around 100. */
export function tempoCurve(onsets, step) {
  const m = keyMean(onsets), s = onsets.map((v) => v - m), n = s.length;
  const r = (lag) => { let sum = 0; for (let t = 0; t + lag < n; t++) sum += s[t] * s[t + lag]; return sum; };
  const whole = r(0), first = Math.max(1, Math.ceil(0.25 / step - 1e-9)), last = Math.min(n - 1, Math.floor(1.5 / step + 1e-9));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => {
    const beats = 60 / ((first + i) * step), octaves = Math.log2(beats / 100) / 0.9;
    return { beats, score: (r(first + i) / whole) * Math.exp(-0.5 * octaves * octaves) };
  });
}

/** Pins [row, half beat] with the third, sixth and seventh degree of C major a semitone lower, where asked. */
export const lowerDegrees = (pins, third, sixth, seventh) =>
  pins.map(([row, at]) => [row - Number((third && row % 12 === 4) || (sixth && row % 12 === 9) || (seventh && row % 12 === 11)), at]);

/** Two pins in one place are one. */
const distinctPins = (pins) => [...new Map(pins.map((pin) => [pin.join(), pin])).values()];

export function countPitches(pins) {
  const counts = new Array(12).fill(0);
  for (const [row] of distinctPins(pins)) counts[row % 12] += 1;
  return counts;
}

export function countOnsets(pins, halves) {
  const onsets = new Array(halves).fill(0);
  for (const [, at] of distinctPins(pins)) onsets[at] += 1;
  return onsets;
}
