// Opens a page in Chromium again and again, as visitors do, until SIGTERM. Prints a line of JSON for each time: what the
// page says of itself in `window.told`, and everything that went wrong on the way: requests, scripts, and the console.
// Usage: node browser.js PORT CA HOST PROFILE
"use strict";

const { Session, complaint, end, start, visit } = require("./chromium.js");

const [port, ca, host, profile] = process.argv.slice(2);

async function main() {
  const { browser, devtools } = await start({ port, ca, host, profile });
  const session = await Session.open(devtools);
  let over = false;
  process.on("SIGTERM", () => (over = true));
  const { targetId } = await session.ask("Target.createTarget", { url: "about:blank" });
  const { sessionId: tab } = await session.ask("Target.attachToTarget", { targetId, flatten: true });
  let wrong = [];
  session.events = (event) => {
    const words = complaint(event);
    if (words) wrong.push(words);
  };
  for (const domain of ["Network", "Page", "Runtime", "Log"]) await session.ask(`${domain}.enable`, {}, tab);
  // A visitor who comes for the first time, each time.
  await session.ask("Network.setCacheDisabled", { cacheDisabled: true }, tab);
  while (!over) {
    wrong = [];
    const { told, failed } = await visit(session, tab, `https://${host}/`);
    if (failed) wrong.push(failed);
    console.log(JSON.stringify({ told, wrong }));
  }
  await end(browser, session);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
