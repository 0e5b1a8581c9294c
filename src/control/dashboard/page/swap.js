// What changes now, live, or what changed last: the steps of `proxyctl swap` with their evidence; and a word for who listens to the
// page and does not see it.

import { h, mark, show } from "./element.js";
import { newest, operations, title, verdictOf } from "./operations.js";
import { drawRows, moves, rows } from "./steps.js";
import { state } from "./state.js";
import { age, moment, now, period } from "./words.js";

function panel(operation) {
  const verdict = verdictOf(operation);
  const took = Date.parse(operation.ended ?? new Date(now()).toISOString()) - Date.parse(operation.began);
  const when = operation.ended
    ? h("time", { datetime: operation.ended, title: moment(operation.ended) }, `${age(operation.ended)} ago, in ${period(took)}`)
    : h("span", {}, state.link.kind === "open" ? `for ${period(Math.floor(took / 1000) * 1000)}` : `began ${moment(operation.began)}`);
  return h(
    "article",
    { class: `panel ${verdict.sign}`, "data-key": String(operation.number) },
    h(
      "header",
      {},
      h("h3", {}, operation.environment ? [h("span", { class: "plate" }, operation.environment), " "] : null, title(operation), operation.version ? [" ", h("code", {}, operation.version)] : null),
      h("p", { class: `standing ${verdict.sign}` }, mark(verdict.sign), verdict.word),
      h("p", { class: "by" }, `by ${operation.user ?? "?"} `, when),
    ),
    h("p", { class: "moves" }, moves(operation)),
    drawRows(rows(operation)),
  );
}

export function draw() {
  if (!state.status) return;
  const found = newest();
  const isUnderWay = found.some((operation) => !operation.ended);
  show(document.getElementById("change-title"), isUnderWay ? "Under way" : "Last change");
  show(
    document.getElementById("change"),
    found.length ? found.map(panel) : h("p", { class: "empty" }, "Nothing was changed yet: the first swap will be seen here, step by step."),
  );
}

// What was said last of each operation.
const spoken = new Map();
let isFirst = true;

// Tells who listens how a change goes: its beginning, the switch and its end, and not each probe.
export function announce() {
  if (!state.status) return;
  const words = [];
  for (const operation of operations()) {
    if (operation.isPart) continue;
    const verdict = verdictOf(operation);
    const where = operation.environment ? ` of ${operation.environment}` : "";
    const phase = operation.ended ? verdict.word : operation.switched ? "has switched, the old side drains" : "has begun";
    if (spoken.get(operation.number) === phase) continue;
    spoken.set(operation.number, phase);
    const reason = operation.ended && operation.last?.reason ? `: ${operation.last.reason}` : "";
    if (!isFirst) words.push(`${title(operation)}${where} by ${operation.user ?? "somebody"} ${operation.ended ? `is over: ${phase}${reason}` : phase}.`);
  }
  if (isFirst && state.link.kind === "open") isFirst = false;
  if (words.length) show(document.getElementById("spoken"), words.join(" "));
}
