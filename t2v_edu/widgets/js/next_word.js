// What comes next: bars of a narrator's distribution after a beginning, under dials for temperature and top-k.
import { button, follow, frame, h, menu, slider, write } from "./kit.js";
import { nextProbabilities, breadthOf } from "./next_word_math.js";

const WARMTH_STEP = 0.05, WARMTH_MOST = 60, WORDS_SHOWN = 10, NEXT_SETTINGS = ["beginning", "warmth", "top_k"];
const clampWhole = (value, most) => Math.min(most, Math.max(0, Math.round(Number(value)) || 0));

function nextDial(label, count, oninput) {
  const input = slider(label, count, oninput), value = h("output", { class: "t2v-count" });
  return {
    element: h("div", {}, h("span", { class: "t2v-label" }, label), h("div", { class: "t2v-player" }, input, value)),
    show(at, words) {
      input.value = at;
      value.textContent = words;
      input.setAttribute("aria-valuetext", words);
    },
  };
}

/** One word: its name, a bar, its share; a dashed end says that it was struck out. */
function wordRow(word, share, before) {
  const bar = h("span", { class: "t2v-next-bar", "aria-hidden": "true" });
  bar.style.width = `${(75 * share).toFixed(2)}%`;
  const number = share === 0 && before > 0 ? "struck out" : share < 0.005 ? share.toExponential(0) : share.toFixed(2);
  return h("li", { class: share ? "" : "t2v-struck" }, h("span", { class: "t2v-next-word" }, word), bar, h("span", {}, number));
}

function renderNextWord({ model, el }) {
  const body = frame(el, model, "next", "What comes next"), { length } = model.get("symbols"), names = model.get("beginnings");
  const begin = menu("The caption so far", (value) => write(model, { beginning: Number(value) }));
  const warm = nextDial("Temperature", WARMTH_MOST + 1, (warmth) => write(model, { warmth }));
  const top = nextDial("Top-k (0 keeps all)", Math.min(length, 30) + 1, (top_k) => write(model, { top_k }));
  const bars = h("ol", { class: "t2v-next-bars" }), told = h("p", { role: "status", "aria-live": "polite" });
  body.append(begin.element, warm.element, top.element, bars, told,
    h("div", { class: "t2v-row" }, button("reset", "Reset", () => write(model, model.get("initial")))));

  function refresh() {
    const beginning = clampWhole(model.get("beginning"), names.length - 1), warmth = clampWhole(model.get("warmth"), WARMTH_MOST);
    const top_k = clampWhole(model.get("top_k"), Math.min(length, 30)), temperature = warmth * WARMTH_STEP;
    const logits = model.get("logits")[beginning], p = nextProbabilities(logits, temperature, top_k), symbols = model.get("symbols");
    const order = logits.map((_, i) => i).sort((a, b) => logits[b] - logits[a] || a - b), shown = order.slice(0, WORDS_SHOWN);
    begin.show(names.map((text, i) => ({ value: String(i), text: `${text} …` })), String(beginning));
    warm.show(warmth, temperature.toFixed(2));
    top.show(top_k, top_k ? String(top_k) : "all");
    const rest = order.slice(WORDS_SHOWN).reduce((sum, i) => sum + p[i], 0);
    const others = [`the other ${length - shown.length}`, rest, top_k || !warmth ? 1 : 0];
    bars.replaceChildren(...shown.map((i) => wordRow(symbols[i], p[i], 1)), ...(length > shown.length ? [wordRow(...others)] : []));
    told.textContent = `As hard to guess as ${breadthOf(p).toFixed(1)} equally likely words. In ten such steps a word outside the `
      + `likeliest ten comes up with probability ${(1 - (1 - Math.min(rest, 1)) ** 10).toFixed(2)}.`;
    write(model, { beginning, warmth, top_k }); // what came from the URL may not have suited
  }
  refresh();
  return follow(model, NEXT_SETTINGS, refresh);
}

export const nextWord = { render: renderNextWord };
