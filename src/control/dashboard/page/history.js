// What was done, by whom, and what became of it; each line opens to its steps.

import { h, mark, show } from "./element.js";
import { lives, operations, title, verdictOf } from "./operations.js";
import { drawRows, moves, rows } from "./steps.js";
import { state } from "./state.js";
import { moment, period } from "./words.js";

// So many are shown; `proxyctl history` has them all.
const SHOWN = 40;

function line(operation) {
  const verdict = verdictOf(operation);
  const took = operation.ended ? period(Date.parse(operation.ended) - Date.parse(operation.began)) : "";
  const steps = rows(operation);
  return h(
    "li",
    { "data-key": `o${operation.number}` },
    h(
      "details",
      {},
      h(
        "summary",
        {},
        h("time", { datetime: operation.began }, moment(operation.began)),
        h("span", { class: "what" }, operation.environment ? [h("b", {}, operation.environment), " "] : null, title(operation), operation.version ? [" ", h("code", {}, operation.version)] : null),
        h("span", { class: `standing ${verdict.sign}` }, mark(verdict.sign), verdict.word),
        h("span", { class: "who" }, operation.user ?? ""),
        h("span", { class: "took" }, took),
      ),
      h("p", { class: "moves" }, moves(operation)),
      steps.length ? drawRows(steps) : h("p", { class: "empty" }, "No step was recorded."),
    ),
  );
}

function life(one) {
  const text = one.word === "started" ? `proxyd ${one.version ?? ""} started` : "proxyd stopped";
  return h(
    "li",
    { "data-key": `l${one.word}${one.pid}${one.time}`, class: "life" },
    h("time", { datetime: one.time }, moment(one.time)),
    h("span", { class: "what" }, text),
    h("span", { class: "who" }, `pid ${one.pid}`),
  );
}

export function draw() {
  if (!state.status) return;
  const done = operations()
    .filter((operation) => !operation.isPart)
    .map((operation) => ({ time: operation.began, item: () => line(operation) }));
  const all = [...done, ...lives().map((one) => ({ time: one.time, item: () => life(one) }))];
  all.sort((a, b) => (a.time < b.time ? 1 : -1));
  const place = document.getElementById("history");
  if (!all.length) return show(place, h("p", { class: "empty" }, "The journal is empty."));
  show(place, h("ul", { class: "lines" }, all.slice(0, SHOWN).map((one) => one.item())));
}
