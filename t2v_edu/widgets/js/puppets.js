// The story's puppets: world/raster.py, world/puppets.py and world/sprites.py. TABLES.puppets is puppets.json itself.
import { TABLES } from "./tables.js";

const norm = (x, y) => Math.sqrt(x * x + y * y); // Math.hypot is many times slower
const clamp = (v, low, high) => Math.min(high, Math.max(low, v));

// --- Signed distances, negative inside -------------------------------------------------------------------------------

export function ellipseDistance(x, y, cx, cy, rx, ry, turn) {
  const c = Math.cos(turn), s = Math.sin(turn);
  const u = (c * (x - cx) + s * (y - cy)) / rx, v = (c * (y - cy) - s * (x - cx)) / ry;
  const level = norm(u, v);
  return level > 1e-9 ? (level * (level - 1)) / Math.max(norm(u / rx, v / ry), 1e-9) : -Math.min(rx, ry);
}

export function capsuleDistance(x, y, ax, ay, bx, by, ra, rb) {
  const dx = bx - ax, dy = by - ay;
  const along = clamp(((x - ax) * dx + (y - ay) * dy) / Math.max(dx * dx + dy * dy, 1e-12), 0, 1);
  return norm(x - ax - along * dx, y - ay - along * dy) - (ra + along * (rb - ra));
}

/** Numbers of a polygon shape: rounding, x, y, x, y, ... */
export function roundedDistance(x, y, numbers) {
  let nearest = Infinity, inside = false;
  for (let i = 1; i < numbers.length; i += 2) {
    const j = i + 2 < numbers.length ? i + 2 : 1;
    const ax = numbers[i], ay = numbers[i + 1], by = numbers[j + 1], dx = numbers[j] - ax, dy = by - ay;
    const along = clamp(((x - ax) * dx + (y - ay) * dy) / Math.max(dx * dx + dy * dy, 1e-12), 0, 1);
    nearest = Math.min(nearest, (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2);
    if (dy !== 0 && ay <= y !== by <= y && x < ax + ((y - ay) * dx) / dy) inside = !inside;
  }
  return (inside ? -1 : 1) * Math.sqrt(nearest) - numbers[0];
}

function distance(shape, x, y) {
  const n = shape.numbers;
  if (shape.form === "ellipse") return ellipseDistance(x, y, n[0], n[1], n[2], n[3], n[4]);
  if (shape.form === "capsule") return capsuleDistance(x, y, n[0], n[1], n[2], n[3], n[4], n[5]);
  return roundedDistance(x, y, n);
}

/** Left, top, right, bottom of a box that holds the shape. */
function boxOf({ form, numbers: n }) {
  if (form === "ellipse") {
    const reach = Math.max(n[2], n[3]);
    return [n[0] - reach, n[1] - reach, n[0] + reach, n[1] + reach];
  }
  const corners = form === "capsule" ? n.slice(0, 4) : n.slice(1), grow = form === "capsule" ? Math.max(n[4], n[5]) : n[0];
  const xs = corners.filter((_, i) => i % 2 === 0), ys = corners.filter((_, i) => i % 2 === 1);
  return [Math.min(...xs) - grow, Math.min(...ys) - grow, Math.max(...xs) + grow, Math.max(...ys) + grow];
}

// --- Joints, poses, layers --------------------------------------------------------------------------------------------

/** A channel's value: base + amplitude · sin(2π(cycles · gait + offset)). */
const wave = ([base, amplitude = 0, offset = 0, cycles = 1], gait) => base + amplitude * Math.sin(2 * Math.PI * (cycles * gait + offset));

const radians = (degrees) => (degrees * Math.PI) / 180;

const carry = ([fx, fy, turn], x, y) =>
  [fx + Math.cos(turn) * x - Math.sin(turn) * y, fy + Math.sin(turn) * x + Math.cos(turn) * y];

/** Place and angle [x, y, radians] of every joint in the sprite's frame. */
function framesOf(joints, pose, gait) {
  const frames = { "": [0, 0, 0] };
  for (const [name, [parent, x, y]] of Object.entries(joints)) {
    const channels = pose[name] ?? {}, move = (channel) => (channels[channel] ? wave(channels[channel], gait) : 0);
    frames[name] = [...carry(frames[parent], x + move("x"), y + move("y")), frames[parent][2] + radians(move("turn"))];
  }
  return frames;
}

function shows(thing, pose, gait) {
  const [start, stop] = thing.during ?? [0, 1], at = ((gait % 1) + 1) % 1;
  return (thing.poses ?? [pose]).includes(pose) && start <= at && at < stop;
}

function placePart(part, frames) {
  const frame = frames[part.on], paint = TABLES.puppets.paints[part.paint];
  if (part.ellipse) {
    const [x, y, rx, ry] = part.ellipse;
    return { form: "ellipse", numbers: [...carry(frame, x, y), rx, ry, frame[2] + radians(part.turn ?? 0)], paint };
  }
  if (part.capsule) {
    const [ax, ay, bx, by, ra, rb] = part.capsule;
    return { form: "capsule", numbers: [...carry(frame, ax, ay), ...carry(frame, bx, by), ra, rb], paint };
  }
  return { form: "polygon", numbers: [part.round ?? 0, ...part.polygon.flatMap(([x, y]) => carry(frame, x, y))], paint };
}

const GROWS = { ellipse: [2, 3], capsule: [4, 5], polygon: [0] };

function grown(shape, by, paint) {
  return { form: shape.form, numbers: shape.numbers.map((v, i) => (GROWS[shape.form].includes(i) ? v + by : v)), paint };
}

/** The puppet at one moment: its shapes, back to front. */
export function shapesOf(kind, pose, gait) {
  const puppet = TABLES.puppets.puppets[kind], frames = framesOf(puppet.joints, puppet.poses[pose], gait);
  return puppet.layers.filter((layer) => shows(layer, pose, gait)).flatMap((layer) => {
    const parts = layer.parts.filter((part) => shows(part, pose, gait)).map((part) => placePart(part, frames));
    const line = layer.line === undefined ? "line" : layer.line;
    return line === null ? parts : [...parts.map((p) => grown(p, puppet.outline, TABLES.puppets.paints[line])), ...parts];
  });
}

// --- Drawing ----------------------------------------------------------------------------------------------------------

function drawShape(out, n, shape) {
  const reach = TABLES.sprites.reach, pixel = (2 * reach) / n, [left, top, right, bottom] = boxOf(shape);
  const first = (edge) => clamp(Math.ceil((edge + reach) / pixel - 0.5), 0, n);
  const [m, r, g, b] = shape.paint, paint = [r, g, b, m, 1], x1 = first(right + pixel), y1 = first(bottom + pixel);
  for (let row = first(top - pixel); row < y1; row++) {
    for (let col = first(left - pixel); col < x1; col++) {
      const d = distance(shape, (col + 0.5) * pixel - reach, (row + 0.5) * pixel - reach), alpha = clamp(0.5 - d / pixel, 0, 1);
      if (alpha === 0) continue;
      const at = 5 * (row * n + col);
      for (let k = 0; k < 5; k++) out[at + k] += alpha * (paint[k] - out[at + k]);
    }
  }
}

const tableCache = new Map();
const TABLES_KEPT = 72;

/** To the nearest whole number, halves to the even one, as NumPy rounds. */
function roundEven(v) {
  const low = Math.floor(v), rest = v - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

/** A drawing n × n × 5: [red, green, blue, weight of the actor's colour, alpha], premultiplied. */
function drawPuppet(kind, pose, gait, size) {
  const fine = Math.max(2, Math.ceil(96 / size)), n = size * fine, field = new Float32Array(n * n * 5);
  for (const shape of shapesOf(kind, pose, gait)) drawShape(field, n, shape);
  const drawing = new Float32Array(size * size * 5);
  for (let row = 0; row < n; row++) {
    for (let col = 0; col < n; col++) {
      const at = 5 * (Math.floor(row / fine) * size + Math.floor(col / fine)), from = 5 * (row * n + col);
      for (let k = 0; k < 5; k++) drawing[at + k] += field[from + k] / (fine * fine);
    }
  }
  return drawing;
}

/** Along one axis (`step` numbers from texel to texel), each texel the mean over the `texels` around it. */
function spread(drawing, size, texels, step) {
  const out = new Float32Array(drawing.length), half = Math.floor(texels / 2);
  for (let base = 0; base < drawing.length; base++) {
    if (Math.floor(base / step) % size !== 0) continue; // not the first of its line
    let sum = 0;
    for (let i = -half; i < size; i++) {
      if (i + half < size) sum += drawing[base + (i + half) * step];
      if (i - half - 1 >= 0) sum -= drawing[base + (i - half - 1) * step];
      if (i >= 0) out[base + i * step] = sum / texels;
    }
  }
  return out;
}

/** One phase of a pose for sprites up to `width` pixels wide, bytes with a transparent rim: {size, blend, data}. */
function tableOf(kind, pose, phase, width) {
  const key = `${kind}/${pose}/${phase}/${width}`, { phases, fine, fine_up_to: fineUpTo } = TABLES.sprites;
  if (tableCache.has(key)) return tableCache.get(key);
  const finer = width > fineUpTo ? 1 : Math.ceil(fine / width) | 1, size = width * finer, wide = size + 2;
  let drawing = drawPuppet(kind, pose, phase / phases, size);
  if (finer > 1) drawing = spread(spread(drawing, size, finer, 5 * size), size, finer, 5);
  const data = new Uint8Array(wide * wide * 5);
  for (let i = 0; i < drawing.length; i++) {
    const row = Math.floor(i / (5 * size)), at = 5 * ((row + 1) * wide + 1) + (i - row * 5 * size);
    data[at] = roundEven(drawing[i] * (i % 5 > 2 ? 255 : 1));
  }
  if (tableCache.size >= TABLES_KEPT) tableCache.delete(tableCache.keys().next().value);
  tableCache.set(key, { size, blend: finer === 1, data });
  return tableCache.get(key);
}

/** Along one axis: where in the table a pixel looks, as [index, share of the next]. */
function lookUp(pixel, centre, reach, { size, blend }, flip) {
  const place = (pixel + 0.5 - centre) / reach, at = clamp(((flip ? -place : place) + 1) * (size / 2) + 0.5, 0, size + 0.999);
  return blend ? [Math.floor(at), at - Math.floor(at)] : [roundEven(at + 1e-6), 0];
}

/** Paint a puppet over a canvas {width, height, data: RGB floats}; x, y, radius in pixels. */
export function paintPuppet(canvas, kind, action, gait, color, x, y, radius, flip) {
  const { width, height, data } = canvas, { levels, phases, reach: whole } = TABLES.sprites, reach = whole * radius;
  const level = levels.find((l) => l >= Math.min(2 * reach, levels[levels.length - 1]));
  const pose = action in TABLES.puppets.puppets[kind].poses ? action : "stands";
  const table = tableOf(kind, pose, ((roundEven(gait * phases) % phases) + phases) % phases, level), wide = table.size + 2, texels = table.data;
  const bottom = Math.min(height, Math.ceil(y + reach) + 1), right = Math.min(width, Math.ceil(x + reach) + 1);
  const columns = [];
  for (let px = Math.max(0, Math.floor(x - reach) - 1); px < right; px++) columns.push([px, ...lookUp(px, x, reach, table, flip)]);
  for (let py = Math.max(0, Math.floor(y - reach) - 1); py < bottom; py++) {
    const [row, down] = lookUp(py, y, reach, table, false);
    for (const [px, column, across] of columns) {
      const at = 5 * (row * wide + column), below = down ? at + 5 * wide : at, next = across ? 5 : 0;
      const mix = (k) => (1 - down) * ((1 - across) * texels[at + k] + across * texels[at + next + k])
        + down * ((1 - across) * texels[below + k] + across * texels[below + next + k]);
      const alpha = mix(4) / 255, weight = mix(3) / 255, to = 3 * (py * width + px);
      if (alpha === 0) continue;
      for (let k = 0; k < 3; k++) data[to + k] = data[to + k] * (1 - alpha) + mix(k) + weight * color[k];
    }
  }
}
