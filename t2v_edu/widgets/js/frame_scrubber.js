// The frame scrubber: films made at several moments of a run, a slider over the moments, the last one for comparison.
import { drawn, follow, frame, h, tick, write } from "./kit.js";
import { player } from "./player.js";

const WIDE = 600, HIGH = 120, RUN_FPS = 1.5;

/** Strips of frames, decoded when first needed. No address is loaded, so a page's content policy has no say. */
function filmShelf(strips) {
  const decoded = new Map();
  return (step) => {
    if (!decoded.has(step)) {
      const bytes = Uint8Array.from(atob(strips[step]), (c) => c.charCodeAt(0));
      decoded.set(step, createImageBitmap(new Blob([bytes], { type: "image/webp" })));
    }
    return decoded.get(step);
  };
}

/** A screen for the films of a run: its caption, and show(step). */
function filmScreen(model, shelf) {
  const width = model.get("width"), height = model.get("height"), labels = model.get("labels");
  const canvas = h("canvas", { class: "t2v-picture t2v-pixels", width, height, role: "img" }), name = h("figcaption");
  let bitmap = null, wanted = -1;
  return {
    element: h("figure", { class: "t2v-screen" }, canvas, name),
    async show(step, prefix, t) {
      wanted = step;
      name.textContent = `${prefix} ${labels[step]}`;
      canvas.setAttribute("aria-label", `${model.get("alt")}, ${labels[step]}`);
      const now = await shelf(step);
      if (wanted === step) { bitmap = now; this.turn(t); }
    },
    turn(t) {
      if (!bitmap) return;
      const k = bitmap.height / height; // strips may be stored enlarged
      canvas.getContext("2d").drawImage(bitmap, t * width * k, 0, width * k, height * k, 0, 0, width, height);
    },
  };
}

/** Lines over a run, each with its own dashes, and a cursor; null where there is nothing to draw. */
function curveChart(curves, steps) {
  const names = Object.keys(curves);
  if (!names.length) return null;
  const all = names.flatMap((name) => curves[name]).filter(Number.isFinite), low = Math.min(...all), high = Math.max(...all);
  const at = (v) => HIGH - 8 - ((HIGH - 16) * (v - low)) / (high - low || 1);
  const lines = names.map((name, i) => drawn("polyline", {
    class: `t2v-line t2v-line-${i}`, fill: "none",
    points: curves[name].map((v, j) => [j, v]).filter(([, v]) => Number.isFinite(v))
      .map(([j, v]) => `${((WIDE * j) / Math.max(1, curves[name].length - 1)).toFixed(1)},${at(v).toFixed(1)}`).join(" "),
  }));
  const cursor = drawn("line", { class: "t2v-cursor", y1: 0, y2: HIGH });
  const chart = drawn("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": names.join(", ") }, ...lines, cursor);
  const values = names.map(() => h("output")), keys = names.map((name, i) => h("span", { class: "t2v-key" },
    drawn("svg", { viewBox: "0 0 26 6", width: 26, height: 6, "aria-hidden": "true" }, drawn("line", { class: `t2v-line t2v-line-${i}`, x1: 0, x2: 26, y1: 3, y2: 3 })),
    name, values[i]));
  return {
    element: h("div", { class: "t2v-curves" }, chart, h("div", { class: "t2v-keys" }, ...keys)),
    show(step) {
      const share = steps > 1 ? step / (steps - 1) : 1;
      cursor.setAttribute("x1", WIDE * share);
      cursor.setAttribute("x2", WIDE * share);
      names.forEach((name, i) => {
        const value = curves[name][Math.round(share * (curves[name].length - 1))];
        values[i].textContent = Number.isFinite(value) ? value.toFixed(2) : "not a number";
      });
    },
  };
}

function renderScrubber({ model, el }) {
  const body = frame(el, model, "scrubber", model.get("alt")), labels = model.get("labels"), last = labels.length - 1;
  const shelf = filmShelf(model.get("strips")), count = model.get("frames"), still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const now = filmScreen(model, shelf), end = filmScreen(model, shelf), chart = curveChart(model.get("curves"), labels.length);
  let t = still ? Math.floor(count / 2) : 0, seen = true;

  const play = player({
    count: labels.length, fps: RUN_FPS, label: "Moment of the run", words: (i) => [labels[i], labels[i]],
    show: (i) => { now.show(i, "Now:", t); chart?.show(i); },
    settled: (i) => write(model, { step: i }),
  });
  const moving = tick("let the films move", () => {}), beside = tick("beside the last", (on) => write(model, { compare: on }));
  moving.show(!still);
  const options = h("div", { class: "t2v-row" }, ...(count > 1 ? [moving.element] : []), beside.element);
  body.append(h("div", { class: "t2v-screens" }, now.element, end.element), play.element, ...(chart ? [chart.element] : []), options);

  const turn = setInterval(() => {
    if (count < 2 || !seen || !moving.element.firstChild.checked) return;
    t = (t + 1) % count;
    now.turn(t);
    end.turn(t);
  }, 1000 / model.get("fps"));
  const watch = new IntersectionObserver(([entry]) => { seen = entry.isIntersecting; });
  watch.observe(body);
  const compare = () => { beside.show(model.get("compare")); end.element.hidden = !model.get("compare"); };

  end.show(last, "Last:", t);
  compare();
  play.redraw();
  play.follow(model.get("step"));
  const stops = [follow(model, ["compare"], compare), follow(model, ["step"], () => play.follow(model.get("step")))];
  return () => { stops.forEach((stop) => stop()); play.destroy(); clearInterval(turn); watch.disconnect(); };
}

export const frameScrubber = { render: renderScrubber };
