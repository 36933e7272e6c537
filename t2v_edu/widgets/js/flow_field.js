// A flow in the plane: points on their way from noise to three bells, by Euler's or Heun's steps, with a label and guidance.
import { button, drawn, follow, frame, h, menu, read, write } from "./kit.js";
import { player } from "./player.js";
import { ganPlot, ganSigned, onScale, rangeDial } from "./gan_kit.js";
import { evenNoise, flowRight, flowWalk, FLOW_ANY, FLOW_BELLS, FLOW_SPREAD } from "./flow_math.js";

const FLOW_MOMENTS = 50, FLOW_VIEW = 3.2, FLOW_STEPS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32], FLOW_EXACT = 64;
const FLOW_GUIDANCE = [0, 8, 0.5], FLOW_KEYS = ["solver", "steps", "label", "guidance"], FLOW_NOISE = evenNoise(60);
const FLOW_SOLVERS = { euler: "Euler: one look a step", heun: "Heun: two looks a step" };
const FLOW_LABELS = ["A", "B", "C", "any"];

/** Values that the dials have, whatever came from the URL. */
function flowSettled({ solver, steps, label, guidance }) {
  return {
    solver: Object.hasOwn(FLOW_SOLVERS, solver) ? solver : "euler",
    steps: FLOW_STEPS.includes(steps) ? steps : 4,
    label: Number.isInteger(label) && label >= 0 && label <= FLOW_ANY ? label : FLOW_ANY,
    guidance: onScale(guidance, FLOW_GUIDANCE, 1),
  };
}

const flowEnds = (solver, steps, label, guidance) => FLOW_NOISE.map((start) => flowWalk(solver, start, steps, label, guidance).at(-1));
const flowOff = (ends, exact) => ends.reduce((sum, [x, y], i) => sum + Math.hypot(x - exact[i][0], y - exact[i][1]), 0) / ends.length;

/** Error of the ends over looks at the field, both on logarithmic scales. */
function flowErrors(label, guidance, exact, solver, steps) {
  const plot = ganPlot(420, 150, [-0.4, 6.4], [-3.4, 0.9], "Error of both samplers over the number of looks at the field");
  const counts = FLOW_STEPS.filter((n) => Math.log2(n) % 1 === 0);
  const place = (kind, n) => [Math.log2(n * (kind === "heun" ? 2 : 1)), Math.log10(Math.max(5e-4, flowOff(flowEnds(kind, n, label, guidance), exact)))];
  for (const power of [0, -1, -2, -3]) plot.svg.append(plot.rule([-0.4, power], [6.4, power], "t2v-axis"), plot.words(6.35, power + 0.08, String(10 ** power), "end"));
  for (const [i, kind] of ["euler", "heun"].entries()) {
    const points = counts.map((n) => place(kind, n));
    plot.svg.append(plot.line(points, `t2v-line-${i}`), plot.words(points[2][0], points[2][1] + 0.35, kind === "euler" ? "Euler" : "Heun", i ? "end" : "start"));
  }
  const [x, y] = place(solver, steps);
  plot.svg.append(drawn("circle", { cx: plot.x(x), cy: plot.y(y), r: 6, class: "t2v-now" }));
  return plot.svg;
}

function renderFlow({ model, el }) {
  const body = frame(el, model, "flow", "Points flow from noise to three bells"), range = [-FLOW_VIEW, FLOW_VIEW];
  const plot = ganPlot(420, 420, range, range, "Points on their way from noise to data"), ways = drawn("g", {});
  for (const [k, [x, y]] of FLOW_BELLS.entries()) {
    for (const r of [1, 2]) plot.svg.append(drawn("circle", { cx: plot.x(x), cy: plot.y(y), r: (210 * r * FLOW_SPREAD) / FLOW_VIEW, class: "t2v-bell" }));
    plot.svg.append(plot.words(1.85 * x, 1.85 * y - 0.06, FLOW_LABELS[k]));
  }
  plot.svg.append(ways);
  const solver = menu("Sampler", (value) => write(model, { solver: value })), steps = menu("Steps", (value) => write(model, { steps: Number(value) }));
  const label = menu("Label asked for", (value) => write(model, { label: Number(value) }));
  const guidance = rangeDial("guidance w", FLOW_GUIDANCE, (value) => write(model, { guidance: value }));
  const told = h("p", { role: "status" }), errors = h("div", {});
  let rules, stops, exact, at = 0;
  const play = player({
    count: FLOW_MOMENTS + 1, fps: 15, label: "Time", words: (n) => [`time ${(n / FLOW_MOMENTS).toFixed(2)} of 1`, `t = ${(n / FLOW_MOMENTS).toFixed(2)}`],
    show: (n) => { at = n; draw(); }, settled: (n) => write(model, { at: n }),
  });
  body.append(h("div", { class: "t2v-duel-plot" }, plot.svg, play.element, told),
    h("div", { class: "t2v-duel-desk" }, label.element, guidance.element, solver.element, steps.element,
      h("figure", {}, errors, h("figcaption", {}, "mean distance from the exact ends, over looks at the field (1 to 64), both logarithmic")),
      button("reset", "Reset", () => write(model, model.get("initial")))));

  function draw() {
    if (!stops) return;
    const where = (at / FLOW_MOMENTS) * rules.steps, whole = Math.min(rules.steps - 1, Math.floor(where)), part = where - whole;
    const edge = (p) => p.map((v) => Math.max(-FLOW_VIEW, Math.min(FLOW_VIEW, v)));
    ways.replaceChildren(...stops.flatMap((way, i) => {
      const now = edge([0, 1].map((k) => way[whole][k] + part * (way[whole + 1][k] - way[whole][k])));
      const shapes = [plot.line([...way.slice(0, whole + 1).map(edge), now], "t2v-way")];
      if (at === FLOW_MOMENTS) shapes.push(plot.rule(now, edge(exact[i]), "t2v-miss"));
      return [...shapes, drawn("circle", { cx: plot.x(now[0]), cy: plot.y(now[1]), r: 3.5, class: "t2v-now" })];
    }));
  }
  function refresh() {
    rules = flowSettled(read(model, FLOW_KEYS));
    const { solver: kind, steps: n, label: asked, guidance: w } = rules;
    stops = FLOW_NOISE.map((start) => flowWalk(kind, start, n, asked, w));
    exact = flowEnds("heun", FLOW_EXACT, asked, w);
    const ends = stops.map((way) => way.at(-1)), right = ends.filter((end) => flowRight(end, asked)).length / ends.length;
    errors.replaceChildren(flowErrors(asked, w, exact, kind, n));
    solver.show(Object.entries(FLOW_SOLVERS).map(([value, text]) => ({ value, text })), kind);
    steps.show(FLOW_STEPS.map((value) => ({ value, text: String(value) })), n);
    label.show(FLOW_LABELS.map((text, value) => ({ value, text })), asked);
    guidance.show(w);
    guidance.element.hidden = asked === FLOW_ANY;
    told.textContent = `${n * (kind === "heun" ? 2 : 1)} looks at the field. The ends are off by ${ganSigned(flowOff(ends, exact), 3)} on average; `
      + `${Math.round(100 * right)}% lie ${asked === FLOW_ANY ? "in a bell" : `in bell ${FLOW_LABELS[asked]}`}.`;
    play.redraw();
    write(model, rules); // what came from the URL may not have suited
  }
  refresh();
  play.follow(model.get("at"));
  const off = [follow(model, FLOW_KEYS, refresh), follow(model, ["at"], () => play.follow(model.get("at")))];
  return () => { off.forEach((stop) => stop()); play.destroy(); };
}

export const flowField = { render: renderFlow };
