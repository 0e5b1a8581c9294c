// The daemon's words: server-sent events, and the series that are asked for. Decides when the daemon counts as away: when the
// connection is lost, or when nothing was heard of it for too long although it speaks every second.

import { MINUTE, changed, enter, picked, push, state, trackName, wholeTrack } from "./state.js";
import { follow } from "./words.js";

// Without a word for so long it is away, whatever the connection says.
const SILENCE = 5000;
// Between two tries to join it again.
const AGAIN = 1000;
const STEPS = { "10m": 600, "2h": 720, "24h": 1440 };

let source = null;
let last = 0;
let page = null;
let retry = null;

function heard(message) {
  last = performance.now();
  follow(message.time);
  state.heard = message.time;
  if (state.link.kind !== "open") {
    state.link = { kind: "open", since: Date.now() };
    ask();
  }
}

function lost() {
  if (state.link.kind === "open") {
    state.link = { kind: "away", since: Date.parse(state.heard) };
    changed();
  }
}

// Everything: at the beginning, and when some of it was missed.
function whole(message) {
  // Another version of this page is there: nothing of the old one would fit.
  if (page !== null && message.page !== page) return location.reload();
  page = message.page;
  heard(message);
  state.status = { ...message.head, environments: message.environments };
  state.certificates = message.certificates;
  state.requests = message.requests;
  state.entries = message.entries;
  state.progress = new Map(message.progress.map((one) => [one.operation, one]));
  state.at = message.at;
  state.minutes = new Map(message.minute.tracks.map((track) => [trackName(track), wholeTrack(track)]));
  state.chart = null;
  ask();
  changed();
}

// What is different since the second before.
function second(message) {
  heard(message);
  if (message.head) state.status = { ...message.head, environments: state.status.environments };
  if (message.names) {
    const known = new Map(state.status.environments.map((environment) => [environment.name, environment]));
    for (const environment of message.environments ?? []) known.set(environment.name, environment);
    state.status.environments = message.names.map((name) => known.get(name)).filter(Boolean);
  }
  if (message.certificates) state.certificates = message.certificates;
  if (message.requests) state.requests = message.requests;
  // The newest of the steps is the one of this message; those that are known already are not counted twice.
  message.steps.forEach((points, place) => step(points, message.at - message.steps.length + 1 + place, message.end));
  changed();
}

function step(points, at, end) {
  if (at <= state.at) return;
  state.at = at;
  for (const point of points) {
    const name = trackName(point);
    const track = state.minutes.get(name) ?? wholeTrack({ environment: point.environment, service: point.service, steps: 0 });
    push(track, point, MINUTE);
    state.minutes.set(name, track);
    const chart = state.chart;
    if (chart?.range === "10m" && chart.environment === point.environment && !point.service) {
      // The step may have been in the answer already.
      if (at <= chart.at) continue;
      push(chart.track, point, STEPS["10m"]);
      Object.assign(chart, { at, end });
    }
  }
}

function happened(message) {
  heard(message);
  if (message.entry) enter(message.entry);
  if (message.progress) state.progress.set(message.progress.operation, message.progress);
  changed();
}

function join() {
  source?.close();
  source = new EventSource("events");
  last = performance.now();
  const on = (name, reader) => source.addEventListener(name, (event) => reader(JSON.parse(event.data)));
  on("whole", whole);
  on("second", second);
  on("happening", happened);
  source.onerror = () => {
    lost();
    askWhy();
    // A daemon that restarts refuses for a moment: the browser's own pause is longer than that.
    source.close();
    clearTimeout(retry);
    retry = setTimeout(join, AGAIN);
  };
}

const WHY = { 401: "A password is asked for: load this page again", 429: "Too many wrong passwords were sent", 503: "As many look already as may" };

// A daemon that answers is not away: it says why it does not let this page in.
async function askWhy() {
  try {
    const { status } = await fetch("events", { cache: "no-store", method: "HEAD" });
    if (state.link.kind === "away") state.link.why = WHY[status] ?? null;
  } catch {
    if (state.link.kind === "away") state.link.why = null;
  }
  changed();
}

let asked = 0;

// The series of what is picked.
export async function ask() {
  const environment = picked();
  const { range } = state.picked;
  if (environment === null || state.link.kind !== "open") return;
  const number = ++asked;
  try {
    const answer = await fetch(`series?range=${range}&environment=${encodeURIComponent(environment)}`, { cache: "no-store" });
    if (!answer.ok) return;
    const series = await answer.json();
    // Who has picked another one meanwhile is not shown this one.
    if (number !== asked) return;
    const track = series.tracks.find((one) => one.environment === environment && !one.service);
    if (track) state.chart = { range, environment, step: series.step_s, at: series.at, end: series.end, track: wholeTrack(track) };
    changed();
  } catch {
    // The daemon is away: the stream says so, and asks again when it is back.
  }
}

export function pick(what) {
  Object.assign(state.picked, what);
  state.chart = null;
  ask();
  changed();
}

export function start() {
  join();
  setInterval(() => {
    if (performance.now() - last > SILENCE) {
      lost();
      clearTimeout(retry);
      join();
    }
    // Ages grow also while nothing is said.
    changed();
  }, 1000);
  setInterval(() => state.picked.range !== "10m" && ask(), 10000);
}
