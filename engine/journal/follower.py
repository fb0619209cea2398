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

BUSY_EVENTS: Final = 1_000
"""More events than this in one look: the market is busy."""
PAUSE_S: Final = 0.2
BUSY_PAUSE_S: Final = 1.0
"""A page of many events costs little more than one of few: in a rush the consumers look less often, and bids have the processor."""
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

    @property
    def events_max(self) -> int:
        """Events passed over in one turn: whole rows are large, the others are summed up by the database."""
        return 2_000 if self is Page.RECORDS else 20_000


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
        self._events_max = page.events_max
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

    async def follow(self) -> None:
        """Consume for ever, a few times a second, more rarely in a rush."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            passed = 0
            try:
                passed = await self.catch_up()
            except BEHIND:
                log.warning("consumer_behind", extra={"consumer": self._consumer}, exc_info=True)
                self._wake.set()
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(BUSY_PAUSE_S if passed > BUSY_EVENTS else PAUSE_S)

    async def catch_up(self) -> int:
        """Consume up to the head of the log; return the number of events when everything noticed before is done, by whomever."""
        passed = 0
        async with self._turns:
            cursors = await self._cursors()
            noticed, self._dirty = self._dirty, set()
            try:
                for shard in sorted(noticed):
                    # A page that is not full reached the head. What is committed meanwhile is noticed anew and waits its time: in
                    # a rush this would never end otherwise.
                    while (events := await self._turn(shard, cursors)) >= self._events_max:
                        passed += events
                    passed += events
                    noticed.discard(shard)
            finally:
                self._dirty |= noticed
        return passed

    async def _cursors(self) -> dict[int, int]:
        rows = await self._pool.fetch(QUERIES["cursors"], self._consumer)
        return {row["shard"]: row["seq"] for row in rows}

    async def _turn(self, shard: int, cursors: dict[int, int]) -> int:
        """Consume a page; return how many events it passed over: as many as a page holds if there may be more."""
        stood = cursors.get(shard, 0)
        rows = await self._pool.fetch(self._page, shard, stood, self._events_max)
        if not rows:
            return 0
        prepared = await self._prepare(rows)
        reached = max(row["seq"] for row in rows)
        async with self._pool.acquire() as connection, connection.transaction():
            moved = await connection.fetchval(QUERIES["move_cursor"], self._consumer, shard, reached, stood)
            if moved is not None:
                await self._effect(connection, prepared)
        if moved is None:  # another process has done this page, and perhaps not all that was noticed here
            cursors.update(await self._cursors())
            return self._events_max
        cursors[shard] = reached
        return int(reached - stood)
