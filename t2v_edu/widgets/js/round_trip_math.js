// The toy round trip, as t2v_edu/models/toy_cycle.py has it: a caption is a number s, its films are s + σ·u; v̂ = g·s + σ·z, ŝ = d·v.
const TRIP_LIMIT = 1e3;

/** L_text, L_video, and of real pairs the generator's and the captioner's loss. */
export function tripLosses({ sigma }, g, d) {
  const s2 = sigma * sigma, off = (1 - g * d) ** 2;
  return [0.5 * (off + s2 * d * d), 0.5 * (off * (1 + s2) + s2), 0.5 * ((1 - g) ** 2 + 2 * s2), 0.5 * ((1 - d) ** 2 + s2 * d * d)];
}

/** What the generator's loss changes by with g, and the captioner's with d. */
export function tripSlopes({ sigma, lambda_text, lambda_video, lambda_pairs, honest }, g, d) {
  const s2 = sigma * sigma, off = 1 - g * d, both = lambda_text + lambda_video * (1 + s2);
  const byG = -d * off * both - lambda_pairs * (1 - g);
  return [byG, honest ? -(1 - d) + s2 * d : -g * off * both + lambda_text * s2 * d];
}

/** g and d at the start and after every round: the generator's step, then the captioner's. */
export function tripPath(rules, [g, d], rounds) {
  const points = [[g, d]];
  for (let i = 0; i < rounds; i++) {
    if (Math.max(Math.abs(g), Math.abs(d)) < TRIP_LIMIT) {
      g -= rules.rate * tripSlopes(rules, g, d)[0];
      d -= rules.rate * tripSlopes(rules, g, d)[1];
    }
    points.push([g, d]);
  }
  return points;
}
