"""Comparing a replay with the record: the same top bidder, the same amount, and no recorded bid refused."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

Recorded = dict[str, tuple[str, Decimal, int]]
"""Lot -> (top bidder, amount, number of bids)."""


def write_lines(lines: Iterable[dict[str, Any]]) -> int:
    """Print the replay."""
    for line in lines:
        sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    return 0


def check_and_report(title: str, lines: Iterable[dict[str, Any]], recorded: Recorded) -> int:
    """Replay with `ortoo replay` (real rules, real journal) and list every auction that differs from the record."""
    results = run_replay(lines)
    bids = sum(count for _, _, count in recorded.values())
    agreeing = 0
    for name, (bidder, amount, count) in recorded.items():
        reason = difference(results[name], bidder, amount, count)
        if reason is None:
            agreeing += 1
        else:
            print(f"differs  {name}: {reason}")
    print(
        f"{title}: {agreeing} of {len(recorded)} auctions ({bids} bids) end with the recorded top bidder and amount, no rule breached"
    )
    return 0


def run_replay(lines: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Replay in a process of its own and return the results by lot."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
        file.flush()
        command = [
            sys.executable,
            "-c",
            "import sys; from gateway.replay_command import main; sys.exit(main(sys.argv[1:]))",
            file.name,
        ]
        done = subprocess.run(command, capture_output=True, check=False, cwd=Path(__file__).parents[2])
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return {result["lot"]: result for result in map(json.loads, done.stdout.splitlines())}


def difference(result: dict[str, Any], bidder: str, amount: Decimal, bids: int) -> str | None:
    """Return in words how a result differs from the record, None if it does not."""
    if result["rejected"]:
        return f"of {bids} recorded bids these break a rule: {result['rejected']}"
    if result["state"] != "sold":
        return f"ended {result['state']}"
    if (result["winner"], Decimal(result["price"])) != (bidder, amount):
        return f"won by {result['winner']} at {result['price']}, recorded {bidder} at {amount}"
    return None
