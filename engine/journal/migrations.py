"""Schema migrations: numbered .sql files of one or more directories, each applied once, in order, under a lock.

The market runs while they are applied, and the program of before runs on what they leave (docs/adr/0022): a file only adds; what
nobody uses any more is taken away by a later release. No statement waits for a lock longer than `LOCK_S`, because everybody else
would wait behind it. A file whose first line is `-- online` is applied statement by statement outside a transaction, so that it may
build an index on a table in use (`CREATE INDEX CONCURRENTLY IF NOT EXISTS`); every statement of it can be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Final

import asyncpg

JOURNAL_MIGRATIONS = Path(__file__).parent / "sql" / "migrations"
LOCK_S: Final = 2
LOCK_ATTEMPTS: Final = 60
AGAIN_S: Final = 1.0
ONLINE: Final = "-- online"
_LOCK_KEY = 0x6F72746F6F


class MigrationChanged(Exception):
    """A migration that was applied has other text now: restore the file, write a new migration instead."""


async def migrate(dsn: str, directories: Sequence[Path] = (JOURNAL_MIGRATIONS,)) -> list[str]:
    """Bring the database's schema up to date and return the names of the migrations applied now.

    A migration's name is `<package>/<file>`, so that packages own their tables without knowing each other.

    Raises:
        MigrationChanged: an applied file was edited afterwards.
        asyncpg.LockNotAvailableError: somebody kept a table to himself for minutes; nothing is half done, try again.
    """
    paths = [path for directory in directories for path in sorted(directory.glob("*.sql"))]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, digest bytea NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch("SELECT name, digest FROM migration")
        pending = _pending(paths, {row["name"]: row["digest"] for row in rows})
        await connection.execute(f"SET lock_timeout = '{LOCK_S}s'")
        for online, group in groupby(pending, key=is_online):
            for part in [[path] for path in group] if online else [list(group)]:
                await _apply_patiently(connection, part, online=online)
        return [_name_of(path) for path in pending]
    finally:
        await connection.close()


def is_online(path: Path) -> bool:
    """Tell whether a file is applied outside a transaction."""
    with path.open(encoding="utf-8") as file:
        return file.readline().startswith(ONLINE)


def _pending(paths: Sequence[Path], done: dict[str, bytes]) -> list[Path]:
    for path in paths:
        if done.get(_name_of(path), _digest_of(path)) != _digest_of(path):
            raise MigrationChanged(_name_of(path))
    return [path for path in paths if _name_of(path) not in done]


def _name_of(path: Path) -> str:
    return f"{path.parent.parent.parent.name}/{path.stem}"


def _digest_of(path: Path) -> bytes:
    return sha256(path.read_bytes()).digest()


async def _apply_patiently(connection: asyncpg.Connection, paths: Sequence[Path], *, online: bool) -> None:
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            await (_apply_online(connection, paths[0]) if online else _apply(connection, paths))
            return
        except asyncpg.LockNotAvailableError:
            if attempt == LOCK_ATTEMPTS:
                raise
            await asyncio.sleep(AGAIN_S)  # those who waited behind us go first


async def _apply(connection: asyncpg.Connection, paths: Sequence[Path]) -> None:
    async with connection.transaction():
        for path in paths:
            await connection.execute(path.read_text(encoding="utf-8"))
            await _note(connection, path)


async def _apply_online(connection: asyncpg.Connection, path: Path) -> None:
    for statement in path.read_text(encoding="utf-8").split(";\n"):
        if any(line and not line.startswith("--") for line in statement.splitlines()):
            await connection.execute(statement)
    await _note(connection, path)


async def _note(connection: asyncpg.Connection, path: Path) -> None:
    await connection.execute("INSERT INTO migration (name, digest) VALUES ($1, $2)", _name_of(path), _digest_of(path))
