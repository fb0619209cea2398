"""Backups: whole copies of the database's directory, and every byte of WAL since, so that any instant can be restored.

DIRECTORY/base/<UTC time>/     a copy, with the manifest of its digests
DIRECTORY/wal/                 the WAL, streamed by `pg_receivewal`, which keeps the primary from dropping what is not here yet
"""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg

from engine.journal import embedded
from gateway.safekeeping.programs import conninfo, run_program, settings_lines

SLOT: Final = "ortoo_backup"
STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
CAUGHT_UP_S: Final = 60.0
RESTORE_S: Final = 3_600.0
"""How long replaying may take at most."""


class NoBackup(Exception):
    """There is nothing to restore from, or nowhere to restore to; the text says which."""


async def copy_database(dsn: str, directory: Path, *, bin_dir: Path | None = None) -> Path:
    """Make a whole copy of a running database, check every byte of it against its manifest, and return where it is.

    Raises:
        ProgramFailed: it was not made, or its bytes are not what was copied; the directory is removed.
    """
    (directory / "wal").mkdir(parents=True, exist_ok=True, mode=0o700)
    target = directory / "base" / datetime.now(UTC).strftime(STAMP)
    target.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        await run_program(
            "pg_basebackup", "--pgdata", str(target), "--dbname", conninfo(dsn), "--wal-method", "stream", "--checkpoint",
            "fast", "--manifest-checksums", "SHA256", "--no-password", bin_dir=bin_dir,
        )  # fmt: skip
        await check_copy(target, bin_dir=bin_dir)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return target


async def check_copy(copy: Path, *, bin_dir: Path | None = None) -> None:
    """Hold every file of a copy, and the WAL it needs, against its manifest.

    Raises:
        ProgramFailed: it is damaged; the text names the file.
    """
    await run_program("pg_verifybackup", "--exit-on-error", str(copy), bin_dir=bin_dir)


async def stream_wal(dsn: str, directory: Path, *, bin_dir: Path | None = None) -> None:
    """Receive WAL into the directory, as it is written, until cancelled.

    Raises:
        ProgramFailed: the line broke; begin again, nothing is missed as long as the slot is there.
    """
    target = directory / "wal"
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    receive = ("pg_receivewal", "--directory", str(target), "--dbname", conninfo(dsn), "--slot", SLOT, "--no-password")
    await run_program(*receive, "--create-slot", "--if-not-exists", bin_dir=bin_dir)
    await run_program(*receive, "--no-loop", "--synchronous", bin_dir=bin_dir)


async def wal_arrived(dsn: str) -> bool:
    """Tell whether all WAL written until now is in the backup; waits up to a minute for it.

    Raises:
        OSError: the database does not answer.
    """
    connection = await asyncpg.connect(dsn)
    try:
        position = await connection.fetchval("SELECT pg_current_wal_flush_lsn()::text")
        async with asyncio.timeout(CAUGHT_UP_S):
            while not await connection.fetchval(
                "SELECT bool_or(restart_lsn >= $1::text::pg_lsn) FROM pg_replication_slots WHERE slot_name = $2",
                position,
                SLOT,
            ):
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False
    finally:
        await connection.close()
    return True


def newest_copy(directory: Path, until: datetime | None = None) -> Path:
    """Return the newest copy that was begun before an instant.

    Raises:
        NoBackup: there is none.
    """
    wanted = None if until is None else until.astimezone(UTC).strftime(STAMP)
    copies = sorted(path for path in (directory / "base").glob("*Z") if wanted is None or path.name < wanted)
    if not copies:
        raise NoBackup(
            f"no copy in {directory / 'base'}" + ("" if until is None else f" from before {until.isoformat()}")
        )
    return copies[-1]


async def restore(
    directory: Path, target: Path, until: datetime | None = None, *, bin_dir: Path | None = None
) -> embedded.EmbeddedPostgres:
    """Restore into an empty directory up to an instant (or all there is) and return the running server, which takes writes.

    `target` is what `ORTOO_DATA_DIR`/postgres of a market may be.

    Raises:
        NoBackup: nothing to restore from, or the target is in use.
        ProgramFailed: the copy is damaged.
        PostgresUnavailable: the server does not start over it.
    """
    copy = newest_copy(directory, until)
    data_dir = target / "data"
    if data_dir.exists():
        raise NoBackup(f"{data_dir} is there already: restore into an empty directory")
    await check_copy(copy, bin_dir=bin_dir)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    await asyncio.to_thread(shutil.copytree, copy, data_dir, symlinks=True)
    _recover_from(data_dir, directory.absolute() / "wal", until)
    server = await embedded.start(target, configured_bin_dir=bin_dir, within_s=RESTORE_S)
    try:
        await _until_it_takes_writes(server)
    except BaseException:
        await server.stop()
        raise
    return server


def _recover_from(data_dir: Path, wal: Path, until: datetime | None) -> None:
    # The newest segment is there in part; a shell picks the whole one if both are there.
    fetch = f'cp "{wal}/%f" "%p" 2>/dev/null || cp "{wal}/%f.partial" "%p"'
    lines = [
        ("restore_command", fetch),
        ("recovery_target_timeline", "latest"),
        ("recovery_target_action", "promote"),
        ("synchronous_standby_names", ""),
        ("primary_conninfo", ""),
        ("primary_slot_name", ""),
    ]
    if until is not None:
        lines.append(("recovery_target_time", until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")))
    with (data_dir / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write(settings_lines(lines))
    (data_dir / "standby.signal").unlink(missing_ok=True)
    (data_dir / "recovery.signal").touch(mode=0o600)


async def _until_it_takes_writes(server: embedded.EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.dsn())
    try:
        async with asyncio.timeout(RESTORE_S):
            while await connection.fetchval("SELECT pg_is_in_recovery()"):
                await asyncio.sleep(0.05)
        for name in ("restore_command", "recovery_target_time"):
            await connection.execute(f"ALTER SYSTEM RESET {name}")
    finally:
        await connection.close()
