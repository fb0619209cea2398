"""The sections of the measurement; each takes a running stack and returns figures."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import redis.asyncio as redis

from loadtests.client.driver import Connection, LoadClient, compiled_client
from loadtests.faults.ground import Ground
from loadtests.faults.redis_nodes import RedisNodes
from loadtests.machine import placement, resident_bytes, usable_cores
from loadtests.market import Market
from loadtests.processes import Child
from loadtests.report import Figure, ratios
from loadtests.scale.load import Cpu, bid_closed, bid_openly, lots_of, seated, watching
from loadtests.watchers import read_acks, spread

QUIET_S: Final = 1.5
MESSAGE: Final = b"x" * 300
"""As long as a change on the wire."""
PIPELINE: Final = 100


class Size(NamedTuple):
    """How large and how long."""

    watchers: int = 10_000
    bidders: int = 500
    lots: int = 2_000
    events: int = 1_000_000
    rounds: int = 5
    seconds: float = 2.0
    rate: float = 1_000.0


async def crowd(here: Ground, market: Market, size: Size) -> list[Figure]:
    """Watchers and bidders on one lot: how long a bidder waits, and the last watcher for the price."""
    bidders = await market.bidders(size.bidders)
    seats = await lots_of(market, "crowd", 1, bidders, size.bidders)
    before = sum(resident_bytes(gateway.pid) for gateway in here.gateways)
    waits, worst, lasts, wrong = [], [], [], 0
    async with watching(here, "crowd-0", size.watchers) as visitors, seated(here, seats) as (active,):
        await asyncio.sleep(QUIET_S)
        used = sum(resident_bytes(gateway.pid) for gateway in here.gateways) - before
        memory_kb = used / (size.watchers + size.bidders) / 1e3
        for _ in range(size.rounds):
            for client in visitors:
                await client.seen()
            with tempfile.TemporaryDirectory() as folder:
                log = Path(folder) / "answers"
                run = await active.open(size.seconds, size.rate, settle=0.2, log=log)
                acks = read_acks(log)
            await asyncio.sleep(QUIET_S)
            seen = [(client.connections, await client.seen()) for client in visitors]
            wrong += run.all != run.sent or any(one.gaps or one.closed for _, one in seen)
            waits.append(run.p50_us / 1e3)
            worst.append(run.p99_us / 1e3)
            lasts.append(max(spread(acks, one.changes, count, one.gaps).newest_us for count, one in seen) / 1e3)
    title = f"{size.watchers:,} watchers, {size.bidders} bidders on one lot, {size.rate:,.0f} bids/s"
    return [
        Figure(key="crowd_p50", title=f"{title}: bidder's wait, median", values=waits, unit="ms"),
        Figure(key="crowd_p99", title=f"{title}: bidder's wait, p99", values=worst, unit="ms"),
        Figure(key="crowd_last", title=f"{title}: answer → last watcher has the price", values=lasts, unit="ms"),
        Figure(key="crowd_memory", title="memory of the gateways for each connection", values=[memory_kb], unit="kB"),
        Figure(key="crowd_wrong", title="rounds with a gap, a lost answer or a closed line", values=[float(wrong)]),
    ]


async def many_lots(here: Ground, market: Market, size: Size) -> list[Figure]:
    """Very many lots live at once, a bidder in each."""
    bidders = await market.bidders(min(size.bidders, size.lots))
    began_s = time.monotonic()
    seats = await lots_of(market, "many", size.lots, bidders, 1)
    published_s = time.monotonic() - began_s
    waits, worst, rates, wrong = [], [], [], 0
    async with seated(here, seats) as bidding:
        for _ in range(size.rounds):
            run = await bid_openly(bidding, size.seconds, size.rate)
            waits.append(run.p50_ms)
            worst.append(run.p99_ms)
            rates.append((await bid_closed(bidding, size.seconds)).rate)
            wrong += bool(run.wrong())
    title = f"{size.lots:,} lots live at once"
    engines = [resident_bytes(engine.pid) / 1e6 for engine in here.engines]
    return [
        Figure(key="many_p50", title=f"{title}, {size.rate:,.0f} bids/s: wait, median", values=waits, unit="ms"),
        Figure(key="many_p99", title=f"{title}, {size.rate:,.0f} bids/s: wait, p99", values=worst, unit="ms"),
        Figure(key="many_rate", title=f"{title}, a bid in flight on each: decisions a second", values=rates, unit="/s"),
        Figure(
            key="many_publish", title=f"{title}: publishing and admitting them by REST", values=[published_s], unit="s"
        ),
        Figure(key="many_memory", title=f"{title}: memory of an engine", values=engines, unit="MB"),
        Figure(key="many_wrong", title="rounds with a lost answer or a closed line", values=[float(wrong)]),
    ]


async def limits(here: Ground, market: Market, size: Size, folder: Path) -> list[Figure]:
    """Durable decisions against the bare echo, plain commits of PostgreSQL and plain publishing of Redis, in rotation."""
    bidders = await market.bidders(min(size.bidders, 300))
    seats = await lots_of(market, "limit", 50, bidders, max(1, len(bidders) // 50))
    echo = await Child.start("loadtests.echo", [], log=folder / "echo.log")
    port = int((await echo.ready())["live"])
    taken: dict[str, list[float]] = {"ortoo": [], "echo": [], "commits": [], "publishes": []}
    alone = RedisNodes(folder / "alone", clustered=False, proxied=False)
    await alone.start()
    try:
        cores = placement(usable_cores())
        plain = [Connection(None, one.lot) for one in seats]
        echoing = await LoadClient.start(port, plain, program=compiled_client(), cores=cores.rest)
        async with seated(here, seats) as bidding:
            for _ in range(size.rounds):
                taken["echo"].append((await echoing.closed(size.seconds, settle=0.2)).rate())
                taken["ortoo"].append((await bid_closed(bidding, size.seconds)).rate)
                taken["commits"].append(await commits(here.database.primary.dsn, size.seconds))
                taken["publishes"].append(await publishes(alone.nodes[0].port, size.seconds))
        await echoing.stop()
    finally:
        await echo.stop()
        await alone.stop()
    title = f"{here.name}: durable decisions a second"
    return [
        Figure(
            key=f"{here.name}_rate", title=f"{title}, {len(seats)} bidders, 50 lots", values=taken["ortoo"], unit="/s"
        ),
        ratios(f"{here.name}_over_echo", f"{title} / bare echo of one process", taken["ortoo"], taken["echo"]),
        ratios(
            f"{here.name}_over_commits",
            f"{title} / one-row commits of one connection",
            taken["ortoo"],
            taken["commits"],
        ),
        ratios(
            f"{here.name}_over_publishes",
            f"{title} / plain PUBLISH, pipelined by {PIPELINE}",
            taken["ortoo"],
            taken["publishes"],
        ),
        Figure(key=f"{here.name}_echo", title="bare echo", values=taken["echo"], unit="/s"),
        Figure(key=f"{here.name}_commits", title="one-row commits", values=taken["commits"], unit="/s"),
        Figure(key=f"{here.name}_publishes", title="plain PUBLISH", values=taken["publishes"], unit="/s"),
    ]


async def cost(here: Ground, market: Market, size: Size) -> list[Figure]:
    """Processor time for a bid at a steady rate, beside what the processes use without bids: how it grows with their number."""
    bidders = await market.bidders(min(size.bidders, 200))
    seats = await lots_of(market, "cost", 64, bidders, max(1, len(bidders) // 64))
    idle: list[dict[str, float]] = []
    busy: list[dict[str, float]] = []
    async with seated(here, seats) as bidding:
        await bid_openly(bidding, size.seconds, size.rate)  # warm, not counted
        for _ in range(size.rounds):
            await asyncio.sleep(QUIET_S)
            cpu = Cpu(here)
            await asyncio.sleep(size.seconds)
            idle.append(cpu.cores())
            cpu, began_s = Cpu(here), time.monotonic()
            run = await bid_openly(bidding, size.seconds, size.rate)
            rate = run.answers / (time.monotonic() - began_s)
            busy.append({kind: (cores - idle[-1][kind]) / rate * 1e6 for kind, cores in cpu.cores().items()})
    shape = f"{len(here.engines)} engines, {len(here.gateways)} gateways" if here.redis else "one process"
    key = f"cost_{len(here.engines)}_{len(here.gateways)}" if here.redis else "cost_serve"
    bidding_at = f"a bid at {size.rate:,.0f}/s"

    def figure(name: str, words: str, values: list[dict[str, float]], kind: str, unit: str) -> Figure:
        return Figure(key=name, title=f"{shape}: {words}, {kind}", values=[one[kind] for one in values], unit=unit)

    return [
        *(figure(f"{key}_{kind}", bidding_at, busy, kind, "µs") for kind in busy[0]),
        *(figure(f"{key}_{kind}_idle", "without bids", idle, kind, "cores") for kind in idle[0]),
    ]


async def commits(dsn: str, seconds: float) -> float:
    """Return how many one-row commits a second one connection makes."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS plain_commit (body bytea)")
        statement = await connection.prepare("INSERT INTO plain_commit VALUES ($1)")
        began_s, count = time.perf_counter(), 0
        while time.perf_counter() < began_s + seconds:
            await statement.fetch(MESSAGE)
            count += 1
        return count / (time.perf_counter() - began_s)
    finally:
        await connection.close()


async def publishes(port: int, seconds: float) -> float:
    """Return how many messages a second one connection publishes."""
    client = redis.Redis(host="127.0.0.1", port=port)
    try:
        began_s, count = time.perf_counter(), 0
        while time.perf_counter() < began_s + seconds:
            pipeline = client.pipeline(transaction=False)
            for _ in range(PIPELINE):
                pipeline.execute_command("SPUBLISH", "plain", MESSAGE)
            await pipeline.execute(raise_on_error=False)
            count += PIPELINE
        return count / (time.perf_counter() - began_s)
    finally:
        await client.aclose()
