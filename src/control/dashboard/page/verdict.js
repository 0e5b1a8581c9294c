// The answer for who looks for ten seconds: one sentence, what else should be known, and the same in the title and the icon of the tab.

import { h, mark, show, side } from "./element.js";
import { lastEnded, verdictOf } from "./operations.js";
import { ending, standing, worse } from "./standing.js";
import { environments, state } from "./state.js";
import { age, bytes, clock, count, list, now, period } from "./words.js";

function lastChange() {
  const last = lastEnded();
  if (!last) return null;
  const version = last.version ? [" ", h("code", {}, last.version)] : null;
  const where = last.environment ? [" of ", last.environment] : null;
  return ["Last change: ", last.kind, where, version, " by ", last.user ?? "nobody known", ", ", verdictOf(last).word, " ", age(last.ended), " ago."];
}
function sentence(all) {
  const standings = all.map((environment) => ({ environment, ...standing(environment) }));
  const sorted = [...standings].sort((a, b) => worse(a.level, b.level));
  const worst = sorted[0];
  if (!worst) return { level: "quiet", head: "Nothing is served yet", title: "greengate" };
  const same = sorted.filter((one) => one.level === worst.level);
  if (["bad", "look", "busy"].includes(worst.level)) {
    const others = same.length - 1;
    const said = `${worst.environment.name}${worst.joint}${worst.word}`;
    const more = others ? `; ${count(others, "other needs", "others need")} a look` : "";
    return { level: worst.level, head: `${said}${worst.level === "busy" ? "" : more}`, title: said, why: worst.why };
  }
  const prod = all[0];
  const live = prod.live ? `${prod.name} is on ${prod.live}` : `${prod.name} serves`;
  return { level: "well", head: "All is well", title: live };
}

// What no card has room for.
function remarks() {
  const { status } = state;
  const told = (status.warnings ?? []).map((text) => ({ level: "look", text }));
  const configuration = status.configuration ?? {};
  if (configuration.differs) told.push({ level: "look", text: configuration.differs });
  if (configuration.restart?.length) {
    told.push({ level: "look", text: `takes effect at the next restart: ${list(configuration.restart)}` });
  }
  const known = told.map((one) => one.text).join("\n");
  for (const one of ending(state.certificates, now())) {
    if (known.includes(one.host)) continue;
    const text = one.left > 0 ? `the certificate of ${one.host} ends in ${period(one.left)}` : `the certificate of ${one.host} is over`;
    told.push({ level: one.level, text });
  }
  if (status.earlier?.length) {
    told.push({ level: "busy", text: `${count(status.earlier.length, "earlier process drains", "earlier processes drain")}` });
  }
  return told;
}

const ICONS = { bad: "icon-bad.svg", look: "icon-look.svg", busy: "icon-busy.svg", away: "icon-away.svg" };
const SIGNS = { bad: "✗ ", look: "! ", busy: "→ ", well: "✓ ", away: "? ", quiet: "" };

function tab(level, text) {
  const title = `${SIGNS[level] ?? ""}${text} · greengate`;
  if (document.title !== title) document.title = title;
  const icon = document.getElementById("icon");
  const href = ICONS[level] ?? "icon-well.svg";
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}

function link() {
  const { kind, since } = state.link;
  document.documentElement.setAttribute("data-link", kind);
  const place = document.getElementById("link");
  if (kind === "open") return show(place, h("span", { class: "dot" }), "live");
  if (kind === "away") return show(place, h("span", { class: "dot" }), `the daemon is away since ${clock(since)}`);
  return show(place, h("span", { class: "dot" }), "connecting");
}

function daemon() {
  const { status } = state;
  const parts = [
    `proxyd ${status.version}`,
    state.link.kind === "open" ? `up ${age(status.started)}` : null,
    state.link.kind === "open" ? count(status.connections, "connection", "connections") : null,
    state.link.kind === "open" ? bytes(status.resident_bytes) : null,
  ];
  show(document.getElementById("daemon"), parts.filter(Boolean).map((part) => h("span", {}, part)));
}

export function draw() {
  link();
  const place = document.getElementById("verdict");
  if (!state.status) {
    tab("away", "connecting");
    return show(place, h("h1", {}, "Waiting for the daemon"), h("p", { class: "lead" }, "Nothing is known yet."));
  }
  daemon();
  const all = environments();
  if (state.link.kind === "away") {
    const { why } = state.link;
    tab("away", why ? "not let in" : "the daemon is away");
    const text = `${why ? `${why}. ` : ""}Nothing was heard since ${clock(state.link.since)}. What is below is from then; this page joins again by itself.`;
    return show(place, h("h1", {}, mark("bad"), why ? "The daemon does not let you in" : "The daemon is away"), h("p", { class: "lead" }, text));
  }
  const { level, head, title, why } = sentence(all);
  const told = remarks();
  const worst = told.some((one) => one.level === "bad") && level !== "bad" ? "look" : level;
  tab(worst === "well" && told.some((one) => one.level === "look") ? "look" : worst, title);
  const prod = all[0];
  const on = prod?.live
    ? h("span", {}, h("b", {}, prod.name), " is on ", side(prod.live), version(prod) ? [", ", h("code", {}, version(prod))] : null, ". ")
    : null;
  const change = lastChange();
  show(
    place,
    h("h1", { class: level }, mark(level), level === "well" && told.length ? "Every app is well" : head),
    h("p", { class: "lead" }, why && level !== "busy" ? h("span", { class: "why" }, `${why}.`) : null, on, change ? h("span", {}, change) : null),
    told.length ? h("ul", { class: "told" }, told.map((one) => h("li", { class: one.level }, mark(one.level), h("span", {}, one.text)))) : null,
  );
}

// What the live side calls itself, or what was deployed to it.
export function version(environment) {
  const probed = environment.services.flatMap((service) => service.health.map((one) => one.last?.version)).find(Boolean);
  return probed ?? environment.deployed?.[environment.live]?.version ?? null;
}
