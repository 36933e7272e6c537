// The convolution window: a picture with a window on it, the map that it makes, dials, and the size formula with numbers.
import { placesOf, slideWindow, underWindow } from "./convolution_math.js";
import { button, follow, frame, h, menu, read, slider, write } from "./kit.js";

const CONV_DIALS = { kernel: [1, 7], stride: [1, 4], padding: [0, 3], dilation: [1, 4] }, CONV_KEYS = ["what", ...Object.keys(CONV_DIALS), "place"];
const CONV_WORDS = { mean: "mean of the window", "left to right": "edges, left to right", "top to bottom": "edges, top to bottom", centre: "the middle pixel alone", largest: "largest (max pooling)" };
const CONV_SIDE = 336; // pixels of a canvas

/** A slider with its name and its number. `show(value)` sets it. */
function convDial(label, [low, high], onchange) {
  const input = slider(label, high - low + 1, (i) => onchange(low + i)), output = h("output", { class: "t2v-count" });
  const words = h("span", { class: "t2v-label" }, label);
  return {
    element: h("div", { class: "t2v-dial" }, words, input, output),
    show(value) { input.value = value - low; input.setAttribute("aria-valuetext", `${label} ${value}`); output.textContent = value; },
  };
}

/** Settings within their dials; max pooling pads by half its window at most. */
function convSettled(state, n) {
  const dials = Object.fromEntries(Object.entries(CONV_DIALS).map(([k, [low, high]]) => [k, Math.min(high, Math.max(low, Math.round(state[k]) || low))]));
  const what = Object.hasOwn(CONV_WORDS, state.what) ? state.what : "mean", asked = dials.padding;
  if (what === "largest") dials.padding = Math.min(asked, Math.floor(dials.kernel / 2));
  const side = placesOf(n, dials.kernel, dials.stride, dials.padding, dials.dilation);
  return { what, dials, side, less: asked > dials.padding, place: Math.max(0, Math.min(side * side - 1, Math.round(state.place) || 0)) };
}

/** Draw rows of numbers as grey squares; `mark` are [row, column] of squares to outline. */
function drawCells(canvas, rows, border, gray, mark) {
  const pen = canvas.getContext("2d"), n = rows.length + 2 * border, cell = CONV_SIDE / n, at = (i) => Math.round(i * cell);
  pen.fillStyle = "#8d8f96";
  pen.fillRect(0, 0, CONV_SIDE, CONV_SIDE);
  rows.forEach((row, i) => row.forEach((value, j) => {
    const level = Math.round(255 * Math.min(1, Math.max(0, gray(value))));
    pen.fillStyle = `rgb(${level} ${level} ${level})`;
    pen.fillRect(at(j + border), at(i + border), at(j + border + 1) - at(j + border), at(i + border + 1) - at(i + border));
  }));
  for (const [color, width] of [["#ffffff", 4], ["#0072b2", 2]]) { // a white edge under the blue one: seen on black and on white
    pen.strokeStyle = color;
    pen.lineWidth = width;
    for (const [i, j] of mark) pen.strokeRect(at(j + border) + 1, at(i + border) + 1, Math.max(2, cell - 2), Math.max(2, cell - 2));
  }
}

function renderConvolution({ model, el }) {
  const picture = model.get("pixels"), n = picture.length, body = frame(el, model, "convolution", "A window slides over a picture");
  const canvas = () => h("canvas", { class: "t2v-picture", width: CONV_SIDE, height: CONV_SIDE, role: "img" });
  const left = canvas(), right = canvas(), under = h("figcaption"), name = h("figcaption"), formula = h("p", { class: "t2v-formula", "aria-live": "polite" });
  const what = menu("Operation", (value) => write(model, { what: value }));
  const dials = Object.fromEntries(Object.entries(CONV_DIALS).map(([key, range]) => [key, convDial(key, range, (value) => write(model, { [key]: value }))]));
  const place = slider("place of the window", 2, (value) => write(model, { place: value }));
  const reset = button("reset", "Reset", () => write(model, model.get("initial")));
  right.addEventListener("click", (event) => {
    const box = right.getBoundingClientRect(), { side } = convSettled(read(model, CONV_KEYS), n);
    const [j, i] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) => Math.floor(share * side));
    if (side) write(model, { place: i * side + j });
  });

  function draw() {
    const { what: how, dials: d, side, place: at, less } = convSettled(read(model, CONV_KEYS), n), map = slideWindow(picture, how, d);
    const [i, j] = [Math.floor(at / Math.max(1, side)), at % Math.max(1, side)], signed = how.includes(" to ");
    what.show(Object.entries(CONV_WORDS).map(([value, text]) => ({ value, text })), how);
    for (const [key, dial] of Object.entries(dials)) dial.show(key === "padding" ? d.padding : d[key]);
    place.max = Math.max(0, side * side - 1);
    place.value = at;
    place.setAttribute("aria-valuetext", `row ${i + 1}, column ${j + 1} of ${side}`);
    drawCells(left, picture, d.padding, (v) => v, side ? underWindow(how, i, j, d) : []);
    drawCells(right, map, 0, (v) => (signed ? (v + 1) / 2 : v), side ? [[i, j]] : []);
    left.setAttribute("aria-label", `${model.get("alt")}, ${n} × ${n} pixels`);
    right.setAttribute("aria-label", `the map, ${side} × ${side}`);
    under.textContent = `${n} × ${n} pixels${d.padding ? `, ${d.padding} of border on each side` : ""}`;
    name.textContent = side ? `map ${side} × ${side}; at row ${i + 1}, column ${j + 1}: ${map[i][j].toFixed(2).replace("-", "−")}${signed ? " (black −1, white 1)" : ""}` : "no map: the window does not fit";
    const exact = (n + 2 * d.padding - d.dilation * (d.kernel - 1) - 1) / d.stride + 1, floor = Number.isInteger(exact) ? "" : `, rounded down ${side}`;
    formula.textContent = `(n + 2p − d(k − 1) − 1) / s + 1 = (${n} + 2·${d.padding} − ${d.dilation}·${d.kernel - 1} − 1) / ${d.stride} + 1 = ${Number(exact.toFixed(2))}${floor}${less ? ". Max pooling pads by half its window at most." : ""}`;
  }

  const screens = h("div", { class: "t2v-screens" }, h("figure", { class: "t2v-screen" }, left, under), h("figure", { class: "t2v-screen" }, right, name));
  const where = h("div", { class: "t2v-dial" }, h("span", { class: "t2v-label" }, "place"), place, reset);
  body.append(screens, formula, h("div", { class: "t2v-menus" }, ...Object.values(dials).map((dial) => dial.element)), where, what.element);
  draw();
  return follow(model, CONV_KEYS, draw);
}

export const convolutionWindow = { render: renderConvolution };
