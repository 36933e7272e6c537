// Attention and a product without a learned weight: the same function as fuse_by_hand in models/fusion.py.

/** w = softmax(β·fits), v = Σ wᵢ·wayᵢ, glad = σ(4·wanted·v). */
export function fuseByHand(fits, ways, wanted, sharpness) {
  const scores = fits.map((fit) => sharpness * fit), top = Math.max(...scores);
  const raised = scores.map((s) => Math.exp(s - top)), sum = raised.reduce((a, b) => a + b, 0);
  const weights = raised.map((e) => e / sum), found = weights.reduce((v, w, i) => v + w * ways[i], 0);
  return { weights, found, glad: 1 / (1 + Math.exp(-4 * wanted * found)) };
}
