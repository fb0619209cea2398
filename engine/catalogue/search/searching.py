"""Reading the index: a page of results with exact counts, from bitmaps that PostgreSQL intersects.

Order by relevance is four steps, the newest first in each: every word in the title; every word in title or keywords; some word in the
title; the rest. A document's number grows with its publication, so the newest is simply the highest bit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.catalogue.search.entries import ALIVE, BANDS, HIDDEN, LEVEL, PRICED, Facet, Kind, prefecture_of, section_of
from engine.catalogue.search.index import QUERIES, SEGMENT, Connection
from engine.rules.words import Query

PAGE_MAX: Final = 50
VALUES_MAX: Final = 40
"""Values of all filters of a search together."""
READ_ALL: Final = 2_000
"""Up to so many documents are read for a phrase, and the counts are exact; beyond, only those of the page are."""
READ_A_TURN: Final = 400
READ_TURNS: Final = 10
"""A page of a phrase that is rare among documents with all its pairs ends after so many turns, with a `next`."""
PRICES_A_TURN: Final = 4_000
TERMS_SHARED: Final = 40
"""Rarest terms by which similar documents are looked for."""
POSTINGS_MAX: Final = 20_000
_CURSOR: Final = re.compile(r"([0-9]{1,2})\.(-?[0-9]{1,18})\.([0-9]{1,9})")
_LAST: Final = 2**31 - 1


class Order(StrEnum):
    """In which order results come."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    TRL = "trl"
    """Readiest first."""
    PRICE = "price"
    """Cheapest first, those without a price at the end."""


class Found(Struct, frozen=True, kw_only=True):
    """One result, as everybody may see it."""

    kind: str
    id: str
    version: int
    title_zh: str
    title_en: str
    abstract_zh: str
    abstract_en: str
    keywords: list[str]
    holder_zh: str
    holder_en: str
    holder_kind: str
    fields: list[str]
    industry: str
    region: str
    trl: int | None
    modes: list[str]
    listed: bool
    price_fen: int | None
    published_at_us: int


class Results(Struct, frozen=True, kw_only=True):
    """A page of results."""

    found: list[Found]
    total: int
    exact: bool
    """False: `total` and the counts are upper bounds, because a phrase was not looked up in every document."""
    facets: dict[str, dict[str, int]]
    next: str | None
    cut: bool = False
    """Not every word of the query was looked for."""


Filters = Mapping[Facet, Sequence[str]]


class Search:
    """The reading side."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(
        self,
        query: Query,
        *,
        kind: Kind = Kind.ACHIEVEMENT,
        filters: Filters | None = None,
        order: Order = Order.RELEVANCE,
        after: str = "",
        limit: int = 20,
        counts: bool = True,
    ) -> Results:
        """Return a page.

        Args:
            query: What was asked, from `engine.rules.words.parse`; without words everything matches.
            kind: Achievements or needs.
            filters: Of each facet the values to keep; several values of one facet are alternatives.
            order: The order.
            after: `next` of the page before; what is no position starts from the beginning.
            limit: At most this many, 1..50.
            counts: Count the facets, too.
        """
        asked = asked_of(query, kind, filters or {})
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(QUERIES["search"], *asked)
            bitmaps = _Bitmaps(rows)
            exact = True
            if query.phrases:
                exact = await _read_phrases(connection, query, bitmaps)
            # Counting is a statement of its own: a page far down a list does not need it.
            facets = await _counts(connection, asked, bitmaps, exact and bool(query.phrases)) if counts else {}
            limit = max(1, min(limit, PAGE_MAX))
            docs, following = await _page(connection, query, bitmaps, order, after, limit, exact=exact)
            found = {row["doc"]: row for row in await connection.fetch(QUERIES["documents"], docs)}
        return Results(
            found=[found_of(found[doc]) for doc in docs if doc in found],
            total=bitmaps.total,
            exact=exact,
            facets=facets,
            next=following,
            cut=query.cut,
        )

    async def nearest(self, query: Query, *, kind: Kind, limit: int = 5) -> list[Found]:
        """Return what shares most of the rare words, for a query that nothing answers as a whole."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(QUERIES["frequencies"], list(query.terms))
            documents: int = await connection.fetchval(QUERIES["documents_in_all"])
            having = {row["term"]: row["documents"] for row in rows}
            weights = {term: math.log(1 + documents / (1 + count)) for term, count in having.items()}
            docs = (await sharing(connection, weights, kind))[: max(1, min(limit, PAGE_MAX))]
            found = {row["doc"]: row for row in await connection.fetch(QUERIES["documents"], docs)}
        return [found_of(found[doc]) for doc in docs if doc in found]

    async def newest(self, kind: Kind, limit: int) -> list[Found]:
        """Return what was published last."""
        return [found_of(row) for row in await self._pool.fetch(QUERIES["newest"], kind.value, limit)]

    async def by_id(self, kind: Kind, ids: Sequence[str]) -> dict[str, Found]:
        """Return the living versions of these subjects."""
        rows = await self._pool.fetch(QUERIES["by_id"], kind.value, list(ids))
        return {row["id"]: found_of(row) for row in rows}

    async def sizes(self) -> dict[str, int]:
        """Return how many documents of each kind can be found."""
        return {row["kind"]: row["documents"] for row in await self._pool.fetch(QUERIES["size"])}


class _Bitmaps:
    """Of each segment, newest first, who matches and how well; as whole numbers whose lowest bit is the newest document."""

    def __init__(self, rows: Iterable[asyncpg.Record]) -> None:
        self.found: dict[int, int] = {}
        self.tiers: dict[int, tuple[int, ...]] = {}
        for row in rows:
            found, title, head, some = (_number(row[name]) for name in ("found", "in_title", "in_head", "some_title"))
            segment = row["segment"]
            self.found[segment] = found
            self.tiers[segment] = (title, head & ~title, some & ~head & ~title, found & ~(title | head | some))

    @property
    def total(self) -> int:
        return sum(bits.bit_count() for bits in self.found.values())

    def keep(self, docs: Iterable[int]) -> None:
        """Only these match after all."""
        masks = dict.fromkeys(self.found, 0)
        for doc in docs:
            masks[doc // SEGMENT] |= 1 << (SEGMENT - 1 - doc % SEGMENT)
        for segment, mask in masks.items():
            self.found[segment] &= mask
            self.tiers[segment] = tuple(tier & mask for tier in self.tiers[segment])

    def all_docs(self) -> Iterator[int]:
        for segment, bits in self.found.items():
            yield from _docs(segment, bits)

    def holds(self, doc: int) -> bool:
        return bool(self.found.get(doc // SEGMENT, 0) >> (SEGMENT - 1 - doc % SEGMENT) & 1)


def asked_of(query: Query, kind: Kind, filters: Filters) -> tuple[Any, ...]:
    """Return the arguments of the statements `search` and `count_facets`."""
    terms = list(query.terms)
    wanted = [(facet, list(dict.fromkeys(values))[:VALUES_MAX]) for facet, values in filters.items() if values]
    rows = [(0, ALIVE, kind.value)]
    rows += [(group, facet.value, value) for group, (facet, values) in enumerate(wanted, 1) for value in values]
    first = 1 + len(wanted)
    groups, facets, values = ([row[column] for row in rows] for column in range(3))
    return (
        terms,
        list(range(first, first + len(terms))),
        groups,
        facets,
        values,
        list(range(first)),
        first + len(terms),
    )


async def _read_phrases(connection: Connection, query: Query, bitmaps: _Bitmaps) -> bool:
    if bitmaps.total > READ_ALL:
        return False
    rows = await connection.fetch(QUERIES["with_phrases"], list(bitmaps.all_docs()), list(query.phrases))
    bitmaps.keep(row["doc"] for row in rows)
    return True


async def _counts(
    connection: Connection, asked: tuple[Any, ...], bitmaps: _Bitmaps, read: bool
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {facet.value: {} for facet in Facet}
    if read:
        for row in await connection.fetch(QUERIES["facts"], list(bitmaps.all_docs())):
            _count_one(found, row)
        return found
    for row in await connection.fetch(QUERIES["count_facets"], *asked):
        if row["facet"] not in HIDDEN:
            found[row["facet"]][row["value"]] = row["documents"]
    return found


def _count_one(counts: dict[str, dict[str, int]], row: asyncpg.Record) -> None:
    having: list[tuple[Facet, str]] = [(Facet.FIELD, code) for code in row["fields"]]
    having += [(Facet.MODE, mode) for mode in row["modes"]]
    having += [(Facet.REGION, code) for code in {row["region"], prefecture_of(row["region"])} if row["region"]]
    having += [(Facet.INDUSTRY, section_of(row["industry"])), (Facet.HOLDER, row["holder_kind"])]
    having += [(Facet.TRL, band) for band, levels in BANDS.items() if row["trl"] in levels]
    having += [(Facet.LISTED, "1" if row["listed"] else "0")]
    for facet, value in having:
        if value:
            counts[facet.value][value] = counts[facet.value].get(value, 0) + 1


async def _page(
    connection: Connection,
    query: Query,
    bitmaps: _Bitmaps,
    order: Order,
    after: str,
    limit: int,
    *,
    exact: bool,
) -> tuple[list[int], str | None]:
    if order is Order.PRICE:
        return await _by_price(connection, bitmaps, after, limit)
    tiers = await _tiers(connection, bitmaps, order)
    places = _walk(tiers, after)
    taken: list[tuple[int, int]] = []
    if exact:
        for place in places:
            taken.append(place)
            if len(taken) > limit:
                break
        return [doc for _, doc in taken[:limit]], _cursor(*taken[limit - 1]) if len(taken) > limit else None
    # Many documents have all the pairs of the phrase: read only as many as the page takes.
    for _ in range(READ_TURNS):
        turn = [place for place, _ in zip(places, range(READ_A_TURN), strict=False)]
        rows = await connection.fetch(QUERIES["with_phrases"], [doc for _, doc in turn], list(query.phrases))
        holding = {row["doc"] for row in rows}
        taken += [place for place in turn if place[1] in holding]
        if len(taken) > limit:
            return [doc for _, doc in taken[:limit]], _cursor(*taken[limit - 1])
        if len(turn) < READ_A_TURN:
            return [doc for _, doc in taken], None
    return [doc for _, doc in taken], _cursor(*turn[-1])


async def _tiers(connection: Connection, bitmaps: _Bitmaps, order: Order) -> list[dict[int, int]]:
    """Return bitmaps by segment, best first."""
    if order is Order.NEWEST:
        return [bitmaps.found]
    if order is Order.RELEVANCE:
        return [{segment: tiers[rank] for segment, tiers in bitmaps.tiers.items()} for rank in range(4)]
    levels: dict[str, dict[int, int]] = {}
    for row in await connection.fetch(QUERIES["bitmaps_of"], LEVEL, list(bitmaps.found)):
        levels.setdefault(row["value"], {})[row["segment"]] = _number(row["bits"])
    found: list[dict[int, int]] = []
    rest = dict(bitmaps.found)
    for level in sorted(levels, reverse=True):
        found.append({segment: bits & levels[level].get(segment, 0) for segment, bits in rest.items()})
        rest = {segment: bits & ~levels[level].get(segment, 0) for segment, bits in rest.items()}
    return [*found, rest]


def _walk(tiers: Sequence[Mapping[int, int]], after: str) -> Iterator[tuple[int, int]]:
    """Return (tier, doc) from behind a cursor on, best first, newest first within a tier."""
    position = _CURSOR.fullmatch(after)
    first, last = (int(position[1]), min(int(position[3]), _LAST)) if position else (0, _LAST)
    for rank in range(first, len(tiers)):
        limit = last if rank == first else _LAST
        for segment in sorted(tiers[rank], reverse=True):
            bits = tiers[rank][segment]
            if segment * SEGMENT >= limit:
                continue
            if (segment + 1) * SEGMENT > limit:
                keep = limit - segment * SEGMENT  # documents of this segment before the cursor
                bits = bits >> (SEGMENT - keep) << (SEGMENT - keep)
            for doc in _docs(segment, bits):
                yield rank, doc


async def _by_price(connection: Connection, bitmaps: _Bitmaps, after: str, limit: int) -> tuple[list[int], str | None]:
    position = _CURSOR.fullmatch(after)
    unpriced = position is not None and position[1] == "1"
    taken: list[tuple[int, int, int]] = []
    if not unpriced:
        price, doc = (int(position[2]), min(int(position[3]), _LAST)) if position else (-1, 0)
        taken = await _priced(connection, bitmaps, price, doc, limit + 1)
    if len(taken) <= limit:
        priced = dict.fromkeys(bitmaps.found, 0)
        rows = await connection.fetch(QUERIES["bitmaps_of"], PRICED, list(bitmaps.found))
        priced |= {row["segment"]: _number(row["bits"]) for row in rows}
        rest = {segment: bits & ~priced[segment] for segment, bits in bitmaps.found.items()}
        cursor = f"0.0.{position[3]}" if unpriced and position else ""
        for _, doc in _walk([rest], cursor):
            taken.append((1, 0, doc))
            if len(taken) > limit:
                break
    docs = [doc for _, _, doc in taken[:limit]]
    if len(taken) <= limit:
        return docs, None
    rank, price, doc = taken[limit - 1]
    return docs, f"{rank}.{price}.{doc}"


async def _priced(
    connection: Connection, bitmaps: _Bitmaps, price: int, doc: int, limit: int
) -> list[tuple[int, int, int]]:
    if bitmaps.total <= READ_ALL:
        rows = await connection.fetch(QUERIES["priced_of"], list(bitmaps.all_docs()), price, doc, limit)
        return [(0, row["price_fen"], row["doc"]) for row in rows]
    taken: list[tuple[int, int, int]] = []
    while len(taken) < limit:
        rows = await connection.fetch(QUERIES["priced"], price, doc, PRICES_A_TURN)
        taken += [(0, row["price_fen"], row["doc"]) for row in rows if bitmaps.holds(row["doc"])]
        if len(rows) < PRICES_A_TURN:
            break
        price, doc = rows[-1]["price_fen"], rows[-1]["doc"]
    return taken[:limit]


def _docs(segment: int, bits: int) -> Iterator[int]:
    """Return the documents of a bitmap, newest first."""
    last = segment * SEGMENT + SEGMENT - 1
    # 64 bits at a time: taking bits off a long number one by one copies all of it each time.
    at = 0
    while bits:
        part = bits & 0xFFFFFFFFFFFFFFFF
        while part:
            low = part & -part
            yield last - at - low.bit_length() + 1
            part ^= low
        bits >>= 64
        at += 64


async def sharing(connection: Connection, weights: Mapping[str, float], kind: Kind) -> list[int]:
    """Return documents of a kind by the squared weights of the terms they share, heaviest first, then newest.

    The rarest terms are looked at first, and no more than `POSTINGS_MAX` places: bounded work whatever the text.
    """
    rarest = sorted(weights, key=lambda term: (-weights[term], term))[:TERMS_SHARED]
    by_term: dict[str, list[asyncpg.Record]] = {term: [] for term in rarest}
    for row in await connection.fetch(QUERIES["postings"], rarest, kind.value):
        by_term[row["term"]].append(row)
    sums: dict[int, float] = {}
    looked_at = 0
    for term in rarest:
        for row in by_term[term]:
            for doc in _docs(row["segment"], _number(row["bits"])):
                sums[doc] = sums.get(doc, 0.0) + weights[term] ** 2
                looked_at += 1
                if looked_at >= POSTINGS_MAX:
                    break
    return sorted(sums, key=lambda doc: (-sums[doc], -doc))


def _number(bits: asyncpg.BitString) -> int:
    return int.from_bytes(bits.bytes, "big")


def _cursor(rank: int, doc: int) -> str:
    return f"{rank}.0.{doc}"


def found_of(row: asyncpg.Record) -> Found:
    """Return a stored document as a result."""
    return Found(**{name: row[name] for name in Found.__struct_fields__})
