// Shapes and digits as signed distance fields, positive inside, in radii: world/outlines.py and paint_outline of world/render.py.
import { TABLES } from "./tables.js";

const fieldCache = new Map();

/** Signed distance of a point to a polygon [[x, y], ...]: positive inside. */
export function polygonDistance(x, y, corners) {
  let inside = false, nearest = Infinity;
  for (let i = 0; i < corners.length; i++) {
    const a = corners[i], b = corners[(i + 1) % corners.length];
    const ex = b[0] - a[0], ey = b[1] - a[1], px = x - a[0], py = y - a[1];
    const along = Math.min(1, Math.max(0, (px * ex + py * ey) / (ex * ex + ey * ey)));
    nearest = Math.min(nearest, (px - along * ex) ** 2 + (py - along * ey) ** 2);
    if (y >= a[1] !== y >= b[1] && ex * py - ey * px > 0 === b[1] > a[1]) inside = !inside;
  }
  return (inside ? 1 : -1) * Math.sqrt(nearest);
}

/** The samples of a field's axis. */
function axis() {
  const { reach, grid } = TABLES.outlines;
  return Array.from({ length: grid }, (_, i) => -reach + (2 * reach * i) / (grid - 1));
}

/** A scan of 8×8 pixels blurred into a smooth picture, minus the level at which its outline is traced. */
function levelOf(scan, fine) {
  const { blur, level } = TABLES.outlines;
  const centres = Array.from({ length: 8 }, (_, i) => ((i - 3.5) / 4) * 1.05);
  const bell = (d) => Math.exp(-0.5 * (d / blur) ** 2), whole = centres.reduce((sum, c) => sum + bell(c), 0);
  const weight = fine.map((f) => centres.map((c) => bell(f - c) / whole));
  const half = weight.map((w) => centres.map((_, c) => w.reduce((sum, v, r) => sum + v * scan[8 * r + c], 0)));
  return half.map((row) => weight.map((w) => w.reduce((sum, v, c) => sum + v * row[c], 0) - level));
}

/** Points where the level changes sign between grid neighbours, by linear interpolation. */
function crossings(level, fine) {
  const step = fine[1] - fine[0], n = fine.length, points = [];
  const meet = (a, b) => (a > 0 !== b > 0 ? (a / (a - b)) * step : null);
  for (let r = 0; r < n; r++) {
    for (let c = 0; c < n; c++) {
      const across = c + 1 < n ? meet(level[r][c], level[r][c + 1]) : null;
      const down = r + 1 < n ? meet(level[r][c], level[r + 1][c]) : null;
      if (across !== null) points.push([fine[c] + across, fine[r]]);
      if (down !== null) points.push([fine[c], fine[r] + down]);
    }
  }
  return points;
}

function digitField(scan) {
  const fine = axis(), level = levelOf(scan, fine), line = crossings(level, fine);
  const nearest = (x, y) => Math.sqrt(line.reduce((best, [px, py]) => Math.min(best, (x - px) ** 2 + (y - py) ** 2), Infinity));
  return fine.flatMap((y, r) => fine.map((x, c) => (level[r][c] > 0 ? 1 : -1) * nearest(x, y)));
}

/** The (grid × grid) distance field of a kind, row by row; `hand` is taken modulo the handwritings there are. */
export function field(kind, hand = 0) {
  const scans = TABLES.outlines.hands[kind];
  const key = scans ? `${kind}/${hand % scans.length}` : kind;
  if (!fieldCache.has(key)) {
    const fine = axis(), corners = TABLES.outlines.polygons[kind];
    const values = scans
      ? digitField([...scans[hand % scans.length]].map((ink) => parseInt(ink, 36) / 16))
      : fine.flatMap((y) => fine.map((x) => polygonDistance(x, y, corners)));
    fieldCache.set(key, Float32Array.from(values));
  }
  return fieldCache.get(key);
}

/** Bilinear look-up of a field at an offset in radii. */
function sample(table, dx, dy) {
  const { reach, grid } = TABLES.outlines, scale = (grid - 1) / (2 * reach);
  const col = Math.min(grid - 1.001, Math.max(0, (dx + reach) * scale)), row = Math.min(grid - 1.001, Math.max(0, (dy + reach) * scale));
  const c = Math.floor(col), r = Math.floor(row), fc = col - c, at = r * grid + c;
  const upper = table[at] + fc * (table[at + 1] - table[at]);
  const lower = table[at + grid] + fc * (table[at + grid + 1] - table[at + grid]);
  return upper + (row - r) * (lower - upper);
}

/** Draw a field over a canvas {width, height, data: RGB floats}; a pixel's share is its distance in pixels plus one half.
 *  The window is as wide in every frame as the largest radius of the film wants it. */
export function paintOutline(canvas, table, color, x, y, radius, angle, largest) {
  const { width, height, data } = canvas, reach = largest * 1.2 + 1, side = Math.ceil(2 * reach) + 1;
  const left = Math.floor(x - reach), top = Math.floor(y - reach), cos = Math.cos(angle), sin = Math.sin(angle);
  const right = Math.min(width, left + side), bottom = Math.min(height, top + side);
  for (let py = Math.max(0, top); py < bottom; py++) {
    for (let px = Math.max(0, left); px < right; px++) {
      const dx = (px + 0.5 - x) / radius, dy = (py + 0.5 - y) / radius;
      const u = cos * dx + sin * dy, v = cos * dy - sin * dx;
      const beyond = Math.hypot(Math.max(Math.abs(u) - TABLES.outlines.reach, 0), Math.max(Math.abs(v) - TABLES.outlines.reach, 0));
      const share = Math.min(1, (sample(table, u, v) - beyond) * radius + 0.5);
      if (share <= 0) continue;
      const at = 3 * (py * width + px);
      for (let k = 0; k < 3; k++) data[at + k] += share * (color[k] - data[at + k]);
    }
  }
}
