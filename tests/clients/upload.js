// Uploads over HTTP/2 with Node's own client, then asks for `/` on the same connection. Prints JSON.
// Usage: node upload.js PORT CA HOST PATH BYTES known|unknown
"use strict";

const fs = require("node:fs");
const http2 = require("node:http2");

const [port, ca, host, path, bytes, length] = process.argv.slice(2);
const session = http2.connect(`https://${host}:${port}`, {
  ca: fs.readFileSync(ca),
  lookup: (_name, options, done) =>
    options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
});
session.on("error", fail);

function fail(error) {
  console.error(error);
  process.exit(1);
}

function ask(headers, send) {
  return new Promise((resolve) => {
    const stream = session.request(headers);
    const answer = { size: 0 };
    stream.on("error", fail);
    stream.on("response", (head) => Object.assign(answer, { status: head[":status"] }));
    stream.on("data", (piece) => (answer.size += piece.length));
    stream.on("end", () => (answer.whole = true));
    stream.on("close", () => resolve({ ...answer, reset: stream.rstCode }));
    send(stream);
  });
}

function body(stream) {
  const piece = Buffer.alloc(64 * 1024, "x");
  let left = Number(bytes);
  (function write() {
    while (left > 0) {
      const part = piece.subarray(0, left);
      left -= part.length;
      if (!stream.write(part)) return void stream.once("drain", write);
    }
    stream.end();
  })();
}

(async () => {
  const known = length === "known" ? { "content-length": bytes } : {};
  const upload = await ask({ ":method": "POST", ":path": path, ...known }, body);
  const after = await ask({ ":path": "/" }, (stream) => stream.end());
  console.log(JSON.stringify({ ...upload, after: after.status }));
  session.close();
})();
