"""A market with a very long log is started cold: how long until it serves, and with how much memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import asyncpg

from loadtests.faults.ground import Ground
from loadtests.machine import resident_bytes
from loadtests.market import Market
from loadtests.report import Figure
from loadtests.scale.load import bid_closed, lots_of, seated
from loadtests.scale.sections import Size

LOTS: Final = 200
FILL_S: Final = 5.0
READY_S: Final = 600.0


async def recovery(here: Ground, market: Market, size: Size, say: Callable[[str], None]) -> list[Figure]:
    """Fill the log by bidding, then start server and database anew: with snapshots, and without."""
    bidders = await market.bidders(size.bidders)
    seats = await lots_of(market, "long", min(LOTS, size.bidders), bidders, max(1, size.bidders // LOTS))
    async with seated(here, seats) as bidding:
        while (events := await _events(here)) < size.events:
            say(f"{events:,} events in the log")
            await bid_closed(bidding, FILL_S)
    found = []
    (server,) = here.engines
    server.ready_s = READY_S
    for words, forget in (("from snapshots", False), ("from the first event, no snapshot", True)):
        await server.stop()
        if forget:
            await _execute(here, "DELETE FROM lot_snapshot")
        await here.database.primary.stop()
        await here.database.primary.start()
        began_s = time.monotonic()
        await server.start()
        taken_s = time.monotonic() - began_s
        memory = resident_bytes(server.pid) / 1e6
        key = "replay" if forget else "snapshots"
        title = f"{events:,} events recovered {words}"
        found.append(Figure(key=f"recovery_{key}_s", title=f"{title}: until it serves", values=[taken_s], unit="s"))
        found.append(Figure(key=f"recovery_{key}_mb", title=f"{title}: memory then", values=[memory], unit="MB"))
    return found


async def _events(here: Ground) -> int:
    connection = await asyncpg.connect(here.database.primary.dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM event"))
    finally:
        await connection.close()


async def _execute(here: Ground, statement: str) -> None:
    connection = await asyncpg.connect(here.database.primary.dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
