"""Who can open sealed bids: the public keys of officers, assessors' names. Private keys are never here (engine/envelopes.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
from msgspec import Struct

from engine.envelopes import is_public_key
from engine.values import PartyId
from gateway.accounts.model import QUERIES, Caller
from gateway.errors import Code, Refused

KNOWN_MAX: Final = 500


class OfficerKey(Struct, frozen=True):
    """The key in force of one person."""

    party: PartyId
    key: str
    made_at_us: int


class KnownOfficer(Struct, frozen=True):
    """Somebody who can be named as an officer: he has a key in force."""

    party: str
    login: str
    display_name: str


class OfficerKeys:
    """The register of public keys."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def put(self, caller: Caller, key: str) -> OfficerKey:
        """Make a key the caller's; an earlier one opens no session published from now on, but those it was named in.

        Raises:
            Refused: MALFORMED: it is no public key; CONFLICT: somebody else has it, or it was retired.
        """
        if not is_public_key(key):
            raise Refused(Code.MALFORMED, fields="key")
        party, now_us = caller.party_id, self._now_us()
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(QUERIES["retire_officer_key"], party, key, now_us)
                await connection.execute(QUERIES["put_officer_key"], party, key, caller.login_id, now_us)
        except asyncpg.UniqueViolationError:
            raise Refused(Code.CONFLICT) from None
        found = await self.of([party])
        if not found or found[0].key != key:
            raise Refused(Code.CONFLICT)
        return found[0]

    async def known(self) -> list[KnownOfficer]:
        """Return who has a key in force, by name; the first `KNOWN_MAX`."""
        rows = await self._pool.fetch(QUERIES["officers_known"], KNOWN_MAX)
        known = [KnownOfficer(row["party"], row["login"], row["display_name"]) for row in rows]
        return sorted(known, key=lambda one: (one.display_name, one.login))

    async def of(self, parties: Sequence[PartyId]) -> list[OfficerKey]:
        """Return the keys in force of these parties, in their order; who has none is left out."""
        rows = await self._pool.fetch(QUERIES["officer_keys"], list(parties))
        found = {row["party"]: OfficerKey(PartyId(row["party"]), row["key"], row["made_at_us"]) for row in rows}
        return [found[party] for party in parties if party in found]
