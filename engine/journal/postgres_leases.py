"""Leases in PostgreSQL, on a connection of its own.

`synchronous_commit` is off here: a lease that a crash of the database forgets costs a new claim and nothing else, and an engine whose
commits wait for a standby must still be able to say that it lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from engine.journal.leases import HandedOver, Holding, View
from engine.journal.log import JournalUnavailable
from engine.journal.postgres import QUERIES, UNREACHABLE, connect

ANSWER_S = 2.0
"""A database that answers later is away: the holder then stops by itself in good time."""


class PostgresLeases:
    """`Leases` on one connection, opened on first use and again after any error."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        """A renewal and a move may ask at the same moment."""

    async def close(self) -> None:
        """Close the connection; the object can be used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def renew(self, owner: str, lease_us: int, *, leaving: bool) -> View:
        """See `Leases.renew`."""
        await self._fetch("renew_lease", owner, lease_us, leaving)
        holdings = {
            row["shard"]: Holding(row["owner"], row["held"], row["served_epoch"])
            for row in await self._fetch("shard_owners")
        }
        # The engines are read last: a shard may seem to be held by one that is gone, never the other way round.
        return View([row["owner"] for row in await self._fetch("engines_on_lease")], holdings)

    async def claim(self, owner: str, shards: Sequence[int]) -> list[int]:
        """See `Leases.claim`."""
        return [row["shard"] for row in await self._fetch("claim_shards", owner, list(shards))]

    async def mark_served(self, owner: str, epochs: Mapping[int, int]) -> None:
        """See `Leases.mark_served`."""
        await self._fetch("mark_served", owner, list(epochs), list(epochs.values()))

    async def release(self, owner: str, shards: Sequence[HandedOver]) -> None:
        """See `Leases.release`."""
        await self._fetch(
            "release_shards",
            owner,
            [one.shard for one in shards],
            [one.epoch for one in shards],
            [one.served_until_us for one in shards],
        )

    async def abandon(self, owner: str, shards: Sequence[int]) -> None:
        """See `Leases.abandon`."""
        await self._fetch("abandon_shards", owner, list(shards))

    async def end(self, owner: str) -> None:
        """See `Leases.end`."""
        await self._fetch("end_lease", owner)

    async def _fetch(self, name: str, *arguments: Any) -> list[asyncpg.Record]:
        async with self._turn:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await connect(self._dsn, timeout_s=ANSWER_S)
                    await self._connection.execute("SET synchronous_commit = off", timeout=ANSWER_S)
                return await self._connection.fetch(QUERIES[name], *arguments, timeout=ANSWER_S)
            except UNREACHABLE as error:
                await self.close()
                raise JournalUnavailable(str(error)) from error
