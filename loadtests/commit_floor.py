"""The floor of durability: one row in one COPY, one after another at a steady pace, on a connection of its
own. A process, so that it is paced on the server's core while nothing else runs there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time

import asyncpg

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE IF NOT EXISTS floor.event (shard smallint, seq bigint, body bytea, PRIMARY KEY (shard, seq));
"""
BODY = os.urandom(450)
"""As long as a row of the journal."""


async def commit_for(
    connection: asyncpg.Connection[asyncpg.Record], first: int, seconds: float, rate: float
) -> list[float]:
    """Commit rows from number `first`, a new one every 1/rate s or when the last is done; return how long
    each took in seconds.
    """
    waits: list[float] = []
    start_s = time.perf_counter()
    while (began_s := time.perf_counter()) < start_s + seconds:
        row = (0, first + len(waits), BODY)
        await connection.copy_records_to_table(
            "event", records=[row], columns=("shard", "seq", "body"), schema_name="floor"
        )
        waits.append(time.perf_counter() - began_s)
        await asyncio.sleep(max(0.0, start_s + len(waits) / rate - time.perf_counter()))
    return waits


async def serve(dsn: str) -> None:
    """Read lines `SECONDS RATE` from stdin; answer each with the median in microseconds."""
    loop = asyncio.get_running_loop()
    connection = await asyncpg.connect(dsn)
    await connection.execute(SCHEMA)
    first = await connection.fetchval("SELECT coalesce(max(seq), 0) + 1 FROM floor.event")
    print(json.dumps({"live": 0}), flush=True)
    while words := (await loop.run_in_executor(None, sys.stdin.readline)).split():
        waits = await commit_for(connection, first, float(words[0]), float(words[1]))
        first += len(waits)
        print(json.dumps({"commits": len(waits), "p50_us": sorted(waits)[len(waits) // 2] * 1e6}), flush=True)
    await connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    asyncio.run(serve(parser.parse_args().dsn))
