// How actors move: world/motion.py, line for line. TABLES comes from widgets/tables.py, never typed here.
import { TABLES } from "./tables.js";

const isStory = (kind) => TABLES.story.includes(kind);

/** Radius of an actor as a share of the frame's short side, before it grows or shrinks. */
export function radiusOf(actor) {
  return TABLES.motion.radius[actor.size] * (isStory(actor.kind) ? TABLES.motion.story_scale : 1);
}

/** Period 1, amplitude 1, starts at 0 and rises. */
export function triangleWave(t) {
  return 1 - 4 * Math.abs(((t + 0.25) % 1) - 0.5);
}

/** Offset from a base point and angle at time u of one actor. */
function path(actor, take, u) {
  const m = TABLES.motion, turn = 2 * Math.PI;
  const sign = ["left", "up", "counterclockwise"].includes(actor.direction) ? -1 : 1;
  switch (actor.action) {
    case "moves": {
      const run = sign * m.travel[actor.speed] * u;
      return actor.direction === "up" || actor.direction === "down" ? [0, run, 0] : [run, 0, 0];
    }
    case "bounces": {
      const swing = m.bounce * Math.cos(turn * (m.cycles[actor.speed] * u + take.phase));
      return actor.direction === "vertical" ? [0, swing, 0] : [swing, 0, 0];
    }
    case "zigzags":
      return [sign * m.travel[actor.speed] * u, m.weave * triangleWave(2 * u), 0];
    case "circles": {
      const phi = turn * (sign * m.orbits[actor.speed] * u + take.phase);
      return [m.orbit * Math.cos(phi), m.orbit * Math.sin(phi), 0];
    }
    case "spins":
      return [0, 0, sign * turn * m.spins[actor.speed] * u];
    case "walks":
    case "runs":
      return [sign * m.walk[`${actor.action}/${actor.speed}`] * u, 0, 0];
    case "jumps": {
      const t = (2 * u) % 1;
      return [0, -4 * m.hop * t * (1 - t), 0];
    }
    default:
      return [0, 0, 0];
  }
}

/** Base coordinate such that base + offset stays in [margin, 1 - margin], at `share` of the room there is. */
function place(share, offsets, margin) {
  const low = margin - Math.min(...offsets), high = 1 - margin - Math.max(...offsets);
  return high > low ? low + share * (high - low) : (low + high) / 2;
}

/** One actor of a one-actor scene over `frames` frames: an array of {x, y, radius, angle, gait} as motion.Poses,
 *  and `largest`, the largest radius of the film. */
export function poses(actor, take, frames) {
  const m = TABLES.motion, times = Array.from({ length: frames }, (_, t) => (frames > 1 ? t / (frames - 1) : 0));
  const [start, end] = actor.action === "shrinks" ? [m.growth[1], m.growth[0]] : m.growth;
  const grows = actor.action === "grows" || actor.action === "shrinks";
  const scale = times.map((u) => (grows ? start + (end - start) * u : 1));
  const offsets = times.map((u) => path(actor, take, u));
  const dx = offsets.map((o) => o[0]), dy = offsets.map((o) => o[1]), size = radiusOf(actor);
  const largest = Math.max(...scale), margin = size * Math.max(largest, actor.action === "spins" ? 1.2 : 1);
  const x0 = place(take.x, dx, margin), y0 = isStory(actor.kind) ? 0 : place(take.y, dy, margin);
  const [low, high] = m.ground_band;
  const ground = Math.max(low + take.y * (high - low), Math.min(0.95, 2 * size * largest + 0.02));
  return times.map((u, t) => ({
    x: x0 + dx[t],
    y: dy[t] + (isStory(actor.kind) ? ground - m.feet[actor.kind] * size * scale[t] : y0),
    radius: size * scale[t],
    largest: size * largest,
    angle: offsets[t][2],
    gait: (m.strides[actor.action] ?? 1) * u + (actor.action === "jumps" ? 0 : take.phase), // legs are tucked at the top of a hop
  }));
}

/** Poses of every actor; two actors each live in a cell of half the side and move in it as if alone. */
export function stage(scene, takes, frames) {
  if (!scene.relation) return [poses(scene.actors[0], takes[0], frames)];
  const cells = scene.relation === "left_of" ? [[0.25, 0.5], [0.75, 0.5]] : [[0.5, 0.25], [0.5, 0.75]];
  return scene.actors.map((actor, i) => poses(actor, takes[i], frames).map((p) => ({
    ...p, x: cells[i][0] + (p.x - 0.5) / 2, y: cells[i][1] + (p.y - 0.5) / 2, radius: p.radius / 2, largest: p.largest / 2,
  })));
}

/** What a caption leaves open for one actor: take 0 puts everything in the middle, any other number is a draw.
 *  Source of the generator: mulberry32, Tommy Ettinger, public domain; widgets/takes.py draws the same numbers. */
export function takeOf(number, who) {
  if (number === 0) return { x: 0.5, y: 0.5, phase: 0, hand: 0 };
  let state = (2 * number + who) | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { x: next(), y: next(), phase: next(), hand: Math.floor(next() * 65536) };
}
