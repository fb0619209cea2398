"""Drafts of lots in PostgreSQL: saved whole, two tabs never overwrite each other unseen."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from engine.journal.queries import load_queries
from engine.values import PartyId

DRAFT_MIGRATIONS: Final = Path(__file__).parent / "sql" / "migrations"
LIST_MAX: Final = 200
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


class Draft(Struct, frozen=True):
    """A lot in preparation; `form` holds the fields as typed."""

    id: str
    author: PartyId
    form: dict[str, str]
    saved_at_us: int
    version: int


class Drafts:
    """All drafts; every operator sees every draft."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def create(self, author: PartyId, form: Mapping[str, str]) -> str:
        """Keep a new draft and return its id."""
        draft_id = "d" + secrets.token_hex(6)
        await self._pool.execute(_QUERIES["create"], draft_id, author, json.dumps(dict(form)), self._now_us())
        return draft_id

    async def save(self, draft_id: str, form: Mapping[str, str], version: int) -> int | None:
        """Save a draft over the version that was read; None if somebody saved a newer one meanwhile."""
        saved: int | None = await self._pool.fetchval(
            _QUERIES["save"], draft_id, json.dumps(dict(form)), self._now_us(), version
        )
        return saved

    async def read(self, draft_id: str) -> Draft | None:
        """Return a draft."""
        row = await self._pool.fetchrow(_QUERIES["read"], draft_id)
        return None if row is None else _draft(row)

    async def newest(self) -> list[Draft]:
        """Return the drafts, last saved first."""
        return [_draft(row) for row in await self._pool.fetch(_QUERIES["list"], LIST_MAX)]

    async def delete(self, draft_id: str) -> None:
        """Forget a draft."""
        await self._pool.execute(_QUERIES["delete"], draft_id)


def _draft(row: asyncpg.Record) -> Draft:
    return Draft(row["id"], PartyId(row["author"]), json.loads(row["form"]), row["saved_at_us"], row["version"])
