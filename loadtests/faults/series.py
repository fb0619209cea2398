"""Many rounds on one stack: scenarios × faults, then `ortoo verify`, a table and one verdict."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import aiohttp

from loadtests.faults import breaking, scenarios
from loadtests.faults.checking import KINDS
from loadtests.faults.ground import STACKS, Ground, ground
from loadtests.faults.running import Round, hold_round
from loadtests.market import DoorClosed, Market
from loadtests.processes import ROOT, StartFailed

PROBLEMS_SHOWN: Final = 20
GIVEN_UP: Final = (TimeoutError, OSError, StartFailed, DoorClosed, aiohttp.ClientError)
"""Something did not come back: what follows would only repeat it."""


class Plan(NamedTuple):
    """What is to be done."""

    stack: str
    scenarios: tuple[str, ...]
    faults: tuple[str, ...]
    rounds: int
    seed: int


class Line(NamedTuple):
    """A scenario under a fault."""

    scenario: str
    fault: str
    rounds: list[Round]

    @property
    def counts(self) -> dict[str, int]:
        """How often each promise was broken in all rounds."""
        return {kind: sum(one.verdict.counts()[kind] for one in self.rounds) for kind in KINDS}

    @property
    def kept(self) -> bool:
        """Every promise was kept and everything came back."""
        return not any(self.counts.values()) and not any(one.problems for one in self.rounds)

    def cells(self) -> list[str]:
        """Return the row of the table."""
        gaps_s = [one.without_service_s for one in self.rounds]
        answers = sum(one.verdict.acknowledged + one.verdict.refused for one in self.rounds)
        lots = [sum(getattr(one, part) for one in self.rounds) for part in ("ended", "interrupted")]
        return [
            self.scenario,
            self.fault,
            f"{answers}",
            *(f"{count}" for count in self.counts.values()),
            f"{median(gaps_s):.2f} / {max(gaps_s):.2f} s",
            f"{median(one.quiet_s for one in self.rounds):.2f} s",
            f"{lots[0]} / {lots[1]}",
            "kept" if self.kept else "BROKEN",
        ]


class Outcome(NamedTuple):
    """What came of it all."""

    plan: Plan
    lines: list[Line]
    verified: str
    """Empty, or what `ortoo verify` complained about."""
    given_up: str = ""
    """Empty, or where the run could not go on."""

    @property
    def kept(self) -> bool:
        """Every promise was kept in every round, and the log verifies."""
        return not self.verified and not self.given_up and all(line.kept for line in self.lines)

    def text(self) -> str:
        """Say it as a table in Markdown, with everything that went wrong below it."""
        head = [
            "scenario",
            "fault",
            "answers",
            *KINDS,
            "without service, median / worst",
            "without a fault",
            "ended / halted",
            "",
        ]
        rows = [head, ["---"] * len(head), *(line.cells() for line in self.lines if line.rounds)]
        wrong = [
            f"{line.scenario} × {line.fault}: {problem}"
            for line in self.lines
            for one in line.rounds
            for problem in [*one.problems, *(f"{kind}: {text}" for kind, text in one.verdict.findings)]
        ]
        if self.given_up:
            wrong.append(f"given up in {self.given_up}")
        if self.verified:
            wrong.append(f"ortoo verify: {self.verified}")
        return "\n".join(
            [
                f"Stack {self.plan.stack}, {self.plan.rounds} rounds of each, seed {self.plan.seed}.",
                "",
                *("| " + " | ".join(row) + " |" for row in rows),
                "",
                *wrong[:PROBLEMS_SHOWN],
                "verdict: every promise kept, the log verifies"
                if self.kept
                else f"verdict: FAILED ({len(wrong)} findings)",
            ]
        )


async def hold(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Start the stack, hold every round, verify the log, take everything down."""
    dice = random.Random(plan.seed)
    chosen = [scenarios.BY_NAME[name] for name in plan.scenarios]
    with tempfile.TemporaryDirectory(prefix="ortoo-faults-") as name:
        folder = Path(name)
        async with ground(STACKS[plan.stack], folder) as here, Market.of(here.entrance) as market:
            say(f"the stack {plan.stack} is up")
            bidders = await market.bidders(max(scenario.bidders for scenario in chosen))
            lines = []
            for scenario in chosen:
                for fault in (breaking.BY_NAME[name] for name in plan.faults):
                    line = Line(scenario.name, fault.name, [])
                    lines.append(line)
                    for _ in range(plan.rounds):
                        try:
                            line.rounds.append(await hold_round(here, market, scenario, fault, bidders, dice, folder))
                        except GIVEN_UP as error:
                            return Outcome(plan, lines, "", f"{scenario.name} × {fault.name}: {error!r}")
                    say(" | ".join(line.cells()))
            return Outcome(plan, lines, await _verify(here))


async def _verify(here: Ground) -> str:
    environment = {**os.environ, **here.entrance.environment}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "verify", "--database", here.database.dsn, cwd=ROOT, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await process.communicate()
    return told.decode()[-2000:] if process.returncode else ""
