// The latent walk: a way between two pictures, and dials for single numbers of the code; the decoder paints what they mean.
import { ganSigned, onScale, rangeDial } from "./gan_kit.js";
import { button, follow, frame, h, menu, read, slider, write } from "./kit.js";
import { codeOnTheWay, decodeLatents, unpackWeights } from "./latent_math.js";

const SHIFT = [-4, 4, 0.2], WAY_STEPS = 20, WALK_DIALS = 8;
const SHIFT_KEYS = Array.from({ length: WALK_DIALS }, (_, i) => `shift${i}`), WALK_KEYS = ["start", "end", "way", ...SHIFT_KEYS];

/** Show the numbers of a frame, −1 to 1, colour by colour. */
function paintFrame(canvas, pixels, size) {
  const pen = canvas.getContext("2d"), picture = pen.createImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = Math.round(127.5 * (pixels[c * size * size + i] + 1));
    picture.data[4 * i + 3] = 255;
  }
  pen.putImageData(picture, 0, 0);
}

function renderWalk({ model, el }) {
  const body = frame(el, model, "walk", "A walk through the codes of pictures"), size = model.get("size"), names = model.get("names");
  const weights = unpackWeights(model.get("weights")), codes = model.get("codes"), dials = model.get("dials"), nats = model.get("nats");
  const screen = (words) => {
    const canvas = h("canvas", { class: "t2v-picture t2v-pixels", width: size, height: size, role: "img" }), told = h("figcaption", {}, words);
    return { canvas, told, element: h("figure", { class: "t2v-screen" }, canvas, told) };
  };
  const left = screen(""), middle = screen(""), right = screen("");
  const start = menu("From", (value) => write(model, { start: Number(value) })), end = menu("To", (value) => write(model, { end: Number(value) }));
  const way = slider("the way from one to the other", WAY_STEPS + 1, (value) => write(model, { way: value })), share = h("output", { class: "t2v-count" });
  const shifts = dials.map((k, i) => rangeDial(`z${k + 1}, ${nats[i].toFixed(1)} nats`, SHIFT, (value) => write(model, { [SHIFT_KEYS[i]]: value })));
  const told = h("p", { class: "t2v-formula", role: "status", "aria-live": "polite" });
  const home = button("back", "All dials to 0", () => write(model, Object.fromEntries(SHIFT_KEYS.map((key) => [key, 0]))));
  body.append(h("div", { class: "t2v-screens" }, left.element, middle.element, right.element),
    h("div", { class: "t2v-menus" }, start.element, end.element), h("div", { class: "t2v-dial" }, h("span", { class: "t2v-label" }, "way"), way, share),
    h("div", { class: "t2v-attention-dials" }, ...shifts.map((dial) => dial.element)), told,
    h("div", { class: "t2v-row" }, home, button("reset", "Reset", () => write(model, model.get("initial")))));

  function refresh() {
    const state = read(model, WALK_KEYS), whole = (value, most) => Math.min(most, Math.max(0, Math.round(value) || 0));
    const [a, b] = [whole(state.start, codes.length - 1), whole(state.end, codes.length - 1)], at = whole(state.way, WAY_STEPS);
    const moved = dials.map((_, i) => onScale(state[SHIFT_KEYS[i]], SHIFT, 0));
    const z = codeOnTheWay(codes[a], codes[b], at / WAY_STEPS, dials, moved), options = names.map((text, i) => ({ value: String(i), text }));
    start.show(options, String(a));
    end.show(options, String(b));
    way.value = at;
    share.textContent = `${Math.round((100 * at) / WAY_STEPS)} %`;
    way.setAttribute("aria-valuetext", share.textContent);
    shifts.forEach((dial, i) => dial.show(moved[i]));
    [[left, codes[a], `from: ${names[a]}, rebuilt`], [middle, z, "painted from the code below"], [right, codes[b], `to: ${names[b]}, rebuilt`]].forEach(([view, code, words]) => {
      paintFrame(view.canvas, decodeLatents(weights, code, size), size);
      view.told.textContent = words;
      view.canvas.setAttribute("aria-label", words);
    });
    told.textContent = `z = (${z.map((v) => ganSigned(v, 1)).join(", ")})`;
    write(model, { start: a, end: b, way: at, ...Object.fromEntries(moved.map((v, i) => [SHIFT_KEYS[i], v])) }); // the URL's may not have suited
  }
  refresh();
  return follow(model, WALK_KEYS, refresh);
}

export const latentWalk = { render: renderWalk };
