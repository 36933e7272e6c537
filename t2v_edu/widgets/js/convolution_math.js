// A window that slides over a picture: the same sums as t2v_edu/vision/convolution.py.

/** How many places along an axis of n pixels a window can stand; 0 where it does not fit. */
export function placesOf(n, kernel, stride, padding, dilation) {
  const room = n + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : Math.floor(room / stride) + 1;
}

/** A kernel (k × k) by name, as simple_kernel in Python. */
export function simpleKernel(name, k) {
  const side = (i) => Math.sign(i - (k - 1) / 2) / Math.max(1, Math.floor(k / 2) * k), middle = Math.floor(k / 2);
  const weight = {
    mean: () => 1 / (k * k), centre: (u, v) => Number(u === middle && v === middle),
    "left to right": (u, v) => side(v), "top to bottom": (u) => side(u),
  }[name];
  return Array.from({ length: k }, (_, u) => Array.from({ length: k }, (_, v) => weight(u, v)));
}

/** The pixels (row, column) under the window at place (i, j), with the weight of each; null is max pooling, which has no weights. */
export function underWindow(what, i, j, { kernel, stride, padding, dilation }) {
  const weights = what === "largest" ? null : simpleKernel(what, kernel), cells = [];
  for (let u = 0; u < kernel; u++)
    for (let v = 0; v < kernel; v++)
      cells.push([stride * i + dilation * u - padding, stride * j + dilation * v - padding, weights && weights[u][v]]);
  return cells;
}

/** The map of a square picture (rows of numbers): rows of numbers again, none where the window does not fit. */
export function slideWindow(picture, what, dials) {
  const { kernel, stride, padding, dilation } = dials, n = placesOf(picture.length, kernel, stride, padding, dilation);
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => {
    const cells = underWindow(what, i, j, dials);
    if (what === "largest") return Math.max(...cells.map(([r, c]) => picture[r]?.[c] ?? -Infinity));
    return cells.reduce((sum, [r, c, w]) => sum + w * (picture[r]?.[c] ?? 0), 0);
  }));
}
