// One chart as SVG: scales, areas, lines, bars, and what is not known. Numbers in, elements out; pixels are CSS pixels.

import { s } from "./element.js";

// The next round number at or above, whose half is round, too.
export function nice(number) {
  const power = 10 ** Math.floor(Math.log10(Math.max(number, 1e-9)));
  const steps = [1, 2, 3, 4, 6, 8, 10].map((step) => step * power);
  return steps.find((step) => step >= number * 0.999) ?? steps[6];
}

// A scale stays as long as what is drawn fits and is not lost in it, so that a chart does not jump.
const held = new Map();
export function top(name, most, least) {
  const wanted = nice(Math.max(most, least));
  const before = held.get(name);
  const stays = before !== undefined && most <= before && wanted > before / 2;
  if (!stays) held.set(name, wanted);
  return held.get(name);
}

// Powers of ten around values, which stay as long as they fit.
export function decades(name, least, most) {
  const low = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  const high = Math.max(10 ** Math.ceil(Math.log10(Math.max(most, 1))), low * 100);
  const before = held.get(name);
  const stays = before && before[0] <= low && before[1] >= high && before[1] <= high * 10 && before[0] >= low / 10;
  if (!stays) held.set(name, [low, high]);
  return held.get(name);
}

const r = (number) => number.toFixed(1);

// Maps times and values to pixels.
export class Frame {
  // With a `floor` values are drawn by their order of magnitude, from there on.
  constructor({ width, height, from, to, most, floor, step, steps, end }) {
    Object.assign(this, { width, height, from, to, most, floor, step, steps, end });
  }
  x(seconds) {
    return ((seconds - this.from) / (this.to - this.from)) * this.width;
  }
  // The middle of a step.
  at(index) {
    return this.x(this.end - (this.steps - index - 0.5) * this.step);
  }
  y(value) {
    const share = this.floor ? Math.log(Math.max(value, this.floor) / this.floor) / Math.log(this.most / this.floor) : value / this.most;
    return this.height - Math.min(share, 1) * (this.height - 6);
  }
  get first() {
    return this.x(this.end - this.steps * this.step);
  }
}

const isRun = (values, at) => values[at] > 0 || values[at - 1] > 0 || values[at + 1] > 0;

// The area between two lines, where there is something between them; and its upper edge.
export function area(frame, kind, below, above) {
  const size = above.map((value, at) => value - below[at]);
  let fill = "";
  let edge = "";
  let start = null;
  for (let at = 0; at <= size.length; at++) {
    const inside = at < size.length && isRun(size, at);
    if (inside && start === null) start = at;
    if (!inside && start !== null) {
      const up = [];
      const down = [];
      for (let one = start; one < at; one++) {
        up.push(`${r(frame.at(one))} ${r(frame.y(above[one]))}`);
        down.push(`${r(frame.at(one))} ${r(frame.y(below[one]))}`);
      }
      fill += `M${up.join("L")}L${down.reverse().join("L")}z`;
      edge += `M${up.join("L")}`;
      start = null;
    }
  }
  if (!fill) return null;
  return s("g", { class: `area ${kind}` }, s("path", { class: "fill", d: fill }), s("path", { class: "pattern", d: fill, fill: `url(#pattern-${kind})` }), s("path", { class: "edge", d: edge }));
}

// A line with gaps where there is no value.
export function line(frame, kind, values) {
  let path = "";
  let open = false;
  values.forEach((value, at) => {
    if (value > 0) path += `${open ? "L" : "M"}${r(frame.at(at))} ${r(frame.y(value))}`;
    // A single value would draw nothing.
    if (value > 0 && !open && !(values[at + 1] > 0)) path += "h.5";
    open = value > 0;
  });
  return path ? s("path", { class: `line ${kind}`, d: path }) : null;
}

// Bars that stand on others.
export function bars(frame, kind, below, values) {
  const width = Math.max(1.5, (frame.step / (frame.to - frame.from)) * frame.width - 0.5);
  let path = "";
  values.forEach((value, at) => {
    if (!value) return;
    const x = frame.at(at) - width / 2;
    const low = frame.y(below[at]);
    const height = Math.max(1.5, low - frame.y(below[at] + value));
    path += `M${r(x)} ${r(low)}h${r(width)}v${r(-height)}h${r(-width)}z`;
  });
  if (!path) return null;
  return s("g", { class: `bars ${kind}` }, s("path", { class: "fill", d: path }), s("path", { class: "pattern", d: path, fill: `url(#pattern-${kind})` }));
}

// The values that have a line.
function marks({ most, floor }) {
  if (!floor) return [0, most / 2, most];
  const all = [];
  for (let value = floor; value <= most * 1.001; value *= 10) all.push(value);
  // No more than there is room for their words.
  return all.length > 4 ? all.filter((_, at) => at % 2 === 0 || at === 0) : all;
}

// Lines across, each with what it stands for.
export function grid(frame, label) {
  const parts = marks(frame).map((value) => ({ value, y: frame.y(value) }));
  return s(
    "g",
    { class: "grid" },
    parts.map(({ value, y }) => s("path", { class: value > (frame.floor ?? 0) ? "rule" : "rule zero", d: `M0 ${r(Math.min(y, frame.height - 0.5))}H${frame.width}` })),
    parts.slice(1).map(({ value, y }) => s("text", { x: -6, y: r(y + 4) }, label(value))),
  );
}

// Times of which nothing is known: before the daemon's memory begins, and since it is away.
export function unknown(frame, word) {
  const parts = [];
  const before = Math.min(frame.first, frame.width);
  const after = frame.x(frame.end);
  const add = (x, width) => {
    if (width < 3) return;
    parts.push(s("rect", { class: "unknown", x: r(x), y: 0, width: r(width), height: frame.height }));
    if (word && width > 90) parts.push(s("text", { class: "unknown-word", x: r(x + width / 2), y: r(frame.height / 2 + 4) }, word));
  };
  add(0, before);
  add(Math.max(0, after), frame.width - Math.max(0, after));
  return parts.length ? s("g", {}, parts) : null;
}

// A band in which an app did not answer.
export const band = (frame, kind, from, to, word) => {
  const x = Math.max(0, frame.x(from));
  const width = Math.min(frame.width, frame.x(to)) - x;
  if (width <= 0) return null;
  const text = word && width > 120 ? s("text", { class: "band-word", x: r(x + width / 2), y: 16 }, word) : null;
  return s("g", {}, s("rect", { class: `band ${kind}`, x: r(x), y: 0, width: r(Math.max(1.5, width)), height: frame.height }), text);
};

// Stripes and dots, so that sides and faults can be told apart without colour.
export const patterns = () =>
  s(
    "svg",
    { class: "patterns", width: 0, height: 0, "aria-hidden": "true" },
    s(
      "defs",
      {},
      s("pattern", { id: "pattern-blue", width: 8, height: 8, patternUnits: "userSpaceOnUse" }),
      s("pattern", { id: "pattern-green", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, s("path", { class: "stripe green", d: "M0 0v6" })),
      s("pattern", { id: "pattern-upstream", width: 5, height: 5, patternUnits: "userSpaceOnUse" }, s("circle", { class: "stripe upstream", cx: 1.2, cy: 1.2, r: 0.7 })),
      s("pattern", { id: "pattern-app", width: 8, height: 8, patternUnits: "userSpaceOnUse" }),
      s("pattern", { id: "pattern-proxy", width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, s("path", { class: "stripe proxy", d: "M0 0v4" })),
      s("pattern", { id: "pattern-client", width: 4, height: 4, patternUnits: "userSpaceOnUse" }, s("circle", { class: "stripe client", cx: 1, cy: 1, r: 0.8 })),
      s("pattern", { id: "pattern-unknown", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-45)" }, s("path", { class: "stripe unknown", d: "M0 0v7" })),
    ),
  );
