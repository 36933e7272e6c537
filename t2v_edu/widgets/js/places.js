// The pictures behind the actors: world/places.py. TABLES.scenery is places.json itself.
import { roundedDistance } from "./puppets.js";
import { TABLES } from "./tables.js";

const FINE = 4; // samples a pixel along each axis
const pictureCache = new Map();

/** Left, top, right, bottom of a box that holds a shape of the unit square. */
function shapeBox({ rect, ellipse, polygon }) {
  if (rect) return rect;
  if (ellipse) return [ellipse[0] - ellipse[2], ellipse[1] - ellipse[3], ellipse[0] + ellipse[2], ellipse[1] + ellipse[3]];
  const xs = polygon.map((corner) => corner[0]), ys = polygon.map((corner) => corner[1]);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function holds({ rect, ellipse, numbers }, x, y) {
  if (rect) return x >= rect[0] && x < rect[2] && y >= rect[1] && y < rect[3];
  if (ellipse) return ((x - ellipse[0]) / ellipse[2]) ** 2 + ((y - ellipse[1]) / ellipse[3]) ** 2 < 1;
  return roundedDistance(x, y, numbers) < 0;
}

/** Paint the samples of one row of pixels with a shape, where it is. */
function paintSamples(samples, shape, row, height, width) {
  const [left, top, right, bottom] = shape.box, columns = width * FINE, { fill, to = fill } = shape;
  const from = Math.max(0, Math.floor(left * columns) - 1), until = Math.min(columns, Math.ceil(right * columns) + 1);
  for (let i = 0; i < FINE; i++) {
    const y = (row * FINE + i + 0.5) / (height * FINE), share = shape.rect ? (y - top) / (bottom - top) : y;
    if (y < top || y > bottom) continue;
    for (let c = from; c < until; c++) {
      if (!holds(shape, (c + 0.5) / columns, y)) continue;
      for (let k = 0; k < 3; k++) samples[3 * (i * columns + c) + k] = fill[k] + share * (to[k] - fill[k]);
    }
  }
}

/** A place without its actors: RGB floats 0..255, row by row; shared between callers, not to be written to. */
export function placePicture(place, height, width) {
  const key = `${place}/${height}/${width}`;
  if (pictureCache.has(key)) return pictureCache.get(key);
  const shapes = TABLES.scenery[place].map((shape) => ({ ...shape, box: shapeBox(shape), numbers: [0, ...(shape.polygon ?? []).flat()] }));
  const picture = new Float32Array(height * width * 3), samples = new Float32Array(FINE * width * FINE * 3);
  for (let row = 0; row < height; row++) {
    samples.fill(0);
    for (const shape of shapes) paintSamples(samples, shape, row, height, width);
    for (let at = 0; at < width * 3; at++) {
      let sum = 0;
      for (let i = 0; i < FINE * FINE; i++) {
        const column = Math.floor(at / 3) * FINE + (i % FINE);
        sum += samples[3 * (Math.floor(i / FINE) * width * FINE + column) + (at % 3)];
      }
      picture[row * width * 3 + at] = sum / (FINE * FINE);
    }
  }
  pictureCache.set(key, picture);
  return picture;
}
