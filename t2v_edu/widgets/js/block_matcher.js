// The block matcher: block size, reach and way of searching over two frames; the vectors, the prediction, what it lacks.
import { compensateBlocks, matchBlocks, residualEnergy } from "./block_matcher_math.js";
import { button, follow, frame, h, menu, read, slider, write } from "./kit.js";

const ZOOM = 3, BLOCKS = [4, 8, 16, 32], REACH = 16, MATCHER = ["block", "search", "method"];
const WAYS = { exhaustive: "everywhere", three_step: "three steps", diamond: "diamond" };

const grayBytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A picture of brightnesses, enlarged; draw(values) returns the pen for what comes on top. */
function grayScreen(width, height, title) {
  const canvas = h("canvas", { class: "t2v-picture", width: width * ZOOM, height: height * ZOOM, role: "img", "aria-label": title });
  const small = h("canvas", { width, height }), note = h("figcaption", {}, title), pen = canvas.getContext("2d");
  const draw = (values) => {
    const image = new ImageData(width, height);
    values.forEach((v, i) => image.data.set([v, v, v, 255], 4 * i));
    small.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, width * ZOOM, height * ZOOM);
    return pen;
  };
  return { element: h("figure", { class: "t2v-screen" }, canvas, note), canvas, note, draw };
}

/** An arrow for every block that moves, dark with a light rim, so that it shows on any ground. */
function drawVectors(pen, { vectors, columns, block }) {
  vectors.forEach(([dx, dy], n) => {
    if (!dx && !dy) return;
    const x = ((n % columns) + 0.5) * block * ZOOM, y = (Math.floor(n / columns) + 0.5) * block * ZOOM;
    const angle = Math.atan2(dy, dx), tip = [x + dx * ZOOM, y + dy * ZOOM];
    const path = new Path2D(`M${x} ${y}L${tip.join(" ")}`);
    for (const side of [-2.6, 2.6]) path.lineTo(tip[0] + 6 * Math.cos(angle + side), tip[1] + 6 * Math.sin(angle + side)), path.moveTo(...tip);
    for (const [width, color] of [[4, "#ffffff"], [1.8, "#0072b2"]]) Object.assign(pen, { lineWidth: width, strokeStyle: color, lineCap: "round" }), pen.stroke(path);
  });
}

function renderMatcher({ model, el }) {
  const body = frame(el, model, "matcher", "Block matcher"), initial = model.get("initial");
  const width = model.get("width"), height = model.get("height"), [first, second] = model.get("frames").map(grayBytes);
  const arrows = grayScreen(width, height, ""), foretold = grayScreen(width, height, ""), lacks = grayScreen(width, height, "");
  const block = menu("Block", (value) => write(model, { block: Number(value) })), way = menu("Where to look", (value) => write(model, { method: value }));
  const reach = slider("Search range in pixels", REACH, (value) => write(model, { search: value + 1 })), range = h("output", { class: "t2v-count" });
  const said = h("p", { role: "status", "aria-live": "polite" });
  const still = residualEnergy(second, first), count = (n) => n.toLocaleString("en");
  body.append(
    h("div", { class: "t2v-menus" }, block.element, way.element,
      h("div", { class: "t2v-menu" }, h("span", { class: "t2v-label" }, "Search range"), h("div", { class: "t2v-player" }, reach, range))),
    said, h("div", { class: "t2v-screens" }, arrows.element, foretold.element, lacks.element),
    h("div", { class: "t2v-row" }, button("reset", "Reset", () => write(model, initial))));

  function refresh() {
    const now = read(model, MATCHER);
    const settled = {
      block: BLOCKS.includes(now.block) ? now.block : initial.block, search: Math.max(1, Math.min(REACH, Math.round(now.search))),
      method: now.method in WAYS ? now.method : initial.method,
    };
    const motion = matchBlocks(second, first, width, height, settled.block, settled.search, settled.method);
    const prediction = compensateBlocks(first, width, height, motion), energy = residualEnergy(second, prediction);
    block.show(BLOCKS.map((b) => ({ value: String(b), text: `${b} × ${b} pixels` })), String(settled.block));
    way.show(Object.entries(WAYS).map(([value, text]) => ({ value, text })), settled.method);
    reach.value = settled.search - 1;
    reach.setAttribute("aria-valuetext", `plus or minus ${settled.search} pixels`);
    range.textContent = `± ${settled.search}`;
    const moved = motion.vectors.filter(([dx, dy]) => dx || dy).length;
    said.textContent = `${count(motion.comparisons)} comparisons, ${(motion.comparisons / motion.vectors.length).toFixed(0)} a block · residual energy ${energy.toFixed(1)}`
      + ` (without motion ${still.toFixed(1)}) · ${motion.vectors.length} vectors to write down`;
    drawVectors(arrows.draw(second), motion);
    foretold.draw(prediction);
    lacks.draw(Array.from(second, (v, i) => clampedGray(128 + v - prediction[i])));
    arrows.note.textContent = `The second frame; arrows point to where ${moved} of ${motion.vectors.length} blocks were in the first`;
    foretold.note.textContent = "The prediction: blocks of the first frame, moved";
    lacks.note.textContent = "What it lacks: grey is nothing";
    for (const screen of [arrows, foretold, lacks]) screen.canvas.setAttribute("aria-label", screen.note.textContent);
    write(model, settled);
  }
  refresh();
  return follow(model, MATCHER, refresh);
}

const clampedGray = (v) => Math.max(0, Math.min(255, v));

export const blockMatcher = { render: renderMatcher };
