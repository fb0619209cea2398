"""What the bus costs: processor time of a bid in this process alone, over one Redis, and over a Redis Cluster of three; PostgreSQL and
Redis themselves are other processes and not counted. `python -m tools.bus_parts`
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg

from engine.bus.ports import MarketPort
from engine.evidence.receipts import Receipt
from engine.journal import embedded
from engine.journal.migrations import migrate
from gateway.serve import all_migrations
from tests.machines.market import Market, open_lot, submit
from tests.machines.redis_servers import redis_cluster, single_redis

LOTS = tuple(f"l{number}" for number in range(8))
BIDS = {1: 2_000, 200: 20_000}
"""Bids under way at a time -> bids of a round."""


async def drive(port: MarketPort, bids: int, at_a_time: int, amounts: itertools.count[int]) -> float:
    """Place bids, so many at a time; return µs of this process's processor for each."""
    done, sent, answered = asyncio.Event(), itertools.count(1), itertools.count(1)

    def place() -> None:
        if (number := next(sent)) <= bids:
            bidder = "AB"[number // len(LOTS) % 2]
            submit(port, LOTS[number % len(LOTS)], bidder, 10 * next(amounts), taken)

    def taken(receipt: Receipt) -> None:
        assert receipt.seq is not None, receipt
        if next(answered) == bids:
            done.set()
        place()

    begun_s = time.process_time()
    for _ in range(at_a_time):
        place()
    await done.wait()
    return (time.process_time() - begun_s) / bids * 1e6


async def measure(way: str, dsn: str, redis: Any) -> None:
    """Print the line of one way."""
    market = Market(dsn, redis)
    await market.start_engine()
    port, amounts = await market.gateway(), itertools.count(100)
    for lot in LOTS:
        await open_lot(port, lot, "A", "B")
    await drive(port, 2_000, 200, amounts)  # warm
    figures = [f"{await drive(port, bids, at_a_time, amounts):8.0f} µs" for at_a_time, bids in BIDS.items()]
    await market.stop()
    print(f"{way:32}", *figures, flush=True)


async def new_database(server: embedded.EmbeddedPostgres, name: str) -> str:
    """Return the address of a new, migrated database."""
    connection = await asyncpg.connect(server.dsn("postgres"))
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    await migrate(server.dsn(name), all_migrations())
    return server.dsn(name)


def main() -> None:
    """Print the table."""
    folder = Path(tempfile.mkdtemp(prefix="ortoo-bus-"))
    server = asyncio.run(embedded.start(folder, settings=embedded.SMALL))
    print(f"{'processor time of a bid':32}", *(f"{at_a_time:5} at once" for at_a_time in BIDS))
    try:
        with ExitStack() as stack:
            ways = {
                "in this process": None,
                "over one Redis": stack.enter_context(single_redis()),
                "over a Redis Cluster of three": stack.enter_context(redis_cluster()),
            }
            for number, (way, redis) in enumerate(ways.items()):
                dsn = asyncio.run(new_database(server, f"bus_{number}"))
                asyncio.run(measure(way, dsn, redis))
    finally:
        asyncio.run(server.stop())
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
