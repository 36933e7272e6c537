// A music box: the pins of a tune, three degrees of its scale to lower, a crank; and which key and beat are read from the pins.
import { button, drawn, follow, frame, h, menu, slider, tick, write } from "./kit.js";
import { KEY_NAMES, countOnsets, countPitches, keyFits, lowerDegrees, tempoCurve } from "./music_math.js";

const BOX_SETTINGS = ["tune", "third", "sixth", "seventh", "beats"], BOX_WIDE = 600, BOX_ROWS = 36, BOX_TALL = 5;
const BOX_SLOWEST = 40, BOX_FASTEST = 240;
const boxClamp = (value, low, high) => Math.min(high, Math.max(low, Math.round(Number(value)) || low));

/** The drum: a bar for every pin, those that were lowered in another colour and with a line through them. */
function boxDrum(pins, before, halves, label) {
  const wide = BOX_WIDE / halves, y = (row) => (BOX_ROWS - 1 - row) * BOX_TALL;
  const marks = pins.map(([row, at], i) => drawn("rect", { class: row === before[i][0] ? "t2v-pin" : "t2v-pin t2v-pin-low",
    x: at * wide + 0.5, y: y(row) + 0.5, width: wide - 1, height: BOX_TALL - 1 }));
  const octaves = [12, 24].map((row) => drawn("line", { class: "t2v-pin-line", x1: 0, x2: BOX_WIDE, y1: y(row - 1), y2: y(row - 1) }));
  return drawn("svg", { viewBox: `0 0 ${BOX_WIDE} ${BOX_ROWS * BOX_TALL}`, role: "img", "aria-label": label, class: "t2v-drum" }, ...octaves, ...marks);
}

/** Bars with a name below each; the tallest stands out by a frame as well as by its colour. */
function boxBars(values, names, label) {
  const wide = BOX_WIDE / values.length, best = values.indexOf(Math.max(...values));
  const parts = values.flatMap((value, i) => {
    const tall = Math.max(0, value) * 60, x = i * wide;
    return [drawn("rect", { class: i === best ? "t2v-fit t2v-fit-best" : "t2v-fit", x: x + 2, width: wide - 4, y: 66 - tall, height: tall }),
      drawn("text", { class: "t2v-fit-name", x: x + wide / 2, y: 80, "text-anchor": "middle" }, names[i])];
  });
  return drawn("svg", { viewBox: `0 0 ${BOX_WIDE} 84`, role: "img", "aria-label": label, class: "t2v-fits" }, ...parts);
}

/** Play pins through the page's own synthesiser: no file is loaded. Returns how to stop. */
function boxPlay(pins, halves, half, done) {
  const sound = new AudioContext(), loud = sound.createGain();
  loud.gain.value = 0.15;
  loud.connect(sound.destination);
  for (const [row, at] of pins) {
    const tone = sound.createOscillator(), fade = sound.createGain(), start = sound.currentTime + 0.05 + at * half;
    tone.type = "triangle";
    tone.frequency.value = 440 * 2 ** ((48 + row - 69) / 12);
    fade.gain.setValueAtTime(0, start);
    fade.gain.linearRampToValueAtTime(1, start + 0.005);
    fade.gain.exponentialRampToValueAtTime(0.001, start + 1.1);
    tone.connect(fade).connect(loud);
    tone.start(start);
    tone.stop(start + 1.15);
  }
  const timer = setTimeout(done, 1000 * (halves * half + 1.2));
  return () => { clearTimeout(timer); sound.close(); };
}

function renderMusicBox({ model, el }) {
  const body = frame(el, model, "music", "A music box"), tunes = model.get("tunes");
  const tuneMenu = menu("Tune", (tune) => write(model, { tune: Number(tune) }));
  const flags = ["third", "sixth", "seventh"].map((name, i) => [name, tick(`lower the ${name}: ${["E to E♭", "A to A♭", "B to B♭"][i]}`, (on) => write(model, { [name]: on }))]);
  const crank = slider("Crank: beats a minute", BOX_FASTEST - BOX_SLOWEST + 1, (at) => write(model, { beats: at + BOX_SLOWEST }));
  const turns = h("output", { class: "t2v-count" }), drum = h("div"), keys = h("div"), tempi = h("div");
  const told = h("p", { role: "status", "aria-live": "polite" });
  let stop = null, hear = () => {};
  const silence = () => { if (stop) stop(); stop = null; listen.lastChild.textContent = "Listen"; };
  const listen = button("play", "Listen", () => hear());
  body.append(tuneMenu.element, h("div", { class: "t2v-row" }, ...flags.map(([, box]) => box.element)),
    h("div", {}, h("span", { class: "t2v-label" }, "Crank"), h("div", { class: "t2v-player" }, crank, turns)),
    h("div", { class: "t2v-row" }, listen, button("reset", "Reset", () => write(model, model.get("initial")))),
    drum, told, h("span", { class: "t2v-label" }, "How well each key fits, major (A) and minor (a)"), keys,
    h("span", { class: "t2v-label" }, "How likely each number of beats a minute is"), tempi);

  function refresh() {
    const tune = boxClamp(model.get("tune"), 0, tunes.length - 1), beats = boxClamp(model.get("beats"), BOX_SLOWEST, BOX_FASTEST);
    const [third, sixth, seventh] = flags.map(([name]) => Boolean(model.get(name))), { pins: before, halves } = tunes[tune];
    const pins = lowerDegrees(before, third, sixth, seventh), fits = keyFits(countPitches(pins)), both = [...fits[0], ...fits[1]];
    const key = both.indexOf(Math.max(...both)), curve = tempoCurve(countOnsets(pins, halves), 30 / beats);
    const best = curve.reduce((a, b) => (b.score > a.score ? b : a));
    tuneMenu.show(tunes.map(({ name }, i) => ({ value: String(i), text: name })), String(tune));
    flags.forEach(([, box], i) => box.show([third, sixth, seventh][i]));
    crank.value = beats - BOX_SLOWEST;
    crank.setAttribute("aria-valuetext", `${beats} beats a minute`);
    turns.textContent = `${beats} bpm`;
    told.textContent = `Read from the pins: ${KEY_NAMES[key % 12]} ${key < 12 ? "major" : "minor"} (fit ${both[key].toFixed(2)}), `
      + `${Math.round(best.beats)} beats a minute. The crank makes ${beats}.`;
    drum.replaceChildren(boxDrum(pins, before, halves, `${pins.length} pins of a music box, low notes below, time to the right`));
    keys.replaceChildren(boxBars(both, [...KEY_NAMES, ...KEY_NAMES.map((name) => name.toLowerCase())], told.textContent));
    tempi.replaceChildren(boxBars(curve.map((c) => c.score), curve.map((c) => String(Math.round(c.beats))), told.textContent));
    silence();
    hear = () => {
      if (stop) return silence();
      stop = boxPlay(pins, halves, 30 / beats, silence);
      listen.lastChild.textContent = "Stop";
      return undefined;
    };
    write(model, { tune, third, sixth, seventh, beats }); // what came from the URL may not have suited
  }
  refresh();
  const leave = follow(model, BOX_SETTINGS, refresh);
  return () => { silence(); leave(); };
}

export const musicBox = { render: renderMusicBox };
