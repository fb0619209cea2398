"""Deals follow the log: a consumer of every shard, cursor and effect in one transaction, so that each struck deal opens one process.

What cannot be opened or noted becomes a line in the operator's list of problems; the consumer goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.journal.codec import decode_event, type_of
from engine.journal.follower import BEHIND, Follower
from engine.journal.queries import load_queries
from engine.journal.secrecy import CLEAR, Secrecy
from engine.journal.streams import LISTINGS, LOTS, NOTICES
from engine.rules.auction.events import LotSold
from engine.rules.auction.formats.events import LotAllocated
from engine.rules.listing.events import DealDefaulted, DealSigned, DealStruck
from engine.rules.listing.state import ListingState
from engine.rules.publicity.events import AgreementStruck, ContractRecorded
from engine.values import ALL_SHARDS, InstantUs, ListingId
from settlement.deals import acts as a
from settlement.deals.answers import Refused
from settlement.deals.deal import Deal, Way, deal_id_of
from settlement.deals.deals import Deals
from settlement.deals.striking import Place, Published, Unusable, deal_of_listing, deal_of_notice, deals_of_lot, note_of
from settlement.deposits.store import QUERIES as DEPOSIT_QUERIES
from settlement.ledger.book import Connection

CONSUMER: Final = "deals"
EVENTS_A_TURN: Final = 2_000
DECISIVE: Final = frozenset(
    {LotSold, LotAllocated, DealStruck, DealSigned, DealDefaulted, AgreementStruck, ContractRecorded}
)
"""Events that say something about a deal."""
DECISIVE_TYPES: Final = frozenset(type_of(event) for event in DECISIVE)
QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "following.sql")

log = logging.getLogger(__name__)


class Meaning(Struct, frozen=True):
    """What an event of the log means for a deal: it is struck, or its listing has spoken about it."""

    place: Place
    deal_id: str
    act: Deal | a.NoteSigned | a.NoteDefault | Unusable


class DealFollowing:
    """The consumer. A further way of sale: a branch of `_meaning`, its events in `DECISIVE`."""

    def __init__(self, pool: asyncpg.Pool, deals: Deals, secrecy: Secrecy = CLEAR) -> None:
        self._pool = pool
        self._secrecy = secrecy
        self._deals = deals
        self._follower = Follower(pool, CONSUMER, ALL_SHARDS, self._meanings, self._write, DECISIVE_TYPES)
        self._wake = asyncio.Event()

    def notice(self, changes: Sequence[Any]) -> None:
        """Listener of the engine: something happened. Bids wake nobody; the cursor passes over them once in a while."""
        if not DECISIVE.isdisjoint({type(change.event) for change in changes}):
            self._wake.set()

    async def run(self, pause_s: float = 1.0) -> None:
        """Consume for ever; looks by itself every `pause_s`, so that it needs no engine in its own process."""
        while True:
            self._wake.clear()
            try:
                await self.catch_up()
            except BEHIND:
                log.warning("deals_behind", exc_info=True)
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def catch_up(self) -> None:
        """Act on every event after the cursors."""
        rows = await self._pool.fetch(QUERIES["shards_behind"], CONSUMER, list(ALL_SHARDS))
        self._follower.notice(row["shard"] for row in rows)
        await self._follower.catch_up()

    async def _meanings(self, rows: Sequence[asyncpg.Record]) -> list[Meaning]:
        return [meaning for row in rows for meaning in await self._of_row(row)]

    async def _of_row(self, row: asyncpg.Record) -> list[Meaning]:
        """Return what an event means; one that cannot be understood is shown to an operator and holds nothing up."""
        place = Place(row["stream"], row["stream_seq"], row["at_us"], row["digest"].hex())
        try:
            return await self._meaning(place, decode_event(row["type"], row["version"], row["body"]))
        except BEHIND:
            raise
        except Exception:
            log.exception("deal_unreadable", extra={"stream": place.stream, "stream_seq": place.stream_seq})
            return [Meaning(place, "", Unusable("", "unreadable"))]

    async def _meaning(self, place: Place, event: Any) -> list[Meaning]:
        match event:
            case LotSold() | LotAllocated():
                first = await self._pool.fetchrow(QUERIES["stream_until"], place.stream, 0, 1, 1)
                assert first is not None, "a stream begins with its first event"
                published = decode_event(first["type"], first["version"], self._secrecy.show_body(first["body"]))
                assert isinstance(published, Published), "a lot begins with its publication"
                lot_id = LOTS.subject(place.stream)
                struck_now = deals_of_lot(lot_id, place, published, event, self._deals.conditions())
                return [Meaning(place, _id_of(deal), deal) for deal in struck_now]
            case DealStruck():
                state = await self._listing(place)
                struck = deal_of_listing(place, event, state, self._deals.conditions())
                return [Meaning(place, _id_of(struck), struck)]
            case DealSigned() | DealDefaulted():
                deal_id = deal_id_of(Way.LISTING, LISTINGS.subject(place.stream), event.deal_no)
                return [Meaning(place, deal_id, note_of(event))]
            case AgreementStruck():
                notice_id = NOTICES.subject(place.stream)
                agreed = deal_of_notice(notice_id, place, event, self._deals.conditions())
                return [Meaning(place, _id_of(agreed), agreed)]
            case ContractRecorded():
                return [Meaning(place, deal_id_of(Way.NOTICE, NOTICES.subject(place.stream)), note_of(event))]
            case _:
                return []

    async def _listing(self, place: Place) -> ListingState:
        """Return the state of a listing after an event."""
        state: ListingState | None = None
        listing_id, seq = ListingId(LISTINGS.subject(place.stream)), 0
        while seq < place.stream_seq:
            rows = await self._pool.fetch(QUERIES["stream_until"], place.stream, seq, place.stream_seq, EVENTS_A_TURN)
            for row in rows:
                event = decode_event(row["type"], row["version"], row["body"])
                state = LISTINGS.evolve(state, listing_id, event, InstantUs(row["at_us"]))
            seq = rows[-1]["stream_seq"]
        assert state is not None, "a deal has a listing"
        return state

    async def _write(self, connection: Connection, meanings: list[Meaning]) -> None:
        for meaning in meanings:
            place, act = meaning.place, meaning.act
            match act:
                case Unusable():
                    await self._problem(connection, meaning, "OpenDeal", act.code)
                case Deal():
                    done = await self._deals.open(act, on=connection)
                    await self._refused(connection, meaning, "OpenDeal", done)
                case _:
                    key = f"log:{place.stream_seq}"
                    done = await self._deals.do(meaning.deal_id, act, key=key, on=connection)
                    await self._refused(connection, meaning, type(act).__name__, done)

    async def _refused(self, connection: Connection, meaning: Meaning, wanted: str, done: Any) -> None:
        if isinstance(done, Refused):
            log.warning("deal_act_refused", extra={"code": done.code.value, "act": wanted})
            await self._problem(connection, meaning, wanted, done.code.value)

    async def _problem(self, connection: Connection, meaning: Meaning, wanted: str, code: str) -> None:
        place = meaning.place
        await connection.execute(
            DEPOSIT_QUERIES["note_problem"], place.stream, place.stream_seq, meaning.deal_id, wanted, code, place.at_us
        )


def _id_of(deal: Deal | Unusable) -> str:
    return deal.id if isinstance(deal, Deal) else deal.deal_id
