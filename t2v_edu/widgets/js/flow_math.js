// The exact flow to three bells, as t2v_edu/models/toy_flow.py has it, and the two samplers of t2v_edu/losses/flow.py.
export const FLOW_BELLS = [[-1.2, 0.6], [1.2, 0.6], [0, -1.2]];
export const FLOW_SPREAD = 0.45;
export const FLOW_ANY = FLOW_BELLS.length;
const FLOW_GOLDEN = Math.PI * (3 - Math.sqrt(5));

/** Noise without chance: points spread over N(0, 1) as evenly as on a sunflower. */
export function evenNoise(count) {
  return Array.from({ length: count }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log1p(-(i + 0.5) / count));
    return [radius * Math.cos(FLOW_GOLDEN * i), radius * Math.sin(FLOW_GOLDEN * i)];
  });
}

/** E[data − noise | x_t = x] for data with a label, or with any. */
export function flowVelocity([x, y], t, label) {
  const variance = (1 - t) ** 2 + (t * FLOW_SPREAD) ** 2, slope = (t * FLOW_SPREAD ** 2 - (1 - t)) / variance;
  const bells = FLOW_BELLS.filter((_, k) => label === FLOW_ANY || label === k).map(([a, b]) => {
    const dx = x - t * a, dy = y - t * b;
    return { log: (-0.5 * (dx * dx + dy * dy)) / variance, vx: a + slope * dx, vy: b + slope * dy };
  });
  const top = Math.max(...bells.map((bell) => bell.log)), shares = bells.map((bell) => Math.exp(bell.log - top));
  const all = shares.reduce((a, b) => a + b, 0);
  return ["vx", "vy"].map((v) => bells.reduce((sum, bell, k) => sum + (shares[k] / all) * bell[v], 0));
}

/** v(∅) + weight·(v(label) − v(∅)). */
export function guidedVelocity(point, t, label, weight) {
  const any = flowVelocity(point, t, FLOW_ANY);
  if (label === FLOW_ANY) return any;
  const told = flowVelocity(point, t, label);
  return any.map((v, i) => v + weight * (told[i] - v));
}

/** The stops of one point on its way from t = 0 to 1 in equal steps. */
export function flowWalk(solver, start, steps, label, weight) {
  const stops = [start];
  for (let i = 0; i < steps; i++) {
    const [x, y] = stops[i], t = i / steps, dt = (i + 1) / steps - t, [a, b] = guidedVelocity([x, y], t, label, weight);
    const ahead = [x + dt * a, y + dt * b];
    if (solver === "euler") stops.push(ahead);
    else {
      const [c, d] = guidedVelocity(ahead, (i + 1) / steps, label, weight);
      stops.push([x + (dt * (a + c)) / 2, y + (dt * (b + d)) / 2]);
    }
  }
  return stops;
}

/** Whether a point's nearest bell has the label, and is at most three spreads away. */
export function flowRight([x, y], label) {
  const away = FLOW_BELLS.map(([a, b]) => Math.hypot(x - a, y - b)), nearest = Math.min(...away);
  return nearest <= 3 * FLOW_SPREAD && (label === FLOW_ANY || away[label] === nearest);
}
