"""Confidentiality texts and who signed them: append-only, so that a seller can show who knew what from when."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from engine.catalogue.achievements.versions import AchievementId
from engine.journal.queries import load_queries
from engine.values import PartyId

PAGE_MAX: Final = 200
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


class Signature(Struct, frozen=True, kw_only=True):
    """A party's promise."""

    id: AchievementId
    party: PartyId
    account: str
    version: int
    """Version of the achievement that was public when it was signed."""
    text_digest: str
    """SHA-256 of the text, hexadecimal."""
    signed_at_us: int


class SignaturePage(Struct, frozen=True):
    """Signatures, newest first; `next` continues the page, None at the end."""

    items: list[Signature]
    next: str | None


def text_digest(text: str) -> bytes:
    """Return what names a confidentiality text."""
    return sha256(text.encode()).digest()


class Confidentiality:
    """All signatures."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def sign(self, achievement_id: AchievementId, party: PartyId, account: str, version: int, text: str) -> None:
        """Put a signature on record; signing the same text again changes nothing."""
        digest = text_digest(text)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_QUERIES["keep_nda_text"], digest, text)
            await connection.execute(_QUERIES["sign"], achievement_id, party, account, version, digest, self._now_us())

    async def signature(self, achievement_id: AchievementId, party: PartyId) -> Signature | None:
        """Return the newest signature of a party under any text of this achievement."""
        row = await self._pool.fetchrow(_QUERIES["signature"], achievement_id, party)
        return None if row is None else _signature(row)

    async def has_signed(self, achievement_id: AchievementId, party: PartyId, text: str) -> bool:
        """Tell whether a party signed this very text; a changed text must be signed anew."""
        found = await self._pool.fetchval(_QUERIES["has_signed"], achievement_id, party, text_digest(text))
        return bool(found)

    async def signatures(self, achievement_id: AchievementId, after: str = "", limit: int = 50) -> SignaturePage:
        """Return who signed, newest first: for the owner and the staff of the market."""
        limit = max(1, min(limit, PAGE_MAX))
        number, _, party = after.partition("~")
        at = int(number) if re.fullmatch(r"-?[0-9]{1,18}", number) else -(2**62)
        rows = await self._pool.fetch(_QUERIES["signatures"], achievement_id, at, party, limit + 1)
        items = [_signature(row) for row in rows[:limit]]
        return SignaturePage(items, f"{-items[-1].signed_at_us}~{items[-1].party}" if len(rows) > limit else None)

    async def text(self, digest: str) -> str | None:
        """Return the words of a signed text by its digest."""
        body: str | None = await self._pool.fetchval(_QUERIES["nda_text"], bytes.fromhex(digest))
        return body


def _signature(row: asyncpg.Record) -> Signature:
    return Signature(
        id=AchievementId(row["id"]),
        party=PartyId(row["party"]),
        account=row["account"],
        version=row["version"],
        text_digest=row["text_digest"].hex(),
        signed_at_us=row["signed_at_us"],
    )
