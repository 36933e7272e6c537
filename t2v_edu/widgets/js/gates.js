// How long a cell remembers: one number of memory, an event at step 4, dials for what keeps it and what lets new things in.
import { button, drawn, follow, frame, h, menu, slider, tick, write } from "./kit.js";
import { GATE_MOST, GATE_PULSE, GATE_STEPS, gateEvents, gateHalfLife, gateMemory, gateWeights } from "./gates_math.js";

const GATE_SETTINGS = ["kind", "keep", "write", "noise"], GATE_WIDE = 600, GATE_HIGH = 170;
const GATE_KINDS = [["rnn", "plain RNN"], ["gru", "GRU"], ["lstm", "LSTM"]];
const KEEP_WORDS = { rnn: "Weight w of its own past", gru: "Update gate z: how much stays", lstm: "Forget gate f: how much stays" };
const gateDial = (value) => Math.min(GATE_MOST, Math.max(-GATE_MOST, Math.round(Number(value)) || 0));
const gateOf = (dial) => 1 / (1 + Math.exp(-dial / 4));

function gateSlider(oninput) {
  const input = slider("gate", 2 * GATE_MOST + 1, (at) => oninput(at - GATE_MOST)), value = h("output", { class: "t2v-count" });
  const label = h("span", { class: "t2v-label" });
  return {
    element: h("div", {}, label, h("div", { class: "t2v-player" }, input, value)),
    show(dial, name, words) {
      input.value = dial + GATE_MOST;
      label.textContent = name;
      input.setAttribute("aria-label", name);
      input.setAttribute("aria-valuetext", words);
      value.textContent = words;
    },
  };
}

/** Bars of the memory, a line for the inputs. */
function gateChart(memory, inputs, label) {
  const high = Math.max(1, ...memory.map(Math.abs)), wide = GATE_WIDE / GATE_STEPS, middle = GATE_HIGH / 2;
  const bars = memory.map((m, t) => {
    const tall = (Math.abs(m) / high) * (middle - 8);
    return drawn("rect", { class: "t2v-gate-bar", x: t * wide + 1, width: wide - 2, y: m < 0 ? middle : middle - tall, height: tall });
  });
  const line = drawn("polyline", { class: "t2v-line t2v-line-1", fill: "none",
    points: inputs.map((x, t) => `${(t + 0.5) * wide},${middle - x * (middle - 8)}`).join(" ") });
  const zero = drawn("line", { class: "t2v-cursor", x1: 0, x2: GATE_WIDE, y1: middle, y2: middle });
  return drawn("svg", { viewBox: `0 0 ${GATE_WIDE} ${GATE_HIGH}`, role: "img", "aria-label": label, class: "t2v-gate-chart" }, zero, ...bars, line);
}

function renderGates({ model, el }) {
  const body = frame(el, model, "gates", "How long a cell remembers");
  const kinds = menu("Cell", (kind) => write(model, { kind })), keeps = gateSlider((keep) => write(model, { keep }));
  const writes = gateSlider((w) => write(model, { write: w })), noisy = tick("small disturbances after the event", (noise) => write(model, { noise }));
  const chart = h("div"), told = h("p", { role: "status", "aria-live": "polite" });
  const key = h("p", { class: "t2v-keys" }, "Bars: the memory after each step. Dashed line: what comes in.");
  body.append(kinds.element, keeps.element, writes.element,
    h("div", { class: "t2v-row" }, noisy.element, button("reset", "Reset", () => write(model, model.get("initial")))), chart, key, told);

  function refresh() {
    const kind = KEEP_WORDS[model.get("kind")] ? model.get("kind") : "lstm", noise = Boolean(model.get("noise"));
    const keep = gateDial(model.get("keep")), open = gateDial(model.get("write")), inputs = gateEvents(noise);
    const memory = gateMemory(kind, gateWeights(kind, keep, open), inputs).map((step) => step.memory), half = gateHalfLife(memory);
    kinds.show(GATE_KINDS.map(([value, text]) => ({ value, text })), kind);
    keeps.show(keep, KEEP_WORDS[kind], kind === "rnn" ? (1 + keep / GATE_MOST).toFixed(2) : gateOf(keep).toFixed(3));
    writes.show(open, "Input gate i when nothing happens", gateOf(open).toFixed(3));
    writes.element.hidden = kind !== "lstm";
    noisy.show(noise);
    const last = memory[GATE_STEPS - 1];
    told.textContent = `${half === null ? `Not fallen to half in ${GATE_STEPS - GATE_PULSE - 1} steps.` : `Down to half after ${half} ${half === 1 ? "step" : "steps"}.`} `
      + `At the end it holds ${last.toFixed(3).replace("-", "−")}, at the event it was ${memory[GATE_PULSE].toFixed(3).replace("-", "−")}.`;
    chart.replaceChildren(gateChart(memory, inputs, told.textContent));
    write(model, { kind, keep, write: open, noise }); // what came from the URL may not have suited
  }
  refresh();
  return follow(model, GATE_SETTINGS, refresh);
}

export const gates = { render: renderGates };
