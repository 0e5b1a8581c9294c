// How an environment stands: the worst that can be said of it, in a word, and why. What is wrong with the app and what is wrong with
// the door are told apart.

import { operations } from "./operations.js";
import { minute } from "./state.js";
import { address, count } from "./words.js";

const sum = (column) => column.reduce((all, one) => all + one, 0);
const mean = (column) => (column.length ? sum(column) / column.length : 0);

// One second says little: what a card shows is of the last ten, errors of the last minute.
const LATELY = 10;
// This share of all requests of a minute is worth a sentence; fewer are seen in the figures.
const MUCH = 0.01;

// What it did lately. `known` says whether anything is known of the last minute.
export function lately(environment, service) {
  const track = minute(environment, service);
  if (!track || track.steps === 0) return { known: false, rate: 0, app: 0, proxy: 0, p50: 0, p95: 0, quiet: false, total: 0, requests: [] };
  const requests = track.blue.map((one, at) => one + track.green[at] + track.upstream[at]);
  const recent = requests.slice(-LATELY);
  // Weighed by how many requests each second had.
  const weighed = (column) => {
    const values = column.slice(-LATELY);
    const total = sum(recent.filter((_, at) => values[at] > 0));
    return total ? sum(values.map((value, at) => value * recent[at])) / total : 0;
  };
  return {
    known: true,
    rate: mean(recent),
    app: sum(track.app_errors),
    proxy: sum(track.proxy_errors),
    p50: weighed(track.p50_us),
    p95: weighed(track.p95_us),
    quiet: sum(requests) === 0,
    total: sum(requests),
    requests,
    since: track.steps,
  };
}

// Lowest first: what a reader should know before all else.
const RANK = ["bad", "look", "busy", "asleep", "quiet", "well"];
export const worse = (a, b) => RANK.indexOf(a) - RANK.indexOf(b);

const isAsleep = (environment) => environment.sleep && environment.sleep.state !== "awake";

const PAUSES = ["pause", "pause-writes"];
export const isPaused = (environment) => PAUSES.includes(environment.operation?.kind);

// Why a live instance is not well, in the words of its last probe.
function illness(service) {
  const ill = service.health.find((one) => one.healthy === false);
  if (!ill) return null;
  const last = ill.last ?? {};
  const reason = last.reason ?? (last.status ? `answers ${last.status}` : "it does not pass");
  return `${service.name} ${address(ill.address)}: ${reason}`;
}

const NAMES = { swap: "swap", rollback: "rollback", deploy: "deployment", reload: "reload", upgrade: "upgrade" };

export function standing(environment) {
  const found = [];
  // `joint` is what stands between the environment's name and the word in a sentence.
  const say = (level, joint, word, why, since) => found.push({ level, joint, word, why: why ?? null, since: since ?? null });
  const asleep = isAsleep(environment);
  if (asleep) {
    const words = { "falling-asleep": "falling asleep", asleep: "asleep", waking: "waking" };
    say("asleep", " is ", words[environment.sleep.state], environment.sleep.trouble, environment.sleep.since);
  } else {
    const away = environment.services.filter((service) => service.away_since);
    const why = environment.services.map(illness).filter(Boolean).join("; ");
    if (away.length && !isPaused(environment)) {
      const names = environment.services.length > 1 ? ` (${away.map((service) => service.name).join(", ")})` : "";
      say("bad", " ", `does not answer${names}`, why, away[0].away_since);
    } else if (why) {
      say("bad", " is ", "not healthy", why);
    }
  }
  const held = sum(environment.services.map((service) => service.held));
  if (isPaused(environment)) {
    const writes = environment.operation.kind === "pause-writes";
    say("look", writes ? ": " : " is ", writes ? "writes are paused" : "paused", count(held, "request waits", "requests wait"), environment.operation.since);
  } else if (environment.operation) {
    const { kind, step } = environment.operation;
    say("busy", ": ", `${NAMES[kind] ?? kind} under way`, `step ${step}`, environment.operation.since);
  } else {
    // An old side that drains does not hold its environment any more.
    const open = operations().find((one) => !one.ended && !one.isPart && one.environment === environment.name && one.kind in NAMES);
    if (open) say("busy", ": ", `${NAMES[open.kind]} under way`, "the old side drains", open.began);
  }
  if (environment.maintenance) {
    say("look", " is ", "under maintenance", environment.maintenance.message ?? "visitors get 503", environment.maintenance.since);
  }
  const { app, proxy, known, quiet, total } = lately(environment.name);
  const isMuch = (failed) => failed >= total * MUCH && failed > 0;
  if (isMuch(app)) say("look", ": ", "the app fails", `${count(app, "request", "requests")} in the last minute by the app's fault`);
  if (isMuch(proxy)) say("look", ": ", "the door fails", `${count(proxy, "request", "requests")} in the last minute by the proxy's own fault`);
  if (held && !isPaused(environment) && !asleep) say("look", ": ", "requests wait", count(held, "request is held", "requests are held"));
  if (!asleep && environment.services.some((service) => service.health.some((one) => (one.healthy ?? null) === null))) {
    say("look", " is ", "not asked yet");
  }
  if (known && quiet) say("quiet", ": ", "no traffic");
  say("well", " is ", "well");
  found.sort((a, b) => worse(a.level, b.level));
  return { ...found[0], all: found.filter((one) => one.level !== "well") };
}

const DAY = 86400000;

// The certificate that ends first, where that is a matter for today: within 14 days.
export function ending(certificates, moment) {
  const left = (one) => Date.parse(one.not_after) - moment;
  const soon = certificates.filter((one) => left(one) < 14 * DAY).sort((a, b) => left(a) - left(b));
  return soon.map((one) => ({ ...one, left: left(one), level: left(one) < 3 * DAY ? "bad" : "look" }));
}
