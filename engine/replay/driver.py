"""Driving a replay: virtual time, every deadline marked before the first bid at or after it, records appended in batches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from engine.bus.local import Envelope
from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.journal.log import EventLog, Taken
from engine.journal.records import Record
from engine.replay.format import BadLine, ReplayBid, ReplayLot
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.state import Phase
from engine.runtime.book import Batch, Book
from engine.values import SHARDS, InstantUs, LotId, PartyId, format_amount

BATCH = 2_000
SELLER = PartyId("seller")

Append = Callable[[list[Record]], Awaitable[None]]


class Replay:
    """One replay over a book of its own."""

    def __init__(self, book: Book, append: Append) -> None:
        self._book = book
        self._append = append
        self._batch = Batch()
        self._lots: dict[str, ReplayLot] = {}
        self._admitted: set[tuple[str, PartyId]] = set()
        self._refused: dict[str, dict[str, int]] = {}
        self._accepted: dict[str, int] = {}
        self._now_us: dict[str, InstantUs] = {}
        self._commands = 0

    async def run(self, lines: Iterable[ReplayLot | ReplayBid]) -> list[dict[str, Any]]:
        """Play everything in the order given, let time pass to the end, and return one result for each lot.

        Raises:
            BadLine: bids of one lot are not in time order.
        """
        for line in lines:
            if isinstance(line, ReplayLot):
                self._open(line)
            else:
                self._bid(line)
            if len(self._batch.records) >= BATCH:
                await self._flush()
        for lot in self._lots.values():
            self._run_out(lot.lot_id)
        await self._flush()
        return [self._result(lot) for lot in self._lots.values()]

    def _open(self, lot: ReplayLot) -> None:
        self._lots[lot.name] = lot
        self._refused[lot.name], self._accepted[lot.name] = {}, 0
        self._book.add_new(lot.lot_id)
        opens_at_us = lot.terms.closing.opens_at_us
        self._now_us[lot.name] = opens_at_us
        subject = Subject(title_zh=lot.name, title_en=lot.name)
        self._say(lot, PublishLot(terms=lot.terms, subject=subject, seller_id=SELLER), "replay", opens_at_us)

    def _bid(self, bid: ReplayBid) -> None:
        if bid.at_us < self._now_us[bid.lot]:
            raise BadLine(f"bids of {bid.lot!r} go back in time at {bid.at_us // 1000}")
        self._now_us[bid.lot] = bid.at_us
        lot = self._lots[bid.lot]
        if (bid.lot, bid.bidder) not in self._admitted:
            self._admitted.add((bid.lot, bid.bidder))
            self._say(lot, AdmitBidder(bidder_id=bid.bidder), "replay", bid.at_us)
        command = PlaceBid(bidder_id=bid.bidder, amount=bid.amount, maximum=bid.maximum)
        self._say(lot, command, bid.bidder, bid.at_us, self._count(bid.lot))

    def _count(self, name: str) -> Callable[[Receipt], None]:
        def count(receipt: Receipt) -> None:
            if receipt.code is None:
                self._accepted[name] += 1
            else:
                refused = self._refused[name]
                refused[receipt.code.value] = refused.get(receipt.code.value, 0) + 1

        return count

    def _say(
        self,
        lot: ReplayLot,
        command: Command,
        actor: str,
        at_us: InstantUs,
        reply: Callable[[Receipt], None] = lambda receipt: None,
    ) -> None:
        self._commands += 1
        envelope = Envelope(
            lot.lot_id, command, self._commands.to_bytes(16, "big"), request_digest(command), actor, at_us, reply, at_us
        )
        self._book.decide(envelope, self._batch)

    def _run_out(self, lot_id: LotId) -> None:
        """Let time pass until the lot has ended or waits for people."""
        while (state := self._book.state(lot_id)) is not None and (due_us := next_deadline(state)) is not None:
            self._book.reach_deadlines(lot_id, due_us, self._batch)

    async def _flush(self) -> None:
        batch, self._batch = self._batch, Batch()
        if batch.records:
            await self._append(batch.records)
        for envelope, receipt in batch.answers:
            envelope.reply(receipt)

    def _result(self, lot: ReplayLot) -> dict[str, Any]:
        state = self._book.state(lot.lot_id)
        assert state is not None
        name = {Phase.SOLD: "sold", Phase.PASSED: "passed"}.get(state.phase, "open")
        sold = state.phase is Phase.SOLD
        return {
            "lot": lot.name,
            "state": name,
            "winner": state.winner,
            "price": format_amount(state.price, lot.terms.currency) if sold and state.price is not None else None,
            "closed_at": None if state.ended_at_us is None else state.ended_at_us // 1_000,
            "accepted": self._accepted[lot.name],
            "rejected": self._refused[lot.name],
        }


async def replay_into(log: EventLog, lines: Iterable[ReplayLot | ReplayBid]) -> list[dict[str, Any]]:
    """Replay through a journal: its shards are taken first, its fence and its digests are the real ones."""
    taken = await log.take(range(SHARDS), "replay", InstantUs(0))
    return await Replay(Book(taken), log.append).run(lines)


async def replay_in_memory(lines: Iterable[ReplayLot | ReplayBid]) -> list[dict[str, Any]]:
    """Replay through the rules and the sealing only; nothing is stored."""
    taken = [Taken(shard, 1, 0, b"", None) for shard in range(SHARDS)]

    async def nowhere(_: list[Record]) -> None:
        return None

    return await Replay(Book(taken), nowhere).run(lines)
