// Three charts over one time: requests by side, latency, errors by fault. One cursor goes over all of them, by pointer or by key, and
// each operation is a line through them.

import { h, mark, s, show } from "./element.js";
import { operations, title, verdictOf } from "./operations.js";
import { Frame, area, band, bars, decades, grid, line, patterns, top, unknown } from "./plot.js";
import { environments, picked, state } from "./state.js";
import { clock, latency, moment, now, short } from "./words.js";

const RANGES = { "10m": [600, "10 min"], "2h": [7200, "2 h"], "24h": [86400, "24 h"] };
const TICKS = { "10m": 120, "2h": 1800, "24h": 14400 };
const NARROW_TICKS = { "10m": 300, "2h": 3600, "24h": 28800 };

// Seconds since 1970 under the cursor; `null` where there is none.
let cursor = null;

const place = () => document.getElementById("charts");

// What all charts share.
function time() {
  const [length] = RANGES[state.picked.range];
  const chart = state.chart?.range === state.picked.range && state.chart.environment === picked() ? state.chart : null;
  const isOpen = state.link.kind === "open";
  const to = isOpen && chart ? chart.end : now() / 1000;
  return { chart, from: to - length, to, length };
}

const value = (chart, name) => chart?.track[name] ?? [];
const rates = (chart, name) => value(chart, name).map((one) => one / chart.step);

// Draws columns on top of each other: each begins where the one before it ends.
function onTop(frame, columns, draw) {
  let below = new Array(frame.steps).fill(0);
  return columns.map((column, at) => {
    const above = column.map((one, step) => one + below[step]);
    const drawn = draw(at, below, column, above);
    below = above;
    return drawn;
  });
}

// Each chart: what it draws, and what it says of one step.
const CHARTS = [
  {
    name: "requests",
    title: "Requests",
    unit: "a second",
    tall: true,
    height: 146,
    least: 1,
    label: (number) => short(number),
    series: [["blue", "blue"], ["green", "green"], ["upstream", "one side"]],
    columns: (chart) => ["blue", "green", "upstream"].map((name) => rates(chart, name)),
    says: (number) => `${short(number)}/s`,
    draw: (frame, columns) =>
      onTop(frame, columns, (at, below, column, above) => area(frame, ["blue", "green", "upstream"][at], below, above)),
    most: (columns) => stacked(columns),
  },
  {
    name: "latency",
    title: "Latency",
    unit: "to the last byte",
    height: 78,
    least: 1000,
    label: (number) => latency(number),
    series: [["p50", "p50"], ["p95", "p95"]],
    columns: (chart) => ["p50_us", "p95_us"].map((name) => value(chart, name)),
    says: (number) => (number ? latency(number) : "–"),
    draw: (frame, columns) => [line(frame, "p95", columns[1]), line(frame, "p50", columns[0])],
    most: (columns) => Math.max(0, ...columns[1]),
    // A single slow answer would press all others flat: latency is drawn by its order of magnitude.
    floor: (columns) => Math.min(1000, ...columns[0].filter(Boolean)),
  },
  {
    name: "errors",
    title: "Errors",
    unit: "a second, by whose fault",
    height: 64,
    least: 1,
    label: (number) => short(number),
    series: [["app", "the app"], ["proxy", "the door"], ["client", "the client"]],
    columns: (chart) => ["app_errors", "proxy_errors", "client_errors"].map((name) => rates(chart, name)),
    says: (number) => `${short(number)}/s`,
    draw: (frame, columns) =>
      onTop(frame, columns, (at, below, column) => bars(frame, ["app", "proxy", "client"][at], below, column)),
    most: (columns) => stacked(columns),
  },
];

function stacked(columns) {
  let most = 0;
  columns[0]?.forEach((_, at) => {
    most = Math.max(most, columns.reduce((sum, column) => sum + column[at], 0));
  });
  return most;
}

// The step under the cursor, or the newest.
function step(shared) {
  const { chart } = shared;
  if (!chart) return null;
  if (cursor === null) return state.link.kind === "open" ? chart.track.steps - 1 : null;
  const at = chart.track.steps - 1 - Math.floor((chart.end - cursor) / chart.step);
  return at >= 0 && at < chart.track.steps ? at : null;
}

function legend(one, columns, at) {
  const shown = one.series
    .map(([kind, word], index) => ({ kind, word, column: columns[index] }))
    // A side that this environment does not have says nothing.
    .filter(({ kind, column }) => !["upstream", "blue", "green", "client"].includes(kind) || column.some(Boolean) || fits(kind));
  return h(
    "ul",
    { class: "legend" },
    shown.map(({ kind, word, column }) =>
      h(
        "li",
        { "data-key": kind },
        s("svg", { class: "swatch", viewBox: "0 0 16 12", "aria-hidden": "true" }, swatch(kind)),
        word,
        " ",
        h("b", {}, at === null || column[at] === undefined ? "–" : one.says(column[at])),
      ),
    ),
  );
}
function fits(kind) {
  const live = environments().find((environment) => environment.name === picked())?.live;
  return kind === "upstream" ? !live : kind === "client" ? false : Boolean(live);
}
function swatch(kind) {
  if (kind === "p50" || kind === "p95") return s("path", { class: `line ${kind}`, d: "M0 6h16" });
  return s("g", { class: `area bars ${kind}` }, s("path", { class: "fill", d: "M.5.5h15v11H.5z" }), s("path", { class: "pattern", d: "M.5.5h15v11H.5z", fill: `url(#pattern-${kind})` }), s("path", { class: "edge", d: "M.5.5h15v11H.5z" }));
}

// Since when services of it do not answer, as far as is known.
function absences(shared) {
  const environment = environments().find((one) => one.name === picked());
  const since = (environment?.services ?? []).map((service) => service.away_since).filter(Boolean).sort()[0];
  if (!since || state.link.kind !== "open") return [];
  return [[Date.parse(since) / 1000, shared.to]];
}

const SHOWN = new Set(["swap", "rollback", "deploy", "reload", "pause", "pause-writes", "maintenance", "upgrade", "sleep", "wake"]);

// Operations as lines: at the moment of the switch, or of their end.
function marks(shared) {
  const environment = picked();
  return operations()
    .filter((one) => !one.isPart && SHOWN.has(one.kind) && (one.environment === environment || !one.environment))
    .map((one) => ({ ...one, operation: one, at: Date.parse(one.switched ?? one.ended ?? one.began) / 1000 }))
    .filter((one) => one.at > shared.from && one.at <= shared.to)
    .slice(-60);
}

function chart(one, shared, width) {
  const { chart: known, from, to } = shared;
  const columns = one.columns(known ?? { track: {}, step: 1 });
  const steps = known?.track.steps ?? 0;
  const height = Math.round(one.height * (width > 900 ? 1.5 : 1));
  const name = `${one.name} ${picked()} ${state.picked.range}`;
  const largest = steps ? one.most(columns) : 0;
  const [floor, most] = one.floor ? decades(name, one.floor(columns), largest) : [undefined, top(name, largest, one.least)];
  const frame = new Frame({ width, height, from, to, most, floor, step: known?.step ?? 1, steps, end: known?.end ?? from });
  const at = step(shared);
  const none = known && steps > 0 && one.most(columns) === 0;
  const words = { requests: "no requests", latency: "no requests", errors: "no errors" };
  const gone = absences(shared);
  const drawn = s(
    "svg",
    { class: "plot", "data-key": one.name, viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${one.title}: ${summary(one, columns, at)}` },
    unknown(frame, one.tall ? (known ? "not known" : "waiting") : null),
    gone.map(([start, end]) => band(frame, "gone", start, end, one.tall ? "does not answer" : null)),
    grid(frame, one.label),
    s("svg", { class: "inner", width, height }, one.draw(frame, columns)),
    none && !gone.length && frame.first < width / 2 ? s("text", { class: "none", x: width / 2, y: height - 8 }, words[one.name]) : null,
    marks(shared).map((operation) => s("path", { class: `moment ${verdictOf(operation).sign}`, d: `M${frame.x(operation.at).toFixed(1)} 0V${height}` })),
    cursor === null ? null : s("path", { class: "cursor", d: `M${frame.x(cursor).toFixed(1)} 0V${height}` }),
  );
  return drawn;
}

function head(one, shared) {
  const columns = one.columns(shared.chart ?? { track: {}, step: 1 });
  const words = h("h3", {}, one.title, " ", h("small", {}, one.unit));
  return h("div", { class: "head", "data-key": `head ${one.name}` }, words, legend(one, columns, step(shared)));
}

function summary(one, columns, at) {
  if (at === null) return "nothing known of this moment";
  return one.series.map(([, word], index) => `${word} ${one.says(columns[index][at] ?? 0)}`).join(", ");
}

function axis(shared, width) {
  const ticks = (width < 520 ? NARROW_TICKS : TICKS)[state.picked.range];
  // On whole minutes or hours where the reader is.
  const zone = new Date(shared.to * 1000).getTimezoneOffset() * 60;
  const first = Math.ceil((shared.from - zone) / ticks) * ticks + zone;
  const labels = [];
  for (let at = first; at <= shared.to; at += ticks) {
    const x = ((at - shared.from) / shared.length) * width;
    if (x > 18 && x < width - 18) labels.push(s("text", { x: x.toFixed(1), y: 13 }, clock(at * 1000, false)));
  }
  return s("svg", { class: "axis", viewBox: `0 0 ${width} 18`, width, height: 18, "aria-hidden": "true", "data-key": "axis" }, labels);
}

// A button for each operation at the top of its line: it can be reached by key, and says who, what and how it ended.
function flags(shared, width) {
  const all = marks(shared);
  return h(
    "div",
    { class: "flags", "data-key": "flags" },
    all.map((one) => {
      const x = ((one.at - shared.from) / shared.length) * width;
      const verdict = verdictOf(one);
      const what = [title(one), one.version].filter(Boolean).join(" ");
      const said = [`${what} by ${one.user ?? "?"}`, `${verdict.word}, ${moment(new Date(one.at * 1000).toISOString())}`];
      const reason = one.last?.reason ?? null;
      const edge = x < 130 ? "start" : x > width - 130 ? "end" : "middle";
      return h(
        "button",
        { class: `flag ${verdict.sign}`, type: "button", style: null, "data-x": x.toFixed(1), "data-key": `f${one.number}`, "aria-label": [...said, reason].filter(Boolean).join(": ") },
        mark(verdict.sign),
        h("span", { class: `tip ${edge}`, "aria-hidden": "true" }, h("b", {}, said[0]), h("span", {}, said[1]), reason ? h("span", {}, reason) : null),
      );
    }),
  );
}

function frameHead(shared) {
  const all = environments();
  const { range } = state.picked;
  return h(
    "div",
    { class: "frame-head", "data-key": "head" },
    h("h2", { id: "charts-title" }, "Charts"),
    h(
      "label",
      { class: "pick" },
      h("span", { class: "spoken" }, "of environment"),
      h("select", { "data-environments": true }, all.map((one) => h("option", { value: one.name, selected: one.name === picked() }, one.name))),
    ),
    h("p", { class: "when" }, cursor === null ? (shared.chart ? `to ${clock(shared.to * 1000)}` : "") : clock(cursor * 1000)),
    h("div", { class: "ranges", role: "group", "aria-label": "How far back" }, Object.entries(RANGES).map(([name, [, word]]) => h("button", { type: "button", "data-range": name, "aria-pressed": String(name === range) }, word))),
  );
}

export function draw() {
  if (!state.status) return;
  const shared = time();
  const inside = place().querySelector(".plots");
  const width = Math.max(200, Math.floor(inside?.clientWidth ?? place().clientWidth - 80));
  const at = step(shared);
  const said = CHARTS.map((one) => `${one.title}: ${summary(one, one.columns(shared.chart ?? { track: {}, step: 1 }), at)}`).join("; ");
  const position = Math.round(cursor === null ? shared.length : cursor - shared.from);
  show(
    place(),
    patterns(),
    frameHead(shared),
    h(
      "div",
      { class: "stack", "data-key": "stack" },
      head(CHARTS[0], shared),
      flags(shared, width),
      h(
        "div",
        {
          class: "plots",
          tabindex: "0",
          role: "slider",
          "aria-label": "Moment in the charts",
          "aria-valuemin": "0",
          "aria-valuemax": String(shared.length),
          "aria-valuenow": String(Math.max(0, Math.min(shared.length, position))),
          "aria-valuetext": `${cursor === null ? "now" : clock(cursor * 1000)}: ${said}`,
          "data-key": "plots",
        },
        CHARTS.map((one, at) => [at ? head(one, shared) : null, chart(one, shared, width)]),
      ),
      axis(shared, width),
    ),
  );
  // Inline styles are forbidden by the page's own policy; the object model is not.
  for (const flag of place().querySelectorAll(".flag")) flag.style.setProperty("left", `${flag.dataset.x}px`);
}

function move(seconds) {
  const shared = time();
  cursor = seconds === null ? null : Math.max(shared.from, Math.min(shared.to, seconds));
  draw();
}

const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };

export function listen() {
  const charts = place();
  charts.addEventListener("pointermove", (event) => {
    const plots = charts.querySelector(".plots");
    if (!plots?.contains(event.target)) return;
    const box = plots.getBoundingClientRect();
    const shared = time();
    move(shared.from + ((event.clientX - box.left) / box.width) * shared.length);
  });
  charts.addEventListener("pointerleave", () => move(null));
  charts.addEventListener("keydown", (event) => {
    if (!event.target.matches(".plots")) return;
    const shared = time();
    const stepLength = shared.chart?.step ?? 1;
    const here = cursor ?? shared.to - stepLength / 2;
    if (event.key in KEYS) move(here + KEYS[event.key] * stepLength * (event.shiftKey ? 10 : 1));
    else if (event.key === "Home") move(shared.from + stepLength / 2);
    else if (event.key === "End" || event.key === "Escape") move(null);
    else return;
    event.preventDefault();
  });
  charts.addEventListener("focusout", (event) => event.target.matches(".plots") && move(null));
  new ResizeObserver(() => draw()).observe(charts);
}

