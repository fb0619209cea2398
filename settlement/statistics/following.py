"""Following the histories of deals and registrations: mark, cursor and effect in one transaction, so that each event acts exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from engine.journal.follower import BEHIND
from engine.journal.queries import load_queries
from settlement.ledger.book import Connection
from settlement.statistics.facts import Event

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "statistics.sql")
A_TURN: Final = 500

log = logging.getLogger(__name__)


class Grown(Struct, frozen=True):
    """A history that has grown: all of it, and up to where the consumer has seen it."""

    stream: str
    history: list[Event]
    seen: int


Effect = Callable[[Connection, list[Grown]], Awaitable[None]]
"""What a consumer does with histories, inside the transaction that moves its cursors."""


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
            rows = await connection.fetch(QUERIES["take_pending"], self._consumer, A_TURN)
            streams = sorted(row["stream"] for row in rows)
            if streams:
                await self._some(connection, streams)
        return len(streams)

    async def _some(self, connection: Connection, streams: list[str]) -> None:
        histories: dict[str, list[Event]] = {}
        for name in ("deal_histories", "registration_histories"):
            for row in await connection.fetch(QUERIES[name], streams):
                histories.setdefault(row["stream"], []).append(
                    Event(row["seq"], row["type"], row["at_us"], row["body"])
                )
        cursors = await connection.fetch(QUERIES["cursors"], self._consumer, streams)
        seen: dict[str, int] = {row["stream"]: row["seq"] for row in cursors}
        news = [
            Grown(stream, history, seen.get(stream, 0))
            for stream, history in sorted(histories.items())
            if history[-1].seq > seen.get(stream, 0)
        ]
        if news:
            await self._effect(connection, news)
            moved = [(self._consumer, one.stream, one.history[-1].seq) for one in news]
            await connection.executemany(QUERIES["move_cursor"], moved)
