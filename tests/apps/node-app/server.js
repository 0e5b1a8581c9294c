// A small app on Node's own `http`, with its defaults: idle connections are closed after 5 s.
// It knows the paths of `tests/e2e/common/app_routes.rs`. Usage: node server.js PORT NAME VERSION [politely]
// Variables: HOST, where it listens; LEDGER, a file that the ids of POSTs are written to.
"use strict";

const cluster = require("node:cluster");
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");

const [port, name, version, leaving] = process.argv.slice(2);
// What every answer says.
const identity = { "X-App": name, "X-Version": version };

function number(url, key, fallback) {
  const value = Number(url.searchParams.get(key) ?? fallback);
  return Number.isFinite(value) ? value : fallback;
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function whole(response, body) {
  response.writeHead(200, { ...identity, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

async function stream(response, url) {
  response.writeHead(200, identity);
  const chunks = number(url, "chunks", 10);
  for (let index = 0; index < chunks; index += 1) {
    response.write(Buffer.alloc(number(url, "size", 1024), 97 + (index % 26)));
    await pause(number(url, "ms", 1));
  }
  response.end();
}

async function events(response, url) {
  response.writeHead(200, { ...identity, "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  const count = number(url, "n", 0);
  for (let index = 0; count === 0 || index < count; index += 1) {
    response.write(`id: ${index}\ndata: ${name} ${index}\n\n`);
    await pause(number(url, "ms", 20));
  }
  response.end();
}

async function answer(request, response) {
  const url = new URL(request.url, "http://app");
  const id = request.headers["x-test-id"];
  if (id && request.method === "POST" && process.env.LEDGER) fs.appendFileSync(process.env.LEDGER, `${id}\n`);
  const hello = `${name} ${version} ${request.url}`;
  switch (url.pathname) {
    case "/health":
      return whole(response, JSON.stringify({ ok: true, version }));
    case "/echo": {
      const parts = [];
      for await (const part of request) parts.push(part);
      return whole(response, Buffer.concat(parts));
    }
    case "/slow":
      await pause(number(url, "ms", 20));
      return whole(response, hello);
    case "/stream":
      return stream(response, url);
    case "/sse":
      return events(response, url);
    default:
      return whole(response, hello);
  }
}

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(`${request.method} ${request.url}: ${error.stack}`);
    response.destroy();
  });
});

// WebSocket by hand (RFC 6455): echoes unfragmented text and binary messages, answers Close and Ping.
server.on("upgrade", (request, socket, head) => {
  const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = crypto.createHash("sha1").update(request.headers["sec-websocket-key"] + magic).digest("base64");
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\nX-App: ${name}\r\nX-Version: ${version}\r\n\r\n`,
  );
  let buffer = head;
  const take = () => {
    if (buffer.length < 2) return false;
    const opcode = buffer[0] & 0x0f;
    let length = buffer[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (buffer.length < 4) return false;
      length = buffer.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (buffer.length < 10) return false;
      length = Number(buffer.readBigUInt64BE(2));
      at = 10;
    }
    if (buffer.length < at + 4 + length) return false;
    const mask = buffer.subarray(at, at + 4);
    const data = Buffer.from(buffer.subarray(at + 4, at + 4 + length));
    for (let index = 0; index < data.length; index += 1) data[index] ^= mask[index % 4];
    buffer = buffer.subarray(at + 4 + length);
    if (opcode === 0x8) {
      socket.end(frame(0x8, data));
      return false;
    }
    if (opcode === 0x9) socket.write(frame(0xa, data));
    if (opcode === 0x1 || opcode === 0x2) socket.write(frame(opcode, data));
    return true;
  };
  socket.on("data", (data) => {
    buffer = Buffer.concat([buffer, data]);
    while (take());
  });
});

function frame(opcode, data) {
  const head = Buffer.alloc(data.length < 126 ? 2 : data.length < 65536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (data.length < 126) {
    head[1] = data.length;
  } else if (data.length < 65536) {
    head[1] = 126;
    head.writeUInt16BE(data.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(data.length), 2);
  }
  return Buffer.concat([head, data]);
}

// A worker of a cluster is handed its connections. What is on its way to one that just ends is lost: nobody answers it, and
// nobody closes it. A worker that closes its server first gives them back, and it stays in the cluster until its last answer is
// out, because PM2 ends a worker that has left.
if (leaving === "politely") {
  process.on("SIGINT", () => {
    identity.Connection = "close";
    server.close(() => cluster.worker.disconnect());
  });
}

// The first process of a container does not end of SIGTERM by itself.
if (process.pid === 1) process.on("SIGTERM", () => process.exit());

server.listen(Number(port), process.env.HOST ?? "127.0.0.1", () => console.log(`${name} ${version} listens on ${port}`));
