// One number of memory: the cells of t2v_edu/recurrent.py with one input and one hidden number, as t2v_edu/widgets/gates.py sets them.
export const GATE_STEPS = 60, GATE_PULSE = 4, GATE_MOST = 24;

const squash = (v) => 1 / (1 + Math.exp(-v));

/** What one step of a cell makes of input x and state [h] or [h, c]; w holds weight_ih, weight_hh, bias, gate by gate. */
export function gateStep(kind, w, x, [hidden, kept]) {
  const [a, b, c] = [w.ih, w.hh, w.bias], sum = (k) => a[k] * x + b[k] * hidden + c[k];
  if (kind === "rnn") return { state: [Math.tanh(sum(0))], gates: {} };
  if (kind === "gru") {
    const r = squash(sum(0)), z = squash(sum(1)), n = Math.tanh(a[2] * x + c[2] + r * b[2] * hidden);
    return { state: [(1 - z) * n + z * hidden], gates: { z } };
  }
  const i = squash(sum(0)), f = squash(sum(1)), g = Math.tanh(sum(2)), o = squash(sum(3)), next = f * kept + i * g;
  return { state: [o * Math.tanh(next), next], gates: { f, i } };
}

export function gateWeights(kind, keep, write) {
  if (kind === "rnn") return { ih: [2], hh: [1 + keep / GATE_MOST], bias: [0] };
  if (kind === "gru") return { ih: [0, -6, 2], hh: [0, 0, 0], bias: [0, keep / 4, 0] };
  return { ih: [6, 0, 2, 0], hh: [0, 0, 0, 0], bias: [write / 4, keep / 4, 0, 6] };
}

export function gateEvents(noise) {
  return Array.from({ length: GATE_STEPS }, (_, t) => (t === GATE_PULSE ? 1 : noise && t > GATE_PULSE ? 0.3 * Math.sin(0.9 * (t - GATE_PULSE)) : 0));
}

/** The memory after each input, and the gates at each. */
export function gateMemory(kind, weights, inputs) {
  let state = kind === "lstm" ? [0, 0] : [0];
  return inputs.map((x) => {
    const now = gateStep(kind, weights, x, state);
    state = now.state;
    return { memory: state[state.length - 1], gates: now.gates };
  });
}

/** Steps after the event until the memory is down to half of what it was then; null if that does not come. */
export function gateHalfLife(memory) {
  const start = Math.abs(memory[GATE_PULSE]), found = memory.slice(GATE_PULSE).findIndex((m) => Math.abs(m) <= (0.5 + 1e-9) * start);
  return found < 0 ? null : found;
}
