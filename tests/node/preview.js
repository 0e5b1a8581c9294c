// Opens a preview's link in Chromium, and the site itself in another window that shares nothing with it; both again once a file is there.
// Prints a line of JSON for each visit: who it was, what the page says of itself, and everything that went wrong.
// Usage: node preview.js PORT CA HOST PROFILE LINK GO
"use strict";

const fs = require("node:fs");
const { Session, complaint, end, start, visit } = require("./chromium.js");

const [port, ca, host, profile, link, go] = process.argv.slice(2);

// A window with cookies of its own.
async function open(session, who) {
  const { browserContextId } = await session.ask("Target.createBrowserContext");
  const { targetId } = await session.ask("Target.createTarget", { url: "about:blank", browserContextId });
  const { sessionId: tab } = await session.ask("Target.attachToTarget", { targetId, flatten: true });
  for (const domain of ["Network", "Page", "Runtime", "Log"]) await session.ask(`${domain}.enable`, {}, tab);
  return { who, tab };
}

async function main() {
  const { browser, devtools } = await start({ port, ca, host, profile });
  const session = await Session.open(devtools);
  const wrong = new Map();
  session.events = (event) => {
    const words = complaint(event);
    if (words) wrong.get(event.sessionId)?.push(words);
  };
  const guest = await open(session, "guest");
  const visitor = await open(session, "visitor");
  const look = async ({ who, tab }, path) => {
    wrong.set(tab, []);
    const { told, failed } = await visit(session, tab, `https://${host}${path}`);
    if (failed) wrong.get(tab).push(failed);
    const expression = "({ path: location.pathname, readable: document.cookie.includes('greengate') })";
    const { result } = await session.ask("Runtime.evaluate", { expression, returnByValue: true }, tab);
    const { cookies } = await session.ask("Network.getCookies", {}, tab);
    const held = cookies.some((one) => one.name === "__Host-greengate-preview" && one.httpOnly && one.secure);
    console.log(JSON.stringify({ who, told: { ...told, ...result.value }, held, wrong: wrong.get(tab) }));
  };
  await look(guest, link);
  await look(visitor, "/");
  while (!fs.existsSync(go)) await new Promise((resolve) => setTimeout(resolve, 20));
  await look(guest, "/");
  await look(visitor, "/");
  await end(browser, session);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
