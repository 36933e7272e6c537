// The attention table: who looks at whom, and one row worked out, under dials for sharpness, padding and the mask.
import { button, follow, frame, h, menu, slider, tick, write } from "./kit.js";
import { attentionBreadth, paddedScores, maskedSoftmax } from "./attention_math.js";

const ATTENTION_SHARPEST = 4, ATTENTION_PADS = 4, ATTENTION_SETTINGS = ["sharpness", "pads", "masked", "query"];
const wholeWithin = (value, low, high) => Math.min(high, Math.max(low, Math.round(Number(value)) || 0));
const powerOfTwo = (n) => (n < 0 ? `1/${2 ** -n}` : `${2 ** n}`);
const signedScore = (x) => (x === -Infinity ? "−∞" : x.toFixed(2).replace("-", "−"));
const largeNumber = (x) => (x >= 1e5 ? x.toExponential(1) : x.toFixed(2));

/** A cell with a number and a bar as long as the number is large. */
function weightBar(weight) {
  const line = h("span", { class: "t2v-bar", "aria-hidden": "true" });
  line.style.width = `${100 * weight}%`;
  return h("td", {}, h("span", {}, weight.toFixed(2)), line);
}

/** A labelled slider with its value beside it. */
function attentionDial(label, count, words, oninput) {
  const input = slider(label, count, oninput), value = h("output", { class: "t2v-count" });
  return {
    element: h("div", { class: "t2v-attention-dial" }, h("span", { class: "t2v-label" }, label), h("div", { class: "t2v-player" }, input, value)),
    show(at) {
      input.value = at;
      value.textContent = words(at);
      input.setAttribute("aria-valuetext", words(at));
    },
  };
}

function renderAttention({ model, el }) {
  const body = frame(el, model, "attention", "Attention table"), words = model.get("words"), initial = model.get("initial");
  const sharp = attentionDial("Sharpness (what q·k/√d is multiplied by)", 2 * ATTENTION_SHARPEST + 1,
    (at) => `× ${powerOfTwo(at - ATTENTION_SHARPEST)}`, (at) => write(model, { sharpness: at - ATTENTION_SHARPEST }));
  const padding = attentionDial("Padding behind the caption", ATTENTION_PADS + 1, (at) => `${at} × <pad>`, (pads) => write(model, { pads }));
  const mask = tick("mask on: nobody looks at padding", (masked) => write(model, { masked }));
  const asks = menu("Whose row to work out", (value) => write(model, { query: Number(value) }));
  const table = h("table", { class: "t2v-weights" }), sum = h("table", { class: "t2v-weights t2v-sum" });
  const told = h("p", { class: "t2v-told", role: "status", "aria-live": "polite" });
  body.append(
    h("div", { class: "t2v-attention-dials" }, sharp.element, padding.element),
    h("div", { class: "t2v-row" }, mask.element, button("reset", "Reset", () => write(model, initial))),
    h("div", { class: "t2v-wide" }, table), asks.element, h("div", { class: "t2v-wide" }, sum), told);

  function matrix(names, weights, query) {
    const head = h("tr", {}, h("td", {}, "looks at →"), ...names.map((name) => h("th", { scope: "col" }, name)));
    const rows = weights.map((row, i) => h("tr", { class: i === query ? "t2v-chosen" : "" }, h("th", { scope: "row" }, words[i]), ...row.map(weightBar)));
    table.replaceChildren(h("caption", {}, "Weights: each row sums to 1"), head, ...rows);
  }
  function worked(names, scores, weights) {
    const raised = scores.map(Math.exp);
    const line = (title, values) => h("tr", {}, h("th", { scope: "row" }, title), ...values);
    const cells = (texts) => texts.map((text) => h("td", {}, text));
    sum.replaceChildren(h("caption", {}, "The row, worked out"), line("", names.map((name) => h("th", { scope: "col" }, name))),
      line("score s", cells(scores.map(signedScore))), line("e to the s", cells(raised.map(largeNumber))),
      line("weight", weights.map(weightBar)));
  }
  function refresh() {
    const query = wholeWithin(model.get("query"), 0, words.length - 1), pads = wholeWithin(model.get("pads"), 0, ATTENTION_PADS);
    const sharpness = wholeWithin(model.get("sharpness"), -ATTENTION_SHARPEST, ATTENTION_SHARPEST), masked = Boolean(model.get("masked"));
    const names = [...words, ...Array(pads).fill("<pad>")];
    const scores = paddedScores(model.get("query_rows"), model.get("key_rows"), pads, masked, 2 ** sharpness), weights = scores.map(maskedSoftmax);
    sharp.show(sharpness + ATTENTION_SHARPEST);
    padding.show(pads);
    mask.show(masked);
    asks.show(words.map((text, i) => ({ value: String(i), text })), String(query));
    matrix(names, weights, query);
    worked(names, scores[query], weights[query]);
    const lost = weights[query].slice(words.length).reduce((a, b) => a + b, 0);
    told.textContent = `“${words[query]}” looks at about ${attentionBreadth(weights[query]).toFixed(1)} of ${names.length} places; `
      + `${Math.round(100 * lost)}% of its weight goes to padding.`;
    write(model, { query, pads, sharpness, masked }); // what came from the URL may not have suited
  }
  refresh();
  return follow(model, ATTENTION_SETTINGS, refresh);
}

export const attentionTable = { render: renderAttention };
