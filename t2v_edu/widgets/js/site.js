// Life without a kernel: stands in for the notebook's side of anywidget on a static page. Keeps every widget's settings in the URL.

/** A model as anywidget's views expect it, held in the page. */
function pageModel(state, changed) {
  const listeners = {};
  const model = {
    get: (key) => state[key],
    set(key, value) {
      if (Object.is(state[key], value)) return;
      state[key] = value;
      for (const listener of [...(listeners[`change:${key}`] ?? [])]) listener(model, value);
    },
    save_changes: () => changed(state),
    send: () => {},
    on(event, listener) { (listeners[event] ??= []).push(listener); },
    off(event, listener) { listeners[event] = listener ? (listeners[event] ?? []).filter((l) => l !== listener) : []; },
  };
  return model;
}

/** The settings that the URL's fragment holds for a widget: #w1.kind=star&w1.color=red. */
export function settingsIn(hash, id, initial) {
  const found = {};
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const key = name.startsWith(`${id}.`) ? name.slice(id.length + 1) : "";
    if (!Object.hasOwn(initial, key)) continue;
    const value = typeof initial[key] === "number" ? Number(text) : typeof initial[key] === "boolean" ? text === "true" : text;
    if (!Number.isNaN(value)) found[key] = value;
  }
  return found;
}

/** The fragment with a widget's settings put in: only those that differ from how the page shows it. */
export function hashWith(hash, id, initial, state) {
  const others = [...new URLSearchParams(hash.replace(/^#/, ""))].filter(([name]) => /^w\d+\./.test(name) && !name.startsWith(`${id}.`));
  const own = Object.keys(initial).filter((key) => state[key] !== initial[key]).map((key) => [`${id}.${key}`, String(state[key])]);
  return new URLSearchParams([...others, ...own]).toString();
}

function remember(id, initial, state) {
  const hash = hashWith(location.hash, id, initial, state);
  if (hash === location.hash.slice(1) || (!hash && !/^#w\d+\./.test(location.hash))) return;
  history.replaceState(history.state, "", hash ? `#${hash}` : location.pathname + location.search);
}

async function mount(host, number, widgets) {
  const id = `w${number}`, state = JSON.parse(host.querySelector('script[type="application/json"]').textContent);
  const { initial } = state, own = settingsIn(location.hash, id, initial);
  const model = pageModel({ ...state, ...own }, (now) => remember(id, initial, now));
  const el = document.createElement("div");
  await widgets[host.dataset.t2vWidget].render({ model, el });
  host.replaceChildren(el);
  host.id ||= id;
  host.dataset.t2vReady = "true";
  if (Object.keys(own).length) host.scrollIntoView({ block: "center" });
  addEventListener("hashchange", () => {
    if (!/^#w\d+\./.test(location.hash)) return; // a heading's anchor, none of ours
    const wanted = { ...initial, ...settingsIn(location.hash, id, initial) };
    for (const [key, value] of Object.entries(wanted)) model.set(key, value);
  });
}

/** Bring every widget of the page to life. One that fails keeps its picture, and says why in the console. */
export function bringToLife(widgets) {
  const all = () => document.querySelectorAll("[data-t2v-widget]").forEach((host, i) => {
    mount(host, i + 1, widgets).catch((error) => console.error(`widget ${host.dataset.t2vWidget} does not start:`, error));
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
}
