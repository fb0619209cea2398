"""What Redis may do in mid-session: be emptied, die, come back, lose messages, lie. No acknowledged bid is lost and none acts twice."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from engine.bus import messages as m
from engine.bus.link import Link
from engine.bus.local import Envelope, LotEnvelope
from engine.bus.wire import Login, connect
from engine.evidence.receipts import Receipt
from engine.journal.advances import Advance
from engine.journal.codec import request_digest
from engine.journal.sealing import seal
from engine.rules.auction.commands import PlaceBid
from engine.rules.auction.state import Phase
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, LotId, PartyId, shard_of
from tests.machines.market import KEY, SECOND, Market, bid, is_clean, open_lot, submit, until
from tests.machines.redis_servers import RedisServers, redis_with_sentinel, single_redis

LOT = LotId("a1")
SHARD = shard_of(LOT)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServers]:
    with single_redis() as servers:
        yield servers


@pytest.fixture
async def market(redis: RedisServers, make_database: Callable[[], str]) -> AsyncIterator[Market]:
    await redis.empty()
    opened = Market(make_database(), redis, unreachable_us=60 * SECOND)
    await opened.start_engine()
    yield opened
    await opened.stop()


async def linked(market: Market) -> Link:
    port = await market.gateway()
    assert isinstance(port, Link)
    return port


async def insist(market: Market, bidder: str, amount: int) -> Receipt:
    """Bid over every gateway in turn with one id, until somebody has an answer that is final."""
    command_id = uuid.uuid4().bytes
    for link in itertools.cycle(market._links):
        receipt = await bid(link, LOT, bidder, amount, command_id)
        if receipt.code not in (Reject.BUSY, Reject.IN_DOUBT):
            return receipt
        await asyncio.sleep(0.02)
    raise AssertionError


async def acknowledged_bids_are_in_the_log(market: Market, receipts: list[Receipt]) -> None:
    state = await market.engine.load(LOT)
    assert state is not None
    seqs = [receipt.seq for receipt in receipts]
    assert None not in seqs and len(set(seqs)) == len(seqs)
    assert state.price == 100 + 10 * (len(receipts) - 1)
    await is_clean(market.dsn)


async def test_redis_emptied_in_mid_session_costs_nothing_but_an_answer_that_is_asked_for_again(market: Market) -> None:
    links = [await linked(market), await linked(market)]
    await open_lot(links[0], LOT, "A", "B")
    receipts: list[Receipt] = []

    async def play() -> None:
        for number in range(120):
            receipts.append(await insist(market, "AB"[number % 2], 100 + 10 * number))

    playing = asyncio.create_task(play())
    assert market.redis is not None
    for _ in range(4):
        seen = len(receipts)
        await until(lambda seen=seen: len(receipts) > seen + 5 or playing.done())  # type: ignore[misc]
        await market.redis.empty()
    await playing
    assert [receipt.code for receipt in receipts] == [None] * 120
    assert [link.sessions for link in links] == [1, 1], "nobody even had to connect again"
    await acknowledged_bids_are_in_the_log(market, receipts)


async def test_redis_killed_and_started_again_is_answered_in_writing_meanwhile_and_healed_afterwards(
    market: Market,
) -> None:
    link = await linked(market)
    await open_lot(link, LOT, "A", "B")
    receipts = [await insist(market, "AB"[number % 2], 100 + 10 * number) for number in range(5)]
    assert market.redis is not None
    server = market.redis.servers[0]
    server.kill()
    await until(lambda: not link.connected and not link.ready)
    assert (await bid(link, LOT, "A", 5_000)).code is Reject.BUSY
    receipts.append(await bid(market.engine, LOT, "B", 150))  # something happens all the same
    await until(lambda: (state := link.state(LOT)) is not None and state.price == 150)  # PostgreSQL is polled
    server.start()
    await until(lambda: link.ready)
    receipts += [await insist(market, "AB"[number % 2], 100 + 10 * number) for number in range(6, 12)]
    await acknowledged_bids_are_in_the_log(market, receipts)


async def test_a_message_that_is_lost_is_read_from_the_log(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    link = await linked(market)
    await open_lot(link, LOT, "A", "B")
    changes: list[int] = []
    link.subscribe(lambda told: changes.extend(change.seq for change in told))
    advances: list[Advance] = []
    link.subscribe_advances(advances.extend)
    replica = link._lots.replica
    hear, heard = replica.told, itertools.count()

    def told(shard: int, records: object) -> None:
        if next(heard) % 3:  # every third message is lost, the last one too
            hear(shard, records)  # type: ignore[arg-type]

    monkeypatch.setattr(replica, "told", told)
    for number in range(10):
        await bid(link, LOT, "AB"[number % 2], 100 + 10 * number)
    head = market.engine.state(LOT)
    assert head is not None
    await until(lambda: bool(changes) and changes[-1] == head.seq)
    assert changes == list(range(head.seq - 9, head.seq + 1)), "each once and in order"
    assert link.state(LOT) == head
    assert link.healed > 0
    assert [one.first_seq for one in advances[1:]] == [one.last_seq + 1 for one in advances[:-1]], (
        "told without a gap all the same"
    )
    assert sum(one.last_seq - one.first_seq + 1 for one in advances) == 10
    assert {one.streams for one in advances} == {frozenset({f"lot/{LOT}"})}


async def test_what_nobody_with_the_key_has_said_is_not_believed(market: Market, redis: RedisServers) -> None:
    link = await linked(market)
    await open_lot(link, LOT, "A")
    await bid(link, LOT, "A", 100)
    before = market.engine.state(LOT)
    command = PlaceBid(bidder_id=PartyId("A"), amount=Amount(900))
    envelope: LotEnvelope = Envelope(
        LOT, command, uuid.uuid4().bytes, request_digest(command), "A", InstantUs(1), print
    )
    stranger = m.Cover(bytes(32))
    forged = m.COMMANDS.encode((m.sent(envelope),), stranger)
    beat = m.CHANGES.encode(m.Beat(SHARD, "x", 99, 10**9, 0), stranger)
    in_clear = m.COMMANDS.encode((m.sent(envelope),), m.Cover(None))
    newer = b"\x07" + m.COMMANDS.encode((m.sent(envelope),), m.Cover(KEY))[1:]
    wire = await connect(redis.servers[0].address, Login())
    key, channel = m.commands_key(SHARD), m.changes_channel(SHARD)
    for payload in (forged, in_clear, newer, b"", b"\x01"):
        await wire.call([("XADD", key, "*", "g", link.gateway, "n", 10**6, "c", 1, "p", payload)])
    await wire.call([("XADD", key, "*", "x", "y"), ("SPUBLISH", channel, beat), ("SPUBLISH", channel, b"\x02junk")])
    await wire.call([("SPUBLISH", m.receipts_channel(link.gateway), b"\x02\x91")])
    wire.close()
    assert market.intake is not None
    intake = market.intake
    await until(lambda: intake.counts.unknown >= 6)
    assert market.engine.state(LOT) == before
    assert (await bid(link, LOT, "A", 200)).seq is not None, "and everything goes on"
    assert link.lag == 0


async def test_bids_that_wait_while_the_engine_is_changed_keep_their_place_and_are_answered(market: Market) -> None:
    link = await linked(market)
    await open_lot(link, LOT, "A", "B")
    first = await bid(link, LOT, "A", 100)
    await market.stop_engine()
    receipts: list[Receipt] = []
    for number in range(1, 9):
        submit(link, LOT, "AB"[number % 2], 100 + 10 * number, receipts.append)
    await market.start_engine()
    await until(lambda: len(receipts) == 8)
    assert [receipt.code for receipt in receipts] == [None] * 8
    seqs = [receipt.seq or 0 for receipt in receipts]
    assert seqs == list(range(seqs[0], seqs[0] + 8)) and first.seq is not None and seqs[0] > first.seq
    await acknowledged_bids_are_in_the_log(market, [first, *receipts])


async def test_an_answer_that_does_not_come_is_found_in_the_log(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await linked(market)
    await open_lot(link, LOT, "A")
    monkeypatch.setattr(link.sender, "take_answers", lambda payload: None)
    monkeypatch.setattr(link.sender, "take_records", lambda records: None)
    accepted = await bid(link, LOT, "A", 100)
    state = market.engine.state(LOT)
    assert state is not None and (accepted.code, accepted.seq) == (None, state.seq)
    assert (await bid(link, "no-such-lot", "A", 100)).code is Reject.IN_DOUBT, (
        "nothing is on record, nothing is promised"
    )
    assert link.sender.counts.looked_up == 2


async def test_a_receipt_that_is_lost_is_replaced_by_the_record(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await linked(market)
    await open_lot(link, LOT, "A")
    monkeypatch.setattr(link.sender, "take_answers", lambda payload: None)
    command_id = uuid.uuid4().bytes
    first = await bid(link, LOT, "A", 100, command_id)
    assert first == await bid(market.engine, LOT, "A", 100, command_id)
    assert link.sender.counts.looked_up == 0


async def test_an_event_of_a_newer_program_hides_its_lot_alone_until_this_one_is_renewed(market: Market) -> None:
    link = await linked(market)
    await open_lot(link, LOT, "A")
    await open_lot(link, "b1", "A")
    replica, state = link._lots.replica, link.state(LOT)
    assert state is not None
    where = replica._views[SHARD]
    newer = seal(
        shard=SHARD, seq=where.seq + 1, epoch=where.epoch, stream=f"lot/{LOT}", stream_seq=state.seq + 1,
        type_version=("lot.from_tomorrow", 1), at_us=state.last_at_us, arrived_at_us=None, command_id=None,
        request_digest=None, actor="A", body=b"{}", salt=bytes(32), previous=replica._chains[LOT],
    )  # fmt: skip
    replica.told(SHARD, [newer])
    assert link.state(LOT) is None
    assert (await bid(link, "b1", "A", 100)).seq is not None
    other = link.state(LotId("b1"))
    assert other is not None and other.price == 100


async def test_while_nobody_can_reach_the_market_no_session_ends_and_its_time_is_given_back(
    redis: RedisServers, make_database: Callable[[], str]
) -> None:
    await redis.empty()
    market = Market(make_database(), redis, unreachable_us=SECOND // 2)
    await market.start_engine()
    link = await linked(market)
    await open_lot(link, LOT, "A", closes_in_s=3.0)
    await bid(link, LOT, "A", 100)
    before = market.engine.state(LOT)
    assert before is not None and before.closes_at_us is not None
    redis.servers[0].kill()
    try:
        await until(lambda: not market.engine.ready)
        while market.engine.clock.now_us() < before.closes_at_us + SECOND:
            await asyncio.sleep(0.02)
        held = market.engine.state(LOT)
        assert held is not None and not held.phase.is_final
    finally:
        redis.servers[0].start()
    await until(lambda: market.engine.ready)
    await until(lambda: (state := link.state(LOT)) is not None and state.phase is Phase.INTERRUPTED)
    await link.stop()
    market._links.clear()
    await until(lambda: not market.engine.ready)  # no gateway: nobody can reach it either
    await market.stop()
    await is_clean(market.dsn)


async def test_a_master_that_the_sentinels_replace_is_found_again(make_database: Callable[[], str]) -> None:
    with redis_with_sentinel() as servers:
        sentinel = await connect(servers.servers[2].address, Login())

        async def masters_port() -> int:
            return int((await sentinel.call([("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "ortoo")]))[0][1])

        async def has_a_replica() -> bool:
            return len((await sentinel.call([("SENTINEL", "REPLICAS", "ortoo")]))[0]) == 1

        async with asyncio.timeout(60):
            while not await has_a_replica():
                await asyncio.sleep(0.1)
        market = Market(make_database(), servers, unreachable_us=60 * SECOND)
        await market.start_engine()
        link = await linked(market)
        await open_lot(link, LOT, "A", "B")
        receipts = [await insist(market, "A", 100)]
        before = await masters_port()
        async with asyncio.timeout(60):
            await sentinel.call([("SENTINEL", "FAILOVER", "ortoo")])
            while await masters_port() == before:
                await asyncio.sleep(0.1)
        receipts += [await insist(market, "AB"[number % 2], 100 + 10 * number) for number in range(1, 8)]
        await acknowledged_bids_are_in_the_log(market, receipts)
        sentinel.close()
        await market.stop()
