"""Listings, or notices, in preparation: saved step by step, seen by every member of the party; two tabs lose nothing unseen."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from engine.journal.queries import load_queries
from engine.values import ListingId, PartyId

DRAFTS_MAX: Final = 100
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


class ListingDraft(Struct, frozen=True):
    """A listing or notice in preparation; `form` holds the fields as typed."""

    id: str
    party: PartyId
    author: str
    achievement: str
    listing: ListingId
    """The name under which it will be handed in, or of what is corrected or revised."""
    form: dict[str, str]
    saved_at_us: int
    version: int


class ListingDrafts:
    """The drafts of one kind (`listing`, `notice`) of all parties; each sees its own."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int], kind: str = "listing") -> None:
        self._pool = pool
        self._kind = kind
        self._now_us = now_us

    async def create(
        self, party: PartyId, author: str, achievement: str, form: Mapping[str, str], listing: str = ""
    ) -> str | None:
        """Keep a new draft and return its id; None if the party has as many as it may."""
        draft_id = self._kind[0] + secrets.token_hex(6)
        made: str | None = await self._pool.fetchval(
            _QUERIES["create"], draft_id, party, author, achievement, listing or f"{self._kind[0]}-{secrets.token_hex(5)}",
            json.dumps(dict(form)), self._now_us(), DRAFTS_MAX, self._kind,
        )  # fmt: skip
        return made

    async def save(self, draft: ListingDraft, form: Mapping[str, str], version: int, author: str) -> int | None:
        """Save over the version that was read; None if somebody saved a newer one meanwhile."""
        saved: int | None = await self._pool.fetchval(
            _QUERIES["save"], draft.id, version, json.dumps(dict(form)), self._now_us(), author
        )
        return saved

    async def read(self, draft_id: str, party: PartyId) -> ListingDraft | None:
        """Return a party's draft."""
        row = await self._pool.fetchrow(_QUERIES["read"], draft_id, party, self._kind)
        return None if row is None else _draft(row)

    async def of_party(self, party: PartyId) -> list[ListingDraft]:
        """Return a party's drafts, last saved first."""
        return [_draft(row) for row in await self._pool.fetch(_QUERIES["list"], party, DRAFTS_MAX, self._kind)]

    async def delete(self, draft: ListingDraft) -> None:
        """Forget a draft."""
        await self._pool.execute(_QUERIES["delete"], draft.id, draft.party)


def _draft(row: asyncpg.Record) -> ListingDraft:
    return ListingDraft(
        row["id"], PartyId(row["party"]), row["author"], row["achievement"], ListingId(row["listing"]),
        json.loads(row["form"]), row["saved_at_us"], row["version"],
    )  # fmt: skip
