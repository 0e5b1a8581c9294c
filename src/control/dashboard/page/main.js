// The page: joins the daemon's feed, and draws what is known whenever that changes.

import * as cards from "./cards.js";
import * as charts from "./charts.js";
import { pick, start } from "./feed.js";
import * as history from "./history.js";
import { subscribe } from "./state.js";
import * as swap from "./swap.js";
import * as tables from "./tables.js";
import * as verdict from "./verdict.js";

subscribe(() => {
  // The tab's title and icon are seen, and the words are heard, also while the page is not.
  verdict.draw();
  swap.announce();
  if (document.hidden) return;
  cards.draw();
  swap.draw();
  charts.draw();
  history.draw();
  tables.draw();
});

document.addEventListener("visibilitychange", () => document.hidden || charts.draw());
document.addEventListener("click", (event) => {
  const plate = event.target.closest("[data-pick]");
  if (plate) pick({ environment: plate.dataset.pick });
  const range = event.target.closest("[data-range]");
  if (range) pick({ range: range.dataset.range });
});
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-environments]")) pick({ environment: event.target.value });
});

charts.listen();
start();
