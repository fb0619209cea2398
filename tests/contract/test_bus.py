"""One contract for the way to the engine: in this process, over one Redis, over a Redis Cluster. Real engine, real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import asyncpg
import pytest

from engine.bus.intake import Intake
from engine.bus.link import Link
from engine.bus.local import Envelope, LotChange, LotEnvelope
from engine.bus.nodes import read_url
from engine.bus.ports import MarketPort
from engine.bus.sender import SenderLimits
from engine.catalogue.codes.calendar_data import load_calendar
from engine.evidence.receipts import Outcome, Receipt
from engine.evidence.verification import verify_log
from engine.journal.codec import request_digest
from engine.journal.postgres import PostgresLog
from engine.journal.reader import Reader
from engine.journal.secrecy import Vault
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.state import Phase
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.rules.rejections import Reject
from engine.runtime.clock import SteadyClock
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.writer import WriterLimits
from engine.values import Amount, InstantUs, LotId, PartyId
from tests.redis_servers import RedisServers, redis_cluster, single_redis

WAYS = ("local", "single", "cluster")
SECOND = 1_000_000
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def redis_single() -> Iterator[RedisServers]:
    with single_redis() as servers:
        yield servers


@pytest.fixture(scope="module")
def redis_three() -> Iterator[RedisServers]:
    with redis_cluster() as servers:
        yield servers


class Market:
    """An engine, and ends of the bus to it: gateways."""

    def __init__(self, dsn: str, redis: RedisServers | None) -> None:
        self.dsn = dsn
        self.redis = redis
        self.intake: Intake | None = None
        self.engine: Engine
        self._work: asyncio.Task[None] | None = None
        self._journal = PostgresLog(dsn)
        self._links: list[Link] = []

    async def start_engine(self, **limits: int) -> None:
        if self.redis is not None:
            await self.redis.empty()  # another test's market
            self.intake = Intake(read_url(self.redis.url), self._journal, KEY)
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


@pytest.fixture(params=WAYS)
async def market(request: pytest.FixtureRequest, make_database: Callable[[], str]) -> AsyncIterator[Market]:
    names = {"single": "redis_single", "cluster": "redis_three"}
    redis = request.getfixturevalue(names[request.param]) if request.param in names else None
    opened = Market(make_database(), redis)
    await opened.start_engine()
    yield opened
    await opened.stop()


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


def submit(port: MarketPort, lot: str, bidder: str, amount: int, receipts: list[Receipt]) -> None:
    command: Any = PlaceBid(bidder_id=PartyId(bidder), amount=Amount(amount))
    envelope: LotEnvelope = Envelope(
        lot, command, uuid.uuid4().bytes, request_digest(command), bidder, InstantUs(1), receipts.append
    )
    port.submit(envelope)


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


async def test_what_was_recorded_is_seen_at_once_by_whoever_asked(market: Market) -> None:
    port = await market.gateway()
    await open_lot(port, "a1", "A")
    receipt = await bid(port, "a1", "A", 100)
    state = port.state(LotId("a1"))
    assert state is not None
    assert (receipt.seq, state.seq, state.price, state.leader) == (state.seq, receipt.seq, 100, "A")
    assert await port.load(LotId("a1")) == state == market.engine.state(LotId("a1"))
    assert port.epoch(LotId("a1")) == market.engine.epoch(LotId("a1"))
    assert await port.load(LotId("none")) is None
    assert (await bid(port, "none", "A", 100)).code is Reject.NO_SUCH_LOT


async def test_bids_of_one_gateway_are_decided_in_the_order_they_were_sent(market: Market) -> None:
    port = await market.gateway()
    await open_lot(port, "a1", "A", "B")
    receipts: list[Receipt] = []
    for number in range(300):
        submit(port, "a1", "AB"[number % 2], 100 + 10 * number, receipts)
    await until(lambda: len(receipts) == 300)
    assert [receipt.code for receipt in receipts] == [None] * 300
    seqs = [receipt.seq for receipt in receipts if receipt.seq is not None]
    assert seqs == list(range(seqs[0], seqs[0] + 300)), "as sent, without a gap"


async def test_a_command_sent_again_has_one_answer_and_one_event_through_any_gateway(market: Market) -> None:
    first, second = await market.gateway(), await market.gateway()
    await open_lot(first, "a1", "A", "B")
    command_id = uuid.uuid4().bytes
    receipt = await bid(first, "a1", "A", 100, command_id)
    again = await asyncio.gather(*(bid(port, "a1", "A", 100, command_id) for port in (first, second, first)))
    assert again == [receipt] * 3
    assert (await bid(second, "a1", "A", 110, command_id)).code is Reject.COMMAND_ID_REUSED
    assert (await bid(second, "a1", "B", 100, command_id)).code is Reject.COMMAND_ID_REUSED
    refused = await bid(second, "a1", "B", 101, command_id := uuid.uuid4().bytes)
    assert refused.code is Reject.BID_BELOW_MINIMUM
    assert refused.data == {"minimum": "110", "step": "10"}
    assert await bid(first, "a1", "B", 101, command_id) == refused
    await is_clean(market.dsn)


async def test_every_command_is_answered_exactly_once_however_many_at_a_time(market: Market) -> None:
    ports = [await market.gateway(), await market.gateway()]
    for lot in ("a1", "b1", "c1", "d1"):
        await open_lot(ports[0], lot, "A")
    receipts: list[Receipt] = []
    for number in range(400):
        submit(ports[number % 2], "abcd"[number % 4] + "1", "A", 100 + number, receipts)
    await until(lambda: len(receipts) >= 400)
    await asyncio.sleep(0.05)  # another one would come now
    assert len({receipt.command_id for receipt in receipts}) == len(receipts) == 400
    assert all(port.waiting == 0 for port in ports)


async def test_changes_are_told_after_the_commit_once_and_in_order_to_every_gateway(market: Market) -> None:
    ports = [await market.gateway(), await market.gateway()]
    pool = await asyncpg.create_pool(market.dsn, min_size=1, max_size=1)
    told: list[list[LotChange]] = [[], []]
    looked: list[asyncio.Task[int]] = []

    async def in_the_log(seq: int) -> int:
        return await pool.fetchval("SELECT count(*) FROM event WHERE stream = 'lot/a1' AND stream_seq <= $1", seq) - seq

    for place, port in enumerate(ports):
        port.subscribe(told[place].extend)
    ports[1].subscribe(lambda changes: looked.extend(asyncio.create_task(in_the_log(c.seq)) for c in changes))
    await open_lot(ports[0], "a1", "A", "B")
    for number in range(20):
        await bid(ports[number % 2], "a1", "AB"[number % 2], 100 + 10 * number)
    head = market.engine.state(LotId("a1"))
    assert head is not None
    await until(lambda: all(changes and changes[-1].seq == head.seq for changes in told))
    for changes in told:
        assert [change.seq for change in changes] == list(range(1, head.seq + 1))
        assert changes[-1].state == head
    assert set(await asyncio.gather(*looked)) == {0}, "whatever was told was in the log by then"
    await pool.close()


async def test_a_session_ends_by_itself_and_every_gateway_sees_it(market: Market) -> None:
    ports = [await market.gateway(), await market.gateway()]
    await open_lot(ports[0], "a1", "A", closes_in_s=1.0)
    await bid(ports[0], "a1", "A", 100)
    await until(lambda: all((s := port.state(LotId("a1"))) is not None and s.phase is Phase.SOLD for port in ports))
    assert (await bid(ports[1], "a1", "A", 200)).code is Reject.LATE


@pytest.mark.parametrize("way", ["local", "single"])
async def test_what_is_too_much_is_refused_in_writing_and_the_rest_is_answered(
    make_database: Callable[[], str], redis_single: RedisServers, way: str
) -> None:
    market = Market(make_database(), None if way == "local" else redis_single)
    await market.start_engine(inbox_max=10)
    port = await market.gateway(all_max=40, shard_max=10)
    await open_lot(port, "a1", "A")
    receipts: list[Receipt] = []
    for number in range(200):
        submit(port, "a1", "A", 100 + number, receipts)
    busy = [receipt for receipt in receipts if receipt.code is Reject.BUSY]
    assert len(busy) == 190, "at once, without waiting for anybody"
    await until(lambda: len(receipts) == 200)
    assert sum(receipt.seq is not None for receipt in receipts) == 10
    assert (await bid(port, "a1", "A", 9_000)).seq is not None
    await market.stop()
