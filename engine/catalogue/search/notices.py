"""The inbox of a party in the product. Nothing is sent by e-mail or telephone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.journal.queries import load_queries
from engine.values import PartyId

SAVED_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "saved.sql")
PAGE_MAX: Final = 100
UNREAD_SHOWN: Final = 99
"""A badge counts no further."""
_NEWEST: Final = 2**62


class Notice(Struct, frozen=True):
    """One line of the inbox; its words are the catalogue entry `notice.<about>` with `data` filled in."""

    id: int
    about: str
    link: str
    data: dict[str, str]
    at_us: int
    read: bool


class NewNotice(Struct, frozen=True, kw_only=True):
    """A fact to tell a party; told again under the same `once` it is not there twice."""

    party: str
    once: str
    about: str
    link: str
    data: dict[str, str]


async def tell(connection: Any, notices: Iterable[NewNotice], at_us: int) -> None:
    """Put notices into inboxes, in the transaction of the caller: with the fact, or not at all."""
    rows = [
        (one.party, one.once, one.about, one.link, json.dumps(one.data, ensure_ascii=False), at_us) for one in notices
    ]
    if rows:
        await connection.executemany(SAVED_QUERIES["add_notice"], rows)


class Notices:
    """Inboxes of all parties; everybody reads his own."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def page(self, party: PartyId, before: int | None = None, limit: int = 50) -> list[Notice]:
        """Return notices, newest first; `before` is the id of the last one of the page before."""
        limit = max(1, min(limit, PAGE_MAX))
        rows = await self._pool.fetch(SAVED_QUERIES["notices"], party, _NEWEST if before is None else before, limit)
        return [
            Notice(
                row["id"],
                row["about"],
                row["link"],
                json.loads(row["data"]),
                row["at_us"],
                row["read_at_us"] is not None,
            )
            for row in rows
        ]

    async def unread(self, party: PartyId) -> int:
        """Return how many are unread, at most one more than `UNREAD_SHOWN`."""
        found: int = await self._pool.fetchval(SAVED_QUERIES["unread"], party, UNREAD_SHOWN + 1)
        return found

    async def mark_read(self, party: PartyId, notice: int) -> None:
        """Note that one was read; somebody else's stays as it is."""
        await self._pool.execute(SAVED_QUERIES["mark_read"], party, notice, self._now_us())

    async def mark_all_read(self, party: PartyId, up_to: int) -> None:
        """Note that all up to this one were read: one that came meanwhile stays unread."""
        await self._pool.execute(SAVED_QUERIES["mark_all_read"], party, up_to, self._now_us())
