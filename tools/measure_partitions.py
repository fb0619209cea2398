"""`python -m tools.measure_partitions`: the log as one table beside the log partitioned by ranges of shards, in one run, in rotation.

Prints what a row costs to append by COPY (batches of 50 over some shards, as the writer sends them) and what it costs to find a lot's
newest events and a command, where the statement names the stream alone and where it names its shard too. ADR 0022 rests on it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg

from engine.journal import embedded
from engine.journal.migrations import migrate
from engine.journal.records import COLUMNS, KINDS, Record
from engine.layout import copy_rows
from engine.values import InstantUs

BATCH: Final = 50
SLICES: Final = 10
RANGES: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 81)
PARTS: Final = "".join(
    f"CREATE TABLE parted.event_{a} PARTITION OF parted.event FOR VALUES FROM ({a}) TO ({b});"
    for a, b in pairwise(RANGES)
)
PARTITIONED: Final = f"""
CREATE SCHEMA parted;
CREATE TABLE parted.event (LIKE public.event INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (shard, seq),
    UNIQUE (shard, stream, stream_seq)) PARTITION BY RANGE (shard);
CREATE UNIQUE INDEX ON parted.event (shard, stream, command_id) WHERE command_id IS NOT NULL;
CREATE INDEX ON parted.event (actor, at_us DESC) WHERE command_id IS NOT NULL;
{PARTS}
CREATE INDEX ON parted.event (stream, stream_seq);
CREATE INDEX ON parted.event (stream, command_id) WHERE command_id IS NOT NULL;
"""
LOOK_UPS: Final = {
    "newest of a lot": "SELECT * FROM {s}.event WHERE stream = $1 AND stream_seq > $2 - 20 ORDER BY stream_seq",
    "newest of a lot, shard named": "SELECT * FROM {s}.event WHERE stream = $1 AND stream_seq > $2 - 20 AND shard = $3 ORDER BY stream_seq",
    "a command": "SELECT seq FROM {s}.event WHERE stream = $1 AND command_id = $2",
}


def rows(stream_no: int, shard: int, seq: int, stream_seq: int) -> list[Record]:
    """Make one batch of a lot."""
    return [
        Record(
            shard, seq + i, 1, f"lot/m{stream_no}", stream_seq + i, "lot.bid_accepted", 1, InstantUs(1_000_000 + seq + i),
            InstantUs(5), os.urandom(16), os.urandom(32), f"party-{i % 20}", os.urandom(220), os.urandom(32),
            os.urandom(32), os.urandom(32),
        )
        for i in range(1, BATCH + 1)
    ]  # fmt: skip


async def measure(dsn: str, events: int) -> None:
    """Measure and print."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(PARTITIONED)
    schemas, took = ("public", "parted"), {"public": list[float](), "parted": list[float]()}
    seqs = dict.fromkeys(range(64), 0)
    lots: dict[int, int] = {}
    batches = events // BATCH
    commands: dict[int, bytes] = {}
    for number in range(batches):
        shard, stream = number % 64, number % 640
        batch = rows(stream, shard, seqs[shard], lots.get(stream, 0))
        seqs[shard] += BATCH
        lots[stream] = lots.get(stream, 0) + BATCH
        commands[stream] = batch[0].command_id or b""
        data = bytes(copy_rows(batch, COLUMNS, KINDS))
        for schema in schemas if number // 64 % 2 else schemas[::-1]:
            begun_s = time.perf_counter()
            await connection.copy_to_table(
                "event",
                schema_name=schema,
                source=memoryview(data),  # type: ignore[arg-type]
                columns=COLUMNS,
                format="binary",
            )
            took[schema].append(time.perf_counter() - begun_s)
    print(f"{batches * BATCH} events, {len(RANGES) - 1} partitions")
    for schema in schemas:
        half = took[schema][len(took[schema]) // 2 :]
        print(
            f"append, {schema}: {median(half) / BATCH * 1e6:.1f} us a row (median of the second half),"
            f" {sum(half) / len(half) / BATCH * 1e6:.1f} mean"
        )
    await connection.execute("VACUUM ANALYZE")
    for what, text in LOOK_UPS.items():
        for schema in schemas:
            statement = await connection.prepare(text.format(s=schema))
            wanted = len(statement.get_parameters())
            times = []
            for stream in [*lots] * 3:
                second = commands[stream] if what == "a command" else lots[stream]
                arguments = (f"lot/m{stream}", second, stream % 64)[:wanted]
                begun_s = time.perf_counter()
                await statement.fetch(*arguments)
                times.append(time.perf_counter() - begun_s)
            print(f"{what}, {schema}: {median(times) * 1e6:.0f} us")
    for schema in schemas:
        size = await connection.fetchval(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = $1 AND c.relname LIKE 'event%' AND c.relkind = 'r'",
            schema,
        )
        print(f"size, {schema}: {size / batches / BATCH:.0f} bytes an event with its indexes")
    await connection.close()


async def run(events: int) -> None:
    """Measure on a server of its own."""
    with tempfile.TemporaryDirectory(prefix="ortoo-partitions-") as directory:
        server = await embedded.start(Path(directory))
        try:
            await migrate(server.dsn())
            await measure(server.dsn(), events)
        finally:
            await server.stop()


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    asyncio.run(run(parser.parse_args().events))
    return 0


if __name__ == "__main__":
    sys.exit(main())
