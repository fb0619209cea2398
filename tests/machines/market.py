"""A market for tests of the bus: an engine, and gateways of it in this process, over one of the ways that commands travel."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from typing import Any

import asyncpg

from engine.bus.intake import Intake
from engine.bus.link import Link
from engine.bus.local import Envelope, LotEnvelope
from engine.bus.nodes import read_url
from engine.bus.ports import MarketPort
from engine.bus.reach import UNREACHABLE_US
from engine.bus.sender import SenderLimits
from engine.catalogue.codes.calendar_data import load_calendar
from engine.evidence.receipts import Outcome, Receipt
from engine.evidence.verification import verify_log
from engine.journal.codec import request_digest
from engine.journal.postgres import PostgresLog
from engine.journal.reader import Reader
from engine.journal.secrecy import Vault
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.runtime.clock import SteadyClock
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.limits import WriterLimits
from engine.values import Amount, InstantUs, LotId, PartyId
from tests.machines.redis_servers import RedisServers

SECOND = 1_000_000
KEY = bytes(range(32))


class Market:
    """An engine, and ends of the bus to it: gateways."""

    def __init__(self, dsn: str, redis: RedisServers | None, unreachable_us: int = UNREACHABLE_US) -> None:
        self.dsn = dsn
        self.unreachable_us = unreachable_us
        self.redis = redis
        self.intake: Intake | None = None
        self.engine: Engine
        self._work: asyncio.Task[None] | None = None
        self._journal = PostgresLog(dsn)
        self._links: list[Link] = []

    async def start_engine(self, **limits: int) -> None:
        if self.redis is not None:
            self.intake = Intake(read_url(self.redis.url), self._journal, KEY, self.unreachable_us)
        publish = self.intake.publish if self.intake is not None else lambda records: None
        settings = EngineSettings(dsn=self.dsn, limits=WriterLimits(**limits), stall_us=60 * SECOND, log_key=KEY)
        self.engine = Engine(settings, load_calendar, publish=publish)
        if self.intake is not None:
            self.engine.follow_shards(self.intake)
        await self.engine.start()
        if self.intake is not None:
            self._work = asyncio.create_task(self.intake.run(self.engine))

    async def stop_engine(self) -> None:
        if self._work is not None and self.intake is not None:
            await self.engine.stop()
            await self.intake.flush(2.0)
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work
        else:
            await self.engine.stop()

    async def gateway(self, **limits: int) -> MarketPort:
        """Return one more way to the engine, ready."""
        if self.redis is None:
            return self.engine
        link = Link(read_url(self.redis.url), self.dsn, SteadyClock(), log_key=KEY, limits=SenderLimits(**limits))
        await link.start()
        self._links.append(link)
        async with asyncio.timeout(20):
            while not link.ready or link.ownerless:
                await asyncio.sleep(0.01)
        return link

    async def stop(self) -> None:
        for link in self._links:
            await link.stop()
        await self.stop_engine()
        await self._journal.close()


async def say(
    port: MarketPort, lot: str, command: Command, actor: str = "op", command_id: bytes | None = None
) -> Receipt:
    async with asyncio.timeout(30):
        return await port.ask(
            LotId(lot),
            command,
            command_id=command_id or uuid.uuid4().bytes,
            request_digest=request_digest(command),
            actor=actor,
            arrived_at_us=InstantUs(1),
        )


async def open_lot(port: MarketPort, lot: str, *bidders: str, closes_in_s: float = 3600.0) -> None:
    now_us = port.clock.now_us()
    closing = Closing(opens_at_us=InstantUs(now_us), closes_at_us=InstantUs(now_us + int(closes_in_s * SECOND)))
    terms = Terms(closing=closing, increment=FixedIncrement(Amount(10)), start_price=Amount(100))
    publish = PublishLot(terms=terms, subject=Subject(title_zh="测", title_en="T"), seller_id=PartyId("s"))
    assert (await say(port, lot, publish)).decision is Outcome.ACCEPTED
    for bidder in bidders:
        assert (await say(port, lot, AdmitBidder(bidder_id=PartyId(bidder)))).decision is Outcome.ACCEPTED


async def bid(port: MarketPort, lot: str, bidder: str, amount: int, command_id: bytes | None = None) -> Receipt:
    return await say(port, lot, PlaceBid(bidder_id=PartyId(bidder), amount=Amount(amount)), bidder, command_id)


def submit(port: MarketPort, lot: str, bidder: str, amount: int, reply: Callable[[Receipt], object]) -> None:
    command: Any = PlaceBid(bidder_id=PartyId(bidder), amount=Amount(amount))
    envelope: LotEnvelope = Envelope(
        lot,
        command,
        uuid.uuid4().bytes,
        request_digest(command),
        bidder,
        InstantUs(1),
        lambda receipt: (reply(receipt), None)[1],
    )
    port.submit_all([envelope])


async def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


async def is_clean(dsn: str) -> int:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        reader = Reader(pool, Vault(KEY))
        verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert verdict.findings == []
    return verdict.events
