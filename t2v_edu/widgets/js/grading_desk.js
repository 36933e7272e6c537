// The grading desk: an actor over a place, white balance and a curve; one pixel whose sums are shown.
import { codeOf, curveCodes, gainCodes, gradePicture, lightOf, mixOver } from "./grading_math.js";
import { button, drawn, follow, frame, h, menu, read, slider, write } from "./kit.js";

const GRADE_DIALS = { opacity: ["opacity, %", 0, 100], red: ["gain of red, %", 50, 200], blue: ["gain of blue, %", 50, 200], middle: ["128 becomes", 64, 192] };
const GRADE_KEYS = [...Object.keys(GRADE_DIALS), "mix", "place"], GRADE_ZOOM = 4;
const GRADE_MIXES = { codes: "mix the codes", light: "mix the light" };

const gradeBytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A slider with its name and its number. `show(value)` sets it. */
function gradeDial([label, low, high], onchange) {
  const input = slider(label, high - low + 1, (i) => onchange(low + i)), output = h("output", { class: "t2v-count" });
  return {
    element: h("div", { class: "t2v-dial t2v-grade-dial" }, h("span", { class: "t2v-label" }, label), input, output),
    show(value) { input.value = value - low; input.setAttribute("aria-valuetext", `${label} ${value}`); output.textContent = value; },
  };
}

/** Settings within their dials. */
function gradeSettled(state, initial, pixels) {
  const within = (key, low, high) => (Number.isFinite(state[key]) ? Math.min(high, Math.max(low, Math.round(state[key]))) : initial[key]);
  const settled = Object.fromEntries(Object.entries(GRADE_DIALS).map(([key, [, low, high]]) => [key, within(key, low, high)]));
  return { ...settled, mix: Object.hasOwn(GRADE_MIXES, state.mix) ? state.mix : initial.mix, place: within("place", 0, pixels - 1) };
}

function renderGrading({ model, el }) {
  const body = frame(el, model, "grading", "Grading desk"), initial = model.get("initial"), width = model.get("width"), height = model.get("height");
  const layers = { front: gradeBytes(model.get("front")), alpha: gradeBytes(model.get("alpha")), back: gradeBytes(model.get("back")) };
  const screen = h("canvas", { class: "t2v-picture t2v-grade-screen", width: width * GRADE_ZOOM, height: height * GRADE_ZOOM, role: "img" });
  const small = h("canvas", { width, height }), note = h("figcaption"), sums = h("ol", { class: "t2v-formula t2v-grade-sums", "aria-live": "polite" });
  const line = (name) => drawn("path", { class: `t2v-line ${name}`, fill: "none" }), red = line("t2v-line-1"), green = line("t2v-line-2"), blue = line("");
  const chart = drawn("svg", { viewBox: "0 0 255 255", class: "t2v-plot", role: "img", "aria-label": "what becomes of each code" },
    drawn("path", { class: "t2v-axis", d: "M0 255L255 0", fill: "none", "stroke-dasharray": "3 4" }), red, blue, green);
  const dials = Object.fromEntries(Object.entries(GRADE_DIALS).map(([key, range]) => [key, gradeDial(range, (value) => write(model, { [key]: value }))]));
  const mix = menu("What is mixed", (value) => write(model, { mix: value })), place = slider("the pixel that is looked at", width * height, (value) => write(model, { place: value }));
  screen.addEventListener("click", (event) => {
    const box = screen.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height].map(Math.floor);
    write(model, { place: Math.max(0, Math.min(height - 1, y)) * width + Math.max(0, Math.min(width - 1, x)) });
  });

  function show(codes, at) {
    const image = new ImageData(width, height), pen = screen.getContext("2d");
    for (let i = 0; i < width * height; i++) image.data.set([codes[3 * i], codes[3 * i + 1], codes[3 * i + 2], 255], 4 * i);
    small.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, width * GRADE_ZOOM, height * GRADE_ZOOM);
    const x = (at % width) * GRADE_ZOOM, y = Math.floor(at / width) * GRADE_ZOOM;
    for (const [color, thick] of [["#ffffff", 4], ["#0072b2", 2]]) Object.assign(pen, { strokeStyle: color, lineWidth: thick }), pen.strokeRect(x - 3, y - 3, GRADE_ZOOM + 6, GRADE_ZOOM + 6);
  }

  function refresh() {
    const s = gradeSettled(read(model, GRADE_KEYS), initial, width * height), at = s.place, gain = gainCodes(s.red / 100), curve = curveCodes(s.middle);
    const alpha = (s.opacity / 100) * (layers.alpha[at] / 255), f = layers.front[3 * at], b = layers.back[3 * at], a = alpha.toFixed(2), rest = (1 - alpha).toFixed(2);
    show(gradePicture(layers, s), at);
    const mixed = mixOver(alpha, f, b, s.mix), light = (code) => lightOf(code).toFixed(3);
    const first = s.mix === "light" ? `${a} · ${light(f)} + ${rest} · ${light(b)} of light: code ${mixed}` : `${a} · ${f} + ${rest} · ${b} = ${mixed}`;
    const bright = (s.red / 100) * lightOf(mixed), cut = bright > 1 ? ", cut off at 1" : "";
    sums.replaceChildren(...[`over: αF + (1 − α)B = ${first}`, `gain: ${(s.red / 100).toFixed(2)} · ${light(mixed)} = ${bright.toFixed(3)} of light${cut}: code ${codeOf(bright)}`,
      `curve: ${codeOf(bright)} becomes ${curve[gain[mixed]]}`].map((text) => h("li", {}, text)));
    for (const [path, percent] of [[red, s.red], [green, 100], [blue, s.blue]]) path.setAttribute("d", "M" + gainCodes(percent / 100).map((c, i) => `${i} ${255 - curve[c]}`).join("L"));
    for (const [key, dial] of Object.entries(dials)) dial.show(s[key]);
    mix.show(Object.entries(GRADE_MIXES).map(([value, text]) => ({ value, text })), s.mix);
    place.value = at;
    place.setAttribute("aria-valuetext", `row ${Math.floor(at / width) + 1}, column ${(at % width) + 1}`);
    note.textContent = `${model.get("alt")}. Click a pixel: row ${Math.floor(at / width) + 1}, column ${(at % width) + 1}. Its red, step by step:`;
    screen.setAttribute("aria-label", model.get("alt"));
    write(model, s);
  }

  const key = (style, words) => h("span", { class: "t2v-key" }, drawn("svg", { width: 26, height: 8, "aria-hidden": "true" }, drawn("path", { class: `t2v-line ${style}`, d: "M0 4H26", fill: "none" })), words);
  const keys = h("div", { class: "t2v-keys" }, key("t2v-line-1", "red"), key("t2v-line-2", "green"), key("", "blue"));
  body.append(
    h("div", { class: "t2v-screens" }, h("figure", { class: "t2v-screen" }, screen, note), h("figure", { class: "t2v-screen" }, chart, keys, h("figcaption", {}, "A code going in, left to right; coming out, upwards."))),
    sums, h("div", { class: "t2v-dials" }, ...Object.values(dials).map((dial) => dial.element)),
    h("div", { class: "t2v-dial" }, h("span", { class: "t2v-label" }, "pixel"), place, button("reset", "Reset", () => write(model, initial))), mix.element);
  refresh();
  return follow(model, GRADE_KEYS, refresh);
}

export const gradingDesk = { render: renderGrading };
