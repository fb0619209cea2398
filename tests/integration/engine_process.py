"""An engine process for the tests: `python -m tests.integration.engine_process DSN LEASE_MS`.

It shares the shards with others and bids by itself on lots `l0` … `l39` in the shards that it serves. Each line on its output is one
acknowledged event (`{"lot":…,"seq":…,"digest":…}`), or `{"gained":[…]}`, `{"lost":[…]}`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import uuid
from collections.abc import Sequence

from engine.catalogue.codes.calendar_data import load_calendar
from engine.evidence.receipts import Outcome, Receipt
from engine.journal.codec import request_digest
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.ownership import LeaseSettings
from engine.values import Amount, InstantUs, LotId, PartyId, shard_of

LOTS = [LotId(f"l{number}") for number in range(40)]
BIDDERS = [PartyId("A"), PartyId("B")]
PAUSE_S = 0.02


def say(line: object) -> None:
    """Print one line."""
    print(json.dumps(line), flush=True)


class Bidding:
    """Bids on what is served here."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._served: set[int] = set()
        engine.follow_shards(self)

    def gained(self, shards: Sequence[int]) -> None:
        self._served.update(shards)
        say({"gained": list(shards)})

    def lost(self, shards: Sequence[int]) -> None:
        self._served.difference_update(shards)
        say({"lost": list(shards)})

    async def run(self) -> None:
        """Bid for ever."""
        while True:
            for lot_id in LOTS:
                if shard_of(lot_id) in self._served:
                    await self._act(lot_id)
            await asyncio.sleep(PAUSE_S)

    async def _act(self, lot_id: LotId) -> None:
        state = await self._engine.load(lot_id)
        if state is None:
            now_us = self._engine.clock.now_us()
            closing = Closing(opens_at_us=now_us, closes_at_us=InstantUs(now_us + 86_400_000_000))
            terms = Terms(closing=closing, increment=FixedIncrement(Amount(10)), start_price=Amount(100))
            subject = Subject(title_zh="测", title_en="T")
            await self._ask(lot_id, PublishLot(terms=terms, subject=subject, seller_id=PartyId("s")), "op")
            for bidder in BIDDERS:
                await self._ask(lot_id, AdmitBidder(bidder_id=bidder), "op")
            return
        bidder = BIDDERS[0] if state.leader == BIDDERS[1] else BIDDERS[1]
        price = 90 if state.price is None else state.price
        receipt = await self._ask(lot_id, PlaceBid(bidder_id=bidder, amount=Amount(price + 10)), bidder)
        if receipt.decision is Outcome.ACCEPTED and receipt.digest is not None:
            say({"lot": lot_id, "seq": receipt.seq, "digest": receipt.digest.hex()})

    async def _ask(self, lot_id: LotId, command: Command, actor: str) -> Receipt:
        return await self._engine.ask(
            lot_id,
            command,
            command_id=uuid.uuid4().bytes,
            request_digest=request_digest(command),
            actor=actor,
            arrived_at_us=None,
        )


async def main(dsn: str, lease_ms: int) -> None:
    """Run until SIGTERM, then go in order."""
    lease = LeaseSettings(lease_us=lease_ms * 1_000, margin_us=lease_ms * 200)
    engine = Engine(EngineSettings(dsn=dsn, lease=lease, stall_us=lease_ms * 1_000), load_calendar)
    bidding = Bidding(engine)
    await engine.start()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    work = asyncio.create_task(bidding.run())
    await stopping.wait()
    work.cancel()
    await engine.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
