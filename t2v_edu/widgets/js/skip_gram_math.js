// Pairs and chances of skip-gram: the same functions as window_pairs, reach_share and noise in t2v_edu/text/word2vec.py.

/** All [centre, context] positions of a sentence that are at most `window` words apart, in reading order. */
export function windowPairs(length, window) {
  const pairs = [];
  for (let i = 0; i < length; i += 1) {
    for (let j = Math.max(0, i - window); j < Math.min(length, i + window + 1); j += 1) if (i !== j) pairs.push([i, j]);
  }
  return pairs;
}

/** How often a context word at a distance of 1 or more is used, as the reach is drawn from 1 to `window`. */
export function reachShare(distance, window) {
  return Math.max(0, window - distance + 1) / window;
}

/** Each word's chance to be drawn as noise: its count to a power, made to sum to 1. */
export function noiseShares(counts, power) {
  const weights = counts.map((count) => count ** power), sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}
