"""Migrating while the market runs: the program of before goes on beside the new schema, and nobody waits behind a lock (ADR 0022)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from engine.journal import migrations
from engine.journal.log import EventLog
from engine.journal.migrations import JOURNAL_MIGRATIONS, MigrationChanged, is_online, migrate
from engine.journal.postgres import PostgresLog
from engine.journal.records import KINDS
from engine.layout import copy_rows
from engine.values import InstantUs
from tests.conftest import all_migrations
from tests.contract.test_event_log import SHARD, record

BEFORE = json.loads((Path(__file__).parent.parent / "vectors" / "statements_before.json").read_text(encoding="utf-8"))
TAKES_AWAY = re.compile(
    r"\b(DROP\s+(TABLE|COLUMN|SCHEMA|TYPE|FUNCTION)|RENAME\s+(TO|COLUMN)|ALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE|SET\s+NOT\s+NULL"
    r"|ADD\s+COLUMN\s+(?:IF\s+NOT\s+EXISTS\s+)?\w+\s+[^,;]*NOT\s+NULL(?![^,;]*DEFAULT)(?![^,;]*GENERATED)|TRUNCATE\s+(?!ON\b|OR\b)\w+)\b",
    re.IGNORECASE,
)
FIRST_ONLINE = 9
"""Journal migrations up to this one were landed before the rule, on logs that were small."""


def files() -> list[Path]:
    return [path for directory in all_migrations() for path in sorted(directory.glob("*.sql"))]


def stripped(path: Path) -> str:
    """Return a file without comments and without what is said inside quotes."""
    text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
    return re.sub(r"'[^']*'", "''", text)


def test_every_statement_of_the_program_before_can_run_on_the_new_schema(fresh_database: str) -> None:
    async def prepare_all() -> dict[str, str]:
        connection = await asyncpg.connect(fresh_database)
        failed = {}
        for name, text in BEFORE["statements"].items():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                failed[name] = str(error)
        await connection.close()
        return failed

    assert asyncio.run(prepare_all()) == {}


async def test_the_program_before_appends_to_the_new_schema_and_the_new_one_reads_it(fresh_database: str) -> None:
    log = PostgresLog(fresh_database)
    (taken,) = await log.take([SHARD], "new", InstantUs(1))
    columns = tuple(BEFORE["columns"])
    first = record(taken.head_seq + 1, taken.epoch)
    rows = memoryview(copy_rows([first], columns, KINDS[: len(columns)]))
    connection = await asyncpg.connect(fresh_database)
    await connection.copy_to_table("event", source=rows, columns=columns, format="binary")  # type: ignore[arg-type]
    with pytest.raises(asyncpg.UniqueViolationError) as fenced:
        await connection.copy_to_table("event", source=rows, columns=columns, format="binary")  # type: ignore[arg-type]
    assert fenced.value.constraint_name == "event_pkey", "the program before knows the fence by this name"
    await connection.close()
    stored = await log.load(first.stream)
    assert stored is not None
    assert list(stored.records) == [first]
    await log.close()


@pytest.mark.parametrize(
    "text, takes_away",
    [
        ("ALTER TABLE event DROP COLUMN actor", True),
        ("DROP TABLE lot_snapshot", True),
        ("ALTER TABLE event RENAME COLUMN actor TO party", True),
        ("ALTER TABLE event RENAME TO log", True),
        ("ALTER TABLE event ALTER COLUMN version TYPE int", True),
        ("ALTER TABLE event ALTER COLUMN entry_id SET NOT NULL", True),
        ("ALTER TABLE event ADD COLUMN note text NOT NULL", True),
        ("TRUNCATE consumer_cursor", True),
        ("ALTER TABLE event ADD COLUMN note text NOT NULL DEFAULT ''", False),
        ("ALTER TABLE event ADD COLUMN note text", False),
        ("ALTER TABLE event ALTER COLUMN note DROP NOT NULL", False),
        ("CREATE TRIGGER t BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()", False),
        ("DROP INDEX event_life; CREATE INDEX event_life ON event (shard)", False),
    ],
)
def test_what_takes_away_is_known(text: str, takes_away: bool) -> None:
    assert bool(TAKES_AWAY.search(text)) is takes_away


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.parent.parent.name}/{path.stem}")
def test_a_migration_only_adds(path: Path) -> None:
    found = {(path.stem, " ".join(match[0].split())) for match in TAKES_AWAY.finditer(stripped(path))}
    assert found <= EXCUSED


EXCUSED = {("0003_account_party", "SET NOT NULL"), ("0003_account_party", "RENAME COLUMN")}
"""Landed before there was a program to go on beside it. Never extend this."""


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.parent.parent.name}/{path.stem}")
def test_an_index_on_the_log_is_built_beside_the_market(path: Path) -> None:
    if path.parent == JOURNAL_MIGRATIONS and int(path.stem[:4]) <= FIRST_ONLINE:
        return
    text = " ".join(stripped(path).split())
    built = re.findall(r"CREATE (?:UNIQUE )?INDEX (CONCURRENTLY IF NOT EXISTS )?\w+ ON event\b", text)
    assert all(built), (
        "an index on `event` stops every bid while it is built: CONCURRENTLY, in a file that begins with -- online"
    )
    assert is_online(path) or "CONCURRENTLY" not in text


def package(directory: Path, **texts: str) -> Path:
    """Make a directory of migrations."""
    target = directory / "engine" / "sql" / "migrations"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (target / f"{name}.sql").write_text(text, encoding="utf-8")
    return target


async def append(log: EventLog, seq: int, epoch: int) -> None:
    # Each a lot of its own: only the sequence of the shard matters here.
    await log.append([replace(record(seq, epoch), stream=f"lot/m{seq}")])


async def test_bids_go_on_while_a_migration_waits_for_a_long_reader(
    fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "AGAIN_S", 0.2)
    log = PostgresLog(fresh_database)
    (taken,) = await log.take([SHARD], "a", InstantUs(1))
    reader = await asyncpg.connect(fresh_database)
    reading = reader.transaction()
    await reading.start()
    await reader.fetch("SELECT count(*) FROM event")
    directory = package(tmp_path, **{"0001_note": "ALTER TABLE event ADD COLUMN note text"})
    migrating = asyncio.create_task(migrate(fresh_database, [directory]))
    watcher = await asyncpg.connect(fresh_database)
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'event'::regclass"
    async with asyncio.timeout(60):
        while not await watcher.fetchval(waits):
            await asyncio.sleep(0.01)
    for number in range(1, 4):  # each stands behind the migration until that gives way
        await append(log, taken.head_seq + number, taken.epoch)
    assert not migrating.done()
    await reading.rollback()
    assert await migrating == ["engine/0001_note"]
    await append(log, taken.head_seq + 4, taken.epoch)
    for connection in (reader, watcher):
        await connection.close()
    await log.close()


async def test_an_index_is_built_while_bids_go_on_and_is_begun_again_after_a_crash(
    fresh_database: str, tmp_path: Path
) -> None:
    log = PostgresLog(fresh_database)
    (taken,) = await log.take([SHARD], "a", InstantUs(1))
    reader = await asyncpg.connect(fresh_database)
    reading = reader.transaction(isolation="repeatable_read")
    await reading.start()
    await reader.fetch("SELECT count(*) FROM event")
    text = (
        "-- online\n-- An index that takes its time.\n"
        "DROP INDEX CONCURRENTLY IF EXISTS event_when;\nCREATE INDEX CONCURRENTLY IF NOT EXISTS event_when ON event (at_us);\n"
    )
    directory = package(tmp_path, **{"0001_when": text})
    migrating = asyncio.create_task(migrate(fresh_database, [directory]))
    watcher = await asyncpg.connect(fresh_database)
    building = (
        "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%' OR phase LIKE 'building%'"
    )
    async with asyncio.timeout(60):
        while not await watcher.fetchval(building):
            await asyncio.sleep(0.01)
    await append(log, taken.head_seq + 1, taken.epoch)
    migrating.cancel()
    await asyncio.gather(migrating, return_exceptions=True)
    await reading.rollback()
    assert await migrate(fresh_database, [directory]) == ["engine/0001_when"]
    assert await migrate(fresh_database, [directory]) == []
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'event_when'::regclass"
    assert await watcher.fetchval(valid)
    for connection in (reader, watcher):
        await connection.close()
    await log.close()


async def test_a_migration_that_fails_leaves_nothing_of_itself_or_of_those_applied_with_it(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    dsn = make_database()
    directory = package(
        tmp_path, **{"0001_a": "CREATE TABLE made (x int)", "0002_b": "CREATE TABLE nonsense (x nothing)"}
    )
    with pytest.raises(asyncpg.PostgresError):
        await migrate(dsn, [directory])
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT to_regclass('made') IS NULL")
    await connection.close()


async def test_a_migration_that_was_edited_after_it_was_applied_is_named(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    dsn = make_database()
    await migrate(dsn, [package(tmp_path, **{"0001_a": "CREATE TABLE made (x int)"})])
    with pytest.raises(MigrationChanged, match="engine/0001_a"):
        await migrate(dsn, [package(tmp_path, **{"0001_a": "CREATE TABLE made (x bigint)"})])
