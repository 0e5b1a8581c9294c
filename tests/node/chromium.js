// Chromium over its DevTools: starting it, with a certificate authority of ours where one is named, speaking to it, and what went wrong in
// a page.
"use strict";

const { execFileSync, spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const path = require("node:path");
const { WebSocket } = require("ws");

// Chromium trusts what its user's certificate store trusts, here one of its own in its own home.
function trust(home, ca) {
  const store = path.join(home, ".pki/nssdb");
  fs.mkdirSync(store, { recursive: true });
  const certutil = (...args) => execFileSync("certutil", ["-d", `sql:${store}`, ...args]);
  certutil("-N", "--empty-password");
  certutil("-A", "-n", "greengate", "-t", "C,,", "-i", ca);
}

// Returns the process, and the address of its DevTools.
async function start({ port, ca, host, profile }) {
  if (ca) trust(profile, ca);
  const browser = spawn(
    // It ends with this process, however that ends. It draws without a graphics card, and takes no time from tests that measure some.
    "setpriv",
    [
      "--pdeathsig",
      "KILL",
      "nice",
      "-n",
      "10",
      "chromium",
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--no-first-run",
      "--remote-debugging-port=0",
      `--user-data-dir=${path.join(profile, "data")}`,
      ...(host ? [`--host-resolver-rules=MAP ${host}:443 127.0.0.1:${port}`] : []),
      "about:blank",
    ],
    { env: { ...process.env, HOME: profile }, stdio: ["ignore", "ignore", "pipe"] },
  );
  process.on("exit", () => browser.kill());
  let said = "";
  for await (const piece of browser.stderr) {
    said += piece;
    const found = said.match(/DevTools listening on (ws:\S+)/);
    if (found) return { browser, devtools: found[1] };
  }
  throw new Error(`Chromium has ended: ${said}`);
}

// Ends the browser, and this process with it.
async function end(browser, session) {
  const ended = once(browser, "exit");
  await session.ask("Browser.close").catch(() => {});
  await ended;
  process.exit(0);
}

// The DevTools protocol: commands with their answers, and events.
class Session {
  static async open(url) {
    const session = new Session();
    session.socket = new WebSocket(url, { perMessageDeflate: false });
    await once(session.socket, "open");
    session.socket.on("message", (text) => session.heard(JSON.parse(text)));
    return session;
  }

  number = 0;
  waiting = new Map();
  events = () => {};

  heard(message) {
    const answer = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (answer) message.error ? answer.reject(new Error(JSON.stringify(message.error))) : answer.resolve(message.result);
    else this.events(message);
  }

  ask(method, params = {}, sessionId) {
    const id = ++this.number;
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }
}

// What of an event is wrong, in words.
function complaint({ method, params }) {
  switch (method) {
    case "Network.responseReceived":
      return params.response.status >= 400 ? `${params.response.status} for ${params.response.url}` : null;
    case "Network.loadingFailed":
      // A page ends its own stream when it has heard nothing for too long, and begins another one.
      if (params.type === "EventSource" && params.errorText === "net::ERR_ABORTED") return null;
      return `${params.type} failed: ${params.errorText} ${params.blockedReason ?? ""}`;
    case "Network.webSocketFrameError":
      return `a WebSocket failed: ${params.errorMessage}`;
    case "Runtime.exceptionThrown":
      return `an exception: ${params.exceptionDetails.exception?.description ?? params.exceptionDetails.text}`;
    case "Runtime.consoleAPICalled":
      return params.type === "error" ? `the console: ${params.args.map((one) => one.value).join(" ")}` : null;
    case "Log.entryAdded":
      return params.entry.level === "error" ? `the log: ${params.entry.text} ${params.entry.url ?? ""}` : null;
    default:
      return null;
  }
}

// Has a tab open a URL, and says what its page tells of itself in `window.told`.
async function visit(session, tab, url) {
  const navigated = await session.ask("Page.navigate", { url }, tab);
  if (navigated.errorText) return { told: null, failed: navigated.errorText };
  const expression = `new Promise((resolve) => {
    const look = () => (window.told ? resolve(window.told) : setTimeout(look, 5));
    setTimeout(() => resolve(null), 30000);
    look();
  })`;
  const { result } = await session.ask("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, tab);
  return { told: result.value ?? null };
}

module.exports = { end, start, Session, complaint, visit };
