// `GET TARGET` over HTTP/2 with Node's own client, beside another stream that is open. Prints JSON.
// Usage: node get.js PORT CA HOST TARGET
"use strict";

const fs = require("node:fs");
const http2 = require("node:http2");

const [port, ca, host, target] = process.argv.slice(2);
const session = http2.connect(`https://${host}:${port}`, {
  ca: fs.readFileSync(ca),
  lookup: (_name, options, done) =>
    options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
});
session.on("error", () => {});

function get(path) {
  return new Promise((resolve) => {
    const stream = session.request({ ":path": path });
    let status = 0;
    let body = "";
    stream.setEncoding("utf8");
    stream.on("response", (head) => (status = head[":status"]));
    stream.on("data", (piece) => (body += piece));
    stream.on("error", () => resolve({ status, body, reset: stream.rstCode }));
    stream.on("end", () => resolve({ status, body }));
  });
}

Promise.all([get("/slow?ms=300"), get(target)]).then(([beside, answer]) => {
  console.log(JSON.stringify({ ...answer, beside: beside.status }));
  session.destroy();
});
