"""What somebody did, among everybody's bids: found by which pages of the log can have it, and a command stands once in its stream (ADR 0025)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from engine.journal.cold import move_ended
from engine.journal.embedded import EmbeddedPostgres
from engine.journal.log import InDoubt
from engine.journal.migrations import JOURNAL_MIGRATIONS, migrate
from engine.journal.postgres import QUERIES, PostgresLog
from engine.journal.reader import Reader
from engine.journal.records import Record
from engine.values import InstantUs, LotId
from tests.contract.test_event_log import SHARD, record

PARTIES = 40
LOTS = 12
BIDS = 400


def bids(lot: int, first_seq: int, epoch: int) -> list[Record]:
    """Make a lot's bids: of three parties who bid on no other lot, and of one who bids everywhere, once."""
    actors = [f"party-{lot}-{number}" for number in range(3)]
    return [
        replace(
            record(first_seq + number, epoch), stream=f"lot/l{lot}", stream_seq=number + 1, at_us=InstantUs(1_000 * lot + number),
            command_id=uuid.uuid4().bytes, actor="everywhere" if number == BIDS // 2 else actors[number % 3],
        )
        for number in range(BIDS)
    ]  # fmt: skip


@pytest.fixture
async def filled(fresh_database: str) -> AsyncIterator[tuple[str, list[Record], Reader]]:
    log = PostgresLog(fresh_database)
    (taken,) = await log.take([SHARD], "a", InstantUs(1))
    rows: list[Record] = []
    for lot in range(LOTS):
        rows += bids(lot, taken.head_seq + 1 + len(rows), taken.epoch)
        await log.append(rows[-BIDS:])
    pool = await asyncpg.create_pool(fresh_database, min_size=1, max_size=2)
    yield fresh_database, rows, Reader(pool)
    await pool.close()
    await log.close()


def acts(rows: list[Record], actor: str) -> list[Record]:
    return sorted((row for row in rows if row.actor == actor), key=lambda row: row.at_us, reverse=True)


@pytest.mark.parametrize("summarised", ["no page", "some pages", "every page"])
async def test_somebodys_acts_are_found_newest_first_whatever_vacuum_has_looked_at(
    filled: tuple[str, list[Record], Reader], summarised: str
) -> None:
    dsn, rows, reader = filled
    connection = await asyncpg.connect(dsn)
    if summarised == "some pages":
        for page in range(64, 256, 64):
            assert await connection.fetchval("SELECT brin_summarize_range('event_actor', $1)", page) == 1
    elif summarised == "every page":
        assert await connection.fetchval("SELECT brin_summarize_new_values('event_actor')") > 1
    everywhere = acts(rows, "everywhere")
    assert await reader.commands_of("everywhere", 2**60, 100) == everywhere
    assert await reader.commands_of("everywhere", everywhere[3].at_us, 2) == everywhere[4:6]
    assert await reader.commands_of("party-3-1", 2**60, 1_000) == acts(rows, "party-3-1")
    assert await reader.commands_of("party-3-1", 2**60, 1_000, "lot/l4") == []
    assert await reader.commands_of("everywhere", 2**60, 9, "lot/l4") == [everywhere[LOTS - 5]]
    assert await reader.commands_of("nobody", 2**60, 9) == []
    await connection.close()


async def test_pages_that_cannot_have_somebodys_acts_are_not_read(filled: tuple[str, list[Record], Reader]) -> None:
    dsn, _, _ = filled
    connection = await asyncpg.connect(dsn)
    await connection.fetchval("SELECT brin_summarize_new_values('event_actor')")
    pages = await connection.fetchval("SELECT pg_relation_size('event') / current_setting('block_size')::int")

    async def read_of(actor: str) -> tuple[int, str]:
        async with connection.transaction():
            await connection.execute(QUERIES["never_the_whole_log"])
            plan = await connection.fetch(
                "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) " + QUERIES["commands_of_actor"], actor, 2**60, 100, ""
            )
        text = "\n".join(row[0] for row in plan)
        return sum(int(part.split()[0]) for part in text.split("lossy=")[1:]), text

    of_one_lot, plan = await read_of("party-2-0")
    assert "Bitmap Index Scan on event_actor" in plan, plan
    assert 0 < of_one_lot < pages / 2, "a lot's bids lie together"
    assert (await read_of("nobody"))[0] < pages / 2
    await connection.close()


async def test_the_whole_log_is_never_read_for_somebodys_acts(fresh_database: str) -> None:
    pool = await asyncpg.create_pool(fresh_database, min_size=1, max_size=1)

    async def scans_now() -> int:
        await pool.execute("SELECT pg_stat_force_next_flush()")
        return int(await pool.fetchval("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'event'"))

    before = await scans_now()
    assert await Reader(pool).commands_of("nobody", 2**60, 9) == []
    assert await scans_now() == before
    await pool.fetch("SELECT * FROM event WHERE actor = 'nobody' ORDER BY at_us")
    assert await scans_now() > before, "the measure itself sees one"
    await pool.close()


async def test_vacuum_comes_after_a_hundredth_of_the_log_is_new(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    options = await connection.fetchval("SELECT reloptions FROM pg_class WHERE oid = 'event'::regclass")
    assert sorted(options) == ["autovacuum_vacuum_insert_scale_factor=0.01", "autovacuum_vacuum_insert_threshold=10000"]
    await connection.close()


@pytest.mark.parametrize("actor", ["the same", "another"])
async def test_a_second_event_of_one_command_in_a_stream_is_not_written_whoever_gives_it(
    fresh_database: str, actor: str
) -> None:
    log = PostgresLog(fresh_database)
    (taken,) = await log.take([SHARD], "a", InstantUs(1))
    first = replace(record(taken.head_seq + 1, taken.epoch), command_id=b"c" * 16)
    await log.append([first])
    again = replace(
        first,
        seq=first.seq + 1,
        stream_seq=first.stream_seq + 1,
        actor=first.actor if actor == "the same" else "party-x",
    )
    with pytest.raises(InDoubt, match="event_command"):
        await log.append([again])
    await log.append([replace(again, stream="lot/elsewhere", stream_seq=1)])
    await log.close()


@pytest.fixture
async def empty_database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of a database without tables."""
    server = await asyncpg.connect(postgres.dsn("postgres"))
    name = f"empty_{uuid.uuid4().hex}"
    await server.execute(f"CREATE DATABASE {name}")
    yield postgres.dsn(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def test_what_moved_under_the_program_before_gets_the_indexes_of_the_log(
    empty_database: str, tmp_path: Path
) -> None:
    before = tmp_path / "journal" / "sql" / "migrations"
    before.mkdir(parents=True)
    for path in JOURNAL_MIGRATIONS.glob("*.sql"):
        if path.stem < "0013":
            (before / path.name).write_bytes(path.read_bytes())
    await migrate(empty_database, [before])
    log = PostgresLog(empty_database)
    (taken,) = await log.take([SHARD], "a", InstantUs(1))
    rows = bids(1, taken.head_seq + 1, taken.epoch)
    ended = replace(rows[-1], type="lot.voided", command_id=None)
    await log.append([*rows[:-1], ended])
    await log.take([SHARD], "b", InstantUs(2))
    assert [part async for part in move_ended(empty_database, InstantUs(10**15))] == [(1, BIDS)]

    assert await migrate(empty_database) == [
        f"journal/{path.stem}" for path in sorted(JOURNAL_MIGRATIONS.glob("*.sql")) if path.stem >= "0013"
    ]
    connection = await asyncpg.connect(empty_database)
    assert await indexes(connection, "event_cold") == await indexes(connection, "event")
    assert len(await indexes(connection, "event")) == 6
    pool = await asyncpg.create_pool(empty_database, min_size=1, max_size=1)
    reader = Reader(pool)
    kept = [row for row in rows[:-1] if row.actor == "everywhere"]
    assert await reader.commands_of("everywhere", 2**60, 9) == kept
    found = kept[0].command_id
    assert found is not None
    assert await reader.find_command(LotId("l1"), found, "everywhere") == kept[0]
    await pool.close()
    await connection.close()
    await log.close()


async def indexes(connection: asyncpg.Connection, table: str) -> set[str]:
    """Return what a table's indexes are over, without their names."""
    rows = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = $1", table)
    return {
        f"{'UNIQUE ' if ' UNIQUE ' in row['indexdef'] else ''}{row['indexdef'].split(' USING ', 1)[1]}" for row in rows
    }
