// The phase portrait of the duel: where one update of both players leads from everywhere, and the way from one start.
import { button, drawn, follow, frame, h, menu, read, tick, write } from "./kit.js";
import { player } from "./player.js";
import { duelPath, duelStep } from "./gan_math.js";
import { ganPlot, onScale, rangeDial, ganSigned } from "./gan_kit.js";

const DUEL_UPDATES = 300, DUEL_VIEW = 2.6, DUEL_FAST = 25, DUEL_SLOW = 3;
const DUEL_GAMES = { minimax: "minimax", non_saturating: "non-saturating", least_squares: "least squares", hinge: "hinge", wasserstein: "Wasserstein", relativistic: "relativistic" };
const DUEL_PENALTIES = { none: "none", r1: "R1", gradient_penalty: "gradient penalty", clipping: "clipping" };
const DUEL_DIALS = { rate_d: ["D's rate", [0.02, 1, 0.02]], rate_g: ["G's rate", [0.02, 1, 0.02]], strength: ["penalty's strength", [0, 3, 0.1]], noise: ["noise", [0, 2, 0.1]], theta: ["start θ", [-2, 2, 0.1]], psi: ["start ψ", [-2, 2, 0.1]] };
const DUEL_KEYS = ["game", "penalty", "in_turn", ...Object.keys(DUEL_DIALS)];
const duelChosen = (value, known) => (Object.hasOwn(known, value) ? value : Object.keys(known)[0]);

/** Settings that suit, whatever came from the URL. */
function duelSettled(state) {
  const dials = Object.fromEntries(Object.entries(DUEL_DIALS).map(([key, [, range]]) => [key, onScale(state[key], range)]));
  return { ...dials, game: duelChosen(state.game, DUEL_GAMES), penalty: duelChosen(state.penalty, DUEL_PENALTIES), in_turn: Boolean(state.in_turn) };
}

/** Arrows of one length, darker where the step is larger. */
function duelField(plot, rules) {
  const places = Array.from({ length: 13 }, (_, i) => -2.4 + 0.4 * i);
  return places.flatMap((theta) => places.map((psi) => {
    const [t, p] = duelStep(rules, [theta, psi]), dx = t - theta, dy = p - psi, size = Math.hypot(dx, dy);
    if (size < 1e-9) return drawn("circle", { cx: plot.x(theta), cy: plot.y(psi), r: 1.5, class: "t2v-rest" });
    const k = 0.15 / size, tip = [theta + k * dx, psi + k * dy], side = (s) => [tip[0] - k * (0.5 * dx + s * 0.3 * dy), tip[1] - k * (0.5 * dy - s * 0.3 * dx)];
    const arrow = plot.line([[theta - k * dx, psi - k * dy], tip, side(1), tip, side(-1)], "t2v-field");
    arrow.style.opacity = 0.25 + 0.75 * Math.min(1, size / 0.4);
    return arrow;
  }));
}

function renderDuel({ model, el }) {
  const body = frame(el, model, "duel", "Phase portrait of two players"), range = [-DUEL_VIEW, DUEL_VIEW];
  const plot = ganPlot(420, 420, range, range, "The plane of θ and ψ"), field = drawn("g", {}), trail = drawn("g", {});
  plot.svg.append(plot.rule([-DUEL_VIEW, 0], [DUEL_VIEW, 0], "t2v-axis"), plot.rule([0, -DUEL_VIEW], [0, DUEL_VIEW], "t2v-axis"), field, trail,
    plot.words(DUEL_VIEW - 0.1, 0.12, "θ: where G is", "end"), plot.words(0.12, DUEL_VIEW - 0.22, "ψ: D's slope", "start"));
  const told = h("p", { role: "status" }), slow = tick("slowly", () => {}), turn = tick("in turn: G answers the D that has just moved", (in_turn) => write(model, { in_turn }));
  const game = menu("Loss", (value) => write(model, { game: value })), penalty = menu("Penalty on D", (value) => write(model, { penalty: value }));
  const dials = Object.fromEntries(Object.entries(DUEL_DIALS).map(([key, [label, span]]) => [key, rangeDial(label, span, (value) => write(model, { [key]: value }))]));
  let path = [], at = 0;
  const play = player({
    count: DUEL_UPDATES + 1, fps: () => (slow.element.firstChild.checked ? DUEL_SLOW : DUEL_FAST), label: "Update",
    words: (n) => [`after ${n} updates`, `${n} / ${DUEL_UPDATES}`], show: (n) => { at = n; walk(); }, settled: (n) => write(model, { at: n }),
  });
  plot.svg.addEventListener("click", (event) => {
    const box = plot.svg.getBoundingClientRect(), [theta, psi] = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height]
      .map((share, i) => onScale(DUEL_VIEW * (2 * share - 1), DUEL_DIALS[i ? "psi" : "theta"][1]));
    write(model, { theta, psi });
  });
  body.append(h("div", { class: "t2v-duel-plot" }, plot.svg, play.element, told),
    h("div", { class: "t2v-duel-desk" }, game.element, penalty.element, ...Object.values(dials).map((dial) => dial.element), turn.element, slow.element,
      button("reset", "Reset", () => write(model, model.get("initial")))));

  function walk() {
    if (!path.length) return;
    const [theta, psi] = path[at], away = Math.hypot(theta, psi), out = Math.max(Math.abs(theta), Math.abs(psi)) > DUEL_VIEW;
    const dot = (p, r, kind) => drawn("circle", { cx: plot.x(Math.min(DUEL_VIEW, Math.max(-DUEL_VIEW, p[0]))), cy: plot.y(p[1]), r, class: kind });
    trail.replaceChildren(plot.line(path.slice(0, at + 1).map(([t, p]) => [Math.min(DUEL_VIEW, Math.max(-DUEL_VIEW, t)), p]), "t2v-trail"),
      dot(path[0], 4, "t2v-start"), dot(path[at], 6, "t2v-now"));
    told.textContent = `After ${at} updates: θ = ${ganSigned(theta)}, ψ = ${ganSigned(psi)}, ${ganSigned(away)} from the equilibrium${out ? "; that is outside the picture, and drawn at its edge" : ""}.`;
  }
  function refresh() {
    const rules = duelSettled(read(model, DUEL_KEYS));
    path = duelPath(rules, [rules.theta, rules.psi], DUEL_UPDATES);
    field.replaceChildren(...duelField(plot, rules));
    game.show(Object.entries(DUEL_GAMES).map(([value, text]) => ({ value, text })), rules.game);
    penalty.show(Object.entries(DUEL_PENALTIES).map(([value, text]) => ({ value, text })), rules.penalty);
    turn.show(rules.in_turn);
    Object.entries(dials).forEach(([key, dial]) => dial.show(rules[key]));
    dials.strength.element.hidden = rules.penalty === "none";
    play.redraw();
    write(model, rules);
  }
  refresh();
  play.follow(model.get("at"));
  const stops = [follow(model, DUEL_KEYS, refresh), follow(model, ["at"], () => play.follow(model.get("at")))];
  return () => { stops.forEach((stop) => stop()); play.destroy(); };
}

export const duelPortrait = { render: renderDuel };
