// Block matching in whole numbers, the same as t2v_edu/vision/motion.py: same order of looking, same ties, same counts.
const LARGE_DIAMOND = [[0, -2], [-1, -1], [1, -1], [-2, 0], [2, 0], [-1, 1], [1, 1], [0, 2]];
const SMALL_DIAMOND = [[0, -1], [-1, 0], [1, 0], [0, 1]];
const EIGHT_AROUND = [[-1, -1], [0, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [0, 1], [1, 1]];

const clamped = (v, most) => Math.max(0, Math.min(most, v));

/** All offsets of a window, the short ones first, so that of equals the shortest wins. */
function wholeWindow(search) {
  const span = Array.from({ length: 2 * search + 1 }, (_, i) => i - search);
  return span.flatMap((dy) => span.map((dx) => [dx, dy]))
    .sort((a, b) => a[0] ** 2 + a[1] ** 2 - b[0] ** 2 - b[1] ** 2 || a[1] - b[1] || a[0] - b[0]);
}

/** A block that looks for itself: what it has seen, and its best offset and cost so far. */
function seeker(cost, search) {
  const seen = new Set(), s = { best: [0, 0], cost: Infinity, seen };
  s.consider = ([cx, cy], [ox, oy], step = 1) => {
    const dx = cx + step * ox, dy = cy + step * oy, key = dy * 1024 + dx;
    if (Math.abs(dx) > search || Math.abs(dy) > search || seen.has(key)) return;
    seen.add(key);
    const now = cost(dx, dy);
    if (now < s.cost) Object.assign(s, { cost: now, best: [dx, dy] });
  };
  s.consider([0, 0], [0, 0]);
  return s;
}

const SEARCHES = {
  exhaustive(s, search, window) { for (const offset of window) s.consider([0, 0], offset); },
  three_step(s, search) {
    for (let step = 2 ** Math.floor(Math.log2(search)); step >= 1; step /= 2) {
      const centre = s.best;
      for (const offset of EIGHT_AROUND) s.consider(centre, offset, step);
    }
  },
  diamond(s) {
    for (let centre = null; centre !== s.best;) {
      centre = s.best;
      for (const offset of LARGE_DIAMOND) s.consider(centre, offset);
    }
    const centre = s.best;
    for (const offset of SMALL_DIAMOND) s.consider(centre, offset);
  },
};

/** For every block of `frame` (height × width brightnesses) where `reference` looks most like it: { vectors, costs, comparisons, columns }. */
export function matchBlocks(frame, reference, width, height, block, search, method) {
  const rows = Math.ceil(height / block), columns = Math.ceil(width / block), window = wholeWindow(search), vectors = [], costs = [];
  let comparisons = 0;
  for (let n = 0; n < rows * columns; n++) {
    const left = (n % columns) * block, top = Math.floor(n / columns) * block;
    const s = seeker((dx, dy) => { // the sum of absolute differences; beyond its edge a frame goes on as the edge is
      let sum = 0;
      for (let y = top; y < top + block; y++) {
        const row = clamped(y, height - 1) * width, other = clamped(y + dy, height - 1) * width;
        for (let x = left; x < left + block; x++) sum += Math.abs(frame[row + clamped(x, width - 1)] - reference[other + clamped(x + dx, width - 1)]);
      }
      return sum;
    }, search);
    SEARCHES[method](s, search, window);
    vectors.push(s.best);
    costs.push(s.cost);
    comparisons += s.seen.size;
  }
  return { vectors, costs, comparisons, columns, block };
}

/** The frame as the vectors and the reference foretell it. */
export function compensateBlocks(reference, width, height, { vectors, columns, block }) {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const x = i % width, y = Math.floor(i / width), [dx, dy] = vectors[Math.floor(y / block) * columns + Math.floor(x / block)];
    return reference[clamped(y + dy, height - 1) * width + clamped(x + dx, width - 1)];
  });
}

/** Mean square of what the prediction lacks. */
export function residualEnergy(frame, prediction) {
  let sum = 0;
  for (let i = 0; i < frame.length; i++) sum += (frame[i] - prediction[i]) ** 2;
  return sum / frame.length;
}
