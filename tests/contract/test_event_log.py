"""One contract for the journal's port, passed by PostgreSQL, by PostgreSQL with hidden lots, and by the simulator's stand-in: so the
simulator is no kinder, and what hides changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import asyncpg
import pytest

from engine.journal.codec import encode_event
from engine.journal.digests import first_digest
from engine.journal.log import EventLog, Fenced, InDoubt
from engine.journal.postgres import PostgresLog
from engine.journal.records import Record, lot_stream
from engine.journal.sealing import seal
from engine.journal.secrecy import CLEAR, Vault, is_hidden
from engine.journal.streams import LOTS
from engine.rules.auction.commands import PauseKind, Subject
from engine.rules.auction.events import LotPaused, LotPublished, LotVoided
from engine.values import InstantUs, LotId, PartyId, shard_of
from tests.engine.rules.transcript import fixed_terms
from tests.simulation.fault_log import Database, FaultLog, Faults

LOT = LotId("contract")
SHARD = shard_of(LOT)
KEY = bytes(range(32))
PUBLISHED = LotPublished(terms=fixed_terms(), subject=Subject(title_zh="测", title_en="T"), seller_id=PartyId("s"))


class MakeLog(Protocol):
    """Gives a new connection to the same database each time."""

    def __call__(self) -> EventLog: ...


@pytest.fixture(params=["postgresql", "hidden", "simulated"])
async def make_log(request: pytest.FixtureRequest, make_database: Callable[[], str]) -> AsyncIterator[MakeLog]:
    if request.param == "simulated":
        database = Database()
        yield lambda: FaultLog(database, random.Random(1), Faults())
        return
    dsn = make_database()
    opened: list[PostgresLog] = []

    def make() -> PostgresLog:
        secrecy = Vault(KEY) if request.param == "hidden" else CLEAR
        opened.append(PostgresLog(dsn, LOTS, secrecy))
        return opened[-1]

    yield make
    for log in opened:
        await log.close()


def record(
    seq: int,
    epoch: int,
    stream_seq: int = 1,
    previous: bytes | None = None,
    command_id: bytes | None = None,
    at_us: int = 10,
) -> Record:
    event = PUBLISHED if stream_seq == 1 else LotVoided(reason="x")
    name, version, body = encode_event(event)
    return seal(
        shard=SHARD, seq=seq, epoch=epoch, stream=lot_stream(LOT), stream_seq=stream_seq, type_version=(name, version),
        at_us=InstantUs(at_us), arrived_at_us=None, command_id=command_id, request_digest=os.urandom(32) if command_id else None,
        actor="op", body=body, salt=os.urandom(32), previous=previous or first_digest(lot_stream(LOT)),
    )  # fmt: skip


async def take(log: EventLog, owner: str = "a", at_us: int = 1) -> tuple[int, int]:
    (taken,) = await log.take([SHARD], owner, InstantUs(at_us))
    return taken.epoch, taken.head_seq


async def test_taking_raises_the_epoch_and_continues_the_sequence(make_log: MakeLog) -> None:
    log = make_log()
    assert await take(log) == (1, 1)
    assert await take(log) == (2, 2)


async def test_what_is_appended_is_read_again(make_log: MakeLog) -> None:
    log = make_log()
    epoch, head = await take(log)
    first = record(head + 1, epoch, command_id=b"c" * 16)
    await log.append([first])
    stored = await make_log().load(lot_stream(LOT))
    assert stored is not None
    assert list(stored.records) == [first]
    assert stored.commands == {b"c" * 16: 1}
    assert await log.find_command(lot_stream(LOT), b"c" * 16, first.actor) == first
    assert await log.find_command(lot_stream(LOT), b"d" * 16, first.actor) is None
    assert await log.find_command(lot_stream(LOT), b"c" * 16, "somebody else") is None
    assert await log.record_at(lot_stream(LOT), 1) == first and await log.record_at(lot_stream(LOT), 2) is None
    assert await log.load("lot/unknown") is None


async def test_an_owner_whose_shard_was_taken_writes_nothing(make_log: MakeLog) -> None:
    zombie, owner = make_log(), make_log()
    epoch, head = await take(zombie, "zombie")
    await take(owner, "owner")
    with pytest.raises(Fenced):
        await zombie.append([record(head + 1, epoch)])
    assert await owner.load(lot_stream(LOT)) is None


async def test_a_zombie_stays_fenced_however_far_the_log_has_gone(make_log: MakeLog) -> None:
    zombie, owner = make_log(), make_log()
    epoch, head = await take(zombie, "zombie")
    new_epoch, new_head = await take(owner, "owner")
    first = record(new_head + 1, new_epoch)
    await owner.append([first])
    for seq in (head + 1, head + 2):
        with pytest.raises(InDoubt):
            await zombie.append([record(seq, epoch, stream_seq=2, previous=first.digest)])
    stored = await owner.load(lot_stream(LOT))
    assert stored is not None
    assert len(stored.records) == 1


async def test_of_two_writers_in_one_epoch_exactly_one_wins(make_log: MakeLog) -> None:
    first, second = make_log(), make_log()
    epoch, head = await take(first)
    await second.load(lot_stream(LOT))  # connect
    results = await asyncio.gather(
        first.append([record(head + 1, epoch)]), second.append([record(head + 1, epoch)]), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Fenced", "NoneType"]


async def test_a_batch_is_all_or_nothing(make_log: MakeLog) -> None:
    log = make_log()
    epoch, head = await take(log)
    first = record(head + 1, epoch)
    with pytest.raises(InDoubt):
        await log.append([first, record(head + 1, epoch, stream_seq=2, previous=first.digest)])
    assert await make_log().load(lot_stream(LOT)) is None


async def test_a_command_id_is_used_once_for_ever(make_log: MakeLog) -> None:
    log = make_log()
    epoch, head = await take(log)
    first = record(head + 1, epoch, command_id=b"c" * 16)
    await log.append([first])
    with pytest.raises(InDoubt):
        await log.append([record(head + 2, epoch, stream_seq=2, previous=first.digest, command_id=b"c" * 16)])


async def test_a_lot_lives_until_its_last_event(make_log: MakeLog) -> None:
    log = make_log()
    epoch, head = await take(log)
    first = record(head + 1, epoch)
    await log.append([first])
    assert [lot.stream for lot in await log.load_live([SHARD])] == [lot_stream(LOT)]
    assert await log.load_live([(SHARD + 1) % 64]) == []
    await log.append([record(head + 2, epoch, stream_seq=2, previous=first.digest)])
    assert await log.load_live([SHARD]) == []


async def test_a_snapshot_shortens_what_is_read(make_log: MakeLog) -> None:
    log = make_log()
    epoch, head = await take(log)
    first = record(head + 1, epoch)
    second = record(head + 2, epoch, stream_seq=2, previous=first.digest)
    await log.append([first, second])
    await log.save_snapshot(lot_stream(LOT), 1, b"state", first.digest)
    stored = await log.load(lot_stream(LOT))
    assert stored is not None
    assert (stored.snapshot, stored.snapshot_digest, list(stored.records)) == (b"state", first.digest, [second])


@pytest.mark.parametrize("alive_at_us", [None, 500])
async def test_since_when_nobody_served(make_log: MakeLog, alive_at_us: int | None) -> None:
    log = make_log()
    (first,) = await log.take([SHARD], "a", InstantUs(100))
    assert first.unserved_from_us is None
    await log.append([record(first.head_seq + 1, first.epoch, at_us=200)])
    if alive_at_us is not None:
        await log.alive("a", InstantUs(alive_at_us))
    (second,) = await log.take([SHARD], "b", InstantUs(1_000))
    assert second.unserved_from_us == (alive_at_us or 200)
    (third,) = await log.take([SHARD], "c", InstantUs(2_000))
    assert third.unserved_from_us == (alive_at_us or 200), "b took the shard but never served it"


async def test_a_log_that_began_in_clear_goes_on_hidden_and_is_read_as_one(make_database: Callable[[], str]) -> None:
    dsn = make_database()
    clear, hiding = PostgresLog(dsn), PostgresLog(dsn, LOTS, Vault(KEY))
    await take(clear)
    first = record(2, 1)
    await clear.append([first])
    await take(hiding, "b", 20)
    name, version, body = encode_event(LotPaused(reason="x", kind=PauseKind.OPERATOR))
    second = seal(
        SHARD, 4, 2, lot_stream(LOT), 2, (name, version), InstantUs(30), None, os.urandom(16), os.urandom(32), "op", body,
        os.urandom(32), first.digest,
    )  # fmt: skip
    await hiding.append([second])
    await hiding.save_snapshot(lot_stream(LOT), 1, b'{"leader_maximum":"593826174"}', first.digest)
    connection = await asyncpg.connect(dsn)
    try:
        bodies = await connection.fetch("SELECT body FROM event WHERE stream = $1 ORDER BY stream_seq", lot_stream(LOT))
        assert [is_hidden(row["body"]) for row in bodies] == [False, True]
        state = await connection.fetchval("SELECT state FROM lot_snapshot")
        assert is_hidden(state) and b"593826174" not in state
        await connection.execute("DELETE FROM lot_snapshot")
    finally:
        await connection.close()
    stored = await hiding.load(lot_stream(LOT))
    assert stored is not None and list(stored.records) == [first, second]
    assert second.command_id is not None
    assert await hiding.find_command(lot_stream(LOT), second.command_id, second.actor) == second
    for log in (clear, hiding):
        await log.close()
