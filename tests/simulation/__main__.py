"""`python -m tests.simulation --bids 1000000 --seed 1`: the long form. Prints each seed with what happened; the seed replays it.

`--engines 3`: several share the shards, come, leave, crash and stand still. `--formats 100000` instead: that many commands in sessions of all other formats.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
from collections import Counter

from tests.simulation.cluster import ClusterPlan, simulate_cluster
from tests.simulation.market import Outcome, Plan, simulate
from tests.simulation.promises import Broken

BIDS_A_SEED = 50_000
COMMANDS_A_SEED = 20_000


def main() -> int:
    """Run seeds until the bids are used up; 1 when a promise broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bids", type=int, default=1_000_000)
    parser.add_argument(
        "--engines", type=int, default=1, help="more than one: they share the shards, come, leave, stand still"
    )
    parser.add_argument("--seed", type=int, default=None, help="first seed; a fresh one when absent")
    parser.add_argument("--formats", type=int, default=0, help="commands in sessions of other formats, instead of bids")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    return _hold_sessions(options.formats, seed) if options.formats else _sell_lots(options.bids, seed, options.engines)


def _sell_lots(bids: int, seed: int, engines: int) -> int:
    sent = accepted = crashes = 0
    while sent < bids:
        once = min(BIDS_A_SEED, bids - sent)
        plan = Plan(seed=seed, bids=once, lots=10)
        outcome = _run(plan if engines == 1 else ClusterPlan(seed=seed, bids=once, lots=10, engines=engines))
        if outcome is None:
            return 1
        sent += outcome.sent
        accepted += outcome.watcher.accepted
        crashes += outcome.crashes + outcome.doubles
        seed += 1
    print(f"{sent} bids, {accepted} accepted, {crashes} crashes and double owners: P1-P5 held after every step")
    return 0


def _hold_sessions(commands: int, seed: int) -> int:
    sent, ended = 0, Counter[str]()
    while sent < commands:
        outcome = _run(Plan(seed=seed, bids=min(COMMANDS_A_SEED, commands - sent), lots=0, sessions=20))
        if outcome is None:
            return 1
        sent += outcome.sent
        ended += outcome.watcher.witness.ended
        seed += 1
    for what, count in sorted(ended.items()):
        print(f"{count:6} {what}")
    print(f"{sent} commands, {ended.total()} sessions ended as the naive rules say: P1-P6 held after every step")
    return 0


def _run(plan: Plan) -> Outcome | None:
    try:
        outcome = simulate_cluster(plan) if isinstance(plan, ClusterPlan) else simulate(plan)
    except Broken as broken:
        print(f"seed {plan.seed}: BROKEN {broken}")
        return None
    print(outcome, flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
