"""Load on a stack of any shape: clients spread over the gateways, lots and accounts through the public doors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from loadtests.client.driver import Connection, LoadClient, Run, compiled_client
from loadtests.faults.ground import Ground
from loadtests.machine import cpu_ns, family, placement, usable_cores
from loadtests.market import Bidder, Market
from loadtests.stand import Server

FAR_US: Final = 86_400_000_000
OPEN_AT_ONCE: Final = 2_500
"""Connections of one client process, opened at once: below what a gateway takes in one burst."""
ARRIVALS_PER_S: Final = 900
"""A gateway turns away what comes faster than 1,000 a second for long (its protection from a herd)."""


class Spread(NamedTuple):
    """Runs of several clients at the same time, as one."""

    runs: list[Run]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(run.rate() for run in self.runs)

    @property
    def answers(self) -> int:
        """All answers."""
        return sum(run.all for run in self.runs)

    @property
    def p50_ms(self) -> float:
        """Median wait, of the slowest client."""
        return max(run.p50_us for run in self.runs) / 1e3

    @property
    def p99_ms(self) -> float:
        """99th percentile of the waits, of the slowest client."""
        return max(run.p99_us for run in self.runs) / 1e3

    def wrong(self) -> list[str]:
        """Say what must not happen in a run without faults."""
        return [
            f"{run.sent} sent, {run.all} answered, {run.strange} answers to nothing, {run.errors} errors, {run.closed} closed:"
            f" {run.first_error}"
            for run in self.runs
            if run.errors or run.closed or run.strange or run.all != run.sent
        ]


@asynccontextmanager
async def seated(here: Ground, connections: Sequence[Connection]) -> AsyncIterator[list[LoadClient]]:
    """Open bidders' connections: the bids of a lot come from one client, the lots are dealt to the gateways in turn."""
    place = {lot: at % len(here.gateways) for at, lot in enumerate(dict.fromkeys(one.lot for one in connections))}
    shares: list[list[Connection]] = [[] for _ in here.gateways]
    for one in connections:
        shares[place[one.lot]].append(one)
    async with _clients(
        [(gateway, share) for gateway, share in zip(here.gateways, shares, strict=True) if share]
    ) as opened:
        yield opened


@asynccontextmanager
async def watching(here: Ground, lot: str, count: int) -> AsyncIterator[list[LoadClient]]:
    """Open visitors' connections, dealt to the gateways in turn, and let them watch."""
    share, parts = count // len(here.gateways), []
    for gateway in here.gateways:
        parts += [
            (gateway, [Connection(None, lot)] * min(OPEN_AT_ONCE, share - at)) for at in range(0, share, OPEN_AT_ONCE)
        ]
    async with _clients(parts) as opened:
        for client in opened:
            await client.join()
        yield opened


@asynccontextmanager
async def _clients(parts: Sequence[tuple[Server, list[Connection]]]) -> AsyncIterator[list[LoadClient]]:
    cores, program = placement(usable_cores()), compiled_client()
    opened: list[LoadClient] = []
    try:
        for gateway, part in parts:
            opened.append(await LoadClient.start(gateway.live_port, part, program=program, cores=cores.rest))
            if len(part) == OPEN_AT_ONCE:
                await asyncio.sleep(OPEN_AT_ONCE / ARRIVALS_PER_S)
        yield opened
    finally:
        for client in opened:
            await client.stop()


async def lots_of(market: Market, name: str, count: int, bidders: Sequence[Bidder], each: int) -> list[Connection]:
    """Publish lots and admit `each` bidders to each; return a connection for each of them."""
    closes_at_us = round(time.time() * 1e6) + FAR_US
    slots = asyncio.Semaphore(16)
    connections = [
        Connection(bidders[(at * each + seat) % len(bidders)].token, f"{name}-{at}")
        for at in range(count)
        for seat in range(each)
    ]

    async def one(at: int) -> None:
        async with slots:
            await market.publish(f"{name}-{at}", closes_at_us=closes_at_us)
            for seat in range(each):
                await market.admit(f"{name}-{at}", bidders[(at * each + seat) % len(bidders)])

    await asyncio.gather(*(one(at) for at in range(count)))
    return connections


async def bid_openly(started: Sequence[LoadClient], seconds: float, rate: float) -> Spread:
    """Send `rate` bids a second in all."""
    each = rate / len(started)
    return Spread(list(await asyncio.gather(*(client.open(seconds, each, settle=0.2) for client in started))))


async def bid_closed(started: Sequence[LoadClient], seconds: float) -> Spread:
    """Keep one bid in flight on each connection."""
    return Spread(list(await asyncio.gather(*(client.closed(seconds, settle=0.2) for client in started))))


class Cpu:
    """Processor time used between two moments, by kind of process."""

    def __init__(self, here: Ground) -> None:
        self._groups = {
            "engines": [pid for server in here.engines for pid in family(server.pid)],
            "gateways": [pid for server in here.gateways for pid in family(server.pid)] if here.redis else [],
            "postgres": family(here.database.primary.pid),
            "redis": [node.pid for node in here.redis.nodes] if here.redis else [],
        }
        self._before = {name: cpu_ns(pids) for name, pids in self._groups.items()}
        self._began_s = time.monotonic()

    def cores(self) -> dict[str, float]:
        """Cores used on average since this was made."""
        seconds = time.monotonic() - self._began_s
        return {
            name: (cpu_ns(pids) - self._before[name]) / 1e9 / seconds for name, pids in self._groups.items() if pids
        }
