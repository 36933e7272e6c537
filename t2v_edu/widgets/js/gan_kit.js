// What the two windows on small games share: dials over a range, and a plot with its axes.
import { drawn, h, slider } from "./kit.js";

/** A number within a range and on its steps; the first one where it is none. */
export function onScale(value, [low, high, step], otherwise = low) {
  const number = Number.isFinite(value) ? value : otherwise;
  return Number((low + step * Math.round((Math.min(high, Math.max(low, number)) - low) / step)).toFixed(6));
}

export const ganSigned = (x, digits = 2) => {
  const text = Math.abs(x) >= 1e4 ? x.toExponential(1) : x.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
};

/** A slider with its name and its number. `show(value)` sets it. */
export function rangeDial(label, [low, high, step], oninput) {
  const input = slider(label, Math.round((high - low) / step) + 1, (i) => oninput(onScale(low + i * step, [low, high, step])));
  const output = h("output", { class: "t2v-count" }), digits = step >= 0.1 ? 1 : 2;
  return {
    element: h("div", { class: "t2v-dial t2v-gan-dial" }, h("span", { class: "t2v-label" }, label), input, output),
    show(value) {
      input.value = Math.round((value - low) / step);
      input.setAttribute("aria-valuetext", `${label} ${ganSigned(value, digits)}`);
      output.textContent = ganSigned(value, digits);
    },
  };
}

/** A plot over [left, right] × [low, high]: its svg, what turns numbers into places, and lines through functions. */
export function ganPlot(width, height, [left, right], [low, high], label) {
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "t2v-plot", role: "img", "aria-label": label });
  const x = (v) => (width * (v - left)) / (right - left), y = (v) => height - (height * (Math.min(high, Math.max(low, v)) - low)) / (high - low);
  const place = (v, w) => `${x(v).toFixed(1)},${y(w).toFixed(1)}`;
  const grid = (count) => Array.from({ length: count + 1 }, (_, i) => left + ((right - left) * i) / count);
  return {
    svg, x, y,
    line: (points, kind) => drawn("polyline", { class: `t2v-line ${kind}`, fill: "none", points: points.map((p) => place(...p)).join(" ") }),
    through: (f, count = 240) => grid(count).map((v) => [v, f(v)]),
    rule: (from, to, kind) => drawn("line", { class: kind, x1: x(from[0]), y1: y(from[1]), x2: x(to[0]), y2: y(to[1]) }),
    words: (v, w, text, anchor = "middle") => {
      const element = drawn("text", { x: x(v), y: y(w), class: "t2v-plot-words", "text-anchor": anchor });
      element.textContent = text;
      return element;
    },
  };
}
