"""Ended streams of long ago on cheaper storage: out of the table that is appended to, and still part of everything that is read.

`event_cold` inherits from `event`: whoever reads the log reads both, whoever appends appends to the one. A row is copied and then given up
in one transaction, and the database lets it go only if the same row stands in the other table (ADR 0022).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import asyncpg

from engine.journal.queries import load_queries
from engine.values import InstantUs

STREAMS_AT_ONCE: Final = 100
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "cold.sql")


class NotAllMoved(Exception):
    """As many rows were not given up as were copied; nothing was changed."""


async def move_ended(
    dsn: str, before_us: InstantUs, *, tablespace: str | None = None, at_once: int = STREAMS_AT_ONCE
) -> AsyncIterator[tuple[int, int]]:
    """Move what has ended and has had no event since an instant; yield streams and events of each transaction.

    Bids go on meanwhile. Stopped half-way it is continued by the next call.

    Args:
        dsn: Address of the database, of a login that owns the log.
        before_us: Only streams whose last event is older.
        tablespace: Where the other table is made, if it is not there yet.
        at_once: Streams in one transaction.

    Raises:
        NotAllMoved: a row changed in between, which cannot be.
    """
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "ortoo-archive"})
    try:
        await _make_cold(connection, tablespace)
        last = ""
        while streams := [
            row["stream"] for row in await connection.fetch(_QUERIES["ended_streams"], before_us, last, at_once)
        ]:
            async with connection.transaction():
                copied = _count(await connection.execute(_QUERIES["copy_to_cold"], streams))
                given_up = _count(await connection.execute(_QUERIES["drop_from_hot"], streams))
                if copied != given_up:
                    raise NotAllMoved(f"{copied} events copied, {given_up} given up")
            yield len(streams), copied
            last = streams[-1]
    finally:
        await connection.close()


async def _make_cold(connection: asyncpg.Connection, tablespace: str | None) -> None:
    async with connection.transaction():
        if tablespace is not None:
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", tablespace)
            await connection.execute(f"SET LOCAL default_tablespace = {quoted}")
        await connection.execute("SET LOCAL client_min_messages = warning")
        for name in ("make_cold", "guard_cold", "guard_cold_truncate"):
            await connection.execute(_QUERIES[name])


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
