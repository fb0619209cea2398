"""`python -m tools.measure_ownership`: how long shards are unserved when an engine hands over in order, and when one is killed.

Two real engine processes on an embedded PostgreSQL, bidding on the lots they serve (tests/integration/engine_process.py). The gaps are read
from the log: from the instant until which the owner before served, to the instant from which its lots were served again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg

from engine.journal import embedded
from engine.journal.migrations import migrate
from tests.conftest import all_migrations

LEASE_MS: Final = 2_500
SHARDS: Final = 80
ROUNDS: Final = 3
BOUND_S: Final = 60.0
GAPS: Final = """
WITH compensated AS (
    SELECT shard, epoch, (convert_from(body, 'UTF8')::json ->> 'from_us')::bigint AS from_us,
        (convert_from(body, 'UTF8')::json ->> 'to_us')::bigint AS to_us
    FROM event WHERE type = 'lot.outage_compensated'
)
SELECT c.to_us - c.from_us AS gap_us, convert_from(t.body, 'UTF8')::json ->> 'handed_over' = 'true' AS in_order
FROM compensated c JOIN event t ON t.shard = c.shard AND t.epoch = c.epoch AND t.type = 'shard.owner_taken'
WHERE t.at_us >= $1
"""


class Child:
    """An engine process and the shards it says it serves."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.served: set[int] = set()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = json.loads(line)
            self.served |= set(said.get("gained", ()))
            self.served -= set(said.get("lost", ()))

    async def gone(self) -> None:
        """Wait for its end."""
        await self.process.wait()
        await self._reading


async def start(dsn: str) -> Child:
    """Start an engine process."""
    arguments = (sys.executable, "-m", "tests.integration.engine_process", dsn, str(LEASE_MS))
    return Child(await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE))


async def until_shared(*children: Child) -> None:
    """Wait until every shard has its owner and every engine a share."""
    async with asyncio.timeout(BOUND_S):
        while sum(len(child.served) for child in children) != SHARDS or not all(child.served for child in children):
            await asyncio.sleep(0.01)
    await asyncio.sleep(2.0)


async def measure(dsn: str) -> None:
    """Measure and print."""
    connection = await asyncpg.connect(dsn)
    first = await start(dsn)
    await until_shared(first)
    handed: list[float] = []
    died: list[float] = []
    back_s: list[float] = []
    for _ in range(ROUNDS):
        begun_us = time.time_ns() // 1_000
        second = await start(dsn)
        await until_shared(first, second)
        second.process.terminate()
        await second.gone()
        await until_shared(first)
        handed += [row["gap_us"] / 1e3 for row in await connection.fetch(GAPS, begun_us) if row["in_order"]]
        second = await start(dsn)
        await until_shared(first, second)
        begun_us, begun_s = time.time_ns() // 1_000, time.monotonic()
        second.process.kill()
        await second.gone()
        async with asyncio.timeout(BOUND_S):
            while len(first.served) != SHARDS:
                await asyncio.sleep(0.01)
        back_s.append(time.monotonic() - begun_s)
        died += [row["gap_us"] / 1e3 for row in await connection.fetch(GAPS, begun_us) if not row["in_order"]]
    first.process.terminate()
    await first.gone()
    await connection.close()
    print(
        f"handed over in order, {len(handed)} lots: {median(handed):.0f} ms (median), {max(handed):.0f} ms (longest) unserved"
    )
    print(
        f"kill -9, lease {LEASE_MS} ms: all shards served again after {median(back_s):.2f} s (median), {max(back_s):.2f} s (longest)"
    )
    print(f"kill -9, {len(died)} lots: {median(died):.0f} ms (median) recorded as outage, from the last sign of life")


async def run() -> None:
    """Measure on a server of its own."""
    with tempfile.TemporaryDirectory(prefix="ortoo-ownership-") as directory:
        server = await embedded.start(Path(directory))
        try:
            await migrate(server.dsn(), all_migrations())
            await measure(server.dsn())
        finally:
            await server.stop()


if __name__ == "__main__":
    asyncio.run(run())
