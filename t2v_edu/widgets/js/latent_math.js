// A frame decoder in the page: the same sums as Decoder in t2v_edu/models/autoencoder.py, with the same weights.
const LATENT_SLOPE = 0.2;
const latentLeak = (x) => x.map((v) => (v > 0 ? v : LATENT_SLOPE * v));

/** Weights as Python packs them ({ name: { scale, data } }, whole numbers of 16 bits in base64) → { name: Float64Array }. */
export function unpackWeights(packed) {
  return Object.fromEntries(Object.entries(packed).map(([name, { scale, data }]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    return [name, Float64Array.from(new Int16Array(bytes.buffer), (n) => n * scale)];
  }));
}

/** Twice the side, each value in a square, then a 3 × 3 convolution with a border of one zero; x has side² numbers a channel. */
function latentTwice(x, side, weight, bias) {
  const n = 2 * side, channels = x.length / (side * side), y = new Float64Array(bias.length * n * n);
  bias.forEach((b, o) => {
    const to = o * n * n;
    y.fill(b, to, to + n * n);
    for (let k = 0; k < 9 * channels; k++) {
      const w = weight[o * 9 * channels + k], from = Math.floor(k / 9) * side * side, u = Math.floor((k % 9) / 3) - 1, v = (k % 3) - 1;
      for (let i = Math.max(0, -u); i < Math.min(n, n - u); i++) {
        const row = from + ((i + u) >> 1) * side, line = to + i * n;
        for (let j = Math.max(0, -v); j < Math.min(n, n - v); j++) y[line + j] += w * x[row + ((j + v) >> 1)];
      }
    }
  });
  return y;
}

/** Latents → the numbers of a frame between −1 and 1: red of all pixels, then green, then blue. */
export function decodeLatents(p, z, size) {
  const first = p["code.bias"].map((b, o) => z.reduce((sum, v, i) => sum + v * p["code.weight"][o * z.length + i], b));
  const quarter = latentLeak(latentTwice(latentLeak(first), size / 8, p["conv1.weight"], p["conv1.bias"]));
  const half = latentLeak(latentTwice(quarter, size / 4, p["conv2.weight"], p["conv2.bias"]));
  return latentTwice(half, size / 2, p["colour.weight"], p["colour.bias"]).map(Math.tanh);
}

/** The code on the way from one to another, a share `way` of it, moved by `shifts` along some of its numbers. */
export function codeOnTheWay(from, to, way, dials, shifts) {
  const z = from.map((v, i) => (1 - way) * v + way * to[i]);
  dials.forEach((k, i) => { z[k] += shifts[i]; });
  return z;
}
