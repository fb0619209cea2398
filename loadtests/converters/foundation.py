"""Foundation reserve auctions (2021): `python -m loadtests.converters.foundation DIR > foundation.jsonl`, or `--check`.

Rules of that market: the first bid at or above the reserve starts a clock of 24 h; every raise is at least 10 %; a bid in the last
15 minutes moves the end to 15 minutes after it; the highest bid at the end wins. See SOURCE.md beside the data.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from loadtests.converters.checking import check_and_report, write_lines

DAY_S, QUARTER_S = 86_400, 900


@dataclass
class Auction:
    """One recorded auction: its bids in time order, and the price its owner asked."""

    name: str
    reserve: Decimal
    bids: list[tuple[int, Decimal, str]]


def read_auctions(directory: Path) -> list[Auction]:
    """Read all auctions. A token listed again after its auction had ended gives a further auction."""
    # In the listings `creator` is who lists, in the bids who made the work: only the token joins them.
    listings: dict[str, list[tuple[int, Decimal]]] = defaultdict(list)
    for row in _rows(directory / "list_data.csv"):
        listings[row["token_id"]].append((int(float(row["listing_date"])), Decimal(row["listing_amt"])))
    bids: dict[tuple[str, str], list[tuple[int, Decimal, str]]] = defaultdict(list)
    for row in _rows(directory / "bid_data.csv"):
        key = (row["token_id"], row["creator"])
        bids[key].append((int(float(row["bid_date"])), Decimal(row["bidding_amt"]), row["bidder_id"]))
    auctions = []
    for key, placed in bids.items():
        for number, run in enumerate(_runs(sorted(placed), sorted(listings[key[0]])), start=1):
            asked = [amount for at_s, amount in sorted(listings[key[0]]) if at_s <= run[0][0]]
            # Later price cuts are not on file: a first bid below the last asking price shows that there was one.
            reserve = min(asked[-1], run[0][1]) if asked else run[0][1]
            name = f"{key[0].split('.')[0]}-{key[1][:10]}-{number}"
            auctions.append(Auction(name, reserve, run))
    return auctions


def _runs(
    placed: list[tuple[int, Decimal, str]], listed: list[tuple[int, Decimal]]
) -> Iterator[list[tuple[int, Decimal, str]]]:
    run: list[tuple[int, Decimal, str]] = []
    end_s = last_s = 0
    for bid in placed:
        at_s = bid[0]
        if run and at_s > end_s and any(last_s < listed_s <= at_s for listed_s, _ in listed):
            yield run
            run = []
        if not run:
            end_s = at_s + DAY_S
        elif end_s - at_s <= QUARTER_S:
            end_s = max(end_s, at_s + QUARTER_S)
        run.append(bid)
        last_s = at_s
    if run:
        yield run


def lines_of(auctions: list[Auction]) -> Iterator[dict[str, Any]]:
    """Return the replay lines."""
    yield {"kind": "currency", "code": "ETH", "exponent": 18}
    for auction in auctions:
        yield {
            "kind": "lot", "lot": auction.name, "format": "english", "start": "0", "opens_at": 0, "closes_at": None,
            "reserve": f"{auction.reserve:f}", "reserve_public": True, "first_bid_clock_ms": DAY_S * 1000,
            "extension_ms": QUARTER_S * 1000, "extension_window_ms": QUARTER_S * 1000,
            "increment": {"percent": "10"}, "proxy": False, "tie": "earliest",
        }  # fmt: skip
        for at_s, amount, bidder in auction.bids:
            yield {
                "kind": "bid",
                "lot": auction.name,
                "at": at_s * 1000,
                "bidder": bidder,
                "amount": f"{amount:f}",
                "maximum": None,
            }


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def main() -> int:
    """Convert, or check against the record."""
    directory = Path(sys.argv[1])
    auctions = read_auctions(directory)
    if "--check" not in sys.argv:
        return write_lines(lines_of(auctions))
    recorded = {}
    for auction in auctions:
        _, amount, bidder = max(auction.bids, key=lambda bid: (bid[1], -bid[0]))
        recorded[auction.name] = (bidder, amount, len(auction.bids))
    return check_and_report("Foundation", lines_of(auctions), recorded)


if __name__ == "__main__":
    sys.exit(main())
