// Echoes WebSocket messages, each in two fragments with a Ping between them, and closes as it is asked to.
// `GET /closes` tells with which codes and reasons its clients have closed. Usage: node ws-server.js PORT
"use strict";

const http = require("node:http");
const { WebSocketServer } = require("ws");

const closes = [];
const server = http.createServer((request, response) => {
  response.end(request.url === "/closes" ? JSON.stringify(closes) : "");
});

new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } }).on("connection", (socket, request) => {
  socket.on("message", (message, isBinary) => {
    const half = Math.floor(message.length / 2);
    socket.send(message.subarray(0, half), { binary: isBinary, fin: false });
    socket.ping("between");
    socket.send(message.subarray(half), { binary: isBinary, fin: true });
  });
  socket.on("close", (code, reason) => closes.push([code, String(reason)]));
  const asked = new URL(request.url, "http://app").searchParams;
  if (asked.get("end") === "terminate") socket.terminate();
  else if (asked.has("end")) socket.close(Number(asked.get("end")), asked.get("reason"));
});
server.listen(Number(process.argv[2]), "127.0.0.1");
