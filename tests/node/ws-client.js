// Talks with `ws-server.js` and asserts that everything comes back as it was sent. Prints the closes that the server has to have seen.
// Usage: node ws-client.js URL HOST [CA]
"use strict";

const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const fs = require("node:fs");
const { once } = require("node:events");
const { WebSocket } = require("ws");

const [url, host, ca] = process.argv.slice(2);
const tls = ca ? { ca: fs.readFileSync(ca), servername: host } : {};

async function open(options = {}, query = "") {
  const socket = new WebSocket(`${url}${query}`, { headers: { Host: host }, perMessageDeflate: false, ...tls, ...options });
  socket.ended = once(socket, "close").then(([code, reason]) => [code, String(reason)]);
  await once(socket, "open");
  return socket;
}

// Sends pieces as the fragments of one message, with a Ping before each, and takes the echo with its control frames.
async function echo(socket, pieces, binary) {
  const seen = { pings: [], pongs: [] };
  const ping = (data) => seen.pings.push(String(data));
  const pong = (data) => seen.pongs.push(String(data));
  socket.on("ping", ping).on("pong", pong);
  pieces.forEach((piece, index) => {
    socket.ping(`before ${index}`);
    socket.send(piece, { binary, fin: index === pieces.length - 1 });
  });
  const [message, isBinary] = await once(socket, "message");
  socket.off("ping", ping).off("pong", pong);
  assert.equal(isBinary, binary);
  assert.ok(message.equals(Buffer.concat(pieces.map((piece) => Buffer.from(piece)))), "the echo differs");
  assert.deepEqual(seen.pings, ["between"]);
  assert.deepEqual(seen.pongs, pieces.map((_, index) => `before ${index}`));
}

async function messages() {
  const large = crypto.randomBytes(16 * 1024 * 1024);
  const socket = await open();
  assert.equal(socket.extensions, "");
  await echo(socket, ["one"], false);
  await echo(socket, ["fragments ", "", "of é", " and 日本"], false);
  await echo(socket, [""], false);
  await echo(socket, [large.subarray(0, 125), large.subarray(0, 126), large.subarray(0, 65535), large.subarray(0, 65536)], true);
  await echo(socket, [large], true);
  await echo(socket, [large.subarray(0, 5), large.subarray(5, 9_000_000), large.subarray(9_000_000)], true);
  socket.close(1000, "all said");
  assert.deepEqual(await socket.ended, [1000, "all said"]);

  const deflated = await open({ perMessageDeflate: { threshold: 0 } });
  assert.match(deflated.extensions, /permessage-deflate/);
  await echo(deflated, ["compressed ".repeat(50_000), "and fragmented"], false);
  deflated.close();
  assert.deepEqual(await deflated.ended, [1005, ""]);
  return [[1000, "all said"], [1005, ""]];
}

async function closes() {
  const seen = [];
  const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999];
  for (const code of codes) {
    const reason = `the client's ${code}, with ü`;
    const socket = await open();
    socket.close(code, reason);
    // A Close is answered with its own code (RFC 6455 §5.5.1).
    assert.equal((await socket.ended)[0], code);
    seen.push([code, reason]);
    const told = await open({}, `?end=${code}&reason=${encodeURIComponent("the server's")}`);
    assert.deepEqual(await told.ended, [code, "the server's"]);
    seen.push([code, "the server's"]);
  }
  const cut = await open({}, "?end=terminate");
  assert.deepEqual(await cut.ended, [1006, ""]);
  seen.push([1006, ""]);
  const gone = await open();
  gone.terminate();
  seen.push([1006, ""]);
  return seen;
}

(async () => console.log(JSON.stringify([...(await messages()), ...(await closes())])))();
