"""Tsuchiura's sealed bids for public works, lowest wins: `python -m loadtests.converters.tsuchiura DIR > bids.jsonl`, or `--check`.

Every bid goes through a real envelope, the close, the commitment and the opening by two officers. A bid above the ceiling or below
the floor does not count; one that the city refused (`bidresult` 4) is refused before the opening. Equal lowest bids are drawn by lot:
the lot of then is not on record, so a tie agrees when the recorded winner is among the tied.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from loadtests.converters.checking import replay_of

DAY_MS = 86_400_000
REFUSED = "4"


class Bid(NamedTuple):
    """One recorded bid, yen."""

    bidder: str
    amount: int
    won: bool
    refused: bool


class Tender(NamedTuple):
    """One recorded procurement, yen; `floor` None where there was none."""

    name: str
    ceiling: int
    floor: int | None
    bids: tuple[Bid, ...]

    @property
    def winner(self) -> Bid | None:
        """Return the bid on record as the winner's."""
        return next((bid for bid in self.bids if bid.won), None)

    @property
    def counting(self) -> list[Bid]:
        """Return the bids that count by the rule, as the record tells it."""
        floor = self.floor or 0
        return [bid for bid in self.bids if floor <= bid.amount <= self.ceiling and not bid.refused]


def read_tenders(directory: Path) -> list[Tender]:
    """Read all procurements in the order of the record."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (directory / "tsuchiura_data.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["pid"]].append(row)
    return [_tender(name, found) for name, found in rows.items()]


def _tender(name: str, rows: Sequence[dict[str, str]]) -> Tender:
    first = rows[0]
    bids = tuple(
        Bid(f"{row['bidder']} {place}", round(float(row["bid"])), row["winner"] == "1", row["bidresult"] == REFUSED)
        for place, row in enumerate(rows)
        if row["bid"]
    )
    floor = round(float(first["minprice"])) if first["minprice"] else None
    return Tender(f"tender-{name}", round(float(first["reserveprice"])), floor or None, bids)


def lines_of(tenders: Sequence[Tender]) -> Iterator[dict[str, Any]]:
    """Return the recording: yen have no decimals."""
    yield {"kind": "currency", "code": "JPY", "exponent": 0}
    for tender in tenders:
        yield {
            "kind": "lot", "lot": tender.name, "format": "sealed_lowest", "start": "0", "increment": {"fixed": "1"},
            "opens_at": 0, "closes_at": DAY_MS, "reserve": str(tender.ceiling), "tie": "lot",
            **({} if tender.floor is None else {"floor": str(tender.floor)}),
        }  # fmt: skip
        for place, bid in enumerate(tender.bids):
            refused = {"refused": "refused by the city"} if bid.refused else {}
            yield {
                "kind": "bid", "lot": tender.name, "at": 1_000 + place, "bidder": bid.bidder, "amount": str(bid.amount),
                **refused,
            }  # fmt: skip


def check(tenders: Sequence[Tender]) -> int:
    """Replay and compare; 1 if a procurement with a recorded winner ends otherwise."""
    results = replay_of(lines_of(tenders))
    agreeing = ties = with_winner = sold_without = 0
    for tender in tenders:
        result, won = results[tender.name], tender.winner
        if won is None:
            sold_without += result["state"] == "sold"
            continue
        with_winner += 1
        tied = {bid.bidder for bid in tender.counting if bid.amount == won.amount}
        agrees = (
            result["state"] == "sold" and int(result["price"]) == won.amount and {result["winner"], won.bidder} <= tied
        )
        agreeing += agrees
        ties += agrees and len(tied) > 1
        if not agrees:
            print(f"differs  {tender.name}: {result['winner']} at {result['price']}, on record {won}")
    bids = sum(len(tender.bids) for tender in tenders)
    print(
        f"Tsuchiura: the recorded winner in {agreeing} of {with_winner} procurements with a winner ({bids} sealed bids; "
        f"{ties} ties by lot with the recorded winner among the tied); of {len(tenders) - with_winner} without a recorded "
        f"winner the rule finds one in {sold_without}"
    )
    return 0 if agreeing == with_winner else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Tsuchiura: from the recorded bids to `ortoo replay` (docs/REPLAY.md)")
    parser.add_argument("directory", type=Path, help="the directory of the recorded data")
    parser.add_argument("--check", action="store_true", help="replay it and compare with the record")
    options = parser.parse_args(arguments)
    try:
        tenders = read_tenders(options.directory)
    except (OSError, ValueError, KeyError) as problem:
        print(f"{options.directory} does not hold the recorded data: {problem!r}", file=sys.stderr)
        return 2
    if options.check:
        return check(tenders)
    for line in lines_of(tenders):
        sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
