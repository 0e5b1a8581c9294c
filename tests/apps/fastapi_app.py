"""A small FastAPI app, run by uvicorn with its defaults: idle connections are closed after 5 s.

It knows the paths of `tests/e2e/common/app_routes.rs`. Usage: python fastapi_app.py PORT NAME VERSION
Variables: DATABASE, where notes are kept; LEDGER, a file that the ids of POSTs are written to.
"""

import asyncio
import functools
import os
import sqlite3
import sys
import tempfile

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

PORT, NAME, VERSION = int(sys.argv[1]), sys.argv[2], sys.argv[3]
IDENTITY = {"X-App": NAME, "X-Version": VERSION}

app = FastAPI()


def hello(request: Request) -> Response:
    target = request.url.path
    if request.url.query:
        target += "?" + request.url.query
    return Response(f"{NAME} {VERSION} {target}", headers=IDENTITY)


@app.get("/health")
async def health() -> Response:
    return Response('{"ok":true,"version":"' + VERSION + '"}', media_type="application/json", headers=IDENTITY)


@app.post("/echo")
async def echo(request: Request) -> Response:
    if "LEDGER" in os.environ:
        with open(os.environ["LEDGER"], "a") as ledger:
            ledger.write(request.headers["x-test-id"] + "\n")
    return Response(await request.body(), media_type="application/octet-stream", headers=IDENTITY)


@app.get("/slow")
async def slow(request: Request, ms: int = 20) -> Response:
    await asyncio.sleep(ms / 1000)
    return hello(request)


@app.get("/stream")
async def stream(chunks: int = 10, size: int = 1024, ms: int = 1) -> Response:
    async def body():
        for index in range(chunks):
            yield bytes([97 + index % 26]) * size
            await asyncio.sleep(ms / 1000)

    return StreamingResponse(body(), headers=IDENTITY)


@app.get("/sse")
async def events(n: int = 0, ms: int = 20) -> Response:
    async def body():
        index = 0
        while n == 0 or index < n:
            yield f"id: {index}\ndata: {NAME} {index}\n\n"
            await asyncio.sleep(ms / 1000)
            index += 1

    return StreamingResponse(body(), media_type="text/event-stream", headers=IDENTITY)


@app.websocket("/ws")
async def web_socket(socket: WebSocket) -> None:
    await socket.accept(headers=[(name.lower().encode(), value.encode()) for name, value in IDENTITY.items()])
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


@functools.cache
def notes() -> sqlite3.Connection:
    """A table of notes. Unless `PATIENCE` says how long, nobody waits for a lock: who meets one fails, as apps do under a migration."""
    own = os.path.join(tempfile.gettempdir(), f"greengate-notes-{PORT}.db")
    database = sqlite3.connect(os.environ.get("DATABASE", own), timeout=float(os.environ.get("PATIENCE", 0)))
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY)")
    return database


@app.post("/notes/{id}")
async def write_note(id: str) -> Response:
    with notes() as database:
        database.execute("INSERT INTO notes (id) VALUES (?)", [id])
    return Response(headers=IDENTITY)


@app.get("/notes")
async def count_notes() -> Response:
    count = notes().execute("SELECT count(*) FROM notes").fetchone()[0]
    return Response(str(count), headers=IDENTITY)


@app.get("/{path:path}")
async def anything(request: Request) -> Response:
    return hello(request)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
