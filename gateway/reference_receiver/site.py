"""The doors of the reference receiver: `/messages` for the market, `/` and `/overview.json` for people of this machine."""

from __future__ import annotations

import asyncio
import time
from html import escape
from typing import Final

from aiohttp import web

from gateway.reference_receiver.books import Books, Outcome
from gateway.reference_receiver.faults import Faults
from gateway.registrar.keys import Keys
from gateway.registrar.signing import problem_of

BODY_MAX: Final = 4_000_000
_STATUS: Final = {Outcome.TAKEN: 200, Outcome.REPEATED: 200, Outcome.REUSED: 409, Outcome.MALFORMED: 422}


def build_app(books: Books, keys: Keys, faults: Faults) -> web.Application:
    """Return the application."""

    async def take(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if faults.delay_ms:
            await asyncio.sleep(faults.pause_s())
        lost = faults.loses()
        if lost and faults.loses_before():
            return _cut(request)
        problem = problem_of(keys, request.method, request.rel_url.raw_path_qs, request.headers, body, int(time.time()))
        if problem is not None:
            return web.json_response({"code": problem.value}, status=401)
        outcome = books.take(request.headers.get("Idempotency-Key", ""), body)
        if lost:
            return _cut(request)
        return web.json_response({"code": outcome.value}, status=_STATUS[outcome])

    async def overview(_: web.Request) -> web.StreamResponse:
        return web.json_response(books.overview())

    async def home(_: web.Request) -> web.StreamResponse:
        said = books.overview()
        rows = "".join(
            f"<tr><td>{escape(one['number'] or '-')}</td><td>{escape(one['registration'])}</td><td>{escape(one['state'])}</td>"
            f"<td>{escape(one['technical_fen'])}</td></tr>"
            for one in said["contracts"]
        )
        text = (
            "<!doctype html><meta charset=utf-8><title>Reference receiver</title><h1>Reference receiver</h1>"
            f"<p>{said['messages']} messages; answers: {escape(str(said['answers']))}</p>"
            f"<table><tr><th>number<th>registration<th>state<th>technical fen</tr>{rows}</table>"
        )
        return web.Response(text=text, content_type="text/html")

    app = web.Application(client_max_size=BODY_MAX)
    app.add_routes([web.post("/messages", take), web.get("/overview.json", overview), web.get("/", home)])
    return app


def _cut(request: web.Request) -> web.StreamResponse:
    """Let the line go dead, as a network does."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
