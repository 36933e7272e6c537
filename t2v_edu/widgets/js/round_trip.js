// The toy round trip in the plane of g and d: the valley where the way there and back is perfect, and the way that learning takes.
import { button, drawn, follow, frame, h, read, tick, write } from "./kit.js";
import { player } from "./player.js";
import { ganPlot, ganSigned, onScale, rangeDial } from "./gan_kit.js";
import { tripLosses, tripPath } from "./round_trip_math.js";

const TRIP_ROUNDS = 200, TRIP_G = [0, 3], TRIP_D = [0, 1.5];
const TRIP_DIALS = {
  lambda_text: ["λ_text", [0, 2, 0.1]], lambda_video: ["λ_video", [0, 2, 0.1]], lambda_pairs: ["λ_pairs", [0, 2, 0.1]],
  sigma: ["σ, left open", [0, 1.5, 0.1]], g: ["start g", [0.1, 3, 0.1]], d: ["start d", [0.1, 1.5, 0.1]],
};
const TRIP_KEYS = ["honest", ...Object.keys(TRIP_DIALS)], TRIP_RATE = 0.1;

/** Settings that suit, whatever came from the URL. */
function tripSettled(state) {
  const dials = Object.fromEntries(Object.entries(TRIP_DIALS).map(([key, [, range]]) => [key, onScale(state[key], range)]));
  return { ...dials, honest: Boolean(state.honest) };
}

function renderTrip({ model, el }) {
  const body = frame(el, model, "duel", "There and back: a generator and a captioner");
  const plot = ganPlot(420, 320, TRIP_G, TRIP_D, "The plane of the generator's g and the captioner's d"), trail = drawn("g", {});
  const valley = Array.from({ length: 60 }, (_, i) => 0.667 + (2.333 * i) / 59).map((g) => [g, 1 / g]);
  const said = drawn("g", {});
  plot.svg.append(plot.rule([1, 0], [1, 1.5], "t2v-axis"), plot.line(valley, "t2v-field"), said, trail,
    plot.words(2.95, 0.04, "g: how loud the generator films", "end"), plot.words(0.05, 1.4, "d: how much the captioner reads", "start"),
    plot.words(2.3, 0.5, "g·d = 1", "middle"), plot.words(1.03, 0.12, "right", "start"));
  const told = h("p", { role: "status" });
  const rows = ["L_text", "L_video", "pairs, G", "pairs, C"].map((name) => [name, h("td", {})]);
  const table = h("table", { class: "t2v-weights" }, h("tr", {}, ...rows.map(([name]) => h("th", { scope: "col" }, name))), h("tr", {}, ...rows.map(([, cell]) => cell)));
  const honest = tick("the captioner learns from real pairs alone", (value) => write(model, { honest: value }));
  const dials = Object.fromEntries(Object.entries(TRIP_DIALS).map(([key, [label, span]]) => [key, rangeDial(label, span, (value) => write(model, { [key]: value }))]));
  let path = [], rules = {}, at = 0;
  const play = player({
    count: TRIP_ROUNDS + 1, fps: () => 25, label: "Round",
    words: (n) => [`after ${n} rounds`, `${n} / ${TRIP_ROUNDS}`], show: (n) => { at = n; walk(); }, settled: (n) => write(model, { at: n }),
  });
  body.append(h("div", { class: "t2v-duel-plot" }, plot.svg, play.element, told, h("div", { class: "t2v-wide" }, table)),
    h("div", { class: "t2v-duel-desk" }, ...Object.values(dials).map((dial) => dial.element), honest.element,
      button("reset", "Reset", () => write(model, model.get("initial")))));

  function walk() {
    if (!path.length) return;
    const [g, d] = path[at], inside = ([a, b]) => [Math.min(TRIP_G[1], Math.max(TRIP_G[0], a)), Math.min(TRIP_D[1], Math.max(TRIP_D[0], b))];
    const dot = (p, r, kind) => drawn("circle", { cx: plot.x(inside(p)[0]), cy: plot.y(inside(p)[1]), r, class: kind });
    trail.replaceChildren(plot.line(path.slice(0, at + 1).map(inside), "t2v-trail"), dot(path[0], 4, "t2v-start"), dot(path[at], 6, "t2v-now"));
    const out = inside([g, d]).some((v, i) => v !== [g, d][i]);
    told.textContent = `After ${at} rounds: g = ${ganSigned(g)}, d = ${ganSigned(d)}, g·d = ${ganSigned(g * d)}${out ? "; that is outside the picture, and drawn at its edge" : ""}.`;
    tripLosses(rules, g, d).forEach((loss, i) => { rows[i][1].textContent = ganSigned(loss, 3); });
  }
  function refresh() {
    const state = tripSettled(read(model, TRIP_KEYS)), best = 1 / (1 + state.sigma ** 2);
    rules = { ...state, rate: TRIP_RATE };
    path = tripPath(rules, [state.g, state.d], TRIP_ROUNDS);
    said.replaceChildren(plot.rule([0, best], [3, best], "t2v-axis"), plot.words(0.05, best + 0.03, "what real pairs teach d", "start"));
    Object.entries(dials).forEach(([key, dial]) => dial.show(state[key]));
    honest.show(state.honest);
    play.redraw();
    write(model, state);
  }
  refresh();
  play.follow(model.get("at"));
  const stops = [follow(model, TRIP_KEYS, refresh), follow(model, ["at"], () => play.follow(model.get("at")))];
  return () => { stops.forEach((stop) => stop()); play.destroy(); };
}

export const roundTrip = { render: renderTrip };
