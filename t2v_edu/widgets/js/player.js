// Playing a film frame by frame: play and pause, step, slide.
import { button, h, rename, slider } from "./kit.js";

const REST = 4; // frames' time that the last frame stays before the film begins again

/**
 * Controls for `count` frames. `show(t)` draws one; `settled(t)` says where the learner stopped it, -1 while it plays; `words(t)`
 * is what a frame is called, in full for screen readers and in short beside the slider. `fps` may be a function, asked at every frame.
 * It waits while it is out of sight, and does not start by itself where a reader has asked for less motion.
 */
export function player({ count, fps, label, show, settled, words = (t) => [`frame ${t + 1} of ${count}`, `${t + 1} / ${count}`] }) {
  let at = 0, playing = false, timer = 0, seen = true;
  const input = slider(label, count, (t) => stop(t));
  const output = h("output", { class: "t2v-count" });
  const toggle = button("play", "Play", () => (playing ? stop(at) : start(true)), true);
  const back = button("back", "One step back", () => stop((at + count - 1) % count), true);
  const next = button("next", "One step on", () => stop((at + 1) % count), true);
  const element = h("div", { class: "t2v-player", role: "group", "aria-label": label }, back, toggle, next, input, output);

  function go(t) {
    at = t;
    input.value = t;
    input.setAttribute("aria-valuetext", words(t)[0]);
    output.textContent = words(t)[1];
    show(t);
  }
  function beat() {
    clearTimeout(timer);
    if (!playing || !seen) return;
    timer = setTimeout(() => { go((at + 1) % count); beat(); }, ((at === count - 1 ? REST : 1) * 1000) / (typeof fps === "function" ? fps() : fps));
  }
  function start(tell) {
    playing = true;
    rename(toggle, "pause", "Pause");
    if (tell) settled(-1);
    beat();
  }
  function stop(t, tell = true) {
    playing = false;
    clearTimeout(timer);
    rename(toggle, "play", "Play");
    go(t);
    if (tell) settled(t);
  }
  const watch = new IntersectionObserver(([entry]) => { seen = entry.isIntersecting; beat(); });
  watch.observe(element);

  return {
    element,
    /** Follow the model: -1 plays, any other number stops at that frame. */
    follow(frame) {
      if (frame >= 0) stop(Math.min(frame, count - 1), false);
      else if (!playing && !matchMedia("(prefers-reduced-motion: reduce)").matches) start(false);
    },
    seek: (t) => stop(t),
    redraw: () => go(at),
    get at() { return at; },
    destroy() { playing = false; clearTimeout(timer); watch.disconnect(); },
  };
}
