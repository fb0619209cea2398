"""Listings on the real engine and PostgreSQL: several buyers get a session, its result comes back; a crash in between changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from msgspec.structs import replace

from engine.calendar import Calendar
from engine.catalogue.codes.calendar_data import load_calendar
from engine.evidence.receipts import Outcome, Receipt
from engine.evidence.verification import verify_log
from engine.journal.codec import encode_state, request_digest
from engine.journal.reader import Reader
from engine.rules.auction.commands import PauseLot, PlaceBid, VoidLot
from engine.rules.auction.state import LotState, Phase
from engine.rules.listing import commands as c
from engine.rules.listing.state import IntentPhase, ListingPhase, ListingState
from engine.rules.rejections import Reject
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.handover import HandOver
from engine.values import Amount, InstantUs, ListingId, LotId, PartyId
from tests.engine.rules.listing.transcript import PRICE, SELLER, disclosed, posted, submission
from tests.time_travel import travel

LISTING = ListingId("rare-1")
SECOND = 1_000_000
CALENDAR = load_calendar()


class Fair:
    """An engine with its hand-over, and the sentences the tests say to it."""

    def __init__(self, dsn: str, calendar: Calendar = CALENDAR) -> None:
        self.dsn = dsn
        self.engine = Engine(EngineSettings(dsn=dsn, stall_us=30 * SECOND), lambda: calendar)
        self.hand_over = HandOver(self.engine, calendar)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> Fair:
        await self.engine.start()
        self._task = asyncio.get_running_loop().create_task(self.hand_over.follow())
        return self

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.engine.stop()

    async def say(self, command: c.ListingCommand, command_id: bytes | None = None) -> Receipt:
        return await self.engine.listings.ask(
            LISTING,
            command,
            command_id=command_id or uuid.uuid4().bytes,
            request_digest=request_digest(command),
            actor="op",
            arrived_at_us=None,
        )

    async def list_with(self, *buyers: str, publish: bool = True) -> None:
        await self.say(submission(disclosed(deposit=None)))
        if publish:
            await self.say(c.PublishListing())
        for no, buyer in enumerate(buyers, 1):
            await self.say(c.RegisterIntent(buyer_id=PartyId(buyer)))
            await self.say(c.ReviewIntent(intent_no=no, verdict=c.Verdict.PASS))
            receipt = await self.say(c.AnswerIntent(intent_no=no, agrees=True))
            assert receipt.decision is Outcome.ACCEPTED, receipt
        async with asyncio.timeout(60):
            while any(intent.phase is not IntentPhase.ADMITTED for intent in self.listing.intents):
                await asyncio.sleep(0.01)  # the admission is an event of its own

    async def disclosure_ends(self) -> None:
        until_us = self.listing.discloses_until_us
        assert until_us is not None
        await travel(self.engine, until_us)

    @property
    def listing(self) -> ListingState:
        state = self.engine.listings.state(LISTING)
        assert state is not None
        return state

    async def lot(self, met: Callable[[LotState], bool] = lambda lot: True) -> LotState:
        async with asyncio.timeout(60):
            while (state := self.engine.state(self.lot_id)) is None or not met(state):
                await asyncio.sleep(0.01)
        return state

    @property
    def lot_id(self) -> LotId:
        return LotId(f"{LISTING}.1")

    async def until(self, phase: ListingPhase) -> ListingState:
        async with asyncio.timeout(60):
            while self.listing.phase is not phase:
                await asyncio.sleep(0.01)
        return self.listing

    async def bid(self, buyer: str, amount: int) -> Receipt:
        command = PlaceBid(bidder_id=PartyId(buyer), amount=Amount(amount))
        return await self.engine.ask(
            self.lot_id,
            command,
            command_id=uuid.uuid4().bytes,
            request_digest=request_digest(command),
            actor=buyer,
            arrived_at_us=None,
        )

    async def session_opens(self) -> LotState:
        lot = await self.lot(lambda lot: len(lot.codes) == sum(i.code is not None for i in self.listing.intents))
        await travel(self.engine, lot.opens_at_us)
        return await self.lot(lambda lot: lot.phase.is_bidding)

    async def session_ends(self) -> None:
        while not (lot := await self.lot()).phase.is_final:
            due_us = lot.closes_at_us or lot.free_ends_at_us
            assert due_us is not None
            await travel(self.engine, due_us)


@pytest.fixture
async def fair(fresh_database: str) -> AsyncIterator[Fair]:
    opened = await Fair(fresh_database).start()
    yield opened
    await opened.stop()


async def test_several_buyers_get_a_session_with_their_codes_and_its_winner_gets_the_deal(fair: Fair) -> None:
    await fair.list_with("A", "B", "C")
    await fair.disclosure_ends()
    lot = await fair.session_opens()
    assert lot.codes == {intent.buyer_id: intent.code for intent in fair.listing.intents}
    assert (lot.seller_id, lot.terms.start_price) == (SELLER, PRICE)
    assert (await fair.bid("A", PRICE)).decision is Outcome.ACCEPTED
    assert (await fair.bid("B", PRICE + 100_000)).decision is Outcome.ACCEPTED
    assert (await fair.bid("D", PRICE + 200_000)).code is Reject.NOT_ADMITTED
    await fair.session_ends()
    listing = await fair.until(ListingPhase.DEAL)
    assert [(deal.buyer_id, deal.price, deal.way.value) for deal in listing.deals] == [
        ("B", PRICE + 100_000, "session")
    ]


async def test_a_crash_after_the_order_and_one_after_the_hammer_change_nothing(fresh_database: str) -> None:
    first = Fair(fresh_database)
    await first.engine.start()  # without its hand-over: the order is in the log, nobody carries it out
    await first.list_with("A", "B")
    await first.disclosure_ends()
    await first.until(ListingPhase.BIDDING)
    at_us = first.engine.clock.now_us()
    await first.engine.stop()

    second = Fair(fresh_database)
    second.engine.clock._offset_us += at_us - second.engine.clock.now_us()
    await second.start()
    await second.session_opens()
    await second.bid("A", PRICE)
    second._task.cancel()  # type: ignore[union-attr]  # the hand-over dies before the hammer
    await second.session_ends()
    assert second.listing.phase is ListingPhase.BIDDING
    at_us = second.engine.clock.now_us()
    await second.engine.stop()

    third = Fair(fresh_database)
    third.engine.clock._offset_us += at_us - third.engine.clock.now_us()
    await third.start()
    listing = await third.until(ListingPhase.DEAL)
    assert [deal.buyer_id for deal in listing.deals] == ["A"]
    await third.stop()


async def test_a_voided_session_suspends_the_listing_with_its_buyers(fair: Fair) -> None:
    await fair.list_with("A", "B")
    await fair.disclosure_ends()
    await fair.session_opens()
    for command in (PauseLot(reason="a fault"), VoidLot(reason="the platform failed")):
        receipt = await fair.engine.ask(
            fair.lot_id, command, command_id=uuid.uuid4().bytes, request_digest=request_digest(command), actor="op", arrived_at_us=None
        )  # fmt: skip
        assert receipt.decision is Outcome.ACCEPTED
    assert (await fair.lot()).phase is Phase.VOIDED
    listing = await fair.until(ListingPhase.SUSPENDED)
    assert [intent.phase for intent in listing.intents] == [IntentPhase.ADMITTED, IntentPhase.ADMITTED]


async def test_the_same_id_gives_the_same_answer_and_other_content_is_refused(fair: Fair) -> None:
    await fair.list_with()
    command_id = uuid.uuid4().bytes
    first = await fair.say(c.RegisterIntent(buyer_id=PartyId("A")), command_id)
    assert await fair.say(c.RegisterIntent(buyer_id=PartyId("A")), command_id) == first
    assert (await fair.say(c.RegisterIntent(buyer_id=PartyId("B")), command_id)).code is Reject.COMMAND_ID_REUSED
    assert len(fair.listing.intents) == 1


async def test_the_log_alone_rebuilds_the_listing_and_verifies(fair: Fair) -> None:
    await fair.list_with("A", "B")
    await fair.disclosure_ends()
    await fair.session_opens()
    await fair.bid("B", PRICE)
    await fair.session_ends()
    lived = await fair.until(ListingPhase.DEAL)
    await fair.stop()
    again = Fair(fair.dsn)
    again.engine.clock._offset_us += fair.engine.clock.now_us() - again.engine.clock.now_us()
    await again.engine.start()
    assert encode_state(again.listing) == encode_state(lived)
    await again.engine.stop()
    async with asyncpg.create_pool(fair.dsn, min_size=1, max_size=1) as pool:
        reader = Reader(pool)
        verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert (verdict.findings, verdict.lots, verdict.listings) == ([], 1, 1)


async def test_one_changed_byte_of_a_listings_history_is_found_and_named(fair: Fair) -> None:
    await fair.list_with("A")
    await fair.stop()
    connection = await asyncpg.connect(fair.dsn)
    await connection.execute("ALTER TABLE event DISABLE TRIGGER ALL")
    await connection.execute(
        "UPDATE event SET body = convert_to(replace(convert_from(body, 'UTF8'), '\"A\"', '\"B\"'), 'UTF8')"
        " WHERE type = 'listing.intent_registered'"
    )
    await connection.close()
    async with asyncpg.create_pool(fair.dsn, min_size=1, max_size=1) as pool:
        reader = Reader(pool)
        verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert [("listing.intent_registered" in finding.place) for finding in verdict.findings] == [True]


async def test_a_period_past_the_table_is_counted_again_when_the_notice_arrives(fresh_database: str) -> None:
    short = replace(CALENDAR, version="old", last_day=CALENDAR.first_day)
    old = await Fair(fresh_database, short).start()
    await old.list_with()
    assert not old.listing.certain and old.listing.calendar_version == "old"
    await old.stop()
    new = await Fair(fresh_database, replace(CALENDAR, version="new")).start()
    async with asyncio.timeout(60):
        while new.listing.calendar_version != "new":
            await asyncio.sleep(0.01)
    await new.stop()


async def test_a_slow_listing_never_stands_before_a_bid(fair: Fair) -> None:
    """The lanes have inboxes and shards of their own."""
    await fair.say(submission(posted()))
    assert fair.engine.listings.writer is not fair.engine._lots.writer
    async with asyncpg.create_pool(fair.dsn, min_size=1, max_size=1) as pool:
        shards = await pool.fetch("SELECT DISTINCT shard FROM event WHERE stream LIKE 'listing/%'")
    assert all(row["shard"] >= 64 for row in shards)


async def test_time_travel_is_no_outage(fair: Fair) -> None:
    await fair.list_with()
    await travel(fair.engine, InstantUs(fair.engine.clock.now_us() + 3_600 * SECOND))
    assert fair.listing.cycles == 0 and fair.listing.phase is ListingPhase.LISTED
