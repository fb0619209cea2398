"""Two batches share what is under way: while one is being written, the other is decided (ADR 0014)."""

from __future__ import annotations

import asyncio
import random

from engine.bus.local import LotEnvelope
from engine.evidence.receipts import Receipt
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.runtime.rulebook import LOT_RULES
from engine.runtime.writer import Writer
from engine.values import Amount, InstantUs, LotId, PartyId
from tests.simulation.fault_log import Database, FaultLog, Faults
from tests.simulation.virtual_loop import VirtualClock, run_virtual

LOT = LotId("a1")
BIDDERS = 100
ROUNDS = 40


def test_those_who_bid_again_at_once_fall_into_two_halves_and_not_into_turns() -> None:
    async def main() -> list[int]:
        clock, written = VirtualClock(), list[int]()
        log = FaultLog(Database(), random.Random(1), Faults())
        writer = Writer(log, clock, "a", range(64), LOT_RULES, on_commit=lambda rows, seconds: written.append(rows))
        running = asyncio.create_task(writer.run())
        while not writer.serving:
            await asyncio.sleep(0.01)
        numbers, chance = iter(range(1, 10**6)), random.Random(2)

        def send(command: Command, actor: str) -> asyncio.Future[Receipt]:
            answered: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
            given = next(numbers).to_bytes(16, "big")
            writer.submit(LotEnvelope(LOT, command, given, bytes(32), actor, None, answered.set_result))
            return answered

        now_us = clock.now_us()
        closing = Closing(opens_at_us=now_us, closes_at_us=InstantUs(now_us + 3_600_000_000))
        terms = Terms(closing=closing, increment=FixedIncrement(Amount(1)), start_price=Amount(1))
        subject = Subject(title_zh="测", title_en="T")
        await send(PublishLot(terms=terms, subject=subject, seller_id=PartyId("s")), "op")
        parties = [PartyId(f"p{number}") for number in range(BIDDERS)]
        for party in parties:
            await send(AdmitBidder(bidder_id=party), "op")
        written.clear()

        async def bid(party: PartyId) -> None:
            for _ in range(ROUNDS):
                await asyncio.sleep(chance.uniform(0.0, 0.001))  # the way to him and back
                await send(PlaceBid(bidder_id=party, amount=Amount(next(numbers))), party)

        await asyncio.gather(*(bid(party) for party in parties))
        writer.stop()
        await running
        return written

    written = run_virtual(main())
    settled = written[len(written) // 2 : -4]
    assert max(settled) <= BIDDERS / 2, f"without the bound these drift to 77 and 23: {settled}"
