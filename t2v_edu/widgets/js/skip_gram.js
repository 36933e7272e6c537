// The window of skip-gram: which pairs a sentence makes around a centre word, how often each is drawn, and how noise is.
import { button, follow, frame, h, menu, slider, write } from "./kit.js";
import { noiseShares, reachShare, windowPairs } from "./skip_gram_math.js";

const SKIP_GRAM_WIDEST = 6, SKIP_GRAM_POWERS = 5, SKIP_GRAM_SETTINGS = ["sentence", "centre", "window", "power"];
const inSteps = (value, low, high) => Math.min(high, Math.max(low, Math.round(Number(value)) || 0));
const asPercent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;

/** A cell with a share, and a bar as long as the share is large; `most` fills the cell. */
function shareCell(share, most = 1) {
  const line = h("span", { class: "t2v-bar", "aria-hidden": "true" });
  line.style.width = `${(100 * share) / most}%`;
  return h("td", {}, h("span", {}, asPercent(share)), line);
}

/** A labelled slider with its value beside it. */
function skipGramDial(label, count, words, oninput) {
  const input = slider(label, count, oninput), value = h("output", { class: "t2v-count" });
  const element = h("div", {}, h("span", { class: "t2v-label" }, label), h("div", { class: "t2v-player" }, input, value));
  return { element, show(at) { input.value = at; value.textContent = words(at); input.setAttribute("aria-valuetext", words(at)); } };
}

function renderSkipGram({ model, el }) {
  const body = frame(el, model, "skip-gram", "The window of skip-gram"), initial = model.get("initial");
  const sentences = model.get("sentences"), counts = model.get("counts");
  const which = menu("Sentence", (value) => write(model, { sentence: Number(value), centre: 0 }));
  const wide = skipGramDial("Window: words to each side", SKIP_GRAM_WIDEST, (at) => `${at + 1}`, (at) => write(model, { window: at + 1 }));
  const power = skipGramDial("Power of the counts, for noise", SKIP_GRAM_POWERS, (at) => `${at / 4}`, (at) => write(model, { power: at }));
  const line = h("div", { class: "t2v-words", role: "group", "aria-label": "Words of the sentence; choose the centre" });
  const told = h("p", { class: "t2v-told", role: "status", "aria-live": "polite" });
  const pairs = h("table", { class: "t2v-weights" }), drawn = h("table", { class: "t2v-weights" });
  body.append(which.element, line, h("div", { class: "t2v-dials" }, wide.element, power.element),
    h("div", { class: "t2v-row" }, button("reset", "Reset", () => write(model, initial))), told,
    h("div", { class: "t2v-wide" }, pairs), h("div", { class: "t2v-wide" }, drawn));

  function chips(words, centre, window) {
    line.replaceChildren(...words.map((word, i) => {
      const share = reachShare(Math.abs(i - centre), window), role = i === centre ? "centre" : share ? asPercent(share) : "–";
      const chip = h("button", { type: "button", class: `t2v-word ${i === centre ? "t2v-centre" : share ? "t2v-context" : ""}`,
        "aria-pressed": String(i === centre), onclick: () => write(model, { centre: i }) }, h("span", {}, word), h("small", {}, role));
      return chip;
    }));
  }
  function tables(words, centre, window, exponent) {
    const head = (...names) => h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)));
    const own = windowPairs(words.length, window).filter(([i]) => i === centre);
    pairs.replaceChildren(h("caption", {}, "Pairs of this centre"), head("centre", "context", "words apart", "drawn"),
      ...own.map(([i, j]) => h("tr", {}, h("td", {}, words[i]), h("td", {}, words[j]), h("td", {}, `${Math.abs(i - j)}`), shareCell(reachShare(Math.abs(i - j), window)))));
    const all = Object.values(counts), names = Object.keys(counts), total = all.reduce((a, b) => a + b, 0), chances = noiseShares(all, exponent);
    const most = Math.max(...chances, ...all.map((n) => n / total)), seen = [...new Set(words)].filter((word) => names.includes(word));
    drawn.replaceChildren(h("caption", {}, `Noise: chances among ${names.length} words of the corpus`), head("word", "count", "share", "as noise"),
      ...seen.map((word) => h("tr", {}, h("td", {}, word), h("td", {}, `${counts[word]}`), shareCell(counts[word] / total, most), shareCell(chances[names.indexOf(word)], most))));
  }
  function refresh() {
    const sentence = inSteps(model.get("sentence"), 0, sentences.length - 1), words = sentences[sentence];
    const centre = inSteps(model.get("centre"), 0, words.length - 1), window = inSteps(model.get("window"), 1, SKIP_GRAM_WIDEST);
    const step = inSteps(model.get("power"), 0, SKIP_GRAM_POWERS - 1), all = windowPairs(words.length, window);
    const mean = all.reduce((sum, [i, j]) => sum + reachShare(Math.abs(i - j), window), 0);
    which.show(sentences.map((text, i) => ({ value: String(i), text: text.join(" ") })), String(sentence));
    wide.show(window - 1);
    power.show(step);
    chips(words, centre, window);
    tables(words, centre, window, step / 4);
    told.textContent = `${words.length} words make ${all.length} pairs within the window; ${mean.toFixed(1)} of them are drawn in one pass, on average.`;
    write(model, { sentence, centre, window, power: step }); // what came from the URL may not have suited
  }
  refresh();
  return follow(model, SKIP_GRAM_SETTINGS, refresh);
}

export const skipGram = { render: renderSkipGram };
