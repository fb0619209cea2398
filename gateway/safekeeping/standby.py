"""A standby server, and what is done when the primary is gone. The order of a fail-over is the one thing that matters here:

1. the old primary is fenced, so that it cannot acknowledge anything any more;
2. the standby has replayed all it received, and it was the synchronous one, so that it has every acknowledged event;
3. it is promoted, and begins a new timeline: whoever sees the old one again refuses it (engine/journal/postgres.py);
4. only then do engines and gateways, which try both addresses, find a server that takes writes.

Commits whose outcome nobody knew are answered by the engines from the new primary's log, after a barrier (ADR 0004).
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from gateway.safekeeping.programs import conninfo, run_program, settings_lines

CONNECT_S: Final = 5.0
REPLAY_S: Final = 60.0
"""How long a standby may need to replay what it has received."""
PROMOTE_S: Final = 60
GONE_S: Final = 15.0
"""How long the old primary may take to be gone after it was told to."""
SLOT_LENGTH_MAX: Final = 60


class NotDone(Exception):
    """The fail-over stopped before anything was promoted; the text says why and what to do."""


class Server(Struct, frozen=True):
    """What a server says of itself."""

    in_recovery: bool
    timeline: int
    position: int
    """Bytes of WAL written (a primary) or replayed (a standby)."""
    received: int
    """Bytes of WAL received and kept by a standby."""
    required: str
    """The standby that commits wait for, as this server's copy of the database has it."""
    name: str
    """Under which name it follows a primary."""
    standbys: tuple[tuple[str, str, int], ...]
    """Who follows it: name, `sync_state`, bytes behind."""


async def look_at(dsn: str) -> Server:
    """Ask a server about itself.

    Raises:
        OSError: it does not answer.
        asyncpg.PostgresError: it answers with a refusal.
    """
    connection = await asyncpg.connect(dsn, timeout=CONNECT_S)
    try:
        row = await connection.fetchrow(
            "SELECT pg_is_in_recovery() AS in_recovery,"
            " CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())"
            " ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END AS timeline,"
            " pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END,"
            " '0/0')::bigint AS position, coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0'), 0)::bigint AS received,"
            " current_setting('primary_conninfo') AS following",
        )
        assert row is not None
        required = await connection.fetchval("SELECT name FROM required_standby")
        standbys = await connection.fetch(
            "SELECT application_name, sync_state,"
            " coalesce(pg_wal_lsn_diff(sent_lsn, flush_lsn), 0)::bigint AS behind FROM pg_stat_replication ORDER BY 1"
        )
    finally:
        await connection.close()
    return Server(
        in_recovery=row["in_recovery"],
        timeline=row["timeline"],
        position=row["position"],
        received=row["received"],
        required=required or "",
        name=_application_name(row["following"]),
        standbys=tuple((one["application_name"], one["sync_state"], one["behind"]) for one in standbys),
    )


async def make_standby(primary: str, data_dir: Path, name: str, *, bin_dir: Path | None = None) -> None:
    """Copy a running primary into an empty directory as a standby that follows it under `name`, with a slot of its own.

    Start a server over the directory afterwards, then `require_standby`.

    Raises:
        ProgramFailed: the copy did not succeed.
    """
    await _make_slot(primary, name)
    await run_program(
        "pg_basebackup", "--pgdata", str(data_dir), "--dbname", conninfo(primary, application_name=name),
        "--wal-method", "stream", "--checkpoint", "fast", "--slot", slot_of(name), "--no-password", bin_dir=bin_dir,
    )  # fmt: skip
    _follow(data_dir, primary, name)


async def require_standby(primary: str, name: str | None) -> None:
    """Let commits wait for the standby of this name from now on, and let it know; None: for nobody.

    A standby that is released must not be promoted later: what is acknowledged from then on it may lack. It learns of it if it is there;
    if it is away, remove its directory.
    """
    if name is None:
        await _set(primary, "synchronous_standby_names", "")
    await _note(primary, name)
    if name is not None:
        await _set(primary, "synchronous_standby_names", f'FIRST 1 ("{name}")')
        await _note(primary, name)  # once more, so that it is there before anything that waits for it is acknowledged


async def fence_directory(data_dir: Path) -> None:
    """Stop the server of a directory on this machine at once, and let it come back as a standby at most.

    Raises:
        NotDone: its process does not end.
    """
    (data_dir / "standby.signal").touch(mode=0o600)
    pid = _running_pid(data_dir)
    if pid is not None:
        os.kill(pid, signal.SIGCONT)  # a stopped process takes no other signal
        os.kill(pid, signal.SIGQUIT)  # at once: no checkpoint, no farewell
    try:
        async with asyncio.timeout(GONE_S):
            while pid is not None and _running_pid(data_dir) == pid:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise NotDone(f"the server of {data_dir} (process {pid}) does not end: cut its power, then --fenced") from None


async def promote(standby: str, *, alone: bool) -> Server:
    """Make a standby the primary, once the old one is fenced.

    Args:
        standby: Its address.
        alone: Go on without a second copy until a new standby is there; otherwise commits wait for one.

    Raises:
        NotDone: it is no standby that has everything.
    """
    before = await look_at(standby)
    if not before.in_recovery:
        raise NotDone("this server is a primary already")
    if before.name != before.required:
        raise NotDone(
            f"this standby ({before.name or 'without a name'}) is not the one that commits waited for"
            f" ({before.required or 'none'}): it may lack acknowledged events. Promote that one, or --asynchronous if it is lost"
        )
    return await promote_anyhow(standby, alone=alone)


async def promote_anyhow(standby: str, *, alone: bool) -> Server:
    """Make a standby the primary whatever it has: acknowledged events may be lost if it was not the synchronous one.

    Raises:
        NotDone: it does not replay what it has received, or does not let itself be promoted.
    """
    await _replayed(standby)
    connection = await asyncpg.connect(standby, timeout=CONNECT_S)
    try:
        if not await connection.fetchval("SELECT pg_promote(true, $1)", PROMOTE_S):
            raise NotDone(f"it was not promoted within {PROMOTE_S} s: look into its log")
    finally:
        await connection.close()
    if alone:
        await require_standby(standby, None)
    return await look_at(standby)


async def rejoin(data_dir: Path, primary: str, name: str, *, bin_dir: Path | None = None) -> None:
    """Turn the stopped old primary into a standby of the new one: what only it had is taken back (it was never acknowledged).

    Raises:
        ProgramFailed: it cannot be rewound; make a new standby.
    """
    await _make_slot(primary, name)
    fence = data_dir / "standby.signal"
    fence.unlink(
        missing_ok=True
    )  # it is first brought to a clean end by a server of one user, which stands by for nobody
    try:
        await run_program(
            "pg_rewind", "--target-pgdata", str(data_dir), "--source-server",
            conninfo(primary, dbname=_database(primary)), bin_dir=bin_dir, unprivileged=True,
        )  # fmt: skip
    finally:
        fence.touch(mode=0o600)
    _follow(data_dir, primary, name)


def slot_of(name: str) -> str:
    """Return the name of a standby's replication slot."""
    return "ortoo_" + "".join(letter if letter.isalnum() else "_" for letter in name.lower())[:SLOT_LENGTH_MAX]


def _follow(data_dir: Path, primary: str, name: str) -> None:
    """Write who is followed; a standby that is one already follows another from now on."""
    lines = settings_lines(
        [("primary_conninfo", conninfo(primary, application_name=name)), ("primary_slot_name", slot_of(name))]
    )
    with (data_dir / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write(lines)  # of several lines for one setting the last counts
    (data_dir / "standby.signal").touch(mode=0o600)


async def _make_slot(primary: str, name: str) -> None:
    connection = await asyncpg.connect(primary, timeout=CONNECT_S)
    try:
        await connection.execute(
            "SELECT pg_create_physical_replication_slot(slot, true) FROM (SELECT $1::name AS slot) wanted"
            " WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = slot)",
            slot_of(name),
        )
    finally:
        await connection.close()


async def _set(dsn: str, name: str, value: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_S)
    try:
        await connection.execute("SET synchronous_commit = local")  # this must not wait for the standby that is gone
        quoted = await connection.fetchval("SELECT quote_literal($1::text)", value)
        await connection.execute(f"ALTER SYSTEM SET {name} = {quoted}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


async def _note(dsn: str, name: str | None) -> None:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_S)
    try:
        if name is None:
            await connection.execute("DELETE FROM required_standby")
        else:
            await connection.execute(
                "INSERT INTO required_standby (name) VALUES ($1)"
                " ON CONFLICT (only_one) DO UPDATE SET name = $1, since = now()",
                name,
            )
    finally:
        await connection.close()


async def _replayed(standby: str) -> None:
    try:
        async with asyncio.timeout(REPLAY_S):
            while True:
                found = await look_at(standby)
                if found.position >= found.received:
                    return
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise NotDone(f"it has not replayed within {REPLAY_S:.0f} s what it received: wait, then again") from None


def _application_name(following: str) -> str:
    for part in following.split():
        name, _, value = part.partition("=")
        if name == "application_name":
            return value.strip("'")
    return ""


def _database(dsn: str) -> str:
    return dsn.partition("://")[2].partition("/")[2].partition("?")[0] or "postgres"


def _running_pid(data_dir: Path) -> int | None:
    try:
        pid = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError, ValueError):
        return None
    return None if state == "Z" else pid
