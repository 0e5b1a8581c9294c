"""A FastAPI project as it is while somebody works on it: `uvicorn main:app --reload`, and a file that is edited.

It knows the plain paths of `tests/e2e/common/app_routes.rs`; what it calls itself stands in `version.py`, beside it.
"""

import asyncio

from fastapi import FastAPI, Request, Response

from version import VERSION

app = FastAPI()


def hello(request: Request) -> Response:
    target = request.url.path
    if request.url.query:
        target += "?" + request.url.query
    return Response(f"reloading {VERSION} {target}", headers={"X-App": "reloading", "X-Version": VERSION})


@app.get("/slow")
async def slow(request: Request, ms: int = 20) -> Response:
    await asyncio.sleep(ms / 1000)
    return hello(request)


@app.get("/{path:path}")
async def anything(request: Request) -> Response:
    return hello(request)
