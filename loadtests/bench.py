"""The benchmark: python -m loadtests.bench [--quick] [--rounds 7] [--slice-seconds 1.5]

One run on one machine, slices of every party in rotation; ratios first. The server under test is `ortoo
serve` as it is, in a process of its own; the load comes over WebSocket from another process, on 127.0.0.1
only.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from loadtests import latency, saturation, watchers
from loadtests.client.driver import Connection, LoadClient, compiled_client
from loadtests.machine import Placement, family, pin, placement, resident_bytes, usable_cores
from loadtests.market import Bidder, Market
from loadtests.processes import Child
from loadtests.report import Figure, json_line, table
from loadtests.slices import Meter, Target
from loadtests.stand import Stand, stand

BIDDERS: Final = 300
MANY_LOTS: Final = 50
FAR_US: Final = 86_400_000_000
"""The lots close in a day: no bid of the benchmark is late or extends anything."""
ONE, PACED, ALONE, WATCHED, IDLE = "bench-one", "bench-paced", "bench-alone", "bench-watched", "bench-idle"
"""Sections A, C, D (two) and E have lots of their own: a lot takes a million events, and a full one refuses in half the time."""


class Size(msgspec.Struct, frozen=True):
    """How long the benchmark measures."""

    rounds: int = 7
    seconds: float = 1.5
    """Of each slice."""
    limit_s: float = 330.0
    """When this much is spent, later sections make fewer rounds (three at least)."""
    viewers: int = watchers.WATCHERS
    idle: int = watchers.IDLE_WATCHERS


QUICK: Final = Size(rounds=3, seconds=0.5, limit_s=50.0)


class Ground(msgspec.Struct, frozen=True):
    """Everything that runs during the benchmark."""

    stand: Stand
    market: Market
    bidders: list[Bidder]
    echo: Target
    naive: Target
    naive_many: Target
    ortoo: Target
    ortoo_many: Target
    paced: Target
    alone: Target
    watched: Target
    floor: Child
    cores: Placement


def many_lots() -> list[str]:
    """Return the names of the lots of section B."""
    return [f"bench-many-{number}" for number in range(MANY_LOTS)]


async def publish(market: Market, bidders: Sequence[Bidder]) -> None:
    """Put all lots on the market through the public doors and admit every bidder to them."""
    closes_at_us = round(time.time() * 1e6) + FAR_US
    for lot in (ONE, PACED, ALONE, WATCHED, IDLE, *many_lots()):
        await market.publish(lot, closes_at_us=closes_at_us)
    await market.admit_all([ONE, PACED, ALONE, WATCHED], bidders)
    for number, lot in enumerate(many_lots()):
        await market.admit_all([lot], bidders[number::MANY_LOTS])


def connections(tokens: Sequence[str | None]) -> list[Connection]:
    """Return a bidder's five connections each: for one lot, for one of the many, for the paced lot, and for the two of section D."""
    many = many_lots()
    return [
        *(Connection(token, ONE) for token in tokens),
        *(Connection(token, many[number % MANY_LOTS]) for number, token in enumerate(tokens)),
        *(Connection(token, PACED) for token in tokens),
        *(Connection(token, ALONE) for token in tokens),
        *(Connection(token, WATCHED) for token in tokens),
    ]


@asynccontextmanager
async def ground(folder: Path) -> AsyncIterator[Ground]:
    """Start everything, with the server of each party on the same core and their client on another."""
    cores = placement(usable_cores())
    program = compiled_client()
    async with AsyncExitStack() as exits:
        under_test = await exits.enter_async_context(stand(folder))
        for pid in family(under_test.postgres.pid):
            pin(pid, cores.rest)
        pin(under_test.server.pid, cores.server)
        market = await exits.enter_async_context(Market.of(under_test.server))
        bidders = await market.bidders(BIDDERS)
        await publish(market, bidders)
        dsn = under_test.postgres.dsn
        lots = ",".join([ONE, *many_lots()])
        children = {
            "echo": await Child.start("loadtests.echo", [], log=folder / "echo.log"),
            "naive": await Child.start("loadtests.naive", ["--dsn", dsn, "--lots", lots], log=folder / "naive.log"),
            "floor": await Child.start("loadtests.commit_floor", ["--dsn", dsn], log=folder / "floor.log"),
        }
        for child in children.values():
            exits.push_async_callback(child.stop)
        ports = {name: (await child.ready())["live"] for name, child in children.items()}
        for child in children.values():
            child.pin(cores.server)
        for pid in family(under_test.postgres.pid):
            pin(pid, cores.rest)

        async def client(port: int, wanted: list[Connection]) -> LoadClient:
            started = await LoadClient.start(port, wanted, program=program, cores=cores.client)
            exits.push_async_callback(started.stop)
            return started

        nobody: list[str | None] = [None] * BIDDERS
        echo = await client(ports["echo"], connections(nobody)[:BIDDERS])
        naive = await client(ports["naive"], connections(nobody)[: 2 * BIDDERS])
        ortoo = await client(under_test.server.live_port, connections([bidder.token for bidder in bidders]))
        first, second, third, fourth, fifth = (range(at * BIDDERS, (at + 1) * BIDDERS) for at in range(5))
        yield Ground(
            stand=under_test,
            market=market,
            bidders=bidders,
            echo=Target("echo", children["echo"].pid, echo, first),
            naive=Target("naive", children["naive"].pid, naive, first),
            naive_many=Target("naive_many", children["naive"].pid, naive, second),
            ortoo=Target("ortoo", under_test.server.pid, ortoo, first),
            ortoo_many=Target("ortoo_many", under_test.server.pid, ortoo, second),
            paced=Target("paced", under_test.server.pid, ortoo, third),
            alone=Target("alone", under_test.server.pid, ortoo, fourth),
            watched=Target("watched", under_test.server.pid, ortoo, fifth),
            floor=children["floor"],
            cores=cores,
        )


async def crowd(on: Ground, lot: str, count: int) -> LoadClient:
    """Start that many visitors, without accounts, for one lot."""
    program = compiled_client()
    return await LoadClient.start(
        on.stand.server.live_port, [Connection(None, lot)] * count, program=program, cores=on.cores.rest
    )


async def measure(on: Ground, size: Size) -> tuple[list[Figure], list[str]]:
    """Run all sections; return the figures and how they were taken."""
    meter = Meter(on.stand.postgres.pid, size.limit_s)
    figures: list[Figure] = []
    facts = [f"{on.cores.text()}; PostgreSQL with synchronous_commit on; {on.market.account_note}"]

    say("E memory of idle watchers")
    before_bytes = resident_bytes(on.ortoo.pid)
    idle = await crowd(on, IDLE, size.idle)
    memory = await watchers.idle_memory(on.ortoo.pid, idle, before_bytes)
    await idle.stop()

    say(f"A, B, F saturation: {size.rounds} rounds of five slices of {size.seconds} s")
    targets = (on.echo, on.ortoo, on.naive, on.ortoo_many, on.naive_many)
    for target in targets:
        await target.client.closed(size.seconds / 3, settle=0, some=target.some)  # warm, not counted
    taken = await saturation.measure(meter, targets, rounds=size.rounds, seconds=size.seconds, share=0.45)
    figures += saturation.figures(taken)
    facts += saturation.facts(taken)

    half_rate = latency.half_of([one.run.rate() for one in taken["ortoo"]])
    say(f"C waiting times: {size.rounds} rounds")
    waits = await latency.measure(
        meter,
        on.paced,
        on.echo,
        on.floor,
        half_rate=half_rate,
        rounds=size.rounds,
        seconds=size.seconds,
        share=0.7,
    )
    figures += latency.figures(waits, half_rate)

    say(f"D {size.viewers} watchers: {size.rounds} rounds")
    visitors = await crowd(on, WATCHED, size.viewers)
    try:
        await visitors.join()
        without, with_them, light, half = await watchers.measure(
            meter,
            on.alone,
            on.watched,
            visitors,
            half_rate=half_rate,
            rounds=size.rounds,
            seconds=size.seconds,
        )
    finally:
        await visitors.stop()
    figures += [*watchers.figures(without, with_them, light, half), memory]
    facts += watchers.facts(light, half)
    facts.append(
        f"{meter.spent_s():.0f} s of measuring; {meter.repeated} slices repeated because others used the machine, "
        f"{meter.disturbed} kept in spite of it"
    )
    return figures, facts


async def audit(on: Ground) -> str:
    """Compare what the client was told over the whole run with the log; return it as a fact."""
    told = on.ortoo.client.told
    logged = await on.stand.count_decisions()
    same = (told.accepted, told.rejected) == logged
    words = f"told to the client: {told.accepted:,} accepted, {told.rejected:,} refused; in the log: "
    words += f"{logged[0]:,} and {logged[1]:,}"
    return words + (": the same" if same else ": NOT THE SAME")


def say(text: str) -> None:
    """Show progress."""
    print(f"… {text}", file=sys.stderr, flush=True)


async def run(size: Size) -> int:
    """Measure and print; 1 if the log does not hold what the client was told."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ortoo-bench-") as folder:
        say("starting PostgreSQL, the server, the echo and the naive way; making 300 accounts")
        async with ground(Path(folder)) as on:
            say(f"ready after {time.monotonic() - began_s:.0f} s")
            figures, facts = await measure(on, size)
            audited = await audit(on)
    facts = [*facts, audited, f"{time.monotonic() - began_s:.0f} s in all"]
    print(table(figures, facts))
    print(json_line(figures, facts))
    return 1 if audited.endswith("NOT THE SAME") else 0


def main() -> int:
    """Entry of `python -m loadtests.bench`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute instead of six")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--slice-seconds", type=float)
    chosen = parser.parse_args()
    size = QUICK if chosen.quick else Size()
    size = msgspec.structs.replace(
        size, rounds=chosen.rounds or size.rounds, seconds=chosen.slice_seconds or size.seconds
    )
    return asyncio.run(run(size))


if __name__ == "__main__":
    sys.exit(main())
