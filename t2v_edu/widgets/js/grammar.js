// Which choices suit each other: the menus' share of world/scene.py, out of its own tables.
import { TABLES } from "./tables.js";

export const ACTOR_SLOTS = ["kind", "color", "size", "action", "direction", "speed"];

const clashes = (color, place) => TABLES.clashes.some(([c, p]) => c === color && p === place);

const allowed = (value, values, fallback = values[0]) => (values.includes(value) ? value : fallback);

/** The speed that a caption without an adverb means. */
export function unmarkedSpeed(action) {
  const speeds = TABLES.actions[action][1];
  return allowed("normal", speeds);
}

/** Values that a menu offers, each with whether it can be seen: {value, usual, lost}. */
export function choices(state, slot, suffix = "") {
  const cast = TABLES.cast[state["kind" + suffix]], pair = state.relation !== "none";
  const all = (values) => values.map((value) => ({ value, usual: true, lost: false }));
  switch (slot) {
    case "kind": return all(pair || suffix ? TABLES.pair_kinds : TABLES.kinds);
    case "color": return cast.colors.map((value) => ({ value, usual: true, lost: clashes(value, state.place) }));
    case "size": return all(TABLES.sizes);
    case "action": return all(cast.actions);
    case "direction": return all(TABLES.actions[state["action" + suffix]][0]);
    case "speed": return all(TABLES.actions[state["action" + suffix]][1]);
    case "relation": return ["none", ...TABLES.relations].map((value) => (
      { value, usual: true, lost: value !== "none" && !TABLES.pair_kinds.includes(state.kind) }));
    default: {
      const home = pair ? TABLES.plain_places : TABLES.cast[state.kind].places;
      const away = pair ? [] : TABLES.places.filter((p) => !home.includes(p));
      const lost = (p) => clashes(state.color, p) || (pair && clashes(state.color_2, p));
      return [...home.map((value) => ({ value, usual: true, lost: lost(value) })),
        ...away.map((value) => ({ value, usual: false, lost: lost(value) }))];
    }
  }
}

function settleActor(state, suffix) {
  const cast = TABLES.cast[state["kind" + suffix]], action = allowed(state["action" + suffix], cast.actions);
  const [directions, speeds] = TABLES.actions[action];
  return {
    ["color" + suffix]: allowed(state["color" + suffix], cast.colors),
    ["size" + suffix]: allowed(state["size" + suffix], TABLES.sizes, "medium"),
    ["action" + suffix]: action,
    ["direction" + suffix]: allowed(state["direction" + suffix], directions),
    ["speed" + suffix]: allowed(state["speed" + suffix], speeds, unmarkedSpeed(action)),
  };
}

/** A state in which all choices suit each other, as near as can be to what was chosen; `moved` is the menu that was moved. */
export function settle(state, moved = "") {
  const next = { ...state };
  next.kind = allowed(next.kind, TABLES.kinds);
  next.kind_2 = allowed(next.kind_2, TABLES.pair_kinds);
  if (!["none", ...TABLES.relations].includes(next.relation) || !TABLES.pair_kinds.includes(next.kind)) next.relation = "none";
  Object.assign(next, settleActor(next, ""), settleActor(next, "_2"));
  const pair = next.relation !== "none", home = pair ? TABLES.plain_places : TABLES.cast[next.kind].places;
  const stays = moved === "kind" || pair ? home : TABLES.places;
  if (!stays.includes(next.place)) next.place = home[0];
  for (const suffix of pair ? ["", "_2"] : [""]) {
    const colors = TABLES.cast[next["kind" + suffix]].colors;
    if (clashes(next["color" + suffix], next.place)) next["color" + suffix] = colors.find((c) => !clashes(c, next.place));
  }
  next.take = Number.isInteger(next.take) && next.take >= 0 ? next.take % 1000000 : 0;
  return next;
}

/** The scene that a state of the menus means, as scene.Scene has it. */
export function sceneOf(state) {
  const actor = (suffix) => Object.fromEntries(ACTOR_SLOTS.map((slot) => [slot, state[slot + suffix]]));
  const pair = state.relation !== "none";
  return { actors: pair ? [actor(""), actor("_2")] : [actor("")], place: state.place, relation: pair ? state.relation : null };
}

/** The scene as a line of Python. */
export function sceneCode(scene) {
  const actors = scene.actors.map((a) => `Actor(${ACTOR_SLOTS.map((slot) => `"${a[slot]}"`).join(", ")})`);
  return `Scene((${actors.join(", ")}${actors.length === 1 ? "," : ""}), "${scene.place}"${scene.relation ? `, "${scene.relation}"` : ""})`;
}
