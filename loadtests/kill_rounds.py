"""Rounds of `kill -9` on the real server process, and on PostgreSQL itself, under load over WebSocket.

    python -m loadtests.kill_rounds [--rounds 50] [--database-every 3] [--seed N]

After the last round: every acknowledged bid is in the log, none twice, and every client has resumed without a
gap.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp
import msgspec

from loadtests.checker import Verdict, check, check_view
from loadtests.client.sitting import Sitting, calm_down
from loadtests.market import Market
from loadtests.stand import Stand, stand

FAR_US: Final = 86_400_000_000
"""The lots close in a day: an outage moves their end and interrupts nothing."""
LOAD_ANSWERS: Final = 200
"""Answers between two kills, so that each kill comes under load."""
BACK_S: Final = 30.0
"""How long a round may take before the test gives up."""
SETTLE_S: Final = 20.0
"""How long the last open bids may take to be answered."""


class Plan(msgspec.Struct, frozen=True):
    """How long and how hard."""

    rounds: int = 50
    database_every: int = 3
    """Each such round kills PostgreSQL, the others the server."""
    seats: int = 40
    lots: int = 8
    seed: int = 1


class Outcome(msgspec.Struct, frozen=True):
    """What came of it."""

    verdict: Verdict
    problems: list[str]
    back_s: dict[str, list[float]]
    """From each kill to the next acknowledged bid, by victim."""
    resumes: int
    connections: int

    def text(self) -> str:
        """Say it."""
        back = [
            f"{len(times)} x kill -9 of the {victim}: "
            f"next answer after {median(times):.2f} s (median), {max(times):.2f} s (worst)"
            for victim, times in self.back_s.items()
            if times
        ]
        return "\n".join(
            [
                *back,
                f"{self.connections} connections made, {self.resumes} resumed where they were",
                self.verdict.text(),
                *(f"PROBLEM: {problem}" for problem in self.problems[:20]),
                "verdict: FAILED" if self.problems else "verdict: every acknowledged bid is there, none twice, no gap",
            ]
        )


async def hold(ground: Stand, market: Market, plan: Plan) -> Outcome:
    """Seat the bidders, kill, bring back, and compare what they were told with the log."""
    dice = random.Random(plan.seed)
    lots = [f"kill-{number}" for number in range(plan.lots)]
    bidders = await market.bidders(plan.seats)
    for lot in lots:
        await market.publish(lot, closes_at_us=round(time.time() * 1e6) + FAR_US)
    await market.admit_all(lots, bidders)
    async with aiohttp.ClientSession() as session:
        sittings = [
            Sitting(
                session,
                ground.server.live_url,
                bidder.token,
                lots[at % len(lots)],
                random.Random(dice.random()),
            )
            for at, bidder in enumerate(bidders)
        ]
        tasks = [asyncio.create_task(sitting.run()) for sitting in sittings]
        try:
            back_s: dict[str, list[float]] = {"server": [], "database": []}
            problems = []
            try:
                await _rounds(ground, sittings, plan, dice, back_s)
            except TimeoutError as error:
                problems.append(f"after {sum(map(len, back_s.values()))} rounds: {error}")
            problems += await calm_down(sittings, SETTLE_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return await _judge(ground, market, sittings, lots, back_s, problems)


async def _rounds(
    ground: Stand, sittings: Sequence[Sitting], plan: Plan, dice: random.Random, back_s: dict[str, list[float]]
) -> None:
    for number in range(1, plan.rounds + 1):
        await _answers(sittings, LOAD_ANSWERS)
        await asyncio.sleep(dice.uniform(0, 0.2))
        victim = "database" if number % plan.database_every == 0 else "server"
        began_s = time.monotonic()
        if victim == "server":
            await ground.server.kill()
            await ground.server.start()
        else:
            await ground.postgres.kill()
            await ground.postgres.start()
        await _answers(sittings, 1)
        back_s[victim].append(time.monotonic() - began_s)
        print(f"round {number}: {victim} back after {back_s[victim][-1]:.2f} s", file=sys.stderr, flush=True)
    await _answers(sittings, LOAD_ANSWERS)


async def _answers(sittings: Sequence[Sitting], count: int) -> None:
    """Wait until the bidders have this many more answers."""
    goal = _told(sittings) + count
    try:
        async with asyncio.timeout(BACK_S):
            while _told(sittings) < goal:
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TimeoutError(f"fewer than {count} answers within {BACK_S:.0f} s") from None


def _told(sittings: Sequence[Sitting]) -> int:
    return sum(len(sitting.seat.told) for sitting in sittings)


async def _judge(
    ground: Stand,
    market: Market,
    sittings: Sequence[Sitting],
    lots: Sequence[str],
    back_s: dict[str, list[float]],
    problems: list[str],
) -> Outcome:
    verdict = check(await ground.read_log(lots), [told for sitting in sittings for told in sitting.seat.told])
    found = [*problems, *verdict.problems]
    public = {lot: await market.public_rows(lot) for lot in lots}
    for sitting in sittings:
        seat = sitting.seat
        found += seat.problems
        if seat.first_seq is None or seat.seq is None:
            found.append(f"{seat.lot}: a client never got in")
            continue
        rows = [row for row in public[seat.lot] if row["seq"] in seat.rows or row["seq"] not in seat.excused]
        found += check_view(seat.lot, seat.rows, rows, seat.first_seq, seat.seq)
    return Outcome(
        verdict,
        found,
        back_s,
        sum(sitting.seat.resumes for sitting in sittings),
        sum(sitting.connections for sitting in sittings),
    )


async def run(plan: Plan) -> Outcome:
    """Set up a server, hold the rounds, take everything down."""
    with tempfile.TemporaryDirectory(prefix="ortoo-kill-") as folder:
        async with stand(Path(folder)) as ground, Market.of(ground.server) as market:
            return await hold(ground, market, plan)


def main() -> int:
    """Entry of `python -m loadtests.kill_rounds`; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Plan()
    parser.add_argument("--rounds", type=int, default=default.rounds)
    parser.add_argument("--database-every", type=int, default=default.database_every)
    parser.add_argument("--seed", type=int, default=default.seed)
    chosen = parser.parse_args()
    plan = Plan(rounds=chosen.rounds, database_every=chosen.database_every, seed=chosen.seed)
    outcome = asyncio.run(run(plan))
    print(outcome.text())
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
