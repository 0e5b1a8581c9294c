// Certificates, and the slowest and the failed requests of the last hour.

import { h, mark, show, side } from "./element.js";
import { state } from "./state.js";
import { count, latency, moment, now, period } from "./words.js";

const DAY = 86400000;

function level(certificate) {
  const left = Date.parse(certificate.not_after) - now();
  if (left < 3 * DAY || (certificate.error && left < 14 * DAY)) return "bad";
  if (left < 14 * DAY || certificate.error || certificate.note) return "look";
  return "well";
}

function certificate(one) {
  const left = Date.parse(one.not_after) - now();
  const kind = level(one);
  const ends = left > 0 ? `ends in ${period(left)}` : "is over";
  const wrong = [one.error, one.note, one.unsaved].filter(Boolean);
  const next = one.running ? "an attempt is under way" : one.next ? `next attempt ${moment(one.next)}` : one.why;
  return h(
    "li",
    { "data-key": one.host, class: kind },
    h("span", { class: "host" }, one.host),
    h("span", { class: `standing ${kind}` }, mark(kind), ends),
    h("span", { class: "issuer" }, `${one.issuer}${next ? ` · ${next}` : ""}`),
    wrong.map((text) => h("span", { class: "wrong" }, text)),
  );
}

function certificates() {
  const place = document.getElementById("certificates");
  const sorted = [...state.certificates].sort((a, b) => (a.not_after < b.not_after ? -1 : 1));
  if (!sorted.length) return show(place, h("p", { class: "empty" }, "No host is served over TLS."));
  show(place, h("ul", { class: "certs" }, sorted.map(certificate)));
}

// Of an answer that was sent to its end the status is all there is to say.
const why = (one) => (one.termination === "done" ? `answered ${one.status}` : [one.termination.replace(/^\w+: /, ""), one.reason].filter(Boolean).join(", "));

const FAULTS = { app: "the app", proxy: "the door", client: "the client" };

function request(one) {
  const failed = Boolean(one.fault);
  return h(
    "tr",
    { role: "row", "data-key": `${one.time}${one.request_id}` },
    h("td", { role: "cell", class: "time" }, h("time", { datetime: one.time }, moment(one.time))),
    h("td", { role: "cell", class: "status" }, h("span", { class: one.status >= 500 ? "status bad" : "status" }, one.status ? String(one.status) : "–")),
    h("td", { role: "cell", class: "path" }, h("b", {}, one.method), " ", h("span", { title: one.path }, one.path)),
    h("td", { role: "cell", class: "where" }, one.environment ? [one.environment, " "] : null, one.slot ? side(one.slot) : null),
    h("td", { role: "cell", class: "duration" }, latency(one.first_byte_us ?? one.duration_us)),
    h("td", { role: "cell", class: failed ? "why" : "why fine" }, failed ? [h("b", {}, FAULTS[one.fault] ?? one.fault), `: ${why(one)}`] : "served"),
    h("td", { role: "cell", class: "id" }, h("code", {}, one.request_id ?? "")),
  );
}

function table(name, list, none) {
  if (!list.length) return h("div", {}, h("h3", {}, name), h("p", { class: "empty" }, none));
  return h(
    "div",
    {},
    h("h3", {}, name),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
      h(
        "table",
        { role: "table" },
        h("thead", {}, h("tr", {}, ["when", "status", "request", "where", "answer after", "who failed, and why", "request id"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, list.map(request)),
      ),
    ),
  );
}

function requests() {
  const { failed = [], slowest = [], left_out: leftOut = 0 } = state.requests;
  show(
    document.getElementById("requests"),
    table("Failed", failed, "No request has failed in the last hour."),
    leftOut ? h("p", { class: "empty" }, `${count(leftOut, "further one was", "further ones were")} not kept.`) : null,
    table("Slowest", slowest, "No request was served in the last hour."),
  );
}

export function draw() {
  if (!state.status) return;
  certificates();
  requests();
}
