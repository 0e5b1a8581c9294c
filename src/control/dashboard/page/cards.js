// A card for each environment: what is live, how it does, what still drains. Prod is first and has a plate of ink; the others have an
// outlined one.

import { h, mark, s, show, side } from "./element.js";
import { isPaused, lately, standing } from "./standing.js";
import { environments, picked, state } from "./state.js";
import { version } from "./verdict.js";
import { addresses, age, clock, count, latency, short } from "./words.js";

// Sixty seconds of requests, each a bar.
function sparkline(requests) {
  const most = Math.max(1, ...requests);
  const bars = requests.map((value, at) => {
    const height = value ? Math.max(1, (value / most) * 22) : 0;
    return `M${60 - requests.length + at + 0.5} 24v-${height.toFixed(1)}`;
  });
  return s(
    "svg",
    { class: "spark", viewBox: "0 0 60 24", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("path", { class: "base", d: "M0 23.75h60" }),
    s("path", { class: "bars", d: bars.join("") || "M0 0" }),
  );
}

function figure(name, value, more, loud) {
  return h("div", { class: loud ? `figure ${loud}` : "figure" }, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, more) : null));
}

const sum = (list, value) => list.reduce((all, one) => all + value(one), 0);

function figures(environment, isSmall) {
  const { services } = environment;
  const done = lately(environment.name);
  const none = "–";
  const stale = state.link.kind !== "open";
  const live = (value) => (stale ? none : value);
  const total = (name) => sum(services, (service) => service.traffic[name]);
  const errors = (lasting, all) => [live(done.known ? short(lasting) : none), all ? `${short(all)} in all` : null, lasting && !stale ? "bad" : null];
  const speed = (value) => {
    if (!value || stale) return none;
    const [number, unit] = latency(Math.round(value)).split(" ");
    return [number, h("span", { class: "unit" }, ` ${unit}`)];
  };
  return h(
    "dl",
    { class: "figures" },
    h(
      "div",
      { class: "figure rate" },
      h("dt", {}, isSmall ? "req/s" : "requests/s"),
      h("dd", {}, live(done.known ? short(done.rate) : none)),
      h("dd", { class: "spark-place" }, sparkline(done.requests)),
    ),
    figure("p50", speed(done.p50)),
    figure("p95", speed(done.p95)),
    figure("in flight", live(short(sum(services, (service) => service.requests + service.streams)))),
    figure(isSmall ? "5xx app" : "5xx by app", ...errors(done.app, total("app_errors"))),
    figure(isSmall ? "5xx door" : "5xx by door", ...errors(done.proxy, total("proxy_errors"))),
    figure("held", live(short(sum(services, (service) => service.held))), null, sum(services, (service) => service.held) && !stale ? "look" : null),
    figure(isSmall ? "sockets" : "WebSockets", live(short(sum(services, (service) => service.web_sockets)))),
  );
}

function health(service) {
  if (state.link.kind !== "open") return h("span", { class: "health" }, "not known");
  const worst = [...service.health].sort((a, b) => rank(a) - rank(b))[0];
  if (!worst) return h("span", { class: "health" }, mark("look"), "unknown");
  const words = { true: "healthy", false: "not healthy" };
  const kinds = { true: "well", false: "bad" };
  const key = String(worst.healthy ?? "unknown");
  return h("span", { class: `health ${kinds[key] ?? "look"}` }, mark(kinds[key] ?? "look"), words[key] ?? "not asked yet");
}
const rank = (one) => (one.healthy === false ? 0 : (one.healthy ?? null) === null ? 1 : 2);

// Where each service runs, and whether it is well there.
function services(environment) {
  return h(
    "ul",
    { class: "services" },
    environment.services.map((service) =>
      h(
        "li",
        { "data-key": service.name },
        h("span", { class: "service", title: service.routes.join(", ") }, service.routes.length ? service.routes[0] : service.name),
        h("span", { class: "address" }, side(service.live.slot, addresses(service.live.addresses))),
        environment.sleep && environment.sleep.state !== "awake" ? h("span", { class: "health" }, mark("asleep"), "not asked") : health(service),
      ),
    ),
  );
}

function note(level, key, ...text) {
  return h("li", { class: `note ${level}`, "data-key": key }, mark(level), h("span", {}, text));
}

// What cannot be seen from the figures.
function notes(environment, stands) {
  const told = [];
  for (const one of stands.all) {
    // The head of the card has the first one, and the figures have their own colour.
    const isFirst = one === stands.all[0];
    if (one.level === "quiet" || one.level === "busy" || FIGURES.has(one.word) || (isFirst && !one.why)) continue;
    const since = one.since ? ` for ${age(one.since)}` : "";
    told.push(note(one.level, one.word, isFirst ? null : [h("b", {}, one.word, since), one.why ? ": " : null], one.why));
  }
  const holder = environment.operation;
  if (holder && !isPaused(environment)) {
    told.push(note("busy", "holder", h("b", {}, `${holder.kind} ${holder.operation || ""}`.trim()), ` by ${holder.user} for ${age(holder.since)}, step ${holder.step}`));
  }
  for (const waits of environment.waiting ?? []) {
    const what = waits.version ? ` of ${waits.version}` : "";
    told.push(note("quiet", `waits ${waits.operation}`, `${waits.kind}${what} by ${waits.user} waits for its turn for ${age(waits.since)}`));
  }
  for (const drain of environment.draining ?? []) {
    const waits = [
      drain.requests ? count(drain.requests, "request", "requests") : null,
      drain.streams ? count(drain.streams, "stream", "streams") : null,
    ];
    const left = waits.filter(Boolean).join(" and ") || "its last word";
    told.push(note("busy", `drains ${drain.service} ${drain.slot}`, h("b", {}, side(drain.slot), " drains"), `: ${drain.service} ${addresses(drain.addresses)} waits for ${left}`));
  }
  for (const preview of environment.previews ?? []) {
    told.push(note("quiet", `preview ${preview.operation}`, h("b", {}, "preview of ", side(preview.slot)), ` by ${preview.user}, open until ${clock(Date.parse(preview.until), false)}`));
  }
  return told.length ? h("ul", { class: "notes" }, told) : null;
}

const FIGURES = new Set(["the app fails", "the door fails", "requests wait"]);

function times(environment) {
  const called = version(environment);
  const isKnown = state.link.kind === "open";
  const parts = [
    called ? h("code", { class: "version" }, called) : null,
    isKnown && h("span", {}, `live for ${age(environment.since)}`),
    isKnown && environment.healthy_since ? h("span", {}, `healthy for ${age(environment.healthy_since)}`) : null,
  ];
  return h("p", { class: "times" }, parts.filter(Boolean).map((part) => [part]));
}

// Where there are many, those that are well are shown in less room.
const MANY = 5;

function card(environment, place, all) {
  const stands = standing(environment);
  const stale = state.link.kind !== "open";
  const chosen = picked() === environment.name;
  const since = stands.since ? ` for ${age(stands.since)}` : "";
  const classes = ["card", stands.level, environment.isProd ? "prod" : "other", chosen ? "chosen" : ""];
  const isSmall = all.length > MANY && !environment.isProd;
  if (isSmall) classes.push("small");
  return h(
    "article",
    { class: classes.filter(Boolean).join(" "), "data-key": environment.name, "aria-label": environment.name },
    h(
      "header",
      {},
      h(
        "h3",
        {},
        h(
          "button",
          { class: "plate", type: "button", "data-pick": environment.name, "aria-pressed": String(chosen), title: `show the charts of ${environment.name}` },
          environment.name,
        ),
      ),
      environment.live ? h("p", { class: "live" }, side(environment.live)) : h("p", { class: "live plain" }, "one side"),
      stale
        ? h("p", { class: "standing away" }, mark("look"), `as of ${clock(state.link.since)}`)
        : h("p", { class: `standing ${stands.level}` }, mark(stands.level), `${stands.word}${since}`),
    ),
    times(environment),
    figures(environment, isSmall),
    services(environment),
    stale ? null : notes(environment, stands),
  );
}

export function draw() {
  const place = document.getElementById("cards");
  if (!state.status) return;
  show(place, environments().map(card));
}

