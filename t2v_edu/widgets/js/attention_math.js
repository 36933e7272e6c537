// Attention weights of a caption's words over themselves and some padding: the same function as padded_weights in attention_table.py.

/** Scores q·k/√D·factor of N words over N words and `pads` zero keys; −∞ at padding where it is masked. */
export function paddedScores(queries, keys, pads, masked, factor) {
  const scale = factor / Math.sqrt(keys[0].length);
  return queries.map((q) => [
    ...keys.map((k) => q.reduce((sum, value, i) => sum + value * k[i], 0) * scale),
    ...Array(pads).fill(masked ? -Infinity : 0),
  ]);
}

/** Softmax; the largest score is taken off first, so that no exponential overflows. */
export function maskedSoftmax(scores) {
  const top = Math.max(...scores), raised = scores.map((s) => Math.exp(s - top)), sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((e) => e / sum);
}

/** (N, N + pads), each row sums to 1. */
export function paddedWeights(queries, keys, pads, masked, factor) {
  return paddedScores(queries, keys, pads, masked, factor).map(maskedSoftmax);
}

/** How many words a row looks at: the exponential of its entropy, 1 for one word alone, L for all alike. */
export function attentionBreadth(weights) {
  return Math.exp(-weights.reduce((sum, w) => sum + (w > 0 ? w * Math.log(w) : 0), 0));
}
