"""Break a running market in every way and say what came of it.

    python -m loadtests.faults [--stack serve|cluster] [--scenario NAME …] [--fault NAME …] [--rounds 3] [--seed 1] [--list]

Prints, for each fault: acknowledged bids lost, duplicated, reordered, accepted late, prices seen that were never committed, and the
time without service (median and worst of the rounds). Exit status 0 if every promise was kept.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Final

from loadtests.faults import breaking, scenarios
from loadtests.faults.ground import STACKS
from loadtests.faults.series import Plan, hold

DEFAULT_SCENARIO: Final = "mixed-day"


def main() -> int:
    """Entry of `python -m loadtests.faults`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", choices=STACKS, default="cluster")
    parser.add_argument("--scenario", nargs="+", choices=sorted(scenarios.BY_NAME), default=[DEFAULT_SCENARIO])
    parser.add_argument(
        "--fault", nargs="+", choices=sorted(breaking.BY_NAME), help="default: all that the stack can have"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="say which faults and scenarios there are")
    chosen = parser.parse_args()
    if chosen.list:
        for thing in (*breaking.FAULTS, *scenarios.SCENARIOS):
            print(f"{thing.name:20} {thing.says}")
        return 0
    faults = chosen.fault or [fault.name for fault in breaking.faults_of(chosen.stack)]
    plan = Plan(chosen.stack, tuple(chosen.scenario), tuple(faults), chosen.rounds, chosen.seed)
    outcome = asyncio.run(hold(plan, lambda line: print(line, file=sys.stderr, flush=True)))
    print(outcome.text())
    return 0 if outcome.kept else 1


if __name__ == "__main__":
    sys.exit(main())
