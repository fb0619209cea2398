"""Driving a replay on virtual time: one clock over all lots, every deadline marked before the first bid at or after it.

Commands go through the book that the live writer uses, records through the journal, in batches as under load.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from heapq import heappop, heappush
from typing import Final

from engine.bus.local import Envelope
from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.journal.log import EventLog, Taken
from engine.journal.records import Record
from engine.replay.format import Recording, ReplayBid, ReplayLot
from engine.replay.formats import envelope_of, shares_of
from engine.replay.result import LotResult, Tally, result_of
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, PublishSession, Subject
from engine.rules.auction.formats.commands import RefuseBid, SubmitEnvelope, TakePrice
from engine.rules.auction.formats.terms import Falling
from engine.rules.auction.state import Phase
from engine.runtime.book import Book, LotBatch, LotBook
from engine.runtime.rulebook import LOT_RULES
from engine.values import SHARDS, InstantUs, PartyId

OWNER: Final = "replay"
BATCH_RECORDS: Final = 2_000
"""Records of one commit; under load the live writer reaches the same order of magnitude."""
END_OF_TIME: Final = InstantUs(2**62)
# A name that no bidder can have: recorded names are not empty.
_SELLER: Final = PartyId("")

Append = Callable[[Sequence[Record]], Awaitable[None]]


class Replay:
    """One replay of a recording over a book and a journal."""

    def __init__(self, recording: Recording, book: LotBook, append: Append) -> None:
        self._recording = recording
        self._book = book
        self._append = append
        self._batch = LotBatch()
        self._tallies = [Tally() for _ in recording.lots]
        self._admitted: set[tuple[int, PartyId]] = set()
        self._refused: list[dict[PartyId, str]] = [{} for _ in recording.lots]
        self._alarms: list[tuple[InstantUs, int]] = []
        self._set_at_us: dict[int, InstantUs] = {}
        self._commands = 0

    async def run(self) -> list[LotResult]:
        """Publish the lots, play the bids, let time pass to the end; return the results in the order of the lots.

        Raises:
            InDoubt: the journal did not confirm a commit; nothing is answered.
        """
        begins_at_us = self._recording.begins_at_us()
        for place, lot in enumerate(self._recording.lots):
            self._publish(place, lot, begins_at_us)
            await self._commit_if_full()
        for bid in self._recording.bids:
            await self._pass_time(bid.at_us)
            self._bid(bid)
            await self._commit_if_full()
        await self._pass_time(END_OF_TIME)
        await self._commit()
        return [self._result(place, lot) for place, lot in enumerate(self._recording.lots)]

    def _publish(self, place: int, lot: ReplayLot, at_us: InstantUs) -> None:
        self._book.add_new(lot.lot_id)
        subject = Subject(title_zh=lot.name, title_en=lot.name)
        command: Command = PublishLot(terms=lot.terms, subject=subject, seller_id=_SELLER)
        if lot.play is not None:
            command = PublishSession(terms=lot.terms, play=lot.play, subject=subject, seller_id=_SELLER)
        self._say(lot, command, OWNER, at_us)
        self._set_alarm(place)

    def _bid(self, bid: ReplayBid) -> None:
        lot = self._recording.lots[bid.place]
        if (bid.place, bid.bidder) not in self._admitted:
            self._admitted.add((bid.place, bid.bidder))
            self._say(lot, AdmitBidder(bidder_id=bid.bidder), OWNER, bid.at_us)
        if bid.refused:
            self._refused[bid.place][bid.bidder] = bid.refused
        self._say(lot, self._command(lot, bid), bid.bidder, bid.at_us, self._tallies[bid.place].count)
        self._set_alarm(bid.place)

    def _command(self, lot: ReplayLot, bid: ReplayBid) -> Command:
        """Return what a recorded bid would have sent in its format."""
        if lot.play is None:
            return PlaceBid(bidder_id=bid.bidder, amount=bid.amount, maximum=bid.maximum)
        state = self._book.state(lot.lot_id)
        assert state is not None and bid.amount is not None
        if isinstance(lot.play.format, Falling):
            return TakePrice(bidder_id=bid.bidder, shown=bid.amount, quantity=bid.quantity)
        envelope = envelope_of(state, bid.bidder, bid.amount, bid.quantity, self._commands)
        return SubmitEnvelope(bidder_id=bid.bidder, envelope=envelope)

    def _open(self, place: int, at_us: InstantUs) -> None:
        """Let the made-up officers open a sealed round as soon as it is closed; refusals on record come before."""
        lot = self._recording.lots[place]
        state = self._book.state(lot.lot_id)
        if state is None or state.phase is not Phase.CLOSED or state.play is None or state.play.shares:
            return
        for bidder, reason in self._refused[place].items():
            self._say(lot, RefuseBid(code=state.codes[bidder], reason=reason), OWNER, at_us)
        for officer in range(2):
            shares = shares_of(state, lot.name, officer)
            self._say(lot, shares, shares.officer_id, at_us)

    def _say(
        self,
        lot: ReplayLot,
        command: Command,
        actor: str,
        at_us: InstantUs,
        reply: Callable[[Receipt], None] = lambda receipt: None,
    ) -> None:
        self._commands += 1
        command_id = self._commands.to_bytes(16, "big")
        envelope = Envelope(lot.lot_id, command, command_id, request_digest(command), actor, at_us, reply, at_us)
        self._book.decide(envelope, self._batch)

    def _set_alarm(self, place: int) -> None:
        state = self._book.state(self._recording.lots[place].lot_id)
        due_us = None if state is None else next_deadline(state)
        if due_us is not None and self._set_at_us.get(place) != due_us:
            self._set_at_us[place] = due_us
            heappush(self._alarms, (due_us, place))

    async def _pass_time(self, until_us: InstantUs) -> None:
        """Mark every deadline up to `until_us`, in order of time, then of the lots."""
        while self._alarms and self._alarms[0][0] <= until_us:
            due_us, place = heappop(self._alarms)
            if self._set_at_us.get(place) == due_us:
                del self._set_at_us[place]
            # An alarm whose deadline has moved on marks nothing.
            self._book.reach_deadlines(self._recording.lots[place].lot_id, due_us, self._batch)
            self._open(place, due_us)
            self._set_alarm(place)
            await self._commit_if_full()

    async def _commit_if_full(self) -> None:
        if len(self._batch.records) >= BATCH_RECORDS:
            await self._commit()

    async def _commit(self) -> None:
        batch, self._batch = self._batch, LotBatch()
        if batch.records:
            await self._append(batch.records)
        for envelope, receipt in batch.answers:
            envelope.reply(receipt)

    def _result(self, place: int, lot: ReplayLot) -> LotResult:
        state = self._book.state(lot.lot_id)
        assert state is not None, "a lot of the recording was not published"
        return result_of(lot, state, self._tallies[place])


async def replay_into(log: EventLog, recording: Recording) -> list[LotResult]:
    """Replay through a journal: its shards are taken first, its fence and its digests are the real ones.

    Raises:
        JournalUnavailable, InDoubt: see `EventLog`.
    """
    taken = await log.take(range(SHARDS), OWNER, InstantUs(0))
    return await Replay(recording, Book(LOT_RULES, taken), log.append).run()


async def replay_in_memory(recording: Recording) -> list[LotResult]:
    """Replay through the rules and the digests; nothing is stored."""
    taken = [Taken(shard, 1, 0, b"", None) for shard in range(SHARDS)]
    return await Replay(recording, Book(LOT_RULES, taken), _nowhere).run()


async def _nowhere(_records: Sequence[Record]) -> None:
    return None
