"""The hall: what lots there are, found by words, field, region and state. A consumer of the log with a cursor for each shard.

The effect of an event is "write the row that the lot's state has now", so doing it twice, or late, changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from engine.journal.follower import Connection, StreamFollower, states_of
from engine.journal.queries import load_queries
from engine.journal.streams import LOTS
from engine.rules.auction.state import LotState
from engine.rules.visibility import public_end_us
from engine.values import SHARDS, LotId

CATALOGUE_MIGRATIONS: Final = Path(__file__).parent / "sql" / "migrations"
CONSUMER: Final = "hall"
PAGE_MAX: Final = 100
ROUNDS_MAX: Final = 20
NO_END_US: Final = 2**62
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


class Sort(StrEnum):
    """In which order lots are listed."""

    ENDING = "ending"
    NEWEST = "newest"
    PRICE = "price"


class HallLot(Struct, frozen=True, kw_only=True):
    """One lot in a list. Amounts are digit strings in minor units."""

    lot: LotId
    seq: int
    phase: str
    title_zh: str
    title_en: str
    summary_zh: str
    summary_en: str
    seller_name_zh: str
    seller_name_en: str
    field: str
    region: str
    demonstration: bool
    start_price: str
    price: str | None
    currency: str
    exponent: int
    bids: int
    bidders: int
    opens_at_us: int
    ends_at_us: int | None


class HallPage(Struct, frozen=True):
    """A page of a search; `next` continues it, None at the end."""

    lots: list[HallLot]
    next: str | None


class Hall:
    """The read model and its consumer."""

    def __init__(self, pool: asyncpg.Pool, load: Callable[[LotId], Awaitable[LotState | None]]) -> None:
        self._pool = pool
        self.follower = StreamFollower(pool, CONSUMER, range(SHARDS), states_of(LOTS, load, LotId), self._write)

    async def _write(self, connection: Connection, states: list[LotState]) -> None:
        await connection.executemany(_QUERIES["upsert_lot"], [_row(state) for state in states])

    async def search(
        self,
        *,
        words: str = "",
        field: str = "",
        region: str = "",
        phases: Sequence[str] = (),
        sort: Sort = Sort.ENDING,
        after: str = "",
        limit: int = 20,
    ) -> HallPage:
        """Return a page of lots.

        Args:
            words: Looked for in titles, summaries and seller, in either language.
            field: Technical field code, empty for all.
            region: GB/T 2260 code or its beginning (`1501` is all of Hohhot), empty for all.
            phases: States to keep, empty for all.
            sort: The order.
            after: `next` of the page before; a malformed one starts from the beginning.
            limit: At most this many, 1..100.
        """
        limit = max(1, min(limit, PAGE_MAX))
        pattern = f"%{_escaped(words.strip().lower())}%" if words.strip() else ""
        value, lot = _position(after, sort)
        rows = await self._pool.fetch(
            _QUERIES[f"search_{sort.value}"],
            pattern,
            field,
            f"{_escaped(region)}%" if region else "",
            list(phases),
            value,
            lot,
            limit + 1,
        )
        lots = [_hall_lot(row) for row in rows[:limit]]
        return HallPage(lots, _after(rows[limit - 1], sort) if len(rows) > limit else None)

    async def by_id(self, lot_ids: Sequence[LotId]) -> dict[LotId, HallLot]:
        """Return the rows of these lots."""
        rows = await self._pool.fetch(_QUERIES["lots_by_id"], list(lot_ids))
        return {LotId(row["lot"]): _hall_lot(row) for row in rows}

    async def after(self, lot_id: LotId) -> list[LotId]:
        """Return the rounds that followed a lot, oldest first."""
        return [LotId(row["lot"]) for row in await self._pool.fetch(_QUERIES["lots_after"], lot_id, ROUNDS_MAX)]

    async def count_by_phase(self) -> dict[str, int]:
        """Return how many lots stand in each phase."""
        rows = await self._pool.fetch(_QUERIES["count_by_phase"])
        return {row["phase"]: row["lots"] for row in rows}


def _row(state: LotState) -> tuple[object, ...]:
    subject, terms = state.subject, state.terms
    texts = (
        subject.title_zh, subject.title_en, subject.summary_zh, subject.summary_en,
        subject.seller_name_zh, subject.seller_name_en,
    )  # fmt: skip
    ends_at_us = state.ended_at_us or public_end_us(state) or state.free_ends_at_us or NO_END_US
    return (
        state.lot_id, state.seq, state.phase.value, *texts, state.seller_id,
        subject.field, subject.region, subject.demonstration,
        Decimal(terms.start_price), None if state.price is None else Decimal(state.price),
        terms.currency.code, terms.currency.exponent, state.bids, len(state.codes),
        state.opens_at_us, ends_at_us, state.published_at_us, " ".join((state.lot_id, *texts)).lower(),
        None if state.play is None else state.play.terms.previous_lot,
    )  # fmt: skip


def _hall_lot(row: asyncpg.Record) -> HallLot:
    price = row["price"]
    return HallLot(
        **{name: row[name] for name in HallLot.__struct_fields__ if name not in ("price", "start_price", "ends_at_us")},
        start_price=str(int(row["start_price"])),
        price=None if price is None else str(int(price)),
        ends_at_us=None if row["ends_at_us"] == NO_END_US else row["ends_at_us"],
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _position(after: str, sort: Sort) -> tuple[int | Decimal, str]:
    """Return where a page goes on; before everything for the first page and for what is not a position."""
    text, _, lot = after.partition("~")
    priced = sort is Sort.PRICE
    if re.fullmatch(r"-?[0-9]{1,31}", text) is None or (not priced and abs(int(text)) > NO_END_US):
        return (Decimal(-(10**40)) if priced else -NO_END_US), ""
    return (Decimal(text) if priced else int(text)), lot


def _after(row: asyncpg.Record, sort: Sort) -> str:
    price = row["price"] if row["price"] is not None else row["start_price"]
    value = {Sort.ENDING: row["ends_at_us"], Sort.NEWEST: -row["published_at_us"], Sort.PRICE: -int(price)}[sort]
    return f"{value}~{row['lot']}"
