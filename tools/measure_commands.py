"""`python -m tools.measure_commands`: what a bid costs PostgreSQL with the indexes of now and with those of before, in rotation.

One lot, 300 bidders, batches of 150 by COPY, as the writer sends them; ids that begin with the time (version 7) and ids that are
random (version 4). Then what finding somebody's own acts takes, before and after vacuum has looked at the log. ADR 0025 rests on it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg

from engine.journal import embedded
from engine.journal.migrations import migrate
from engine.journal.reader import Reader
from engine.journal.records import COLUMNS, KINDS, Record
from engine.layout import copy_rows
from engine.values import InstantUs

BATCH: Final = 150
BIDDERS: Final = 300
SLICE: Final = 40
"""Batches between two turns of a table."""
BEFORE: Final = """
CREATE SCHEMA before;
CREATE TABLE before.event (LIKE public.event INCLUDING ALL);
DROP INDEX before.event_stream_command_id_idx, before.event_actor_idx;
CREATE UNIQUE INDEX ON before.event (actor, command_id, stream) WHERE command_id IS NOT NULL;
"""


def in_time() -> bytes:
    """Make a command id as our clients do."""
    return (time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10)


IDS: Final[dict[str, Callable[[], bytes]]] = {
    "ids in the order of time": in_time,
    "random ids": lambda: os.urandom(16),
}


@dataclass
class Table:
    """One table with a connection of its own, and what it was measured to take."""

    schema: str
    connection: asyncpg.Connection
    pid: int
    rows: int = 0
    wal: int = 0
    us: list[float] = field(default_factory=list)


def bids(seq: int, stream: str, actors: list[str], new_id: Callable[[], bytes]) -> list[Record]:
    """Make one batch of a lot."""
    return [
        Record(
            1, seq + i, 1, stream, seq + i, "lot.bid_accepted", 1, InstantUs(1_000_000 + seq + i), InstantUs(5), new_id(),
            os.urandom(32), random.choice(actors), b"{" + os.urandom(179), os.urandom(32), os.urandom(32), os.urandom(32),
        )
        for i in range(1, BATCH + 1)
    ]  # fmt: skip


async def fill(table: Table, records: list[Record]) -> None:
    """Append one batch."""
    data = memoryview(bytes(copy_rows(records, COLUMNS, KINDS)))
    await table.connection.copy_to_table(
        "event", schema_name=table.schema, source=data, columns=COLUMNS, format="binary"  # type: ignore[arg-type]
    )  # fmt: skip


async def append_in_turns(dsn: str, slices: int, new_id: Callable[[], bytes]) -> list[Table]:
    """Fill both tables in turns and return them."""
    tables = []
    for schema in ("before", "public"):
        connection = await asyncpg.connect(dsn)
        tables.append(Table(schema, connection, await connection.fetchval("SELECT pg_backend_pid()")))
    actors, stream = [str(uuid.uuid4()) for _ in range(BIDDERS)], f"lot/{uuid.uuid4()}"
    for number in range(slices):
        for table in tables if number % 2 else tables[::-1]:
            begun_lsn = await table.connection.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
            spent_us = 0.0
            for _ in range(SLICE):
                records = bids(table.rows, stream, actors, new_id)
                begun_us = processor_us(table.pid)
                await fill(table, records)
                spent_us += processor_us(table.pid) - begun_us
                table.rows += BATCH
            table.us.append(spent_us / SLICE / BATCH)
            table.wal += (
                await table.connection.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn") - begun_lsn
            )
    return tables


def processor_us(pid: int) -> float:
    """Return what a process has used of its processor, in µs."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1_000


async def find_acts(dsn: str, lots: int) -> None:
    """Add lots of forty bidders each; print how long a page of somebody's own acts takes."""
    connection = await asyncpg.connect(dsn)
    parties = [str(uuid.uuid4()) for _ in range(5_000)]
    table = Table("public", connection, 0, rows=10_000_000)
    for number in range(lots):
        actors = random.sample(parties, 40)
        for _ in range(33):
            await fill(table, bids(table.rows, f"lot/{number}", actors, in_time))
            table.rows += BATCH
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=1)
    for when, statement in (("before vacuum", None), ("after it", "VACUUM ANALYZE public.event")):
        if statement:
            await connection.execute(statement)
        waits_ms = []
        for party in random.sample(parties, 30):
            begun_s = time.perf_counter()
            await Reader(pool).commands_of(party, 2**60, 100)
            waits_ms.append((time.perf_counter() - begun_s) * 1_000)
        total = await connection.fetchval("SELECT count(*) FROM public.event")
        print(
            f"somebody's own acts among {total} events, {when}: {median(waits_ms):.0f} ms median, {max(waits_ms):.0f} longest"
        )
    for schema in ("before", "public"):
        sizes = await connection.fetch(
            "SELECT pg_relation_size(i.indexrelid)::float8 / greatest(1, (SELECT count(*) FROM public.event WHERE $1 = 'public')"
            " + (SELECT count(*) FROM before.event WHERE $1 = 'before')) AS bytes FROM pg_index i"
            " WHERE indrelid = format('%I.event', $1::text)::regclass AND pg_get_indexdef(i.indexrelid) ~ 'actor'", schema,
        )  # fmt: skip
        print(f"index that has the actor, {schema}: {sum(row['bytes'] for row in sizes):.1f} bytes an event")
    await pool.close()
    await connection.close()


async def run(slices: int, lots: int) -> None:
    """Measure on a server of its own, in a new database for each kind of ids."""
    with tempfile.TemporaryDirectory(prefix="ortoo-commands-") as directory:
        server = await embedded.start(Path(directory))
        try:
            for number, (kind, new_id) in enumerate(IDS.items()):
                admin = await asyncpg.connect(server.dsn("postgres"))
                await admin.execute(f"CREATE DATABASE measured_{number}")
                await admin.close()
                dsn = server.dsn(f"measured_{number}")
                await migrate(dsn)
                connection = await asyncpg.connect(dsn)
                await connection.execute(BEFORE)
                await connection.close()
                for table in await append_in_turns(dsn, slices, new_id):
                    name = "now" if table.schema == "public" else "before"
                    print(
                        f"{kind}, {name}: {median(table.us[2:]):.2f} us of PostgreSQL, {table.wal / table.rows:.0f} bytes of WAL for a bid"
                    )
                    await table.connection.close()
            await find_acts(server.dsn("measured_0"), lots)
        finally:
            await server.stop()


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=20)
    parser.add_argument("--lots", type=int, default=380)
    args = parser.parse_args()
    asyncio.run(run(args.slices, args.lots))
    return 0


if __name__ == "__main__":
    sys.exit(main())
