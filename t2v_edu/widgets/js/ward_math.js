// One real point, one made point, a D of two numbers, and a mistake: the functions of t2v_edu/clinic/ward.py.
export const WARD_RATE = 0.3, WARD_FRICTION = 0.3, WARD_TURNS = 80;

const wardSoftplus = (s) => Math.max(s, 0) + Math.log1p(Math.exp(-Math.abs(s)));
const wardSigmoid = (s) => (s >= 0 ? 1 : Math.exp(s)) / (1 + Math.exp(-Math.abs(s)));
const wardScores = (g) => [g.psi + g.b, g.psi * g.theta + g.b];

export function wardLosses(bug, real, made) {
  const [r, f] = bug === "twice" ? [wardSigmoid(real), wardSigmoid(made)] : [real, made];
  return [wardSoftplus(-r) + wardSoftplus(bug === "labels" ? -f : f), wardSoftplus(bug === "flees" ? f : -f)];
}

export function wardPulls(bug, g) {
  const [real, made] = wardScores(g), twice = bug === "twice";
  const r = twice ? wardSigmoid(real) : real, f = twice ? wardSigmoid(made) : made;
  const slopeR = twice ? r * (1 - r) : 1, slopeF = twice ? f * (1 - f) : 1;
  const onR = -wardSigmoid(-r) * slopeR, onF = (bug === "labels" ? -wardSigmoid(-f) : wardSigmoid(f)) * slopeF;
  const gOnF = (bug === "flees" ? wardSigmoid(f) : -wardSigmoid(-f)) * slopeF;
  const learns = bug === "frozen" ? 0 : 1, leaks = bug === "shared" || bug === "cancels" ? 1 : 0;
  return { dPsi: learns * (onR + onF * g.theta + WARD_FRICTION * g.psi), dB: learns * (onR + onF), gPsi: leaks * gOnF * g.theta,
    gB: leaks * gOnF, dTheta: bug === "cancels" ? onF * g.psi : 0, gTheta: gOnF * g.psi };
}

function wardTurn(bug, g) {
  let p = wardPulls(bug, g);
  if (bug === "cancels") {
    return { theta: g.theta - WARD_RATE * (p.dTheta + p.gTheta), psi: g.psi - WARD_RATE * (p.dPsi + p.gPsi), b: g.b - WARD_RATE * (p.dB + p.gB) };
  }
  const next = { theta: g.theta, psi: g.psi - WARD_RATE * p.dPsi, b: g.b - WARD_RATE * p.dB };
  p = wardPulls(bug, next);
  return { theta: next.theta - WARD_RATE * p.gTheta, psi: next.psi - WARD_RATE * p.gPsi, b: next.b - WARD_RATE * p.gB };
}

/** L_D, L_G and θ before each turn, and after the last. */
export function wardCourse(bug) {
  let game = { theta: -1, psi: 0, b: 0 };
  return Array.from({ length: WARD_TURNS + 1 }, () => {
    const now = [...wardLosses(bug, ...wardScores(game)), game.theta];
    game = wardTurn(bug, game);
    return now;
  });
}

/** The four measurements. */
export function wardProbes(bug) {
  const game = { theta: -1, psi: 0.5, b: 0.5 }, p = wardPulls(bug, game);
  const after = { ...game, theta: game.theta - WARD_RATE * (p.dTheta + p.gTheta) };
  return [wardLosses(bug, 20, -20)[0], WARD_RATE * Math.hypot(p.gPsi, p.gB), WARD_RATE * Math.hypot(p.dPsi, p.dB),
    wardScores(after)[1] - wardScores(game)[1]];
}
