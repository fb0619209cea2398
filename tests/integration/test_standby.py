"""Two real servers: the primary is killed under load and the standby promoted; nothing acknowledged is lost, and the old one is refused."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from engine.evidence.receipts import Receipt
from engine.journal import embedded
from engine.journal.digests import first_digest
from engine.journal.log import InDoubt, JournalUnavailable
from engine.journal.postgres import PostgresLog, connect
from engine.rules.rejections import Reject
from engine.values import InstantUs
from gateway.safekeeping.standby import (
    NotDone,
    fence_directory,
    look_at,
    make_standby,
    promote,
    rejoin,
    require_standby,
)
from tests.contract.test_event_log import SHARD, record
from tests.integration.test_engine import Desk, is_clean

BOUND_S = 60.0


class Pair(NamedTuple):
    """A primary with its synchronous standby."""

    first_dir: Path
    second_dir: Path
    first: embedded.EmbeddedPostgres
    second: embedded.EmbeddedPostgres

    @property
    def dsn(self) -> str:
        """Both addresses; whoever takes writes is meant."""
        hosts = f"{self.first.socket_dir},{self.second.socket_dir}"
        return (
            f"postgresql://{embedded.USER}@/{embedded.USER}?host={hosts}&port=5432,5432&target_session_attrs=read-write"
        )


async def until_synchronous(dsn: str) -> None:
    async with asyncio.timeout(BOUND_S):
        while [state for _, state, _ in (await look_at(dsn)).standbys] != ["sync"]:
            await asyncio.sleep(0.05)


@pytest.fixture
async def pair(tmp_path_factory: pytest.TempPathFactory, migrate_all: Callable[[str], None]) -> AsyncIterator[Pair]:
    first_dir, second_dir = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    first = await embedded.start(first_dir, settings=embedded.SMALL)
    await asyncio.to_thread(migrate_all, first.dsn())
    await make_standby(first.dsn(), second_dir / "data", "second")
    second = await embedded.start(second_dir, settings=embedded.SMALL)
    await require_standby(first.dsn(), "second")
    await until_synchronous(first.dsn())
    yield Pair(first_dir, second_dir, first, second)
    for server in (first, second):
        if server.alive:
            server.kill()


async def until_more(acknowledged: list[Receipt], more: int = 100) -> None:
    count = len(acknowledged)
    async with asyncio.timeout(BOUND_S):
        while len(acknowledged) < count + more:
            await asyncio.sleep(0.02)


async def insist(desk: Desk, bidder: str, offset: int, acknowledged: list[Receipt], stop: asyncio.Event) -> None:
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


async def test_the_primary_dies_under_load_and_nothing_acknowledged_is_lost(pair: Pair) -> None:
    desk, acknowledged, stop = Desk(pair.dsn), list[Receipt](), asyncio.Event()
    await desk.engine.start()
    await desk.open_lot("a1", *"ABCD")
    bidders = [
        asyncio.create_task(insist(desk, bidder, 10 * place, acknowledged, stop)) for place, bidder in enumerate("ABCD")
    ]
    await until_more(acknowledged)
    with pytest.raises(NotDone, match="primary already"):
        await promote(pair.first.dsn(), alone=True)
    pair.first.kill()
    await fence_directory(pair.first_dir / "data")
    promoted = await promote(pair.second.dsn(), alone=True)
    assert (promoted.in_recovery, promoted.timeline) == (False, 2)
    await until_more(acknowledged)

    # Fenced, the old one comes back as a standby at most: nobody is served by it.
    returned = await embedded.start(pair.first_dir, settings=embedded.SMALL)
    assert (await look_at(returned.dsn())).in_recovery
    await until_more(acknowledged)
    returned.kill()
    await rejoin(pair.first_dir / "data", pair.second.dsn(), "first")
    returned = await embedded.start(pair.first_dir, settings=embedded.SMALL)
    await require_standby(pair.second.dsn(), "first")
    await until_synchronous(pair.second.dsn())
    await until_more(acknowledged)
    stop.set()
    await asyncio.gather(*bidders)
    await desk.engine.stop()

    connection = await asyncpg.connect(pair.second.dsn())
    rows = await connection.fetch("SELECT stream_seq, digest FROM event WHERE stream = 'lot/a1'")
    await connection.close()
    held = {row["stream_seq"]: row["digest"] for row in rows}
    assert sorted(held) == list(range(1, len(held) + 1))
    assert all(held[receipt.seq] == receipt.digest for receipt in acknowledged if receipt.seq)
    assert len({receipt.seq for receipt in acknowledged}) == len(acknowledged)
    assert await is_clean(pair.second.dsn())
    returned.kill()


async def test_a_primary_that_was_replaced_is_refused_by_whoever_knows_the_new_one(pair: Pair) -> None:
    await (await connect(pair.dsn)).close()
    await pair.first.stop()
    await promote(pair.second.dsn(), alone=True)
    await (await connect(pair.dsn)).close()
    pair.second.kill()
    returned = await embedded.start(pair.first_dir, settings=embedded.SMALL)  # nobody has fenced it
    with pytest.raises(JournalUnavailable, match="replaced"):
        await connect(pair.dsn)
    returned.kill()


async def test_a_standby_that_commits_did_not_wait_for_is_not_promoted(pair: Pair) -> None:
    await require_standby(pair.first.dsn(), None)
    async with asyncio.timeout(BOUND_S):
        while (await look_at(pair.second.dsn())).required:
            await asyncio.sleep(0.02)
    with pytest.raises(NotDone, match="not the one that commits waited for"):
        await promote(pair.second.dsn(), alone=True)


async def test_a_commit_whose_wait_for_the_standby_was_cancelled_is_in_doubt_and_never_acknowledged(pair: Pair) -> None:
    log = PostgresLog(pair.dsn)
    (taken,) = await log.take([SHARD], "a", InstantUs(1))
    pair.second.kill()
    appending = asyncio.create_task(
        log.append([record(taken.head_seq + 1, taken.epoch, previous=first_digest("lot/contract"))])
    )
    control = await asyncpg.connect(pair.first.dsn())
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'ortoo-journal'"
    async with asyncio.timeout(BOUND_S):
        while (pid := await control.fetchval(waiting)) is None:
            await asyncio.sleep(0.02)
    assert not appending.done(), "a commit waits for the standby"
    await control.execute("SELECT pg_cancel_backend($1)", pid)
    with pytest.raises(InDoubt, match="canceling wait"):
        await appending
    assert await control.fetchval("SELECT count(*) FROM event WHERE stream = 'lot/contract'") == 1, (
        "it is here all the same"
    )
    await control.close()
    await log.close()
