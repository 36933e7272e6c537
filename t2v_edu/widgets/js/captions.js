// The plain caption of a scene: say_plainly of world/canonical.py, which says how its tables are read.
import { TABLES } from "./tables.js";

const fill = (text, gaps) => text.replace(/\{(\w+)\}/g, (_, name) => gaps[name]);

/** The canonical caption, `lang` "en" or "zh". */
export function sayPlainly(scene, lang) {
  const t = TABLES.captions[lang];
  const actors = scene.actors.map((a) => {
    const kind = t.kinds[a.kind];
    return fill(kind.text, { size: kind.sizes[a.size], color: kind.colors[a.color] });
  });
  const doings = scene.actors.map((a) => t.predicates[`${a.action}/${a.direction}/${a.speed}`]);
  const host = t.kinds[scene.actors[0].kind];
  const place = scene.place === host.silent_place ? "" : { ...t.places, ...host.places }[scene.place];
  const text = actors.length === 1
    ? fill(t.one, { actor: actors[0], doing: fill(doings[0], { place }), place })
    : fill(place ? t.two_placed : t.two, {
      actor_1: actors[0], doing_1: fill(doings[0], { place: "" }), relation: t.relations[scene.relation],
      actor_2: actors[1], doing_2: fill(doings[1], { place: "" }), place,
    });
  return t.vowels ? text.replace(new RegExp(`\\ba (?=[${t.vowels}])`, "g"), "an ") : text;
}
