// Temperature and top-k: the same functions as next_probabilities and breadth in t2v_edu/models/narrator.py.

/** softmax(logits / temperature), all but the topK likeliest struck out; topK 0 keeps all, temperature 0 the likeliest alone. */
export function nextProbabilities(logits, temperature, topK) {
  const order = logits.map((_, i) => i).sort((a, b) => logits[b] - logits[a] || a - b);
  const most = logits[order[0]], kept = temperature === 0 ? 1 : topK || logits.length, heat = temperature || 1;
  const weights = Array(logits.length).fill(0);
  for (const i of order.slice(0, kept)) weights[i] = Math.exp((logits[i] - most) / heat);
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

/** exp of the entropy: as hard to guess as this many equally likely words. */
export function breadthOf(probabilities) {
  return Math.exp(probabilities.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0));
}
