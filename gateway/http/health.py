"""Is it alive, does it serve, how is it doing."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg
from aiohttp import web
from msgspec import Struct

from gateway.accounts.model import UNREACHABLE
from gateway.http.answers import json_answer
from gateway.services import SERVICES, Services

DATABASE_S: Final = 2.0


class Readiness(Struct, frozen=True):
    """What has to hold for new work."""

    ready: bool
    database: bool
    engine: bool
    draining: bool


async def livez(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  # aiohttp's signature
    """Answer: the event loop turns."""
    return json_answer({"alive": True})


async def readyz(request: web.Request) -> web.StreamResponse:
    """Answer 200 when new work is taken, else 503 with what is missing."""
    found = await readiness(request.app[SERVICES])
    return json_answer(found, 200 if found.ready else 503)


async def metrics(request: web.Request) -> web.StreamResponse:
    """Answer with everything that is counted."""
    text = request.app[SERVICES].metrics.exposition()
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def readiness(services: Services) -> Readiness:
    """Return what holds now."""
    database = await _database_answers(services.pool)
    engine, draining = services.engine.ready and not services.engine.fenced, services.draining.is_set()
    return Readiness(database and engine and not draining, database, engine, draining)


async def _database_answers(pool: asyncpg.Pool) -> bool:
    try:
        async with asyncio.timeout(DATABASE_S):
            # Reading alone would also succeed on a standby.
            return await pool.fetchval("SELECT NOT pg_is_in_recovery()") is True
    except UNREACHABLE:
        return False
