"""The closing rush: very many bids aimed at the closing instant of many lots, from many connections.

    python -m loadtests.closing_rush [--bids 100000] [--lots 40] [--waves 4] [--rate 12500]

Shows that no acknowledged bid is missing from the result, none was accepted after the end, and how soon the
end was announced. The lots of one wave close in the same microsecond. Bids come at a steady rate, a quarter
of them after the end.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
import msgspec

from loadtests.checker import Told, Verdict, check, told_by
from loadtests.client.driver import Connection, LoadClient, Run, compiled_client
from loadtests.machine import placement, usable_cores
from loadtests.market import Market
from loadtests.stand import Stand, stand

AFTER_END: Final = 0.25
"""Part of the bids that is sent after the end."""
CONNECTIONS_MAX: Final = 300
"""Connections of one wave."""
LATENESS_MAX_MS: Final = 50.0
PREPARE_US: Final = 3_000_000
"""Between the last preparation and the opening of the first wave's rush."""
ANNOUNCE_S: Final = 10.0
"""How long after its time an end may be waited for."""
JOINS_MAX: Final = 60
"""Lots that one connection watches."""


class Plan(msgspec.Struct, frozen=True):
    """How big the rush is."""

    bids: int = 100_000
    lots: int = 40
    waves: int = 4
    rate: float = 12_500.0
    """Bids a second."""
    bidders: int = 100

    def wave_s(self) -> float:
        """Return how long the rush of one wave lasts."""
        return self.bids / self.waves / self.rate

    def lots_of(self, wave: int) -> list[str]:
        """Return the lots that close together."""
        return [f"rush-{wave}-{number}" for number in range(self.lots // self.waves)]


class Outcome(msgspec.Struct, frozen=True):
    """What came of it."""

    verdict: Verdict
    runs: list[Run]
    lateness_ms: list[float]
    """From the end of each lot to the moment a watcher had the news."""
    lots: int

    def problems(self) -> list[str]:
        """Return what went wrong, empty if every promise was kept."""
        found = list(self.verdict.problems)
        sent, answered = sum(run.sent for run in self.runs), sum(run.all for run in self.runs)
        if answered != sent:
            found.append(f"{sent - answered} bids were never answered")
        if strange := sum(run.strange for run in self.runs):
            found.append(f"{strange} bids were answered twice")
        if self.verdict.lots_ended != self.lots or len(self.lateness_ms) != self.lots:
            found.append(
                f"{self.verdict.lots_ended} of {self.lots} lots ended, {len(self.lateness_ms)} ends were announced"
            )
        elif median(self.lateness_ms) > LATENESS_MAX_MS:
            found.append(f"ends were announced {median(self.lateness_ms):.1f} ms late (median)")
        if not sum(run.accepted for run in self.runs) or not self.codes().keys() & {"late", "ended"}:
            found.append("the rush missed the closing instant: no bid accepted, or none too late")
        return found

    def codes(self) -> Counter[str]:
        """Return why bids were refused, and how many."""
        codes: Counter[str] = Counter()
        for run in self.runs:
            codes.update(run.codes)
        return codes

    def text(self) -> str:
        """Say it."""
        sent, accepted = sum(run.sent for run in self.runs), sum(run.accepted for run in self.runs)
        late = sorted(self.lateness_ms) or [float("nan")]
        lines = [
            f"{sent} bids aimed at the end of {self.lots} lots: {accepted} accepted, refused {dict(self.codes())}",
            self.verdict.text(),
            f"ends announced after {median(late):.1f} ms (median), {late[-1]:.1f} ms (worst)",
            *(f"PROBLEM: {problem}" for problem in self.problems()[:20]),
            "verdict: FAILED" if self.problems() else "verdict: every promise kept",
        ]
        return "\n".join(lines)


async def rush(ground: Stand, market: Market, plan: Plan) -> Outcome:
    """Publish the lots, aim the bids, wait for the ends, read the log."""
    bidders = await market.bidders(plan.bidders)
    gap_us = round((plan.wave_s() + 1.0) * 1e6)
    # Admissions take a while; the first end is set far enough away for all of them.
    first_end_us = round(time.time() * 1e6) + PREPARE_US + market.preparation_us(plan.lots * plan.bidders) + gap_us
    connections: list[Connection] = []
    for wave in range(plan.waves):
        lots = plan.lots_of(wave)
        for lot in lots:
            await market.publish(lot, closes_at_us=first_end_us + wave * gap_us)
        await market.admit_all(lots, bidders)
        seats = min(CONNECTIONS_MAX, len(lots) * len(bidders))
        connections += [
            Connection(bidders[(at // len(lots)) % len(bidders)].token, lots[at % len(lots)]) for at in range(seats)
        ]
    every = [lot for wave in range(plan.waves) for lot in plan.lots_of(wave)]
    cores = placement(usable_cores())
    client = await LoadClient.start(ground.server.live_port, connections, program=compiled_client(), cores=cores.client)
    watching = asyncio.create_task(watch_ends(ground.server.live_url(), every, first_end_us + plan.waves * gap_us))
    try:
        with tempfile.TemporaryDirectory() as folder:
            runs, told = await _waves(client, plan, first_end_us, gap_us, len(connections) // plan.waves, Path(folder))
        lateness_ms = await watching
    finally:
        watching.cancel()
        await client.stop()
    rows = await ground.read_log(every)
    return Outcome(check(rows, told), runs, lateness_ms, len(every))


async def _waves(
    client: LoadClient, plan: Plan, first_end_us: int, gap_us: int, seats: int, folder: Path
) -> tuple[list[Run], list[Told]]:
    runs, logs = [], []
    for wave in range(plan.waves):
        start_us = first_end_us + wave * gap_us - round(plan.wave_s() * (1 - AFTER_END) * 1e6)
        logs.append(folder / str(wave))
        some = range(wave * seats, (wave + 1) * seats)
        wait_s = max(0.0, start_us / 1e6 - time.time())
        runs.append(
            await client.open(
                plan.wave_s(), plan.rate, settle=0, some=some, log=logs[-1], start_us=start_us, wait_s=wait_s
            )
        )
    return runs, [told for log in logs for told in read_told(log)]


def read_told(log: Path) -> list[Told]:
    """Read what the client's log says it was told."""
    frames = (msgspec.json.decode(line.partition(b" ")[2]) for line in log.read_bytes().splitlines())
    return [told for told in map(told_by, frames) if told is not None]


async def watch_ends(url: str, lots: Sequence[str], last_end_us: int) -> list[float]:
    """Watch the lots like any visitor; return how many milliseconds after its end each lot was announced as
    ended.
    """
    limit_s = last_end_us / 1e6 - time.time() + ANNOUNCE_S
    async with aiohttp.ClientSession() as session:
        parts = [lots[at : at + JOINS_MAX] for at in range(0, len(lots), JOINS_MAX)]
        found = await asyncio.gather(*(_watch_part(session, url, part, limit_s) for part in parts))
    return [late for part in found for late in part]


async def _watch_part(session: aiohttp.ClientSession, url: str, lots: Sequence[str], limit_s: float) -> list[float]:
    late_ms: dict[str, float] = {}
    async with session.ws_connect(url, max_msg_size=1 << 20) as room:
        for lot in lots:
            await room.send_str(msgspec.json.encode({"t": "join", "lot": lot, "after": None, "epoch": None}).decode())
        try:
            async with asyncio.timeout(limit_s):
                async for message in room:
                    frame: dict[str, Any] = msgspec.json.decode(message.data)
                    ended_at_us = frame.get("live", {}).get("ended_at_us")
                    if ended_at_us is not None:
                        late_ms.setdefault(frame["lot"], (time.time_ns() // 1_000 - ended_at_us) / 1_000)
                    if len(late_ms) == len(lots):
                        break
        except TimeoutError:
            pass
    return list(late_ms.values())


async def run(plan: Plan) -> Outcome:
    """Set up a server, hold the rush, take everything down."""
    with tempfile.TemporaryDirectory(prefix="ortoo-rush-") as folder:
        async with stand(Path(folder)) as ground, Market.of(ground.server) as market:
            return await rush(ground, market, plan)


def main() -> int:
    """Entry of `python -m loadtests.closing_rush`; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Plan()
    parser.add_argument("--bids", type=int, default=default.bids)
    parser.add_argument("--lots", type=int, default=default.lots)
    parser.add_argument("--waves", type=int, default=default.waves)
    parser.add_argument("--rate", type=float, default=default.rate)
    chosen = parser.parse_args()
    outcome = asyncio.run(run(Plan(bids=chosen.bids, lots=chosen.lots, waves=chosen.waves, rate=chosen.rate)))
    print(outcome.text())
    return 1 if outcome.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
