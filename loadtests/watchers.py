"""Sections D and E: what a crowd of watchers costs, how soon the last of them has a price, how much memory
each takes.
"""

from __future__ import annotations

import asyncio
import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import msgspec

from loadtests.client.driver import LoadClient, SeenChange
from loadtests.latency import LIGHT_RATE
from loadtests.machine import resident_bytes
from loadtests.report import Figure, ratios
from loadtests.slices import Meter, Slice, Target

SETTLE_S: Final = 0.2
WATCHERS: Final = 1_000
IDLE_WATCHERS: Final = 2_000
QUIET_S: Final = 1.5
"""How long the last changes of a run may still be on their way to watchers."""


class Spread(NamedTuple):
    """How prices reached the watchers in one run. Microseconds."""

    newest_us: float
    """Median, over changes, of: answer to the bid that made the change → last watcher has it."""
    every_us: float
    """Median, over bids: answer to a bid → last watcher has a price at least as new; includes waiting for the
    tick.
    """
    changes: int
    incomplete: int
    """Changes that some watchers skipped because a newer one was on its way."""
    gaps: int


def spread(acks_us: dict[int, int], changes: list[SeenChange], watchers: int, gaps: int) -> Spread:
    """Join the answers (seq → when received) with what the watchers saw.

    Raises:
        ValueError: no change reached all watchers.
    """
    full = sorted((change for change in changes if change.viewers >= watchers), key=lambda change: change.seq)
    newest = [change.last_us - acks_us[change.seq] for change in full if change.seq in acks_us]
    if not newest:
        raise ValueError("no change reached all watchers")
    seqs = [change.seq for change in full]
    served = [(at_us, bisect_left(seqs, seq)) for seq, at_us in acks_us.items()]
    every = [full[place].last_us - at_us for at_us, place in served if place < len(full)]
    return Spread(median(newest), median(every), len(changes), len(changes) - len(full), gaps)


def read_acks(path: Path) -> dict[int, int]:
    """Read the client's log of answers: seq of each accepted bid → when its answer came, in microseconds
    since 1970.
    """
    acks: dict[int, int] = {}
    for line in path.read_bytes().splitlines():
        at_us, _, text = line.partition(b" ")
        frame: dict[str, Any] = msgspec.json.decode(text)
        if frame["t"] == "accepted":
            acks[frame["seq"]] = int(at_us)
    return acks


async def measure(
    meter: Meter,
    alone: Target,
    watched: Target,
    watchers: LoadClient,
    *,
    half_rate: float,
    rounds: int,
    seconds: float,
) -> tuple[list[Slice], list[Slice], list[Spread], list[Spread]]:
    """Alternate saturated slices on a lot without and with watchers, then paced ones on the watched lot."""
    without: list[Slice] = []
    with_them: list[Slice] = []
    light: list[Spread] = []
    half: list[Spread] = []
    for number in range(rounds):
        if number >= 3 and not meter.has_time(0.95):
            break
        for target, taken in ((alone, without), (watched, with_them)):
            run = partial(target.client.closed, seconds, settle=SETTLE_S, some=target.some)
            taken.append(await meter.take(target, run))
        await asyncio.sleep(QUIET_S / 3)
        light.append(await _spread_at(watched, watchers, LIGHT_RATE, seconds))
        half.append(await _spread_at(watched, watchers, half_rate, seconds))
    return without, with_them, light, half


async def _spread_at(watched: Target, watchers: LoadClient, rate: float, seconds: float) -> Spread:
    await watchers.seen()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "answers"
        (await watched.client.open(seconds, rate, settle=SETTLE_S, some=watched.some, log=log)).checked()
        acks = read_acks(log)
    await asyncio.sleep(QUIET_S / 3)
    seen = await watchers.seen()
    return spread(acks, seen.changes, watchers.connections, seen.gaps)


def figures(
    without: Sequence[Slice], with_them: Sequence[Slice], light: Sequence[Spread], half: Sequence[Spread]
) -> list[Figure]:
    """Return what the slices say."""
    rate, alone = ([one.run.rate() for one in slices] for slices in (with_them, without))
    title = "D  commit → last of 1,000 watchers"
    newest_ms, half_ms = ([one.newest_us / 1e3 for one in runs] for runs in (light, half))
    every_ms = [one.every_us / 1e3 for one in light]
    changes, incomplete = [float(one.changes) for one in light], [float(one.incomplete) for one in light]
    return [
        ratios(
            "d_with_over_without",
            "D  bid rate with 1,000 watchers / without",
            rate,
            alone,
            floor=0.65,
            aim=0.85,
        ),
        Figure(
            key="d_last_ms",
            title=f"{title}, 1,000 bids/s",
            values=newest_ms,
            unit="ms",
            floor=30,
            aim=15,
            less_is_better=True,
        ),
        Figure(key="d_last_half_ms", title=f"{title}, half load", values=half_ms, unit="ms"),
        Figure(key="d_every_ms", title=f"{title}, any bid, the tick included", values=every_ms, unit="ms"),
        Figure(key="d_rate", title="D  decisions a second with 1,000 watchers", values=rate, unit="/s"),
        Figure(key="d_changes", title="D  changes in a run at 1,000 bids/s", values=changes),
        Figure(key="d_incomplete", title="D  of them skipped by some watcher for a newer one", values=incomplete),
    ]


def facts(light: Sequence[Spread], half: Sequence[Spread]) -> list[str]:
    """Say how it was measured and whether a watcher lost its place."""
    gaps = sum(one.gaps for one in (*light, *half))
    return [
        (
            "D: the commit is seen from outside as the moment the bidder's client has the answer, which is sent right "
            f"after it; then until the last of {WATCHERS:,} watchers has the change with that seq; one clock"
        ),
        f"D: changes whose prev did not fit what the watcher had: {gaps}",
    ]


async def idle_memory(server_pid: int, watchers: LoadClient, before_bytes: int) -> Figure:
    """Return the resident memory that each idle watcher added to the server."""
    await watchers.join()
    await asyncio.sleep(QUIET_S)
    each = (resident_bytes(server_pid) - before_bytes) / watchers.connections / 1_000
    return Figure(
        key="e_watcher_kb",
        title=f"E  memory of each of {watchers.connections:,} idle watchers with its session",
        values=[each],
        unit="kB",
        floor=30,
        aim=18,
        less_is_better=True,
    )
