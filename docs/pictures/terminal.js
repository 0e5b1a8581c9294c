// Records a command in a terminal as an SVG that plays it again, for the README:
//
//   node docs/pictures/terminal.js OUTPUT.svg COMMAND [ARGUMENT…]
//
// `script` (util-linux) is the terminal, xterm.js reads what is written to it. A row of the picture is a text that is shown for as long
// as the terminal had it; readers that play nothing see the last screen.
"use strict";

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { Terminal } = require(path.join(__dirname, "../../tests/node/node_modules/@xterm/headless"));

const COLUMNS = 84;
const ROWS = 30;
/** What changes more often than the eye follows is seen this often, in milliseconds. */
const STEP = 500;
/** The last screen stays for so long before it begins anew, in milliseconds. */
const REST = 8000;
const CELL = { width: 8.4, height: 18 };
const MARGIN = { x: 16, top: 40, bottom: 14 };
const BACKGROUND = "#16181d";
const FOREGROUND = "#d7dae0";
/** The eight colours of a terminal that `proxyctl` uses. */
const PALETTE = ["#5c6370", "#ef6b73", "#5bc97b", "#e5c07b", "#5ea1f7", "#c678dd", "#56b6c2", "#d7dae0"];

/** Runs the command, and returns its screens: when each was first seen, and its rows. */
async function record(command) {
  const terminal = new Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const child = spawn("script", ["-qec", `stty cols ${COLUMNS} rows ${ROWS}; exec ${quoted}`, "/dev/null"], {
    env: { ...process.env, TERM: "xterm-256color", NO_COLOR: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const began = Date.now();
  const screens = [];
  const look = () => {
    const rows = Array.from({ length: ROWS }, (_, row) => markup(terminal, row));
    const last = screens.at(-1);
    if (!last || rows.some((row, at) => row !== last.rows[at])) screens.push({ at: Date.now() - began, rows });
  };
  // A picture is taken between two writes, never of half a one.
  let written = Promise.resolve();
  child.stdout.on("data", (bytes) => {
    written = written.then(() => new Promise((done) => terminal.write(bytes, done)));
  });
  const looking = setInterval(() => (written = written.then(look)), STEP);
  const code = await new Promise((done) => child.on("close", done));
  clearInterval(looking);
  await written;
  look();
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}`);
  return { screens, length: Date.now() - began + REST };
}

/** One row as SVG: a tspan for each run of cells that look the same. */
function markup(terminal, row) {
  const line = terminal.buffer.active.getLine(terminal.buffer.active.viewportY + row);
  const runs = [];
  for (let column = 0; line && column < COLUMNS; column += 1) {
    const cell = line.getCell(column);
    const look = appearance(cell);
    const text = cell.getChars() || " ";
    const last = runs.at(-1);
    if (last && last.look === look) last.text += text;
    else runs.push({ look, column, text });
  }
  const seen = runs.map((run) => ({ ...run, text: run.text.replace(/\s+$/, "") })).filter((run) => run.text);
  return seen.map(({ look, column, text }) => `<tspan x="${x(column)}"${look}>${escape(text)}</tspan>`).join("");
}

function appearance(cell) {
  const color = cell.isFgPalette() ? ` fill="${PALETTE[cell.getFgColor() % 8]}"` : "";
  const weight = cell.isBold() || cell.isInverse() ? ' font-weight="bold"' : "";
  return color + weight + (cell.isDim() ? ' opacity=".6"' : "");
}

const x = (column) => +(MARGIN.x + column * CELL.width).toFixed(1);
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replace(/ {2,}/g, (gap) => "\u00a0".repeat(gap.length));

/** Each row with each of its texts, and from when to when it has it. */
function spans({ screens, length }) {
  const spans = [];
  for (let row = 0; row < ROWS; row += 1) {
    let open = { text: "", from: 0 };
    for (const { at, rows } of [...screens, { at: length, rows: [] }]) {
      if (rows[row] === open.text) continue;
      if (open.text) spans.push({ row, ...open, to: at });
      open = { text: rows[row], from: at };
    }
  }
  return spans;
}

function svg(recording, title) {
  const { length } = recording;
  const seconds = (time) => `${(time / 1000).toFixed(1)}s`;
  const texts = spans(recording).map(({ row, text, from, to }) => {
    const y = MARGIN.top + (row + 0.8) * CELL.height;
    const stays = to === length;
    const begin = stays ? "all.begin" : `all.begin+${seconds(from)}`;
    const [value, lasts] = stays ? ["hidden", from] : ["visible", to - from];
    const turn = lasts ? `<set attributeName="visibility" to="${value}" begin="${begin}" dur="${seconds(lasts)}"/>` : "";
    return `<text y="${y}"${stays ? "" : ' visibility="hidden"'}>${text}${turn}</text>`;
  });
  const used = Math.max(...spans(recording).map(({ row }) => row + 1));
  const width = Math.ceil(COLUMNS * CELL.width + 2 * MARGIN.x);
  const height = Math.ceil(used * CELL.height + MARGIN.top + MARGIN.bottom);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<style>text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:${FOREGROUND};white-space:pre}</style>
<rect width="${width}" height="${height}" rx="10" fill="${BACKGROUND}"><animate id="all" attributeName="rx" values="10;10" begin="0s;all.end" dur="${seconds(length)}"/></rect>
<circle cx="20" cy="18" r="5" fill="#ef6b73"/><circle cx="38" cy="18" r="5" fill="#e5c07b"/><circle cx="56" cy="18" r="5" fill="#5bc97b"/>
<text x="${width / 2}" y="23" text-anchor="middle" opacity=".6">${escape(title)}</text>
${texts.join("\n")}
</svg>
`;
}

async function main([output, ...command]) {
  if (!output || command.length === 0) throw new Error("usage: node docs/pictures/terminal.js OUTPUT.svg COMMAND [ARGUMENT…]");
  const title = [path.basename(command[0]), ...command.slice(1)].join(" ");
  fs.writeFileSync(output, svg(await record(command), title));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
