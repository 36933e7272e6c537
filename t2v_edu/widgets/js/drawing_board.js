// The drawing board: a caption of words from menus, noise on a dial, and a generator that draws while you look.
import { captionCode, makePicture, unpack } from "./picture_math.js";
import { button, follow, frame, h, menu, read, slider, write } from "./kit.js";

const DRAWING_KEYS = ["size", "color", "kind", "way", "place", "strength", "sheet"], DRAWING_SHEET = 12;

/** All tensors of a net, unpacked in place of their packed forms. */
const unpacked = (net) => ("data" in net ? unpack(net) : Array.isArray(net) ? net.map(unpacked)
  : Object.fromEntries(Object.entries(net).map(([key, part]) => [key, unpacked(part)])));

/** Paint a picture (3, n, n) in [-1, 1] onto a canvas of n × n. */
function paintPicture(canvas, picture, n) {
  const pen = canvas.getContext("2d"), image = pen.createImageData(n, n), level = (v) => Math.round((Math.min(1, Math.max(-1, v)) + 1) * 127.5);
  for (let i = 0; i < n * n; i++) image.data.set([level(picture[i]), level(picture[n * n + i]), level(picture[2 * n * n + i]), 255], 4 * i);
  pen.putImageData(image, 0, 0);
}

function renderDrawing({ model, el }) {
  const body = frame(el, model, "drawing", "A generator draws what a caption asks for"), n = model.get("side");
  const net = unpacked(model.get("net")), vectors = model.get("vectors"), norm = model.get("norm"), slots = model.get("slots"), noises = model.get("noises");
  const names = model.get("template").filter((word) => Object.hasOwn(slots, word)), sheets = Math.floor(noises.length / DRAWING_SHEET);
  const canvases = Array.from({ length: DRAWING_SHEET }, (_, i) => h("canvas", { class: "t2v-picture t2v-pixels", width: n, height: n, role: "img", "aria-label": `draw ${i + 1}` }));
  const says = h("p", { class: "t2v-formula", "aria-live": "polite" }), varies = h("p", { class: "t2v-formula" }), output = h("output", { class: "t2v-count" });
  const menus = Object.fromEntries(names.map((slot) => [slot, menu(slot, (word) => write(model, { [slot]: word }))]));
  const strength = slider("strength of the noise", 16, (v) => write(model, { strength: v }));
  const other = button("dice", "Other noise", () => write(model, { sheet: (settled().sheet + 1) % sheets }));
  const reset = button("reset", "Reset", () => write(model, model.get("initial")));

  /** The settings, with whatever a link may have broken put right. */
  function settled() {
    const { strength: s, sheet, ...chosen } = read(model, DRAWING_KEYS), first = model.get("initial");
    const words = Object.fromEntries(names.map((slot) => [slot, slots[slot].includes(chosen[slot]) ? chosen[slot] : first[slot]]));
    return { words, strength: Math.min(15, Math.max(0, Math.round(s) || 0)), sheet: Math.min(sheets - 1, Math.max(0, Math.round(sheet) || 0)) };
  }

  function draw() {
    const now = settled(), caption = model.get("template").flatMap((word) => (word in now.words ? now.words[word].split(" ") : [word]));
    const text = captionCode(caption.map((word) => vectors[word]), norm), share = now.strength / 10;
    const pictures = canvases.map((_, i) => makePicture(net, noises[now.sheet * DRAWING_SHEET + i].map((z) => z * share), text));
    pictures.forEach((picture, i) => paintPicture(canvases[i], picture, n));
    for (const slot of names) menus[slot].show(slots[slot].map((word) => ({ value: word, text: word })), now.words[slot]);
    strength.value = now.strength;
    strength.setAttribute("aria-valuetext", `${share.toFixed(1)} times`);
    output.textContent = `× ${share.toFixed(1)}`;
    says.textContent = `“${caption.join(" ")}”, drawn ${DRAWING_SHEET} times`;
    let spread = 0;
    for (let k = 0; k < pictures[0].length; k++) {
      const mean = pictures.reduce((sum, p) => sum + p[k], 0) / DRAWING_SHEET;
      spread += pictures.reduce((sum, p) => sum + (p[k] - mean) ** 2, 0) / DRAWING_SHEET;
    }
    varies.textContent = `How far the ${DRAWING_SHEET} pictures lie from their mean: ${Math.sqrt(spread / pictures[0].length).toFixed(3)} of the range −1 to 1.`;
  }

  const board = h("div", { class: "t2v-board" }, ...canvases);
  const dial = h("div", { class: "t2v-dial" }, h("span", { class: "t2v-label" }, "noise"), strength, output);
  body.append(h("div", { class: "t2v-menus" }, ...names.map((slot) => menus[slot].element)), says, board, varies, h("div", { class: "t2v-row" }, dial, other, reset));
  draw();
  return follow(model, DRAWING_KEYS, draw);
}

export const drawingBoard = { render: renderDrawing };
