"""Writing the index: versions come in, in the transaction of whoever calls; older versions of the same subject stop being found."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import asyncpg.pool

from engine.catalogue.search.entries import ALIVE, Entry, Kind, facets_of, listing_facets
from engine.journal.queries import load_queries
from engine.rules.words import terms_of

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")
SEGMENT: Final = 16_384
"""Documents in one bitmap; fixed by the column type."""
BATCH_MAX: Final = 4_096
"""Entries of one call of `add`: bounds the memory and the time that other writers wait."""
ROWS_A_STATEMENT: Final = 1_000
ANYWHERE, TITLE, HEAD = 0, 1, 2

Key = tuple[str, int, int]
Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
"""A connection inside a transaction of the caller."""


async def add(connection: Connection, entries: Sequence[Entry]) -> dict[tuple[str, str], int]:
    """Make versions searchable and return the document number of each (kind, id). Call it inside a transaction.

    Of several versions of one subject the last counts. Whatever was listed before stays listed, at its price.
    """
    last = {(entry.kind.value, entry.id): entry for entry in entries}
    if not last:
        return {}
    assert len(last) <= BATCH_MAX, "call it with fewer"
    await connection.execute(QUERIES["lock_index"])
    before = await retire(connection, last)
    first: int = await connection.fetchval(QUERIES["take_numbers"], len(last))
    numbered = list(enumerate(last.values(), first))
    rows = [_document(doc, entry, before) for doc, entry in numbered]
    await connection.executemany(QUERIES["add_document"], rows)
    await _add_terms(connection, numbered)
    await _add_facets(connection, numbered, before)
    return {(entry.kind.value, entry.id): doc for doc, entry in numbered}


async def retire(connection: Connection, subjects: Iterable[tuple[str, str]]) -> dict[tuple[str, str], asyncpg.Record]:
    """Let the living versions of these (kind, id) be found no more; return what they were."""
    asked = list(subjects)
    gone = await connection.fetch(QUERIES["retire"], [kind for kind, _ in asked], [one for _, one in asked])
    for row in gone:
        await connection.execute(QUERIES["clear_facet"], ALIVE, row["kind"], *divmod(row["doc"], SEGMENT))
    return {(row["kind"], row["id"]): row for row in gone}


async def set_listed(connection: Connection, kind: Kind, subject: str, *, listed: bool, price_fen: int | None) -> bool:
    """Note that a subject went on or off the market, or changed its price; False if nothing of the name is found."""
    await connection.execute(QUERIES["lock_index"])
    doc = await connection.fetchval(QUERIES["set_listed"], kind.value, subject, listed, price_fen)
    if doc is None:
        return False
    segment, place = divmod(doc, SEGMENT)
    for facet, value in (("listed", "0"), ("listed", "1"), ("priced", "1")):
        await connection.execute(QUERIES["clear_facet"], facet, value, segment, place)
    wanted = {(*one, segment): [place] for one in listing_facets(listed=listed, price_fen=price_fen)}
    await _write(connection, "add_facets", wanted)
    return True


async def reset(connection: Connection) -> None:
    """Forget everything; the caller adds all published versions again."""
    await connection.execute(QUERIES["lock_index"])
    await connection.execute(QUERIES["reset"])
    await connection.execute(QUERIES["reset_state"])


def _document(doc: int, entry: Entry, before: dict[tuple[str, str], asyncpg.Record]) -> tuple[object, ...]:
    listed, price_fen = _listing(entry, before)
    return (
        doc, entry.kind.value, entry.id, entry.version, entry.owner, entry.title_zh, entry.title_en, list(entry.keywords),
        entry.abstract_zh, entry.abstract_en, entry.holder_zh, entry.holder_en, entry.holder_kind, list(entry.fields),
        entry.industry, entry.region, entry.trl, list(entry.modes), listed, price_fen, entry.published_at_us, entry.folded,
    )  # fmt: skip


def _listing(entry: Entry, before: dict[tuple[str, str], asyncpg.Record]) -> tuple[bool, int | None]:
    old = before.get((entry.kind.value, entry.id))
    if old is None or entry.listed or entry.price_fen is not None:
        return entry.listed, entry.price_fen
    return old["listed"], old["price_fen"]


async def _add_terms(connection: Connection, numbered: Iterable[tuple[int, Entry]]) -> None:
    # Cutting texts into terms is the longest work of all: in a thread, so that a live auction in this process goes on.
    await _write(connection, "add_terms", await asyncio.to_thread(_term_places, numbered))


def _term_places(numbered: Iterable[tuple[int, Entry]]) -> dict[Key, list[int]]:
    places: defaultdict[Key, list[int]] = defaultdict(list)
    for doc, entry in numbered:
        segment, place = divmod(doc, SEGMENT)
        for zone, text in ((ANYWHERE, entry.folded), (TITLE, entry.title), (HEAD, entry.head)):
            for term in terms_of(text):
                places[term, zone, segment].append(place)
    return places


async def _add_facets(
    connection: Connection,
    numbered: Iterable[tuple[int, Entry]],
    before: dict[tuple[str, str], asyncpg.Record],
) -> None:
    places: defaultdict[tuple[str, str, int], list[int]] = defaultdict(list)
    for doc, entry in numbered:
        segment, place = divmod(doc, SEGMENT)
        listed, price_fen = _listing(entry, before)
        changing = set(listing_facets(listed=entry.listed, price_fen=entry.price_fen))
        kept = (one for one in facets_of(entry) if one not in changing)
        for facet, value in (*kept, *listing_facets(listed=listed, price_fen=price_fen)):
            places[facet, value, segment].append(place)
    await _write(connection, "add_facets", places)


async def _write(connection: Connection, query: str, places: Mapping[tuple[Any, ...], list[int]]) -> None:
    """Set bits; in the order of the keys, so that pages of the index are written once each."""
    keys = sorted(places)
    for at in range(0, len(keys), ROWS_A_STATEMENT):
        some = keys[at : at + ROWS_A_STATEMENT]
        columns = [list(column) for column in zip(*some, strict=True)]
        bitmaps = await asyncio.to_thread(lambda keys=some: [_bits(places[key]) for key in keys])  # type: ignore[misc]
        await connection.execute(QUERIES[query], *columns, bitmaps)


def _bits(places: Iterable[int]) -> asyncpg.BitString:
    """Return a bitmap with these bits set, the first bit on the left."""
    found = bytearray(SEGMENT // 8)
    for place in places:
        found[place >> 3] |= 0x80 >> (place & 7)
    return asyncpg.BitString.frombytes(bytes(found), SEGMENT)
