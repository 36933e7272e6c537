// The scene builder: menus ↔ caption in two languages ↔ the moving picture.
import { sayPlainly } from "./captions.js";
import { ACTOR_SLOTS, choices, sceneCode, sceneOf, settle } from "./grammar.js";
import { button, follow, frame, h, menu, read, write } from "./kit.js";
import { stage, takeOf } from "./motion.js";
import { player } from "./player.js";
import { drawFrame, toBytes } from "./render.js";
import { TABLES } from "./tables.js";

const SIDE = 256, SMALL = 32, FRAMES = 16, FPS = 8;
const STATE = [...ACTOR_SLOTS, "place", "relation", ...ACTOR_SLOTS.map((slot) => `${slot}_2`), "take"];
const LABELS = {
  kind: "Actor", color: "Colour", size: "Size", action: "Action", direction: "Direction", speed: "Speed", place: "Place", relation: "Company",
};
const WORDS = {
  none: "—", counterclockwise: "counter-clockwise", vertical: "up and down", horizontal: "side to side", tower: "Eiffel Tower", city: "city at night",
};
const COMPANY = { none: "alone", left_of: "left of another", above: "above another" };

/** What a menu shows for a value: the English word, and the Chinese one beside it. */
function wordsFor(slot, value) {
  if (slot === "relation") return COMPANY[value];
  const digit = slot === "kind" && /^\d$/.test(value), english = digit ? `digit ${value}` : WORDS[value] ?? value;
  const chinese = TABLES.names[slot][value];
  return chinese ? `${english} · ${chinese}` : english;
}

function optionsFor(state, slot, suffix) {
  const why = { color: " (lost on this place)", place: " (hides the colour)", relation: " (shapes and digits only)" };
  const option = ({ value, lost }) => ({ value, text: wordsFor(slot, value) + (lost ? why[slot] : ""), off: lost });
  const all = choices(state, slot, suffix), away = all.filter((c) => !c.usual);
  if (!away.length) return all.map(option);
  return [{ group: "at home", options: all.filter((c) => c.usual).map(option) }, { group: "somewhere odd", options: away.map(option) }];
}

/** The menus of one actor, in two rows. */
function actorMenus(suffix, choose) {
  const menus = Object.fromEntries(ACTOR_SLOTS.map((slot) => [slot, menu(LABELS[slot], (value) => choose(slot, suffix, value))]));
  const element = h("div", { class: "t2v-menus" }, ...ACTOR_SLOTS.map((slot) => menus[slot].element));
  const show = (state) => ACTOR_SLOTS.forEach((slot) => menus[slot].show(optionsFor(state, slot, suffix), state[slot + suffix]));
  return { element, show };
}

/** The film of a scene, drawn when first looked at: frame(t, side) is a picture of side × side pixels. */
function filmOf(scene, take) {
  const takes = scene.actors.map((_, who) => takeOf(take, who)), poses = stage(scene, takes, FRAMES), drawn = new Map();
  return (t, side) => {
    const key = `${t}/${side}`;
    if (!drawn.has(key)) {
      const cast = scene.actors.map((actor, i) => ({ actor, take: takes[i], pose: poses[i][t] }));
      drawn.set(key, new ImageData(toBytes(drawFrame(scene.place, cast, side, side)), side, side));
    }
    return drawn.get(key);
  };
}

/** The film as the models see it: all its frames in a row, the one now shown marked; a click goes to a frame. */
function filmStrip(seek) {
  const step = SMALL + 2, canvas = h("canvas", { width: FRAMES * step - 2, height: SMALL, "aria-hidden": "true" });
  const mark = h("div", { class: "t2v-mark" }), strip = h("div", { class: "t2v-strip" }, canvas, mark);
  strip.addEventListener("click", (event) => seek(Math.min(FRAMES - 1, Math.floor((event.offsetX / canvas.clientWidth) * FRAMES))));
  const pen = canvas.getContext("2d");
  let latest = null;
  const draw = (film, t = 0) => { // one frame at a time, so that a menu answers at once
    if (t === 0) latest = film;
    if (film !== latest || t === FRAMES) return;
    pen.putImageData(film(t, SMALL), t * step, 0);
    setTimeout(draw, 0, film, t + 1);
  };
  const note = h("figcaption", {}, `The same film as a model sees it: ${FRAMES} frames of ${SMALL}×${SMALL} pixels, time runs to the right.`);
  return {
    element: h("figure", { class: "t2v-film" }, strip, note),
    draw,
    point: (t) => { mark.style.left = `${(100 * t * step) / (FRAMES * step - 2)}%`; },
  };
}

function renderBuilder({ model, el }) {
  const body = frame(el, model, "scene", "Scene builder"), initial = model.get("initial");
  let state = settle(read(model, STATE)), film = null;

  const choose = (slot, suffix, value) => write(model, settle({ ...state, [slot + suffix]: value }, slot + suffix));
  const canvas = h("canvas", { class: "t2v-picture", width: SIDE, height: SIDE, role: "img" });
  const strip = filmStrip((t) => play.seek(t));
  const play = player({
    count: FRAMES, fps: FPS, label: "Frame of the film",
    show: (t) => { canvas.getContext("2d").putImageData(film(t, SIDE), 0, 0); strip.point(t); },
    settled: (t) => write(model, { frame: t }),
  });
  const first = actorMenus("", choose), second = actorMenus("_2", choose);
  const company = menu(LABELS.relation, (value) => choose("relation", "", value)), place = menu(LABELS.place, (value) => choose("place", "", value));
  const other = h("fieldset", {}, h("legend", {}, "the other one"), second.element);
  const english = h("p", { lang: "en" }), chinese = h("p", { lang: "zh" }), code = h("code");
  const again = button("dice", "Another take", () => write(model, { take: state.take + 1 }));
  const reset = button("reset", "Reset", () => write(model, initial));
  again.title = "The same caption, filmed once more: what it does not say is drawn anew";

  body.append(
    h("div", { class: "t2v-stage" }, canvas, play.element),
    h("div", { class: "t2v-desk" },
      h("div", { class: "t2v-caption", role: "status", "aria-live": "polite" }, english, chinese),
      first.element, h("div", { class: "t2v-menus t2v-scene-menus" }, place.element, company.element), other,
      h("div", { class: "t2v-row" }, again, reset)),
    strip.element,
    h("details", { class: "t2v-code" }, h("summary", {}, "This scene in Python"), h("pre", {}, code)));

  function refresh() {
    state = settle(read(model, STATE));
    const scene = sceneOf(state);
    film = filmOf(scene, state.take);
    english.textContent = sayPlainly(scene, "en");
    chinese.textContent = sayPlainly(scene, "zh");
    canvas.setAttribute("aria-label", `A film: ${english.textContent}.`);
    code.textContent = sceneCode(scene);
    first.show(state);
    second.show(state);
    other.hidden = state.relation === "none";
    company.show(optionsFor(state, "relation", ""), state.relation);
    place.show(optionsFor(state, "place", ""), state.place);
    strip.draw(film);
    play.redraw();
    write(model, state); // what came from Python or the URL may not have suited
  }
  refresh();
  play.follow(model.get("frame"));
  const stops = [follow(model, STATE, refresh), follow(model, ["frame"], () => play.follow(model.get("frame")))];
  return () => { stops.forEach((stop) => stop()); play.destroy(); };
}

export const sceneBuilder = { render: renderBuilder };
