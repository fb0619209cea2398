"""`make bench-statistics`: 100,000 deals with their registrations in the histories, counted by the real server, and its page over HTTP.

Prints how long the counting took, the page's times as a client sees them, whether a year equals an independent computation, and
PostgreSQL's plan of the tables.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import asyncpg

from loadtests.made_histories import Row, histories, independent
from loadtests.market import Market
from loadtests.stand import stand
from settlement.statistics.figures import Statistics
from settlement.statistics.following import QUERIES

BUDGET_MS: Final = 500.0
"""The page stays under this at the 95th percentile, or the program says so and fails."""
COUNT_S: Final = 1_800.0
YEAR: Final = 2024
FOR_EVER_US: Final = 2**62


async def measure(deals: int, times: int) -> bool:
    """Measure; return whether everything is as it should be."""
    with tempfile.TemporaryDirectory(prefix="ortoo-statistics-") as folder:
        async with (
            stand(Path(folder)) as market,
            asyncpg.create_pool(market.postgres.dsn, min_size=1, max_size=2) as pool,
        ):
            rows = histories(1, deals)
            began = time.perf_counter()
            await _write(pool, rows)
            print(f"{deals:,} deals, {len(rows):,} events written in {time.perf_counter() - began:.1f} s")
            statistics, began = Statistics(pool), time.perf_counter()
            async with asyncio.timeout(COUNT_S):
                while await statistics.behind():
                    await asyncio.sleep(0.5)
            print(f"all counted {time.perf_counter() - began:.1f} s later")
            async with Market.of(market.server) as client:
                ms = [await _page(client) for _ in range(times)]
            await pool.execute("ANALYZE statistics_fact")
            report = await statistics.report("deal", YEAR, 0, FOR_EVER_US)
            wanted = independent(rows, "deal", YEAR, FOR_EVER_US, "way")
            equal = {code: (cell.count, cell.total_fen) for code, cell in report.tables["way"].items()} == wanted
            plan = await pool.fetch("EXPLAIN (ANALYZE, BUFFERS) " + QUERIES["tables"], "deal", YEAR, 0, FOR_EVER_US)
    p95 = sorted(ms)[min(len(ms) - 1, int(0.95 * len(ms)))]
    print(
        f"page of a year: median {sorted(ms)[len(ms) // 2]:.0f} ms, p95 {p95:.0f} ms of {times}; budget {BUDGET_MS:.0f} ms"
    )
    print(f"year {YEAR}: {report.whole.count:,} deals; equals the independent computation: {equal}")
    print("\n".join(row[0] for row in plan))
    return equal and p95 <= BUDGET_MS


async def _page(client: Market) -> float:
    began = time.perf_counter()
    async with client.http.get(
        f"{client.base}/desk/statistics?measure=deal&year={YEAR}", headers=client.headers
    ) as answer:
        text = await answer.text()
        assert answer.status == 200 and "chart__bar" in text, answer.status
    return (time.perf_counter() - began) * 1_000


async def _write(pool: asyncpg.Pool, rows: list[Row]) -> None:
    """Append the events as their stores would: marks come from the triggers."""
    digest = b"\0" * 32
    deals = [(row[0][5:], *row[1:4], "made", row[4], digest) for row in rows if row[0].startswith("deal/")]
    others = [(*row[:4], "made", row[4], digest) for row in rows if not row[0].startswith("deal/")]
    columns = ("seq", "type", "at_us", "actor", "body", "digest")
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("deal_event", records=deals, columns=("deal", *columns))
        await connection.copy_records_to_table("registry_event", records=others, columns=("stream", *columns))


def main() -> int:
    """Run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--deals", type=int, default=100_000)
    options.add_argument("--times", type=int, default=100)
    chosen = options.parse_args()
    return 0 if asyncio.run(measure(chosen.deals, chosen.times)) else 1


if __name__ == "__main__":
    sys.exit(main())
