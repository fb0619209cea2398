"""Schema migrations: numbered .sql files of one or more directories, each applied once, in order, under a lock."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import asyncpg

JOURNAL_MIGRATIONS = Path(__file__).parent / "sql" / "migrations"
_LOCK_KEY = 0x6F72746F6F


class MigrationChanged(Exception):
    """A migration that was applied has other text now: restore the file, write a new migration instead."""


async def migrate(dsn: str, directories: Sequence[Path] = (JOURNAL_MIGRATIONS,)) -> list[str]:
    """Bring the database's schema up to date and return the names of the migrations applied now.

    A migration's name is `<package>/<file>`, so that packages own their tables without knowing each other.

    Raises:
        MigrationChanged: an applied file was edited afterwards.
    """
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, digest bytea NOT NULL,"
                " applied_at timestamptz NOT NULL DEFAULT now())"
            )
            done = {row["name"]: row["digest"] for row in await connection.fetch("SELECT name, digest FROM migration")}
            paths = [path for directory in directories for path in sorted(directory.glob("*.sql"))]
            return [_name_of(path) for path in paths if await _apply(connection, path, done)]
    finally:
        await connection.close()


def _name_of(path: Path) -> str:
    return f"{path.parent.parent.parent.name}/{path.stem}"


async def _apply(connection: asyncpg.Connection, path: Path, done: dict[str, bytes]) -> bool:
    text, name = path.read_text(encoding="utf-8"), _name_of(path)
    digest = sha256(text.encode()).digest()
    if name in done:
        if done[name] != digest:
            raise MigrationChanged(name)
        return False
    await connection.execute(text)
    await connection.execute("INSERT INTO migration (name, digest) VALUES ($1, $2)", name, digest)
    return True
