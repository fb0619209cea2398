"""What counts as served: a sign of life says no more than is known, and a database that hung was no bidding time (ADR 0019)."""

from __future__ import annotations

import asyncio
import random

from engine.bus.local import LotEnvelope
from engine.evidence.receipts import Receipt
from engine.journal.records import LOT_STREAM
from engine.rules.auction.commands import PublishLot, Subject
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.rules.rejections import Reject
from engine.runtime.rulebook import LOT_RULES
from engine.runtime.writer import Writer
from engine.values import Amount, InstantUs, LotId, PartyId, shard_of
from tests.simulation.fault_log import LOST_AFTER_S, Database, FaultLog, Faults
from tests.simulation.virtual_loop import VirtualClock, run_virtual

SECOND = 1_000_000
READ_US = 1_000
"""A new lot is looked up before its append begins."""


class Desk:
    """A writer on a simulated database, and what the tests say to it."""

    def __init__(self) -> None:
        self.database = Database()
        self.faults = Faults()
        self.clock = VirtualClock()
        log = FaultLog(self.database, random.Random(3), self.faults)
        self.writer = Writer(log, self.clock, "a", range(64), LOT_RULES)
        self.running = asyncio.get_running_loop().create_task(self.writer.run())

    async def publish(self, lot: str, *, closes_in_s: float) -> asyncio.Future[Receipt]:
        """Hand in a publication; the future is its receipt."""
        while not self.writer.serving:
            await asyncio.sleep(0.01)
        now_us = self.clock.now_us()
        closing = Closing(opens_at_us=now_us, closes_at_us=InstantUs(now_us + round(closes_in_s * SECOND)))
        terms = Terms(closing=closing, increment=FixedIncrement(Amount(10)), start_price=Amount(100))
        command = PublishLot(terms=terms, subject=Subject(title_zh="测", title_en="T"), seller_id=PartyId("s"))
        answered: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.writer.submit(
            LotEnvelope(LotId(lot), command, random.randbytes(16), bytes(32), "op", None, answered.set_result)
        )
        return answered

    def types(self, lot: str) -> list[str]:
        """Return what the log says of a lot."""
        return [record.type for record in self.database.streams[LOT_STREAM + lot]]

    async def stop(self) -> None:
        self.writer.stop()
        await self.running


def test_while_an_append_hangs_nothing_after_its_begin_is_signed_as_served() -> None:
    async def main() -> None:
        desk = Desk()
        await (await desk.publish("a1", closes_in_s=60))
        assert desk.writer.served_until_us == desk.clock.now_us()
        desk.faults.slow = 1.0
        begun_us = desk.clock.now_us()
        hanging = await desk.publish("a2", closes_in_s=60)
        await asyncio.sleep(0.9)
        assert not hanging.done()
        assert begun_us <= desk.writer.served_until_us <= begun_us + READ_US
        desk.faults.slow = 0.0
        await hanging
        await asyncio.sleep(0.1)
        assert desk.writer.served_until_us == desk.clock.now_us()
        await desk.stop()

    run_virtual(main())


def test_serving_that_ceased_is_signed_until_it_ceased() -> None:
    async def main() -> None:
        desk = Desk()
        await (await desk.publish("a1", closes_in_s=60))
        desk.faults.lost_before, desk.faults.unreachable = 1.0, 1.0
        ceased_us = desk.clock.now_us()
        await desk.publish("a2", closes_in_s=60)
        await asyncio.sleep(5)
        assert not desk.writer.serving
        assert ceased_us <= desk.writer.served_until_us <= ceased_us + READ_US
        desk.faults.lost_before = desk.faults.unreachable = 0.0
        while not desk.writer.serving:
            await asyncio.sleep(0.1)
        await desk.stop()

    run_virtual(main())


def test_a_commit_that_hung_and_succeeded_interrupts_what_would_have_ended_meanwhile() -> None:
    async def main() -> None:
        desk = Desk()
        await (await desk.publish("ends", closes_in_s=2))
        await (await desk.publish("goes-on", closes_in_s=600))
        await asyncio.sleep(0.1)
        desk.faults.slow = 1.0  # 1 to 8 s on the way; the seed makes it more than two
        hanging = await desk.publish("other", closes_in_s=600)
        await asyncio.sleep(0.5)
        desk.faults.slow = 0.0
        await hanging
        await asyncio.sleep(0.1)
        assert desk.types("ends") == ["lot.published", "lot.opened", "lot.interrupted"]
        assert desk.types("goes-on") == ["lot.published", "lot.opened", "lot.outage_compensated"]
        await desk.stop()

    run_virtual(main())


def test_a_log_that_lost_what_was_acknowledged_is_not_served() -> None:
    """A standby was promoted that had not everything: better no market than one that forgets a bid."""

    async def main() -> None:
        desk = Desk()
        await (await desk.publish("a1", closes_in_s=600))
        await asyncio.sleep(0.1)
        lost = desk.database.streams.pop(LOT_STREAM + "a1")
        kept = [record for record in desk.database.rows[lost[0].shard] if record not in lost]
        desk.database.rows[lost[0].shard] = kept
        desk.database.live.discard(LOT_STREAM + "a1")
        desk.faults.lost_before = 1.0
        hanging = await desk.publish("a2", closes_in_s=600)
        await asyncio.sleep(0.1)
        desk.faults.lost_before = 0.0
        await asyncio.sleep(10)
        assert not desk.writer.serving
        assert not hanging.done()
        desk.running.cancel()

    run_virtual(main())


def test_what_was_decided_ahead_of_a_lost_append_was_never_acknowledged() -> None:
    """Both batches are of one shard: neither counts as written, and the market goes on once the database answers."""

    async def main() -> None:
        desk = Desk()
        first, second = [LotId(name) for name in (f"b{n}" for n in range(999)) if shard_of(LotId(name)) == 7][:2]
        await (await desk.publish("a1", closes_in_s=600))
        await asyncio.sleep(0.1)
        desk.faults.lost_before = 1.0
        lost = await desk.publish(first, closes_in_s=600)
        await asyncio.sleep(LOST_AFTER_S / 2)  # the first is on its way
        ahead = await desk.publish(second, closes_in_s=600)
        await asyncio.sleep(LOST_AFTER_S)
        desk.faults.lost_before = 0.0
        desk.faults.unreachable = 1.0
        await asyncio.sleep(20)  # it is asked for more than once before it answers
        desk.faults.unreachable = 0.0
        async with asyncio.timeout(60):
            assert [(await answer).code for answer in (lost, ahead)] == [Reject.IN_DOUBT] * 2
        assert desk.writer.serving
        assert (await (await desk.publish(first, closes_in_s=600))).code is None
        await desk.stop()

    run_virtual(main())


def test_a_prompt_commit_is_no_outage() -> None:
    async def main() -> None:
        desk = Desk()
        await (await desk.publish("a1", closes_in_s=600))
        await (await desk.publish("a2", closes_in_s=600))
        await asyncio.sleep(0.1)
        assert desk.types("a1") == ["lot.published", "lot.opened"]
        await desk.stop()

    run_virtual(main())
