// The smallest games, as t2v_edu/models/toy_gan.py has them: two bells with the best discriminator known, and the duel of θ and ψ.

const BELL_Z = Array.from({ length: 721 }, (_, i) => -9 + (18 * i) / 720), BELL_RAW = BELL_Z.map((z) => Math.exp(-0.5 * z * z));
const BELL_SUM = BELL_RAW.reduce((a, b) => a + b, 0), BELL_WEIGHT = BELL_RAW.map((w) => w / BELL_SUM);
const bellMean = (f) => BELL_Z.reduce((sum, z, i) => sum + BELL_WEIGHT[i] * f(z), 0); // E[f(z)] of a smooth f
const logistic = (s) => (s >= 0 ? 1 : Math.exp(s)) / (1 + Math.exp(-Math.abs(s)));
const softPlus = (s) => Math.max(s, 0) + Math.log1p(Math.exp(-Math.abs(s)));

/** The share of a standard bell to the left of t: a series whose terms are all of one sign. */
export function bellShare(t) {
  if (Math.abs(t) > 9) return t > 0 ? 1 : 0;
  let term = t, sum = t;
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= (t * t) / n;
  return 0.5 + (Math.exp(-0.5 * t * t) / Math.sqrt(2 * Math.PI)) * sum;
}

/** E|x| for x ~ N(mean, spread²). */
function meanDistance(mean, spread) {
  if (spread === 0) return Math.abs(mean);
  const t = mean / spread;
  return spread * Math.sqrt(2 / Math.PI) * Math.exp(-0.5 * t * t) + mean * (2 * bellShare(t) - 1);
}

/** What one unit more of score costs: [dL_D/dD(x), dL_D/dD(G(z)), dL_G/dD(G(z))]. */
function scorePulls(game, real, fake) {
  if (game === "least_squares") return [real - 1, fake, fake - 1];
  if (game === "hinge") return [real < 1 ? -1 : 0, fake > -1 ? 1 : 0, -1];
  if (game === "wasserstein") return [-1, 1, -1];
  return [-logistic(-real), logistic(fake), game === "minimax" ? -logistic(fake) : -logistic(-fake)];
}

/** Real N(0, 1) against made N(mean, spread²): the best D and its slope as functions of x, losses, gradients, distances. */
export function bellPair(game, mean, spread) {
  const crossing = spread === 1 ? null : mean / (1 - spread), sign = Math.sign(spread === 1 ? -mean : 1 - spread);
  const ratio = (x) => Math.log(spread) + 0.5 * ((x - mean) / spread) ** 2 - 0.5 * x * x, made = (z) => mean + spread * z;
  const slope = (x) => (x - mean) / spread ** 2 - x;
  const roof = (x) => (crossing === null ? sign * x : sign * (Math.abs(x - crossing) - Math.abs(crossing)));
  const js = Math.log(2) - 0.5 * bellMean((z) => softPlus(-ratio(z)) + softPlus(ratio(made(z))));
  const w1 = meanDistance(mean, Math.abs(spread - 1)), common = { js, w1 };
  if (game === "wasserstein") {
    const t = crossing === null ? 0 : (crossing - mean) / spread;
    const earned = crossing === null ? sign * mean : sign * (meanDistance(mean - crossing, spread) - Math.abs(crossing));
    const gradients = crossing === null ? [-sign, 0] : [-sign * (1 - 2 * bellShare(t)), (-sign * 2 * Math.exp(-0.5 * t * t)) / Math.sqrt(2 * Math.PI)];
    return { ...common, d: roof, losses: [-w1, -earned], gradients };
  }
  const squares = game === "least_squares", d = squares ? (x) => logistic(ratio(x)) : ratio;
  const dSlope = squares ? (x) => d(x) * (1 - d(x)) * slope(x) : slope;
  const felt = (z) => scorePulls(game, 0, d(made(z)))[2] * dSlope(made(z));
  const lossD = squares ? (z) => 0.5 * (d(z) - 1) ** 2 + 0.5 * d(made(z)) ** 2 : (z) => softPlus(-d(z)) + softPlus(d(made(z)));
  const lossG = { minimax: (s) => -softPlus(s), non_saturating: (s) => softPlus(-s), least_squares: (s) => 0.5 * (s - 1) ** 2 }[game];
  return { ...common, d, losses: [bellMean(lossD), bellMean((z) => lossG(d(made(z))))], gradients: [bellMean(felt), bellMean((z) => felt(z) * z)] };
}

/** [∂L_G/∂θ, ∂L_D/∂ψ] of the duel: real noise·z, made θ + noise·z, D(x) = ψ·x. */
export function duelGradients({ game, penalty, strength, noise }, theta, psi) {
  const mean = noise ? bellMean : (f) => f(0), middle = game === "least_squares" ? 0.5 : 0;
  let onD, onG;
  if (game === "relativistic") {
    const apart = (z) => Math.SQRT2 * noise * z - theta;
    onD = mean((z) => -logistic(-psi * apart(z)) * apart(z));
    onG = psi * mean((z) => -logistic(psi * apart(z)));
  } else {
    const pulls = (z) => scorePulls(game, middle + psi * noise * z, middle + psi * (theta + noise * z));
    onD = mean((z) => { const [real, fake] = pulls(z); return real * noise * z + fake * (theta + noise * z); });
    onG = psi * mean((z) => pulls(z)[2]);
  }
  if (penalty === "r1") onD += strength * psi;
  if (penalty === "gradient_penalty") onD += 2 * strength * (Math.abs(psi) - 1) * Math.sign(psi);
  return [onG, onD];
}

/** Where one update of D and one of G lead; far outside, nowhere. */
export function duelStep(rules, [theta, psi]) {
  if (Math.max(Math.abs(theta), Math.abs(psi)) > 1e6) return [theta, psi];
  const [onG, onD] = duelGradients(rules, theta, psi);
  let moved = psi - rules.rate_d * onD;
  if (rules.penalty === "clipping") moved = Math.min(Math.max(moved, -rules.strength), rules.strength);
  return [theta - rules.rate_g * (rules.in_turn ? duelGradients(rules, theta, moved)[0] : onG), moved];
}

/** Every (θ, ψ) from the start on. */
export function duelPath(rules, start, updates) {
  const points = [start];
  while (points.length <= updates) points.push(duelStep(rules, points.at(-1)));
  return points;
}
