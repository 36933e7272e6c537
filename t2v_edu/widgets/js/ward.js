// The ward: a patient's curves, four measurements that stay hidden until they are asked for, and a diagnosis to try.
import { button, drawn, follow, frame, h, menu, tick, write } from "./kit.js";
import { WARD_TURNS, wardCourse, wardProbes } from "./ward_math.js";

const WARD_SETTINGS = ["patient", "measured", "guess"], WARD_WIDE = 600, WARD_HIGH = 170, WARD_TOP = 2.2;
const wardNumber = (value) => (Math.abs(value) < 5e-4 ? 0 : value).toFixed(3).replace("-", "−");

/** Two losses and the way of the made point, each with its own dashes and its name at the end. */
function wardChart(rows, label) {
  const x = (t) => (t / WARD_TURNS) * (WARD_WIDE - 60), up = (v) => WARD_HIGH - 5 - (Math.min(WARD_TOP, Math.max(0, v)) / WARD_TOP) * (WARD_HIGH - 15);
  const ends = [0, 1].map((k) => up(rows[WARD_TURNS][k]) + 4), apart = Math.max(0, 15 - Math.abs(ends[0] - ends[1])) / 2;
  const [low, high] = ends[0] > ends[1] ? [0, 1] : [1, 0];
  ends[low] = Math.min(WARD_HIGH - 4, ends[low] + apart);
  ends[high] = Math.min(ends[high] - apart, ends[low] - 15);
  const lines = ["L_D", "L_G"].flatMap((name, k) => [
    drawn("polyline", { class: k ? "t2v-line t2v-line-1" : "t2v-line", fill: "none", points: rows.map((row, t) => `${x(t)},${up(row[k])}`).join(" ") }),
    drawn("text", { class: "t2v-plot-words", x: WARD_WIDE - 54, y: ends[k] }, name),
  ]);
  const zero = drawn("line", { class: "t2v-cursor", x1: 0, x2: WARD_WIDE - 60, y1: up(0), y2: up(0) });
  return drawn("svg", { viewBox: `0 0 ${WARD_WIDE} ${WARD_HIGH}`, role: "img", "aria-label": label, class: "t2v-plot" }, zero, ...lines);
}

/** Where the made point goes: from -4 to 2, the real one at 1. */
function wardTrack(rows) {
  const at = (v) => 10 + ((Math.min(2, Math.max(-4, v)) + 4) / 6) * (WARD_WIDE - 20);
  const dots = rows.filter((_, t) => t % 4 === 0).map((row, i, all) => drawn("circle", { class: "t2v-ward-dot", cx: at(row[2]), cy: 22, r: 2 + (4 * i) / all.length }));
  const goal = drawn("line", { class: "t2v-ward-goal", x1: at(1), x2: at(1), y1: 8, y2: 36 });
  const start = drawn("text", { class: "t2v-plot-words", x: at(-1) - 14, y: 48 }, "start"), real = drawn("text", { class: "t2v-plot-words", x: at(1) - 12, y: 48 }, "real");
  return drawn("svg", { viewBox: `0 0 ${WARD_WIDE} 52`, role: "img", "aria-label": `The made point goes from −1 to ${wardNumber(rows[WARD_TURNS][2])}; the real one is at 1`, class: "t2v-plot" }, goal, ...dots, start, real);
}

function renderWard({ model, el }) {
  const body = frame(el, model, "ward", "The ward"), beds = model.get("beds"), names = model.get("diagnoses"), asked = model.get("probes");
  const bed = menu("Patient", (value) => write(model, { patient: Number(value), measured: 0, guess: "" }));
  const boxes = asked.map((name, i) => tick(name, () => write(model, { measured: model.get("measured") ^ (1 << i) })));
  const values = asked.map(() => h("output", { class: "t2v-count" }));
  const list = h("ul", { class: "t2v-ward-probes" }, ...boxes.map((box, i) => h("li", {}, box.element, values[i])));
  const guess = menu("Your diagnosis", (value) => write(model, { guess: value }));
  const charts = h("div"), told = h("p", { role: "status", "aria-live": "polite" }), verdict = h("p", { role: "status", "aria-live": "polite" });
  body.append(bed.element, charts, told, h("span", { class: "t2v-label" }, "Measure"), list, guess.element, verdict,
    h("div", { class: "t2v-row" }, button("reset", "Reset", () => write(model, model.get("initial")))));

  function refresh() {
    const patient = Math.min(beds.length - 1, Math.max(0, Math.round(Number(model.get("patient"))) || 0)), bug = beds[patient];
    const measured = (Math.round(Number(model.get("measured"))) || 0) & (2 ** asked.length - 1);
    const tried = names.some(([name]) => name === model.get("guess")) ? model.get("guess") : "";
    const rows = wardCourse(bug), last = rows[WARD_TURNS], found = wardProbes(bug);
    bed.show(beds.map((_, i) => ({ value: String(i), text: `Patient ${i + 1}` })), String(patient));
    guess.show([{ value: "", text: "…" }, ...names.map(([value, text]) => ({ value, text }))], tried);
    told.textContent = `After ${WARD_TURNS} turns: L_D ${wardNumber(last[0])}, L_G ${wardNumber(last[1])}, the made point at ${last[2].toFixed(2).replace("-", "−")}, the real one at 1.`;
    charts.replaceChildren(wardChart(rows, `Patient ${patient + 1}. ${told.textContent}`), wardTrack(rows));
    boxes.forEach((box, i) => {
      const on = Boolean((measured >> i) & 1);
      box.show(on);
      values[i].textContent = on ? wardNumber(found[i]) : "?";
    });
    verdict.textContent = !tried ? "" : tried === bug ? `Right: ${names.find(([name]) => name === bug)[1]}.`
      : measured ? "No. Which measurement would come out differently if it were so?" : "No. Measure before you guess.";
    write(model, { patient, measured, guess: tried }); // what came from the URL may not have suited
  }
  refresh();
  return follow(model, WARD_SETTINGS, refresh);
}

export const ward = { render: renderWard };
