"""The index of listings: a consumer of the log that writes "the rows that the listing's state has now", so twice changes nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import asyncpg

from engine.catalogue.listings.rows import DealRow, IntentRow, ListingPage, ListingRow
from engine.journal.follower import Connection, StreamFollower, states_of
from engine.journal.queries import load_queries
from engine.journal.streams import LISTINGS
from engine.rules.listing.state import DealPhase, IntentPhase, ListingPhase, ListingState
from engine.values import LISTING_SHARDS, ListingId, PartyId

CONSUMER: Final = "listings"
PAGE_MAX: Final = 100
QUEUE_MAX: Final = 500
WATCHES_MAX: Final = 500
NO_END_US: Final = 2**62
_QUERIES: Final = load_queries(Path(__file__).parent / "queries.sql")


class ListingIndex:
    """The read model and its consumer."""

    def __init__(self, pool: asyncpg.Pool, load: Callable[[ListingId], Awaitable[ListingState | None]]) -> None:
        self._pool = pool
        self.follower = StreamFollower(
            pool, CONSUMER, LISTING_SHARDS, states_of(LISTINGS, load, ListingId), self._write
        )

    async def _write(self, connection: Connection, states: list[ListingState]) -> None:
        await connection.executemany(_QUERIES["upsert_listing"], [_listing_values(state) for state in states])
        await connection.executemany(
            _QUERIES["upsert_intent"],
            [
                (
                    state.listing_id, intent.no, intent.buyer_id, state.seller_id, intent.phase.value, intent.code,
                    _decimal(intent.deposit), intent.due_us, intent.registered_at_us, state.last_at_us,
                )
                for state in states
                for intent in state.intents
            ],
        )  # fmt: skip
        await connection.executemany(
            _QUERIES["upsert_deal"],
            [
                (
                    state.listing_id, deal.no, deal.buyer_id, state.seller_id, Decimal(deal.price), deal.phase.value,
                    deal.struck_at_us, deal.sign_by_us,
                )
                for state in states
                for deal in state.deals
            ],
        )  # fmt: skip

    async def search(
        self,
        *,
        words: str = "",
        field: str = "",
        region: str = "",
        mode: str = "",
        phases: Sequence[str] = (),
        newest: bool = False,
        after: str = "",
        limit: int = 20,
    ) -> ListingPage:
        """Return a page of published listings, soonest end first or newest first.

        Args:
            words: Looked for in titles, summaries and seller, in either language; at most 100 characters count.
            field: Technical field code, empty for all.
            region: GB/T 2260 code or its beginning, empty for all.
            mode: What is offered (`OfferedMode`), empty for all.
            phases: States to keep, empty for all.
            newest: Latest publication first.
            after: `next` of the page before; a malformed one starts from the beginning.
            limit: At most this many, 1..100.
        """
        limit = max(1, min(limit, PAGE_MAX))
        text = words.strip().lower()[:100]
        value, last = _position(after)
        rows = await self._pool.fetch(
            _QUERIES["search_newest" if newest else "search_ending"],
            f"%{_escaped(text)}%" if text else "", field, f"{_escaped(region)}%" if region else "", list(phases), mode,
            value, last, limit + 1,
        )  # fmt: skip
        found = [_listing_row(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return ListingPage(found, None)
        final = rows[limit - 1]
        return ListingPage(found, f"{-final['published_at_us'] if newest else final['ends_at_us']}~{final['listing']}")

    async def of_seller(self, seller_id: PartyId, before_us: int | None = None, limit: int = 50) -> list[ListingRow]:
        """Return a party's own listings, last changed first."""
        return await self._rows("of_seller", seller_id, before_us, min(limit, PAGE_MAX))

    async def of_achievement(self, achievement_id: str) -> list[ListingRow]:
        """Return the published listings of an achievement, newest first."""
        return await self._rows("of_achievement", achievement_id, PAGE_MAX)

    async def by_id(self, ids: Sequence[str]) -> dict[str, ListingRow]:
        """Return the rows of these listings."""
        return {row.listing: row for row in await self._rows("by_id", list(ids)[:QUEUE_MAX])}

    async def in_phases(self, phases: Sequence[ListingPhase]) -> list[ListingRow]:
        """Return the listings that stand in these phases, longest waiting first."""
        return await self._rows("in_phases", [phase.value for phase in phases], QUEUE_MAX)

    async def uncertain(self) -> list[ListingRow]:
        """Return the listings whose period runs past the official calendar."""
        return await self._rows("uncertain", QUEUE_MAX)

    async def count_by_phase(self) -> dict[str, int]:
        """Return how many listings stand in each phase."""
        return {row["phase"]: row["listings"] for row in await self._pool.fetch(_QUERIES["count_by_phase"])}

    async def intents_in_phases(self, phases: Sequence[IntentPhase]) -> list[IntentRow]:
        """Return the applications that stand in these phases, longest waiting first."""
        return await self._intents("intents_in_phases", [phase.value for phase in phases], QUEUE_MAX)

    async def intents_of_seller(self, seller_id: PartyId, phases: Sequence[IntentPhase]) -> list[IntentRow]:
        """Return the applications to a seller's listings that stand in these phases."""
        return await self._intents("intents_of_seller", seller_id, [phase.value for phase in phases], QUEUE_MAX)

    async def intents_of_buyer(
        self, buyer_id: PartyId, before_us: int | None = None, listing: str = ""
    ) -> list[IntentRow]:
        """Return a buyer's applications, newest first; with `listing` only those to it."""
        return await self._intents("intents_of_buyer", buyer_id, before_us, PAGE_MAX, listing)

    async def deals_in_phases(self, phases: Sequence[DealPhase]) -> list[DealRow]:
        """Return the deals that stand in these phases, soonest signature first."""
        rows = await self._pool.fetch(_QUERIES["deals_in_phases"], [phase.value for phase in phases], QUEUE_MAX)
        return [_deal_row(row) for row in rows]

    async def deals_of(self, party_id: PartyId, listing: str = "") -> list[DealRow]:
        """Return a party's deals on either side, newest first; with `listing` only those of it."""
        return [_deal_row(row) for row in await self._pool.fetch(_QUERIES["deals_of"], party_id, PAGE_MAX, listing)]

    async def watch(self, party_id: PartyId, listing_id: ListingId, now_us: int) -> bool:
        """Put a listing on a party's watch list; False if the list is full."""
        if await self._pool.fetchval(_QUERIES["watch_count"], party_id) >= WATCHES_MAX:
            return False
        await self._pool.execute(_QUERIES["watch"], party_id, listing_id, now_us)
        return True

    async def unwatch(self, party_id: PartyId, listing_id: ListingId) -> None:
        """Take a listing off a party's watch list."""
        await self._pool.execute(_QUERIES["unwatch"], party_id, listing_id)

    async def watches(self, party_id: PartyId, listing_id: ListingId) -> bool:
        """Tell whether a party watches a listing."""
        return bool(await self._pool.fetchval(_QUERIES["watches"], party_id, listing_id))

    async def watched(self, party_id: PartyId) -> list[ListingRow]:
        """Return a party's watch list, last added first."""
        return await self._rows("watched", party_id, WATCHES_MAX)

    async def _rows(self, name: str, *arguments: Any) -> list[ListingRow]:
        return [_listing_row(row) for row in await self._pool.fetch(_QUERIES[name], *arguments)]

    async def _intents(self, name: str, *arguments: Any) -> list[IntentRow]:
        return [_intent_row(row) for row in await self._pool.fetch(_QUERIES[name], *arguments)]


def _decimal(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def _listing_values(state: ListingState) -> tuple[object, ...]:
    subject, terms = state.subject, state.terms
    texts = (
        subject.title_zh, subject.title_en, subject.summary_zh, subject.summary_en,
        subject.seller_name_zh, subject.seller_name_en,
    )  # fmt: skip
    ends_at_us = state.last_at_us if state.phase.is_final else (state.discloses_until_us or NO_END_US)
    return (
        state.listing_id, state.seq, state.phase.value, terms.way.value, terms.mode.value, state.seller_id,
        subject.achievement_id, *texts, subject.field, subject.region, subject.demonstration, _decimal(state.price),
        terms.currency.code, terms.currency.exponent, state.lot_id, state.certain, state.submitted_at_us,
        state.first_published_at_us, ends_at_us, state.last_at_us, " ".join((state.listing_id, *texts)).lower(),
    )  # fmt: skip


def _listing_row(row: asyncpg.Record) -> ListingRow:
    special: dict[str, Any] = {
        "price": None if row["price"] is None else str(int(row["price"])),
        "ends_at_us": None if row["ends_at_us"] == NO_END_US else row["ends_at_us"],
    }
    return ListingRow(**{name: special.get(name, row[name]) for name in ListingRow.__struct_fields__})


def _intent_row(row: asyncpg.Record) -> IntentRow:
    held = row.keys()
    deposit = None if row["deposit"] is None else str(int(row["deposit"]))
    values = {name: row[name] for name in IntentRow.__struct_fields__ if name in held and name != "deposit"}
    if values.get("ends_at_us") == NO_END_US:
        values["ends_at_us"] = None
    return IntentRow(**values, deposit=deposit)


def _deal_row(row: asyncpg.Record) -> DealRow:
    values = {name: row[name] for name in DealRow.__struct_fields__ if name != "price"}
    return DealRow(**values, price=str(int(row["price"])))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _position(after: str) -> tuple[int, str]:
    text, _, listing = after.partition("~")
    if re.fullmatch(r"-?[0-9]{1,19}", text) is None or abs(int(text)) > NO_END_US:
        return -NO_END_US, ""
    return int(text), listing
