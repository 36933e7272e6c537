// Two bells, the best discriminator between them, both losses, what the generator feels, and both distances.
import { button, drawn, follow, frame, h, menu, write } from "./kit.js";
import { bellPair } from "./gan_math.js";
import { ganPlot, onScale, rangeDial, ganSigned } from "./gan_kit.js";

const BELL_MEAN = [-6, 6, 0.05], BELL_SPREAD = [0.2, 3, 0.05], BELL_STEP = 0.5, BELL_X = [-8, 8];
const BELL_GAMES = { minimax: "minimax", non_saturating: "non-saturating", least_squares: "least squares", wasserstein: "Wasserstein" };
const bellDensity = (x, mean, spread) => Math.exp(-0.5 * ((x - mean) / spread) ** 2) / (spread * Math.sqrt(2 * Math.PI));

/** The two bells, filled, with the made one hatched by its outline's dashes; under them how G is pulled. */
function drawBells(mean, spread, [onMean, onSpread]) {
  const top = Math.max(0.45, 0.42 / spread), plot = ganPlot(600, 170, BELL_X, [-0.28 * top, 1.1 * top], `Real bell at 0, made bell at ${ganSigned(mean)} with spread ${ganSigned(spread)}`);
  const real = plot.through((x) => bellDensity(x, 0, 1)), made = plot.through((x) => bellDensity(x, mean, spread));
  const low = -0.14 * top, reach = (g) => Math.sign(-g) * Math.min(2.5, Math.abs(g)), arrow = (from, to, kind) => {
    if (Math.abs(to - from) < 0.03) return [];
    const head = Math.sign(to - from) * Math.min(0.2, Math.abs(to - from));
    return [plot.rule([from, low], [to, low], kind), plot.line([[to - head, low + 0.045 * top], [to, low], [to - head, low - 0.045 * top]], kind)];
  };
  plot.svg.append(plot.rule([BELL_X[0], 0], [BELL_X[1], 0], "t2v-axis"), plot.line(real, "t2v-line-0"), plot.line(made, "t2v-line-1"),
    ...arrow(mean, mean + reach(onMean), "t2v-line t2v-pull"),
    ...[-1, 1].flatMap((side) => arrow(mean + side * spread, mean + side * (spread + reach(onSpread)), "t2v-line t2v-stretch")),
    plot.words(0, 0.42, "real"), plot.words(Math.min(7.3, Math.max(-7.3, mean)), 1.02 * bellDensity(mean, mean, spread), "made"));
  return plot.svg;
}

/** D* over x: as a probability σ(D*) where a sigmoid follows, else as a score. */
function drawJudge(game, d, mean, spread) {
  const odds = game === "minimax" || game === "non_saturating", range = game === "wasserstein" ? [-6, 6] : [-0.05, 1.05];
  const plot = ganPlot(600, 90, BELL_X, range, "The best discriminator over x"), shown = odds ? (x) => 1 / (1 + Math.exp(-d(x))) : d;
  const middle = game === "wasserstein" ? 0 : 0.5;
  plot.svg.append(plot.rule([BELL_X[0], middle], [BELL_X[1], middle], "t2v-axis"), plot.line(plot.through(shown), "t2v-line-2"),
    plot.line(plot.through((s) => shown(mean + (s / 8) * 2 * spread), 40).map(([s, v]) => [mean + (s / 8) * 2 * spread, v]), "t2v-felt"));
  return plot.svg;
}

/** JS and W₁ for every mean at this spread, each as a share of the most it can be here; and where we are. */
function drawDistances(curves, mean) {
  const plot = ganPlot(600, 90, BELL_X, [-0.04, 1.04], "Jensen–Shannon divergence and Wasserstein distance over the made mean");
  plot.svg.append(plot.line(curves.map(([m, js]) => [m, js / Math.log(2)]), "t2v-line-3"), plot.line(curves.map(([m, , w]) => [m, w / 8]), "t2v-line-0"),
    plot.rule([mean, 0], [mean, 1], "t2v-cursor"), plot.words(4.6, 0.72, "JS, as a share of log 2", "end"), plot.words(5.4, 0.5, "W₁ / 8", "start"));
  return plot.svg;
}

function renderBells({ model, el }) {
  const body = frame(el, model, "bells", "Two bells and the best discriminator between them"), curves = new Map();
  const game = menu("Loss", (value) => write(model, { game: value }));
  const mean = rangeDial("mean m", BELL_MEAN, (value) => write(model, { mean: value }));
  const spread = rangeDial("spread s", BELL_SPREAD, (value) => write(model, { spread: value }));
  const plots = ["made and real, and how G is pulled", "the best D: where it says “real” (high) and “made” (low)", "both distances, had G another mean"]
    .map((words) => ({ box: h("div", {}), words: h("figcaption", {}, words) }));
  const table = h("table", { class: "t2v-weights" }), told = h("p", { role: "status", "aria-live": "polite" });
  let felt = [0, 0];
  const step = button("next", "One step of G", () => write(model, {
    mean: onScale(model.get("mean") - BELL_STEP * felt[0], [...BELL_MEAN.slice(0, 2), 0.001]),
    spread: onScale(model.get("spread") - BELL_STEP * felt[1], [...BELL_SPREAD.slice(0, 2), 0.001]),
  }));
  body.append(h("div", { class: "t2v-attention-dials" }, game.element, mean.element, spread.element),
    ...plots.map(({ box, words }) => h("figure", {}, box, words)), h("div", { class: "t2v-wide" }, table),
    h("div", { class: "t2v-row" }, step, button("reset", "Reset", () => write(model, model.get("initial")))), told);

  function refresh() {
    const kind = Object.hasOwn(BELL_GAMES, model.get("game")) ? model.get("game") : "minimax";
    const m = onScale(model.get("mean"), [...BELL_MEAN.slice(0, 2), 0.001], 0), s = onScale(model.get("spread"), [...BELL_SPREAD.slice(0, 2), 0.001], 1);
    const pair = bellPair(kind, m, s);
    felt = pair.gradients;
    if (!curves.has(s)) curves.set(s, Array.from({ length: 65 }, (_, i) => { const at = -8 + i / 4, { js, w1 } = bellPair("wasserstein", at, s); return [at, js, w1]; }));
    game.show(Object.entries(BELL_GAMES).map(([value, text]) => ({ value, text })), kind);
    mean.show(m);
    spread.show(s);
    [drawBells(m, s, felt), drawJudge(kind, pair.d, m, s), drawDistances(curves.get(s), m)].forEach((svg, i) => plots[i].box.replaceChildren(svg));
    const cells = [["L_D", pair.losses[0]], ["L_G", pair.losses[1]], ["∂L_G/∂m", felt[0]], ["∂L_G/∂s", felt[1]], ["JS (at most 0.693)", pair.js], ["W₁", pair.w1]];
    table.replaceChildren(h("tr", {}, ...cells.map(([name]) => h("th", { scope: "col" }, name))), h("tr", {}, ...cells.map(([, v]) => h("td", {}, ganSigned(v, 3)))));
    const weak = Math.hypot(...felt) < 0.02 && pair.js > 0.5, there = pair.w1 < 0.02;
    told.textContent = there ? "Made and real are alike: nobody can tell them apart." : weak
      ? "G feels next to nothing: the loss has saturated, though made and real are far apart."
      : `G is pulled ${Math.abs(felt[0]) < 0.005 ? "neither way" : felt[0] < 0 ? "to the right" : "to the left"}, and ${Math.abs(felt[1]) < 0.005 ? "keeps its width" : felt[1] < 0 ? "wants to be wider" : "wants to be narrower"}.`;
    write(model, { game: kind, mean: m, spread: s }); // what came from the URL may not have suited
  }
  refresh();
  return follow(model, ["game", "mean", "spread"], refresh);
}

export const bellGame = { render: renderBells };
