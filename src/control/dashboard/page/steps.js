// The steps of an operation in the words of `proxyctl`, each with the evidence that it was decided by. An operation in, rows out.

import { h, mark, side } from "./element.js";
import { state } from "./state.js";
import { address, addresses, bytes, count, latency, period, thousands } from "./words.js";

const row = (kind, name, text, more) => ({ kind, name, text, more: more ?? null });

// `web 200 in 8 ms (3/3)`, or why it is no pass.
function probe(report) {
  const { last, passes, needed } = report;
  const answer = last.status ? `${last.status} in ${latency(last.latency_us)}` : null;
  const why = last.passed ? null : last.reason ?? "it did not pass";
  return `${last.service} ${[answer, why].filter(Boolean).join(", ")} (${passes}/${needed})`;
}

// What the app itself says, where it does not pass.
function words(reports) {
  const said = reports.filter((report) => !report.last.passed && report.last.body);
  if (!said.length) return null;
  return h(
    "div",
    { class: "evidence" },
    said.map((report) => h("figure", {}, h("figcaption", {}, `${report.last.service} ${address(report.last.address)} says`), h("blockquote", {}, report.last.body))),
  );
}

function served(traffic) {
  const parts = [count(traffic.requests, "request", "requests")];
  parts.push(`${thousands(traffic.app_errors)} failed by the app`, `${thousands(traffic.proxy_errors)} by the door`);
  if (traffic.p50_us !== undefined && traffic.p95_us !== undefined) parts.push(`p50 ${latency(traffic.p50_us)}, p95 ${latency(traffic.p95_us)}`);
  return parts.join(", ");
}

const check = (one) => `${one.target} ${one.status ?? "no answer"}${one.version ? `, version ${one.version}` : ""}`;
const look = (good) => (good ? "well" : "look");

function drained({ finished, ended, cut, elapsed_ms: elapsed }) {
  const parts = [
    finished ? `${count(finished, "request", "requests")} finished` : null,
    ended ? `${count(ended, "stream", "streams")} ended` : null,
    cut ? `${thousands(cut)} cut` : null,
  ].filter(Boolean);
  return `${parts.join(", ") || "nothing was under way"} after ${period(elapsed)}`;
}

function command(event) {
  const place = [event.service, event.slot].filter(Boolean).join(" ");
  return `${place ? `${place}: ` : ""}${event.command.join(" ")}`;
}

function commandEnded(event) {
  const took = period(event.elapsed_ms);
  const how = event.error ?? (event.exit === 0 ? `in ${took}` : event.signal ? `was killed by signal ${event.signal} after ${took}` : `exited with ${event.exit} after ${took}`);
  const stops = event.step === "start" || event.step === "before";
  return row(event.exit === 0 ? "well" : stops ? "bad" : "look", event.step, `${command(event)} ${how}`);
}

// What serves on, and whether it is well.
function stays({ live, health }) {
  if (!live) return null;
  const ill = (health ?? []).find((one) => one.healthy === false);
  const well = !health?.length ? "" : ill ? `, and is not healthy${ill.last?.reason ? ` (${ill.last.reason})` : ""}` : ", and is healthy";
  return row(ill ? "bad" : "well", "live", [side(live), ` stays live${well}`]);
}

const refusal = (event) => [
  row("bad", "refused", event.reason, [words(event.evidence ?? []), event.hint ? h("p", { class: "hint" }, event.hint) : null]),
  stays(event),
];

const ROWS = {
  warning: (event) => [row("look", "warning", event.message)],
  gated: (event) => [row("well", "gate", `${event.instances.map(probe).join(" · ")}${event.version ? ` · version ${event.version}` : ""}`)],
  required: (event) => {
    const parts = [event.healthy ? `${event.healthy} is healthy` : null, event.parity ? `nothing differs from ${event.parity}` : null];
    return [row("well", "require", parts.filter(Boolean).join(", "))];
  },
  differs: (event) => [row("bad", "differs", `${count(event.differences.length, "difference", "differences")} from ${event.other}: ${event.differences.slice(0, 4).map((one) => one.key).join(", ")}`)],
  warmed: (event) => [row(look(event.failed === 0), "warm-up", `${count(event.requests, "request", "requests")}${event.failed ? `, ${event.failed} failed` : ""} in ${period(event.elapsed_ms)}`)],
  switched: (event) => [row("well", "switch", `generation ${event.generation}, ${event.services.join(", ")}${event.durability_uncertain ? "; durability uncertain" : ""}`)],
  verified: (event) => [row("well", "verify", event.checks.map(check).join(" · "))],
  baked: (event) => [row(look(event.traffic.proxy_errors === 0), "bake", `${period(event.elapsed_ms)}: ${served(event.traffic)}`)],
  drained: (event) => [row(look(event.cut === 0), "drain", drained(event))],
  kept: (event) => [row("well", "keep", `${count(event.files, "file", "files")} of the old side, ${bytes(event.bytes)}`)],
  done: (event) => [
    event.traffic.requests ? row("well", "served", `${served(event.traffic)} since the switch`) : null,
    event.safe_to_stop.length ? row("well", "safe", `to stop: ${event.safe_to_stop.map((one) => `${one.service} ${addresses(one.addresses)}`).join(", ")}`) : null,
  ],
  passed: () => [row("well", "gate", "only the gate was asked for; nothing was switched")],
  refused: refusal,
  "rolled-back": (event) => [row("back", "back", `${event.reason}: ${event.live} serves again`)],
  failed: (event) => [row("bad", "failed", `${event.reason}${event.live ? `; ${event.live} is live` : ""}`)],
  torn: () => [row("bad", "torn", "the process ended before the operation did; what is live is what the state file says")],
  invalid: (event) => [row("bad", "invalid", `${count(event.errors, "error", "errors")} in the file`, h("div", { class: "report" }, event.report.split("\n").map((line) => h("code", {}, line || " "))))],
  reloading: (event) => [row("well", "differs", event.changes.length ? event.changes.map(change).join("; ") : "nothing")],
  reloaded: (event) => [row("well", "served", count(event.changes, "change", "changes"))],
  pausing: (event) => [row("well", "hold", `${event.writes ? "requests that write wait" : "requests wait"}, for ${period(event.limit_ms)} at most`)],
  paused: (event) => [row("well", "paused", `the app holds nothing any more, after ${period(event.elapsed_ms)}`)],
  resumed: (event) => [row("well", "resumed", `${event.reason ? `${event.reason}, ` : ""}after ${period(event.elapsed_ms)}`)],
  lapsed: (event) => [row("bad", "lapsed", event.reason, words(event.evidence ?? []))],
  upgraded: (event) => [row("well", "upgrade", `${event.before} → ${event.version} in ${period(event.elapsed_ms)}`)],
  "command-ended": (event) => [commandEnded(event)],
  released: (event) => (event.reason ? [row(event.outcome === "done" ? "well" : "bad", "deploy", event.reason)] : []),
  abandoned: (event) => [row("bad", "deploy", `its client went away at: ${event.step}`)],
  asleep: (event) => [row("well", "asleep", `after ${period(event.elapsed_ms)}`)],
  awake: (event) => [row("well", "awake", `after ${period(event.elapsed_ms)}`)],
};

function change(one) {
  const name = `${one.section}${one.name ? `/${one.name}` : ""} ${one.kind}`;
  const values = (one.values ?? []).slice(0, 3).map((value) => `${value.key} ${value.from ?? "none"} → ${value.to ?? "none"}`);
  return values.length ? `${name}: ${values.join(", ")}` : name;
}

// How far the running step is.
function running(operation) {
  const progress = state.progress.get(operation.number)?.progress;
  switch (progress?.event) {
    case "gating":
      return [row("busy", "gate", `${progress.instances.map(probe).join(" · ")} · ${period(progress.elapsed_ms)}`, words(progress.instances))];
    case "baking":
      return [row("busy", "bake", `${period(progress.left_ms)} left: ${served(progress.traffic)}`)];
    case "draining": {
      const left = `${count(progress.requests, "request", "requests")} and ${count(progress.streams, "stream", "streams")} to go`;
      return [row("busy", "drain", `${left} · ${period(progress.elapsed_ms)}`)];
    }
    case "queued":
      return [row("busy", "wait", `behind ${progress.behind.kind} ${progress.behind.operation} by ${progress.behind.user}`)];
    default:
      return [];
  }
}

// What a swap does in any case: shown from its beginning, so that nothing moves when it comes.
const USUAL = ["gate", "switch", "verify", "drain"];
const SWITCHES = new Set(["swap", "rollback"]);

function own(operation) {
  const events = [...operation.events];
  if (operation.last?.event === "torn") events.push(operation.last);
  const told = events.map((event) => ({ time: event.time, rows: (ROWS[event.event]?.(event) ?? []).filter(Boolean) }));
  if (operation.ended) return told;
  const open = operation.events.filter((event) => event.event === "command-begun");
  const closed = operation.events.filter((event) => event.event === "command-ended");
  const command_ = open.length > closed.length ? open[open.length - 1] : null;
  const now = running(operation);
  if (command_) now.push(row("busy", command_.step, command(command_)));
  return [...told, { time: "~", rows: now }];
}

// All rows in the order in which they came; those of a deployment's swap among its own.
export function rows(operation) {
  const told = [operation, ...operation.parts].flatMap(own);
  told.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  const all = told.flatMap((one) => one.rows);
  // An old side may be empty before the new one is verified; it is told in the order of the steps.
  const drain = all.findIndex((one) => one.name === "drain");
  const verify = all.findIndex((one) => one.name === "verify");
  if (drain >= 0 && drain < verify) all.splice(verify, 0, ...all.splice(drain, 1));
  const switches = SWITCHES.has(operation.kind) || operation.parts.length;
  if (switches && !operation.ended) {
    const there = new Set(all.map((one) => one.name));
    const latest = Math.max(-1, ...USUAL.map((name, at) => (there.has(name) ? at : -1)));
    for (const name of USUAL.slice(latest + 1)) all.push(row("pending", name, "not yet"));
  }
  return all;
}

export const drawRows = (all) =>
  h(
    "ol",
    { class: "steps" },
    all.map((one) => h("li", { class: one.kind }, mark(one.kind), h("span", { class: "name" }, one.name), h("div", { class: "text" }, one.text, one.more))),
  );

// `web blue :3000 → green :3001`
export const moves = (operation) =>
  (operation.moves ?? operation.parts.find((part) => part.moves)?.moves ?? []).map((move) =>
    h("span", { class: "move" }, h("b", {}, move.service), " ", side(move.from.slot, addresses(move.from.addresses)), " → ", side(move.to.slot, addresses(move.to.addresses))),
  );
