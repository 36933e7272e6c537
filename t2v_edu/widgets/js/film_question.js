// A comment asks a film of three shots: where attention looks, what it finds, and how the viewer feels.
import { button, follow, frame, h, menu, slider, tick, write } from "./kit.js";
import { fuseByHand } from "./film_question_math.js";

const QUESTION_STEPS = 16, QUESTION_SETTINGS = ["asked", "hopes", "left", "ways", "sharpness"];
const questionWithin = (value, most) => Math.min(most, Math.max(0, Math.round(Number(value)) || 0));
const signedTwo = (x) => x.toFixed(2).replace("-", "−").replace("−0.00", "0.00");

/** A cell with a share and a bar as long as it is large. */
function questionBar(share) {
  const line = h("span", { class: "t2v-bar", "aria-hidden": "true" });
  line.style.width = `${100 * share}%`;
  return h("td", {}, h("span", {}, share.toFixed(2)), line);
}

function renderQuestion({ model, el }) {
  const body = frame(el, model, "question", "A comment asks a film"), actors = model.get("actors"), shots = actors.slice(0, -1);
  const asked = menu("The comment is about", (value) => write(model, { asked: Number(value) }));
  const hopes = tick("hopes (else fears)", (on) => write(model, { hopes: on }));
  const left = tick("… that it goes left (else right)", (on) => write(model, { left: on }));
  const dial = slider("Sharpness β", QUESTION_STEPS + 1, (sharpness) => write(model, { sharpness }));
  const beta = h("output", { class: "t2v-count" }), said = h("p", { class: "t2v-formula" });
  const table = h("table", { class: "t2v-weights" }), told = h("p", { class: "t2v-told", role: "status", "aria-live": "polite" });
  const turns = shots.map((name, i) => h("button", { type: "button", class: "t2v-button", "aria-label": `turn the ${name} round`,
    onclick: () => write(model, { ways: model.get("ways") ^ (1 << i) }) }));
  body.append(asked.element, h("div", { class: "t2v-row" }, hopes.element, left.element),
    h("div", {}, h("span", { class: "t2v-label" }, "Sharpness β of the look"), h("div", { class: "t2v-player" }, dial, beta)),
    said, h("div", { class: "t2v-wide" }, table), told,
    h("div", { class: "t2v-row" }, button("reset", "Reset", () => write(model, model.get("initial")))));

  function refresh() {
    const now = { asked: questionWithin(model.get("asked"), shots.length), hopes: Boolean(model.get("hopes")), left: Boolean(model.get("left")),
      ways: questionWithin(model.get("ways"), 2 ** shots.length - 1), sharpness: questionWithin(model.get("sharpness"), QUESTION_STEPS) };
    const ways = shots.map((_, i) => (now.ways >> i & 1 ? 1 : -1)), fits = shots.map((_, i) => Number(i === now.asked));
    const wanted = now.hopes === now.left ? -1 : 1, strength = now.sharpness / 2;
    const { weights, found, glad } = fuseByHand(fits, ways, wanted, strength);
    asked.show(actors.map((text, i) => ({ value: String(i), text: i < shots.length ? `the ${text}` : `the ${text} (not in the film)` })), String(now.asked));
    hopes.show(now.hopes);
    left.show(now.left);
    dial.value = now.sharpness;
    beta.textContent = strength.toFixed(1);
    dial.setAttribute("aria-valuetext", strength.toFixed(1));
    said.textContent = `“I ${now.hopes ? "hope" : "fear"} that the ${actors[now.asked]} goes ${now.left ? "left" : "right"}.”`;
    turns.forEach((turn, i) => { turn.textContent = ways[i] > 0 ? "right →" : "← left"; });
    const head = h("tr", {}, ...["shot", "goes (press)", "score β·fit", "weight w", "w · way"].map((name) => h("th", { scope: "col" }, name)));
    table.replaceChildren(h("caption", {}, "Left counts −1, right +1; fit is 1 where the shot shows who is meant"), head, ...shots.map((name, i) =>
      h("tr", { class: i === now.asked ? "t2v-chosen" : "" }, h("th", { scope: "row" }, name), h("td", {}, turns[i]),
        h("td", {}, (strength * fits[i]).toFixed(2)), questionBar(weights[i]), h("td", {}, signedTwo(weights[i] * ways[i])))));
    told.textContent = `Found v = ${signedTwo(found)}; wanted ${wanted < 0 ? "−1" : "+1"}; their product ${signedTwo(wanted * found)} says: `
      + `glad with probability ${glad.toFixed(2)}.`;
    write(model, now); // what came from the URL may not have suited
  }
  refresh();
  return follow(model, QUESTION_SETTINGS, refresh);
}

export const filmQuestion = { render: renderQuestion };
