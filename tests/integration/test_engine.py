"""The real engine on real PostgreSQL: acknowledgement after commit, retries, take-over, doubt, deadlines, verification."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Sequence

import asyncpg
import pytest

from engine.bus.local import Envelope, LotEnvelope
from engine.catalogue.codes.calendar_data import load_calendar
from engine.evidence.receipts import Outcome, Receipt
from engine.evidence.verification import verify_log
from engine.journal import embedded
from engine.journal.advances import Advance
from engine.journal.codec import encode_state, request_digest
from engine.journal.postgres import PostgresLog
from engine.journal.reader import Reader
from engine.journal.records import lot_stream
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.state import Phase
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.rules.rejections import Reject
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.limits import WriterLimits
from engine.runtime.rulebook import LOT_RULES
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId, shard_of

SECOND = 1_000_000


class Desk:
    """An engine and the few sentences the tests say to it."""

    def __init__(self, dsn: str, **limits: int) -> None:
        self.dsn = dsn
        self.engine = Engine(EngineSettings(dsn=dsn, limits=WriterLimits(**limits), stall_us=30_000_000), load_calendar)

    async def say(self, lot: str, command: Command, actor: str = "op", command_id: bytes | None = None) -> Receipt:
        return await self.engine.ask(
            LotId(lot),
            command,
            command_id=command_id or uuid.uuid4().bytes,
            request_digest=request_digest(command),
            actor=actor,
            arrived_at_us=None,
        )

    async def open_lot(self, lot: str, *bidders: str, closes_in_s: float = 3600, extension_s: float = 0.0) -> None:
        now_us = self.engine.clock.now_us()
        closing = Closing(
            opens_at_us=InstantUs(now_us),
            closes_at_us=InstantUs(now_us + int(closes_in_s * SECOND)),
            extension_us=DurationUs(int(extension_s * SECOND)) if extension_s else None,
        )
        terms = Terms(closing=closing, increment=FixedIncrement(Amount(10)), start_price=Amount(100))
        receipt = await self.say(
            lot, PublishLot(terms=terms, subject=Subject(title_zh="测", title_en="T"), seller_id=PartyId("s"))
        )
        assert receipt.decision is Outcome.ACCEPTED, receipt
        for bidder in bidders:
            await self.say(lot, AdmitBidder(bidder_id=PartyId(bidder)))

    async def bid(self, lot: str, bidder: str, amount: int, command_id: bytes | None = None) -> Receipt:
        return await self.say(lot, PlaceBid(bidder_id=PartyId(bidder), amount=Amount(amount)), bidder, command_id)


@pytest.fixture
async def desk(fresh_database: str) -> AsyncIterator[Desk]:
    opened = Desk(fresh_database)
    await opened.engine.start()
    yield opened
    await opened.engine.stop()


async def is_clean(dsn: str) -> bool:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        reader = Reader(pool)
        verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert verdict.findings == []
    return verdict.events > 0


async def test_an_acknowledged_bid_is_in_postgresql(desk: Desk) -> None:
    await desk.open_lot("a1", "A")
    receipt = await desk.bid("a1", "A", 100)
    connection = await asyncpg.connect(desk.dsn)
    row = await connection.fetchrow("SELECT * FROM event WHERE digest = $1", receipt.digest)
    await connection.close()
    assert row is not None
    assert (row["stream"], row["stream_seq"], row["actor"]) == (lot_stream(LotId("a1")), receipt.seq, "A")


async def test_whoever_follows_the_log_is_told_of_every_record_once_and_finds_the_state_as_it_left_it(
    desk: Desk,
) -> None:
    told: list[tuple[int, int, frozenset[str], list[int]]] = []

    def hear(advances: Sequence[Advance]) -> None:
        for one in advances:
            states = [desk.engine.state(LotId(stream.removeprefix("lot/"))) for stream in sorted(one.streams)]
            told.append((one.shard, one.last_seq, one.streams, [state.seq for state in states if state is not None]))
            assert one.first_seq == heads.get(one.shard, 1) + 1, "after the taking there is no gap"
            heads[one.shard] = one.last_seq

    heads: dict[int, int] = {}
    desk.engine.subscribe_advances(hear)
    for lot in ("a1", "a2", "b7"):
        await desk.open_lot(lot, "A", "B")
    for number in range(6):
        await asyncio.gather(*(desk.bid(lot, "AB"[number % 2], 100 + 10 * number) for lot in ("a1", "a2", "b7")))
    connection = await asyncpg.connect(desk.dsn)
    rows = await connection.fetch(
        "SELECT shard, max(seq) AS head, array_agg(DISTINCT stream) AS streams FROM event WHERE type <> 'shard.owner_taken'"
        " AND stream LIKE 'lot/%' GROUP BY shard"
    )
    await connection.close()
    assert heads == {row["shard"]: row["head"] for row in rows}
    for row in rows:
        streams = frozenset().union(*(streams for shard, _, streams, _ in told if shard == row["shard"]))
        assert sorted(streams) == sorted(row["streams"])
    assert all(len(streams) == len(seqs) for _, _, streams, seqs in told), "the state was there already"


async def test_the_same_id_gives_the_same_answer_and_other_content_is_refused(desk: Desk) -> None:
    await desk.open_lot("a1", "A", "B")
    command_id = uuid.uuid4().bytes
    first = await desk.bid("a1", "A", 100, command_id)
    assert await desk.bid("a1", "A", 100, command_id) == first
    assert (await desk.bid("a1", "A", 110, command_id)).code is Reject.COMMAND_ID_REUSED
    assert (await desk.bid("a1", "B", 100, command_id)).code is Reject.COMMAND_ID_REUSED, "somebody else's id"


async def test_a_refusal_too_is_repeated_word_for_word(desk: Desk) -> None:
    await desk.open_lot("a1", "A", "B")
    await desk.bid("a1", "A", 500)
    command_id = uuid.uuid4().bytes
    first = await desk.bid("a1", "B", 505, command_id)
    assert (first.code, first.data) == (Reject.BID_BELOW_MINIMUM, {"minimum": "510", "step": "10"})
    assert await desk.bid("a1", "B", 505, command_id) == first


async def test_the_retry_of_an_accepted_bid_after_the_end_is_answered_accepted(desk: Desk) -> None:
    await desk.open_lot("a1", "A", closes_in_s=0.4)
    command_id = uuid.uuid4().bytes
    first = await desk.bid("a1", "A", 100, command_id)
    while (state := desk.engine.state(LotId("a1"))) is not None and not state.phase.is_final:
        await asyncio.sleep(0.02)
    assert (await desk.bid("a1", "A", 200)).code is Reject.LATE
    assert await desk.bid("a1", "A", 100, command_id) == first


async def test_two_hundred_lots_that_end_in_the_same_instant(desk: Desk) -> None:
    now_us = desk.engine.clock.now_us()
    closing = Closing(opens_at_us=InstantUs(now_us), closes_at_us=InstantUs(now_us + 6_000_000))
    terms = Terms(closing=closing, increment=FixedIncrement(Amount(10)), start_price=Amount(100))
    subject = Subject(title_zh="测", title_en="T")
    lots = [f"n{number}" for number in range(200)]
    publish = PublishLot(terms=terms, subject=subject, seller_id=PartyId("s"))
    await asyncio.gather(*(desk.say(lot, publish) for lot in lots))
    await asyncio.gather(*(desk.say(lot, AdmitBidder(bidder_id=PartyId("A"))) for lot in lots))
    receipts = await asyncio.gather(*(desk.bid(lot, "A", 100) for lot in lots))
    assert {receipt.code for receipt in receipts} == {None}, (
        "on a slow machine they may come after the end: not what is asked here"
    )
    while any(not state.phase.is_final for state in desk.engine.lots()):
        await asyncio.sleep(0.02)
    states = [desk.engine.state(LotId(lot)) for lot in lots]
    assert {state.ended_at_us for state in states if state} == {now_us + 6_000_000}
    assert {state.phase for state in states if state} == {Phase.SOLD}


async def test_a_restart_rebuilds_every_state_bit_for_bit_and_gives_the_time_back(desk: Desk) -> None:
    await desk.open_lot("a1", "A", "B", closes_in_s=3600)
    for amount in range(100, 400, 10):
        await desk.bid("a1", "AB"[amount // 10 % 2], amount)
    before = desk.engine.state(LotId("a1"))
    await desk.engine.stop()
    again = Desk(desk.dsn)
    await again.engine.start()
    after = again.engine.state(LotId("a1"))
    assert before is not None
    assert after is not None
    assert after.seq == before.seq + 1, "one event: the outage"
    assert after.closes_at_us is not None
    assert before.closes_at_us is not None
    assert after.closes_at_us > before.closes_at_us
    assert (after.price, after.leader, after.codes) == (before.price, before.leader, before.codes)
    assert await again.engine.load(LotId("a1")) == after
    await again.engine.stop()
    assert await is_clean(desk.dsn)


async def test_an_end_that_passed_while_nobody_served_interrupts_and_never_sells(desk: Desk) -> None:
    await desk.open_lot("a1", "A", closes_in_s=0.5)
    await desk.bid("a1", "A", 100)
    await desk.engine.stop()
    await asyncio.sleep(0.6)
    again = Desk(desk.dsn)
    await again.engine.start()
    state = again.engine.state(LotId("a1"))
    assert state is not None
    assert (state.phase, state.leader) == (Phase.INTERRUPTED, "A")
    await again.engine.stop()


async def test_snapshots_change_nothing_but_time(fresh_database: str) -> None:
    desk = Desk(fresh_database, snapshot_every=20)
    await desk.engine.start()
    await desk.open_lot("a1", "A", "B")
    for amount in range(100, 700, 10):
        await desk.bid("a1", "AB"[amount // 10 % 2], amount)
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=1) as pool:
        while not await pool.fetchval("SELECT count(*) FROM lot_snapshot"):
            await asyncio.sleep(0.05)
    with_snapshot = await desk.engine.load(LotId("a1"))
    await desk.engine.stop()
    first = await _state_from_log(fresh_database, snapshots=True)
    second = await _state_from_log(fresh_database, snapshots=False)
    assert first == second
    assert with_snapshot is not None
    assert await is_clean(fresh_database)


async def test_an_ended_lot_is_read_from_its_last_snapshot(desk: Desk) -> None:
    await desk.open_lot("a1", "A", closes_in_s=0.4)
    await desk.bid("a1", "A", 100)
    async with asyncpg.create_pool(desk.dsn, min_size=1, max_size=1) as pool:
        while await pool.fetchval("SELECT stream_seq FROM lot_snapshot WHERE stream = 'lot/a1'") is None:
            await asyncio.sleep(0.05)
    ended = desk.engine.state(LotId("a1"))
    assert ended is not None
    assert ended.phase is Phase.SOLD
    assert desk.engine.lots() == [ended]


async def test_an_engine_of_which_a_part_breaks_ends_and_is_started_anew(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    engine = Engine(EngineSettings(dsn=fresh_database, stall_us=30_000_000), load_calendar, on_end=ended.set)

    async def bug(*arguments: object) -> None:
        raise ZeroDivisionError("a bug in what leaves the signs of life")

    await engine.start()
    monkeypatch.setattr(engine._lots, "sign", bug)
    async with asyncio.timeout(60):
        await ended.wait()
    assert not engine.fenced
    await engine.stop()
    again = Desk(fresh_database)
    await again.engine.start()
    await again.open_lot("a1", "A")
    assert (await again.bid("a1", "A", 100)).decision is Outcome.ACCEPTED
    await again.engine.stop()


async def _state_from_log(dsn: str, *, snapshots: bool) -> bytes:
    from engine.journal.postgres import PostgresLog
    from engine.runtime.book import rebuild

    if not snapshots:
        connection = await asyncpg.connect(dsn)
        await connection.execute("DELETE FROM lot_snapshot")
        await connection.close()
    log = PostgresLog(dsn)
    stored = await log.load("lot/a1")
    await log.close()
    assert stored is not None
    assert (stored.snapshot is not None) is snapshots
    state = rebuild(LOT_RULES, stored).state
    assert state is not None
    return encode_state(state)


async def test_a_second_engine_fences_the_first_which_stops(desk: Desk) -> None:
    await desk.open_lot("a1", "A", "B")
    await desk.bid("a1", "A", 100)
    second = Desk(desk.dsn)
    await second.engine.start()
    late = await desk.bid("a1", "B", 110)
    assert late.code is Reject.IN_DOUBT
    assert desk.engine.fenced
    assert (await desk.bid("a1", "B", 120)).code is Reject.BUSY
    answer = await second.bid("a1", "B", 110)
    assert answer.decision is Outcome.ACCEPTED
    await second.engine.stop()
    assert await is_clean(desk.dsn)


async def test_postgresql_killed_under_load_loses_no_acknowledged_bid(
    tmp_path_factory: pytest.TempPathFactory, migrate_all: Callable[[str], None]
) -> None:
    directory = tmp_path_factory.mktemp("kill")
    server = await embedded.start(directory, settings=embedded.SMALL)
    await asyncio.to_thread(migrate_all, server.dsn())
    desk = Desk(server.dsn())
    await desk.engine.start()
    acknowledged: list[Receipt] = []
    stop = asyncio.Event()

    async def insist(bidder: str, offset: int) -> None:
        amount = 100 + offset
        while not stop.is_set():
            amount += 40
            command_id = uuid.uuid4().bytes
            while True:
                receipt = await desk.bid("a1", bidder, amount, command_id)
                if receipt.code not in (Reject.IN_DOUBT, Reject.BUSY):
                    break
                await asyncio.sleep(0.02)
            if receipt.seq is not None:
                acknowledged.append(receipt)

    await desk.open_lot("a1", *"ABCDEFGH")
    bidders = [asyncio.create_task(insist(bidder, 10 * place)) for place, bidder in enumerate("ABCDEFGH")]
    for _ in range(3):
        count = len(acknowledged)
        while len(acknowledged) < count + 200:
            await asyncio.sleep(0.01)
        server.kill()
        server = await embedded.start(directory, settings=embedded.SMALL)
    count = len(acknowledged)
    while len(acknowledged) < count + 200:
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*bidders)
    connection = await asyncpg.connect(server.dsn())
    rows = await connection.fetch("SELECT stream_seq, digest FROM event WHERE stream = 'lot/a1'")
    await connection.close()
    held = {row["stream_seq"]: row["digest"] for row in rows}
    assert sorted(held) == list(range(1, len(held) + 1))
    assert all(held[receipt.seq] == receipt.digest for receipt in acknowledged if receipt.seq)
    assert len({receipt.seq for receipt in acknowledged}) == len(acknowledged)
    await desk.engine.stop()
    assert await is_clean(server.dsn())
    await server.stop()


async def test_a_full_inbox_is_answered_busy_at_once(fresh_database: str) -> None:
    desk = Desk(fresh_database, inbox_max=4)
    await desk.engine.start()
    await desk.open_lot("a1", "A")
    answers = await asyncio.gather(*(desk.bid("a1", "A", 100 + number) for number in range(50)))
    codes = [answer.code for answer in answers]
    assert codes.count(Reject.BUSY) >= 40
    assert codes.count(None) == 1
    await desk.engine.stop()


@pytest.mark.parametrize("column", ["body", "salt", "at_us", "actor", "digest", "content", "stream_seq", "epoch"])
async def test_one_changed_byte_of_history_is_found_and_named(desk: Desk, column: str) -> None:
    await desk.open_lot("a1", "A", "B")
    await desk.bid("a1", "A", 100)
    receipt = await desk.bid("a1", "B", 110)
    await desk.bid("a1", "A", 120)
    await desk.engine.stop()
    connection = await asyncpg.connect(desk.dsn)
    await connection.execute("ALTER TABLE event DISABLE TRIGGER event_append_only")
    change = {
        "body": "set_byte(body, 12, (get_byte(body, 12) + 1) % 10 + 48)",
        "salt": "set_byte(salt, 3, (get_byte(salt, 3) + 1) % 256)",
        "at_us": "at_us - 1",
        "actor": "'C'",
        "digest": f"'\\x{os.urandom(32).hex()}'::bytea",
        "content": f"'\\x{os.urandom(32).hex()}'::bytea",
        "stream_seq": "stream_seq + 1000",
        "epoch": "epoch + 1",
    }[column]
    await connection.execute(f"UPDATE event SET {column} = {change} WHERE digest = $1", receipt.digest)
    await connection.close()
    async with asyncpg.create_pool(desk.dsn, min_size=1, max_size=1) as pool:
        reader = Reader(pool)
        verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert len(verdict.findings) == 1
    assert "lot/a1" in verdict.findings[0].place


async def test_the_entry_that_brought_a_command_is_evidence_outside_the_digests(desk: Desk) -> None:
    await desk.open_lot("a1", "A")
    receipts: list[Receipt] = []
    for number in (1, 2):
        command = PlaceBid(bidder_id=PartyId("A"), amount=Amount(1_000 * number))
        envelope: LotEnvelope = Envelope(
            "a1",
            command,
            uuid.uuid4().bytes,
            request_digest(command),
            "A",
            None,
            receipts.append,
            entry_id=f"{number}-0",
        )
        desk.engine.submit_all([envelope])
    while len(receipts) < 2:
        await asyncio.sleep(0.005)
    await desk.engine.stop()
    log = PostgresLog(desk.dsn)
    try:
        assert await log.last_entries([shard_of(LotId("a1")), 80]) == {shard_of(LotId("a1")): "2-0"}
    finally:
        await log.close()
    assert await is_clean(desk.dsn)
    connection = await asyncpg.connect(desk.dsn)
    await connection.execute("ALTER TABLE event DISABLE TRIGGER event_append_only")
    await connection.execute("UPDATE event SET entry_id = NULL")
    await connection.close()
    assert await is_clean(desk.dsn)


async def test_while_nobody_can_reach_the_market_no_bid_is_taken_and_no_end_passes(desk: Desk) -> None:
    await desk.open_lot("a1", "A", closes_in_s=0.5)
    await desk.bid("a1", "A", 100)
    from_us = desk.engine.clock.now_us()
    desk.engine.hold()
    state = desk.engine.state(LotId("a1"))
    assert state is not None and state.closes_at_us is not None
    assert not desk.engine.ready
    assert (await desk.bid("a1", "A", 200)).code is Reject.BUSY
    while desk.engine.clock.now_us() < state.closes_at_us + 200_000:
        await asyncio.sleep(0.02)
    held = desk.engine.state(LotId("a1"))
    assert held is not None and held.phase is Phase.OPEN
    desk.engine.resume(from_us)
    while (after := desk.engine.state(LotId("a1"))) is None or after.seq == held.seq:
        await asyncio.sleep(0.005)
    assert (after.phase, after.leader) == (Phase.INTERRUPTED, "A")


async def test_the_journal_takes_no_update_and_no_delete(fresh_database: str, desk: Desk) -> None:
    from engine.journal.postgres import connect

    await desk.open_lot("a1", "A")
    owner, writer = await asyncpg.connect(desk.dsn), await connect(desk.dsn)
    for statement in ("UPDATE event SET actor = 'x'", "DELETE FROM event", "TRUNCATE event"):
        with pytest.raises(asyncpg.PostgresError):
            await owner.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(statement)
    await owner.close()
    await writer.close()
