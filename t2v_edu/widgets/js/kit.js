// What every widget's view is built of: elements, menus, buttons, sliders, the frame with its question.
const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  play: "M5 3l9 5.5L5 14z", pause: "M4 3h3v11H4zM10 3h3v11h-3z", back: "M12.5 3v11L5 8.5zM3 3h2v11H3z", next: "M4.5 3v11L12 8.5zM12 3h2v11h-2z",
  dice: "M4 2h9a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2zm1.7 2.4a1.3 1.3 0 1 0 .01 0zm5.6 5.6a1.3 1.3 0 1 0 .01 0zM8.5 7.2a1.3 1.3 0 1 0 .01 0z",
  reset: "M8.5 2.5a6 6 0 1 1-5.8 4.4l1.9.5a4 4 0 1 0 3.9-2.9V7L4.6 3.6 8.5.4z",
};

/** An element: on… are listeners, names with a dash, `class` and `role` are attributes, the rest are properties. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "class" || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export function icon(name) {
  const path = drawn("path", { d: ICONS[name], "fill-rule": "evenodd" });
  return drawn("svg", { viewBox: "0 0 17 17", width: 17, height: 17, "aria-hidden": "true" }, path);
}

/** A button with an icon, and with words unless it is `bare`: then they are its label for screen readers and its tooltip. */
export function button(name, words, onclick, bare = false) {
  const element = h("button", { type: "button", class: bare ? "t2v-button t2v-bare" : "t2v-button", onclick }, icon(name));
  if (bare) rename(element, name, words);
  else element.append(h("span", {}, words));
  return element;
}

/** Give a bare button another icon and other words. */
export function rename(element, name, words) {
  element.replaceChildren(icon(name));
  element.title = words;
  element.setAttribute("aria-label", words);
}

/** A menu under its label. `show(options, value)` fills it with {value, text, off} and group titles {group, options}. */
export function menu(label, onchange) {
  const select = h("select", { onchange: () => onchange(select.value) });
  const element = h("label", { class: "t2v-menu" }, h("span", { class: "t2v-label" }, label), select);
  const option = (o) => h("option", { value: o.value, textContent: o.text, disabled: Boolean(o.off) });
  let shown = "";
  const show = (options, value) => {
    const now = JSON.stringify(options);
    if (now !== shown) select.replaceChildren(...options.map((o) => (o.group ? groupOf(o, option) : option(o))));
    shown = now;
    select.value = value;
    select.disabled = options.length === 1 && !options[0].group;
  };
  return { element, show };
}

function groupOf({ group, options }, option) {
  const element = h("optgroup", { label: group });
  element.append(...options.map(option));
  return element;
}

/** A box to tick. `show(on)` sets it. */
export function tick(label, onchange) {
  const input = h("input", { type: "checkbox", onchange: () => onchange(input.checked) });
  return { element: h("label", { class: "t2v-tick" }, input, label), show: (on) => { input.checked = on; } };
}

/** An SVG element. */
export function drawn(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A slider over whole numbers. JupyterLab takes the arrow keys from an input without the data attribute. */
export function slider(label, count, oninput) {
  const attributes = { type: "range", min: 0, max: count - 1, step: 1, value: 0, class: "t2v-slider" };
  const input = h("input", { ...attributes, "aria-label": label, "data-lm-suppress-shortcuts": "true" });
  input.addEventListener("input", () => oninput(Number(input.value)));
  return input;
}

/** A widget's frame: its title, a question to answer before moving anything, and one answer folded away. Returns its body. */
export function frame(el, model, name, title) {
  const body = h("div", { class: "t2v-body" }), question = model.get("question"), answer = model.get("answer");
  const root = h("section", { class: `t2v t2v-${name}`, "aria-label": title });
  if (question) {
    const text = h("p", {}, h("strong", {}, "Before you move anything. "), question);
    const fold = answer ? [h("details", {}, h("summary", {}, "Compare your answer"), h("p", {}, answer))] : [];
    root.append(h("div", { class: "t2v-question" }, text, ...fold));
  }
  root.append(body);
  el.append(root);
  return body;
}

/** Call `react` once after any of the model's `keys` has changed, however many did. Returns how to stop. */
export function follow(model, keys, react) {
  let due = false;
  const notice = () => {
    if (!due) queueMicrotask(() => { due = false; react(); });
    due = true;
  };
  for (const key of keys) model.on(`change:${key}`, notice);
  return () => keys.forEach((key) => model.off(`change:${key}`, notice));
}

/** The values of some of a model's keys. */
export const read = (model, keys) => Object.fromEntries(keys.map((key) => [key, model.get(key)]));

/** Set what differs, and tell Python once. */
export function write(model, values) {
  const changed = Object.entries(values).filter(([key, value]) => model.get(key) !== value);
  for (const [key, value] of changed) model.set(key, value);
  if (changed.length) model.save_changes();
}
