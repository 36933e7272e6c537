// Compositing and grading in codes 0 to 255: the same sums as t2v_edu/film/{composite,grade,light}.py.

/** The nearest whole number; of two equally near ones the even one, as NumPy has it. */
const nearest = (v) => { const r = Math.round(v); return r - v === 0.5 && r % 2 ? r - 1 : r; };

/** The light of a code, 0 to 1, and back. */
export const lightOf = (code) => { const c = code / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
export function codeOf(light) {
  const l = Math.min(1, Math.max(0, light));
  return nearest(255 * (l <= 0.0031308 ? 12.92 * l : 1.055 * l ** (1 / 2.4) - 0.055));
}

/** A code over another: αF + (1 − α)B, of codes or of light. */
export const mixOver = (alpha, front, back, mix) => (mix === "light" ? codeOf(alpha * lightOf(front) + (1 - alpha) * lightOf(back)) : nearest(alpha * front + (1 - alpha) * back));

/** What a gain does to every code. */
export const gainCodes = (gain) => Array.from({ length: 256 }, (_, code) => codeOf(gain * lightOf(code)));

/** The curve through (0, 0), (128, middle), (255, 255) that never swings back, for every code. */
export function curveCodes(middle) {
  const x = [0, 128, 255], y = [0, middle, 255], h = [128, 127], d = [middle / 128, (255 - middle) / 127];
  const inner = (3 * (h[0] + h[1])) / ((2 * h[1] + h[0]) / d[0] + (h[1] + 2 * h[0]) / d[1]);
  const end = (k, o) => { // of the parabola through all three, kept from swinging back
    const m = ((2 * h[k] + h[o]) * d[k] - h[k] * d[o]) / (h[0] + h[1]);
    return m * d[k] <= 0 ? 0 : m;
  };
  const m = [end(0, 1), inner, end(1, 0)];
  return Array.from({ length: 256 }, (_, code) => {
    const k = code < 128 ? 0 : 1, u = (code - x[k]) / h[k];
    return nearest((1 + 2 * u) * (1 - u) ** 2 * y[k] + u * (1 - u) ** 2 * h[k] * m[k] + u * u * (3 - 2 * u) * y[k + 1] + u * u * (u - 1) * h[k] * m[k + 1]);
  });
}

/** The whole picture, three codes a pixel: over, gains, curve. front, back: three bytes a pixel; alpha: one. */
export function gradePicture({ front, alpha, back }, { opacity, red, blue, middle, mix }) {
  const curve = curveCodes(middle), tables = [red, 100, blue].map((percent) => gainCodes(percent / 100).map((code) => curve[code]));
  return Uint8Array.from(front, (f, i) => tables[i % 3][mixOver((opacity / 100) * (alpha[Math.floor(i / 3)] / 255), f, back[i], mix)]);
}
