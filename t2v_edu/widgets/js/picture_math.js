// A caption and noise to a picture: the same sums as Generator and WordMean in t2v_edu/models/image_gan.py, with packed weights.

/** A tensor packed by widgets/drawing_board.py: bytes of two's complement, a scale for each row. */
export function unpack({ shape, scale, data }) {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), row = bytes.length / shape[0];
  return { shape, values: Float32Array.from(bytes, (b, i) => (b > 127 ? b - 256 : b) * scale[Math.floor(i / row)]) };
}

/** The code of a caption: the mean of its words' vectors, normed. */
export function captionCode(vectors, { weight, bias }) {
  const mean = vectors[0].map((_, d) => vectors.reduce((sum, v) => sum + v[d], 0) / vectors.length);
  const middle = mean.reduce((a, b) => a + b, 0) / mean.length;
  const spread = Math.sqrt(mean.reduce((a, b) => a + (b - middle) ** 2, 0) / mean.length + 1e-5);
  return mean.map((m, d) => ((m - middle) / spread) * weight[d] + bias[d]);
}

const leaky = (v) => (v > 0 ? v : 0.2 * v);

function linear({ weight, bias }, x) {
  const n = x.length;
  return bias.values.map((b, o) => {
    let sum = b;
    for (let i = 0; i < n; i++) sum += weight.values[o * n + i] * x[i];
    return sum;
  });
}

/** A transposed convolution, kernel 4, stride 2, a border of 1 cut off: x (channels, side, side) to twice the side. */
export function doubled({ weight, bias }, x, side) {
  const [channels, made] = weight.shape, wide = 2 * side, y = new Float32Array(made * wide * wide);
  for (let o = 0; o < made; o++) y.fill(bias.values[o], o * wide * wide, (o + 1) * wide * wide);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < side; i++)
      for (let j = 0; j < side; j++) {
        const v = x[(c * side + i) * side + j];
        for (let o = 0; o < made; o++)
          for (let u = 0; u < 4; u++) {
            const row = 2 * i + u - 1;
            if (row < 0 || row >= wide) continue;
            for (let w = 0; w < 4; w++) {
              const column = 2 * j + w - 1;
              if (column >= 0 && column < wide) y[(o * wide + row) * wide + column] += v * weight.values[((c * made + o) * 4 + u) * 4 + w];
            }
          }
      }
  return y;
}

/** A picture (3, H, W) in [-1, 1] of noise and a caption's code. */
export function makePicture(net, noise, text) {
  const code = [...noise, ...text];
  let x = linear(net.seed, code).map(leaky), side = 4;
  for (const block of net.up) {
    x = doubled(block.conv, x, side);
    side *= 2;
    const told = block.modulate ? linear(block.modulate, code) : null, channels = x.length / side ** 2;
    x = x.map((v, i) => {
      const c = Math.floor(i / side ** 2);
      return leaky(told ? v * (1 + told[c]) + told[channels + c] : v);
    });
  }
  return doubled(net.paint, x, side).map(Math.tanh);
}
