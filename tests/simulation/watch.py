"""The watcher: sees every committed batch and every answer given, and knows nothing of the writer.

It checks the promises as the log grows: P1 durable, P2 one order, P3 once, P4 replay, P5 fair end. What it needs of the rules it
says again in its own, slower words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256

from engine.evidence.receipts import Receipt
from engine.journal.codec import decode_event, encode_state
from engine.journal.digests import chain_digest, content_of, first_digest
from engine.journal.records import LOT_STREAM, Record, lot_of
from engine.rules.auction.events import (
    BidAccepted,
    BidKind,
    LimitedPeriodStarted,
    LotInterrupted,
    LotPassed,
    LotResumed,
    LotSold,
)
from engine.rules.auction.evolving import evolve
from engine.rules.auction.state import LotState, Phase
from engine.rules.auction.terms import ExtensionFrom, FixedIncrement
from engine.rules.rejections import Reject
from engine.values import LotId
from tests.simulation.promises import CLOCK_SLACK_US, Broken, expect
from tests.simulation.witness import Witness


class Watcher:
    """Independent witness of the log."""

    def __init__(self) -> None:
        self.heads: dict[int, int] = {}
        self.epochs: dict[int, int] = {}
        self.chains: dict[str, bytes] = {}
        self.states: dict[LotId, LotState] = {}
        self.places: dict[tuple[LotId, bytes], Record] = {}
        self.unserved_us: list[tuple[int, int]] = []
        self.answers: Counter[Reject | None] = Counter()
        """Answers given, by code."""
        self.accepted = self.rejected = self.sold = self.passed = self.interrupted = self.extended = 0
        self.trace = sha256()
        self.witness = Witness(self.unserved_us)

    def see(self, records: Sequence[Record]) -> None:
        """Check a batch at the moment of its commit."""
        for record in records:
            expect(record.seq == self.heads.get(record.shard, 0) + 1, "P2: a gap or a fork in a shard", record)
            expect(record.epoch >= self.epochs.get(record.shard, 0), "P2: a fenced writer got through", record)
            self.heads[record.shard], self.epochs[record.shard] = record.seq, record.epoch
            content = content_of(record)
            chain = chain_digest(self.chains.get(record.stream) or first_digest(record.stream), content)
            expect(chain == record.digest, "P8: the chain is broken", record)
            self.chains[record.stream] = chain
            self.trace.update(chain)
            if record.stream.startswith(LOT_STREAM):
                self._see_lot(record)

    def _see_lot(self, record: Record) -> None:
        lot_id = lot_of(record.stream)
        before = self.states.get(lot_id)
        expect(record.stream_seq == (0 if before is None else before.seq) + 1, "P2: a gap in a lot", record)
        if record.command_id is not None:
            key = (lot_id, record.command_id)
            expect(key not in self.places, "P3: a command acted twice", record)
            self.places[key] = record
        event = decode_event(record.type, record.version, record.body)
        if before is not None:
            expect(record.at_us >= before.last_at_us, "P2: time went backwards", record)
            if before.play is not None:
                self.witness.see(before, event, record)
            if isinstance(event, BidAccepted):
                self._see_bid(before, event, record)
            elif isinstance(event, (LotSold, LotPassed)) and before.play is None:
                self._see_end(before, event, record)
            elif isinstance(event, LotInterrupted):
                self.interrupted += 1
            elif isinstance(event, LotResumed):
                _see_resumption(before, event, record)
            elif isinstance(event, LimitedPeriodStarted):
                free_ends_at_us = before.free_ends_at_us or 0
                expect(free_ends_at_us > before.published_at_us, "P5: nobody could bid in the free period", record)
            elif record.type == "lot.bid_rejected":
                self.rejected += 1
        after = self.states[lot_id] = evolve(before, lot_id, event, record.at_us)
        if after.play is not None:
            self.witness.look(after, event, record)

    def _see_bid(self, before: LotState, event: BidAccepted, record: Record) -> None:
        self.accepted += 1
        expect(before.phase in (Phase.OPEN, Phase.LIMITED), "P5: a bid outside bidding", record)
        if before.closes_at_us is not None:
            expect(record.at_us < before.closes_at_us, "P5: a bid after the end", record)
        if event.kind is BidKind.BID:
            increment = before.terms.increment
            assert isinstance(increment, FixedIncrement)
            ceiling = max(event.amount or 0, event.maximum or 0)
            least = before.terms.start_price if before.price is None else before.price + increment.step
            expect(ceiling >= least, "a bid below the minimum", record)
            expect(before.price is None or event.price > before.price, "the price did not rise", record)
            expect(event.price <= max(ceiling, before.leader_maximum or 0), "a price above every maximum", record)
        expect(before.price is None or event.price >= before.price, "the price fell", record)
        expected = _expected_end(before, event, record.at_us)
        expect(event.closes_at_us == expected, f"P5: the end should be {expected}", record)
        self.extended += event.extended

    def _see_end(self, before: LotState, event: LotSold | LotPassed, record: Record) -> None:
        announced = (before.closes_at_us, before.free_ends_at_us, before.hard_end_us)
        deadline_us = next((instant_us for instant_us in announced if instant_us is not None), None)
        expect(event.ended_at_us == deadline_us, "P5: it ended at another time than announced", record)
        expect(record.at_us >= event.ended_at_us, "P5: ended before its time", record)
        expect(event.ended_at_us > before.published_at_us, "P5: it ended before anybody could know of it", record)
        opens_us = max(event.ended_at_us - before.terms.closing.window_us(), before.published_at_us)
        for from_us, to_us in self.unserved(record):
            overlap_us = min(to_us, event.ended_at_us) - max(from_us, opens_us)
            expect(
                overlap_us <= CLOCK_SLACK_US,
                f"P5: ended though nobody served for {overlap_us} us of its window",
                record,
            )
        if isinstance(event, LotSold):
            self.sold += 1
            expect(event.winner_id == before.leader and event.price == before.price, "sold to somebody else", record)
        else:
            self.passed += 1

    def unserved(self, record: Record) -> Iterable[tuple[int, int]]:
        """Return when nobody served the record's lot lately, and its time was not given back."""
        return self.unserved_us[-50:]

    def hear(self, receipt: Receipt, acked_before: int) -> None:
        """Check an answer at the moment it is given; `acked_before`: the highest seq acknowledged before it was first sent."""
        if receipt.seq is None:
            return
        assert receipt.command_id is not None
        record = self.places.get((LotId(receipt.subject_id), receipt.command_id))
        if record is None:
            raise Broken(f"P1: acknowledged but not in the log: {receipt}")
        same = (record.stream_seq, record.digest, record.at_us) == (receipt.seq, receipt.digest, receipt.at_us)
        expect(same, "P3: another answer than the log's", record)
        expect(record.stream_seq > acked_before, "P2: before a bid that was acknowledged when it was sent", record)

    def compare(self, live: dict[LotId, LotState]) -> None:
        """P4: the writer's states are those that the log alone gives."""
        for lot_id, state in live.items():
            if encode_state(state) != encode_state(self.states[lot_id]):
                raise Broken(f"P4: {lot_id} differs from its log")


def _see_resumption(before: LotState, event: LotResumed, record: Record) -> None:
    """A full closing window remains to whatever ends the bidding: the end, or the hard end while no end is set."""
    ends_at_us = event.hard_end_us if event.closes_at_us is None else event.closes_at_us
    if ends_at_us is not None and before.halted_phase is not Phase.SCHEDULED:
        least_us = record.at_us + before.terms.closing.window_us()
        expect(ends_at_us >= least_us, "P5: no full window after a halt", record)


def _expected_end(before: LotState, event: BidAccepted, at_us: int) -> int | None:
    """Say again, in other words than the rules, when bidding ends after this bid."""
    closing, end_us = before.terms.closing, before.closes_at_us
    if not event.price_changed:
        return end_us
    if end_us is None:
        if closing.first_bid_clock_us is None:
            return None
        started_us = at_us + closing.first_bid_clock_us
        return started_us if before.hard_end_us is None else min(started_us, before.hard_end_us)
    length_us = closing.limited_cycle_us or closing.extension_us or 0
    window_us = closing.limited_cycle_us or closing.extension_window_us or length_us
    spent = closing.extensions_max is not None and before.extensions >= closing.extensions_max
    if length_us == 0 or spent or at_us < end_us - window_us:
        return end_us
    later_us = length_us + (at_us if closing.extension_from is ExtensionFrom.BID_TIME else end_us)
    if before.hard_end_us is not None:
        later_us = min(later_us, before.hard_end_us)
    return max(end_us, later_us)
