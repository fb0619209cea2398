"""A consumer of the log: reads shard by shard behind the writer, cursor and effect in one transaction, so each event acts once.

Woken by changes in this process; at the start it looks into every shard, so nothing is missed that was committed while it was away.
Bids are nearly all of the log, and few consumers want them: who wants events of some other types asks for those alone, and who only
wants to know which streams changed takes it from the engine (docs/adr/0024).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import asyncpg
from msgspec import Struct

from engine.journal.advances import Advance
from engine.journal.postgres import QUERIES
from engine.journal.streams import StreamKind

BIDS: Final = frozenset({"lot.bid_accepted", "lot.bid_rejected"})
"""Nearly all of the log. The index `event_landmark` has everything else."""
RECORDS_MAX: Final = 2_000
"""Whole rows read in one turn."""
STREAMS_OF_MAX: Final = 20_000
"""Events whose streams are asked for in one turn: the database sums them up."""
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
Prepare = Callable[[Sequence[Any]], Awaitable[Any]]
"""Works out what a page means, outside any transaction; `record_of` makes a whole row a `Record`."""

Id = TypeVar("Id")
S = TypeVar("S")
log = logging.getLogger(__name__)


class Look(Struct, frozen=True):
    """What stands in a shard after the cursor."""

    found: Sequence[Any]
    reached: int
    """The cursor after it."""
    more: bool
    """There may be more now."""


class Follower:
    """One named consumer over some shards. It is given whole rows, oldest first: all, or those of some types, none of them a bid."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        consumer: str,
        shards: Iterable[int],
        prepare: Prepare,
        effect: Effect,
        types: Collection[str] = (),
    ) -> None:
        assert BIDS.isdisjoint(types), "the index does not find them"
        self._pool = pool
        self._consumer = consumer
        self._types = sorted(types)
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
                    more = True
                    while more:
                        events, more = await self._turn(shard, cursors)
                        passed += events
                    noticed.discard(shard)
            finally:
                self._dirty |= noticed
        return passed

    async def _cursors(self) -> dict[int, int]:
        rows = await self._pool.fetch(QUERIES["cursors"], self._consumer)
        return {row["shard"]: row["seq"] for row in rows}

    async def _turn(self, shard: int, cursors: dict[int, int]) -> tuple[int, bool]:
        """Consume a page; return how many events it passed over, and whether there may be more."""
        stood = cursors.get(shard, 0)
        look = await self._look(shard, stood)
        if look.reached == stood:
            return 0, False
        prepared = await self._prepare(look.found)
        async with self._pool.acquire() as connection, connection.transaction():
            moved = await connection.fetchval(QUERIES["move_cursor"], self._consumer, shard, look.reached, stood)
            if moved is not None:
                await self._effect(connection, prepared)
        if moved is None:  # another process has done this page, and perhaps not all that was noticed here
            cursors.update(await self._cursors())
            return 0, True
        cursors[shard] = look.reached
        return look.reached - stood, look.more

    async def _look(self, shard: int, stood: int) -> Look:
        if not self._types:
            rows = await self._pool.fetch(QUERIES["read_shard"], shard, stood, RECORDS_MAX)
            return Look(rows, rows[-1]["seq"] if rows else stood, len(rows) == RECORDS_MAX)
        head = await self._pool.fetchval(QUERIES["shard_head"], shard) or stood
        if head == stood:
            return Look((), stood, False)
        rows = await self._pool.fetch(QUERIES["read_shard_types"], shard, stood, head, self._types, RECORDS_MAX)
        full = len(rows) == RECORDS_MAX
        return Look(rows, rows[-1]["seq"] if full else head, full)


class Told(Struct):
    """What the engine told of a shard since the last look, without a gap."""

    first_seq: int
    last_seq: int
    streams: set[str]


class StreamFollower(Follower):
    """A consumer that is given the names of the streams with new events: it writes what their states are now.

    What the engine told of a shard without a gap since the cursor is not read from the log again.
    """

    def __init__(
        self, pool: asyncpg.Pool, consumer: str, shards: Iterable[int], prepare: Prepare, effect: Effect
    ) -> None:
        super().__init__(pool, consumer, shards, prepare, effect)
        self._told: dict[int, Told] = {}

    def advanced(self, advances: Sequence[Advance]) -> None:
        """Listener of the engine: this is in the log now, and the states of these streams are as it left them."""
        for advance in advances:
            told = self._told.get(advance.shard)
            if told is not None and told.last_seq + 1 == advance.first_seq:
                told.last_seq = advance.last_seq
                told.streams |= advance.streams
            else:
                self._told[advance.shard] = Told(advance.first_seq, advance.last_seq, set(advance.streams))
        self.notice([advance.shard for advance in advances])

    async def _look(self, shard: int, stood: int) -> Look:
        told = self._told.pop(shard, None)  # whatever becomes of this turn, the log says it again to the next
        if told is not None and told.first_seq <= stood + 1:
            return Look(sorted(told.streams), max(stood, told.last_seq), False)
        rows = await self._pool.fetch(QUERIES["touched"], shard, stood, STREAMS_OF_MAX)
        reached = max((row["seq"] for row in rows), default=stood)
        return Look([row["stream"] for row in rows], reached, reached - stood >= STREAMS_OF_MAX)


def states_of(
    kind: StreamKind, load: Callable[[Id], Awaitable[S | None]], subject: Callable[[str], Id]
) -> Callable[[Sequence[str]], Awaitable[list[S]]]:
    """Return what gives the states that the streams of one kind have now; other streams, and what cannot be found, are left out."""

    async def states(streams: Sequence[str]) -> list[S]:
        ids = [subject(kind.subject(stream)) for stream in streams if stream.startswith(kind.prefix)]
        return [state for one in ids if (state := await load(one)) is not None]

    return states
