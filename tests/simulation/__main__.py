"""`python -m tests.simulation --bids 1000000 --seed 1`: the long form. Prints each seed with what happened; the seed replays it."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys

from tests.simulation.market import Plan, simulate
from tests.simulation.watch import Broken

BIDS_A_SEED = 50_000


def main() -> int:
    """Run seeds until the bids are used up; 1 when a promise broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bids", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=None, help="first seed; a fresh one when absent")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    sent = accepted = crashes = 0
    while sent < options.bids:
        try:
            outcome = simulate(Plan(seed=seed, bids=min(BIDS_A_SEED, options.bids - sent), lots=10))
        except Broken as broken:
            print(f"seed {seed}: BROKEN {broken}")
            return 1
        print(outcome, flush=True)
        sent += outcome.sent
        accepted += outcome.watcher.accepted
        crashes += outcome.crashes + outcome.doubles
        seed += 1
    print(f"{sent} bids, {accepted} accepted, {crashes} crashes and double owners: P1-P5 held after every step")
    return 0


if __name__ == "__main__":
    sys.exit(main())
