"""Comparing a replay with the record: the same top bidder, the same amount, and no recorded bid refused.

The replay runs in a process of its own, as anybody would run it: `ortoo replay`, with the real rules and the real journal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from loadtests.converters.recordings import RecordedAuction, breaches, replay_lines

ROOT = Path(__file__).resolve().parents[2]

Read = Callable[[Path], Sequence[RecordedAuction]]


def convert_or_check(title: str, read: Read, arguments: Sequence[str] | None = None) -> int:
    """Run a converter's command line; 0 done, 1 for a difference that the record does not explain, 2 for a wrong call."""
    parser = argparse.ArgumentParser(description=f"{title}: from the recorded data to `ortoo replay` (docs/REPLAY.md)")
    parser.add_argument("directory", type=Path, help="the directory of the recorded data")
    parser.add_argument(
        "--check", action="store_true", help="replay it and compare with the record, instead of printing it"
    )
    options = parser.parse_args(arguments)
    try:
        auctions = read(options.directory)
    except (OSError, ValueError, KeyError, ArithmeticError) as problem:
        print(f"{options.directory} does not hold the recorded data: {problem!r}", file=sys.stderr)
        return 2
    if options.check:
        return check(title, auctions)
    for line in replay_lines(auctions):
        sys.stdout.write(_json(line))
    return 0


def check(title: str, auctions: Sequence[RecordedAuction]) -> int:
    """Replay, list every auction that differs from the record with the reason, print the totals."""
    results = replay(auctions)
    agreeing = unexplained = 0
    for auction in auctions:
        differs = difference(auction, results[auction.name])
        if differs is None:
            agreeing += 1
            continue
        reasons = breaches(auction)
        unexplained += not reasons
        print(f"differs  {auction.name}: {differs}")
        for reason in reasons or ["nothing in the record explains this"]:
            print(f"         in the record: {reason}")
    bids = sum(len(auction.bids) for auction in auctions)
    print(
        f"{title}: {agreeing} of {len(auctions)} auctions ({bids} bids) end with the recorded top bidder and amount,"
        f" no rule breached; {len(auctions) - agreeing} differ, {unexplained} of them unexplained"
    )
    return 1 if unexplained else 0


def replay(auctions: Sequence[RecordedAuction]) -> dict[str, dict[str, Any]]:
    """Run `ortoo replay` over the auctions and return its lines by lot; see `replay_of`."""
    return replay_of(replay_lines(auctions))


def replay_of(lines: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Run `ortoo replay` over lines of a recording and return its answers by lot.

    Raises:
        RuntimeError: it failed; the text says why.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(_json(line) for line in lines)
        file.flush()
        command = [sys.executable, "-m", "gateway.cli", "replay", file.name]
        done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return {result["lot"]: result for result in map(json.loads, done.stdout.splitlines())}


def difference(auction: RecordedAuction, result: dict[str, Any]) -> str | None:
    """Return in words how a result differs from the record, None if it does not."""
    said = []
    if result["rejected"]:
        refused = ", ".join(f"{count} × {code}" for code, count in result["rejected"].items())
        said.append(f"of {len(auction.bids)} recorded bids were refused {refused}")
    if result["state"] != "sold":
        said.append(f"ended {result['state']}")
    elif (result["winner"], Decimal(result["price"])) != (auction.top_bidder, auction.top_amount):
        said.append(
            f"won by {result['winner']} at {result['price']}, on record {auction.top_bidder} at {auction.top_amount.normalize():f}"
        )
    return "; ".join(said) or None


def _json(line: dict[str, Any]) -> str:
    return json.dumps(line, separators=(",", ":")) + "\n"
