"""Reading the log beside the writer: pages for people, consumers and verification. Never used to decide anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncpg

from engine.journal.postgres import QUERIES, record_of
from engine.journal.records import Record, lot_stream
from engine.journal.secrecy import CLEAR, Secrecy
from engine.journal.streams import KINDS
from engine.values import LotId

PAGE_MAX = 1_000
CHAIN_MAX = 1_000_000


class Reader:
    """Read-only questions to the journal through a pool."""

    def __init__(self, pool: asyncpg.Pool, secrecy: Secrecy = CLEAR) -> None:
        self._pool = pool
        self._secrecy = secrecy

    def record(self, row: asyncpg.Record) -> Record:
        """Return a whole stored row as it was said.

        Raises:
            LogHidden: it is hidden, and this reader has no key.
        """
        return self._secrecy.show(record_of(row))

    async def lot_events(self, lot_id: LotId, after_seq: int = 0, limit: int = PAGE_MAX) -> list[Record]:
        """Return a page of a lot's records after `after_seq`, oldest first, at most `PAGE_MAX`."""
        rows = await self._pool.fetch(QUERIES["read_stream"], lot_stream(lot_id), after_seq, min(limit, PAGE_MAX))
        return [self.record(row) for row in rows]

    async def lot_tail(self, lot_id: LotId, limit: int) -> list[Record]:
        """Return the newest records of a lot, oldest of them first."""
        rows = await self._pool.fetch(QUERIES["read_stream_tail"], lot_stream(lot_id), min(limit, PAGE_MAX))
        return [self.record(row) for row in reversed(rows)]

    async def lot_of_types(self, lot_id: LotId, types: Sequence[str], limit: int) -> list[Record]:
        """Return the first `limit` records of these types in a lot's log, oldest first."""
        rows = await self._pool.fetch(
            QUERIES["read_stream_types"], lot_stream(lot_id), list(types), min(limit, PAGE_MAX)
        )
        return [self.record(row) for row in rows]

    async def lot_event(self, lot_id: LotId, seq: int) -> Record | None:
        """Return one record of a lot, None if there is none."""
        row = await self._pool.fetchrow(QUERIES["read_one"], lot_stream(lot_id), seq)
        return None if row is None else self.record(row)

    async def find_command(self, lot_id: LotId, command_id: bytes, actor: str) -> Record | None:
        """Return the record of a command that somebody gave on a lot, None if it is not in the log."""
        row = await self._pool.fetchrow(QUERIES["find_command"], lot_stream(lot_id), command_id, actor)
        return None if row is None else self.record(row)

    async def lot_contents(self, lot_id: LotId) -> list[bytes]:
        """Return the content digests of a lot's events in order: its public chain."""
        rows = await self._pool.fetch(QUERIES["contents"], lot_stream(lot_id), CHAIN_MAX)
        return [row["content"] for row in rows]

    async def commands_of(self, actor: str, before_us: int, limit: int, stream: str = "") -> list[Record]:
        """Return what a party did, newest first, before an instant; with `stream` only there and in its group (`stream.N`)."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["never_the_whole_log"])
            rows = await connection.fetch(QUERIES["commands_of_actor"], actor, before_us, min(limit, PAGE_MAX), stream)
        return [self.record(row) for row in rows]

    async def shard_page(self, shard: int, after_seq: int, limit: int = PAGE_MAX) -> list[Record]:
        """Return a page of a shard, oldest first."""
        rows = await self._pool.fetch(QUERIES["read_shard"], shard, after_seq, min(limit, PAGE_MAX))
        return [self.record(row) for row in rows]

    async def shard_heads(self) -> list[tuple[int, int, bytes]]:
        """Return (shard, seq, digest) of the newest record of every shard."""
        return [(row["shard"], row["seq"], row["digest"]) for row in await self._pool.fetch(QUERIES["shard_heads"])]

    async def snapshots(self) -> AsyncIterator[tuple[str, int, bytes, bytes]]:
        """Yield (stream, stream_seq, state, digest) of every snapshot this program would start from."""
        last, shapes = "", [kind.shape for kind in KINDS]
        while rows := await self._pool.fetch(QUERIES["all_snapshots"], last, shapes, PAGE_MAX):
            for row in rows:
                yield row["stream"], row["stream_seq"], self._secrecy.show_state(row["state"]), row["digest"]
            last = rows[-1]["stream"]
