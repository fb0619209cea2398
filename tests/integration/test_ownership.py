"""Several real engines on real PostgreSQL: they share the shards, hand over unnoticed, take over after kill -9, and survive SIGSTOP."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from engine.catalogue.codes.calendar_data import load_calendar
from engine.evidence.receipts import Outcome, Receipt
from engine.evidence.verification import verify_log
from engine.journal.codec import request_digest
from engine.journal.reader import Reader
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.state import LotState, Phase
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.rules.rejections import Reject
from engine.runtime.assignment import assignment
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.ownership import LeaseSettings
from engine.values import ALL_SHARDS, PROBE_SHARDS, Amount, DurationUs, InstantUs, LotId, PartyId, shard_of
from tests.integration.engine_process import LOTS

SHARED = set(ALL_SHARDS) - set(PROBE_SHARDS)
LEASE = LeaseSettings(lease_us=1_500_000, margin_us=300_000, look_s=0.05, hand_over_look_s=0.02)
PATIENT_US = 30_000_000
"""A busy test machine stands still for seconds: that is not what is tested here."""
BOUND_S = 120.0
SECOND = 1_000_000


def make_engine(dsn: str) -> Engine:
    return Engine(EngineSettings(dsn=dsn, lease=LEASE, stall_us=PATIENT_US), load_calendar)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_S):
        while not holds():
            await asyncio.sleep(0.01)


async def ask(
    engine: Engine, lot: str, command: Command, actor: str = "op", command_id: bytes | None = None
) -> Receipt:
    return await engine.ask(
        LotId(lot), command, command_id=command_id or uuid.uuid4().bytes, request_digest=request_digest(command),
        actor=actor, arrived_at_us=None,
    )  # fmt: skip


async def open_lot(engine: Engine, lot: str, *, closes_in_s: float, extension_s: float) -> None:
    now_us = engine.clock.now_us()
    closing = Closing(
        opens_at_us=now_us,
        closes_at_us=InstantUs(now_us + int(closes_in_s * SECOND)),
        extension_us=DurationUs(int(extension_s * SECOND)),
    )
    terms = Terms(closing=closing, increment=FixedIncrement(Amount(10)), start_price=Amount(100))
    subject = Subject(title_zh="测", title_en="T")
    for command in (
        PublishLot(terms=terms, subject=subject, seller_id=PartyId("s")),
        AdmitBidder(bidder_id=PartyId("A")),
    ):
        assert (await ask(engine, lot, command)).decision is Outcome.ACCEPTED


async def is_clean(dsn: str) -> bool:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        reader = Reader(pool)
        verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert verdict.findings == []
    return verdict.events > 0


@pytest.fixture
async def two(fresh_database: str) -> AsyncIterator[tuple[Engine, Engine]]:
    first, second = make_engine(fresh_database), make_engine(fresh_database)
    await first.start()
    await until(lambda: first.epochs.keys() == SHARED)
    await second.start()
    wanted = assignment(SHARED, [first.owner, second.owner])
    share = {shard for shard, owner in wanted.items() if owner == second.owner}
    await until(lambda: second.epochs.keys() == share and first.epochs.keys() == SHARED - share)
    yield first, second
    for engine in (first, second):
        await engine.stop()


async def test_every_shard_is_served_by_one_engine_and_another_refuses_it_at_once(two: tuple[Engine, Engine]) -> None:
    first, second = two
    owner, other = (first, second) if shard_of(LotId("a1")) in first.epochs else (second, first)
    await open_lot(owner, "a1", closes_in_s=600, extension_s=1)
    bid = PlaceBid(bidder_id=PartyId("A"), amount=Amount(100))
    command_id = uuid.uuid4().bytes
    assert (await ask(other, "a1", bid, "A", command_id)).code is Reject.BUSY
    assert (await ask(owner, "a1", bid, "A", command_id)).decision is Outcome.ACCEPTED


async def test_a_session_in_its_closing_window_is_handed_over_and_gets_its_time_back(
    two: tuple[Engine, Engine], fresh_database: str
) -> None:
    first, second = two
    owner, other = (first, second) if shard_of(LotId("a1")) in first.epochs else (second, first)
    await open_lot(owner, "a1", closes_in_s=600, extension_s=1_200)
    before = owner.state(LotId("a1"))
    assert before is not None
    await owner.stop()
    await until(lambda: other.epochs.keys() == SHARED)
    after: LotState | None = other.state(LotId("a1"))
    assert after is not None
    assert after.phase is Phase.OPEN, "not interrupted"
    assert before.closes_at_us is not None
    assert after.closes_at_us is not None
    assert 0 < after.closes_at_us - before.closes_at_us < 30 * SECOND
    receipt = await ask(other, "a1", PlaceBid(bidder_id=PartyId("A"), amount=Amount(100)), "A")
    assert receipt.decision is Outcome.ACCEPTED
    assert await is_clean(fresh_database)


async def test_an_engine_whose_look_at_the_shards_breaks_ends_and_the_other_takes_its_share(
    two: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    ended = asyncio.Event()
    monkeypatch.setattr(first, "_on_end", ended.set)

    async def bug() -> float:
        raise ZeroDivisionError("a bug")

    assert first.ownership is not None
    monkeypatch.setattr(first.ownership, "look", bug)
    async with asyncio.timeout(BOUND_S):
        await ended.wait()
    await first.stop()
    await until(lambda: second.epochs.keys() == SHARED)


class EngineProcess:
    """A child that bids on what it serves, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.acknowledged: list[dict[str, Any]] = []
        self.served: set[int] = set()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, dsn: str) -> EngineProcess:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.engine_process", dsn, "4000", stdout=asyncio.subprocess.PIPE
            )
        )

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = json.loads(line)
            if "lot" in said:
                self.acknowledged.append(said)
            self.served |= set(said.get("gained", ()))
            self.served -= set(said.get("lost", ()))

    def heard_of(self, lots: set[LotId], since: int) -> bool:
        """Tell whether it has had bids on all these lots since then."""
        return lots <= {said["lot"] for said in self.acknowledged[since:]}

    async def gone(self) -> int:
        code = await self.process.wait()
        await self._reading
        return code


async def test_engines_that_are_stopped_woken_killed_and_sent_away_lose_and_fork_nothing(fresh_database: str) -> None:
    first = await EngineProcess.start(fresh_database)
    second = await EngineProcess.start(fresh_database)
    try:
        lots = set(LOTS)
        await until(lambda: len(first.served) + len(second.served) == len(SHARED) and bool(first.served))
        await until(lambda: bool(first.acknowledged) and bool(second.acknowledged))

        first.process.send_signal(signal.SIGSTOP)
        since = len(second.acknowledged)
        await until(lambda: second.served == SHARED and second.heard_of(lots, since))
        first.process.send_signal(signal.SIGCONT)
        since = len(first.acknowledged)
        await until(lambda: len(first.acknowledged) > since + 20)  # it goes on, as a newcomer

        second.process.kill()
        assert await second.gone() == -signal.SIGKILL
        since = len(first.acknowledged)
        await until(lambda: first.served == SHARED and first.heard_of(lots, since))
        first.process.terminate()
        assert await first.gone() == 0
    finally:
        for one in (first, second):
            if one.process.returncode is None:
                one.process.kill()
                await one.gone()
    connection = await asyncpg.connect(fresh_database)
    rows = await connection.fetch("SELECT stream, stream_seq, digest FROM event")
    owners = await connection.fetchval("SELECT count(owner) FROM shard_owner")
    await connection.close()
    held = {(row["stream"], row["stream_seq"]): row["digest"].hex() for row in rows}
    told = [*first.acknowledged, *second.acknowledged]
    assert all(held[f"lot/{one['lot']}", one["seq"]] == one["digest"] for one in told)
    assert len({(one["lot"], one["seq"]) for one in told}) == len(told)
    assert owners == 0, "the last one let go of everything"
    assert await is_clean(fresh_database)
