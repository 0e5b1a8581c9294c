// Looks at the dashboard in Chromium as it is told, line by line of JSON on standard input, and answers each with a line:
//   {"open": URL}            opens a page
//   {"wait": EXPRESSION}     waits until it is true in the page, and says what it is
//   {"key": NAME}            presses a key
//   {"look": NAME}           looks at the page at each width, light and dark: what does not fit, what axe-core objects to
//   {"told": true}           what went wrong so far, and every address that was asked for something
// Usage: node dashboard.js PROFILE
"use strict";

const fs = require("node:fs");
const readline = require("node:readline");
const { Session, complaint, end, start } = require("./chromium.js");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [360, 768, 1440, 2560];
// Where the whole of axe-core looks; the other widths have to fit.
const LOOKED_AT = 1440;
// The rules that look at colours; for all others the page is the same in both schemes.
const COLOURS = { runOnly: ["color-contrast", "link-in-text-block"] };
const PATIENCE = 60_000;

// A rule of axe-core that is broken, and where.
const objection = ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`;

class Page {
  wrong = [];
  asked = new Set();

  static async open(session) {
    const page = new Page();
    page.session = session;
    const { targetId } = await session.ask("Target.createTarget", { url: "about:blank" });
    ({ sessionId: page.tab } = await session.ask("Target.attachToTarget", { targetId, flatten: true }));
    session.events = (event) => {
      if (event.method === "Network.requestWillBeSent") page.asked.add(event.params.request.url);
      const words = complaint(event);
      if (words) page.wrong.push(words);
    };
    for (const domain of ["Network", "Page", "Runtime", "Log"]) await page.ask(`${domain}.enable`);
    return page;
  }

  ask(method, params = {}) {
    return this.session.ask(method, params, this.tab);
  }

  async evaluate(expression, more = {}) {
    const answer = await this.ask("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true, ...more });
    if (answer.exceptionDetails) throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
    return answer.result.value;
  }

  async wait(expression) {
    const until = Date.now() + PATIENCE;
    for (;;) {
      const value = await this.evaluate(expression).catch((error) => String(error));
      if (value && !String(value).startsWith("Error")) return { value };
      if (Date.now() > until) return { late: String(value), text: await this.evaluate("document.body.innerText") };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async key(key) {
    const codes = { Tab: 9, Enter: 13, Escape: 27, End: 35, Home: 36, ArrowLeft: 37, ArrowRight: 39, " ": 32 };
    const params = { key, code: key, windowsVirtualKeyCode: codes[key], text: key === "Enter" ? "\r" : key === " " ? " " : undefined };
    await this.ask("Input.dispatchKeyEvent", { type: "keyDown", ...params });
    await this.ask("Input.dispatchKeyEvent", { type: "keyUp", ...params });
    return { focus: await this.evaluate("window.document.activeElement?.outerHTML.slice(0, 200)") };
  }

  async shape(width, scheme) {
    const height = { 360: 740, 768: 1024, 1440: 900, 2560: 1440 }[width];
    await this.ask("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 500 });
    const features = [
      { name: "prefers-color-scheme", value: scheme },
      { name: "prefers-reduced-motion", value: "reduce" },
    ];
    await this.ask("Emulation.setEmulatedMedia", { features });
    // The page draws itself anew for its new width.
    await this.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
  }

  async goTo(url) {
    await this.ask("Page.navigate", { url });
    this.axe = null;
  }

  // axe-core runs in a world of its own, where the page's policy is not weakened for it.
  async objections(rules) {
    if (!this.axe) {
      const { frameTree } = await this.ask("Page.getFrameTree");
      const { executionContextId } = await this.ask("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
      this.axe = { contextId: executionContextId };
      await this.evaluate(`${AXE}; undefined`, this.axe);
    }
    const options = JSON.stringify({ resultTypes: ["violations"], ...rules });
    const run = `axe.run(document, ${options}).then((result) => JSON.stringify(result.violations))`;
    return JSON.parse(await this.evaluate(run, this.axe)).map(objection);
  }

  async look() {
    const found = [];
    await this.shape(LOOKED_AT, "dark");
    for (const words of await this.objections(COLOURS)) found.push(`dark: ${words}`);
    await this.shape(LOOKED_AT, "light");
    for (const words of await this.objections()) found.push(`light: ${words}`);
    for (const width of WIDTHS) {
      await this.shape(width, "light");
      const wide = await this.evaluate("document.documentElement.scrollWidth");
      if (wide > width) found.push(`at ${width} px the page is ${wide} px wide`);
    }
    await this.shape(LOOKED_AT, "light");
    return { found };
  }
}

async function main() {
  const [profile] = process.argv.slice(2);
  const { browser, devtools } = await start({ profile });
  const session = await Session.open(devtools);
  const page = await Page.open(session);
  await page.shape(LOOKED_AT, "light");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const told = JSON.parse(line);
    let answer = {};
    if (told.open) {
      await page.goTo(told.open);
    } else if (told.wait) {
      answer = await page.wait(told.wait);
    } else if (told.key) {
      answer = await page.key(told.key);
    } else if (told.look) {
      answer = await page.look();
    } else if (told.told) {
      answer = { wrong: page.wrong, asked: [...page.asked] };
      page.wrong = [];
    }
    console.log(JSON.stringify(answer));
  }
  await end(browser, session);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
