"""Matches found in two steps: the index names candidates by their rarest common terms, then the rule scores each of them.

Nothing is stored but document frequencies, which the index has anyway: a suggestion is as fresh as the search.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.catalogue.search.entries import Kind, section_of
from engine.catalogue.search.index import QUERIES as INDEX_QUERIES
from engine.catalogue.search.searching import Found, found_of, sharing
from engine.journal.queries import load_queries
from engine.rules.matching import POINTS_MIN, Match, Rarity, Side, match, telling_terms
from engine.values import PartyId

CANDIDATES_MAX: Final = 60
SHOWN_MAX: Final = 20
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


class Suggestion(Struct, frozen=True):
    """What may fit, and why."""

    found: Found
    match: Match


class Matches:
    """Suggestions in both directions."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def of(self, kind: Kind, subject: str, *, party: PartyId | None = None, limit: int = 5) -> list[Suggestion]:
        """Return the best of the other kind for a published achievement or need, best first.

        Args:
            kind: What `subject` is.
            subject: Its id; nothing is suggested for what cannot be found.
            party: Whoever looks: what he dismissed is left out.
            limit: At most this many, 1..20.
        """
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_QUERIES["document"], kind.value, subject)
            if row is None:
                return []
            terms = sorted(telling_terms(row["folded"]))
            rarity = await _rarity(connection, terms)
            other = Kind.NEED if kind is Kind.ACHIEVEMENT else Kind.ACHIEVEMENT
            docs = await _candidates(connection, rarity, other)
            rows = [one for one in await connection.fetch(INDEX_QUERIES["documents"], docs) if one["alive"]]
            theirs = sorted({term for one in rows for term in telling_terms(one["folded"])} - set(terms))
            rarity = Rarity(rarity.documents, {**rarity.having, **(await _rarity(connection, theirs)).having})
            gone = await self._dismissed(connection, kind, subject, party)
        # Scoring is arithmetic over some ten thousand terms: in a thread, so that bids do not wait for it.
        scored = await asyncio.to_thread(_scored, kind, row, rows, rarity)
        limit = max(1, min(limit, SHOWN_MAX))
        return [one for one in scored if one.found.id not in gone][:limit]

    async def dismiss(self, party: PartyId, achievement: str, need: str) -> None:
        """Do not suggest this pair to this party again."""
        await self._pool.execute(_QUERIES["dismiss"], party, achievement, need, self._now_us())

    async def take_back(self, party: PartyId, achievement: str, need: str) -> None:
        """Suggest the pair again."""
        await self._pool.execute(_QUERIES["take_back"], party, achievement, need)

    async def _dismissed(self, connection: Any, kind: Kind, subject: str, party: PartyId | None) -> set[str]:
        if party is None:
            return set()
        name = "dismissed_needs" if kind is Kind.ACHIEVEMENT else "dismissed_achievements"
        return {row["other"] for row in await connection.fetch(_QUERIES[name], party, subject)}


async def _rarity(connection: Any, terms: list[str]) -> Rarity:
    rows = await connection.fetch(INDEX_QUERIES["frequencies"], terms)
    documents = await connection.fetchval(INDEX_QUERIES["documents_in_all"])
    return Rarity(documents, {row["term"]: row["documents"] for row in rows})


async def _candidates(connection: Any, rarity: Rarity, kind: Kind) -> list[int]:
    # A term that only this document has leads nowhere, one that everybody has everywhere.
    weights = {term: rarity.weight(term) for term, n in rarity.having.items() if n > 1 and not rarity.is_common(term)}
    return (await sharing(connection, weights, kind))[:CANDIDATES_MAX]


def _scored(kind: Kind, own: asyncpg.Record, rows: Iterable[asyncpg.Record], rarity: Rarity) -> list[Suggestion]:
    this = _side(own)
    found: list[Suggestion] = []
    for row in rows:
        pair = (this, _side(row)) if kind is Kind.ACHIEVEMENT else (_side(row), this)
        result = match(*pair, rarity, section_of)
        if result.points >= POINTS_MIN:
            found.append(Suggestion(found_of(row), result))
    return sorted(found, key=lambda one: (-one.match.points, one.found.id))


def _side(row: asyncpg.Record) -> Side:
    return Side(
        text=row["folded"],
        fields=tuple(row["fields"]),
        industry=row["industry"],
        region=row["region"],
        trl=row["trl"],
        modes=tuple(row["modes"]),
    )
