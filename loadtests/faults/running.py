"""One round: a scenario sits down, a fault strikes, everything calms down, and the checker speaks."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from loadtests.client.sitting import calm_down
from loadtests.faults.breaking import Fault
from loadtests.faults.checking import Fate, Record, Verdict, check
from loadtests.faults.ground import Ground
from loadtests.faults.journals import FINAL_PHASES
from loadtests.faults.people import People, people
from loadtests.faults.scenarios import Scenario
from loadtests.market import AT_ONCE, Bidder, Market

FAR_S: Final = 86_400.0
BEGUN_S: Final = 30.0
"""How long the bidders of a round may take to get going."""
FAULT_S: Final = 120.0
"""How long a fault and what mends it may take; then the run is given up."""
BACK_S: Final = 60.0
"""How long after a fault every lot may take to answer again; then the round has failed."""
SETTLE_S: Final = 30.0
STRIKE_AFTER_S: Final = 2.0
BEGIN: Final = 3
"""Answers on each lot before anything may strike."""
AFTERWARDS: Final = 5
"""Answers on each lot after the fault before the round ends."""
STILL: Final = FINAL_PHASES | {"interrupted", "paused"}
"""Phases in which nobody can bid."""
PREPARE_EACH_S: Final = 0.05
_numbers = itertools.count()


class Round(NamedTuple):
    """What came of one round."""

    without_service_s: float
    """Longest time without an answer on any lot that touches the fault."""
    quiet_s: float
    """The same before the fault: what the pace of the bidders alone gives."""
    verdict: Verdict
    problems: list[str]
    """What broke the room protocol, or did not come back."""
    lots: int
    ended: int
    interrupted: int


class _Struck(NamedTuple):
    began_s: float
    struck_s: float
    over_s: float
    problems: list[str]


async def hold_round(
    ground: Ground,
    market: Market,
    scenario: Scenario,
    fault: Fault,
    bidders: Sequence[Bidder],
    dice: random.Random,
    folder: Path,
) -> Round:
    """Hold one round on lots of its own."""
    number = next(_numbers)
    lots = [f"{scenario.name}-{number}-{at}" for at in range(scenario.lots)]
    seats = [(bidder, lots[at % len(lots)]) for at, bidder in enumerate(bidders[: scenario.bidders])]
    await _prepare(market, scenario, lots, seats)
    async with people(ground, scenario, seats, dice, folder / "readers.log") as here:
        struck = await _strike(ground, scenario, fault, here, dice, lots)
        problems = [*struck.problems, *await _wait_for_ends(scenario, here, lots)]
        problems += await calm_down(here.prompt, SETTLE_S)
        await ground.database.rebuild()
    records = {lot: await _record(market, lot, here) for lot in lots}
    problems += [problem for sitting in here.everybody for problem in sitting.seat.problems]
    phases = [(await market.shown(lot))["phase"] for lot in lots]
    times_s = here.answer_times()
    return Round(
        without_service(times_s, struck.struck_s, struck.over_s),
        without_service(
            {lot: [at for at in times if at < struck.struck_s] for lot, times in times_s.items()},
            struck.began_s,
            struck.struck_s,
        ),
        check(here.journals(), records),
        problems,
        len(lots),
        sum(phase in FINAL_PHASES for phase in phases),
        sum(phase in ("interrupted", "paused") for phase in phases),
    )


def without_service(times_s: Mapping[str, Sequence[float]], from_s: float, until_s: float) -> float:
    """Return the longest pause between two answers on one lot that ends after `from_s` and begins before `until_s`."""
    pauses = [
        after - before
        for times in times_s.values()
        for before, after in itertools.pairwise(sorted(times))
        if after > from_s and before < until_s
    ]
    return max(pauses, default=0.0)


async def _prepare(
    market: Market, scenario: Scenario, lots: Sequence[str], seats: Sequence[tuple[Bidder, str]]
) -> None:
    lasts_s = (
        FAR_S if scenario.closes_in_s is None else scenario.closes_in_s + PREPARE_EACH_S * (len(lots) + len(seats))
    )
    closes_at_us = round((time.time() + lasts_s) * 1e6)
    window_us = None if scenario.window_s is None else round(scenario.window_s * 1e6)
    for lot in lots:
        await market.publish(lot, closes_at_us=closes_at_us, window_us=window_us)
    for bidder, lot in seats:
        await market.admit(lot, bidder)


async def _strike(
    ground: Ground, scenario: Scenario, fault: Fault, here: People, dice: random.Random, lots: Sequence[str]
) -> _Struck:
    problems = []
    if not await _answers(here, lots, BEGIN, time.monotonic() - BEGUN_S, BEGUN_S):
        problems.append("the bidders did not get going")
    began_s = time.monotonic()
    await asyncio.sleep(STRIKE_AFTER_S + dice.uniform(0, 0.5))
    struck_s = time.monotonic()
    if scenario.storm:
        for door in ground.doors:
            door.reset()
    async with asyncio.timeout(FAULT_S):
        await fault.inflict(ground, dice)
    if not await _answers(here, lots, AFTERWARDS, time.monotonic(), BACK_S):
        problems.append(f"a lot did not answer within {BACK_S:.0f} s after the fault")
    return _Struck(began_s, struck_s, time.monotonic(), problems)


async def _answers(here: People, lots: Sequence[str], count: int, since_s: float, limit_s: float) -> bool:
    """Wait until every lot on which one can bid has had this many answers since then."""
    give_up_s = time.monotonic() + limit_s
    while time.monotonic() < give_up_s:
        times = here.answer_times()
        still = {sitting.seat.lot for sitting in here.bidders if sitting.seat.phase in STILL}
        if all(lot in still or sum(at > since_s for at in times[lot]) >= count for lot in lots):
            return True
        await asyncio.sleep(0.05)
    return False


async def _wait_for_ends(scenario: Scenario, here: People, lots: Sequence[str]) -> list[str]:
    """Where lots end in this scenario, wait until each has ended or stands interrupted."""
    if scenario.closes_in_s is None:
        return []
    give_up_s = time.monotonic() + BACK_S + scenario.closes_in_s
    going = set(lots)
    while time.monotonic() < give_up_s:
        going = set(lots) - {sitting.seat.lot for sitting in here.bidders if sitting.seat.phase in STILL}
        if not going:
            return []
        if scenario.window_s is not None and time.monotonic() > give_up_s - BACK_S:
            for sitting in here.bidders:
                sitting.bidding = False  # bids would move the end for ever
        await asyncio.sleep(0.05)
    return [f"{len(going)} lots neither ended nor were interrupted"]


async def _record(market: Market, lot: str, here: People) -> Record:
    """Ask the market's public interface what it says about a lot, and each bidder's about each of his bids."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def fate(command_id: str, bidder: Bidder) -> tuple[str, Fate | None]:
        async with slots:
            return command_id, _fate(await market.fate(lot, str(UUID(command_id)), bidder))

    asked = {
        entry.command_id: bidder
        for sitting, bidder in here.bidding
        if sitting.journal is not None and sitting.seat.lot == lot
        for entry in sitting.journal.sent
    }
    fates = dict(await asyncio.gather(*(fate(command_id, bidder) for command_id, bidder in asked.items())))
    return Record(await market.public_rows(lot), (await market.shown(lot)).get("ended_at_us"), fates)


def _fate(view: dict[str, Any] | None) -> Fate | None:
    return None if view is None else Fate(view["decision"] == "accepted", view["seq"], view["at_us"], view["digest"])
