"""A side of `tests/e2e/deploy`: says which version it is, and is as healthy as files in its folder let it be. By files `called-PORT` and
`powered-PORT` it calls itself otherwise, and says what it runs on.

It knows the paths of `tests/e2e/common/app_routes.rs`, on Python's own `http.server`. It ends by itself after ten minutes, whatever a test
does. Usage: python side.py PORT VERSION
"""

import base64
import hashlib
import http.server
import json
import os
import struct
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

PORT, VERSION = int(sys.argv[1]), sys.argv[2]
NAME = "prod"


def told(what):
    try:
        return open(f"{what}-{PORT}").read()
    except FileNotFoundError:
        return ""


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        asked = {name: int(values[0]) for name, values in parse_qs(url.query).items() if values[0].isdigit()}
        match url.path:
            case "/health":
                open(f"probed-{VERSION}", "w").close()
                is_sick = os.path.exists(f"sick-{VERSION}")
                return self.about(503 if is_sick else 200, "gone" if is_sick else "well")
            case "/wait":
                while os.path.exists("wait"):
                    time.sleep(0.01)
            case "/slow":
                time.sleep(asked["ms"] / 1000)
            case "/stream":
                chunks = (bytes([97 + index % 26]) * asked["size"] for index in range(asked["chunks"]))
                return self.pieces(chunks, asked["ms"])
            case "/sse":
                events = (f"id: {index}\ndata: {NAME} {index}\n\n".encode() for index in range(asked["n"]))
                return self.pieces(events, asked["ms"])
            case "/ws":
                return self.web_socket()
        if url.path == "/":
            return self.about(200, "well")
        self.answer(200, f"{NAME} {VERSION} {self.path}".encode())

    def do_POST(self):
        with open("posts", "a") as posts:
            posts.write(self.headers["x-test-id"] + "\n")
        self.answer(200, self.rfile.read(int(self.headers["Content-Length"])))

    def about(self, status, database):
        called = told("called") or VERSION
        self.answer(status, json.dumps({"version": called, "database": database}).encode())

    def answer(self, status, body):
        self.head(status, {"Content-Length": len(body)})
        self.wfile.write(body)

    def pieces(self, pieces, ms):
        self.head(200, {"Transfer-Encoding": "chunked"})
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(ms / 1000)
        self.wfile.write(b"0\r\n\r\n")

    def web_socket(self):
        """Echoes messages and the close at the end (RFC 6455); none of a load's is longer than a length of 16 bits can say."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.head(101, {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept})
        self.close_connection = True
        while len(head := self.rfile.read(2)) == 2:
            length = head[1] & 127
            if length == 126:
                (length,) = struct.unpack(">H", self.rfile.read(2))
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[place % 4] for place, byte in enumerate(self.rfile.read(length)))
            size = bytes([length]) if length < 126 else struct.pack(">BH", 126, length)
            self.wfile.write(head[:1] + size + data)
            if head[0] & 15 == 8:
                return

    def head(self, status, fields):
        self.send_response(status)
        powered = {"X-Powered-By": told("powered")} if told("powered") else {}
        for name, value in {"X-App": NAME, "X-Version": VERSION, **powered, **fields}.items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


threading.Timer(600, os._exit, [0]).start()
for attempt in range(100):
    try:
        server = Server(("127.0.0.1", PORT), App)
        break
    except OSError:
        time.sleep(0.02)
open(f"up-{VERSION}", "w").close()
server.serve_forever()
