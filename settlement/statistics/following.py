"""Following the histories of deals and registrations: mark, cursor and effect in one transaction, so that each event acts exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import asyncpg

from engine.journal.follower import BEHIND
from engine.journal.queries import load_queries
from settlement.ledger.book import Connection
from settlement.statistics.facts import Event

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "statistics.sql")
A_TURN: Final = 50

log = logging.getLogger(__name__)

Effect = Callable[[Connection, str, list[Event], int], Awaitable[None]]
"""What a consumer does with a history: (connection, stream, whole history, last sequence number it has seen)."""


class HistoryFollowing:
    """One consumer."""

    def __init__(self, pool: asyncpg.Pool, consumer: str, effect: Effect) -> None:
        self._pool = pool
        self._consumer = consumer
        self._effect = effect

    async def run(self, pause_s: float = 0.5) -> None:
        """Follow for ever."""
        while True:
            try:
                done = await self.turn()
            except BEHIND:
                log.warning("history_not_followed", extra={"consumer": self._consumer}, exc_info=True)
                done = 0
            if not done:
                await asyncio.sleep(pause_s)

    async def catch_up(self) -> int:
        """Follow until nothing is marked; return how many histories were read."""
        total = 0
        while done := await self.turn():
            total += done
        return total

    async def turn(self) -> int:
        """Follow at most `A_TURN` histories; return how many."""
        async with self._pool.acquire() as connection, connection.transaction():
            streams = [row["stream"] for row in await connection.fetch(QUERIES["take_pending"], self._consumer, A_TURN)]
            for stream in sorted(streams):
                await self._one(connection, stream)
        return len(streams)

    async def _one(self, connection: Connection, stream: str) -> None:
        kind, _, name = stream.partition("/")
        if kind == "deal":
            rows = await connection.fetch(QUERIES["deal_history"], name)
        else:
            rows = await connection.fetch(QUERIES["registration_history"], stream)
        seen = await connection.fetchval(QUERIES["cursor"], self._consumer, stream)
        history = [Event(row["seq"], row["type"], row["at_us"], row["body"]) for row in rows]
        if history and history[-1].seq > seen:
            await self._effect(connection, stream, history, seen)
            await connection.execute(QUERIES["move_cursor"], self._consumer, stream, history[-1].seq)
