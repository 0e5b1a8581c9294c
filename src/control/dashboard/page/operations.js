// Operations, as the journal and the live events tell them: who asked, what was seen at each step, how it ended.

import { state } from "./state.js";

// How an operation ended, by its last step: a sign and a word.
const ENDED = {
  done: ["well", "done"],
  passed: ["well", "gate passed"],
  planned: ["quiet", "planned"],
  refused: ["bad", "refused"],
  failed: ["bad", "failed"],
  "rolled-back": ["back", "rolled back"],
  resumed: ["well", "resumed"],
  lapsed: ["bad", "took too long"],
  maintained: ["well", "done"],
  reloaded: ["well", "done"],
  invalid: ["bad", "refused"],
  upgraded: ["well", "done"],
  abandoned: ["bad", "abandoned"],
  opened: ["well", "opened"],
  closed: ["well", "closed"],
  asleep: ["well", "asleep"],
  awake: ["well", "awake"],
  torn: ["bad", "broken off"],
};
const OUTCOMES = {
  done: ["well", "done"],
  refused: ["bad", "refused"],
  "rolled-back": ["back", "rolled back"],
  failed: ["bad", "failed"],
  interrupted: ["bad", "interrupted"],
};

export function verdictOf(operation) {
  const { last } = operation;
  // How far it is while nothing is heard is not known.
  if (!operation.ended && state.link.kind === "away") return { sign: "look", word: "not known" };
  if (!operation.ended) return { sign: "busy", word: "under way" };
  const [sign, word] = (last?.event === "released" ? OUTCOMES[last.outcome] : ENDED[last?.event]) ?? ["look", "ended"];
  return { sign, word };
}

function take(operation, entry) {
  if (entry.record === "asked") {
    operation.kind = entry.kind;
    operation.user = entry.caller.user;
    operation.within = entry.within ?? null;
    operation.began = entry.time;
    return;
  }
  operation.began ??= entry.time;
  if (entry.record === "torn") {
    operation.kind ??= entry.kind;
    operation.last = { event: "torn" };
    operation.ended = entry.time;
    return;
  }
  const { event } = entry;
  operation.events.push({ time: entry.time, ...event });
  operation.kind ??= KINDS[event.event] ?? event.kind ?? null;
  operation.version = event.version ?? versionOf(event) ?? operation.version;
  if (event.event === "plan") operation.moves = event.moves;
  if (event.event === "switched") operation.switched = entry.time;
  if (event.event === "maintained") operation.on = Boolean(event.on);
  if (event.event in ENDED || event.event === "released") {
    operation.last = event;
    operation.ended = entry.time;
  }
}
const KINDS = { reloading: "reload", upgrading: "upgrade", pausing: "pause" };

function versionOf(event) {
  if (event.event === "verified") return event.checks.map((check) => check.version).find(Boolean);
  return null;
}

let known = { entries: null, length: 0, last: null, operations: [] };

// All that are known, in the order in which they began; steps of a deployment's own swap are within it.
export function operations() {
  const { entries } = state;
  const last = entries[entries.length - 1];
  if (known.entries === entries && known.length === entries.length && known.last === last) return known.operations;
  const found = new Map();
  for (const entry of entries) {
    if (entry.operation === undefined || entry.operation === null) continue;
    // A preview's own end comes hours after the preview was opened.
    if (entry.record === "step" && entry.event.event === "over") continue;
    let operation = found.get(entry.operation);
    if (!operation) {
      operation = { number: entry.operation, environment: entry.environment ?? null, events: [], parts: [], user: null, version: null };
      found.set(entry.operation, operation);
    }
    take(operation, entry);
  }
  const all = [...found.values()].filter((operation) => operation.kind);
  for (const operation of all) {
    const whole = operation.within && found.get(operation.within);
    if (!whole) continue;
    whole.parts.push(operation);
    whole.version ??= operation.version;
    whole.switched ??= operation.switched;
    operation.isPart = true;
  }
  known = { entries, length: entries.length, last, operations: all };
  return all;
}

// What a reader calls an operation.
export function title(operation) {
  const names = { "pause-writes": "pause of writes" };
  const kind = names[operation.kind] ?? operation.kind;
  if (operation.kind === "maintenance") return operation.on ? "maintenance on" : "maintenance off";
  return kind;
}

// Started and stopped processes stand in the history, too.
export function lives() {
  return state.entries
    .filter((entry) => entry.record === "started" || entry.record === "stopped")
    .map((entry) => ({ time: entry.time, word: entry.record, pid: entry.pid, version: entry.version ?? null }));
}

// What is under way; or what ended last.
export function newest() {
  const all = operations().filter((one) => !one.isPart);
  const running = all.filter((one) => !one.ended);
  if (running.length) return running.slice(-3);
  const last = lastEnded();
  return last ? [last] : [];
}

// What ended last: a swap, a rollback or a deployment before all else.
export function lastEnded() {
  const ended = operations().filter((one) => !one.isPart && one.ended);
  const moved = ended.filter((one) => MOVES.has(one.kind));
  return (moved.length ? moved : ended).pop() ?? null;
}
const MOVES = new Set(["swap", "rollback", "deploy"]);
