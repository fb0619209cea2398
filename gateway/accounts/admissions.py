"""Who asked to be admitted to a lot with approved admission. The admission itself is an event of the lot."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import asyncpg
from msgspec import Struct

from engine.values import LotId, PartyId
from gateway.accounts.model import QUERIES

PAGE_MAX: Final = 1_000


class AdmissionRequest(Struct, frozen=True):
    """A party that waits for an operator's answer."""

    party_id: PartyId
    asked_at_us: int


class Admissions:
    """The requests."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def ask(self, lot_id: LotId, party_id: PartyId) -> None:
        """Remember that the party asks; once is enough."""
        await self._pool.execute(QUERIES["ask_admission"], lot_id, party_id, self._now_us())

    async def has_asked(self, lot_id: LotId, party_id: PartyId) -> bool:
        """Tell whether the party waits for an answer."""
        return bool(await self._pool.fetchval(QUERIES["has_asked"], lot_id, party_id))

    async def waiting(self, lot_id: LotId, limit: int = PAGE_MAX) -> list[AdmissionRequest]:
        """Return who waits, longest first."""
        rows = await self._pool.fetch(QUERIES["admission_requests"], lot_id, min(limit, PAGE_MAX))
        return [AdmissionRequest(PartyId(row["party"]), row["asked_at_us"]) for row in rows]

    async def close(self, lot_id: LotId, party_id: PartyId) -> None:
        """Forget a request that was answered."""
        await self._pool.execute(QUERIES["close_admission"], lot_id, party_id)
