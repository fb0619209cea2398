"""Rehearsals for the desk: in a worker thread, bounded in time, told as a distribution and never as one number."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from msgspec import Struct

from engine.replay.crowds import Crowd
from engine.replay.rehearsal import BIDDERS_MAX, RUNS, rehearse_once
from engine.rules.auction.commands import PublishSession

SECONDS: Final = 4.0
BARS: Final = 20
QUANTILES: Final = (10, 25, 50, 75, 90)
_ONE_AT_A_TIME: Final = asyncio.Semaphore(1)


class Bar(Struct, frozen=True):
    """One bar of the histogram: from, to (fen), how many runs."""

    low: int
    high: int
    count: int


class Spread(Struct, frozen=True):
    """How outcomes spread: runs that were made, those with a sale, percent -> proceeds in fen, the histogram."""

    runs: int
    sold: int
    quantiles: dict[int, int]
    bars: list[Bar]


async def rehearse(session: PublishSession, crowd: Crowd) -> Spread:
    """Run a session against a crowd, up to `RUNS` times and about `SECONDS`; one rehearsal at a time in this process."""
    assert 1 <= crowd.bidders <= BIDDERS_MAX, "the form was checked"
    async with _ONE_AT_A_TIME:
        return spread_of(await asyncio.to_thread(_run, session, crowd))


def _run(session: PublishSession, crowd: Crowd) -> list[int | None]:
    until = time.monotonic() + SECONDS
    found: list[int | None] = []
    while len(found) < RUNS and (not found or time.monotonic() < until):
        found.append(rehearse_once(session, crowd, len(found)))
    return found


def spread_of(found: list[int | None]) -> Spread:
    """Return how outcomes spread; quantiles are of the runs with a sale."""
    sold = sorted(one for one in found if one is not None)
    if not sold:
        return Spread(len(found), 0, {}, [])
    quantiles = {percent: sold[(len(sold) - 1) * percent // 100] for percent in QUANTILES}
    width = (sold[-1] - sold[0]) // BARS + 1
    counts = [0] * BARS
    for one in sold:
        counts[(one - sold[0]) // width] += 1
    bars = [Bar(sold[0] + no * width, sold[0] + (no + 1) * width, count) for no, count in enumerate(counts)]
    return Spread(len(found), len(sold), quantiles, bars)
