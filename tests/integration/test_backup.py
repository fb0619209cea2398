"""A backup is worth what its restoring is: copy, WAL until an instant, an empty directory, a clean log, and the lots go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.journal import embedded
from engine.rules.auction.state import Phase
from engine.values import LotId
from gateway.safekeeping.backup import (
    NoBackup,
    check_copy,
    copy_database,
    newest_copy,
    restore,
    stream_wal,
    wal_arrived,
)
from gateway.safekeeping.backup_command import restore_command
from gateway.safekeeping.programs import ProgramFailed, conninfo
from tests.integration.test_engine import Desk, is_clean


@pytest.fixture
async def backed_up(
    tmp_path_factory: pytest.TempPathFactory, migrate_all: Callable[[str], None]
) -> AsyncIterator[tuple[embedded.EmbeddedPostgres, Path]]:
    """A server whose WAL is received all the time."""
    directory, backup = tmp_path_factory.mktemp("market"), tmp_path_factory.mktemp("backup")
    server = await embedded.start(directory, settings=embedded.SMALL)
    await asyncio.to_thread(migrate_all, server.dsn())
    streaming = asyncio.create_task(stream_wal(server.dsn(), backup))
    yield server, backup
    streaming.cancel()
    await asyncio.gather(streaming, return_exceptions=True)
    if server.alive:
        server.kill()


async def test_any_instant_is_restored_on_an_empty_machine_and_the_lots_go_on(
    backed_up: tuple[embedded.EmbeddedPostgres, Path], tmp_path: Path
) -> None:
    server, backup = backed_up
    desk = Desk(server.dsn())
    await desk.engine.start()
    await desk.open_lot("a1", "A", "B")
    await copy_database(server.dsn(), backup)
    for amount in range(100, 200, 10):
        await desk.bid("a1", "AB"[amount // 10 % 2], amount)
    await asyncio.sleep(0.05)
    until = datetime.now(UTC)  # of the same machine as PostgreSQL's commit times
    await asyncio.sleep(0.05)
    for amount in range(200, 300, 10):
        await desk.bid("a1", "AB"[amount // 10 % 2], amount)
    await desk.engine.stop()
    assert await wal_arrived(server.dsn())
    server.kill()

    then = await restore(backup, tmp_path / "then", until)
    again = Desk(then.dsn())
    await again.engine.start()
    state = again.engine.state(LotId("a1"))
    assert state is not None
    assert (state.phase, state.price) == (Phase.OPEN, 190)
    assert (await again.bid("a1", "A", 5_000)).seq is not None
    await again.engine.stop()
    assert await is_clean(then.dsn())
    await then.stop()

    everything = await restore(backup, tmp_path / "all")
    newest = Desk(everything.dsn())
    await newest.engine.start()
    state = newest.engine.state(LotId("a1"))
    assert state is not None
    assert state.price == 290, "every acknowledged bid"
    await newest.engine.stop()
    await everything.stop()
    with pytest.raises(NoBackup, match="empty directory"):
        await restore(backup, tmp_path / "all")


async def test_a_rehearsal_restores_checks_and_leaves_nothing_behind(
    backed_up: tuple[embedded.EmbeddedPostgres, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    server, backup = backed_up
    desk = Desk(server.dsn())
    await desk.engine.start()
    await desk.open_lot("a1", "A")
    await copy_database(server.dsn(), backup)
    await desk.engine.stop()
    assert await wal_arrived(server.dsn())
    assert await asyncio.to_thread(restore_command, [str(backup), "--rehearse"]) == 0
    said = capfd.readouterr().out
    assert "clean:" in said
    assert "restored in" in said


async def test_a_damaged_copy_is_not_restored(
    backed_up: tuple[embedded.EmbeddedPostgres, Path], tmp_path: Path
) -> None:
    server, backup = backed_up
    copy = await copy_database(server.dsn(), backup)
    victim = copy / "global" / "pg_filenode.map"
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    with pytest.raises(ProgramFailed, match=r"pg_filenode\.map"):
        await check_copy(copy)
    with pytest.raises(ProgramFailed):
        await restore(backup, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_the_newest_copy_before_an_instant_is_taken(tmp_path: Path) -> None:
    for name in ("20261101T000000Z", "20261102T000000Z", "20261103T000000Z"):
        (tmp_path / "base" / name).mkdir(parents=True)
    assert newest_copy(tmp_path).name == "20261103T000000Z"
    assert newest_copy(tmp_path, datetime(2026, 11, 2, 12, tzinfo=UTC)).name == "20261102T000000Z"
    with pytest.raises(NoBackup, match="before 2026-10-01"):
        newest_copy(tmp_path, datetime(2026, 10, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "dsn, expected",
    [
        ("postgresql://ortoo@/ortoo?host=/var/run/x", "host='/var/run/x' user='ortoo'"),
        ("postgresql://u:p%27w@db.example:5433/x", "host='db.example' port='5433' user='u' password='p\\'w'"),
        ("postgresql://u@h/x?sslmode=verify-full", "host='h' user='u' sslmode='verify-full'"),
    ],
)
def test_an_address_as_postgresql_programs_take_it(dsn: str, expected: str) -> None:
    assert conninfo(dsn) == expected
