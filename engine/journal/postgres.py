"""The journal in PostgreSQL.

A batch is one binary COPY: one statement, one transaction, one round trip. The fence is the primary key (shard, seq): taking a
shard writes a take-over event at its head, so whoever still thinks himself the owner collides with it and writes nothing
(ADR 0004, proved by tests/integration/test_zombie_writer.py). The connection is dedicated: no pool, no time-out, no cancellation
around a commit.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from engine.canonical import canonical_bytes
from engine.journal.digests import first_digest
from engine.journal.log import Fenced, InDoubt, JournalUnavailable, Stored, Taken
from engine.journal.queries import load_queries
from engine.journal.records import COLUMNS, Record, shard_stream
from engine.journal.sealing import SALT_LENGTH, seal
from engine.journal.secrecy import CLEAR, LogKeyUnusable, Secrecy, fingerprint
from engine.journal.streams import LOTS, StreamKind
from engine.values import InstantUs

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")
OWNER_TAKEN: Final = ("shard.owner_taken", 1)
TAKE_ATTEMPTS: Final = 50
CONNECT_S: Final = 10.0
"""For each address."""
DEAD_LINE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 9_000),
)
"""A server whose machine or network is gone says nothing: the kernel ends such a line after nine seconds. No commit is ever cancelled
for being slow; a living server answers these probes however long a commit takes.
"""
_TIMELINES: Final[dict[str, int]] = {}
"""Highest timeline seen at each address. A fail-over raises it; who shows a lower one is the old primary come back."""

UNREACHABLE: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""The database cannot be asked now: it is gone, going, starting, full, or a standby."""


def record_of(row: asyncpg.Record) -> Record:
    """Return a stored row as a record."""
    return Record(*(row[column] for column in COLUMNS))


async def claim_key(pool: asyncpg.Pool, key: bytes) -> None:
    """Make sure that this is the key under which the database hides lots; a new database takes it.

    Raises:
        LogKeyUnusable: the rows of this database are hidden under another one.
    """
    await pool.execute(QUERIES["claim_log_key"], fingerprint(key))
    if await pool.fetchval(QUERIES["log_key"]) != fingerprint(key):
        raise LogKeyUnusable("the lots of this database are hidden under another key: restore log.key from the back-up")


class PostgresLog:
    """`EventLog` of one kind of streams on one dedicated connection, opened on first use and again after any doubt."""

    def __init__(self, dsn: str, kind: StreamKind = LOTS, secrecy: Secrecy = CLEAR) -> None:
        self._dsn = dsn
        self._kind = kind
        self._secrecy = secrecy
        self._connection: asyncpg.Connection | None = None
        self._warned = ""
        """Last warning on this connection: of a commit it means that the standby may not have it."""

    async def close(self) -> None:
        """Close the connection; the object can be used again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def append(self, records: Sequence[Record]) -> None:
        """See `EventLog.append`."""
        connection = self._connection
        if connection is None:
            raise InDoubt("the journal is not connected")
        try:
            await _copy(connection, self._secrecy.rows(records))
            if (
                self._warned
            ):  # "The transaction has already committed locally, but might not have been replicated to the standby."
                raise InDoubt(self._warned)
        except asyncpg.UniqueViolationError as collision:
            if collision.constraint_name == "event_pkey":
                raise Fenced("another writer took the shard") from collision
            raise InDoubt(f"collision on {collision.constraint_name}") from collision
        except BaseException as error:
            # Whatever it was, the connection is not to be trusted: what it sent may or may not have been committed.
            self._drop()
            if isinstance(error, Exception) and not isinstance(error, InDoubt):
                raise InDoubt(type(error).__name__) from error
            raise

    async def take(self, shards: Sequence[int], owner: str, at_us: InstantUs) -> list[Taken]:
        """See `EventLog.take`."""
        connection = await self._connected()
        try:
            for _ in range(TAKE_ATTEMPTS):
                heads = await connection.fetch(QUERIES["heads"], list(shards))
                records = [_taking(head, owner, at_us) for head in heads]
                try:
                    # Waits for a batch of the previous owner in flight: the unique index makes it.
                    await _copy(connection, CLEAR.rows(records))
                except asyncpg.UniqueViolationError:
                    continue
                await connection.fetchval(QUERIES["barrier"])
                if self._warned:
                    self._drop()
                    raise JournalUnavailable(self._warned)
                return [_taken(head, record) for head, record in zip(heads, records, strict=True)]
        except UNREACHABLE as error:
            self._drop()
            raise JournalUnavailable(str(error)) from error
        raise JournalUnavailable("another owner keeps writing")

    async def load_live(self, shards: Sequence[int], *, commands: bool = True) -> list[Stored]:
        """See `EventLog.load_live`; `commands` as in `load`."""
        rows = await self._fetch(self._kind.live_query, list(shards))
        return await self._load([row["stream"] for row in rows], commands=commands)

    async def load(self, stream: str, *, commands: bool = True) -> Stored | None:
        """See `EventLog.load`."""
        found = await self._load([stream], commands=commands)
        return found[0] if found else None

    async def find_command(self, stream: str, command_id: bytes, actor: str) -> Record | None:
        """See `EventLog.find_command`."""
        rows = await self._fetch("find_command", stream, command_id, actor)
        return self._secrecy.show(record_of(rows[0])) if rows else None

    async def record_at(self, stream: str, stream_seq: int) -> Record | None:
        """See `EventLog.record_at`."""
        rows = await self._fetch("read_one", stream, stream_seq)
        return self._secrecy.show(record_of(rows[0])) if rows else None

    async def last_entries(self, shards: Sequence[int]) -> dict[int, str]:
        """Return the newest bus entry recorded in each shard that has one.

        Raises:
            JournalUnavailable: the log cannot be read now.
        """
        return {row["shard"]: row["entry_id"] for row in await self._fetch("last_entries", list(shards))}

    async def positions(self, shards: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Return (epoch, seq) of the newest record of each shard that has one.

        Raises:
            JournalUnavailable: the log cannot be read now.
        """
        return {row["shard"]: (row["epoch"], row["seq"]) for row in await self._fetch("positions", list(shards))}

    async def shard_after(self, shard: int, seq: int, limit: int) -> list[Record]:
        """Return the records of a shard after `seq`, oldest first, at most `limit`.

        Raises:
            JournalUnavailable: the log cannot be read now.
        """
        return [self._secrecy.show(record_of(row)) for row in await self._fetch("read_shard", shard, seq, limit)]

    async def barrier(self) -> None:
        """Wait until everything committed so far is replicated as a commit would be.

        Raises:
            JournalUnavailable: the log cannot be reached now.
        """
        await self._fetch("barrier")

    async def save_snapshot(self, stream: str, stream_seq: int, state: bytes, digest: bytes) -> None:
        """See `EventLog.save_snapshot`."""
        stored = self._secrecy.hide_state(state) if self._kind is LOTS else state
        await self._fetch("save_snapshot", stream, stream_seq, stored, digest, self._kind.shape)

    async def alive(self, owner: str, at_us: InstantUs) -> None:
        """See `EventLog.alive`."""
        await self._fetch("alive", owner, at_us)

    async def _load(self, streams: list[str], *, commands: bool = True) -> list[Stored]:
        snapshots = {row["stream"]: row for row in await self._fetch("snapshots", streams, self._kind.shape)}
        tails: dict[str, list[Record]] = {stream: [] for stream in streams}
        for row in await self._fetch("tails", streams, self._kind.shape):
            tails[row["stream"]].append(self._secrecy.show(record_of(row)))
        answered: dict[str, dict[bytes, int]] = {stream: {} for stream in streams}
        for row in await self._fetch("commands", streams) if commands else ():
            answered[row["stream"]][row["command_id"]] = row["stream_seq"]
        return [
            Stored(
                stream,
                self._secrecy.show_state(snapshots[stream]["state"]) if stream in snapshots else None,
                snapshots[stream]["digest"] if stream in snapshots else None,
                tails[stream],
                answered[stream],
            )
            for stream in streams
            if stream in snapshots or tails[stream]
        ]

    async def _fetch(self, name: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await self._connected()
        try:
            return await connection.fetch(QUERIES[name], *arguments)
        except UNREACHABLE as error:
            self._drop()
            raise JournalUnavailable(str(error)) from error

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = connection = await connect(self._dsn)
            except UNREACHABLE as error:
                raise JournalUnavailable(str(error)) from error
            self._warned = ""
            connection.add_log_listener(self._hear)
        return self._connection

    def _hear(self, connection: object, message: asyncpg.PostgresLogMessage) -> None:  # noqa: ARG002  # asyncpg's signature
        if message.sqlstate.startswith("01"):
            self._warned = message.message

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


async def _copy(connection: asyncpg.Connection, rows: bytes) -> None:
    # A view: asyncpg would take bytes for the name of a file.
    await connection.copy_to_table("event", source=memoryview(rows), columns=COLUMNS, format="binary")  # type: ignore[arg-type]


async def connect(dsn: str, timeout_s: float = CONNECT_S) -> asyncpg.Connection:
    """Open a connection that may add to the log but not change it: as role ortoo_writer where the database has it.

    Raises:
        JournalUnavailable: this is a server that was replaced: its history ended where a standby was promoted.
    """
    connection = await asyncpg.connect(dsn, timeout=timeout_s, server_settings={"application_name": "ortoo-journal"})
    try:
        _watch_line(connection)
        timeline = await connection.fetchval(QUERIES["timeline"])
        if timeline < _TIMELINES.setdefault(dsn, timeline):
            raise JournalUnavailable(
                f"a primary that was replaced answers: timeline {timeline} after {_TIMELINES[dsn]}"
            )
        _TIMELINES[dsn] = timeline
        if await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer' AND pg_has_role(oid, 'MEMBER'))"
        ):
            await connection.execute("SET ROLE ortoo_writer")
    except BaseException:
        connection.terminate()
        raise
    return connection


def _watch_line(connection: asyncpg.Connection) -> None:
    transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined]  # asyncpg has no setting for it
    line = transport.get_extra_info("socket")
    if line.family != socket.AF_UNIX:
        for level, option, value in DEAD_LINE:
            line.setsockopt(level, option, value)


def _taking(head: asyncpg.Record, owner: str, at_us: InstantUs) -> Record:
    shard, takes = head["shard"], head["takes"] or 0
    stream = shard_stream(shard)
    unserved_from_us = _unserved_from_us(head)
    handed_over = {"handed_over": True} if _handed_over(head) else {}
    return seal(
        shard=shard,
        seq=(head["head_seq"] or 0) + 1,
        epoch=takes + 1,
        stream=stream,
        stream_seq=takes + 1,
        type_version=OWNER_TAKEN,
        at_us=InstantUs(max(at_us, (head["head_at_us"] or 0) + 1)),
        arrived_at_us=None,
        command_id=None,
        request_digest=None,
        actor="engine",
        body=canonical_bytes({"owner": owner, "unserved_from_us": unserved_from_us} | handed_over),
        salt=os.urandom(SALT_LENGTH),
        previous=head["chain"] or first_digest(stream),
    )


def _taken(head: asyncpg.Record, record: Record) -> Taken:
    return Taken(
        record.shard, record.epoch, record.seq, record.digest, _unserved_from_us(head), handed_over=_handed_over(head)
    )


def _handed_over(head: asyncpg.Record) -> bool:
    return head["released_us"] is not None


def _unserved_from_us(head: asyncpg.Record) -> InstantUs | None:
    """Return since when nobody has served the shard: the last decision or the last sign of life of its last owner.

    An owner that took the shard and died before it served gave no sign; then what it had found on taking it counts.
    """
    if head["taken"] is None:
        return None
    if head["released_us"] is not None:
        return InstantUs(head["released_us"])
    signs = [head["decided_at_us"], head["alive_at_us"]]
    if head["alive_at_us"] is None:
        signs.append(msgspec.json.decode(head["taken"])["unserved_from_us"])
    return max((InstantUs(sign) for sign in signs if sign is not None), default=None)
