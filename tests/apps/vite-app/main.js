// What the tests edit is `edited.js`; this module accepts it, so that an edit is an update and not a reload of the page.
import { version } from "./edited.js";

const show = (now) => {
  document.body.textContent = now;
};
show(version);
import.meta.hot.accept("./edited.js", (next) => show(next.version));
