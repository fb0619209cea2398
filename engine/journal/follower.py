"""A consumer of the log: reads shard by shard behind the writer, cursor and effect in one transaction, so each event acts once.

Woken by changes in this process; at the start it looks into every shard, so nothing is missed that was committed while it was away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

import asyncpg

from engine.journal.postgres import QUERIES

EVENTS_A_TURN: Final = 2_000
AGAIN_S: Final = 1.0
BEHIND: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""The database cannot be asked now; the consumer goes on where it stood."""
GONE: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection says that was cut while it was idle
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""The database would answer nothing now, whatever was asked: it is gone, going, starting, full, or a standby."""

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Effect = Callable[[Connection, Any], Awaitable[None]]
"""Writes what was prepared; runs inside the transaction that moves the cursor."""
Prepare = Callable[[Sequence[asyncpg.Record]], Awaitable[Any]]
"""Works out what a page of rows means, outside any transaction; `record_of` makes a whole row a `Record`."""

log = logging.getLogger(__name__)


class Page(StrEnum):
    """What a consumer reads of a shard."""

    RECORDS = "read_shard"
    """Whole rows, oldest first."""
    TOUCHED = "touched"
    """Only which streams have new events: (stream, seq)."""
    OUTCOMES = "outcomes"
    """Rows without their bodies, except those that strike, sign or end a deal."""


class Follower:
    """One named consumer over some shards."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        consumer: str,
        shards: Iterable[int],
        prepare: Prepare,
        effect: Effect,
        page: Page = Page.RECORDS,
    ) -> None:
        self._pool = pool
        self._consumer = consumer
        self._page = QUERIES[page.value]
        self._prepare = prepare
        self._effect = effect
        self._dirty = set(shards)
        self._turns = asyncio.Lock()
        self._wake = asyncio.Event()
        self._wake.set()

    def notice(self, shards: Iterable[int]) -> None:
        """Say that something happened in these shards."""
        self._dirty.update(shards)
        self._wake.set()

    async def follow(self, pause_s: float = 0.2) -> None:
        """Consume for ever, at most once in `pause_s` while the market is busy."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.catch_up()
            except BEHIND:
                log.warning("consumer_behind", extra={"consumer": self._consumer}, exc_info=True)
                self._wake.set()
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(pause_s)

    async def catch_up(self) -> None:
        """Consume up to the head of the log; returns when everything noticed before is done, by whomever."""
        async with self._turns:
            cursors = await self._cursors()
            while self._dirty:
                shard = self._dirty.pop()
                try:
                    while await self._turn(shard, cursors):
                        pass
                except BaseException:
                    self._dirty.add(shard)
                    raise

    async def _cursors(self) -> dict[int, int]:
        rows = await self._pool.fetch(QUERIES["cursors"], self._consumer)
        return {row["shard"]: row["seq"] for row in rows}

    async def _turn(self, shard: int, cursors: dict[int, int]) -> bool:
        rows = await self._pool.fetch(self._page, shard, cursors.get(shard, 0), EVENTS_A_TURN)
        if not rows:
            return False
        prepared = await self._prepare(rows)
        reached = max(row["seq"] for row in rows)
        async with self._pool.acquire() as connection, connection.transaction():
            moved = await connection.fetchval(
                QUERIES["move_cursor"], self._consumer, shard, reached, cursors.get(shard, 0)
            )
            if moved is not None:
                await self._effect(connection, prepared)
        if moved is None:  # another process has done this page
            cursors.update(await self._cursors())
        else:
            cursors[shard] = reached
        return True
