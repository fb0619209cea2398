"""A rule whose deadline does not move although it causes events: its session is given up, the others go on."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace as with_rules

import pytest

from engine.bus.local import Envelope
from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.journal.log import Taken
from engine.journal.records import lot_stream
from engine.rules.auction.commands import AdmitBidder, Command, PublishLot, ReachDeadline, Subject
from engine.rules.auction.deciding import decide
from engine.rules.auction.events import ClosingShifted, LotOpened
from engine.rules.auction.state import Accepted, Decision, LotState, Phase
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.rules.rejections import Reject
from engine.runtime.book import SAME_DEADLINE_MAX, Book, LotBatch, LotBook
from engine.runtime.rulebook import LOT_RULES
from engine.runtime.writer import Writer
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId, shard_of
from tests.simulation.fault_log import Database, FaultLog, Faults
from tests.simulation.virtual_loop import EPOCH_US, VirtualClock, run_virtual

BAD, GOOD = LotId("same.1"), LotId("same.2")


def shift_for_ever(state: LotState | None, lot_id: LotId, command: Command, at_us: InstantUs) -> Decision:
    """The planted bug: at its opening the session is shifted by nothing, again and again."""
    if lot_id == BAD and isinstance(command, ReachDeadline) and state is not None:
        shift = ClosingShifted(
            by_us=DurationUs(0), cause_lot_id=GOOD, cause_seq=1, free_ends_at_us=None,
            closes_at_us=state.closes_at_us, hard_end_us=None,
        )  # fmt: skip
        return Accepted(shift)
    return decide(state, lot_id, command, at_us)


RULES = with_rules(LOT_RULES, decide=shift_for_ever)


def publication() -> PublishLot:
    closing = Closing(opens_at_us=InstantUs(EPOCH_US + 2_000_000), closes_at_us=InstantUs(EPOCH_US + 60_000_000))
    terms = Terms(closing=closing, increment=FixedIncrement(Amount(10)), start_price=Amount(100))
    return PublishLot(terms=terms, subject=Subject(title_zh="测", title_en="T"), seller_id=PartyId("seller"))


def envelope(lot_id: LotId, command: Command, number: int, answers: list[Receipt]) -> Envelope[Command]:
    command_id = number.to_bytes(16, "big")
    return Envelope(lot_id, command, command_id, request_digest(command), "operator", None, answers.append)


def test_what_a_stuck_deadline_caused_is_undone_and_the_number_of_events_bounded() -> None:
    book = Book(RULES, [Taken(shard_of(BAD), 1, 1, b"", None)])
    batch: LotBatch = LotBatch()
    for number, lot_id in enumerate((BAD, GOOD)):
        book.add_new(lot_id)
        asked = envelope(lot_id, publication(), number, [])
        asked.at_us = InstantUs(EPOCH_US)
        book.decide(asked, batch)
    before = [record.seq for record in batch.records]
    due_us = InstantUs(EPOCH_US + 2_000_000)

    book.reach_deadlines(BAD, due_us, batch)
    assert book.stuck == [BAD] and not book.is_readable(BAD)
    assert [record.seq for record in batch.records] == before == [2, 3] and len(batch.changes) == 2

    book.reach_deadlines(GOOD, due_us, batch)
    assert [record.seq for record in batch.records] == [2, 3, 4], "the shard's sequence has no gap"
    assert isinstance(batch.changes[-1].event, LotOpened)


def test_as_many_events_of_one_instant_as_a_session_needs_are_no_fault() -> None:
    turns = iter(range(SAME_DEADLINE_MAX - 1))

    def often(state: LotState | None, lot_id: LotId, command: Command, at_us: InstantUs) -> Decision:
        if isinstance(command, ReachDeadline) and next(turns, None) is None:
            return decide(state, lot_id, command, at_us)
        return shift_for_ever(state, lot_id, command, at_us)

    book = Book(with_rules(RULES, decide=often), [Taken(shard_of(BAD), 1, 1, b"", None)])
    book.add_new(BAD)
    batch: LotBatch = LotBatch()
    asked = envelope(BAD, publication(), 1, [])
    asked.at_us = InstantUs(EPOCH_US)
    book.decide(asked, batch)
    book.reach_deadlines(BAD, InstantUs(EPOCH_US + 2_000_000), batch)
    assert book.stuck == [] and len(batch.records) == 1 + SAME_DEADLINE_MAX
    state = book.state(BAD)
    assert state is not None and state.phase is Phase.OPEN


def test_the_writer_gives_up_one_session_says_so_and_serves_the_others(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Receipt] = []
    database = Database()
    looks: list[LotId] = []
    reach = LotBook.reach_deadlines

    def counted(self: LotBook, subject_id: LotId, at_us: InstantUs, batch: LotBatch) -> None:
        looks.append(subject_id)
        assert len(looks) < 20, "it is looked at for ever"
        reach(self, subject_id, at_us, batch)

    monkeypatch.setattr(Book, "reach_deadlines", counted)

    async def market() -> None:
        chance = random.Random(1)
        log = FaultLog(database, chance, Faults())
        writer = Writer(log, VirtualClock(), "engine-1", range(64), RULES, random_bytes=chance.randbytes)
        running = asyncio.get_running_loop().create_task(writer.run())
        await asyncio.sleep(0.5)
        for number, lot_id in enumerate((BAD, GOOD)):
            writer.submit(envelope(lot_id, publication(), number, answers))
        await asyncio.sleep(5)
        for number, lot_id in enumerate((BAD, GOOD), start=10):
            writer.submit(envelope(lot_id, AdmitBidder(bidder_id=PartyId("b")), number, answers))
        await asyncio.sleep(1)
        running.cancel()

    with caplog.at_level(logging.ERROR, "engine.runtime.writer"):
        run_virtual(market())
    assert looks.count(BAD) == 1
    assert [receipt.code for receipt in answers] == [None, None, Reject.LOT_UNREADABLE, None]
    assert [record.type for record in database.streams[lot_stream(BAD)]] == ["lot.published"]
    assert [record.type for record in database.streams[lot_stream(GOOD)]][-1] == "lot.bidder_admitted"
    assert [record.why for record in caplog.records if record.message == "lot_unreadable"] == ["deadline_stuck"]  # type: ignore[attr-defined]
