"""Saved searches: when a version becomes searchable, every party whose search it matches finds a notice, once for each version.

The search runs the other way round: each saved search waits under one of its terms, so that a new document is compared only with
searches of which it has at least that term.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.catalogue.search.entries import Entry, Facet, Kind, facets_of
from engine.catalogue.search.notices import SAVED_QUERIES, NewNotice, tell
from engine.rules.words import Query, fold_line, parse, terms_of
from engine.values import PartyId

SAVED_MAX: Final = 50
"""Saved searches of a party."""
NAME_MAX: Final = 60
PAGES: Final = {Kind.ACHIEVEMENT: "/achievements/", Kind.NEED: "/needs/"}


class TooManySaved(Exception):
    """The party has as many saved searches as it may."""


class NothingAsked(Exception):
    """A search without words and filters would tell of everything."""


class SavedSearch(Struct, frozen=True, kw_only=True):
    """A search that a party keeps."""

    id: str
    party: PartyId
    name: str
    kind: Kind
    query: str
    filters: dict[str, list[str]]
    created_at_us: int


class SavedSearches:
    """All saved searches."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def save(
        self, party: PartyId, kind: Kind, query: str, filters: dict[Facet, Sequence[str]], name: str = ""
    ) -> SavedSearch:
        """Keep a search.

        Raises:
            NothingAsked: it has neither words nor filters.
            TooManySaved: the party has `SAVED_MAX`.
        """
        kept = {facet.value: list(values) for facet, values in filters.items() if values}
        if not parse(query).words and not kept:
            raise NothingAsked
        name = " ".join(name.split())[:NAME_MAX] or " ".join(query.split())[:NAME_MAX]
        found = SavedSearch(
            id="ss-" + secrets.token_hex(6),
            party=party,
            name=name,
            kind=kind,
            query=query[:200],
            filters=kept,
            created_at_us=self._now_us(),
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SAVED_QUERIES["lock_party"], party)
            if await connection.fetchval(SAVED_QUERIES["count_saved"], party) >= SAVED_MAX:
                raise TooManySaved
            await connection.execute(
                SAVED_QUERIES["save"],
                found.id,
                party,
                name,
                kind.value,
                found.query,
                json.dumps(kept),
                found.created_at_us,
            )
        return found

    async def of_party(self, party: PartyId) -> list[SavedSearch]:
        """Return the searches of a party, newest first; at most `SAVED_MAX`."""
        return [_saved(row) for row in await self._pool.fetch(SAVED_QUERIES["of_party"], party)]

    async def forget(self, party: PartyId, search: str) -> bool:
        """Forget a search; False if the party has none of this id."""
        return await self._pool.fetchval(SAVED_QUERIES["forget"], party, search) is not None

    async def indexed(self, connection: Any, entries: Sequence[Entry]) -> None:
        """Listener of the index, in its transaction: tell the parties whose searches these versions match."""
        rows = await connection.fetch(SAVED_QUERIES["all_saved"])
        if rows:
            await tell(connection, notices_for(entries, [_saved(row) for row in rows]), self._now_us())


def notices_for(entries: Iterable[Entry], searches: Iterable[SavedSearch]) -> Iterable[NewNotice]:
    """Return what to tell whom; nobody is told of what he published himself."""
    waiting: defaultdict[object, list[tuple[SavedSearch, Query]]] = defaultdict(list)
    for search in searches:
        query = parse(search.query)
        # The longest term is seldom the commonest; a search of filters alone waits under its first filter's values.
        if query.terms:
            waiting[max(query.terms, key=lambda term: (len(term), term))].append((search, query))
        else:
            facet, values = next(iter(search.filters.items()))
            for value in values:
                waiting[facet, value].append((search, query))
    for entry in entries:
        terms, facets = terms_of(entry.folded), set(facets_of(entry))
        for key in (*terms, *facets):
            for search, query in waiting.get(key, ()):
                if search.party != entry.owner and _matches(search, query, entry, terms, facets):
                    yield NewNotice(
                        party=search.party,
                        once=f"{search.id}/{entry.kind.value}/{entry.id}/{entry.version}",
                        about="saved_search",
                        link=PAGES[entry.kind] + entry.id,
                        data={
                            "search": search.name,
                            "title": entry.title_zh,
                            "title_en": entry.title_en or entry.title_zh,
                        },
                    )


def _matches(search: SavedSearch, query: Query, entry: Entry, terms: set[str], facets: set[tuple[str, str]]) -> bool:
    if search.kind is not entry.kind or not terms.issuperset(query.terms):
        return False
    if not all(any((facet, value) in facets for value in values) for facet, values in search.filters.items()):
        return False
    return all(fold_line(phrase) in entry.folded for phrase in query.phrases)


def _saved(row: asyncpg.Record) -> SavedSearch:
    return SavedSearch(
        id=row["id"],
        party=PartyId(row["party"]),
        name=row["name"],
        kind=Kind(row["kind"]),
        query=row["query"],
        filters=json.loads(row["filters"]),
        created_at_us=row["created_at_us"],
    )
