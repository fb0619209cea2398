"""The board under readers while sessions run: python -m loadtests.board [--readers 2000] [--period 4] [--rate 200] [--rounds 3]

2,000 readers with a keep-alive connection each read the board, its feed, the widget and the wall's data every few seconds, a quarter
of the reads without an ETag. Meanwhile bidders bid at a steady rate. Slices without and with readers alternate in one run, so the cost
of readers to a bidder's wait is a ratio of neighbours. Loopback only; the server is `ortoo serve` as it is, its prober included.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from loadtests.client.driver import Connection, LoadClient, Run, compiled_client
from loadtests.machine import cpu_ns, placement, usable_cores
from loadtests.market import Bidder, Market
from loadtests.processes import Child
from loadtests.report import Figure, json_line, ratios, table
from loadtests.stand import Server, Stand, stand

FAR_US: Final = 86_400_000_000
SHOWN_LOTS: Final = 40
"""Deals on the board: two pages of it."""
LIVE_LOTS: Final = 4
BIDDERS: Final = 40
SETTLE_S: Final = 0.3
CLOSES_AFTER_US: Final = 12_000_000
FILES_SPARE: Final = 500


class Plan(msgspec.Struct, frozen=True):
    """How big it is."""

    readers: int = 2_000
    period_s: float = 4.0
    rate: float = 200.0
    """Bids a second."""
    seconds: float = 8.0
    """Of each slice."""
    rounds: int = 3


class Slices(msgspec.Struct):
    """What was measured, round by round."""

    alone: list[Run] = []
    with_readers: list[Run] = []
    readers: list[dict[str, Any]] = []
    cores_alone: list[float] = []
    """Processor time of the server's process over the time of the slice: what was used, however crowded the machine."""
    cores_read: list[float] = []


@contextmanager
def used(pid: int, taken: list[float]) -> Iterator[None]:
    """Note the cores that a process uses during the block, on average."""
    cpu_before, before = cpu_ns([pid]), time.monotonic_ns()
    yield
    taken.append((cpu_ns([pid]) - cpu_before) / (time.monotonic_ns() - before))


async def fill_board(server: Server, market: Market, bidders: Sequence[Bidder]) -> None:
    """Sell some lots, so that there is something to read."""
    closes_at_us = round(time.time() * 1e6) + CLOSES_AFTER_US
    lots = [f"shown-{number}" for number in range(SHOWN_LOTS)]
    for lot in lots:
        await market.publish(lot, closes_at_us=closes_at_us)
    base = f"http://127.0.0.1:{server.http_port}"
    async with aiohttp.ClientSession() as http:
        for number, lot in enumerate(lots):
            bidder = bidders[number % len(bidders)]
            await market.admit_all([lot], [bidder])
            wish = {"id": str(uuid.uuid4()), "amount": "1000"}
            headers = {"Authorization": f"Bearer {bidder.token}"}
            async with http.post(f"{base}/api/v1/lots/{lot}/bids", json=wish, headers=headers) as answer:
                answer.raise_for_status()
        async with asyncio.timeout(60):
            while True:
                async with http.get(f"{base}/board/wall.json") as answer:
                    if (await answer.json())["totals"]["deals"] >= SHOWN_LOTS:
                        return
                await asyncio.sleep(0.5)


async def measure(on: Stand, plan: Plan) -> tuple[Slices, list[str]]:
    """Fill the board, open the sessions, and alternate slices without and with readers."""
    cores = placement(usable_cores())
    found = Slices()
    async with Market.of(on.server) as market:
        say("accounts and lots")
        bidders = await market.bidders(BIDDERS)
        await fill_board(on.server, market, bidders)
        live = [f"live-{number}" for number in range(LIVE_LOTS)]
        for lot in live:
            await market.publish(lot, closes_at_us=round(time.time() * 1e6) + FAR_US)
        await market.admit_all(live, bidders)
        wanted = [Connection(bidder.token, live[number % LIVE_LOTS]) for number, bidder in enumerate(bidders)]
        client = await LoadClient.start(on.server.live_port, wanted, program=compiled_client(), cores=cores.client)
        arguments = ["--port", str(on.server.http_port), "--readers", str(plan.readers), "--period", str(plan.period_s)]
        say(f"{plan.readers} readers connect")
        with tempfile.NamedTemporaryFile() as log:
            crowd = await Child.start("loadtests.readers", arguments, log=Path(log.name))
            try:
                await crowd.ready(120)
                await crowd.ask(
                    f"read {plan.period_s}", plan.period_s + 60
                )  # every page rendered once, every ETag known
                await client.open(1.0, plan.rate, settle=SETTLE_S)
                for number in range(plan.rounds):
                    say(f"round {number + 1} of {plan.rounds}")
                    with used(on.server.pid, found.cores_alone):
                        found.alone.append((await client.open(plan.seconds, plan.rate, settle=SETTLE_S)).checked())
                    reading = asyncio.create_task(crowd.ask(f"read {plan.seconds + 2 * SETTLE_S}", plan.seconds + 60))
                    with used(on.server.pid, found.cores_read):
                        found.with_readers.append(
                            (await client.open(plan.seconds, plan.rate, settle=SETTLE_S)).checked()
                        )
                        found.readers.append(await reading)
            finally:
                await crowd.stop()
                await client.stop()
    statuses: dict[str, int] = {}
    for told in found.readers:
        for status, count in told["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    return found, [cores.text(), f"answers to readers by status: {statuses}"]


def figures(found: Slices, plan: Plan) -> list[Figure]:
    """Return what was measured, in milliseconds."""

    def bids(runs: Sequence[Run], name: str) -> list[float]:
        return [getattr(run, name) / 1_000 for run in runs]

    rows = [
        ratios(
            "cost_p50", f"bidder's wait, p50: with {plan.readers} readers / without",
            bids(found.with_readers, "p50_us"), bids(found.alone, "p50_us"), less_is_better=True,
        ),
        ratios(
            "cost_p99", f"bidder's wait, p99: with {plan.readers} readers / without",
            bids(found.with_readers, "p99_us"), bids(found.alone, "p99_us"), less_is_better=True,
        ),
        Figure(key="cores_alone", title="server's processor time without readers", values=found.cores_alone, unit="cores"),
        Figure(key="cores_read", title="server's processor time with readers", values=found.cores_read, unit="cores"),
        Figure(key="readers_rate", title="pages read a second", values=[told["rate"] for told in found.readers]),
    ]  # fmt: skip
    for name, label in (("p50_us", "p50"), ("p99_us", "p99")):
        waits = [told[name] / 1_000 for told in found.readers]
        rows += [
            Figure(key=f"read_{label}", title=f"reader's wait, {label}", values=waits, unit="ms"),
            Figure(key=f"bid_alone_{label}", title=f"bidder's wait without readers, {label}", values=bids(found.alone, name), unit="ms"),
            Figure(key=f"bid_read_{label}", title=f"bidder's wait with readers, {label}", values=bids(found.with_readers, name), unit="ms"),
        ]  # fmt: skip
    return rows


def say(text: str) -> None:
    """Show progress."""
    print(f"… {text}", file=sys.stderr, flush=True)


async def run(plan: Plan) -> int:
    """Measure and print; 1 if a reader got anything but 200 or 304."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < plan.readers + FILES_SPARE:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, plan.readers + FILES_SPARE), hard))
    with tempfile.TemporaryDirectory(prefix="ortoo-bench-board-") as folder:
        async with stand(Path(folder)) as on:
            found, facts = await measure(on, plan)
    rows = figures(found, plan)
    facts.append(
        f"{plan.rate:.0f} bids a second on {LIVE_LOTS} sessions, a read every {plan.period_s:g} s by each of {plan.readers} readers"
    )
    print(table(rows, facts))
    print(json_line(rows, facts))
    wrong = sum(
        count for told in found.readers for status, count in told["statuses"].items() if status not in ("200", "304")
    )
    return 1 if wrong else 0


def main() -> int:
    """Entry of `python -m loadtests.board`."""
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=plan.readers)
    parser.add_argument("--period", type=float, default=plan.period_s)
    parser.add_argument("--rate", type=float, default=plan.rate)
    parser.add_argument("--seconds", type=float, default=plan.seconds)
    parser.add_argument("--rounds", type=int, default=plan.rounds)
    chosen = parser.parse_args()
    return asyncio.run(
        run(
            Plan(
                readers=chosen.readers,
                period_s=chosen.period,
                rate=chosen.rate,
                seconds=chosen.seconds,
                rounds=chosen.rounds,
            )
        )
    )


if __name__ == "__main__":
    sys.exit(main())
