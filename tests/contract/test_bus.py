"""One contract for the way to the engine: in this process, over one Redis, over a Redis Cluster. Real engine, real PostgreSQL."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest

from engine.bus.local import LotChange
from engine.bus.ports import MarketPort
from engine.catalogue.codes.calendar_data import load_calendar
from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.rules.auction.state import Phase
from engine.rules.listing import commands as lc
from engine.rules.listing.state import IntentPhase
from engine.rules.rejections import Reject
from engine.runtime.handover import HandOver
from engine.values import ListingId, LotId, PartyId
from tests.engine.rules.listing.transcript import disclosed, submission
from tests.machines.market import Market, bid, is_clean, open_lot, submit, until
from tests.machines.redis_servers import RedisServers, redis_cluster, single_redis
from tests.time_travel import travel

WAYS = ("local", "single", "cluster")


@pytest.fixture(scope="module")
def redis_single() -> Iterator[RedisServers]:
    with single_redis() as servers:
        yield servers


@pytest.fixture(scope="module")
def redis_three() -> Iterator[RedisServers]:
    with redis_cluster() as servers:
        yield servers


@pytest.fixture(params=WAYS)
async def market(request: pytest.FixtureRequest, make_database: Callable[[], str]) -> AsyncIterator[Market]:
    names = {"single": "redis_single", "cluster": "redis_three"}
    redis = request.getfixturevalue(names[request.param]) if request.param in names else None
    if redis is not None:
        await redis.empty()  # of another test's market
    opened = Market(make_database(), redis)
    await opened.start_engine()
    yield opened
    await opened.stop()


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
        submit(port, "a1", "AB"[number % 2], 100 + 10 * number, receipts.append)
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
        submit(ports[number % 2], "abcd"[number % 4] + "1", "A", 100 + number, receipts.append)
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


async def test_whoever_bid_is_answered_before_anybody_beside_him_sees_the_change(market: Market) -> None:
    port = await market.gateway()
    await open_lot(port, "a1", "A", "B")
    heard: list[tuple[str, int | None]] = []
    port.subscribe(lambda changes: heard.extend(("change", change.seq) for change in changes))
    receipts: list[Receipt] = []

    def reply(receipt: Receipt) -> None:
        heard.append(("answer", receipt.seq))
        receipts.append(receipt)

    for number in range(60):
        submit(port, "a1", "AB"[number % 2], 100 + 10 * number, reply)
        await until(lambda number=number: len(receipts) > number)  # type: ignore[misc]
    seqs = [receipt.seq for receipt in receipts]
    await until(lambda: ("change", seqs[-1]) in heard)
    for seq in seqs:
        assert heard.index(("answer", seq)) < heard.index(("change", seq))


async def test_a_session_ends_by_itself_and_every_gateway_sees_it(market: Market) -> None:
    ports = [await market.gateway(), await market.gateway()]
    await open_lot(ports[0], "a1", "A", closes_in_s=1.0)
    await bid(ports[0], "a1", "A", 100)
    await until(lambda: all((s := port.state(LotId("a1"))) is not None and s.phase is Phase.SOLD for port in ports))
    assert (await bid(ports[1], "a1", "A", 200)).code is Reject.LATE


async def test_a_listing_with_several_buyers_gets_one_session_though_every_gateway_hands_it_over(
    market: Market,
) -> None:
    ports = [await market.gateway(), await market.gateway()]
    at_work = [asyncio.create_task(HandOver(port, load_calendar()).follow()) for port in ports]
    listing_id, lot_id = ListingId("rare-1"), LotId("rare-1.1")

    async def tell(port: MarketPort, command: lc.ListingCommand) -> None:
        receipt = await port.listings.ask(
            listing_id, command, command_id=uuid.uuid4().bytes, request_digest=request_digest(command), actor="op", arrived_at_us=None
        )  # fmt: skip
        assert receipt.code is None, receipt

    await tell(ports[0], submission(disclosed(deposit=None)))
    await tell(ports[1], lc.PublishListing())
    for no, buyer in enumerate("AB", 1):
        await tell(ports[no % 2], lc.RegisterIntent(buyer_id=PartyId(buyer)))
        await tell(ports[no % 2], lc.ReviewIntent(intent_no=no, verdict=lc.Verdict.PASS))
        await tell(ports[no % 2], lc.AnswerIntent(intent_no=no, agrees=True))

    def admitted(port: MarketPort) -> bool:
        state = port.listings.state(listing_id)
        return state is not None and all(intent.phase is IntentPhase.ADMITTED for intent in state.intents)

    await until(lambda: all(admitted(port) for port in ports))
    listing = ports[1].listings.state(listing_id)
    assert listing is not None and listing.discloses_until_us is not None
    await travel(market.engine, listing.discloses_until_us)
    await until(lambda: all((lot := port.state(lot_id)) is not None and len(lot.codes) == 2 for port in ports))
    for task in at_work:
        task.cancel()
    await asyncio.gather(*at_work, return_exceptions=True)
    assert ports[0].state(lot_id) == ports[1].state(lot_id) == market.engine.state(lot_id)
    assert ports[0].notices.state("none") is None and await ports[0].notices.load("none") is None
    await is_clean(market.dsn)


@pytest.mark.parametrize("way", ["local", "single"])
async def test_what_is_too_much_is_refused_in_writing_and_the_rest_is_answered(
    make_database: Callable[[], str], redis_single: RedisServers, way: str
) -> None:
    await redis_single.empty()
    market = Market(make_database(), None if way == "local" else redis_single)
    await market.start_engine(inbox_max=10)
    port = await market.gateway(all_max=40, shard_max=10)
    await open_lot(port, "a1", "A")
    receipts: list[Receipt] = []
    for number in range(200):
        submit(port, "a1", "A", 100 + number, receipts.append)
    busy = [receipt for receipt in receipts if receipt.code is Reject.BUSY]
    assert len(busy) == 190, "at once, without waiting for anybody"
    await until(lambda: len(receipts) == 200)
    assert sum(receipt.seq is not None for receipt in receipts) == 10
    assert (await bid(port, "a1", "A", 9_000)).seq is not None
    await market.stop()
